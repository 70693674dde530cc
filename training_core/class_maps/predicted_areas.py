"""How much of each class the prediction of an image or slide has: summed block by block, in flat memory.

What was measured of an image is kept in a hidden folder beside the results, a file for each, so that a table of all of
them is complete whichever process predicted an image, and when. A note counts as long as the result is the one that
was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from training_core.base.arrays import UNLABELED
from training_core.base.bounded import read_file
from training_core.base.safe_paths import within
from training_core.class_maps.connected_areas import Box, ConnectedAreas, blocks
from training_core.class_maps.predicted import result_of
from training_core.io import atomic_write
from training_core.project import TissueClass
from training_core.project.classes import object_class_ids

BLOCK_PX = 2048
_NOTES = ".areas"


class Readable(Protocol):
    """Values (H, W) uint8 in a file, such as a zarr array, or in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width."""

    def __getitem__(self, place: tuple[slice, slice], /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class ClassArea:
    """What an image has of a class.

    Attributes
    ----------
    objects
        How many connected areas; None: the class is not made of objects.
    confidence
        Mean confidence of its pixels, 0 to 1; None where there are none.
    """

    class_id: int
    class_name: str
    pixels: int
    objects: int | None
    confidence: float | None


@dataclass(frozen=True)
class ImageAreas:
    """What was measured of an image.

    Attributes
    ----------
    result
        Which result that was, as `result_as_noted`.
    mpp_um
        Pixel size in µm/px; None: not known.
    not_predicted_px
        Pixels that were left out, such as glass.
    object_files
        The files of its objects that were written, by name, as `file_as_noted`.
    """

    name: str
    result: str
    mpp_um: float | None
    not_predicted_px: int
    classes: tuple[ClassArea, ...]
    object_files: Mapping[str, str] = field(default_factory=dict)


_note = TypeAdapter(ImageAreas)


def result_as_noted(folder: Path, name: str) -> str:
    """The result of an image by lengths and times of its files, which are compared with nothing but themselves.

    Raises
    ------
    OSError
        There is none.
    """
    result = result_of(folder, name)
    files = sorted(each for each in result.iterdir() if each.is_file()) if result.is_dir() else [result]
    return " ".join([result.name, *map(file_as_noted, files)])


def file_as_noted(path: Path) -> str:
    """A file by its length and time, which are compared with nothing but themselves.

    Raises
    ------
    OSError
        There is none.
    """
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def read_areas(folder: Path, name: str) -> ImageAreas | None:
    """What was measured of the result of an image; None: nothing, or the result is another one now."""
    found = earlier_areas(folder, name)
    with suppress(OSError):
        if found is not None and found.result == result_as_noted(folder, name):
            return found
    return None


def earlier_areas(folder: Path, name: str) -> ImageAreas | None:
    """What was measured last of an image, also of a result that was replaced since."""
    with suppress(OSError, ValidationError):
        return _note.validate_json(read_file(_path(folder, name)))
    return None


def write_areas(folder: Path, areas: ImageAreas) -> None:
    """Keep what was measured.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    atomic_write(_path(folder, areas.name), _note.dump_json(areas))


def class_areas(
    ids: Readable,
    confidence: Readable,
    classes: Sequence[TissueClass],
    *,
    block_px: int = BLOCK_PX,
    go_on: Callable[[], None] = lambda: None,
    objects: Callable[[TissueClass, ConnectedAreas], None] = lambda tissue_class, areas: None,
) -> tuple[tuple[ClassArea, ...], int]:
    """What there is of each class, and how many pixels were not predicted.

    Parameters
    ----------
    ids
        Class ids (H, W), 255 where nothing was predicted.
    confidence
        (H, W), 0 to 255 for 0 to 1.
    go_on
        Called before each block; what it raises ends the work.
    objects
        Called with the connected areas of each class made of objects that the image has.
    """
    shape = ids.shape[0], ids.shape[1]
    pixels, certainty = np.zeros(256, np.int64), np.zeros(256)
    for box in blocks(shape, block_px):
        go_on()
        own = np.asarray(ids[box.slices]).ravel()
        pixels += np.bincount(own, minlength=256)
        certainty += np.bincount(own, np.asarray(confidence[box.slices]).ravel(), minlength=256)

    def count(tissue_class: TissueClass) -> int:
        def read(box: Box) -> NDArray[np.bool_]:
            go_on()
            return np.asarray(ids[box.slices] == tissue_class.id)

        if not pixels[tissue_class.id]:
            return 0
        areas = ConnectedAreas(read, shape, block_px)
        objects(tissue_class, areas)
        return len(areas.pixels) - 1

    of_objects = object_class_ids(classes)
    found = tuple(
        ClassArea(
            each.id,
            each.name,
            int(pixels[each.id]),
            count(each) if each.id in of_objects else None,
            float(certainty[each.id] / pixels[each.id] / 255) if pixels[each.id] else None,
        )
        for each in classes
    )
    return found, int(pixels[UNLABELED])


def _path(folder: Path, name: str) -> Path:
    return within(folder, _NOTES, f"{name}.json")
