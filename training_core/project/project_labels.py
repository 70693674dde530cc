"""The labels of a project's tiles: read, written, and brought back from their history."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds
from training_core.base.errors import MaskError, ProjectError
from training_core.project import splits
from training_core.project.accepted import partly_after, read_accepted, stage_accepted
from training_core.project.file_records import NumberedObjects
from training_core.project.index import Index
from training_core.project.label_versions import (
    BroughtBack,
    LabelVersion,
    conflicting_versions,
    forget_old_versions,
    label_versions,
    read_version,
    stage_changed_label,
    version_of,
)
from training_core.project.labels import (
    DamagedHistoryError,
    as_label,
    check_values,
    make_edit,
    read_history,
    read_label,
    sound_history,
)
from training_core.project.merging import WrittenLabel, merged, stage_other_version
from training_core.project.objects import Groups, merged_with
from training_core.project.project_tiles import ProjectTiles
from training_core.project.records import LabelEdit, LabelSource, Tile
from training_core.project.store import Transaction


class ProjectLabels(ProjectTiles):
    """The part of a `Project` that reads and writes labels."""

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
            status = stage_changed_label(change.files, self.path, name, checked, edits)
            labels = {**index.labels, name: status}
            change.index = dataclasses.replace(
                index, labels=labels, partly_accepted=partly_after(index, tile, status, source, region, partly)
            )
        forget_old_versions(self.path, name)
        return dataclasses.replace(written, damaged_history=damaged)

    def label_versions(self, name: str) -> tuple[LabelVersion, ...]:
        """What others had made of the tile's label at the same time, and its last hundred versions, newest first.

        Raises
        ------
        ProjectError
            No such tile, or its history cannot be read.
        """
        names = [tile.name for tile in self.tiles]
        others = conflicting_versions(self.path, name, names, accepted=self.is_accepted(name))
        with suppress(DamagedHistoryError):  # the versions are there all the same
            return (*others, *label_versions(self.path, name, read_history(self.path, name)))
        return (*others, *label_versions(self.path, name, ()))

    def label_version(self, name: str, number: int) -> BroughtBack:
        """The tile's label as it was in that version, with the classes that the project has now.

        Raises
        ------
        ProjectError
            No such tile or version.
        MaskError
            The file is damaged.
        """
        version = version_of(self.label_versions(name), name, number)
        return read_version(version, self.tile(name), [each.id for each in self.classes])

    def restore_label(self, name: str, number: int) -> BroughtBack:
        """Bring an earlier version of the tile's label back; what it replaces is a version then.

        Raises
        ------
        ProjectError
            No such tile or version.
        MaskError
            The file is damaged.
        StorageError
            The disk is full or not writable; nothing has changed.
        """
        version = version_of(self.label_versions(name), name, number)
        back = read_version(version, self.tile(name), [each.id for each in self.classes])
        self.write_label(name, back.label, LabelSource.UNDONE, accepted=version.accepted)
        return back

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

    def merge_objects(self, name: str, numbers: Iterable[int]) -> tuple[Groups, Groups]:
        """Count these numbered objects of the tile as one from now on; returns all groups before and after.

        Parameters
        ----------
        numbers
            Of the mask that they came with; 0 stands for what was painted beside them.

        Raises
        ------
        ProjectError
            The objects of the tile are not numbered.
        """
        with self._store.update() as change:
            before = _numbered(change.index, name).merged
            after = merged_with(before, numbers)
            change.index = _with_merged(change.index, name, after)
        return before, after

    def set_merged(self, name: str, groups: Groups) -> None:
        """Count the numbered objects of each group of this tile as one, and all others by themselves.

        Raises
        ------
        ProjectError
            The objects of the tile are not numbered.
        """
        with self._store.update() as change:
            change.index = _with_merged(change.index, name, groups)


def _numbered(index: Index, name: str) -> NumberedObjects:
    if name in index.objects:
        return index.objects[name]
    given = f"the objects of tile {name} are not numbered"
    raise ProjectError(given, "a tile whose mask had numbered objects", "choose another tile")


def _with_merged(index: Index, name: str, groups: Groups) -> Index:
    objects = {**index.objects, name: dataclasses.replace(_numbered(index, name), merged=groups)}
    return dataclasses.replace(index, objects=objects)
