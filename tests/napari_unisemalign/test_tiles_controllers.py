"""The controllers of the tiles, without a window: against the contracts of their views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest

from napari_unisemalign.tiles.contracts import GallerySurface, OrderSurface
from napari_unisemalign.tiles.tile_list import GalleryController
from napari_unisemalign.tiles.tile_order import Sort, TileFilter
from tests.napari_unisemalign.without_window import bare_context, slot
from training_core.project import LabelSource, Project

RUN = "20260101-000000"


@pytest.fixture
def view() -> Any:
    view = create_autospec(GallerySurface, instance=True)
    view.order = create_autospec(OrderSurface, instance=True)
    view.order.shown, view.order.sorting, view.order.search = TileFilter.ALL, Sort.PROJECT, ""
    return view


@pytest.fixture
def gallery(qapp: Any, view: Any) -> Any:
    context = bare_context()
    controller = GalleryController(context, view)
    controller.context = context  # type: ignore[attr-defined]
    return controller


def test_the_list_follows_its_filter_and_says_why_it_is_empty(
    gallery: Any, view: Any, project: Project, truths: dict[str, np.ndarray], qtbot: Any
) -> None:
    project.write_label("tile_03", truths["tile_03"], LabelSource.PAINTED)
    session = gallery.context.session
    session.set_project(project)
    qtbot.waitUntil(lambda: gallery.is_up_to_date and view.set_details.called)
    assert session.listed == ("tile_01", "tile_02", "tile_03", "tile_04")
    view.order.shown = TileFilter.LABELED
    slot(view.order.changed)()
    assert session.listed == ("tile_03",)
    assert view.order.set_hint.call_args == call("")
    view.order.search = "no such name"
    slot(view.order.changed)()
    assert session.listed == ()
    assert view.order.set_hint.call_args == call("No tile here has this name. Clear the search, or show all tiles.")


def test_the_rows_say_what_is_rejected_and_how_confident_the_rest_is(
    gallery: Any, view: Any, project: Project, truths: dict[str, np.ndarray], add_run: Callable[..., None], qtbot: Any
) -> None:
    """The confidence of `add_run` is 204 of 255 everywhere."""
    add_run(project, RUN, {name: truths[name] for name in ("tile_01", "tile_02")})
    project.reject("tile_02", RUN)
    gallery.context.session.set_project(project)
    qtbot.waitUntil(lambda: gallery.is_up_to_date and view.set_details.called)
    (details,) = view.set_details.call_args.args
    assert details["tile_02"].short == "rejected"
    assert details["tile_04"].short == ""
