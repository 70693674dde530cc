"""A flood of events: all are taken in, and what depends on them is refreshed once a turn."""

from __future__ import annotations

import sys
from typing import Any

from napari_unisemalign.app.process import Ending, TrainerProcess
from napari_unisemalign.app.session import Session
from napari_unisemalign.app.training_state import Phase
from training_core.messages.events import Status, StepDone, Validated

EVENTS = 3000


def test_what_depends_on_a_flood_is_refreshed_once_a_turn_with_the_newest_state(qtbot: Any) -> None:
    step = StepDone(
        run_id="", step=7, progress=0.5, eta_s=None, losses={"total": 0.5}, threshold=None, confident_share=None
    )
    scored = Validated(
        run_id="", step=7, mdice=50.0, mjaccard=40.0, dice_by_class={}, measured_on="validation", is_best=False
    )
    lines = [
        f"step = {step.model_dump_json()!r}",
        f"scored = {scored.model_dump_json()!r}",
        f"status = {Status(run_id='', message='NUMBER').model_dump_json()!r}",
        "import sys",
        f"for number in range({EVENTS}):",
        "    sys.stdout.write('\\n'.join((step, scored, status.replace('NUMBER', str(number)))) + '\\n')",
    ]
    session, process = Session(), TrainerProcess()
    refreshed, redrawn, endings, turns = list[str](), list[int](), list[Ending](), list[int]()
    session.training_changed.connect(lambda training: refreshed.append(training.message))
    session.curves_changed.connect(lambda curves: redrawn.append(len(curves.dice)))
    process.event_received.connect(session.apply)
    process.turn_began.connect(session.merged.hold)
    process.turn_began.connect(lambda: turns.append(1))
    process.turn_ended.connect(session.merged.release)
    process.ended.connect(endings.append)
    session.begin_training()
    process.start([sys.executable, "-c", "\n".join(lines)])
    qtbot.waitUntil(lambda: bool(endings), timeout=30_000)
    assert session.training.phase is Phase.STARTING
    assert session.training.message == refreshed[-1] == str(EVENTS - 1)
    assert len(session.curves.dice) == redrawn[-1] == EVENTS
    assert len(redrawn) <= len(turns) + 1  # one as the training began
    assert len(refreshed) <= len(turns) + 1
    assert len(turns) < EVENTS / 5


def test_a_project_that_was_closed_meanwhile_is_told_nothing() -> None:
    session = Session()
    told: list[object] = []
    session.merged.hold()
    session.apply(Status(run_id="", message="late"))
    session.set_project(None)
    session.training_changed.connect(told.append)
    session.merged.release()
    assert told == []
