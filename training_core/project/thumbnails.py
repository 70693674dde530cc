"""Small images for the tile list, kept in cache/ under the image's hash, so that they never go stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import StorageError
from training_core.base.safe_paths import check_sha256, within
from training_core.io import write_png
from training_core.project.records import Tile

CACHE_FOLDER = "cache"


def thumbnail(project: Path, tile: Tile, image: Callable[[], Rgb8], size_px: int) -> Rgb8:
    """The tile as (h, w, 3) uint8 with its longer side at most `size_px`, from the cache or from `image()`.

    Raises
    ------
    ImageError, ProjectError
        The picture is missing or damaged.
    """
    path = within(project, CACHE_FOLDER, f"{check_sha256(tile.sha256, tile.name)[:32]}_{size_px}.png")
    cached = _read_cached(path)
    if cached is not None:
        return cached
    picture = Image.fromarray(image())
    picture.thumbnail((size_px, size_px), Image.Resampling.BOX)
    small = np.array(picture)
    try:
        write_png(path, small)
    except StorageError:
        return small  # a full or read-only disk costs the cache, not the image
    return small


def _read_cached(path: Path) -> Rgb8 | None:
    if not path.is_file():
        return None
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None  # the cache may hold anything, since it is safe to delete and to damage
