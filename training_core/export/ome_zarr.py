"""A slide's prediction as OME-Zarr, written region by region: confidence as the image, class ids as its labels.

Format: OME-NGFF 0.4 (zarr 2), which QuPath, Fiji and napari read. NAME.ome.zarr/0, 1, ... hold the confidence (0 to 255
for 0 to 1) at full size, half, a quarter ...; NAME.ome.zarr/labels/prediction/0, 1, ... the class ids, 255 where
nothing was predicted.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr

from training_core.base.arrays import UNLABELED, ClassIds, Confidence8
from training_core.base.errors import writing
from training_core.base.rows import Rows, missing_rows
from training_core.export.chunk_rows import ChunkRows
from training_core.export.ngff import attributes, image_label, multiscale
from training_core.export.unfinished import Unfinished, band, begun, sync_files, unfinished
from training_core.io.drawings.ome_zarr import ABOUT_KEY, UNLABELLED_KEY
from training_core.project import TissueClass

CHUNK_PX = 1024
LABELS = "labels/prediction"
_LABELS_0 = f"{LABELS}/0"
_SCRATCH = "scratch"

WriteRegion = Callable[[int, int, ClassIds, Confidence8], None]
"""Top, left, class ids (h, w) and confidence (h, w) of a region."""


class SlideMasks:
    """Class ids and confidence (height, width) uint8, written in rows of chunks.

    Attributes
    ----------
    missing
        Rows of pixels that earlier attempts have not left there, from the top.
    is_damaged
        Whether a band cannot be written, because what was begun is not there.
    """

    def __init__(self, work: Unfinished, height: int, width: int, of_band: Rows | None = None) -> None:
        self._work, self._size = work, (height, width)
        is_there = bool(work.done or of_band) and self._take_up(of_band or (0, height))
        self.is_damaged = of_band is not None and not is_there
        if of_band is None and not is_there:
            work.begin_anew()
            self._root = zarr.open_group(work.content, mode="w-", zarr_format=2)
            self._confidence = self._array("0", self._size)
            self._labels = self._array(_LABELS_0, self._size, UNLABELED)
        self.missing = tuple(missing_rows(of_band or (0, height), work.done))

    def writer(self, start: int, stop: int) -> WriteRegion:
        """Takes the regions of rows of pixels that are missing, from the top to the bottom; each pixel once.

        It raises a `StorageError` where the disk is full.
        """
        at = start

        def reached(row: int) -> None:
            nonlocal at
            for chunk_row in range(at // CHUNK_PX, -(-row // CHUNK_PX)):
                for name in ("0", _LABELS_0):
                    sync_files(self._work.content / name / str(chunk_row))
            self._work.reached(start, row)
            at = row

        with zarr.config.set({"array.write_empty_chunks": True}):  # zarr's search for them takes as long as the rest
            arrays = [zarr.open_array(self._work.content / name, mode="r+") for name in (_LABELS_0, "0")]
        chunks = ChunkRows(arrays, reached)

        def write(top: int, left: int, labels: ClassIds, confidence: Confidence8) -> None:
            with writing(self._work.content):
                chunks.write(top, left, labels, confidence)

        return write

    def _take_up(self, within: Rows) -> bool:
        """Open what is there, without what came after the rows that are noted; whether it is of this size."""
        missing = list(missing_rows(within, self._work.done))
        try:
            if within == (0, self._size[0]):
                self._undo_later_steps()
            for folder in (self._work.content, self._work.content / LABELS):
                for path in (folder / "0").iterdir():  # a power cut may have left half of what is not noted
                    if path.name.isdigit() and any(a <= int(path.name) * CHUNK_PX < b for a, b in missing):
                        shutil.rmtree(path)
            self._root = zarr.open_group(self._work.content, mode="r+", zarr_format=2)
            self._confidence, self._labels = self._root["0"], self._root[_LABELS_0]
        except (KeyError, ValueError, OSError):
            return False
        return bool(self._confidence.shape == self._size == self._labels.shape)

    def _undo_later_steps(self) -> None:
        """Objects that were separated, smaller levels, and what was scratch."""
        self._work.restore_before()
        for folder in (self._work.content, self._work.content / LABELS):
            for path in folder.iterdir():
                if path.is_dir() and path.name not in ("0", "labels"):
                    shutil.rmtree(path)

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
            for folder, nothing in (("", 0), (f"{LABELS}/", UNLABELED)):
                _halve(self._root[f"{folder}{levels - 1}"], self._array(f"{folder}{levels}", size, nothing))
            levels += 1
        scales = [2.0**level for level in range(levels)]
        self._root.attrs.update(attributes({"multiscales": [multiscale("confidence", "yx", scales, mpp_um)]}))
        self._root["labels"].attrs.update(attributes({"labels": ["prediction"]}))
        of_labels = {
            "multiscales": [multiscale("prediction", "yx", scales, mpp_um)],
            "image-label": image_label(classes),
            ABOUT_KEY: {UNLABELLED_KEY: UNLABELED},
        }
        self._root[LABELS].attrs.update(attributes(of_labels))

    def _array(self, name: str, size: tuple[int, ...], nothing: int = 0) -> Any:
        separator: Any = {"name": "v2", "separator": "/"}
        chunks = (CHUNK_PX, CHUNK_PX)
        return self._root.create_array(
            name, shape=size, dtype="uint8", chunks=chunks, chunk_key_encoding=separator, fill_value=nothing
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


def begin_bands(path: Path, height: int, width: int, made_from: str, *, anew: bool) -> tuple[Rows, ...]:
    """Begin `slide_masks` whose rows several processes write in bands; returns which rows are missing.

    It raises what `slide_masks` raises.

    Parameters
    ----------
    anew
        Whether what earlier attempts left is removed.
    """
    with begun(path, made_from, anew=anew) as work, writing(path):
        return SlideMasks(work, height, width).missing


@contextmanager
def band_masks(path: Path, height: int, width: int, made_from: str, rows: Rows) -> Iterator[SlideMasks | None]:
    """The masks that were begun, for the band of these rows; None: they are damaged, or made from something else.

    A band begins and ends at a multiple of `CHUNK_PX`, or ends at the last row.

    Raises
    ------
    StorageError
        The disk is full, read-only or not writable, or another process writes this band.
    """
    with band(path, made_from, rows) as work:
        masks = None
        if work is not None:
            with writing(path):
                masks = SlideMasks(work, height, width, rows)
        yield masks if masks is not None and not masks.is_damaged else None


def _halve(finer: Any, coarser: Any) -> None:
    """Every second pixel of every second row: what is between two classes is neither of them."""
    for top in range(0, coarser.shape[0], CHUNK_PX):
        for left in range(0, coarser.shape[1], CHUNK_PX):
            rows, columns = (slice(2 * start, 2 * (start + CHUNK_PX)) for start in (top, left))
            coarser[top : top + CHUNK_PX, left : left + CHUNK_PX] = finer[rows, columns][::2, ::2]
