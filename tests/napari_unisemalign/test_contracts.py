"""Controllers know their views by contracts alone, and the views that a window gives them keep these contracts."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget

from napari_unisemalign import window as assembly
from napari_unisemalign.actions.keys_view import KeysDialog
from napari_unisemalign.app.contracts import Told
from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tiles.pixel_sizes import PixelSizes
from napari_unisemalign.tiles.pixel_sizes_view import PixelSizesDialog

PACKAGE = Path(assembly.__file__).parent
PLACES = ("actions", "annotate", "results", "shell", "tiles", "train")
NOT_CONTROLLERS = {
    "actions/napari_keys.py": "reads the menus of napari's window",
    "actions/window_keys.py": "listens to keys in napari's window",
    "shell/dialogs.py": "makes the dialogs and gives them their controllers",
}
"""Modules that name widgets though they define none."""


def modules() -> Iterator[tuple[str, Any, ast.Module]]:
    """Every module of the places of work: its path, itself and its source as a tree."""
    for place in PLACES:
        for file in sorted((PACKAGE / place).rglob("*.py")):
            path = file.relative_to(PACKAGE)
            parts = [part for part in path.with_suffix("").parts if part != "__init__"]
            module = importlib.import_module(".".join((PACKAGE.name, *parts)))
            yield path.as_posix(), module, ast.parse(file.read_text(encoding="utf-8"))


def is_widget(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, QWidget)


def is_view(path: str, module: Any) -> bool:
    """Whether a module shows something: it says so by its name, or defines a widget."""
    own = (each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__)
    return path.endswith("_view.py") or any(map(is_widget, own))


def widgets_named(tree: ast.Module) -> set[str]:
    """The widgets that are imported anywhere in a module, inside functions and for types alone too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.endswith("QtWidgets")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("qtpy", PACKAGE.name):
            source = importlib.import_module(node.module or "")
            for alias in node.names:
                thing = getattr(source, alias.name, None)
                if is_widget(thing) or alias.name == "QtWidgets":
                    found.add(alias.name)
    return found


def test_no_controller_names_a_widget():
    named, views = {}, 0
    for path, module, tree in modules():
        if is_view(path, module):
            views += 1
        elif widgets := widgets_named(tree):
            named[path] = widgets
    assert views > 30
    assert set(named) == set(NOT_CONTROLLERS), named


def test_nobody_takes_the_whole_panel():
    """Views neither: the panel puts them together, and `window` gives each to its controller."""
    assert [path for path, _module, tree in modules() if "Panel" in widgets_named(tree)] == []


def test_the_guard_sees_a_widget_wherever_it_is_imported():
    source = """
if TYPE_CHECKING:
    from napari_unisemalign.shell.panel import Panel

def late():
    from qtpy.QtWidgets import QApplication, QLabel
    from napari_unisemalign.annotate.classes_view import ClassRow
"""
    assert widgets_named(ast.parse(source)) == {"Panel", "QLabel"}
    assert widgets_named(ast.parse("from qtpy import QtWidgets")) == {"QtWidgets"}
    assert widgets_named(ast.parse("import qtpy.QtWidgets")) == {"qtpy.QtWidgets"}


@cache
def contracts_of(controller: type) -> dict[str, type]:
    """The contracts that a controller's views must keep, by the names of its parameters."""
    signature = inspect.signature(controller)
    module = importlib.import_module(controller.__module__)
    found = {}
    for name, parameter in signature.parameters.items():
        hint = getattr(module, str(parameter.annotation), None)
        if isinstance(hint, type) and hint.__module__.endswith("contracts"):
            found[name] = hint
    return found


def broken(view: Any, contract: type, where: str) -> Iterator[str]:
    """What of a contract a view does not keep, in words: a member that it lacks, or one that takes other arguments."""
    for name, member in vars(contract).items():
        if name.startswith("_"):
            continue
        if not hasattr(view, name):
            yield f"{where} has no {name}"
        elif isinstance(member, property):
            hint = typing.get_type_hints(member.fget, vars(importlib.import_module(contract.__module__)))["return"]
            if isinstance(hint, type) and hint.__name__.endswith("Surface"):
                yield from broken(getattr(view, name), hint, f"{where}.{name}")
            elif hint is Told and not hasattr(getattr(view, name), "connect"):
                yield f"{where}.{name} is no signal"
        elif inspect.isfunction(member):
            given, taken = inspect.signature(member), getattr(view, name)
            if inspect.ismethod(taken) or inspect.isfunction(taken):
                names = [each for each in given.parameters if each != "self"]
                if names != list(inspect.signature(taken).parameters):
                    yield f"{where}.{name} takes other arguments"


def test_the_views_of_a_window_keep_the_contracts_of_their_controllers(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Qt has no types for mypy, so that it takes any widget for any contract."""
    given: list[tuple[type, str, Any]] = []

    def watch(controller: type) -> None:
        make, signature = controller.__init__, inspect.signature(controller)  # type: ignore[misc]

        def noted(self: Any, *args: Any, **keywords: Any) -> None:
            values = signature.bind(*args, **keywords).arguments
            given.extend((controller, name, values[name]) for name in contracts_of(controller))
            make(self, *args, **keywords)

        monkeypatch.setattr(controller, "__init__", noted)

    ours = [each for each in vars(assembly).values() if getattr(each, "__module__", "").startswith(PACKAGE.name)]
    controllers = [each for each in ours if isinstance(each, type) and contracts_of(each)]
    for controller in controllers:
        watch(controller)
    _viewer, driver, _answers = request.getfixturevalue("window")
    assert {controller for controller, _name, _view in given} == set(controllers)
    assert len(given) > 25
    panel = driver.panel
    dialogs = ((NewProjectForm, "dialog", NewProjectDialog(panel)), (PixelSizes, "view", PixelSizesDialog(panel)))
    problems = [
        problem
        for controller, name, view in (*given, *dialogs)
        for problem in broken(view, contracts_of(controller)[name], f"{controller.__name__}.{name}")
    ]
    from napari_unisemalign.actions.contracts import KeysSheetSurface

    problems += broken(KeysDialog(panel), KeysSheetSurface, "the sheet of keys")
    assert problems == []


def test_the_check_sees_a_contract_that_is_not_kept():
    class Half:
        stop_clicked = "no signal"

        def set_plan(self, words: str) -> None: ...

    from napari_unisemalign.train.contracts import TrainSurface

    problems = set(broken(Half(), TrainSurface, "half"))
    assert {"half has no minutes", "half.stop_clicked is no signal", "half.set_plan takes other arguments"} <= problems
