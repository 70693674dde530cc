"""The levels of an OME-Zarr image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from training_core.io.facts import FileFacts, Use
from training_core.io.formats.ome_zarr_file import OpenedZarr
from training_core.io.inspection.answers import Answers
from training_core.io.inspection.rules import refuse
from training_core.io.stored_levels import StoredLevels


class ZarrLevels(StoredLevels):
    """The levels of an open OME-Zarr image; it raises what `OpenedZarr` raises."""

    def __init__(self, path: Path, answers: Answers, *, is_asked: bool = True) -> None:
        self._zarr = OpenedZarr(path, answers.plane)
        refuse(self._zarr.facts, Use.IMAGE, whole=False)
        super().__init__(path, answers, self._zarr.facts, is_asked=is_asked)

    def _read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        return self._zarr.read(level, rows, columns)


def glance(path: Path, plane: int | None = None) -> FileFacts:
    """The facts of an OME-Zarr image with the range of its numbers, from a small level of it."""
    return ZarrLevels(path, Answers(plane=plane), is_asked=False).facts
