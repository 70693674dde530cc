"""The rounds side by side in Results: areas, regions and scores, worked out by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.results.areas import Unit
from napari_unisemalign.shell.pages import Place
from training_core.io import write_png
from training_core.messages.events import Event, MeasuredOn, RunFinished, RunStarted, Validated
from training_core.project import LabelSource, Project, make_classes

RUNS = ("20260101-000000", "20260102-000000", "20260103-000000")
MPP_UM = 0.5


@pytest.fixture
def sized(tmp_path: Path) -> Project:
    """Two tiles of 96 x 96 pixels of 0.5 µm: 2304 µm² each."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("tile_01", "tile_02"):
        write_png(images / f"{name}.png", np.full((96, 96, 3), 200, np.uint8))
    classes = make_classes(("background", "gland"))
    return Project.create(tmp_path / "project", [images], classes=classes, mpp_um=MPP_UM)


def squares(count: int, side_px: int) -> np.ndarray:
    """That many separate squares of gland on background."""
    ids = np.zeros((96, 96), np.uint8)
    for number in range(count):
        ids[2 : 2 + side_px, 2 + 30 * number : 2 + 30 * number + side_px] = 1
    return ids


def told(run_id: str, mdice: float, measured_on: MeasuredOn) -> list[Event]:
    scored = {"mjaccard": 50.0, "dice_by_class": {}}
    n_val = 2 if measured_on == "validation" else 0
    return [
        RunStarted(
            run_id=run_id, run_dir="r", device="cpu", precision="float32", encoder="e", class_ids=(0, 1),
            n_labeled=2, n_unlabeled=2, n_val=n_val, total_steps=None,
        ),
        Validated(
            run_id=run_id, elapsed_s=1.0, step=1, mdice=mdice - 5, measured_on=measured_on, n_tiles=2, is_best=True,
            **scored,
        ),
        RunFinished(
            run_id=run_id, run_dir="r", reason="budget", steps=1, seconds=2.0, mdice=mdice, mjaccard=50.0
        ),
    ]  # fmt: skip


@pytest.fixture
def three_rounds(sized: Project, add_run: Callable[..., None]) -> Project:
    """Scored on validation tiles, on held-out annotations, and on validation tiles again."""
    sized.write_label("tile_01", squares(1, 10), LabelSource.PAINTED)
    masks = ((2, 10), (3, 10), (1, 20))
    scores: tuple[tuple[float, MeasuredOn], ...] = ((70.0, "validation"), (99.0, "held_out"), (81.26, "validation"))
    for run_id, (count, side), (mdice, measured_on) in zip(RUNS, masks, scores, strict=True):
        names = ("tile_01",) if run_id == RUNS[1] else ("tile_01", "tile_02")
        add_run(sized, run_id, {name: squares(count, side) for name in names})
        lines = "\n".join(each.model_dump_json() for each in told(run_id, mdice, measured_on))
        (sized.runs_dir / run_id / "events.jsonl").write_text(lines)
        sized.add_round(run_id)
    return sized


def table_of(view: Any) -> dict[str, list[str]]:
    table = view.table
    return {
        table.verticalHeaderItem(line).text(): [
            table.item(line, column).text() for column in range(table.columnCount())
        ]
        for line in range(table.rowCount())
    }


def test_rounds_stand_side_by_side_with_areas_regions_and_scores(
    window: Any, three_rounds: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(three_rounds.path)
    driver.open_place(Place.RESULTS)
    view = driver.panel.rounds
    driver.wait(view.table.isVisible, "the rounds")
    headers = [view.table.horizontalHeaderItem(column).text() for column in range(3)]
    assert headers == ["Round 1", "Round 2", "Round 3"]
    scores = {"Validation Dice": ["70.0 %", "–", "81.3 %"], "Validation tiles": ["2", "–", "2"]}
    assert table_of(view) == scores
    assert view.table.item(0, 1).toolTip() == "This round had no validation tiles, so it has no Dice."
    driver.click(view.measure_button)
    driver.wait(lambda: view.table.rowCount() == 4, "the areas")
    # only tile_01 has a prediction by every round: 2, 3 and 1 squares of 100, 100 and 400 px, 0.25 µm² each
    whole = 96 * 96
    shares = [f"{100 * pixels / whole:.1f} %" for pixels in (200, 300, 400)]
    assert table_of(view)["gland"] == shares == ["2.2 %", "3.3 %", "4.3 %"]
    for unit, words in (
        (Unit.UM2, ["50", "75", "100"]),
        (Unit.MM2, ["0.000050", "0.000075", "0.000100"]),
        (Unit.OBJECTS, ["2", "3", "1"]),
    ):
        view.unit_combo.setCurrentIndex(view.unit_combo.findData(unit))
        assert table_of(view) == {**scores, "background": table_of(view)["background"], "gland": words}
    assert view.hint.text() == "Predictions of 1 tile. 1 tile is left out: not every round predicted it."
    answers.folder = tmp_path
    driver.click(view.save_button)
    lines = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    gland = [line for line in lines if line["class"] == "gland"]
    assert [line["area_um2"] for line in gland] == ["50", "75", "100"]
    assert [line["objects"] for line in gland] == ["2", "3", "1"]
    assert [line["validation_dice_percent"] for line in gland] == ["70", "", "81.26"]
    assert [line["round"] for line in gland] == ["1", "2", "3"]


def test_without_a_pixel_size_shares_and_numbers_are_compared_and_areas_said_to_be_missing(
    window: Any, predicted_project: Project, truths: Any, add_run: Any
) -> None:
    _viewer, driver, _answers = window
    predicted_project.add_round(RUNS[0])
    (predicted_project.runs_dir / RUNS[0] / "events.jsonl").write_text("")
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.rounds
    driver.wait(lambda: bool(driver.session.past), "the round")
    assert table_of(view) == {}  # nothing measured the round, and nothing is measured of it yet
    driver.click(view.measure_button)
    driver.wait(lambda: view.table.rowCount() == 2, "the shares")
    pixels = sum(int((truth == 1).sum()) for truth in truths.values())
    assert table_of(view)["gland"] == [f"{100 * pixels / (4 * 96**2):.1f} %"]
    view.unit_combo.setCurrentIndex(view.unit_combo.findData(Unit.UM2))
    assert table_of(view)["gland"] == ["–"]
    assert "4 tiles have no pixel size (MPP), so there is no area in µm²." in view.hint.text()


def test_a_round_whose_folder_is_gone_is_named(window: Any, three_rounds: Project) -> None:
    _viewer, driver, _answers = window
    (three_rounds.runs_dir / RUNS[0]).rename(three_rounds.runs_dir.parent / "moved away")
    driver.panel.controller.open_project(three_rounds.path)
    view = driver.panel.rounds
    driver.wait(lambda: bool(driver.session.past), "the rounds")
    assert view.hint.text() == "Round 1 is left out: its folder is gone."
    assert [view.table.horizontalHeaderItem(column).text() for column in range(2)] == ["Round 2", "Round 3"]
