"""Colours stand in one module of the window, and nowhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from napari_unisemalign.widgets import colors
from training_core.project.classes import PALETTE

WINDOW = Path(colors.__file__).parents[1]
_HEX = re.compile(r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?\b|\brgba?\(")
_NAMES = re.compile(r"(?<![\w-])color:\s*[a-z]+\b|\b(?:viridis|magma|inferno|turbo)\b")


def hard_coded(source: str) -> list[str]:
    """Texts and QColor(...) of numbers that state a colour, of a module's source."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [each for each in (*_HEX.findall(node.value), *_NAMES.findall(node.value)) if each]
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("QColor", "QBrush", "QPen"):
            given = [each.value for each in node.args if isinstance(each, ast.Constant)]
            found += [ast.unparse(node)] if len(given) >= 3 and all(isinstance(each, int) for each in given) else []
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("Qt.GlobalColor."):
            found += [ast.unparse(node)] if node.attr != "transparent" else []
    return found


def test_no_other_module_of_the_window_states_a_colour() -> None:
    files = [path for path in WINDOW.rglob("*.py") if path != Path(colors.__file__)]
    assert len(files) > 100
    assert {path.name: found for path in files if (found := hard_coded(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    "source",
    ['x = "#12aB9f"', 'x = f"a {b} border: 1px solid #123456;"', "QColor(1, 2, 3)", 'x = "QLabel { color: white; }"',
     'x = "rgba(1, 2, 3, 4)"', "Qt.GlobalColor.red", 'Image(x, colormap="viridis")'],
)  # fmt: skip
def test_a_colour_in_any_of_these_forms_is_found(source: str) -> None:
    assert hard_coded(source)


def test_what_is_marked_on_the_image_is_told_apart_from_every_first_colour_of_a_class() -> None:
    """By at least 60 of 255 in one of the channels; the hatching tells apart besides."""

    def rgb(color: str) -> np.ndarray:
        return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)])

    for marked in (colors.ACCEPTING, colors.MARKED, colors.REJECTED):
        for each in PALETTE:
            assert np.abs(rgb(marked) - rgb(each)).max() >= 40, (marked, each)
