"""The controllers of the frame and of the keys, without a window: against the contracts of their views."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import call, create_autospec

import pytest
from napari.components import ViewerModel
from npe2 import PluginManifest

from napari_unisemalign import manifest
from napari_unisemalign.actions.catalogue import ACTIONS, BY_ID
from napari_unisemalign.actions.contracts import KeysSheetSurface, WindowKeysSurface
from napari_unisemalign.actions.keys import KeysController
from napari_unisemalign.actions.shortcuts import canonical
from napari_unisemalign.app.context import Connections
from napari_unisemalign.app.dialogs import CloseAnswer
from napari_unisemalign.app.last_view import LastView, keep_view, last_view
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.process import TrainerProcess
from napari_unisemalign.shell.closing import LAST_WAIT_MS, ClosingController, Helper
from napari_unisemalign.shell.contracts import (
    CanvasSurface,
    ClosingSurface,
    DockingSurface,
    DocksSurface,
    DropsSurface,
    OpenedSurface,
    PlacesSurface,
    PointingSurface,
    ReportSurface,
    TourSurface,
    TourTarget,
)
from napari_unisemalign.shell.docks import DocksController
from napari_unisemalign.shell.drops import DropsController
from napari_unisemalign.shell.left_off import LeftOffController
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.shell.report import ReportController
from napari_unisemalign.shell.tour import TourController
from napari_unisemalign.tiles.making import MakingController
from napari_unisemalign.tiles.tiles import TilesController
from napari_unisemalign.train.training import TrainingController
from tests.napari_unisemalign.without_window import bare_context, bare_labels, slot
from training_core.project import Project


@pytest.fixture
def context(qapp: Any) -> Any:
    context = bare_context()
    context.viewer, context.connections = ViewerModel(), Connections()
    context.layers = create_autospec(TileLayers, instance=True)
    context.layers.pixel_size = 0.5
    return context


def surface(contract: type) -> Any:
    return create_autospec(contract, instance=True)


# --- tour -----------------------------------------------------------------------------------------------------------


def test_the_tour_opens_the_sample_first_and_points_at_one_thing_after_the_other(
    context: Any, project: Project, qtbot: Any
) -> None:
    card, pointer, making = surface(TourSurface), surface(PointingSurface), surface(MakingController)
    tour = TourController(context, card, pointer, making)
    tour.start()
    making.open_sample.assert_called_once_with()
    assert not pointer.point_at.called  # there is nothing to point at yet
    context.session.set_project(project)
    qtbot.waitUntil(lambda: pointer.point_at.called)
    card.take_focus.assert_called_once_with()
    order = [TourTarget.TILES, TourTarget.CLASSES, TourTarget.START, TourTarget.STATUS, TourTarget.PREDICTION,
             TourTarget.ACCEPT, TourTarget.EXPORT]  # fmt: skip
    for _each in order[1:]:
        slot(card.next_clicked)()
    assert [each.args[0] for each in pointer.point_at.call_args_list] == order
    assert card.show_stop.call_args.args[:3] == (7, 7, "Export")
    slot(card.back_clicked)()
    assert pointer.point_at.call_args == call(TourTarget.ACCEPT)
    card.take_focus.assert_called_once_with()  # the focus stays where the user has it
    slot(card.left)()
    assert pointer.point_at.call_args == call(None)
    card.hide.assert_called_once_with()
    slot(card.next_clicked)()  # of a card that is going
    assert pointer.point_at.call_args == call(None)


# --- docks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def docks(context: Any) -> tuple[DocksController, Any]:
    view = surface(DocksSurface)
    view.has_tiles, view.napari_is_folded = False, False
    view.dock_tiles.side_effect = lambda: setattr(view, "has_tiles", True)
    return DocksController(context, view), view


def test_docks_follow_the_project_from_when_the_panel_is_docked(context: Any, docks: Any, project: Project) -> None:
    _controller, view = docks
    scale_bar = context.viewer.canvas.overlays.scale_bar
    context.session.set_project(project)
    assert not view.fold_napari.called  # the panel is in no window
    slot(view.docked)()
    assert (view.dock_tiles.call_count, view.fold_napari.call_count, view.show_tiles.call_count) == (1, 1, 1)
    assert scale_bar.visible
    slot(view.docked)()  # again, such as after it floated
    assert view.dock_tiles.call_count == 1
    context.session.set_project(None)
    assert (view.hide_tiles.call_count, view.unfold_napari.call_count) == (1, 1)
    slot(view.undocked)()
    assert (view.release_tiles.call_count, view.unfold_napari.call_count, scale_bar.visible) == (1, 2, False)


def test_napari_s_docks_come_and_go_with_one_command(docks: Any) -> None:
    controller, view = docks
    controller.toggle_napari()
    assert (view.fold_napari.call_count, view.unfold_napari.call_count) == (1, 0)
    view.napari_is_folded = True
    controller.toggle_napari()
    assert (view.fold_napari.call_count, view.unfold_napari.call_count) == (1, 1)


# --- closing --------------------------------------------------------------------------------------------------------


class Closing:
    """A controller that stands before a closing, with all that it speaks to."""

    def __init__(self, context: Any) -> None:
        self.context, self.view, self.labels = context, surface(ClosingSurface), bare_labels()
        self.training, self.helper, self.put_away = surface(TrainingController), surface(Helper), []
        self.training.process = surface(TrainerProcess)
        self.view.is_left = False
        self.controller = ClosingController(
            context, self.view, self.labels, self.training, (self.helper,), lambda: self.put_away.append(True)
        )
        self.may_close, self.closed = self.view.ask_first.call_args.args


@pytest.fixture
def closing(context: Any) -> Closing:
    return Closing(context)


def test_a_window_closes_at_once_where_nothing_is_to_be_saved(closing: Closing) -> None:
    assert closing.may_close()
    closing.helper.stop.assert_called_once_with()
    assert not closing.context.dialogs.close_unsaved.called


@pytest.mark.parametrize("answer", [True, False])
def test_strokes_that_cannot_be_saved_are_asked_about(closing: Closing, answer: bool) -> None:
    closing.labels.flush.return_value, closing.labels.unsaved_names.return_value = False, ("tile_02",)
    closing.context.dialogs.close_unsaved.return_value = answer
    assert closing.may_close() is answer
    closing.context.dialogs.close_unsaved.assert_called_once_with(("tile_02",))
    assert closing.helper.stop.called is answer


@pytest.mark.parametrize("answer", list(CloseAnswer))
def test_a_training_is_asked_about_and_the_window_closes_when_it_has_ended(
    closing: Closing, answer: CloseAnswer, qtbot: Any
) -> None:
    closing.context.session.begin_training()
    closing.context.dialogs.close_while_training.return_value = answer
    assert not closing.may_close()
    assert closing.training.stop.called is (answer is CloseAnswer.FINISH)
    assert closing.training.suspend.called is (answer is CloseAnswer.LATER)
    closing.context.session.end_training("")
    if answer is CloseAnswer.CANCEL:
        qtbot.wait(20)
        assert not closing.view.close_window.called
    else:
        qtbot.waitUntil(lambda: closing.view.close_window.called)


def test_a_script_that_closes_asks_nobody_and_a_training_that_hangs_is_ended(closing: Closing) -> None:
    closing.context.session.begin_training()
    closing.training.process.wait.return_value = False
    closing.closed()
    closing.labels.flush.assert_called_once_with()
    closing.training.suspend.assert_called_once_with()
    closing.training.process.wait.assert_called_once_with(LAST_WAIT_MS)
    closing.training.kill.assert_called_once_with()
    assert not closing.context.dialogs.close_while_training.called


def test_the_project_goes_with_the_panel_unless_strokes_would_be_lost(closing: Closing) -> None:
    closing.labels.flush.return_value, closing.context.dialogs.close_unsaved.return_value = False, False
    slot(closing.view.left)()
    closing.view.dock_again.assert_called_once_with()
    assert closing.put_away == []
    closing.labels.flush.return_value = True
    slot(closing.view.left)()
    assert closing.put_away == [True]
    closing.view.let_go.assert_called_once_with()
    closing.view.delete.assert_called_once_with()


def test_a_panel_that_is_closed_while_training_comes_back_or_goes_when_it_has_ended(
    closing: Closing, qtbot: Any
) -> None:
    closing.context.session.begin_training()
    closing.context.dialogs.close_while_training.return_value = CloseAnswer.CANCEL
    slot(closing.view.left)()
    closing.view.dock_again.assert_called_once_with()
    closing.context.dialogs.close_while_training.return_value = CloseAnswer.FINISH
    slot(closing.view.left)()
    closing.view.is_left = True
    assert closing.put_away == []
    closing.context.session.end_training("")
    qtbot.waitUntil(lambda: closing.put_away == [True])
    assert not closing.view.close_window.called


# --- report ---------------------------------------------------------------------------------------------------------


def test_a_report_names_nothing_and_has_the_picture_painted_over_where_a_name_stands(
    context: Any, project: Project, tmp_path: Path
) -> None:
    view = surface(ReportSurface)
    view.said, view.picture.return_value = (f"{project.path}/labels/tile_01.png is damaged", ""), b"PNG"
    context.session.set_project(project)
    context.dialogs.report_file.return_value = None
    report = ReportController(context, view)
    report.save()
    assert not view.picture.called  # the user thought better of it
    context.dialogs.report_file.return_value = tmp_path / "problem.zip"
    report.save()
    with zipfile.ZipFile(tmp_path / "problem.zip") as file:
        assert (set(file.namelist()), file.read("panel.png")) == ({"report.txt", "panel.png"}, b"PNG")
        text = file.read("report.txt").decode()
    assert "message: PATH is damaged" in text
    assert "tile_01" not in text
    (tells,) = view.picture.call_args.args
    assert [tells(each) for each in ("tile_03  3/4", "Start training")] == [True, False]


# --- where a project was left ---------------------------------------------------------------------------------------


def test_a_project_opens_on_the_page_and_at_the_place_where_it_was_left(
    context: Any, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera is in µm, what is kept in pixels: with 0.5 µm/px, pixel (40, 20) is at 20 and 10 µm."""
    monkeypatch.setattr("napari_unisemalign.app.last_view.views_file", lambda: tmp_path / "views.json")
    keep_view(project.path, LastView("tile_02", "results", 3.0, (40.0, 20.0)))
    pages, camera = surface(PlacesSurface), context.viewer.scene.camera
    pages.place = Place.RESULTS
    left_off = LeftOffController(context, pages)
    context.session.set_project(project)
    context.session.set_tile("tile_02")
    pages.show_place.assert_called_once_with(Place.RESULTS)
    assert (camera.zoom, tuple(camera.center[-2:])) == (6.0, (20.0, 10.0))
    context.session.set_tile("tile_03")
    assert pages.show_place.call_count == 1  # only the tile that was left is put where it was
    camera.center, camera.zoom, pages.place = (5.0, 8.0), 2.0, Place.ANNOTATE
    left_off.keep()
    assert last_view(project.path) == LastView("tile_03", "annotate", 1.0, (10.0, 16.0))
    assert len(json.loads((tmp_path / "views.json").read_text())) == 1


