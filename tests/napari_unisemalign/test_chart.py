"""The chart of a training and of the rounds before it, and its table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest

from napari_unisemalign.app.training_curves import Curves, as_csv, read_past
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.train.contracts import Plot
from napari_unisemalign.train.training import _outcome
from training_core.messages.events import Event, MeasuredOn, RunFinished, RunStarted, StepDone, Validated
from training_core.project import LabelSource, Project


def events(run_id: str, dice: float, *, steps: int = 4) -> list[Event]:
    """A training whose gland class ends at `dice`."""
    told: list[Event] = []
    for step in range(1, steps + 1):
        told.append(
            StepDone(
                run_id=run_id, elapsed_s=10.0 * step, step=step, progress=step / steps, eta_s=9.0, done=step / 8,
                losses={"total": 2.0 / step, "labeled": 1.0 / step, "hard": 0.5 / step},
                threshold=0.8, confident_share=0.1 * step, memory_bytes=1_500_000_000,
            )
        )  # fmt: skip
        if step % 2 == 0:
            told.append(
                Validated(
                    run_id=run_id, elapsed_s=10.0 * step + 1, step=step, mdice=dice + step, mjaccard=50.0,
                    dice_by_class={0: 90.0, 1: dice}, measured_on="validation", is_best=True,
                )
            )  # fmt: skip
    return told


def add_round(project: Project, run_id: str, dice: float) -> None:
    """What a finished training leaves behind, as far as the chart reads it."""
    ids = np.zeros((96, 96), np.uint8)
    if not project.has_label("tile_01"):
        project.write_label("tile_01", ids, LabelSource.PAINTED)
    folder = project.runs_dir / run_id
    folder.mkdir(parents=True)
    lines = [each.model_dump_json() for each in events(run_id, dice)]
    (folder / "events.jsonl").write_text("\n".join([*lines, "a damaged line", ""]))
    (folder / "summary.json").write_text(json.dumps({"run": run_id}))
    project.add_round(run_id)


def started(run_id: str) -> RunStarted:
    return RunStarted(
        run_id=run_id, run_dir="r", device="cpu", precision="float32", encoder="e", class_ids=(0, 1),
        n_labeled=2, n_unlabeled=2, n_val=1, total_steps=None,
    )  # fmt: skip


def names(driver: Any) -> list[str]:
    return [each.name for each in driver.panel.train.chart.view.series]


def choose(driver: Any, plot: str) -> None:
    combo = driver.panel.train.chart.plot_combo
    combo.setCurrentIndex(combo.findData(Plot(plot)))


@pytest.mark.binding
def test_a_training_is_drawn_beside_the_rounds_before(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    add_round(project, "20260101-000000", 60.0)
    add_round(project, "20260102-000000", 70.0)
    driver.panel.controller.open_project(project.path)
    driver.open_place(Place.TRAINING)
    chart = driver.panel.train.chart
    # after a restart: the last round in full, the one before as a faint line
    driver.wait(lambda: names(driver) == ["mean validation Dice", "background", "gland", "round 1"], "the rounds")
    assert chart.isVisible()
    by_name = {each.name: each for each in chart.view.series}
    assert by_name["gland"].color == project.classes[1].color
    assert by_name["round 1"].faint
    assert list(by_name["gland"].points) == [(21.0, 70.0), (41.0, 70.0)]
    # a training of now stands in front; both rounds are faint
    session = driver.session
    session.begin_training()
    for event in [started("20260103-000000"), *events("20260103-000000", 80.0)]:
        session.apply(event)
    driver.wait(lambda: "round 2" in names(driver), "the training to be drawn")
    assert names(driver) == ["mean validation Dice", "background", "gland", "round 1", "round 2"]
    assert "gland&nbsp;80.0&nbsp;%" in chart.legend.text()
    assert project.classes[1].color in chart.legend.text()
    assert driver.panel.train.memory.text() == "1.5 GB of memory"
    assert driver.panel.status.details.toolTip().endswith("50 % done, 9 s left")
    # the other plots
    choose(driver, "losses")
    assert names(driver) == ["total", "annotated pixels", "pseudo-labels"]
    choose(driver, "pseudo-labels")
    assert names(driver) == ["threshold of confidence", "pixels above it"]
    assert chart.view.series[1].points[-1] == (40.0, 40.0)
    # under the mouse
    plot = chart.view._plot()
    QTest.mouseMove(chart.view, QPoint(round(plot.right()), round(plot.center().y())))
    assert chart.view.values_at(39.0) == "39 s\nthreshold of confidence 80.0 %\npixels above it 40.0 %"
    session.end_training("Done.")


def test_a_class_keeps_its_colour_when_that_is_changed(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    add_round(project, "20260101-000000", 60.0)
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: "gland" in names(driver), "the round")
    driver.session.project.update_class(1, color="#123456")
    driver.session.classes_changed.emit()
    colors = lambda: {each.name: each.color for each in driver.panel.train.chart.view.series}  # noqa: E731
    driver.wait(lambda: colors()["gland"] == "#123456", "the new colour")


@pytest.mark.parametrize("measured_on", ["training", "held_out"])
def test_without_validation_tiles_there_is_no_dice_anywhere_and_holding_out_is_offered(
    measured_on: MeasuredOn, window: Any, project: Project
) -> None:
    """A round with validation tiles lies behind it: its Dice is not drawn beside a training that has none."""
    _viewer, driver, _answers = window
    add_round(project, "20260101-000000", 60.0)
    label = np.full((96, 96), 255, np.uint8)
    label[:20], label[50:70] = 0, 1
    for name in ("tile_02", "tile_03", "tile_04"):
        project.write_label(name, label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: "mean validation Dice" in names(driver), "the round before")
    driver.open_place(Place.TRAINING)
    session, run_id, panel = driver.session, "20260103-000000", driver.panel
    session.begin_training()
    session.apply(started(run_id).model_copy(update={"n_val": 0}))
    chart, rounds = panel.train.chart, []
    for event in events(run_id, 61.2):
        session.apply(event.model_copy(update={"measured_on": measured_on}) if isinstance(event, Validated) else event)
        chart_controller = panel.controller.chart
        chart_controller.draw()
        rounds.append((session.training.message, panel.status.text.text(), *(each.name for each in chart.view.series)))
    assert not [each for each in rounds if "Dice" in " ".join(each) or "61" in " ".join(each)]
    assert chart.note.text().startswith("No validation tile: nothing measures this training.")
    assert session.training.message == "4 steps done. Without validation tiles nothing measures how good it is."
    finished = {"run_id": run_id, "run_dir": "", "reason": "budget", "steps": 4, "seconds": 9.0, "mdice": 61.2}
    session.apply(RunFinished(**finished, mjaccard=50.0))
    assert _outcome(RunFinished(**finished, mjaccard=50.0), session.curves) == "Finished after 4 steps."
    assert session.curves.score is None
    assert "mean Dice" not in as_csv([("now", session.curves)], session.classes())
    session.end_training("Done.")
    for view in (panel.train.controls.hold_out, panel.rounds.hold_out):
        driver.reveal(view)
        assert view.words.isVisible()
        assert view.words.text().startswith("No annotated tile is held out for validation, so that no Dice says")
        assert view.button.isVisible()
        assert view.button.text() == "Hold out 1 of 4 tiles"
    driver.click(panel.rounds.hold_out.button)
    assert len(project.val_names()) == 1
    assert not panel.train.controls.hold_out.isVisibleTo(panel.train)


def test_a_round_has_one_figure_wherever_it_is_shown(window: Any, project: Project) -> None:
    """Measured at 64, 81.04 with the final weights and settings: the status, the chart and Results all say 81.0 %."""
    _viewer, driver, _answers = window
    run_id = "20260101-000000"
    add_round(project, run_id, 60.0)
    path = project.runs_dir / run_id / "events.jsonl"
    finished = RunFinished(run_id=run_id, run_dir="", reason="budget", steps=4, seconds=9.0, mdice=81.04, mjaccard=60.0)
    lines = [started(run_id), *events(run_id, 60.0), finished]
    told = [each.model_copy(update={"n_tiles": 3}) if isinstance(each, Validated) else each for each in lines]
    path.write_text("\n".join(each.model_dump_json() for each in told))
    driver.panel.controller.open_project(project.path)
    driver.wait(lambda: bool(names(driver)), "the round")
    table = driver.panel.rounds.table
    lines_of = {table.verticalHeaderItem(line).text(): table.item(line, 0).text() for line in range(table.rowCount())}
    assert lines_of == {"Validation Dice": "81.0 %", "Validation tiles": "3"}
    assert (
        "mean&nbsp;validation&nbsp;Dice&nbsp;(3&nbsp;tiles)&nbsp;81.0&nbsp;%" in driver.panel.train.chart.legend.text()
    )
    (past,) = driver.session.past
    assert _outcome(finished, past.curves) == "Finished after 4 steps, validation Dice 81.0\u00a0% (3 tiles)."


@pytest.mark.binding
def test_the_table_holds_every_curve_of_every_round(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    add_round(project, "20260101-000000", 60.0)
    add_round(project, "20260102-000000", 70.0)
    driver.panel.controller.open_project(project.path)
    driver.open_place(Place.TRAINING)
    driver.wait(lambda: "round 1" in names(driver), "the rounds")
    driver.click(driver.panel.train.chart.save_button)  # the user thinks better of it
    assert answers.asked == ["table_file"]
    answers.folder = tmp_path
    driver.click(driver.panel.train.chart.save_button)
    path = tmp_path / "table.csv"
    driver.wait(path.exists, "the table")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["round"] for line in lines} == {"1", "2"}
    assert {"Dice %, gland", "loss, labeled", "threshold %", "confident pixels %"} <= {line["curve"] for line in lines}
    gland = [float(line["value"]) for line in lines if (line["round"], line["curve"]) == ("2", "Dice %, gland")]
    assert gland == [70.0, 70.0]


def test_a_resumed_run_goes_on_where_its_clock_stopped(project: Project) -> None:
    add_round(project, "20260101-000000", 60.0)
    path = project.runs_dir / "20260101-000000" / "events.jsonl"
    again = [each.model_dump_json() for each in events("20260101-000000", 65.0, steps=2)]
    path.write_text(path.read_text() + "\n".join(again))
    (past,) = read_past(project)
    times = [seconds for seconds, _ in past.curves.loss]
    assert times == sorted(times)
    assert times[-1] > 40


def test_a_long_run_stays_small(add_run: Callable[..., None]) -> None:
    curves = Curves()
    for step in range(1, 6001):
        told = events("r", 50.0, steps=1)[0].model_copy(update={"elapsed_s": float(step), "step": step})
        curves.add(told)
    assert len(curves.loss) <= 2000
    assert (curves.loss[0][0], curves.loss[-1][0]) == (1.0, 6000.0)
    gaps = np.diff([seconds for seconds, _ in curves.loss])
    assert gaps.max() < 50  # thinned evenly, not cut off
