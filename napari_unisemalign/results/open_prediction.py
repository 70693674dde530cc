"""A finished prediction over its slide or image, in a napari window of its own; large ones are read lazily."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import numpy as np
import tifffile
import zarr
from napari.utils.colormaps import DirectLabelColormap

from training_core.base.bounded import read_json
from training_core.base.errors import ImageError
from training_core.base.i18n import tr
from training_core.export.legend import LEGEND_NAME
from training_core.io import read_image, read_mask
from training_core.project import UNLABELED

_OPACITY = 0.4
_WHOLE_UP_TO_PX = 16_000_000
"""Larger images are read as they are looked at, or not at all."""
_Levels = tuple[list[Any], Callable[[], object]]
"""Of an image, finest first, and what closes its file."""


def open_prediction(file: Path, result: Path) -> str:
    """Show them; returns a sentence about what is not shown, empty where all is.

    Raises
    ------
    UserError
        The prediction cannot be read.
    """
    labels = _labels(result)
    image = _image(file, tuple(labels[0].shape))
    viewer = napari.Viewer(title=file.name)
    if image is not None:
        levels, close = image
        is_pyramid = len(levels) > 1
        viewer.add_image(levels if is_pyramid else levels[0], name=file.name, rgb=True, multiscale=is_pyramid)
        viewer.window._qt_window.destroyed.connect(lambda _window=None: close())
    colors, names = _legend(result.parent)
    transparent: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    # 0 is "nothing" in a napari Labels layer, so a pixel holds class id + 1, as in the project's own layers
    shifted = [_shifted(level) for level in labels]
    layer = viewer.add_labels(
        shifted if len(shifted) > 1 else shifted[0],
        name=tr("Prediction"),
        opacity=_OPACITY,
        colormap=DirectLabelColormap(color_dict=transparent | colors),
    )
    layer.metadata["classes"] = names
    if image is not None:
        return ""
    return tr("{name} itself cannot be shown here, only its prediction.").format(name=file.name)


def _labels(result: Path) -> list[Any]:
    if result.is_dir():
        group = zarr.open_group(result / "labels" / "prediction", mode="r")
        return [_lazy(group[str(level)]) for level in range(len(list(group.array_keys())))]
    return [read_mask(result)]


def _lazy(array: Any) -> Any:
    lazy: Any = da
    return lazy.from_zarr(array)


def _shifted(ids: Any) -> Any:
    if isinstance(ids, np.ndarray):
        return np.where(ids == UNLABELED, 0, ids + 1).astype(np.uint8)
    return da.where(ids == UNLABELED, 0, ids + 1).astype(np.uint8)


def _image(file: Path, size: tuple[int, ...]) -> _Levels | None:
    """A small image as a whole, or the levels of a TIFF as it stores them; None: neither has the prediction's size."""
    if size[0] * size[1] <= _WHOLE_UP_TO_PX:
        try:
            pixels = read_image(file)
        except ImageError:
            return None
        return ([pixels], lambda: None) if pixels.shape[:2] == size else None
    try:
        store: Any = tifffile.imread(file, aszarr=True)
    except (OSError, ValueError, tifffile.TiffFileError):
        return None
    levels = _stored_levels(zarr.open(store, mode="r"))
    if not levels or levels[0].shape[:2] != size or levels[0].dtype != np.uint8:
        store.close()
        return None
    return levels, store.close


def _stored_levels(stored: Any) -> list[Any]:
    is_group = isinstance(stored, zarr.Group)
    found = [stored[key] for key in sorted(stored.array_keys(), key=int)] if is_group else [stored]
    return [_lazy(each) for each in found if each.ndim == 3 and each.shape[-1] == 3]


def _legend(folder: Path) -> tuple[dict[int | None, str], dict[int, str]]:
    """Colours and names by the value of the layer."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        classes = read_json(folder / LEGEND_NAME)["classes"]
        return (
            {int(each["value"]) + 1: str(each["color"]) for each in classes},
            {int(each["value"]) + 1: str(each["name"]) for each in classes},
        )
    return {}, {}
