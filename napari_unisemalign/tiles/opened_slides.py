"""Slides that napari opens as images of their own: read in the background as far as they are looked at."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import ROLE_KEY
from napari_unisemalign.app.slide_layers import REFRESH_MS, SlideLevel, levels_of
from training_core.base.errors import ImageError
from training_core.base.i18n import tr
from training_core.base.printable import printable
from training_core.io.block_reader import BlockReader
from training_core.io.inspection import QuestionError
from training_core.io.slide_parts import without_parts


class OpenedSlides:
    """Makes the layers, and draws them again when more was read."""

    def __init__(self, context: Context) -> None:
        self._viewer, self._post, self._reporter = context.viewer, context.background.post, context.reporter
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._refresh)

    def new_among(self, paths: Sequence[Path]) -> list[Path]:
        """These slides, without files that belong to a slide that is open: napari hands several over one by one."""
        opened = [Path(layer.source.path) for layer in self._viewer.layers if _is_slide(layer) and layer.source.path]
        whole = without_parts([*opened, *paths])
        new = [path for path in paths if path in whole]
        for path in paths:
            if path not in new:
                words = tr("{name} belongs to a slide that is open already.")
                self._reporter.info(words.format(name=printable(path.name)))
        return new

    def layer_data(self, path: Path) -> tuple[Any, dict[str, Any], str]:
        """What napari makes a layer of: the levels of a slide, at its pixel size where the file states it.

        Raises
        ------
        UserError: it cannot be read.
        """
        reader = BlockReader(path, told=_telling(self._post, weakref.WeakMethod(self._later)))
        try:
            mpp_um = reader.wait().mpp_um
        except QuestionError as question:
            hint = tr("make a project of it: its form asks, and shows the choices")
            raise ImageError(question.given, question.needed, hint) from question
        levels = levels_of(reader)
        weakref.finalize(levels[0], reader.close)  # the layer is gone, and the file is closed
        scale, unit = (1.0, "pixel") if mpp_um is None else (mpp_um, "um")
        options = {"name": path.stem, "rgb": True, "multiscale": True, "cache": False}
        return levels, {**options, "scale": (scale, scale), "units": (unit, unit)}, "image"

    def _later(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _refresh(self) -> None:
        for layer in self._viewer.layers:
            if _is_slide(layer):
                layer.refresh(extent=False, highlight=False)


def _is_slide(layer: Any) -> bool:
    """Whether a layer was made here; what shows the slide of a tile has a role."""
    is_own = ROLE_KEY not in layer.metadata and getattr(layer, "multiscale", False)
    return is_own and isinstance(layer.data[0], SlideLevel)


def _telling(
    post: Callable[[Callable[[], None]], None], later: weakref.WeakMethod[Callable[[], None]]
) -> Callable[[], None]:
    """What a reader's thread calls; it keeps no window alive, and so no layer whose end would end it."""

    def tell() -> None:
        method = later()
        if method is not None:
            post(method)

    return tell
