"""What the decoder, the prototypes and the text each say, asked of a network that was really trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_unisemalign.annotate.branch_files import TileParts, agreement_in_words
from napari_unisemalign.app.layer_values import PART, PREDICTION, PSEUDO_LABEL
from training_core.class_maps.predicted import KINDS, add_predicted, checkpoint_as_noted, predicted_image
from training_core.class_maps.tile_result import Branch
from training_core.project import UNLABELED, LabelSource, Project

WAIT_S = 300.0
SMALL = (
    "data.crop_px=64", "data.labeled_batch=2", "data.unlabeled_batch=2", "schedule.steps=4",
    "schedule.quick_start=false", "alignment.embedding_dim=16", "runtime.device=cpu",
)  # fmt: skip


def train(project: Project, *settings: str) -> None:
    """In a process of its own, as the window does it."""
    chosen = [word for each in (*SMALL, *settings) for word in ("--set", each)]
    command = [sys.executable, "-m", "training_core", "train", str(project.path), *chosen]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@pytest.fixture
def labeled(project: Project, truths: dict[str, np.ndarray]) -> Project:
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    return project


def ask(driver: Any, part: Branch) -> None:
    """Choose it by the keyboard."""
    combo = driver.panel.overlays.part_combo
    driver.reveal(combo)
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(combo.findData(part)):
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert driver.panel.overlays.part is part


def shown(driver: Any) -> np.ndarray:
    return driver.layers.overlay_ids(PART)


def words(driver: Any) -> str:
    return str(driver.panel.overlays.part_words.text())


def test_agreement_counts_the_pixels_that_are_seen() -> None:
    prediction = np.array([[0, 1], [1, UNLABELED]], np.uint8)
    says = np.array([[0, 1], [0, 0]], np.uint8)
    assert "The text prompts alone would say the same as the prediction on 67 %" in agreement_in_words(
        Branch.TEXT, says, prediction
    )
    assert agreement_in_words(Branch.TEXT, says, None) == ""
    assert agreement_in_words(Branch.TEXT, says, np.full((2, 2), UNLABELED, np.uint8)) == ""


def test_parts_are_those_of_the_weights_that_made_them_whatever_the_clock_says(labeled: Project) -> None:
    parts = TileParts(labeled, "tile_03", "run")
    checkpoints = parts.run_dir / "checkpoints"

    def train(name: str, weights: bytes, now_s: int) -> Path:
        (checkpoints / name).mkdir(parents=True)
        (checkpoints / name / "model.safetensors").write_bytes(weights)
        (checkpoints / "index.json").write_text(json.dumps({"best": name, "last": name}))
        for path in (checkpoints / name / "model.safetensors", checkpoints / "index.json"):
            os.utime(path, (now_s, now_s))
        return checkpoints / name / "model.safetensors"

    first = train("step_000001", b"first", now_s=4_000_000_000)  # a clock that was wrong until now
    assert not parts.is_there
    parts.folder.mkdir(parents=True)
    for kind in (*KINDS, *Branch):
        (parts.folder / f"tile_03.{kind}.png").touch()
    image = labeled.image_path("tile_03")
    add_predicted(parts.folder, predicted_image("tile_03", image, "run", checkpoint_as_noted(first), ""))
    assert parts.is_there
    train("step_000002", b"second", now_s=1_000_000_000)  # the clock was set back
    assert not parts.is_there


def test_each_part_is_shown_when_it_is_asked_for(window: Any, labeled: Project) -> None:
    _viewer, driver, _answers = window
    train(labeled)
    (run_id,) = labeled.run_ids()
    driver.panel.controller.open_project(labeled.path)
    driver.show_tile("tile_03")
    view = driver.panel.overlays
    driver.wait(lambda: driver.layers.get(PART) is not None, "the layers")
    assert words(driver) == ""
    assert (shown(driver) == UNLABELED).all()
    driver.click(view.switches[PART])
    assert "takes some seconds" in words(driver)
    driver.wait(lambda: "The text prompts alone" in words(driver), "what the text says", WAIT_S)
    parts = TileParts(labeled, "tile_03", run_id)
    np.testing.assert_array_equal(shown(driver), parts.read(Branch.TEXT))
    assert driver.layers.get(PART).visible
    assert not driver.layers.get(PREDICTION).visible  # it is the only veil
    driver.click(view.flicker_button)
    assert not driver.layers.get(PART).visible
    driver.click(view.flicker_button)
    assert (driver.layers.get(PART).visible, driver.layers.get(PREDICTION).visible) == (True, False)
    ask(driver, Branch.DECODER)
    driver.wait(lambda: "The decoder alone" in words(driver), "the decoder")
    assert "on 100 % of the pixels" in words(driver)
    assert (shown(driver) != driver.layers.overlay_ids(PREDICTION)).mean() < 0.001  # a tie that falls otherwise
    driver.show_tile("tile_04")  # asked anew by itself, the switch being on
    assert (shown(driver) == UNLABELED).all()
    driver.wait(lambda: "The decoder alone" in words(driver), "the other tile's", WAIT_S)
    driver.show_tile("tile_03")
    driver.wait(lambda: "The decoder alone" in words(driver), "what is known already")
    driver.click(view.switches[PART])
    assert words(driver) == ""
    assert (driver.layers.get(PREDICTION).visible, driver.layers.get(PSEUDO_LABEL).visible) == (True, False)


@pytest.mark.nightly
def test_a_branch_that_was_off_says_nothing_and_a_lost_checkpoint_is_told_once(window: Any, labeled: Project) -> None:
    _viewer, driver, _answers = window
    train(labeled, "alignment.use_text=false")
    driver.panel.controller.open_project(labeled.path)
    driver.show_tile("tile_03")
    driver.wait(lambda: driver.layers.get(PART) is not None, "the layers")
    driver.click(driver.panel.overlays.switches[PART])
    driver.wait(lambda: "trained without text prompts" in words(driver), "the answer", WAIT_S)
    index = labeled.runs_dir / labeled.run_ids()[0] / "checkpoints" / "index.json"
    index.write_text(json.dumps({"best": "gone", "last": "gone"}))
    with driver.watching():
        driver.show_tile("tile_04")
        driver.wait(lambda: "has no best checkpoint" in driver.panel.messages.text, "the error", WAIT_S)
        assert words(driver) == "The trained network could not be asked."
        driver.panel.messages.hide()
        driver.pause(0.5)
        assert driver.panel.messages.text == ""


@pytest.mark.nightly
def test_while_training_runs_the_words_say_when_the_parts_come(window: Any, labeled: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(labeled.path)
    driver.show_tile("tile_03")
    driver.wait(lambda: driver.layers.get(PART) is not None, "the layers")
    driver.start_training(5.0)
    driver.wait(lambda: driver.session.overlays("tile_03") is not None, "the first overlay", WAIT_S)
    driver.click(driver.panel.overlays.switches[PART])
    assert words(driver) == "The branches can be shown when the training has ended."
    driver.panel.controller.training.kill()
    driver.wait(lambda: not driver.session.training.active, "the end")