# --- drops ----------------------------------------------------------------------------------------------------------


class Drops:
    """A controller of what is dropped, with all that it speaks to."""

    def __init__(self, context: Any) -> None:
        self.context, self.view, self.docking = context, surface(DropsSurface), surface(DockingSurface)
        self.canvas, self.opened = surface(CanvasSurface), surface(OpenedSurface)
        self.tiles, self.making = surface(TilesController), surface(MakingController)
        self.controller = DropsController(
            context, self.view, self.docking, self.canvas, self.opened, self.tiles, self.making
        )


@pytest.fixture
def drops(context: Any) -> Drops:
    return Drops(context)


def test_a_project_that_is_dropped_is_opened_and_files_are_offered_together(
    drops: Drops, project: Project, tmp_path: Path, qtbot: Any
) -> None:
    slot(drops.view.dropped)([project.path])
    slot(drops.canvas.project_dropped)(project.path)
    qtbot.waitUntil(lambda: drops.tiles.open_project.call_count == 2)
    assert drops.tiles.open_project.call_args == call(project.path)
    first, second = tmp_path / "a.svs", tmp_path / "b.svs"
    slot(drops.view.dropped)([first])
    slot(drops.view.dropped)([first, second])  # one by one, and one of them twice
    qtbot.waitUntil(lambda: drops.making.make_project.called)
    drops.making.make_project.assert_called_once_with([first, second])
    drops.context.session.set_project(project)
    drops.controller.offer([second])
    qtbot.waitUntil(lambda: drops.making.add_images.called)
    drops.making.add_images.assert_called_once_with([second])


