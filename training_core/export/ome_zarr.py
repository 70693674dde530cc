"""A slide's prediction as OME-Zarr, written region by region: confidence as the image, class ids as its labels.

Format: OME-NGFF 0.4 (zarr 2), which QuPath, Fiji and napari read. NAME.ome.zarr/0, 1, ... hold the confidence (0 to 255
for 0 to 1) at full size, half, a quarter ...; NAME.ome.zarr/labels/prediction/0, 1, ... the class ids.
"""

from __future__ import annotations

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
from training_core.export.unfinished import Unfinished, sync_files, unfinished
from training_core.project import TissueClass

CHUNK_PX = 1024
LABELS = "labels/prediction"
_LABELS_0 = f"{LABELS}/0"
_SCRATCH = "scratch"


class SlideMasks:
    """Class ids and confidence (height, width) uint8, written in regions, from the top to the bottom.

    Attributes
    ----------
    rows_done
        Rows of pixels that an interrupted attempt left; what is written again there has to be the same.
    """

    def __init__(self, work: Unfinished, height: int, width: int) -> None:
        self._work, self._size = work, (height, width)
        if work.rows and not self._take_up():
            work.begin_anew()
        if not work.rows:
            self._root = zarr.open_group(work.content, mode="w-", zarr_format=2)
            self._confidence, self._labels = self._array("0", self._size), self._array(_LABELS_0, self._size)
        self.rows_done = work.rows

    def write(self, top: int, left: int, labels: ClassIds, confidence: Confidence8) -> None:
        """One region (h, w) of both, its corner in pixels; the last of its rows ends at the right edge.

        Raises
        ------
        StorageError
            The disk is full.
        """
        bottom, right = top + labels.shape[0], left + labels.shape[1]
        rows, columns = slice(top, bottom), slice(left, right)
        with writing(self._work.content):
            self._labels[rows, columns] = labels
            self._confidence[rows, columns] = confidence
            if right == self._size[1]:
                self._keep(bottom)

    def _keep(self, rows: int) -> None:
        """Note the rows of whole chunks, once they are on the disk."""
        whole = rows if rows == self._size[0] else rows // CHUNK_PX * CHUNK_PX
        if whole > self.rows_done:
            for chunk_row in range(self.rows_done // CHUNK_PX, -(-whole // CHUNK_PX)):
                for name in ("0", _LABELS_0):
                    sync_files(self._work.content / name / str(chunk_row))
            self._work.reached(whole)
            self.rows_done = whole

    def _take_up(self) -> bool:
        """Open what is there, without what came after the rows that are noted; whether it is of this size."""
        try:
            self._work.restore_before()
            for folder in (self._work.content, self._work.content / LABELS):
                for path in folder.iterdir():
                    if path.is_dir() and path.name not in ("0", "labels"):  # smaller levels, scratch
                        shutil.rmtree(path)
                if self._work.rows < self._size[0]:
                    for path in (folder / "0").iterdir():  # a power cut may have left half of what is not noted
                        if path.name.isdigit() and int(path.name) >= self._work.rows // CHUNK_PX:
                            shutil.rmtree(path)
            self._root = zarr.open_group(self._work.content, mode="r+", zarr_format=2)
            self._confidence, self._labels = self._root["0"], self._root[_LABELS_0]
        except (KeyError, ValueError, OSError):
            return False
        return bool(self._confidence.shape == self._size == self._labels.shape)

    @contextmanager
    def changing(self) -> Iterator[tuple[Any, Any]]:
        """The class ids, to be changed in place, and a scratch array (height, width), as long as the block."""
        with writing(self._work.content):
            self._work.keep_before(_LABELS_0)
        yield self._labels, self._array(_SCRATCH, self._size)
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
    path: Path,
    height: int,
    width: int,
    classes: Sequence[TissueClass],
    mpp_um: float | None,
    made_from: str | None = None,
) -> Iterator[SlideMasks]:
    """`SlideMasks` that take the name `path` (NAME.ome.zarr) when the block ends, and vanish when it raises.

    Where the block is interrupted, what is finished stays for the next attempt. An older folder of that name is
    replaced.

    Parameters
    ----------
    mpp_um
        Micrometers per pixel, where known.
    made_from
        All that the masks depend on; None: begin anew, whatever is there.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable; an older folder is untouched.
    """
    with unfinished(path, made_from or secrets.token_hex(8)) as work:
        with writing(path):
            masks = SlideMasks(work, height, width)
        yield masks
        with writing(path):
            masks.finish(classes, mpp_um)


def _halve(finer: Any, coarser: Any) -> None:
    """Every second pixel of every second row: what is between two classes is neither of them."""
    for top in range(0, coarser.shape[0], CHUNK_PX):
        for left in range(0, coarser.shape[1], CHUNK_PX):
            rows, columns = (slice(2 * start, 2 * (start + CHUNK_PX)) for start in (top, left))
            coarser[top : top + CHUNK_PX, left : left + CHUNK_PX] = finer[rows, columns][::2, ::2]
