"""OME-Zarr labels: the masks in the folder of an image, whose values have names (0.4 with zarr 2, 0.5 with zarr 3).

Format: https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import row_blocks
from training_core.base.bounded import in_short
from training_core.base.errors import MaskError
from training_core.io.drawings.areas import DrawnArea, DrawnImage
from training_core.io.files import MAX_PIXELS, Refused
from training_core.io.formats.zarr_files import FolderFiles, ZarrFiles
from training_core.io.outlines import outline
from training_core.io.zarr_folders import ENDINGS, image_name

ABOUT_KEY, UNLABELLED_KEY = "unisemalign", "unlabelled"
"""What this program adds to labels: from where they come, and the value of what has no class."""
_METADATA = (".zgroup", "zarr.json")
_NEEDED = "a whole OME-Zarr folder of version 0.4 or 0.5 with labels of one plane"


def is_ome_zarr(path: Path) -> bool:
    """Whether a path is the folder of an OME-Zarr image. Looks at names only."""
    return path.name.lower().endswith(ENDINGS) and any((path / name).is_file() for name in _METADATA)


def read(path: Path) -> DrawnImage:
    """The areas of each value of the labels; an image whose labels have no class names has areas without a class.

    The value 0 is unannotated unless it has a name, as is what this program marked as such.

    Raises
    ------
    MaskError
        Damaged, without labels, or with labels that are no single plane of the image's size.
    """
    import zarr  # takes a while

    from training_core.io.formats.zarr_store import FilesStore

    files = FolderFiles(path)
    try:
        root = zarr.open_group(FilesStore(files), mode="r")
        names = _part(root["labels"].attrs, "labels") if "labels" in root else None
        if not isinstance(names, list) or not names:
            raise _refused(path, "has no labels")
        sizes: set[tuple[int, int]] = set()
        areas: list[DrawnArea] = []
        for name in map(str, names):
            values = _plane(root[f"labels/{name}"], path, files)
            sizes.add((values.shape[1], values.shape[0]))
            areas += _areas(values, root[f"labels/{name}"].attrs, name)
    except MaskError:
        raise
    except Refused as refusal:
        raise MaskError(f"{path} {refusal.given}", refusal.needed, refusal.hint) from refusal
    except Exception as cause:  # whatever zarr and its codecs raise on damaged files: they have no error in common
        raise _refused(path, f"cannot be read ({in_short(cause)})") from cause
    if len(sizes) > 1:
        raise _refused(path, "has labels of different sizes")
    return DrawnImage(path, image_name(path), tuple(areas), Counter(), sizes.pop())


def _part(attributes: Any, key: str) -> Any:
    """A part of a group's metadata, which version 0.5 keeps under `ome`."""
    found = dict(attributes)
    inner = found.get("ome", found)
    return inner.get(key) if isinstance(inner, dict) else None


def _plane(group: Any, path: Path, files: ZarrFiles) -> NDArray[Any]:
    """The values (H, W) of the finest level."""
    from training_core.io.formats.zarr_store import open_stored

    (whole, *_) = _part(group.attrs, "multiscales")
    array = open_stored(files, f"{group.path}/{whole['datasets'][0]['path']}", group.metadata.zarr_format)
    names = [
        each["name"] if isinstance(each, dict) else str(each) for each in whole.get("axes", "tczyx"[-array.ndim :])
    ]
    height, width = (array.shape[names.index(axis)] for axis in "yx")
    if names[-2:] != ["y", "x"] or height * width != np.prod(array.shape):
        raise _refused(path, f"has labels of {' x '.join(map(str, array.shape))}, which are no single plane")
    if array.dtype.kind not in "ui":
        raise _refused(path, f"has labels of the type {array.dtype}, which are no whole numbers")
    if height * width > MAX_PIXELS:
        raise _refused(path, f"has labels of {width} x {height} px, more than {MAX_PIXELS // 10**6} megapixels")
    return np.asarray(array[...]).reshape(height, width)


def _areas(values: NDArray[Any], attributes: Any, name: str) -> Iterator[DrawnArea]:
    label, ours = _part(attributes, "image-label") or {}, dict(attributes).get(ABOUT_KEY)
    names, colours = dict(_names(label)), dict(_colours(label))
    run = ours.get("run") if isinstance(ours, dict) and ours.get("content") != "labels" else None
    nothing = {ours.get(UNLABELLED_KEY)} if isinstance(ours, dict) else {0}
    found, numbered = np.unique(values), np.empty(values.shape, np.int32)
    for rows in row_blocks(values.shape):
        numbered[rows] = np.searchsorted(found, values[rows]) + 1
    for index, place in enumerate(ndimage.find_objects(numbered)):
        value = int(found[index])
        if value in nothing and value not in names:
            continue
        where = f"value {value} of the labels {name}" + (f" ({names[value]})" if value in names else "")
        area = outline(numbered[place] == index + 1, place[1].start, place[0].start)
        yield DrawnArea(where, names.get(value, ""), area, colours.get(value), None if run is None else str(run))


def _names(label: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for each in label.get("properties") or ():
        name = each.get("class", each.get("name"))
        if name is not None and str(name).strip():
            yield int(each["label-value"]), str(name).strip()


def _colours(label: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for each in label.get("colors") or ():
        rgba = each.get("rgba")
        if isinstance(rgba, list) and len(rgba) >= 3:
            yield int(each["label-value"]), "#" + bytes(rgba[:3]).hex()


def _refused(path: Path, reason: str) -> MaskError:
    return MaskError(f"{path} {reason}", _NEEDED, "export it again")