def test_drawings_are_imported_into_the_open_project_only(drops: Drops, project: Project, qtbot: Any) -> None:
    drawing = Path("regions.geojson")
    drops.controller.offer([drawing])
    qtbot.waitUntil(lambda: drops.context.reporter.warning.called)
    assert not drops.making.import_drawings.called
    drops.context.session.set_project(project)
    drops.controller.offer([drawing])
    qtbot.waitUntil(lambda: drops.making.import_drawings.called)
    drops.making.import_drawings.assert_called_once_with([drawing])


def test_the_canvas_is_watched_from_when_the_panel_is_docked(drops: Drops) -> None:
    assert slot(drops.docking.docked) is drops.canvas.watch


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(plugin_settings: Any, npe2pm: Any) -> Iterator[None]:
    """Napari knows our manifest, and keeps its settings in this test's folder."""
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_file(manifest.PATH)):
        yield


class Keys:
    """The controller of the keys, with a sheet for each time that one is asked for."""

    def __init__(self, context: Any, menu: dict[str, str]) -> None:
        self.context, self.window, self.sheets = context, surface(WindowKeysSurface), []
        self.window.menu_keys.return_value, self.told = menu, []
        self.controller = KeysController(context, self.window, self._make, self.told.append)

    def _make(self) -> Any:
        self.sheets.append(surface(KeysSheetSurface))
        return self.sheets[-1]


