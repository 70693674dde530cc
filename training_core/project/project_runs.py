"""The runs and rounds of a project, and the predictions that runs left."""

from __future__ import annotations

from pathlib import Path

from training_core.project import runs as runs_folder
from training_core.project.interrupted_runs import UnfinishedRun, discard_run, unfinished_run
from training_core.project.labels import now
from training_core.project.project_tiles import ProjectTiles
from training_core.project.records import Round, TilePrediction


class ProjectRuns(ProjectTiles):
    """The part of a `Project` that knows its runs and rounds."""

    @property
    def runs_dir(self) -> Path:
        """The folder of the training runs; made by the first of them."""
        return self.path / runs_folder.RUNS_FOLDER

    def run_ids(self) -> tuple[str, ...]:
        """All runs, oldest first; finished ones have a summary.json."""
        return runs_folder.run_ids(self.path)

    def latest_run_id(self) -> str | None:
        """The newest run that has finished."""
        return runs_folder.latest_run_id(self.path)

    def unfinished_run(self) -> UnfinishedRun | None:
        """The run that was cut off and can be continued, if it is newer than the latest finished one."""
        return unfinished_run(self.path)

    def discard_run(self, run_id: str) -> None:
        """Remove a run that no round came of; the run before is the latest again.

        Raises
        ------
        ProjectError
            It is a round, or is being trained; or the project was opened to look at only.
        StorageError
            It cannot be removed.
        """
        self.refuse_if_read_only()
        discard_run(self.path, run_id)

    def prediction(self, name: str, run_id: str | None = None) -> TilePrediction | None:
        """The output of the given run for a tile, else of the newest finished run that has one; None: there is none."""
        self.tile(name)
        if run_id is not None:
            return runs_folder.find_prediction(self.path, run_id, name)
        return runs_folder.newest_prediction(self.path, name)

    def unpredicted_names(self) -> tuple[str, ...]:
        """The tiles that no finished run has predicted, in the project's order."""
        predicted = runs_folder.predicting_runs(self.path)
        return tuple(tile.name for tile in self.tiles if tile.name not in predicted)

    def add_round(self, run_id: str) -> int:
        """Record that this run was trained on the labels as they are; gives the round's number, from 1.

        A run that has its round keeps it: one that was resumed to predict more tiles has learned nothing new.
        """
        with self._store.update() as change:
            index, earlier = change.index, self.rounds()
            known = next((each.number for each in earlier if each.run_id == run_id), None)
            if known is not None:
                return known
            number = earlier[-1].number + 1 if earlier else 1
            labeled = {name: status.edits for name, status in index.labels.items() if status.labeled_pixels}
            change.files.add(*runs_folder.encode_round(self.path, Round(number, run_id, now(), labeled, index.val)))
        return number

    def rounds(self) -> tuple[Round, ...]:
        """The rounds, oldest first."""
        return runs_folder.read_rounds(self.path)
