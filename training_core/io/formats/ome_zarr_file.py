"""OME-Zarr as an image: what a folder says of itself, and the numbers of its levels, read by zarr chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training_core.base.addresses import Address
from training_core.io.facts import FileFacts, Photometric
from training_core.io.files import FileKind, Refused, no_such_plane
from training_core.io.formats import ome_zarr_metadata
from training_core.io.formats.ome_zarr_metadata import Dataset, ZarrImage, find_image
from training_core.io.formats.ome_zarr_pixel_size import pixel_size
from training_core.io.formats.stored import Stored
from training_core.io.formats.web_files import WebFiles
from training_core.io.formats.zarr_chunks import compressions
from training_core.io.formats.zarr_files import WHOLE, FolderFiles, ZarrFiles
from training_core.io.zarr_folders import METADATA_NAMES, folder_state

_TYPES = {"u": "uint", "b": "uint", "i": "int", "f": "float", "c": "complex"}
_OF_PIXELS = ("y", "x", "c")
"""The axes of a picture; along all others one is chosen."""
_RGB = ("red", "green", "blue")
_LOSSLESS = frozenset({"blosc", "zstd", "zlib", "gzip", "bz2", "lz4", "lzma"})
_MAX_SIDE_PX = 1 << 22
_TILE_SIDES_PX = (64, 4096)
_USUAL_TILE_PX = 256
"""What chunks of other sides are read in."""


class _Level(NamedTuple):
    dataset: Dataset
    array: Any
    size: tuple[int, int]
    """Width and height."""


class OpenedZarr:
    """An open OME-Zarr image. Several threads may read it.

    Attributes
    ----------
    facts
        What it says of the plane that was chosen.

    Raises
    ------
    Refused
        It is no image that is read, or has no such plane.
    ValueError, OSError
        It is damaged.
    """

    def __init__(self, path: Path, plane: int | None = None) -> None:
        files = files_of(path)
        self._image = find_image(files)
        self._levels, notes = _levels_of(files, self._image)
        first = self._levels[0].array
        others = [length for name, length in zip(self._image.names, first.shape, strict=True) if name not in _OF_PIXELS]
        planes = prod(others)
        number = (plane or 1) - 1 if planes > 1 else 0
        if number >= planes:
            raise no_such_plane(planes, number + 1)
        self._place = [int(each) for each in np.unravel_index(number, others)] if others else []
        self.facts = self._facts(path, planes, notes)

    def read(self, level: int, rows: slice = WHOLE, columns: slice = WHOLE) -> NDArray[Any]:
        """The numbers (h, w) or (h, w, C) of a region of a level.

        Raises
        ------
        Exception
            Whatever zarr and its codecs raise on damaged chunks: they have no error in common.
        """
        names, place = self._image.names, iter(self._place)
        spans: dict[str, Any] = dict(zip(_OF_PIXELS, (rows, columns, WHOLE), strict=True))
        selection = tuple(spans[name] if name in spans else next(place) for name in names)
        samples = np.asarray(self._levels[level].array[selection])
        kept = [name for name in names if name in spans]
        samples = samples.transpose([kept.index(name) for name in _OF_PIXELS if name in kept])
        if samples.dtype == np.bool_:
            samples = samples.astype(np.uint8)
        if samples.ndim == 3 and samples.shape[2] == 1:
            samples = samples[:, :, 0]
        return samples.astype(samples.dtype.newbyteorder("="), copy=False)

    def stored_chunks(self, path: Path) -> tuple[int, int]:
        """How many of the finest level's chunks are stored in a folder, and how many it has."""
        array = self._levels[0].array
        sides = getattr(array, "shards", None) or array.chunks
        expected = prod(-(-length // side) for length, side in zip(array.shape, sides, strict=True))
        return sum(1 for _ in _chunk_files(path / self._levels[0].dataset.key)), expected

    def _facts(self, path: Path, planes: int, notes: tuple[str, ...]) -> FileFacts:
        image, array = self._image, self._levels[0].array
        channels = int(array.shape[image.names.index("c")]) if "c" in image.names else 1
        sample_type = _TYPES.get(array.dtype.kind, "unknown")
        bits = 1 if array.dtype.kind == "b" else 8 * int(array.dtype.itemsize)
        photometric, names = _colours(image, channels, sample_type, bits)
        size, of_size = pixel_size(image)
        compression = compressions(array)
        return FileFacts(
            path=path,
            kind=FileKind.OME_ZARR,
            width_px=self._levels[0].size[0],
            height_px=self._levels[0].size[1],
            channels=channels,
            channel_names=names,
            sample_type=sample_type,
            bits=bits,
            photometric=photometric,
            axes="".join(name[:1].upper() for name in image.names),
            shape=tuple(map(int, array.shape)),
            planes=planes,
            levels=tuple(level.size for level in self._levels),
            tile_px=_tile_px(array, image),
            pixel_size=size,
            compression=", ".join(compression) or "none",
            lossy=False if set(compression) <= _LOSSLESS else None,
            notes=(*image.notes, *notes, *((of_size,) if of_size else ())),
        )


def files_of(path: Path) -> ZarrFiles:
    """The files of a Zarr, in a folder or at an address."""
    return WebFiles(str(path)) if isinstance(path, Address) else FolderFiles(path)


def facts(path: Path, plane: int | None = None) -> FileFacts:
    """What an OME-Zarr says of the plane number `plane`, or of the first one.

    Raises
    ------
    Exception
        As `OpenedZarr`.
    """
    opened = OpenedZarr(path, plane)
    if isinstance(path, Address):
        return opened.facts  # a server does not list what it has
    there, expected = opened.stored_chunks(path)
    if not there:
        raise Refused("holds metadata and no pixels", "a folder with all of its files", "copy the whole folder again")
    if there >= expected:
        return opened.facts
    words = (
        f"Of its {expected:,} chunks, {there:,} are stored; the others are read as the value that it states for them."
    )
    return replace(opened.facts, notes=(*opened.facts.notes, words))


def stored(facts: FileFacts, plane: int | None = None) -> Stored:
    """The whole of a small image.

    Raises
    ------
    Exception
        As `OpenedZarr` and its `read`.
    """
    return Stored(OpenedZarr(facts.path, plane).read(0))


def is_image(path: Path) -> bool:
    """Whether a folder says that it is an image that is read; its pixels are not looked at."""
    try:
        find_image(files_of(path))
    except (Refused, ValueError, OSError):
        return False
    return True


def is_prediction(path: Path) -> bool:
    """Whether this program predicted what a folder holds."""
    return ome_zarr_metadata.is_prediction(files_of(path))


def has_labels(path: Path) -> bool:
    """Whether a folder holds labels, which may be annotations, beside its image or without one."""
    return ome_zarr_metadata.has_labels(files_of(path))


def state(path: Path) -> tuple[int, int]:
    """By how many bytes of metadata and which time, in ns, one sees that a Zarr has changed; 0: a server does not say.

    Raises
    ------
    OSError
        There is no such folder.
    """
    if not isinstance(path, Address):
        return folder_state(path)
    files = WebFiles(str(path))
    return files.state("zarr.json") or files.state(".zattrs") or (0, 0)


def _levels_of(files: ZarrFiles, image: ZarrImage) -> tuple[list[_Level], tuple[str, ...]]:
    """The levels that show the finest one smaller, and a note on others."""
    first = _level(files, image, image.datasets[0])
    levels = [first]
    for dataset in image.datasets[1:]:
        level = _level(files, image, dataset)
        if _fits(level, levels[-1], first, image):
            levels.append(level)
    left_out = len(image.datasets) - len(levels)
    if not left_out:
        return levels, ()
    return levels, (
        f"{left_out} of its {len(image.datasets)} levels do not show the same area smaller, and are not read.",
    )


def _level(files: ZarrFiles, image: ZarrImage, dataset: Dataset) -> _Level:
    from training_core.io.formats.zarr_store import open_stored  # brings zarr, which takes a while

    array = open_stored(files, dataset.key, image.zarr_format)
    shape, names = tuple(map(int, array.shape)), image.names
    if len(shape) != len(names):
        raise ValueError(f"its level {dataset.key} has {len(shape)} axes, and its metadata list {len(names)}")
    if array.dtype.kind not in _TYPES or array.dtype.hasobject:
        raise Refused(f"has values of the type {array.dtype}", "numbers", "export it as 8-bit RGB")
    width, height = (shape[names.index(name)] for name in "xy")
    if not all(shape) or max(width, height) > _MAX_SIDE_PX:
        raise ValueError(f"its level {dataset.key} is stated to be {' x '.join(map(str, shape))}")
    return _Level(dataset, array, (width, height))


def _fits(level: _Level, finer: _Level, first: _Level, image: ZarrImage) -> bool:
    """Whether a level shows the same area as the first, smaller than the one before."""
    others = [at for at, name in enumerate(image.names) if name not in ("y", "x")]
    if level.array.dtype != first.array.dtype:
        return False
    if any(level.array.shape[at] != first.array.shape[at] for at in others):
        return False
    (width, height), (full_width, full_height) = level.size, first.size
    if width > finer.size[0] or height > finer.size[1] or level.size == finer.size:
        return False
    across, down = full_width / width, full_height / height
    # a level may be rounded up or down by a pixel on each side
    if abs(across - down) > across / width + down / height:
        return False
    return _begins_alike(level, first, image, max(across, down))


def _begins_alike(level: _Level, first: _Level, image: ZarrImage, step: float) -> bool:
    """Whether it begins where the first does, but for one of its pixels, as far as both state where they lie."""
    scale, own, other = first.dataset.scale, level.dataset.translation, first.dataset.translation
    if scale is None or own is None or other is None:
        return True
    axes = [image.names.index(name) for name in "xy"]
    return all(abs(own[at] - other[at]) <= step * abs(scale[at]) for at in axes)


def _colours(image: ZarrImage, channels: int, sample_type: str, bits: int) -> tuple[Photometric, tuple[str, ...]]:
    if channels == 1:
        return Photometric.BLACK_IS_ZERO, ("grey",)
    if image.is_rgb(channels, sample_type, bits):
        return Photometric.RGB, _RGB
    labels = [label for label, _ in image.channels] if len(image.channels) == channels else [""] * channels
    return Photometric.CHANNELS, tuple(label or f"channel {number}" for number, label in enumerate(labels, 1))


def _tile_px(array: Any, image: ZarrImage) -> tuple[int, int]:
    width, height = (int(array.chunks[image.names.index(name)]) for name in "xy")
    if all(_TILE_SIDES_PX[0] <= side <= _TILE_SIDES_PX[1] for side in (width, height)):
        return width, height
    return _USUAL_TILE_PX, _USUAL_TILE_PX


def _chunk_files(folder: Path) -> Iterator[str]:
    for _, _, names in os.walk(folder):
        yield from (name for name in names if name not in METADATA_NAMES and not name.startswith("."))
