"""The advanced settings of step 3: real fields in a real window, and a training that has them."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from magicgui import widgets
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QScrollArea, QWidget

from napari_unisemalign.shell.pages import Place
from training_core.project import LabelSource, Project
from training_core.project.settings import SETTINGS_NAME, read_settings
from training_core.settings.form_fields import flat
from training_core.settings.schema import Config


@pytest.fixture
def form(window: Any, project: Project) -> Any:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    driver.open_place(Place.SETTINGS)
    driver.pause(0.1)
    return driver.panel.settings


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


def fields_of_the_schema() -> dict[str, dict[str, Any]]:
    """The JSON schema of every field that can be set, by key, with `optional` for those that may be null."""
    schema = Config.model_json_schema()
    found: dict[str, dict[str, Any]] = {}
    for name, field in schema["properties"].items():
        section = schema["$defs"].get(str(field.get("$ref", "")).rpartition("/")[2])
        inner = (
            {name: field} if section is None else {f"{name}.{key}": each for key, each in section["properties"].items()}
        )
        for key, each in inner.items():
            kinds = [kind for kind in each.get("anyOf", [each]) if kind.get("type") != "null"]
            found[key] = {**kinds[0], "optional": "anyOf" in each, "description": each.get("description", "")}
    del found["spec_version"]
    return found


def widget_of(field: dict[str, Any]) -> type:
    """The widget of magicgui that a field of the schema asks for."""
    if "enum" in field or (field["type"] == "boolean" and field["optional"]):
        return widgets.ComboBox
    kinds = {"boolean": widgets.CheckBox, "integer": widgets.SpinBox, "number": widgets.FloatSpinBox}
    return kinds.get(field["type"], widgets.LineEdit)


@pytest.mark.binding
def test_every_field_has_magicgui_s_widget_with_the_schema_s_range_choices_and_tooltip(window: Any, form: Any) -> None:
    for fold in form.folds.values():
        press(window[1], fold.header)
    fields = fields_of_the_schema()
    assert set(form.rows) == set(fields)
    for key, field in fields.items():
        widget, kind = form.rows[key].widget, widget_of(field)
        if key == "encoder.name":  # any name that timm knows
            assert isinstance(widget, widgets.ComboBox)
            assert widget.native.isEditable()
            continue
        assert isinstance(widget, kind), key
        assert field["description"].partition("None:")[0].partition("True:")[0].partition("False:")[0] in widget.tooltip
        if kind is widgets.ComboBox:
            values = field.get("enum", [True, False])
            assert list(widget.choices) == ([None, *values] if field["optional"] else values), key
        if kind in (widgets.SpinBox, widgets.FloatSpinBox):
            beyond = 1 if kind is widgets.SpinBox else 1e-11
            least = field.get("minimum", field.get("exclusiveMinimum", -sys.float_info.max) + beyond)
            most = field.get("maximum", field.get("exclusiveMaximum", sys.float_info.max) - beyond)
            assert (widget.min, widget.max) == pytest.approx((least, most), rel=1e-15, abs=1e-15), key
            assert ("minimum" in field) == (widget.min == field.get("minimum")), key


@pytest.mark.binding
@pytest.mark.parametrize(
    "key", ["data.crop_px", "losses.hard", "alignment.loss", "data.balance_classes", "encoder.name"]
)
def test_the_wheel_scrolls_the_panel_and_changes_nothing(window: Any, form: Any, project: Project, key: str) -> None:
    driver = window[1]
    section = key.partition(".")[0]
    if section in form.folds and key not in form.rows:
        press(driver, form.folds[section].header)
    row = form.rows[key]
    driver.reveal(row.field)
    area = row.parentWidget()
    while not isinstance(area, QScrollArea):
        area = area.parentWidget()
    bar, before = area.verticalScrollBar(), row.widget.value
    for turn in (120, -120):
        place = bar.value()
        target = row.line or row.field
        turn_wheel(target, turn)
        driver.pause(0.05)
        assert bar.value() != place
        assert not row.field.hasFocus()
    assert row.widget.value == before
    assert read_settings(project.path) == {}
    if isinstance(row.field, QAbstractSpinBox):
        row.window().activateWindow()
        driver.reveal(row.field)
        driver.click(row.field)
        driver.wait(row.field.hasFocus, "the focus", 10.0)
        turn_wheel(row.field, 120)  # now it is for the field
        assert row.widget.value > before
        assert read_settings(project.path) == {key: row.widget.value}


def turn_wheel(target: QWidget, turn: int) -> None:
    """As Qt hands on a turn of the real wheel: to the widget under the mouse, then up until one takes it."""
    while not target.isWindow():
        middle = target.rect().center()
        event = QWheelEvent(
            QPointF(middle),
            QPointF(target.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, turn),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(target, event)
        if event.isAccepted():
            return
        target = target.parentWidget()


@pytest.mark.nightly
@pytest.mark.binding
def test_arrows_stop_at_the_bounds_and_start_from_automatic(window: Any, form: Any, project: Project) -> None:
    driver = window[1]
    press(driver, form.folds["inference"].header)
    press(driver, form.folds["losses"].header)
    scale, hard = form.rows["inference.scale"], form.rows["losses.hard"]
    assert (scale.line.text(), scale.line.placeholderText()) == ("", "automatic")
    scale.field.stepUp()
    assert read_settings(project.path) == {"inference.scale": 1.1}
    assert scale.line.text() == "1.1"
    hard.field.stepBy(-1000)
    assert read_settings(project.path) == {"inference.scale": 1.1, "losses.hard": 0.0}
    press(driver, scale.reset_button)
    assert (scale.line.text(), scale.line.placeholderText()) == ("", "automatic")
    press(driver, form.folds["losses"].header)
    press(driver, form.folds["losses"].header)
    assert hard.line.text() == "0"


@pytest.mark.binding
def test_what_is_refused_stays_as_it_was_typed(window: Any, form: Any, project: Project) -> None:
    driver = window[1]
    type_in(driver, form, "inference.stride_fraction", "1.5")
    row = form.rows["inference.stride_fraction"]
    assert "less than or equal to 1" in row.problem.text()
    form.search.setFocus()
    QApplication.sendEvent(row.field, QEvent(QEvent.Type.ActivationChange))
    driver.pause(0.1)
    assert row.line.text() == "1.5"
    assert row.problem.isVisible()
    assert read_settings(project.path) == {}
    type_in(driver, form, "inference.stride_fraction", "5e-1")
    assert read_settings(project.path) == {"inference.stride_fraction": 0.5}
    assert row.line.text() == "0.5"


@pytest.mark.nightly
@pytest.mark.binding
def test_lists_and_ticks(window: Any, form: Any, project: Project) -> None:
    driver = window[1]
    for section in ("data", "alignment", "encoder"):
        press(driver, form.folds[section].header)
    rows = form.rows
    rows["data.balance_classes"].widget.value = False
    rows["alignment.loss"].widget.value = "cosine"
    driver.reveal(rows["encoder.offline"].field)
    QTest.mouseClick(rows["encoder.offline"].field, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    kept = {"data.balance_classes": False, "alignment.loss": "cosine", "encoder.offline": True}
    assert read_settings(project.path) == kept
    rows["data.balance_classes"].widget.value = None
    type_in(driver, form, "encoder.taps", "3, 8")
    del kept["data.balance_classes"]
    assert read_settings(project.path) == {**kept, "encoder.taps": [3, 8]}


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
    assert (row.line.text(), row.line.placeholderText()) == ("", "256")
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


@pytest.mark.nightly
def test_encoders_come_with_licence_access_and_weights(window: Any, form: Any) -> None:
    row, driver = form.rows["encoder.name"], window[1]
    driver.wait(lambda: row.field.findData("uni") >= 0, "the list of encoders", 300.0)
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


@pytest.mark.nightly
def test_a_really_started_training_has_the_value(window: Any, project: Project, truths: dict[str, np.ndarray]) -> None:
    driver = window[1]
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    form = driver.panel.settings
    press(driver, form.header)
    type_in(driver, form, "data.crop_px", "64")
    type_in(driver, form, "alignment.embedding_dim", "32")
    type_in(driver, form, "optimizer.lr", "2e-3")
    with driver.watching():
        driver.start_training(5.0)
        driver.wait(lambda: driver.session.training.run_id is not None, "the run to start", 300.0)
        run = project.runs_dir / driver.session.training.run_id
        driver.click(driver.panel.train.stop_button)
        driver.wait(lambda: not driver.session.training.active, "the end", 300.0)
    config = json.loads((run / "config.json").read_text())
    assert (config["data"]["crop_px"], config["alignment"]["embedding_dim"]) == (64, 32)
    assert config["optimizer"]["lr"] == 0.002
    started = json.loads((run / "events.jsonl").read_text().splitlines()[0])
    assert started["project_settings"] == ["data.crop_px = 64", "alignment.embedding_dim = 32", "optimizer.lr = 0.002"]


def test_what_is_typed_counts_when_a_key_starts_the_training(
    window: Any, form: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    driver = window[1]
    project.write_label("tile_01", truths["tile_01"], LabelSource.PAINTED)
    driver.session.states_changed.emit()
    assert "at least 2 tiles first (1 done)" in driver.panel.train.plan.text()
    type_in(driver, form, "data.min_labeled_tiles", "1")
    assert "Ready to train on 1 annotated tile, " in driver.panel.train.plan.text()
    assert "1 advanced setting is the project's own." in driver.panel.train.plan.text()
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
