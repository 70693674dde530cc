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
from training_core.base.errors import MaskError, ProjectError
from training_core.base.i18n import ntr
from training_core.base.progress import ReportProgress
from training_core.project.class_changes import class_of, with_class_removed
from training_core.project.classes import check_classes
from training_core.project.index import Index
from training_core.project.label_versions import stage_changed_label
from training_core.project.labels import make_edit, read_label, sound_history
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
    damaged
        Tiles whose labels could not be read: their files are as they were, and the index says that nothing of them
        is of the class.
    """

    tissue_class: TissueClass
    place: int
    into: int
    pixels: Mapping[str, TakenPixels]
    damaged: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The memory that the pixels take."""
        return sum(len(each.packed) for each in self.pixels.values())


def left_as_they_are(damaged: tuple[str, ...]) -> str:
    """What the user should know of tiles whose labels could not be read when a class was removed or came back."""
    words = ntr(
        "The annotations of {count} tile are damaged and were left as they are: {names}. Restore its label file, or "
        "repair the project.",
        "The annotations of {count} tiles are damaged and were left as they are: {names}. Restore their label files, "
        "or repair the project.",
        len(damaged),
    )
    return words.format(count=len(damaged), names=", ".join(damaged[:3]) + (" …" if damaged[3:] else ""))


def users(index: Index, class_id: int) -> tuple[Tile, ...]:
    """The tiles whose labels use the class."""
    using = {name for name, status in index.labels.items() if class_id in status.class_ids}
    return tuple(tile for tile in index.tiles if tile.name in using)


def count_pixels(project: Path, index: Index, class_id: int, progress: ReportProgress | None) -> dict[str, int]:
    """How many pixels are labelled as the class, by the names of the tiles that use it; 0 where nobody can tell.

    Raises
    ------
    ProjectError
        No such class.
    """
    class_of(index, class_id)
    pixels = {}
    for tile in _told(users(index, class_id), progress):
        label = _label_or_none(project, tile)
        pixels[tile.name] = 0 if label is None else int(np.count_nonzero(label == class_id))
    return pixels


def stage_removal(
    change: Transaction, project: Path, class_id: int, into: int, progress: ReportProgress | None
) -> RemovedClass:
    """Take the class out of the index and of all labels; `into` takes its pixels.

    Raises
    ------
    ProjectError
        No such class, the last one, or `into` is neither another class nor 255.
    """
    index, removed = change.index, class_of(change.index, class_id)
    rest = check_classes([each for each in index.classes if each.id != class_id])
    if into not in (UNLABELED, *(each.id for each in rest)):
        given = f"the pixels of {removed.name} cannot become class {into}"
        names = ", ".join(f"{each.id} {each.name}" for each in rest)
        raise ProjectError(
            given, f"another class of the project ({names}), or 255 for unannotated", "choose one of these"
        )
    pixels, labels, damaged = {}, dict(index.labels), list[str]()
    for tile in _told(users(index, class_id), progress):
        label = _label_or_none(project, tile)
        if label is None:
            damaged.append(tile.name)
            labels[tile.name] = _without_class(labels[tile.name], class_id)
            continue
        where = label == class_id
        pixels[tile.name] = TakenPixels.of(where, labels[tile.name].accepted)
        label[where] = into
        labels[tile.name] = _stage(change, project, tile, label, LabelSource.CLASS_REMOVED)
    change.index = with_class_removed(replace(index, labels=labels), class_id)
    return RemovedClass(removed, index.classes.index(removed), into, pixels, tuple(damaged))


def stage_return(
    change: Transaction, project: Path, removed: RemovedClass, progress: ReportProgress | None
) -> tuple[str, ...]:
    """Bring a class back with its id; pixels that were labelled as something else since stay as they are.

    Returns
    -------
    tuple of str
        Tiles whose labels could not be read: on them it does not come back.

    Raises
    ------
    ProjectError
        Its name is taken.
    """
    classes, labels = list(change.index.classes), dict(change.index.labels)
    classes.insert(removed.place, removed.tissue_class)
    tiles = tuple(tile for tile in change.index.tiles if tile.name in removed.pixels)
    damaged = []
    for tile in _told(tiles, progress):
        label, taken = _label_or_none(project, tile), removed.pixels[tile.name]
        if label is None:
            damaged.append(tile.name)
            continue
        label[taken.where() & (label == removed.into)] = removed.tissue_class.id
        labels[tile.name] = _stage(change, project, tile, label, LabelSource.UNDONE, taken.accepted)
    change.index = replace(change.index, classes=check_classes(classes), labels=labels)
    return tuple(damaged)


def _label_or_none(project: Path, tile: Tile) -> ClassIds | None:
    try:
        return read_label(project, tile)
    except MaskError:  # of one tile; the others are not to wait for it
        return None


def _without_class(status: LabelStatus, class_id: int) -> LabelStatus:
    return replace(status, class_ids=tuple(each for each in status.class_ids if each != class_id))


def _stage(
    change: Transaction,
    project: Path,
    tile: Tile,
    label: ClassIds,
    source: LabelSource,
    accepted: bool | None = None,
) -> LabelStatus:
    before, _ = sound_history(change.files, project, tile.name)
    edits = (*before, make_edit(label, source, None, None, accepted))
    return stage_changed_label(change.files, project, tile.name, label, edits)


def _told(tiles: tuple[Tile, ...], progress: ReportProgress | None) -> Iterator[Tile]:
    """The tiles one by one, each said to `progress`."""
    for number, tile in enumerate(tiles):
        if progress is not None:
            progress(number, len(tiles), tile.name)
        yield tile
