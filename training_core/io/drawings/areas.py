"""What a file of drawn areas holds, whichever program wrote it; and polygons from numbers of anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from training_core.base.errors import MaskError
from training_core.io.outlines import Area

MAX_COORDINATE_PX = 1e8
_REDRAW = "draw it again in the program that wrote it, or remove it there"


@dataclass(frozen=True)
class DrawnArea:
    """One closed area.

    Attributes
    ----------
    where
        Which one of its file it is, for messages: "feature 3 (Tumor)".
    class_name
        What it is, as its file says; empty: it does not say.
    area
        In pixels of the image, whose upper left corner is (0, 0).
    colour
        Of its class in that program, as #rrggbb.
    predicted_by
        The run of this program that predicted it; None: somebody drew it, as far as the file says.
    """

    where: str
    class_name: str
    area: Area
    colour: str | None = None
    predicted_by: str | None = None


@dataclass(frozen=True)
class DrawnImage:
    """The areas of one image.

    Attributes
    ----------
    path
        The file that holds them.
    image
        The image's name without its ending.
    left_out
        How many of what is no area: "points", "lines" ...
    size_px
        Width and height of the image, where the file says so.
    counts_as_qupath
        Whether (0, 0) is where QuPath begins to count, which may be beside the picture itself.
    """

    path: Path
    image: str
    areas: tuple[DrawnArea, ...]
    left_out: Mapping[str, int] = field(default_factory=Counter)
    size_px: tuple[int, int] | None = None
    counts_as_qupath: bool = False


def polygon(rings: Any, path: Path, where: str) -> Polygon:
    """A polygon from its rings, the first around it and the others around its holes.

    Raises
    ------
    MaskError
        These are no rings of numbers.
    """
    if not isinstance(rings, Sequence) or isinstance(rings, str) or not rings:
        raise broken(path, where, "it has no outline")
    shell, *holes = (_ring(each, path, where) for each in rings)
    return Polygon(shell, holes)


def checked(area: Area, path: Path, where: str) -> Area:
    """The area, if its outlines cross neither themselves nor each other.

    Raises
    ------
    MaskError
        They do.
    """
    if not area.is_valid:
        raise broken(path, where, f"its outline is not valid: {shapely.is_valid_reason(area)}")
    return area


def even_odd(rings: Sequence[Any], path: Path, where: str) -> Area:
    """The area of rings of which every second one inside another is a hole, as programs without holes store them.

    Raises
    ------
    MaskError
        They are no rings, or one crosses itself.
    """
    area: Any = Polygon()
    for ring in rings:
        area = shapely.symmetric_difference(area, checked(polygon([ring], path, where), path, where))
    parts = [each for each in shapely.get_parts(area) if isinstance(each, Polygon)]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def broken(path: Path, where: str, reason: str) -> MaskError:
    """The error for an area that cannot be used."""
    return MaskError(f"{path}: {where} cannot be used, {reason}", "a closed outline of pixel coordinates", _REDRAW)


def _ring(points: Any, path: Path, where: str) -> Any:
    try:
        corners = np.array([point[:2] for point in points], np.float64)
    except (TypeError, ValueError, KeyError, IndexError):
        raise broken(path, where, "its outline holds something that is no pair of numbers") from None
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise broken(path, where, "its outline has fewer than three corners")
    if not np.isfinite(corners).all() or np.abs(corners).max() > MAX_COORDINATE_PX:
        raise broken(path, where, "a coordinate lies outside every image")
    return corners