def test_the_sheet_lists_every_command_and_changes_its_key_and_is_made_anew_when_it_was_closed(
    installed: None, context: Any
) -> None:
    keys = Keys(context, {"Alt+S": "Save Screenshot..."})
    assert keys.told[0][:2] == ["1", "2"]
    keys.controller.show()
    keys.controller.show()
    (sheet,) = keys.sheets
    assert sheet.present.call_count == 2
    ids = [row.id for row in sheet.set_rows.call_args.args[0] if row.id]
    assert sorted(ids) == sorted(action.id for action in ACTIONS)
    slot(sheet.key_wanted)("next-tile", "Alt+S")
    assert "Save Screenshot" in sheet.say.call_args.args[0]  # why it cannot have this one
    assert keys.window.set_keys.call_args.args[0]["next-tile"] == BY_ID["next-tile"].key
    slot(sheet.key_wanted)("next-tile", "Ctrl+J")
    assert sheet.say.call_args == call("The key is changed.")
    assert keys.window.set_keys.call_args.args[0]["next-tile"] == "Ctrl+J"
    assert {row.id: row.key for row in sheet.set_rows.call_args.args[0]}["next-tile"] == "Ctrl+J"
    slot(sheet.reset_wanted)()
    assert keys.window.set_keys.call_args.args[0]["next-tile"] == BY_ID["next-tile"].key
    slot(sheet.destroyed)()
    assert keys.controller.dialog is None
    keys.controller.show()
    assert len(keys.sheets) == 2
    keys.controller.close()
    keys.window.close.assert_called_once_with()
    keys.sheets[-1].close.assert_called_once_with()


def test_a_key_that_a_menu_has_too_is_told_when_the_panel_is_docked(installed: None, context: Any) -> None:
    keys = Keys(context, {canonical(BY_ID["next-tile"].key): "Something else"})
    assert not context.reporter.warning.called
    keys.controller.on_docked()
    keys.window.bind.assert_called_once_with()
    (words,) = context.reporter.warning.call_args.args
    assert "does nothing: it is both “Show the next tile” and napari's “Something else”" in words
