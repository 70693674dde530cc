"""A project folder as an object: images, classes, labels, splits, runs and rounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Unpack

from training_core.base.arrays import BoolMask
from training_core.base.attempts import Attempts
from training_core.base.errors import UserError
from training_core.base.progress import ReportProgress
from training_core.project import runs as runs_folder
from training_core.project import splits
from training_core.project.classes import check_classes
from training_core.project.creation import build
from training_core.project.index import INDEX_NAME, Index
from training_core.project.inputs.names import resolve_names
from training_core.project.labels import (
    label_path,
    read_history,
    read_label,
    summarize,
)
from training_core.project.links import refuse_links_out
from training_core.project.planning import ImportOptions, planned
from training_core.project.project_classes import ProjectClasses
from training_core.project.project_labels import ProjectLabels
from training_core.project.project_runs import ProjectRuns
from training_core.project.records import TileState, TissueClass
from training_core.project.rejections import (
    Rejection,
    index_again,
    read_rejection,
    stage_rejection,
)
from training_core.project.same_files import refuse_shared_files
from training_core.project.tile_removal import stage_aside, without_tiles
from training_core.project.tile_sources import source_files


class Project(ProjectClasses, ProjectRuns, ProjectLabels):
    """One project folder, as docs/architecture.md describes it.

    Cheap to ask: everything but pixels is answered from project.json, which is read again when another process has
    changed it. Safe between threads and processes. Open one with `Project.open`, make one with `Project.create`.
    """

    @classmethod
    def create(
        cls,
        path: Path,
        images: Sequence[Path],
        *,
        classes: Sequence[TissueClass],
        name: str | None = None,
        attempts: Attempts | None = None,
        progress: ReportProgress | None = None,
        **options: Unpack[ImportOptions],
    ) -> Project:
        """Make the project folder `path` from files and folders of images; complete, or not at all.

        Parameters
        ----------
        path
            Must not exist, or be an empty folder.
        attempts
            Keeps what is wrong with files, which are then left out; None: the first bad file is raised.
        progress
            Called with (done, total, text).
        **options
            How files become tiles and labels (`ImportOptions`).

        Raises
        ------
        ProjectError, ImageError, MaskError, StorageError
            Nothing is left behind.
        """
        path = path.absolute()
        checked = check_classes(classes)
        with planned(images, checked, attempts, options) as (sources, plan):
            files = source_files(sources, path)
            build(path, name or path.name, checked, sources, plan, progress, files, attempts)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Project:
        """Open a project folder (or its project.json); one of an older version is brought up to date (`migration`).

        Parameters
        ----------
        read_only
            Nothing is changed by opening it, nor later through this object.

        Raises
        ------
        ProjectError
            Not a project, damaged, made by a newer version, with names or links that lead out of it, or with tiles
            that are one file on this disk.
        """
        folder = path.parent if path.name == INDEX_NAME else path
        project = cls(folder.absolute())
        project.read_only = read_only
        refuse_links_out(project.path)
        project._store.migrate()
        refuse_shared_files(project.path, project.index)
        project._store.recover(project._index_labels_again)
        return project

    # --- states and splits ---------------------------------------------------------------------------------------

    def state(self, name: str) -> TileState:
        """How far the tile has come."""
        self.tile(name)
        newest = self.prediction(name)
        return splits.state_of(self._store.read(), name, None if newest is None else newest.run_id)

    def states(self) -> dict[str, TileState]:
        """`state` of every tile, by one look at each run's folder of predictions: for lists of many tiles."""
        index, runs = self._store.read(), runs_folder.predicting_runs(self.path)
        return {tile.name: splits.state_of(index, tile.name, runs.get(tile.name)) for tile in index.tiles}

    def to_review(self) -> tuple[str, ...]:
        """The tiles with a prediction that waits for review, in the project's order."""
        index, runs = self._store.read(), runs_folder.predicting_runs(self.path)
        return tuple(tile.name for tile in index.tiles if splits.waits_for_review(index, tile, runs.get(tile.name)))

    def reject(self, name: str, run_id: str) -> None:
        """Remember that this run's prediction for the tile is wrong: it is not shown, and no round learns from it.

        Raises
        ------
        MaskError
            What was rejected before cannot be read.
        StorageError
            The disk is full or not writable.
        """
        self._change_rejection(name, lambda before: before.with_tile(run_id))

    def reject_area(self, name: str, where: BoolMask, run_id: str) -> None:
        """Remember that this run's prediction is wrong in `where`, (H, W): no round learns from its guesses there.

        Raises
        ------
        MaskError
            Another size than the tile.
        StorageError
            The disk is full or not writable.
        """
        self._change_rejection(name, lambda before: before.with_area(where, run_id))

    def rejection(self, name: str) -> Rejection:
        """What is rejected of the tile.

        Raises
        ------
        MaskError
            The file is damaged.
        """
        return read_rejection(self.path, self._store.read(), self.tile(name))

    def write_rejection(self, name: str, rejection: Rejection, base: Rejection | None = None) -> None:
        """Put this in the place of what is rejected of the tile; `rejection.taken_back()` takes all of it back.

        Parameters
        ----------
        base
            What was rejected when this writer last read it. What somebody else rejected or cleared meanwhile is kept
            where this writer changed nothing. None: whatever is there is replaced.

        Raises
        ------
        MaskError
            Another size than the tile.
        StorageError
            The disk is full or not writable.
        """
        self._change_rejection(name, lambda now: rejection if base is None else rejection.merged(base, now))

    def _change_rejection(self, name: str, change_it: Callable[[Rejection], Rejection]) -> None:
        tile = self.tile(name)
        with self._store.update() as change:
            stage_rejection(change, self.path, tile, change_it(read_rejection(self.path, change.index, tile)))

    def is_rejected(self, name: str, run_id: str) -> bool:
        """Whether the user rejected this run's prediction for the tile as a whole."""
        return name in self._store.read().rejected.get(run_id, ())

    def rejected_pixels(self, name: str) -> int:
        """How many pixels of the tile are rejected, whenever that was and whatever is labelled there since."""
        area = self._store.read().rejected_areas.get(name)
        return area.pixels if area is not None else 0

    def val_names(self) -> tuple[str, ...]:
        """The tiles of the validation split that have a label."""
        return splits.val_names(self._store.read())

    def labeled_names(self) -> tuple[str, ...]:
        """The tiles outside the validation split that have a label."""
        return splits.labeled_names(self._store.read())

    def unlabeled_names(self) -> tuple[str, ...]:
        """The tiles outside the validation split that are neither labelled nor rejected to the last pixel."""
        return splits.unlabeled_names(self._store.read())

    def set_val(self, names: Sequence[str]) -> None:
        """Make these tiles the validation split.

        Raises
        ------
        ProjectError
            A name that no tile has.
        """
        with self._store.update() as change:
            known = [tile.name for tile in change.index.tiles]
            change.index = dataclasses.replace(change.index, val=resolve_names(names, known, "the validation list"))

    def remove_tiles(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Take tiles out of the project. No image is deleted; what was annotated on them is put into removed/.

        Returns
        -------
        tuple of Path
            Where the annotations are now.

        Raises
        ------
        ProjectError
            A name that no tile has, or no tile would be left.
        StorageError
            The disk is full or not writable; nothing has changed.
        """
        with self._store.update() as change:
            before = change.index
            change.index = without_tiles(before, names)
            return stage_aside(change.files, self.path, before, names)

    def use_for_validation(self, names: str | Sequence[str], on: bool) -> None:
        """Put a tile or several into the validation split, or take them out; the others stay as they are."""
        chosen = (names,) if isinstance(names, str) else tuple(names)
        for name in chosen:
            self.tile(name)
        with self._store.update() as change:
            others = tuple(each for each in change.index.val if each not in chosen)
            change.index = dataclasses.replace(change.index, val=(*others, *chosen) if on else others)

    def _index_labels_again(self, index: Index) -> Index:
        """The index with every label's status taken from its files: after a crash between two renames.

        Of files that cannot be read it says what it said: they are nobody's reason not to open the project.
        """
        labels = dict(index.labels)
        for tile in index.tiles:
            if label_path(self.path, tile.name).exists():
                with suppress(UserError):
                    labels[tile.name] = summarize(read_label(self.path, tile), read_history(self.path, tile.name))
        return dataclasses.replace(index, labels=labels, rejected_areas=index_again(self.path, index))
