from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_unisemalign.app import availability
from napari_unisemalign.app.session import Session
from napari_unisemalign.app.training_curves import MAX_POINTS
from napari_unisemalign.app.training_state import Phase
from training_core.messages.events import OverlayReady, RunFailed, RunFinished, RunStarted, Status, StepDone, Validated
from training_core.project import LabelSource, Project, TileState

RUN = "20260101-000000"


@pytest.fixture
def session(project: Project) -> Session:
    session = Session()
    session.set_project(project)
    session.set_tile("tile_01")
    return session


def started() -> RunStarted:
    return RunStarted(
        run_id=RUN, run_dir="r", device="cpu", precision="float32", encoder="e", class_ids=(0, 1),
        n_labeled=2, n_unlabeled=38, n_val=2, total_steps=None,
    )  # fmt: skip


def step(number: int, **losses: float) -> StepDone:
    return StepDone(
        run_id=RUN, elapsed_s=number, step=number, progress=number / 10, eta_s=10.0 - number,
        losses=losses or {"total": 1 / number}, threshold=0.7, confident_share=0.5,
    )  # fmt: skip


def finished(run_id: str = RUN) -> RunFinished:
    return RunFinished(run_id=run_id, run_dir="r", reason="budget", steps=9, seconds=9.0, mdice=81.0, mjaccard=70.0)


def overlay(tile: str, run_id: str = RUN) -> OverlayReady:
    return OverlayReady(run_id=run_id, step=5, tile=tile, prediction="p", pseudo_label="q", confidence="c")


def label(project: Project, name: str, source: LabelSource = LabelSource.PAINTED) -> None:
    ids = np.full((96, 96), 255, np.uint8)
    ids[:9, :9] = 1
    project.write_label(name, ids, source)


def painted(tile: str) -> OverlayReady:
    return OverlayReady(
        run_id="", step=1, tile=tile, prediction="lp", pseudo_label="lq", confidence="lc", source="live"
    )


def test_live_overlays_are_shown_until_the_network_has_newer_ones_or_live_ends(session: Session) -> None:
    changed: list[str] = []
    session.overlays_changed.connect(changed.append)
    session.apply(painted("tile_01"))
    shown = session.overlays("tile_01")
    assert shown is not None
    assert (shown.run_id, shown.prediction.name) == ("live", "lp")
    assert availability.why_not_reject(session).startswith("The live preview changes")
    session.begin_training()
    session.apply(started())
    session.apply(overlay("tile_01"))
    shown = session.overlays("tile_01")
    assert shown is not None
    assert shown.run_id == RUN
    session.apply(painted("tile_01"))
    assert session.is_painted("tile_01")
    session.end_live()
    shown = session.overlays("tile_01")
    assert shown is not None
    assert shown.run_id == RUN
    assert changed == ["tile_01"] * 4


def test_the_quick_starts_overlay_comes_before_the_run_has_a_name(session: Session) -> None:
    session.begin_training()
    session.apply(overlay("tile_01", run_id="").model_copy(update={"source": "quick_start"}))
    shown = session.overlays("tile_01")
    assert shown is not None
    assert shown.run_id == "quick_start"


