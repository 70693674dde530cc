"""The advanced settings of step 3: real fields in a real window, and a training that has them."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from training_core.project import LabelSource, Project
from training_core.project.settings import SETTINGS_NAME, read_settings
from training_core.settings.form_fields import flat
from training_core.settings.schema import Config


@pytest.fixture
def form(window: Any, project: Project) -> Any:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    press(driver, driver.panel.train.advanced.header)
    return driver.panel.train.advanced


def press(driver: Any, button: Any) -> None:
    """Click when the layout knows the places of what came to light."""
    driver.pause(0.1)
    driver.click(button)
    driver.pause(0.1)


def type_in(driver: Any, form: Any, key: str, text: str) -> None:
    section = key.partition(".")[0]
    if not form.folds[section].header.isChecked():
        press(driver, form.folds[section].header)
    field = form.rows[key].field
    driver.reveal(field)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_every_field_of_the_model_is_in_the_form(window: Any, form: Any) -> None:
    for fold in form.folds.values():
        press(window[1], fold.header)
    assert set(form.rows) == set(flat(Config().model_dump())) - {"spec_version"}
    assert all(row.isVisible() for row in form.rows.values())
    assert "torch" not in sys.modules


def test_a_value_is_kept_shown_as_changed_and_reset(window: Any, form: Any, project: Project) -> None:
    driver = window[1]
    type_in(driver, form, "data.crop_px", "64")
    row = form.rows["data.crop_px"]
    assert read_settings(project.path) == {"data.crop_px": 64}
    assert row.reset_button.isVisible()
    assert "1 changed" in form.header.text()
    press(driver, row.reset_button)
    assert not (project.path / SETTINGS_NAME).exists()
    assert not row.reset_button.isVisible()
    assert (row.field.text(), row.field.placeholderText()) == ("", "256")
    type_in(driver, form, "data.crop_px", "256")
    assert read_settings(project.path) == {}


def test_a_wrong_value_is_explained_beside_its_field(window: Any, form: Any, project: Project) -> None:
    type_in(window[1], form, "data.crop_px", "3")
    problem = form.rows["data.crop_px"].problem
    assert problem.isVisible()
    assert "greater than or equal to 32" in problem.text()
    assert read_settings(project.path) == {}
    type_in(window[1], form, "data.crop_px", "64")
    assert not problem.isVisible()


def test_search_shows_what_has_the_words(form: Any) -> None:
    QTest.keyClicks(form.search, "learning rate")
    visible = {key for key, row in form.rows.items() if row.isVisible()}
    assert {"optimizer.lr", "optimizer.encoder_lr"} <= visible
    assert "data.crop_px" not in visible
    assert "encoder.name" not in visible
    form.search.clear()
    assert form.rows["encoder.name"].isVisible()


def test_encoders_come_with_licence_access_and_weights(window: Any, form: Any) -> None:
    row, driver = form.rows["encoder.name"], window[1]
    driver.wait(lambda: row.field.findData("uni") >= 0, "the list of encoders", 90.0)
    assert "Apache-2.0" in row.about.text()
    assert "on this machine" in row.about.text()
    row.field.setFocus()
    line = row.field.lineEdit()
    line.selectAll()
    QTest.keyClicks(line, "uni")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert "Gated" in row.about.text()
    assert "huggingface.co/MahmoodLab/UNI" in row.about.text()
    assert form.rows["text.encoder"].field.findData("conch") >= 0
    assert "torch" not in sys.modules


def test_a_really_started_training_has_the_value(window: Any, project: Project, truths: dict[str, np.ndarray]) -> None:
    driver = window[1]
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    form = driver.panel.train.advanced
    press(driver, form.header)
    type_in(driver, form, "data.crop_px", "64")
    type_in(driver, form, "alignment.embedding_dim", "32")
    with driver.watching():
        driver.start_training(5.0)
        driver.wait(lambda: driver.session.training.run_id is not None, "the run to start", 120.0)
        run = project.runs_dir / driver.session.training.run_id
        driver.click(driver.panel.train.stop_button)
        driver.wait(lambda: not driver.session.training.active, "the end", 120.0)
    config = json.loads((run / "config.json").read_text())
    assert (config["data"]["crop_px"], config["alignment"]["embedding_dim"]) == (64, 32)
    started = json.loads((run / "events.jsonl").read_text().splitlines()[0])
    assert started["project_settings"] == ["data.crop_px = 64", "alignment.embedding_dim = 32"]


def test_what_is_typed_counts_when_a_key_starts_the_training(
    window: Any, form: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    driver = window[1]
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    driver.session.states_changed.emit()
    assert "at least 2 tiles first (1 done)" in driver.panel.train.status.text()
    type_in(driver, form, "data.min_labeled_tiles", "1")
    assert "Ready to train on 1 labelled" in driver.panel.train.status.text()
    assert "1 advanced setting is the project's own." in driver.panel.train.status.text()
    type_in(driver, form, "data.crop_px", "64")
    field = form.rows["data.crop_px"].field
    start = driver.panel.controller.training.start
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "3")  # too small, and not left
    start()
    assert not driver.session.training.active
    assert form.rows["data.crop_px"].problem.isVisible()
    assert "not allowed as it is typed" in driver.panel.messages.text
    field.selectAll()
    QTest.keyClicks(field, "96")
    start()
    assert driver.session.training.active
    assert read_settings(project.path)["data.crop_px"] == 96
    driver.panel.controller.training.kill()
    driver.wait(lambda: not driver.session.training.active, "the end", 20.0)
