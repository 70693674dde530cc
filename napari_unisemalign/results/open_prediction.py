"""A finished prediction over its slide or image, in a napari window of its own; large ones are read lazily."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import dask.array as da
import napari
import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QTimer

from napari_unisemalign.app.slide_layers import REFRESH_MS, levels_of
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.export.legend import LEGEND_NAME
from training_core.export.predicted_result import stored_class_ids
from training_core.io import read_image, read_mask
from training_core.io.block_reader import BlockReader
from training_core.project import UNLABELED

_OPACITY = 0.4
_WHOLE_UP_TO_PX = 16_000_000
"""Larger images are read as they are looked at."""


def open_prediction(file: Path, result: Path) -> str:
    """Show them; returns a sentence about what is not shown, empty where all is.

    Raises
    ------
    UserError
        The prediction cannot be read.
    """
    labels = _labels(result)
    viewer = napari.Viewer(title=file.name)
    is_shown = _show_image(viewer, file, tuple(labels[0].shape))
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
    if is_shown:
        return ""
    return tr("{name} itself cannot be shown here, only its prediction.").format(name=file.name)


def _labels(result: Path) -> list[Any]:
    if result.is_dir():
        return [_lazy(each) for each in stored_class_ids(result)]
    return [read_mask(result)]


def _lazy(array: Any) -> Any:
    lazy: Any = da
    return lazy.from_zarr(array)


def _shifted(ids: Any) -> Any:
    if isinstance(ids, np.ndarray):
        return np.where(ids == UNLABELED, 0, ids + 1).astype(np.uint8)
    return da.where(ids == UNLABELED, 0, ids + 1).astype(np.uint8)


def _show_image(viewer: napari.Viewer, file: Path, size: tuple[int, ...]) -> bool:
    """Show an image of a size (H, W), a large one as it is looked at; whether it can be read and has that size."""
    try:
        if size[0] * size[1] <= _WHOLE_UP_TO_PX:
            pixels = read_image(file)
            if pixels.shape[:2] == size:
                viewer.add_image(pixels, name=file.name, rgb=True)
            return pixels.shape[:2] == size
        return _show_slide(viewer, file, size)
    except UserError:
        return False


def _show_slide(viewer: napari.Viewer, file: Path, size: tuple[int, ...]) -> bool:
    has_come = threading.Event()
    reader = BlockReader(file, told=has_come.set)
    window = viewer.window._qt_window
    if reader.wait().shapes[0] != size:
        reader.close()
        return False
    layer = viewer.add_image(levels_of(reader), name=file.name, rgb=True, multiscale=True, cache=False)

    def refresh() -> None:
        if has_come.is_set():
            has_come.clear()
            layer.refresh(extent=False, highlight=False)

    timer = QTimer(window)
    timer.timeout.connect(refresh)
    timer.start(REFRESH_MS)
    window.destroyed.connect(lambda _window=None: reader.close())
    return True


def _legend(folder: Path) -> tuple[dict[int | None, str], dict[int, str]]:
    """Colours and names by the value of the layer."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        classes = read_json(folder / LEGEND_NAME)["classes"]
        return (
            {int(each["value"]) + 1: str(each["color"]) for each in classes},
            {int(each["value"]) + 1: str(each["name"]) for each in classes},
        )
    return {}, {}
