"""What a project will take on the disk, said before anything is copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_unisemalign.tiles.new_project.import_overview_view import OverviewLine
from training_core.base.i18n import tr
from training_core.io.slides import SlideOptions
from training_core.project.inputs.overview import Becomes, Overview

PNG_BYTES_PER_PX = 2.0
"""Of stained tissue, which PNG compresses little: 3 bytes before."""


def needed_bytes(overview: Overview, options: SlideOptions) -> int:
    """The copies of the images, and the tiles that slides are cut into: as many as they may have where that is open."""
    copies = sum(file.path.stat().st_size for file in overview.of(Becomes.TILE) if file.path.is_file())
    tiles = sum(options.max_tiles if file.tiles is None else file.tiles for file in overview.of(Becomes.SLIDE))
    return copies + round(tiles * options.tile_px**2 * PNG_BYTES_PER_PX)


def free_bytes(folder: Path) -> int:
    """The room on the disk that a folder, which need not be there yet, lies on."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    return shutil.disk_usage(there).free


def disk_line(overview: Overview, options: SlideOptions, folder: Path) -> Iterator[OverviewLine]:
    """Such as "Copies take about 1.2 GB; 34.0 GB are free"; nothing where nothing is copied."""
    needed = needed_bytes(overview, options)
    if needed:
        free = free_bytes(folder)
        words = tr("Copies take at most about {needed}; {free} are free")
        yield OverviewLine(words.format(needed=_size(needed), free=_size(free)), is_warning=needed > free)


def _size(count: int) -> str:
    """Such as "640 KB" or "1.2 GB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{max(1, round(count / 1000))} KB"
