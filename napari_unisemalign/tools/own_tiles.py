"""A user's folder of tiles, and a machine on which the program was never started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unisemalign.app.layer_values import U8
from training_core.base.errors import ImageError
from training_core.demo.tissue import CLASS_NAMES, draw_glands
from training_core.io import read_mask, write_png
from training_core.io.files import IMAGE_SUFFIXES

LEAST_TILES = 6
"""Two to paint on, three to accept, one to correct."""


@dataclass(frozen=True)
class OwnTiles:
    """A folder of images, and where each class is on them, which a user sees: by name, (H, W) class ids."""

    folder: Path
    class_names: tuple[str, ...]
    truths: dict[str, U8]


def sample_tiles(folder: Path, count: int) -> OwnTiles:
    """Draw synthetic tissue, and write only the images, as a user has them.

    Raises
    ------
    ImageError
        Fewer than six tiles, or `folder` is there already.
    """
    _make(folder, count)
    truths = {}
    for number in range(count):
        tile, name = draw_glands(0, number), f"tile_{number + 1:02d}"
        write_png(folder / f"{name}.png", tile.picture)
        truths[name] = tile.truth
    return OwnTiles(folder, CLASS_NAMES, truths)


def copied_tiles(folder: Path, images: Path, masks: Path, count: int) -> OwnTiles:
    """The first images of a folder that show two classes in the masks of the same names.

    The higher value of a mask is the second class. The masks only say where a user would paint.

    Raises
    ------
    ImageError
        Fewer than six tiles, or so few images with such a mask, or `folder` is there already.
    """
    _make(folder, count)
    truths: dict[str, U8] = {}
    for image in sorted(each for each in images.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES):
        mask = masks / f"{image.stem}.png"
        if len(truths) == count or not mask.exists():
            continue
        pixels = read_mask(mask)
        values = np.unique(pixels)
        if len(values) == 2:
            truths[image.stem] = (pixels == values[1]).astype(np.uint8)
            shutil.copy2(image, folder / image.name)
    if len(truths) < LEAST_TILES:
        raise ImageError(
            f"{len(truths)} images of {images} have a mask of two values in {masks}",
            f"at least {LEAST_TILES}, each mask a PNG with the name of its image",
            "two other folders, or none: then synthetic tissue is drawn",
        )
    return OwnTiles(folder, CLASS_NAMES, truths)


def _make(folder: Path, count: int) -> None:
    if count < LEAST_TILES:
        raise ImageError(f"{count} tiles", f"at least {LEAST_TILES}", "leave out --tiles: then there are more")
    if folder.exists():
        raise ImageError(f"{folder} is there already", "a new folder", "another DIR")
    folder.mkdir(parents=True)


@contextmanager
def as_at_first(folder: Path) -> Iterator[None]:
    """On Linux, the user's own folders are empty ones in `folder`."""
    names = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    former = {name: os.environ.get(name) for name in names}
    os.environ.update({name: str(folder / name.lower()) for name in names})
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
