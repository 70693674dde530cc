"""How well the time left is foretold, with a clock that the test moves: every part of a run costs what it is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from training_core.prediction.calibration import candidate_scales, usual_scale
from training_core.project import Project
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config
from training_core.training.schedule import Budget
from training_core.training.time_left import Bar, Forecast, Pace

PX_S, STEP_S = 2e-3, 0.8
"""Seconds for a pixel through the network and for a step: on these small tiles the end takes as long as the steps."""


def forecast_of(project: Project, config: Config) -> tuple[Forecast, Split]:
    names = [tile.name for tile in project.tiles]
    split = Split(labeled=tuple(names[:2]), unlabeled=tuple(names[2:4]), val=tuple(names[4:]))
    return Forecast(project, split, split.val, config, Budget(config.schedule, 10)), split


def live(project: Project, config: Config) -> tuple[list[tuple[float, float, float]], float]:
    """A whole run on the made clock: (share of the steps, time, foretold end) after each step, and the real end."""
    forecast, split = forecast_of(project, config)
    total, every, views = config.schedule.steps, config.schedule.validate_every_steps, config.inference.views or 4
    scale = usual_scale(config)
    now, told = 0.0, []
    for step in range(1, total + 1):
        now += STEP_S
        forecast.stepped(STEP_S)
        left = forecast.left_s(step, now)
        assert left is not None
        told.append((step / total, now, now + left))
        if step % every == 0 or step == total:
            took = forecast.pixels(split.val) * scale**2 * PX_S
            now += took
            forecast.validated((scale,), 1, took)
    scales = candidate_scales(config)
    now += forecast.pixels(split.val) * views * sum(each**2 for each in scales) * PX_S
    now += forecast.pixels(tile.name for tile in project.tiles) * views * scale**2 * PX_S
    return told, now


@pytest.mark.parametrize("views", [1, 4])
def test_after_the_first_tenth_the_end_is_foretold_within_a_fifth(
    make_project: Callable[..., Project], small_config: Callable[..., Config], views: int
) -> None:
    config = small_config(
        schedule={"steps": 400, "validate_every_steps": 40}, inference={"views": views, "scale": None}
    )
    told, end = live(make_project(), config)
    for share, _, foretold in told:
        if share > 0.1:
            assert foretold == pytest.approx(end, rel=0.2)
    assert told[-1][2] == pytest.approx(end, rel=0.01)


def test_a_short_training_with_many_tiles_is_estimated_within_a_fifth_and_its_bar_moves(
    make_project: Callable[..., Project], small_config: Callable[..., Config]
) -> None:
    """Six steps, then 200 tiles, which take most of the time; writing one takes a fourth of predicting it."""
    config = small_config(schedule={"steps": 6, "validate_every_steps": 3}, inference={"views": 1, "scale": 1.0})
    project = make_project(unlabeled=200, val=3)
    names = [tile.name for tile in project.tiles]
    split = Split(labeled=tuple(names[:2]), unlabeled=tuple(names[2:-3]), val=tuple(names[-3:]))
    forecast = Forecast(project, split, split.val, config, Budget(config.schedule, 10))
    told: list[tuple[float, float, float]] = []
    bar, pace, now = Bar(), Pace(), 0.0

    def tell(left: float | None) -> None:
        done = bar.at(now, left)
        assert left is not None
        assert done is not None
        told.append((now, now + left, done))

    for step in range(1, 7):
        now += STEP_S
        forecast.stepped(STEP_S)
        tell(forecast.left_s(step, now))
        if step % 3 == 0:
            took = forecast.pixels(split.val) * PX_S
            now += took
            forecast.validated((1.0,), 1, took)
    now += forecast.pixels(split.val) * PX_S  # for the prediction settings
    for done, name in enumerate(names):
        px = forecast.pixels(names[done:])
        left = pace.left_s(px)
        tell(forecast.left_to_predict_s(names[done:], 1.0) if left is None else left)
        took = forecast.pixels([name]) * PX_S * 1.25
        now += took
        pace.add(forecast.pixels([name]), took)
    end = now
    assert sum(at > 0.1 * end for at, _, _ in told) > 190
    for at, estimated, _ in told:
        if at > 0.1 * end:
            assert estimated == pytest.approx(end, rel=0.2)
    bars = [done for _, _, done in told]
    assert all(later > earlier for earlier, later in pairwise(bars))
    assert bars[-1] == pytest.approx(1, abs=0.01)


def test_what_comes_after_the_last_step_is_counted(
    make_project: Callable[..., Project], small_config: Callable[..., Config]
) -> None:
    config = small_config(schedule={"steps": 4, "validate_every_steps": 2}, inference={"views": 4, "scale": 1.0})
    project = make_project()
    forecast, split = forecast_of(project, config)
    assert forecast.left_s(1, 0.0) is None
    forecast.stepped(STEP_S)
    forecast.validated((1.0,), 1, forecast.pixels(split.val) * PX_S)
    everything = forecast.pixels(tile.name for tile in project.tiles)
    after = (forecast.pixels(split.val) + (forecast.pixels(split.val) + everything) * 4) * PX_S
    assert forecast.left_s(4, 9.0) == pytest.approx(after)
    assert forecast.left_to_predict_s(split.unlabeled, 0.5) == pytest.approx(
        forecast.pixels(split.unlabeled) * 4 * 0.25 * PX_S
    )


@pytest.mark.parametrize("has_val", [True, False])
def test_the_final_comparison_is_counted(
    make_project: Callable[..., Project], small_config: Callable[..., Config], has_val: bool
) -> None:
    """The classifier predicts the scored tiles once; the network too, in its 4 views, where no validation did."""
    config = small_config(schedule={"steps": 4, "validate_every_steps": 2}, inference={"views": 4, "scale": 1.0})
    project = make_project()
    names = [tile.name for tile in project.tiles]
    split = Split(labeled=tuple(names[:2]), unlabeled=tuple(names[2:4]), val=tuple(names[4:]) if has_val else ())
    scored, budget = split.val or split.labeled, Budget(config.schedule, 10)
    lefts = []
    for compared_by in (0, 2):
        forecast = Forecast(project, split, scored, config, budget, compared_by=compared_by)
        forecast.stepped(STEP_S)
        forecast.validated((1.0,), 1, forecast.pixels(scored) * PX_S)
        lefts.append(forecast.left_s(4, 9.0))
    views = 1 if has_val else 5
    assert lefts[1] - lefts[0] == pytest.approx(forecast.pixels(scored) * views * PX_S)


def test_a_budget_of_minutes_ends_its_steps_on_time(
    make_project: Callable[..., Project], small_config: Callable[..., Any]
) -> None:
    config = small_config(schedule={"minutes": 1.0}, inference={"views": 1, "scale": 1.0})
    project = make_project()
    forecast, split = forecast_of(project, config)
    forecast.stepped(STEP_S)
    forecast.validated((1.0,), 1, forecast.pixels(split.val) * PX_S)
    after = (2 * forecast.pixels(split.val) + forecast.pixels(tile.name for tile in project.tiles)) * PX_S
    assert forecast.left_s(10, 20.0) == pytest.approx(40 + after)
    assert forecast.left_s(10, 99.0) == pytest.approx(after)


def test_what_an_image_costs_however_many_views_it_has_is_told_from_what_a_view_costs(
    make_project: Callable[..., Project], small_config: Callable[..., Config]
) -> None:
    config = small_config(schedule={"steps": 4, "validate_every_steps": 2}, inference={"views": 4, "scale": 1.0})
    project, image_s = make_project(), 3 * PX_S
    forecast, split = forecast_of(project, config)
    forecast.stepped(STEP_S)
    for _ in range(3):
        forecast.validated((1.0,), 1, forecast.pixels(split.val) * (PX_S + image_s))
        shown = split.unlabeled[0]
        forecast.predicted(shown, 1.0, forecast.pixels([shown]) * (4 * PX_S + image_s))
    everything = forecast.pixels(tile.name for tile in project.tiles)
    after = forecast.pixels(split.val) * (PX_S + image_s)
    after += (forecast.pixels(split.val) + everything) * (4 * PX_S + image_s)
    assert forecast.left_s(4, 9.0) == pytest.approx(after, rel=0.01)


def test_the_share_of_the_time_is_that_of_an_estimate_that_holds() -> None:
    bar = Bar()
    assert bar.at(5.0, None) is None
    assert bar.at(0.0, 0.0) == 0
    for spent_s in (30.0, 60.0, 60.0, 90.0):
        assert bar.at(spent_s, 120 - spent_s) == pytest.approx(spent_s / 120)
    assert bar.at(100.0, None) == pytest.approx(0.75)
    assert bar.at(120.0, 0.0) == 1


def test_the_bar_goes_on_with_every_tile_where_the_estimate_was_too_short() -> None:
    """540 s, and 5 s to come by the first estimate; then 60 tiles take 2 s each, and the bar ends at 1."""
    bar = Bar()
    before = bar.at(540.0, 5.0)
    for done in range(1, 61):
        share = bar.at(540.0 + 2 * done, 2.0 * (60 - done))
        assert before is not None
        assert share is not None
        assert share > before
        before = share
    assert before == 1


def test_the_bar_does_not_go_back_where_steps_become_slower() -> None:
    """After half of 100 s the machine gets other work: what was left takes twice as long."""
    bar = Bar()
    shares = [bar.at(float(spent_s), 100.0 - spent_s) for spent_s in range(0, 51, 10)]
    shares += [bar.at(50.0 + 20 * late, 100.0 - 20 * late) for late in range(6)]
    assert shares == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1])


def test_the_pace_of_the_final_predictions_is_that_of_the_tiles_so_far() -> None:
    """3 s for 1.5 million pixels are 2 s for each million."""
    pace = Pace()
    assert pace.left_s(1e6) is None
    pace.add(1.0e6, 1.0)
    pace.add(0.5e6, 2.0)
    assert pace.left_s(4e6) == pytest.approx(8.0)
    assert pace.left_s(0.0) == 0.0


def test_a_slow_network_says_nothing_of_a_quick_classifier() -> None:
    """40 equal tiles in 0.2 s each, where the network took 5 s: from the second tile on the end is known to a fifth."""
    pace, total_s = Pace(), 40 * 0.2
    for done in range(1, 40):
        pace.add(512 * 512, 0.2)
        left_s = pace.left_s((40 - done) * 512 * 512)
        assert left_s is not None
        assert abs(0.2 * done + left_s - total_s) < 0.2 * total_s
