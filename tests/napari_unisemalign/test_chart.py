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
from napari_unisemalign.train.chart_view import Plot
from training_core.messages.events import Event, MeasuredOn, RunStarted, StepDone, Validated
from training_core.project import LabelSource, Project

pytestmark = pytest.mark.binding


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


def test_a_training_is_drawn_beside_the_rounds_before(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    add_round(project, "20260101-000000", 60.0)
    add_round(project, "20260102-000000", 70.0)
    driver.panel.controller.open_project(project.path)
    driver.open_place(Place.TRAINING)
    chart = driver.panel.train.chart
    # after a restart: the last round in full, the one before as a faint line
    driver.wait(lambda: names(driver) == ["mean, validation Dice", "background", "gland", "round 1"], "the rounds")
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
    assert names(driver) == ["mean, validation Dice", "background", "gland", "round 1", "round 2"]
    assert "gland&nbsp;80&nbsp;%" in chart.legend.text()
    assert project.classes[1].color in chart.legend.text()
    assert "1.5 GB of memory" in driver.panel.train.time_left.text()
    assert driver.panel.train.time_left.text().startswith("50 % done, 9 s left")
    # the other plots
    choose(driver, "losses")
    assert names(driver) == ["total", "annotated pixels", "pseudo-labels"]
    choose(driver, "pseudo-labels")
    assert names(driver) == ["threshold of confidence", "pixels above it"]
    assert chart.view.series[1].points[-1] == (40.0, 40.0)
    # under the mouse
    plot = chart.view._plot()
    QTest.mouseMove(chart.view, QPoint(round(plot.right()), round(plot.center().y())))
    assert chart.view.values_at(39.0) == "39 s\nthreshold of confidence 80 %\npixels above it 40 %"
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


@pytest.mark.parametrize(
    ("measured_on", "words"),
    [("training", "nothing measures this training"), ("held_out", "annotations that are held out from training")],
)
def test_without_validation_tiles_the_chart_says_what_it_shows(
    measured_on: MeasuredOn, words: str, window: Any, project: Project
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    assert not driver.panel.train.chart.isVisibleTo(driver.panel.train)
    session, run_id = driver.session, "20260101-000000"
    session.begin_training()
    session.apply(started(run_id))
    for event in events(run_id, 60.0):
        session.apply(event.model_copy(update={"measured_on": measured_on}) if isinstance(event, Validated) else event)
    note = driver.panel.train.chart.note
    driver.wait(lambda: note.text().startswith("No validation tile"), "the sentence")
    assert words in note.text()
    table = as_csv([("now", session.curves)], session.classes())
    assert ("held-out annotations" in table) == (measured_on == "held_out")
    assert "mean Dice %, training tiles" not in table
    assert any("mean" in each for each in names(driver)) == (measured_on == "held_out")
    session.end_training("Done.")


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
