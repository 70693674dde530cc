"""One damaged file is a matter of its own tile: the others train, are exported, and change their classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training_core.conftest import build_project
from training_core.base.attempts import Attempts
from training_core.export import export_masks
from training_core.io import read_mask
from training_core.project import LabelSource, Project

MakeProject = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Tiles a_1, a_2 and u_1 have strokes of gland (id 1)."""
    project = build_project(tmp_path, labeled=2)
    for name in ("a_1", "a_2", "u_1"):
        label = np.full_like(project.label(name), 255)
        label[:10, :10], label[10:20, :10] = 0, 1
        project.write_label(name, label, LabelSource.PAINTED)
    return project


def damage(project: Project, *parts: str) -> bytes:
    path = project.path.joinpath(*parts)
    path.write_bytes(path.read_bytes()[:40])
    return path.read_bytes()


def test_a_stroke_is_saved_beside_a_damaged_history_which_is_kept(project: Project) -> None:
    left = damage(project, "labels", "a_1.json")
    label = project.label("a_1")
    label[30, 30] = 1
    written = project.write_label("a_1", label, LabelSource.PAINTED)
    assert written.damaged_history is not None
    assert written.damaged_history.read_bytes() == left
    assert (Project.open(project.path).label("a_1") == label).all()
    assert len(project.label_edits("a_1")) == 1


def test_a_class_goes_although_one_tile_of_it_is_damaged(project: Project) -> None:
    left = damage(project, "labels", "a_1.png")
    pixels = project.class_pixels(1)
    assert [pixels[name] for name in ("a_1", "a_2", "u_1")] == [0, 100, 100]
    removed = project.remove_class(1, into=0)
    assert removed.damaged == ("a_1",)
    for name in ("a_2", "u_1"):
        assert (project.label(name)[:20, :10] == 0).all()
    assert (project.path / "labels" / "a_1.png").read_bytes() == left
    assert [each.id for each in Project.open(project.path).classes] == [0]

    damage(project, "labels", "u_1.png")
    assert project.restore_class(removed) == ("u_1",)
    assert (project.label("a_2")[10:20, :10] == 1).all()


def test_a_class_goes_although_a_history_of_it_is_damaged(project: Project) -> None:
    damage(project, "labels", "a_1.json")
    assert project.remove_class(1, into=255).damaged == ()
    assert (project.label("a_1")[10:20, :10] == 255).all()
    assert len(project.label_edits("a_1")) == 1


def test_the_others_are_exported(project: Project, tmp_path: Path) -> None:
    damage(project, "labels", "a_1.png")
    attempts = Attempts()
    export_masks(project, tmp_path / "out", attempts=attempts)
    assert [each.name for each in attempts.failed] == ["a_1"]
    assert (read_mask(tmp_path / "out" / "a_2.png") == project.label("a_2")).all()


@pytest.mark.parametrize("file", ["a_1.png", "a_1.json"])
def test_a_project_with_a_damaged_label_opens_after_a_crash_of_an_older_version(project: Project, file: str) -> None:
    damage(project, "labels", file)
    left = project.path / ".0123456789abcdef.tmp"  # what a version without a journal leaves
    left.write_bytes(b"half an index")
    os.utime(left, (1e9, 1e9))
    again = Project.open(project.path)
    assert not left.exists()
    assert again.labeled_pixels("a_1") == 200
    assert again.labeled_pixels("a_2") == 200
