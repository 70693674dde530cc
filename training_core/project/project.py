"""A project folder as an object: images, classes, labels, splits, runs and rounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import BoolMask, ClassIds
from training_core.base.attempts import Attempts
from training_core.base.errors import MaskError, UserError
from training_core.base.progress import ReportProgress
from training_core.project import runs as runs_folder
from training_core.project import splits
from training_core.project.accepted import partly_after, read_accepted, stage_accepted
from training_core.project.classes import check_classes
from training_core.project.creation import build
from training_core.project.file_records import NumberedObjects
from training_core.project.index import INDEX_NAME, Index
from training_core.project.inputs.names import resolve_names
from training_core.project.labels import (
    as_label,
    check_values,
    label_path,
    make_edit,
    read_history,
    read_label,
    sound_history,
    stage_label,
    summarize,
)
from training_core.project.links import refuse_links_out
from training_core.project.merging import WrittenLabel, merged, stage_other_version
from training_core.project.planning import ImportOptions, planned
from training_core.project.project_classes import ProjectClasses
from training_core.project.project_runs import ProjectRuns
from training_core.project.records import LabelEdit, LabelSource, Tile, TileState, TissueClass
from training_core.project.rejections import (
    Rejection,
    index_again,
    read_rejection,
    stage_rejection,
)
from training_core.project.store import Transaction
from training_core.project.tile_removal import stage_aside, without_tiles
from training_core.project.tile_sources import source_files


class Project(ProjectClasses, ProjectRuns):
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
            Not a project, damaged, made by a newer version, or with names or links that lead out of it.
        """
        folder = path.parent if path.name == INDEX_NAME else path
        project = cls(folder.absolute())
        project.read_only = read_only
        refuse_links_out(project.path)
        project._store.migrate()
        project._store.recover(project._index_labels_again)
        return project

    # --- labels --------------------------------------------------------------------------------------------------

    def label(self, name: str) -> ClassIds:
        """The tile's label (H, W): class ids, 255 where nothing is labelled.

        Raises
        ------
        MaskError
            The file is damaged.
        """
        return read_label(self.path, self.tile(name))

    def labeled_pixels(self, name: str) -> int:
        """How many pixels of the tile are labelled."""
        self.tile(name)
        return splits.labeled_pixels(self._store.read(), name)

    def has_label(self, name: str) -> bool:
        """Whether at least one pixel of the tile is labelled."""
        return self.labeled_pixels(name) > 0

    def is_fully_labeled(self, name: str) -> bool:
        """Whether every pixel of the tile is labelled."""
        return splits.is_fully_labeled(self._store.read(), self.tile(name))

    def label_edits(self, name: str) -> tuple[LabelEdit, ...]:
        """Who changed the tile's label, and how, oldest first."""
        self.tile(name)
        return read_history(self.path, name)

    def write_label(
        self,
        name: str,
        label: NDArray[Any],
        source: LabelSource,
        *,
        run_id: str | None = None,
        region: Literal["tile", "region", "component", "sure"] | None = None,
        accepted: bool | None = None,
        partly: bool | None = None,
        base: NDArray[Any] | None = None,
    ) -> WrittenLabel:
        """Replace the tile's label (H, W) and record who did it; all of it is written, or nothing.

        Parameters
        ----------
        base
            The label as this writer last read or wrote it. What is on the disk otherwise, somebody else did meanwhile:
            it is kept where this writer changed nothing. None: whatever is there is replaced.
        region
            How much of a prediction was accepted; None: all of it.
        accepted
            For undo and redo, whether the label that comes back counted as accepted (`is_accepted`).
        partly
            The same of `is_partly_accepted`.

        Returns
        -------
        WrittenLabel
            The label as it is now, and what somebody else had done meanwhile.

        Raises
        ------
        MaskError
            Another size than the tile, or a value that is neither a class id nor 255.
        StorageError
            The disk is full or not writable; the old label is untouched.
        """
        tile = self.tile(name)
        with self._store.update() as change:
            index = change.index
            written = self._merged(change, tile, as_label(tile, label), base)
            checked = written.label  # only now: somebody may have removed a class that this writer still shows
            check_values(tile, checked, {tissue_class.id for tissue_class in index.classes})
            before, damaged = sound_history(change.files, self.path, name)
            edits = (*before, make_edit(checked, source, run_id, region, accepted))
            stage_accepted(change.files, self.path, tile, checked, source)
            status = stage_label(change.files, self.path, name, checked, edits)
            labels = {**index.labels, name: status}
            change.index = dataclasses.replace(
                index, labels=labels, partly_accepted=partly_after(index, tile, status, source, region, partly)
            )
        return dataclasses.replace(written, damaged_history=damaged)

    def _merged(self, change: Transaction, tile: Tile, mine: ClassIds, base: NDArray[Any] | None) -> WrittenLabel:
        """What to write, of this writer's label (H, W) and of what is on the disk by now."""
        if base is None or base.shape != mine.shape:
            return WrittenLabel(mine)
        try:
            theirs = read_label(self.path, tile)
        except MaskError:  # a damaged file keeps nobody from saving
            return WrittenLabel(mine)
        if np.array_equal(theirs, base):
            return WrittenLabel(mine)
        written = merged(base.astype(np.uint8), mine, theirs)
        if not written.disputed_pixels:
            return written
        return dataclasses.replace(
            written, other_version=stage_other_version(change.files, self.path, tile.name, theirs)
        )

    def accepted(self, name: str) -> ClassIds:
        """The class ids (H, W) that were accepted for the tile, 255 elsewhere; a label that differs was painted.

        Raises
        ------
        MaskError
            The file is damaged.
        """
        return read_accepted(self.path, self.tile(name))

    def is_accepted(self, name: str) -> bool:
        """Whether the tile's label came from a model's output, in whole or in part, since it was last empty."""
        self.tile(name)
        status = self._store.read().labels.get(name)
        return status is not None and status.accepted

    def is_partly_accepted(self, name: str) -> bool:
        """Whether only some of the tile's prediction was accepted, and the rest is still to be looked at."""
        self.tile(name)
        return self.is_accepted(name) and name in self._store.read().partly_accepted

    def objects(self, name: str) -> NumberedObjects | None:
        """The numbered objects of the tile's label; None: its objects are not numbered."""
        self.tile(name)
        return self._store.read().objects.get(name)

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
