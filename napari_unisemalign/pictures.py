"""The tiles' pictures in memory: those of the neighbours are read ahead, so that going to one waits for no disk."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_unisemalign.background import Background
from training_core.base.errors import UserError
from training_core.project import Project

Picture = npt.NDArray[np.uint8]
MAX_PICTURES = 5
MAX_AHEAD_PX = 25_000_000
"""A larger tile is read when it is shown: two of them ahead would take more memory than the wait is worth."""


class Pictures:
    """The pictures that were asked for last, by file and time of its last change."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._kept: OrderedDict[tuple[Path, int], Picture] = OrderedDict()
        self._lock = Lock()

    def get(self, project: Project, name: str) -> Picture:
        """A tile's picture (H, W, 3), read now where it has not been before.

        Raises
        ------
        ProjectError: the file is not where it was, or has another size now. ImageError: it is damaged.
        """
        key = _key(project, name)
        with self._lock:
            if key is not None and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = project.image(name)
        if key is not None:
            with self._lock:
                self._kept[key] = picture
                while len(self._kept) > MAX_PICTURES:
                    self._kept.popitem(last=False)
        return picture

    def read_ahead(self, project: Project, name: str) -> None:
        """Read a tile's picture in the background; a file that cannot be read says so when it is shown."""
        tile = project.tile(name)
        if tile.height_px * tile.width_px <= MAX_AHEAD_PX:
            self._background.run(lambda: self.get(project, name), lambda _picture: None, _ignore)

    def is_ready(self, project: Project, name: str) -> bool:
        """Whether it can be had without reading."""
        with self._lock:
            return _key(project, name) in self._kept


def _key(project: Project, name: str) -> tuple[Path, int] | None:
    path = project.image_path(name)
    try:
        return path, path.stat().st_mtime_ns
    except OSError:
        return None


def _ignore(_error: UserError) -> None:
    return None
