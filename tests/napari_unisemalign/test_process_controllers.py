"""The controllers of the training's and the live preview's process, without a window and without a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unisemalign.app.context import Connections
from napari_unisemalign.app.image_notes import ImageNotes
from napari_unisemalign.app.layers import TileLayers
from napari_unisemalign.app.training_state import Phase
from napari_unisemalign.train import training as training_module
from napari_unisemalign.train.contracts import LiveSurface, TrainSurface
from napari_unisemalign.train.live_preview import MOST_CRASHES, LiveController
from napari_unisemalign.train.training import TrainingController
from tests.napari_unisemalign.without_window import StillProcess, bare_context, bare_labels, slot
from training_core.messages.events import (
    Leave,
    OverlayReady,
    Prepare,
    Prepared,
    RunFailed,
    RunFinished,
    RunStarted,
    Show,
    Status,
    StepDone,
    Stop,
    Validated,
)
from training_core.project import LabelSource, Project

RUN = "20260103-000000"


@pytest.fixture
def context(qapp: Any) -> Any:
    context = bare_context()
    context.viewer = ViewerModel()
    context.layers, context.connections = TileLayers(context.viewer, context.session.label), Connections()
    context.notes = create_autospec(ImageNotes, instance=True)
    return context


@pytest.fixture
def labels() -> Any:
    return bare_labels()


@pytest.fixture
def helper(context: Any) -> StillProcess:
    return StillProcess(context.owner, "live preview")


@pytest.fixture
def annotated(project: Project, truths: dict[str, np.ndarray]) -> Project:
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    return project


# --- the training -----------------------------------------------------------------------------------------------------


@pytest.fixture
def view() -> Any:
    view = create_autospec(TrainSurface, instance=True)
    view.minutes, view.labeled_only = 2.5, False
    return view


@pytest.fixture
def training(context: Any, view: Any, labels: Any, helper: StillProcess, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(training_module, "TrainerProcess", StillProcess)
    context.settings_are_fine = True
    return TrainingController(context, view, labels, lambda: context.settings_are_fine, helper)


def started() -> RunStarted:
    return RunStarted(
        run_id=RUN, run_dir="", device="cpu", precision="float32", encoder="", class_ids=(0, 1), n_labeled=2,
        n_unlabeled=2, n_val=1, total_steps=None,
    )  # fmt: skip


def finished(**values: Any) -> RunFinished:
    given = {"reason": "budget", "steps": 68, "seconds": 9.0, "mdice": None, "mjaccard": None}
    return RunFinished(run_id=RUN, run_dir="", **{**given, **values})


def begin(context: Any, training: Any, view: Any, project: Project) -> None:
    context.session.set_project(project)
    context.session.set_tile("tile_03")
    slot(view.start_clicked)()
    training.process.event_received.emit(started())


def test_a_training_starts_only_where_it_may(
    context: Any, training: Any, view: Any, labels: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    started_with = training.process.commands
    slot(view.start_clicked)()
    assert view.set_available.call_args.args[0] == "Open a project and paint a few tiles to train on."
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    context.session.set_project(project)
    slot(view.start_clicked)()
    assert "at least 2 tiles first (1 done)" in view.set_plan.call_args.args[0]
    project.write_label("tile_02", truths["tile_02"], LabelSource.PAINTED)
    context.session.model.labels_changed_outside(None)
    plan = "Ready to train on 2 annotated tiles, 2 without annotations and 0 for validation."
    assert view.set_plan.call_args == call(plan)
    context.settings_are_fine = False
    slot(view.start_clicked)()
    context.reporter.warning.assert_called_once()
    context.settings_are_fine, labels.flush.return_value = True, False
    slot(view.start_clicked)()  # strokes could not be saved
    assert started_with == []
    labels.flush.return_value = True
    context.session.set_tile("tile_03")
    slot(view.start_clicked)()
    (command,) = started_with
    assert command[command.index("train") :] == [
        "train", "--events", "-", "--background", str(project.path), "--minutes", "2.5", "--show", "tile_03",
    ]  # fmt: skip
    assert view.set_available.call_args == call("Training is running already.", "")
    assert view.set_plan.call_args == call("")


def test_a_training_that_has_ended_is_a_round_with_one_figure(
    context: Any, training: Any, view: Any, annotated: Project, add_run: Callable[..., None], truths: Any
) -> None:
    begin(context, training, view, annotated)
    assert view.set_active.call_args == call(True, memory="")
    say = training.process.event_received.emit
    step = {"losses": {"total": 1.0}, "threshold": None, "confident_share": None, "elapsed_s": 4.0}
    say(StepDone(run_id=RUN, step=60, progress=0.5, eta_s=4.0, memory_bytes=1_500_000_000, **step))
    assert view.set_active.call_args == call(True, memory="1.5 GB of memory")
    scores = {"mjaccard": None, "dice_by_class": {}, "measured_on": "validation", "n_tiles": 1, "elapsed_s": 5.0}
    say(Validated(run_id=RUN, step=60, mdice=79.0, is_best=True, **scores))
    assert context.session.training.message == "Validation Dice 79.0\u00a0% (1 tile) after 60 steps, the best so far."
    add_run(annotated, RUN, {"tile_03": truths["tile_03"]})
    say(finished(mdice=81.04))
    training.process.end()
    assert context.session.training.message == "Finished after 68 steps, validation Dice 81.0\u00a0% (1 tile)."
    assert context.session.curves.score == 81.04
    assert [each.run_id for each in annotated.rounds()] == [RUN]
    assert view.set_active.call_args == call(False, memory="")


def test_stop_and_leave_are_told_once_and_a_crash_is_said(
    context: Any, training: Any, view: Any, annotated: Project
) -> None:
    begin(context, training, view, annotated)
    slot(view.stop_clicked)()
    slot(view.stop_clicked)()
    assert training.process.told == [Stop()]
    assert view.set_available.call_args.args[1] == "Stopping already: what was learned is being saved."
    training.process.end(1)
    assert context.session.training.message == "Training ended unexpectedly; the message above says more."
    ((words, details), _keywords) = context.reporter.error.call_args
    assert "exit code 1" in words
    assert details == "the end of its standard error"
    begin(context, training, view, annotated)
    training.suspend()
    training.suspend()
    assert training.process.told == [Stop(), Leave()]
    training.process.end(130)
    assert context.session.training.message.startswith("Training is interrupted.")
    begin(context, training, view, annotated)
    training.process.event_received.emit(RunFailed(run_id=RUN, message="Only gland is annotated."))
    training.process.end(1)
    assert context.reporter.error.call_args == call("Only gland is annotated.")
    assert not annotated.rounds()


def test_the_training_follows_to_another_tile_and_the_helper_becomes_it(
    context: Any, training: Any, view: Any, helper: StillProcess, annotated: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(context, training, view, annotated)
    context.session.set_tile("tile_04")
    assert training.process.told == [Show(tile="tile_04")]
    training.kill()
    assert context.session.training.phase is Phase.IDLE
    helper.is_there = True
    taken = []
    monkeypatch.setattr(training.process, "take_over", lambda other, command: taken.append((other, command[-1])))
    slot(view.start_clicked)()
    assert taken == [(helper, "tile_04")]
    assert len(training.process.commands) == 1


# --- the live preview -------------------------------------------------------------------------------------------------


@pytest.fixture
def live_view() -> Any:
    return create_autospec(LiveSurface, instance=True)


@pytest.fixture
def live(live_preview: None, context: Any, live_view: Any, labels: Any, helper: StillProcess) -> LiveController:
    return LiveController(context, live_view, labels, helper)


def overlay(tile: str, project: Project) -> OverlayReady:
    file = str(project.path / "project.json")
    return OverlayReady(
        run_id="live", step=0, tile=tile, prediction=file, pseudo_label=file, confidence=file, source="live"
    )


def test_the_live_preview_gets_ready_and_answers_a_saved_stroke(
    context: Any, live: Any, live_view: Any, helper: StillProcess, annotated: Project
) -> None:
    context.session.set_project(annotated)
    assert helper.told == []  # no tile is on screen
    context.session.set_tile("tile_03")
    (command,) = helper.commands
    assert command[command.index("live") :] == ["live", "--background", "--offline", str(annotated.path)]
    ready = Prepare(tiles=("tile_03", "tile_04", "tile_02"))
    assert helper.told == [ready, Show(tile="tile_03")]
    context.session.model.label_changed_outside("tile_03")
    assert helper.told[2:] == [ready, Show(tile="tile_03")]
    helper.event_received.emit(Status(run_id="live", message="Live preview from the annotations of 2 tiles."))
    helper.event_received.emit(Prepared(run_id="live", tile="tile_03", memory_bytes=910_000_000))
    words = "Live preview from the annotations of 2 tiles. (0.9 GB of memory)"
    assert live_view.set_live_status.call_args == call(words)
    assert context.notes.set.call_args.args[1] == ""
    helper.event_received.emit(overlay("tile_03", annotated))
    assert context.session.is_painted("tile_03")
    assert context.notes.set.call_args.args[1] == "Live preview"


def test_a_better_prediction_is_not_replaced_by_the_live_preview(
    context: Any, live: Any, live_view: Any, helper: StillProcess, predicted_project: Project
) -> None:
    context.session.set_project(predicted_project)
    context.session.set_tile("tile_03")
    assert [type(each) for each in helper.told] == [Prepare]  # it gets ready for a training, and shows nothing
    before = context.session.overlays("tile_03")
    helper.event_received.emit(overlay("tile_03", predicted_project))
    assert context.session.overlays("tile_03") == before
    assert "which is better" in live_view.set_live_status.call_args.args[0]


def test_a_live_preview_that_crashes_is_told_and_stays_off_in_the_end(
    context: Any, live: Any, live_view: Any, helper: StillProcess, annotated: Project
) -> None:
    context.session.set_project(annotated)
    context.session.set_tile("tile_03")
    for _crash in range(MOST_CRASHES + 1):
        helper.end(-11, crashed=True)
        context.session.model.label_changed_outside("tile_03")  # a stroke starts it again
    assert len(helper.commands) == MOST_CRASHES + 1
    told = [each.args[0] for each in context.reporter.error.call_args_list]
    assert len(told) == 2
    assert "It starts again with the next stroke." in told[0]
    assert told[1].startswith(f"The live preview ended unexpectedly {MOST_CRASHES + 1} times.")
    slot(live_view.live_toggled)(False)
    slot(live_view.live_toggled)(True)
    assert len(helper.commands) == MOST_CRASHES + 2


def test_the_switch_ends_the_live_preview_and_its_overlays(
    context: Any, live: Any, live_view: Any, helper: StillProcess, annotated: Project
) -> None:
    assert live_view.set_live.call_args == call(True, "Open a project first.")
    context.session.set_project(annotated)
    context.session.set_tile("tile_03")
    helper.event_received.emit(overlay("tile_03", annotated))
    slot(live_view.live_toggled)(False)
    assert not helper.running
    assert context.session.overlays("tile_03") is None
    assert live_view.set_live.call_args == call(False, "")
    assert live_view.set_live_status.call_args == call("")
    context.session.set_tile("tile_04")
    assert len(helper.commands) == 1
    context.reporter.error.assert_not_called()