def test_the_session_needs_no_qt() -> None:
    code = (
        "import sys; import napari_unisemalign.app.session, napari_unisemalign.app.availability; "
        "assert not [m for m in sys.modules if m.split('.')[0] in ('qtpy', 'PyQt5', 'PyQt6', 'napari', 'torch')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_from_start_to_end(session: Session) -> None:
    phases, curves = [], []
    session.training_changed.connect(lambda training: phases.append(training.phase))
    session.curves_changed.connect(lambda each: curves.append(len(each.loss)))
    session.begin_training()
    session.apply(started())
    assert session.training.message == (
        "Training on 2 annotated tiles, 38 without annotations and 2 for validation (CPU)."
    )
    session.apply(step(1))
    session.apply(step(2, hard=0.25, labeled=0.5))
    assert session.curves.loss == [(1.0, 1.0), (2.0, 0.75)]
    assert session.training.progress == 0.2
    assert session.training.eta_s == 8.0
    session.apply(
        Validated(
            run_id=RUN,
            elapsed_s=3.0,
            step=2,
            mdice=66.5,
            mjaccard=50.0,
            dice_by_class={},
            measured_on="training",
            is_best=True,
        )
    )
    assert session.curves.dice == []  # a Dice on training tiles is no figure to show
    assert session.curves.is_unmeasured
    assert session.training.message.startswith("2 steps done. Without validation tiles nothing measures")
    session.begin_stopping()
    session.apply(step(3))
    assert session.training.eta_s is None
    session.apply(Status(run_id=RUN, message="Predicting tile 1 of 4"))
    assert session.training.message == "Predicting tile 1 of 4"
    session.apply(finished())
    session.end_training("Done.")
    assert session.training.finished
    assert session.training.message == "Done."
    assert phases[0] is Phase.STARTING
    assert Phase.STOPPING in phases
    assert phases[-1] is Phase.IDLE
    assert curves == [0, 1, 2, 2, 3]


def test_a_stop_before_the_run_has_begun_is_not_forgotten(session: Session) -> None:
    session.begin_training()
    session.begin_stopping()
    session.apply(started())
    assert session.training.phase is Phase.STOPPING


def test_the_curve_of_a_long_run_stays_small(session: Session) -> None:
    session.begin_training()
    for number in range(1, MAX_POINTS + 500):
        session.apply(step(number))
    assert len(session.curves.loss) <= MAX_POINTS
    assert session.curves.loss[0][0] == 1
    assert session.curves.loss[-1][0] == MAX_POINTS + 499


def test_live_overlays_win_while_training_and_vanish_with_a_failed_run(session: Session) -> None:
    told: list[str] = []
    session.overlays_changed.connect(told.append)
    session.begin_training()
    session.apply(started())
    session.apply(overlay("tile_01"))
    live = session.overlays("tile_01")
    assert live is not None
    assert live.live
    assert live.prediction == Path("p")
    assert session.overlays("tile_02") is None
    assert told == ["tile_01"]
    session.apply(RunFailed(run_id=RUN, message="no"))
    session.end_training("no")
    assert session.overlays("tile_01") is None


def test_counts_add_up_and_a_round_has_one_figure_with_its_measure(session: Session) -> None:
    """3 annotated, 2 of them in part, 19 not annotated and 3 for validation: 25 tiles."""
    session.begin_training()
    session.apply(started().model_copy(update={"n_labeled": 3, "n_unlabeled": 21, "n_partly": 2, "n_val": 3}))
    assert session.training.message == (
        "Training on 3 annotated tiles, 19 without annotations and 3 for validation; "
        "the unpainted parts of 2 annotated ones help too (CPU)."
    )
    point = {"run_id": RUN, "mjaccard": 50.0, "dice_by_class": {1: 70.0}, "is_best": True}
    session.apply(Validated(**point, elapsed_s=3, step=2, mdice=70.0, measured_on="held_out", n_tiles=2))
    assert session.training.message == "2 steps done. Without validation tiles nothing measures how good it is."
    assert session.curves.dice == []  # never one line with the Dice of another measure
    for step_number, mdice in ((4, 75.0), (6, 80.0)):
        validated = Validated(**point, elapsed_s=step_number, step=step_number, mdice=mdice, measured_on="validation")
        session.apply(validated.model_copy(update={"n_tiles": 3}))
    assert session.training.message == "Validation Dice 80.0\u00a0% (3 tiles) after 6 steps, the best so far."
    assert session.curves.dice == [(4.0, 75.0), (6.0, 80.0)]
    session.apply(finished())
    assert session.curves.dice[-1] == (6.0, 81.0)  # what the outcome says too


def test_overlays_come_from_the_latest_run_until_they_are_rejected(
    session: Session, project: Project, add_run: Callable[..., None]
) -> None:
    ids = np.zeros((96, 96), np.uint8)
    add_run(project, "20260101-000000", {"tile_01": ids, "tile_02": ids})
    add_run(project, "20260102-000000", {"tile_01": ids})
    stored = session.overlays("tile_01")
    assert stored is not None
    assert stored.run_id == "20260102-000000"
    assert not stored.live
    older = session.overlays("tile_02")
    assert older is not None
    assert older.run_id == "20260101-000000"  # the newer one has not predicted it
    assert session.overlays("tile_03") is None
    project.reject("tile_01", "20260102-000000")
    assert session.overlays("tile_01") is None
    assert "rejected" in availability.why_no_overlays(session)


def test_next_goes_to_what_waits_for_review(session: Session, project: Project, add_run: Callable[..., None]) -> None:
    assert session.next_to_review() == "tile_02"
    ids = np.zeros((96, 96), np.uint8)
    add_run(project, RUN, {"tile_03": ids, "tile_04": ids})
    assert project.state("tile_03") is TileState.PREDICTED
    assert session.next_to_review() == "tile_03"
    session.set_tile("tile_04")
    assert session.next_to_review() == "tile_03"
    assert session.neighbor(1) is None
    assert session.neighbor(-1) == "tile_03"


def test_why_not_train(session: Session, project: Project) -> None:
    assert "0 done" in availability.why_not_train(session)
    label(project, "tile_01")
    assert "1 done" in availability.why_not_train(session)
    label(project, "tile_02")
    assert availability.why_not_train(session) == ""
    session.begin_training()
    assert "running" in availability.why_not_train(session)
    assert availability.why_not_stop(session) == ""
    session.begin_stopping()
    assert "Stopping" in availability.why_not_stop(session)
    assert "Stop the training" in availability.why_not_switch_project(session)


def test_why_not_export(session: Session, project: Project) -> None:
    for content in ("labels", "predictions", "merged"):
        assert availability.why_not_export(session, content)
    label(project, "tile_01")
    assert availability.why_not_export(session, "labels") == ""
    assert availability.why_not_export(session, "merged") == ""
    assert "Train first" in availability.why_not_export(session, "predictions")


def test_every_reason_is_a_sentence(session: Session) -> None:
    for state in (Session(), session):
        reasons = [
            availability.why_not_train(state),
            availability.why_not_stop(state),
            availability.why_no_overlays(state),
            availability.why_not_accept(state),
            availability.why_not_accept_area(state, drawn=False),
            availability.why_not_reject(state),
            availability.why_not_remove_class(state),
            availability.why_not_export(state, "labels"),
        ]
        assert all(reason.endswith(".") or reason.endswith("enough.") for reason in reasons), reasons


def test_another_tile_is_known_without_looking_for_the_next(session: Session) -> None:
    for listed in (("tile_01",), ("tile_02",), ("tile_01", "tile_03"), ()):
        session.set_listed(listed)
        assert session.has_other_tile is (session.next_to_review() is not None), listed


def test_the_first_overlay_and_the_network_s_are_a_key_apart(session: Session) -> None:
    def ready(source: str, prediction: str) -> OverlayReady:
        return overlay("tile_01").model_copy(update={"source": source, "prediction": prediction})

    told = []
    session.overlays_changed.connect(told.append)
    assert availability.why_no_other_overlays(session)
    session.begin_training()
    session.apply(started())
    session.apply(ready("quick_start", "first"))
    assert session.overlays_in_words("tile_01") == "First overlay: pixel classifier"
    assert not session.has_other_overlays("tile_01")
    session.apply(ready("network", "network"))
    assert session.overlays("tile_01").prediction == Path("network")
    assert session.overlays_in_words("tile_01") == "Network, in training"
    assert availability.why_no_other_overlays(session) == ""
    session.show_other_overlays()
    assert session.overlays("tile_01").prediction == Path("first")
    assert session.overlays_in_words("tile_01") == "First overlay: pixel classifier"
    session.apply(ready("network", "newer"))  # what was chosen stays chosen
    assert session.overlays("tile_01").prediction == Path("first")
    session.show_other_overlays()
    assert session.overlays("tile_01").prediction == Path("newer")
    assert told == ["tile_01"] * 5
    session.end_training("Done.")
    assert not session.has_other_overlays("tile_01")


def test_how_long_a_tile_takes_to_be_predicted_is_learned_from_the_last_training(session: Session) -> None:
    """From the last step at 90 s to the end at 110 s, for 4 tiles."""
    session.begin_training()
    session.apply(started())
    session.apply(step(90))
    session.apply(Status(run_id=RUN, elapsed_s=91.0, message="Choosing prediction settings"))
    assert session.curves.seconds_per_tile is None
    for number in range(4):
        session.apply(Status(run_id=RUN, elapsed_s=100.0 + 2.5 * number, message="Predicting", done=0.9, eta_s=1.0))
    session.apply(finished().model_copy(update={"elapsed_s": 110.0}))
    assert session.curves.seconds_per_tile == 5.0
    told = []
    session.pace_changed.connect(lambda: told.append(session.seconds_per_tile))
    session.set_pace(2.5)
    session.set_pace(2.5)
    assert told == [2.5]
