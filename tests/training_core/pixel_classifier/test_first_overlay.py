"""The first overlays of a run: from the light head, until the validation tiles find the network's as good."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training_core.class_maps.pixel_scores import Scores
from training_core.compute.device import Compute
from training_core.data.held_out import draw_held_out
from training_core.data.previous_run import PreviousRun
from training_core.data.scored_labels import ScoredLabels
from training_core.data.tile_pool import TilePool
from training_core.io import read_mask
from training_core.messages.events import (
    Event,
    OverlayReady,
    RunStarted,
    Show,
    Status,
    StepDone,
    Validated,
    Warned,
    parse_event,
)
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.first_overlay import STEPS_WITHOUT_COMPARISON, QuickStart
from training_core.project import LabelSource, Project
from training_core.settings.schema import Config, resolve
from training_core.training.run import Request, train

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]
React = Callable[[Event, Messenger], None]


def run(project: Project, config: Config, react: React = lambda event, messenger: None, **request: Any) -> list[Event]:
    messenger, events = Messenger(), []

    def listen(event: Event) -> None:
        events.append(event)
        react(event, messenger)

    messenger.listener = listen
    train(Request(project, config, **request), messenger)
    return events


def of(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def said(events: list[Event]) -> list[str]:
    return [event.message for event in of(Status, events)]


def quick(small_config: MakeConfig, **schedule: Any) -> Config:
    return small_config(schedule={"quick_start": True, **schedule})


def scores(mdice: float) -> Scores:
    return Scores(mdice, mdice, {0: mdice, 1: mdice}, {0: mdice, 1: mdice}, ())


def started(project: Project, **config: Any) -> tuple[QuickStart, list[Event]]:
    events: list[Event] = []
    compute, latest = Compute(torch.device("cpu"), "float32"), project.latest_run_id()
    before = PreviousRun(project, latest) if latest else None
    judge = QuickStart(project, resolve(config), compute, Messenger(events.append), before=before)
    labeled, val = project.labeled_names(), project.val_names()
    pool = TilePool(project, (*labeled, *val), [each.id for each in project.classes])
    truth = ScoredLabels("validation", val, pool) if val else None
    judge.compare_on(truth, labeled, pool.label_ids)
    return judge, events


# --- in a run ---------------------------------------------------------------------------------------------------------


def test_the_shown_tile_is_painted_before_training_and_stays_while_the_network_is_worse(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    project = make_project(ids=(0, 3))
    events = run(project, quick(small_config), show="u_1")
    (overlay,) = of(OverlayReady, events)
    assert (overlay.step, overlay.tile, overlay.source) == (0, "u_1", "quick_start")
    kinds = [type(event) for event in events]
    assert kinds.index(OverlayReady) < kinds.index(RunStarted)
    assert Path(overlay.prediction) == project.path / "cache" / "quick_start" / "u_1.prediction.png"
    prediction = read_mask(Path(overlay.prediction))
    assert set(np.unique(prediction)) == {0, 3}
    assert (prediction == read_mask(tmp_path / "masks" / "u_1.png")).mean() > 0.8
    stays = [
        text
        for text in said(events)
        if text.startswith("The overlay still comes from the pixel classifier: the network has a validation")
    ]
    assert len(stays) == len(of(Validated, events)) == 2
    warnings = [event.message for event in of(Warned, events)]
    assert sum("The predictions of the tiles come from the pixel classifier" in text for text in warnings) == 1
    (run_dir,) = project.runs_dir.iterdir()
    assert not (run_dir / "overlays").exists()


def test_round_two_paints_before_the_encoder_is_loaded(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    config = quick(small_config, steps=1)
    first, second = (run(project, config, show="u_1") for _ in range(2))
    assert said(first)[0] == "Loading the encoder"
    assert isinstance(first[1], OverlayReady)
    assert isinstance(second[0], OverlayReady)


def test_training_is_the_same_with_and_without_it(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    without = run(project, small_config(), show="u_1")
    with_it = run(project, quick(small_config), show="u_1")
    again = run(project, quick(small_config), show="u_1")  # from the cache
    losses = [[event.losses for event in of(StepDone, events)] for events in (without, with_it, again)]
    assert losses[0] == losses[1] == losses[2]
    assert {event.source for event in of(OverlayReady, without)} == {"network"}


def test_a_tile_turned_to_is_answered_at_once_by_who_paints(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """Without a tile at the start nothing is fitted; then the head answers, also of a tile it has not seen."""

    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            messenger._commands.put(Show(tile="u_2"))  # as the thread that reads standard input does

    events = run(make_project(), quick(small_config), react)
    (overlay,) = of(OverlayReady, events)
    assert (overlay.step, overlay.tile, overlay.source) == (1, "u_2", "quick_start")
    assert overlay.run_id == of(RunStarted, events)[0].run_id


def test_after_a_validation_with_nothing_on_screen_the_network_answers(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, Validated) and event.step == 2:
            messenger._commands.put(Show(tile="u_2"))

    events = run(make_project(), quick(small_config), react)
    assert {event.source for event in of(OverlayReady, events)} == {"network"}


def test_a_missing_picture_costs_the_quick_start_not_the_run(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project(unlabeled=3)
    project.image_path("u_3").unlink()
    events = run(project, quick(small_config, steps=1), show="u_3")
    assert any(
        text.startswith("No overlay from the pixel classifier: ") and "u_3 is not at" in text for text in said(events)
    )
    assert not of(OverlayReady, events)


@pytest.mark.nightly
def test_the_command_line_tells_it_before_the_run(make_project: MakeProject, small_settings: Path) -> None:
    """As the window and `bench first-overlay` start it."""
    project = make_project()
    options = ["--config", str(small_settings), "--set", "schedule.quick_start=true", "--show", "u_2", "--events", "-"]
    process = subprocess.run(
        [sys.executable, "-m", "training_core", "train", str(project.path), *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    events = [parse_event(line) for line in process.stdout.splitlines()]
    kinds = [event.kind for event in events if event is not None]
    assert kinds.index("overlay_ready") < kinds.index("run_started")
    (overlay,) = [event for event in events if isinstance(event, OverlayReady)]
    assert (overlay.run_id, overlay.step, overlay.tile, overlay.source) == ("", 0, "u_2", "quick_start")
    assert read_mask(Path(overlay.prediction)).shape == (96, 96)
    assert process.stderr == ""


@pytest.mark.parametrize(("variant", "expected"), [("best", True), ("paper", False), ("released", False)])
def test_only_our_own_variant_has_it(variant: str, expected: bool) -> None:
    assert resolve({"variant": variant}).schedule.quick_start is expected
    assert resolve({"variant": variant, "schedule": {"steps": 5}}).schedule.quick_start is expected


# --- who may show -----------------------------------------------------------------------------------------------------


def test_the_network_takes_over_when_it_is_as_good_and_stays_as_good(make_project: MakeProject) -> None:
    judge, events = started(make_project())
    assert judge.show("u_1", 0)
    assert not judge.may_show(5, None)
    assert not judge.may_show(50, scores(1.0))
    assert judge._bar is not None
    assert judge.show("u_2", 60)  # still the head's business
    assert judge.may_show(100, scores(judge._bar))
    assert said(events)[-1].startswith("The overlay now comes from the network: validation Dice ")
    assert not judge.show("u_1", 110)
    assert judge.may_show(150, scores(99.0))
    assert not judge.may_show(200, scores(98.0))
    assert (
        said(events)[-1]
        == "The overlay still comes from an earlier step: the network has a validation Dice of 98.0 %, below 99.0 %."
    )
    assert not of(Warned, events)


def test_without_validation_tiles_the_network_takes_over_after_some_steps(make_project: MakeProject) -> None:
    judge, events = started(make_project(val=0))
    assert judge.show("u_1", 0)
    assert not judge.may_show(50, scores(99.0))  # training Dice says nothing
    assert judge.may_show(STEPS_WITHOUT_COMPARISON, None)
    assert said(events)[-1] == (
        "The overlay now comes from the network: after 100 steps; nothing can compare it with the pixel classifier."
    )
    assert not judge.show("u_2", STEPS_WITHOUT_COMPARISON + 1)
    assert judge.may_show(STEPS_WITHOUT_COMPARISON + 50, scores(1.0))


def test_without_validation_tiles_the_held_out_annotations_decide(make_project: MakeProject) -> None:
    """In the words of that measure; a later step that loses some of it again is shown, as long as it is good enough."""
    project = make_project(val=0)
    where = draw_held_out({name: project.label(name) for name in ("a_1", "a_2")}, 0).where
    events: list[Event] = []
    compute = Compute(torch.device("cpu"), "float32")
    judge = QuickStart(project, resolve({}), compute, Messenger(events.append), where)
    assert judge.show("u_1", 0)
    pool = TilePool(project, ("a_1", "a_2"), (0, 1), held_out=where)
    judge.compare_on(ScoredLabels("held_out", tuple(where), pool), ("a_1", "a_2"), pool.label_ids)
    assert not judge.may_show(50, scores(1.0))
    assert not judge.may_show(STEPS_WITHOUT_COMPARISON, None)
    bar = judge._bar
    assert bar is not None
    assert said(events)[-1] == (
        "The overlay still comes from the pixel classifier: the network agrees less with the held-out annotations."
    )
    assert judge.may_show(150, scores(100.0))
    assert said(events)[-1] == (
        "The overlay now comes from the network: it agrees with the held-out annotations as well as the pixel "
        "classifier."
    )
    assert not any("Dice" in each for each in said(events))
    assert judge.may_show(200, scores(bar))
    assert not judge.may_show(250, scores(bar - 1))


def test_with_nothing_painted_there_is_nothing_to_judge(make_project: MakeProject) -> None:
    project = make_project()
    label = project.label("a_1")
    for name in ("a_1", "a_2"):
        project.write_label(name, np.where(label == 1, 1, 255), LabelSource.PAINTED)
    judge, events = started(project)
    assert not judge.show("u_1", 0)
    assert "only class 1 is annotated" in said(events)[-1]
    assert judge.may_show(5, None)
    assert judge.may_show(50, scores(1.0))
    assert not judge.show("u_1", 51)


def test_the_encoder_is_built_once_and_chance_goes_on_as_if_it_was_built_then(make_project: MakeProject) -> None:
    from training_core.network.encoders import build_encoder

    judge, _ = started(make_project(), seed=4)
    assert judge.hand_over() is None
    before = torch.get_rng_state()
    judge.show("u_1", 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    build_encoder(resolve().encoder)
    expected = torch.rand(3)
    torch.manual_seed(9)
    encoder = judge.hand_over()
    assert encoder is not None
    assert torch.equal(torch.rand(3), expected)
    pristine = judge._encoder()
    assert pristine is not encoder  # the network trains the one, the head goes on with the other
    with torch.no_grad():
        next(encoder.trunk.parameters()).add_(1)
    assert not torch.equal(next(encoder.trunk.parameters()), next(pristine.trunk.parameters()))


def test_a_frozen_encoder_is_shared(make_project: MakeProject) -> None:
    judge, _ = started(make_project(), encoder={"fine_tune": "frozen"})
    judge.show("u_1", 0)
    assert judge.hand_over() is judge._encoder()
    later, _ = started(make_project(name="other"), encoder={"fine_tune": "frozen"})
    encoder = judge._encoder()
    later.share(encoder)
    assert later._encoder() is encoder


def test_round_two_goes_on_showing_round_one_until_the_network_is_as_good(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    project = make_project()
    run(project, quick(small_config), show="u_1")
    before = project.latest_run_id()
    assert before is not None
    second, events = started(project)
    assert second.show("u_1", 0)
    (overlay,) = of(OverlayReady, events)
    assert (overlay.source, overlay.step) == ("earlier_run", 0)
    assert Path(overlay.prediction) == project.runs_dir / before / "predictions" / "u_1.prediction.png"
    truth, written = (
        np.asarray(Image.open(path))
        for path in (tmp_path / "masks" / "v_1.png", project.runs_dir / before / "predictions" / "v_1.prediction.png")
    )
    by_class = [((truth == c) & (written == c)).sum() / ((truth == c).sum() + (written == c).sum()) for c in (0, 1)]
    bar = 200 * sum(by_class) / 2
    assert not second.may_show(5, None)
    assert not second.may_show(50, scores(bar - 1))
    assert said(events)[-1].startswith("The overlay still comes from the previous run: the network has a validation")
    assert second.may_show(100, scores(bar + 1))


def test_what_the_user_rejected_is_painted_by_the_head(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    run(project, quick(small_config), show="u_1")
    before = project.latest_run_id()
    assert before is not None
    project.reject("u_1", before)
    second, events = started(project)
    assert second.show("u_1", 0)
    assert of(OverlayReady, events)[0].source == "quick_start"
