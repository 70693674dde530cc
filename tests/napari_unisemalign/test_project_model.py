"""The evented project: each change is told once, after it was made; nobody announces for somebody else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_unisemalign
from napari_unisemalign.app.project_model import ProjectModel
from training_core.base.errors import UserError
from training_core.project import LabelSource, Project

SIGNALS = ("states_changed", "classes_changed", "label_saved", "overlays_changed")
RUN = "20260101-000000"


@pytest.fixture
def model(predicted_project: Project) -> ProjectModel:
    model = ProjectModel()
    model.project = predicted_project
    return model


@pytest.fixture
def told(model: ProjectModel) -> list[tuple[Any, ...]]:
    """What the model tells, in its order, with what the project says at that moment."""
    heard: list[tuple[Any, ...]] = []
    project = model.project
    assert project is not None
    model.states_changed.connect(
        lambda: heard.append(("states", project.is_rejected("tile_01", RUN), project.val_names()))
    )
    model.classes_changed.connect(lambda: heard.append(("classes", *(each.name for each in project.classes))))
    model.label_saved.connect(lambda name: heard.append(("label", name)))
    model.overlays_changed.connect(lambda name: heard.append(("overlays", name)))
    return heard


def test_rejections_of_several_tiles_are_told_together(model: ProjectModel, told: list[Any]) -> None:
    for name in ("tile_01", "tile_03"):
        model.project.reject(name, RUN)
    model.rejections_changed_outside(("tile_01", "tile_03"))
    model.rejections_changed_outside(())
    assert told == [("states", True, ()), ("overlays", "tile_01"), ("overlays", "tile_03")]


def test_classes_and_validation_are_told_after_the_change(
    model: ProjectModel, told: list[Any], truths: dict[str, np.ndarray]
) -> None:
    for name in ("tile_01", "tile_02"):
        model.project.write_label(name, truths[name], LabelSource.PAINTED)
    added = model.add_class("vessel")
    model.update_class(added.id, name="lumen")
    with pytest.raises(UserError):
        model.update_class(added.id, name="Gland")  # there is one: the field that it was typed in is told
    model.use_for_validation(["tile_01", "tile_02"], True)
    model.set_val([])
    assert told == [
        ("classes", "background", "gland", "vessel"),
        ("classes", "background", "gland", "lumen"),
        ("classes", "background", "gland", "lumen"),
        ("states", False, ("tile_01", "tile_02")),
        ("states", False, ()),
    ]


def test_a_saved_label_is_told_before_the_states_of_all_tiles(model: ProjectModel, told: list[Any]) -> None:
    model.label_changed_outside("tile_02")
    assert told == [("label", "tile_02"), ("states", False, ())]


def test_nobody_emits_a_signal_of_somebody_else() -> None:
    """`self.changed.emit()` is one's own; `self._session.changed.emit()` is not."""
    folder, strangers = Path(napari_unisemalign.__file__).parent, []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_emit = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit"
            signal = node.func.value if is_emit else None
            if isinstance(signal, ast.Attribute) and not (
                isinstance(signal.value, ast.Name) and signal.value.id == "self"
            ):
                strangers.append(f"{path.relative_to(folder)}:{node.lineno}")
    assert strangers == []
