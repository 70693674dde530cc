"""The tiles' pictures in memory: those of the neighbours are read ahead, so that going to one waits for no disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_unisemalign.app.background import Background
from training_core.base.errors import UserError
from training_core.base.memory_cache import MemoryCache
from training_core.project import Project

Picture = npt.NDArray[np.uint8]
MAX_BYTES = 384 << 20
"""Five pictures of the largest size that is read ahead, or some five hundred of 512 px."""
MAX_AHEAD_PX = 25_000_000
"""A larger tile is read when it is shown: two of them ahead would take more memory than the wait is worth."""


class Pictures:
    """The pictures that were asked for last, by file and time of its last change."""

    def __init__(self, background: Background, max_bytes: int = MAX_BYTES) -> None:
        self._background = background
        self._kept: MemoryCache[tuple[Path, int], Picture] = MemoryCache(max_bytes)

    def get(self, project: Project, name: str) -> Picture:
        """A tile's picture (H, W, 3), read now where it has not been before.

        Raises
        ------
        ProjectError: the file is not where it was, or has another size now. ImageError: it is damaged.
        """
        key = _key(project, name)
        if key is None:  # the file is not there; this says so
            return project.image(name)
        kept = self._kept.get(key)
        return kept if kept is not None else self._kept.keep(key, project.image(name))

    def read_ahead(self, project: Project, name: str) -> None:
        """Read a tile's picture in the background; a file that cannot be read says so when it is shown."""
        tile = project.tile(name)
        if tile.height_px * tile.width_px <= MAX_AHEAD_PX:
            self._background.run(lambda: self.get(project, name), lambda _picture: None, _ignore)

    def is_ready(self, project: Project, name: str) -> bool:
        """Whether it can be had without reading."""
        return _key(project, name) in self._kept


def _key(project: Project, name: str) -> tuple[Path, int] | None:
    path = project.image_path(name)
    try:
        return path, path.stat().st_mtime_ns
    except OSError:
        return None


def _ignore(_error: UserError) -> None:
    return None
