"""Names with an ampersand are shown with it: in a button or a menu, `&E` would be an underlined E."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from qtpy.QtWidgets import QAbstractButton, QLabel, QMenu, QWidget

from training_core.project import Project, make_classes


def shortened(root: QWidget) -> list[str]:
    """Texts of buttons, menus and captions that lose an ampersand on the screen."""
    texts = [button.text() for button in root.findChildren(QAbstractButton)]
    texts += [action.text() for menu in root.findChildren(QMenu) for action in menu.actions()]
    texts += [label.text() for label in root.findChildren(QLabel) if label.buddy() is not None]
    return [text for text in texts if re.search(r"&[^&]", text.replace("&&", ""))]


def shown(text: str) -> str:
    """As Qt draws the text of a button or an action."""
    return re.sub(r"&(.)", r"\1", text)


def test_names_keep_their_ampersands(window: Any, tmp_path: Path) -> None:
    viewer, driver, _answers = window
    folder = tmp_path / "R&D" / "H&E scans"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for name in ("H&E_1", "H&E_2"):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    viewer.open(str(folder / "H&E_2.png"), plugin="napari")
    opened = driver.panel.project.opened_button
    driver.wait(lambda: "H&E_2.png" in shown(opened.text()), "the offer to make a project of what is open")
    viewer.layers.clear()
    classes = make_classes(("P&E", "gland"))
    for name in ("H&E", "A&B"):
        Project.create(tmp_path / name, [folder / "H&E_1.png"], classes=classes, mpp_um=0.5)
        driver.panel.controller.open_project(tmp_path / name)
    driver.pause(0.1)
    recent = driver.panel.project.recent
    assert [shown(action.text()).split()[0] for action in recent.menu.actions()] == ["A&B", "H&E"]
    chips = [shown(each.text()) for each in driver.panel.findChildren(QAbstractButton)]
    assert any(text.endswith("P&E") for text in chips)
    assert shortened(driver.panel) == []
