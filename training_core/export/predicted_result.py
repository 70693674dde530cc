"""What `predict` has written of an image or slide, to be read block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training_core.base.errors import MaskError
from training_core.class_maps.predicted import result_of
from training_core.class_maps.predicted_areas import Readable
from training_core.export.ome_zarr import LABELS
from training_core.io import read_mask
from training_core.io.formats.zarr_files import FolderFiles
from training_core.io.formats.zarr_store import open_stored


class PredictedResult(NamedTuple):
    """Class ids (H, W), 255 where nothing was predicted, and confidence (H, W), 0 to 255 for 0 to 1."""

    ids: Readable
    confidence: Readable


def open_result(folder: Path, name: str) -> PredictedResult:
    """The result of an image. What is damaged may be found only when it is read.

    Raises
    ------
    MaskError
        It is damaged.
    """
    result = result_of(folder, name)
    if not result.is_dir():
        return PredictedResult(read_mask(result), read_mask(folder / f"{name}.confidence.png"))
    ids, confidence = _Stored(result, f"{LABELS}/0"), _Stored(result, "0")
    with _damage_said(result):
        if ids.shape != confidence.shape:
            raise ValueError(f"class ids of {ids.shape} px, confidence of {confidence.shape} px")
    return PredictedResult(ids, confidence)


def stored_class_ids(result: Path) -> list[Any]:
    """The class ids in an OME-Zarr folder as arrays of zarr (H, W), finest level first.

    Raises
    ------
    MaskError
        It is damaged.
    """
    files = FolderFiles(result)
    with _damage_said(result):
        found = [open_stored(files, f"{LABELS}/0", 2)]
        while files.read(f"{LABELS}/{len(found)}/.zarray", slice(0, 1), 1) is not None:
            found.append(open_stored(files, f"{LABELS}/{len(found)}", 2))
        return found


class _Stored:
    """An array of an OME-Zarr folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        with _damage_said(folder):
            self._array = open_stored(FolderFiles(folder), name, 2)
            self.shape: tuple[int, ...] = self._array.shape
            if self._array.dtype != np.uint8 or len(self.shape) != 2:
                raise ValueError(f"{name} holds {self._array.dtype} in {len(self.shape)} dimensions")

    def __getitem__(self, place: tuple[slice, slice], /) -> NDArray[np.uint8]:
        with _damage_said(self._folder):
            return np.asarray(self._array[place])


@contextmanager
def _damage_said(result: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # of a damaged chunk, what its codec raises
        raise MaskError(
            f"{result} is damaged ({error})", "a result as it was written", "delete it, and predict the image again"
        ) from error
