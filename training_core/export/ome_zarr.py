"""A slide's prediction as OME-Zarr, written region by region: confidence as the image, class ids as its labels.

Format: OME-NGFF 0.4 (zarr 2), which QuPath, Fiji and napari read. NAME.ome.zarr/0, 1, ... hold the confidence (0 to 255
for 0 to 1) at full size, half, a quarter ...; NAME.ome.zarr/labels/prediction/0, 1, ... the class ids.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr

from training_core.base.arrays import ClassIds, Confidence8
from training_core.base.errors import writing
from training_core.export.ngff import attributes, image_label, multiscale
from training_core.io.atomic import replace_folder, sync_file
from training_core.project import TissueClass

CHUNK_PX = 1024
LABELS = "labels/prediction"
_SCRATCH = "scratch"


class SlideMasks:
    """Class ids and confidence (height, width) uint8, written in regions, in any order."""

    def __init__(self, root: zarr.Group, height: int, width: int) -> None:
        self._root, self._size = root, (height, width)
        self._confidence = self._array("0", self._size)
        self._labels = self._array(f"{LABELS}/0", self._size)

    def write(self, top: int, left: int, labels: ClassIds, confidence: Confidence8) -> None:
        """One region (h, w) of both, its corner in pixels.

        Raises
        ------
        StorageError
            The disk is full.
        """
        rows, columns = slice(top, top + labels.shape[0]), slice(left, left + labels.shape[1])
        with writing(Path(str(self._root.store_path))):
            self._labels[rows, columns] = labels
            self._confidence[rows, columns] = confidence

    @property
    def labels(self) -> Any:
        """The class ids as they are so far: an array (height, width) in the file."""
        return self._labels

    @contextmanager
    def scratch(self) -> Iterator[Any]:
        """Another such array, which is there as long as the block."""
        yield self._array(_SCRATCH, self._size)
        del self._root[_SCRATCH]

    def finish(self, classes: Sequence[TissueClass], mpp_um: float | None) -> None:
        """Write the smaller levels, made chunk by chunk from the ones above, and the metadata."""
        levels = 1
        while max(side >> (levels - 1) for side in self._size) > CHUNK_PX:
            size = tuple(-(-side // 2**levels) for side in self._size)
            for folder in ("", f"{LABELS}/"):
                _halve(self._root[f"{folder}{levels - 1}"], self._array(f"{folder}{levels}", size))
            levels += 1
        scales = [2.0**level for level in range(levels)]
        self._root.attrs.update(attributes({"multiscales": [multiscale("confidence", "yx", scales, mpp_um)]}))
        self._root["labels"].attrs.update(attributes({"labels": ["prediction"]}))
        of_labels = {
            "multiscales": [multiscale("prediction", "yx", scales, mpp_um)],
            "image-label": image_label(classes),
        }
        self._root[LABELS].attrs.update(attributes(of_labels))

    def _array(self, name: str, size: tuple[int, ...]) -> Any:
        separator: Any = {"name": "v2", "separator": "/"}
        chunks = (CHUNK_PX, CHUNK_PX)
        return self._root.create_array(
            name, shape=size, dtype="uint8", chunks=chunks, chunk_key_encoding=separator, fill_value=0
        )


@contextmanager
def slide_masks(
    path: Path, height: int, width: int, classes: Sequence[TissueClass], mpp_um: float | None
) -> Iterator[SlideMasks]:
    """`SlideMasks` that take the name `path` (NAME.ome.zarr) when the block ends, and vanish when it raises.

    An older folder of that name is replaced.

    Parameters
    ----------
    mpp_um
        Micrometers per pixel, where known.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; an older folder is untouched.
    """
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            masks = SlideMasks(zarr.open_group(temporary, mode="w-", zarr_format=2), height, width)
        yield masks
        with writing(path):
            masks.finish(classes, mpp_um)
            _sync(temporary)
            replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _halve(finer: Any, coarser: Any) -> None:
    """Every second pixel of every second row: what is between two classes is neither of them."""
    for top in range(0, coarser.shape[0], CHUNK_PX):
        for left in range(0, coarser.shape[1], CHUNK_PX):
            rows, columns = (slice(2 * start, 2 * (start + CHUNK_PX)) for start in (top, left))
            coarser[top : top + CHUNK_PX, left : left + CHUNK_PX] = finer[rows, columns][::2, ::2]


def _sync(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(parent) / name, os.O_RDWR)
            try:
                sync_file(descriptor)
            finally:
                os.close(descriptor)
