"""What is too little to train on: said in words, and nothing of the project is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_core.cli import main
from training_core.config import Config
from training_core.errors import ProjectError
from training_core.io import read_mask
from training_core.project import LabelSource, Project, TissueClass
from training_core.readiness import check_ready

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]


def contents(folder: Path) -> dict[str, str]:
    """Every file's hash, every folder, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def bare(project: Project, tmp_path: Path, ids: tuple[int, ...] = (0, 1)) -> Project:
    """A project of the same pictures without any label."""
    classes = [TissueClass(i, f"class {i}", "#009e73") for i in ids]
    return Project.create(tmp_path / "bare", [tmp_path / "images"], classes=classes)


def no_label(make_project: MakeProject, tmp_path: Path) -> Project:
    return bare(make_project(), tmp_path)


def one_labelled_tile(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=1, unlabeled=3)


def only_validation_labelled(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=0, unlabeled=3, val=2)


def labels_of_one_class(make_project: MakeProject, tmp_path: Path) -> Project:
    project = bare(make_project(), tmp_path)
    for name in ("a_1", "a_2", "u_1"):
        project.write_label(name, np.full((96, 96), 1, np.uint8), LabelSource.PAINTED)
    return project


def one_class(make_project: MakeProject, tmp_path: Path) -> Project:
    project = bare(make_project(), tmp_path, ids=(0,))
    for name in ("a_1", "a_2"):
        project.write_label(name, np.zeros((96, 96), np.uint8), LabelSource.PAINTED)
    return project


def no_unlabelled_image(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=3, unlabeled=0)


CASES: list[tuple[Any, str, str]] = [
    (no_label, "0 of 5 tiles are labelled", "at least 2 labelled tiles"),
    (one_labelled_tile, "1 of 5 tiles are labelled", "min_labeled_tiles=1"),
    (only_validation_labelled, "the 2 validation tiles do not count", "at least 2 labelled tiles"),
    (labels_of_one_class, "all labels are of one class (class 1)", "at least 2 classes"),
    (one_class, "the project has 1 class (class 0)", "at least 2 classes"),
    (no_unlabelled_image, "no unlabelled tile", "--supervised-only"),
]


@pytest.mark.parametrize(("make", "given", "needed"), CASES, ids=[case[0].__name__ for case in CASES])
def test_too_little_is_exit_code_two_one_line_and_an_untouched_project(
    make: Callable[[MakeProject, Path], Project],
    given: str,
    needed: str,
    make_project: MakeProject,
    small_config: MakeConfig,
    small_settings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = make(make_project, tmp_path)
    before = contents(project.path)
    assert main(["train", str(project.path), "--config", str(small_settings)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert given in err
    assert needed in err
    assert contents(project.path) == before
    with pytest.raises(ProjectError, match=r"Needed:.*Try:"):
        check_ready(project, small_config())


def test_enough(make_project: MakeProject, small_config: MakeConfig) -> None:
    split = check_ready(make_project(), small_config())
    assert (split.labeled, split.unlabeled, split.val) == (("a_1", "a_2"), ("u_1", "u_2"), ("v_1",))


def test_labelled_tiles_only_needs_no_unlabelled_ones(make_project: MakeProject, small_config: MakeConfig) -> None:
    split = check_ready(make_project(unlabeled=0), small_config(pseudo_label={"enabled": False}))
    assert split.unlabeled == ()
    split = check_ready(make_project(name="other"), small_config(pseudo_label={"enabled": False}))
    assert split.unlabeled == ()


def test_one_labelled_tile_is_enough_when_asked_for(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(labeled=1)
    assert check_ready(project, small_config(data={"min_labeled_tiles": 1})).labeled == ("a_1",)


def test_tiles_whose_picture_is_gone_do_not_count(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(labeled=3)
    project.image_path("a_1").unlink()
    project.image_path("v_1").unlink()
    split = check_ready(project, small_config())
    assert (split.labeled, split.val) == (("a_2", "a_3"), ())
    project.image_path("a_2").unlink()
    with pytest.raises(ProjectError, match="1 of 6 tiles"):
        check_ready(project, small_config())


def test_label_files_that_are_gone_are_an_error_not_a_crash(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    for name in ("a_1", "a_2"):
        path = project.path / "labels" / f"{name}.png"
        assert read_mask(path).shape == (96, 96)
        path.unlink()
    with pytest.raises(ProjectError, match="the label files are empty or gone"):
        check_ready(project, small_config())
