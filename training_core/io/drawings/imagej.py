"""ImageJ's regions of interest: one in a .roi file, several in a .zip, read by roifile.

What a region is, its name says: one that ImageJ gave itself (0012-0345) says nothing.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import affinity

from training_core.base.bounded import check_regular
from training_core.base.errors import MaskError
from training_core.io.drawings.areas import DrawnArea, DrawnImage, broken, even_odd

MAX_ROI_BYTES = 64 * 2**20
_MAX_REGIONS = 200_000
_OWN_NAME = re.compile(r"\d{4,}-\d{4,}(-\d{4,})?|\d+|")
_NUMBERED = re.compile(r"[-_ ]\d+$")
_CORNERS = 32
"""Of a quarter of an oval."""
_AREAS = ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")


def read(path: Path) -> DrawnImage:
    """The areas of a file, which is named after its image.

    Raises
    ------
    MaskError
        The file or a region of it cannot be used.
    """
    from roifile import ImagejRoi  # only where there is such a file

    areas: list[DrawnArea] = []
    left_out: Counter[str] = Counter()
    for number, data in enumerate(_regions(path), start=1):
        try:
            roi = ImagejRoi.frombytes(data)
            kind = roi.roitype.name
            if kind == "UNKNOWN":
                raise ValueError("no kind of region")
            rings = _rings(roi)
        except (ValueError, TypeError, IndexError, KeyError, struct.error, AttributeError, NotImplementedError):
            raise broken(path, f"region {number}", "it is damaged") from None
        name = str(roi.name or "").strip()
        where = f"region {number}" + (f" ({name})" if name else "")
        if not rings and (roi.composite or kind not in _AREAS):
            left_out[kind.lower() + " regions"] += 1
            continue
        area = even_odd(rings, path, where)
        if not area.area:
            left_out["empty areas"] += 1
        else:
            areas.append(DrawnArea(where, _class_name(name), area, _colour(roi)))
    return DrawnImage(path, _image_name(path), tuple(areas), left_out)


def _rings(roi: Any) -> list[Any]:
    if roi.composite:
        return [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True) if len(ring) >= 3]
    if roi.roitype.name not in _AREAS:
        return []
    if roi.roitype.name == "OVAL":
        round_one = shapely.Point((roi.left + roi.right) / 2, (roi.top + roi.bottom) / 2).buffer(1, quad_segs=_CORNERS)
        oval = affinity.scale(round_one, (roi.right - roi.left) / 2, (roi.bottom - roi.top) / 2)
        return [np.asarray(oval.exterior.coords, np.float64)]
    return [np.asarray(roi.coordinates(), np.float64)]


def _regions(path: Path) -> list[bytes]:
    try:
        size = check_regular(path).st_size
        if size > MAX_ROI_BYTES:
            raise OSError(f"{size:,} bytes, where at most {MAX_ROI_BYTES:,} make sense")
        if path.suffix.lower() != ".zip":
            return [path.read_bytes()]
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if each.filename.lower().endswith(".roi")]
            if len(entries) > _MAX_REGIONS or sum(each.file_size for each in entries) > 4 * MAX_ROI_BYTES:
                raise OSError("it holds more than makes sense")
            found = [archive.read(each) for each in entries]
    except (OSError, ValueError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as cause:
        given = f"{path} cannot be read ({str(cause) or 'it is cut short'})"
        raise MaskError(given, "regions of ImageJ, in a .roi or .zip file", "save them again in ImageJ") from cause
    if not found:
        raise MaskError(f"{path} has no region of ImageJ", "an archive of .roi files", "save them again in ImageJ")
    return found


def _class_name(name: str) -> str:
    """Without the number that tells regions of one name apart: gland-2 is a gland."""
    bare = _NUMBERED.sub("", name)
    return "" if _OWN_NAME.fullmatch(name) or _OWN_NAME.fullmatch(bare) else bare


def _colour(roi: Any) -> str | None:
    stroke = getattr(roi, "stroke_color", None)
    return "#" + bytes(stroke[1:4]).hex() if isinstance(stroke, bytes) and len(stroke) == 4 and any(stroke) else None


def _image_name(path: Path) -> str:
    """As ImageJ and people name them: a.zip, a.roi, RoiSet_a.zip."""
    return re.sub(r"^roiset[-_ ]?", "", path.stem, flags=re.IGNORECASE) or path.stem
