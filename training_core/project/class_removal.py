"""Removing a class that labels use: its pixels become not labelled, or another class's, and can be brought back.

What was accepted as the class stays recorded under its id (`accepted.py`), which no other class ever gets: merged
pixels count as the user's own, and where the class comes back they are accepted ones again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.errors import ProjectError
from training_core.base.progress import ReportProgress
from training_core.project.class_changes import class_of, with_class_removed
from training_core.project.classes import check_classes
from training_core.project.index import Index
from training_core.project.labels import make_edit, read_history, read_label, stage_label
from training_core.project.records import LabelSource, LabelStatus, Tile, TissueClass
from training_core.project.store import Transaction

_FAST = 1


@dataclass(frozen=True)
class TakenPixels:
    """Where a removed class was on one tile.

    Attributes
    ----------
    accepted
        Whether the tile's label counted as accepted before.
    """

    packed: bytes
    shape: tuple[int, int]
    accepted: bool

    @classmethod
    def of(cls, where: BoolMask, accepted: bool) -> TakenPixels:
        """Pack a mask (H, W)."""
        height, width = where.shape
        return cls(zlib.compress(np.packbits(where).tobytes(), _FAST), (height, width), accepted)

    def where(self) -> BoolMask:
        """The mask (H, W)."""
        bits = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return np.unpackbits(bits, count=self.shape[0] * self.shape[1]).astype(bool).reshape(self.shape)


@dataclass(frozen=True)
class RemovedClass:
    """All that it takes to bring a class back: itself, its place in the list, and its pixels by tile.

    Attributes
    ----------
    into
        What its pixels are now, another class's id or 255 for not labelled.
    """

    tissue_class: TissueClass
    place: int
    into: int
    pixels: Mapping[str, TakenPixels]

    @property
    def size_bytes(self) -> int:
        """The memory that the pixels take."""
        return sum(len(each.packed) for each in self.pixels.values())


def users(index: Index, class_id: int) -> tuple[Tile, ...]:
    """The tiles whose labels use the class."""
    using = {name for name, status in index.labels.items() if class_id in status.class_ids}
    return tuple(tile for tile in index.tiles if tile.name in using)


def count_pixels(project: Path, index: Index, class_id: int, progress: ReportProgress | None) -> dict[str, int]:
    """How many pixels are labelled as the class, by the names of the tiles that use it.

    Raises
    ------
    ProjectError
        No such class.
    MaskError
        A label is damaged.
    """
    class_of(index, class_id)
    tiles = _told(users(index, class_id), progress)
    return {tile.name: int(np.count_nonzero(read_label(project, tile) == class_id)) for tile in tiles}


def stage_removal(
    change: Transaction, project: Path, class_id: int, into: int, progress: ReportProgress | None
) -> RemovedClass:
    """Take the class out of the index and of all labels; `into` takes its pixels.

    Raises
    ------
    ProjectError
        No such class, the last one, or `into` is neither another class nor 255.
    MaskError
        A label is damaged.
    """
    index, removed = change.index, class_of(change.index, class_id)
    rest = check_classes([each for each in index.classes if each.id != class_id])
    if into not in (UNLABELED, *(each.id for each in rest)):
        given = f"the pixels of {removed.name} cannot become class {into}"
        names = ", ".join(f"{each.id} {each.name}" for each in rest)
        raise ProjectError(
            given, f"another class of the project ({names}), or 255 for unannotated", "choose one of these"
        )
    pixels, labels = {}, dict(index.labels)
    for tile in _told(users(index, class_id), progress):
        label = read_label(project, tile)
        where = label == class_id
        pixels[tile.name] = TakenPixels.of(where, labels[tile.name].accepted)
        label[where] = into
        labels[tile.name] = _stage(change, project, tile, label, LabelSource.CLASS_REMOVED)
    change.index = with_class_removed(replace(index, labels=labels), class_id)
    return RemovedClass(removed, index.classes.index(removed), into, pixels)


def stage_return(change: Transaction, project: Path, removed: RemovedClass, progress: ReportProgress | None) -> None:
    """Bring a class back with its id; pixels that were labelled as something else since stay as they are.

    Raises
    ------
    ProjectError
        Its name is taken.
    MaskError
        A label is damaged.
    """
    classes, labels = list(change.index.classes), dict(change.index.labels)
    classes.insert(removed.place, removed.tissue_class)
    tiles = tuple(tile for tile in change.index.tiles if tile.name in removed.pixels)
    for tile in _told(tiles, progress):
        label, taken = read_label(project, tile), removed.pixels[tile.name]
        label[taken.where() & (label == removed.into)] = removed.tissue_class.id
        labels[tile.name] = _stage(change, project, tile, label, LabelSource.UNDONE, taken.accepted)
    change.index = replace(change.index, classes=check_classes(classes), labels=labels)


def _stage(
    change: Transaction,
    project: Path,
    tile: Tile,
    label: ClassIds,
    source: LabelSource,
    accepted: bool | None = None,
) -> LabelStatus:
    edits = (*read_history(project, tile.name), make_edit(label, source, None, None, accepted))
    return stage_label(change.files, project, tile.name, label, edits)


def _told(tiles: tuple[Tile, ...], progress: ReportProgress | None) -> Iterator[Tile]:
    """The tiles one by one, each said to `progress`."""
    for number, tile in enumerate(tiles):
        if progress is not None:
            progress(number, len(tiles), tile.name)
        yield tile
