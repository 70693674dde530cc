"""The window as a screen reader and a keyboard find it: through Qt's accessibility tree, and by Tab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from qtpy import API_NAME, QtGui
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QRadioButton, QWidget

from napari_unisemalign.shell.pages import Place
from tests.napari_unisemalign.test_deliberate import dialogs
from training_core.project import LabelSource, Project

pytestmark = [
    pytest.mark.binding,
    pytest.mark.skipif(API_NAME != "PySide6", reason="only PySide6 has QAccessible in Python"),
]
CONTROLS = (
    "Button", "CheckBox", "RadioButton", "ComboBox", "Slider", "SpinBox", "EditableText", "List", "Table", "Tree",
    "ButtonMenu", "ButtonDropDown", "PageTabList",
)  # fmt: skip
SHORT_NAMES = 2
"""Words: a button with so few says in a description what it does."""

PLAIN = ("Cancel", "Close", "Copy")
"""Names of buttons that say it all."""


@dataclass(frozen=True)
class Control:
    """What the tree says of a control."""

    widget: QWidget
    role: str
    name: str
    description: str


def controls(root: QWidget) -> Iterator[Control]:
    """All controls in sight below a widget, in the tree's order."""
    accessible = QtGui.QAccessible
    text, roles = accessible.Text, {getattr(accessible.Role, each, None): each for each in CONTROLS}

    def walk(interface: Any) -> Iterator[Control]:
        widget = interface.object()
        if not isinstance(widget, QWidget) or not widget.isVisible():
            return
        role = roles.get(interface.role())
        if role is not None:
            yield Control(widget, role, _name(interface, widget), interface.text(text.Description))
            return  # what is inside a list, a spin box or a drop-down is the control's own
        for place in range(interface.childCount()):
            yield from walk(interface.child(place))

    return walk(accessible.queryAccessibleInterface(root))


def _name(interface: Any, widget: QWidget) -> str:
    """On Linux a drop-down's name in the tree is what is chosen in it; the label beside it is a relation."""
    accessible = QtGui.QAccessible
    if not isinstance(widget, QComboBox):
        return str(interface.text(accessible.Text.Name))
    labels = [each.text(accessible.Text.Name) for each, _kind in interface.relations(accessible.RelationFlag.Label)]
    return widget.accessibleName() or " ".join(labels)


def unfolded(driver: Any, place: Place) -> None:
    driver.open_place(place)
    for fold in driver.panel.pages.page(place).folds:
        fold.set_open(True)
    panel = driver.panel
    if place is Place.ANNOTATE and not panel.cleanup.switch.isChecked():
        driver.click(panel.cleanup.switch)
    driver.pause(0.1)


@pytest.fixture
def busy(window: Any, predicted_project: Project, truths: Any) -> Any:
    """A window with everything to show: a prediction, annotations, a round, areas."""
    _viewer, driver, _answers = window
    for name in ("tile_03", "tile_04"):
        predicted_project.write_label(name, truths[name], LabelSource.PAINTED)
    predicted_project.add_round("20260101-000000")
    (predicted_project.runs_dir / "20260101-000000" / "events.jsonl").write_text("")
    driver.panel.controller.open_project(predicted_project.path)
    driver.wait(lambda: bool(driver.session.past), "the round")
    driver.click(driver.panel.areas.count_button)
    driver.wait(lambda: driver.panel.areas.table.rowCount() > 0, "the areas")
    return driver


def test_every_control_has_a_name_of_its_own_and_a_description_where_that_is_not_enough(busy: Any) -> None:
    panel = busy.panel
    nameless, twice, bare = [], [], []
    bar = panel.parentWidget().titleBarWidget()  # napari's, whose buttons have no names of their own
    for place in Place:
        unfolded(busy, place)
        found = [*controls(bar), *controls(panel), *controls(panel.tiles)]
        assert len(found) > 15, place
        nameless += [f"{place}: {each.widget} {each.role}" for each in found if not each.name.strip()]
        counts = Counter((each.role, each.name) for each in found)
        twice += [f"{place}: {role} {name}" for (role, name), count in counts.items() if count > 1]
        bare += [
            f"{place}: {each.role} {each.name}"
            for each in found
            if len(each.name.split()) <= SHORT_NAMES and not each.description and not _is_folding(each.widget)
        ]
    assert (nameless, twice, sorted(set(bare))) == ([], [], [])


def test_the_buttons_of_the_dock_keep_their_names_when_it_floats(busy: Any) -> None:
    dock = busy.panel.parentWidget()
    names = ["Float the panel in a window of its own", "Dock the panel"]
    for floats in (True, False):
        dock.setFloating(floats)
        busy.wait(lambda: names[1] in {each.name for each in controls(dock.titleBarWidget())}, names[1])
        names.reverse()


def test_every_control_of_a_dialog_has_a_name_of_its_own_and_a_description(busy: Any) -> None:
    nameless, twice, bare = [], [], []
    for dialog in dialogs(busy.panel):
        dialog.show()
        busy.pause(0.1)
        found = list(controls(dialog))
        kind = type(dialog).__name__
        nameless += [f"{kind}: {each.widget} {each.role}" for each in found if not each.name.strip()]
        counts = Counter((each.role, each.name) for each in found)
        twice += [f"{kind}: {role} {name}" for (role, name), count in counts.items() if count > 1]
        bare += [
            f"{kind}: {each.role} {each.name}"
            for each in found
            if len(each.name.split()) <= SHORT_NAMES and not each.description and each.name not in PLAIN
        ]
        dialog.close()
        dialog.deleteLater()
    assert (nameless, twice, bare) == ([], [], [])


def test_tab_comes_to_every_control_and_back(busy: Any) -> None:
    panel = busy.panel
    busy.activate()
    for place in Place:
        unfolded(busy, place)
        wanted = {each.widget: each.name for each in controls(panel) if each.widget.isEnabled()}
        panel.head.project_button.setFocus(Qt.FocusReason.TabFocusReason)
        reached = set()
        for _press in range(3 * len(wanted) + 60):
            focused = QApplication.focusWidget()
            reached |= {each for each in wanted if each is focused or each.isAncestorOf(focused)}
            QTest.keyClick(focused, Qt.Key.Key_Tab)
        for each in [each for each in reached if isinstance(each, QRadioButton)]:
            reached |= set(each.group().buttons())  # Tab comes to the one that is chosen, the arrow keys to the others
        missed = [name for each, name in wanted.items() if each not in reached]
        assert missed == [], place


def test_focus_is_seen_on_every_control(busy: Any) -> None:
    panel = busy.panel
    busy.activate()
    unseen = []
    for place in Place:
        unfolded(busy, place)
        for each in [*controls(panel), *controls(panel.tiles)]:
            if not each.widget.isEnabled():
                continue
            page = panel.pages.page_of(each.widget)
            if page is not None and page.body.isAncestorOf(each.widget):
                page.scroll_area.ensureWidgetVisible(each.widget)
            each.widget.setFocus(Qt.FocusReason.TabFocusReason)
            QApplication.processEvents()
            parent, place_px = each.widget.parentWidget(), each.widget.geometry()
            with_focus = parent.grab(place_px).toImage()
            each.widget.clearFocus()
            QApplication.processEvents()
            if with_focus == parent.grab(place_px).toImage():
                unseen.append(f"{place}: {each.role} {each.name}")
    assert sorted(set(unseen)) == []


def _is_folding(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    return getattr(parent, "header", None) is widget
