"""Changes of several files: all of them or none, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.training_core.conftest import build_project
from training_core.base.errors import MaskError, ProjectError, StorageError
from training_core.io import read_mask, write_png
from training_core.project import LabelSource, Project
from training_core.project.additions import add_files

MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    return partial(build_project, tmp_path)


def journal(project: Project, *lines: list[object]) -> Path:
    path = project.path / "project.journal"
    first, *rest = lines
    path.write_text("".join(json.dumps(line) + "\n" for line in ([1, *first], *rest)), "utf-8")
    return path


def painted(project: Project, name: str, class_id: int) -> np.ndarray:
    label = project.label(name)
    label[:7, :5] = class_id
    return label


def test_a_change_that_was_decided_is_finished_on_opening(make_project: MakeProject) -> None:
    project = make_project()
    index = json.loads((project.path / "project.json").read_text("utf-8"))
    index["name"] = "another name"
    new = project.path / ".0123456789abcdef.tmp"
    new.write_text(json.dumps(index), "utf-8")
    kept = project.path / "labels" / "stray.png"
    kept.write_bytes(b"stray")
    left = journal(
        project,
        ["aside", "labels/stray.png", "removed/labels/stray.png"],
        ["write", ".0123456789abcdef.tmp", "project.json"],
        ["commit", 2],
    )
    again = Project.open(project.path)
    assert again.name == "another name"
    assert (project.path / "removed" / "labels" / "stray.png").read_bytes() == b"stray"
    assert not kept.exists()
    assert not new.exists()
    assert not left.exists()


@pytest.mark.parametrize("last", [["commit", 2], ["commit"], "commit", None])
def test_a_change_that_was_not_decided_has_not_happened(make_project: MakeProject, last: object) -> None:
    project = make_project()
    before = (project.path / "project.json").read_bytes()
    new = project.path / ".0123456789abcdef.tmp"
    new.write_bytes(b"half an index")
    lines = [["write", ".0123456789abcdef.tmp", "project.json"]]  # one file, and two are said
    lines += [] if last is None else [last]
    left = journal(project, *lines)
    Project.open(project.path)
    assert (project.path / "project.json").read_bytes() == before
    assert not new.exists()
    assert not left.exists()


@pytest.mark.parametrize("place", ["../stolen", "/tmp/stolen", "labels/../../stolen", "C:/stolen"])
def test_a_journal_of_somebody_else_leads_nowhere(make_project: MakeProject, place: str) -> None:
    project = make_project()
    journal(project, ["aside", "project.json", place], ["aside", "labels", "moved"], ["commit", 2])
    with pytest.raises(ProjectError, match=r"leads to another folder|is empty"):
        Project.open(project.path)
    assert (project.path / "project.json").is_file()
    assert (project.path / "labels").is_dir()


def test_a_journal_of_a_newer_version_is_left_to_it(make_project: MakeProject) -> None:
    project = make_project()
    path = project.path / "project.journal"
    path.write_text('[2, "swap", "a", "b"]\n["commit", 1]\n', "utf-8")
    with pytest.raises(ProjectError, match="newer version"):
        Project.open(project.path)
    assert path.exists()


def test_a_disk_that_fails_after_the_decision_delays_the_change_and_no_more(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    label = painted(project, "u_1", 1)
    with monkeypatch.context() as patch:

        def full(source: Path, target: Path) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(target))

        patch.setattr("training_core.project.journal.replace_file", full)
        with pytest.raises(StorageError, match="read-only"):
            project.write_label("u_1", label, LabelSource.PAINTED)
        assert (project.path / "project.journal").exists()
        with pytest.raises(StorageError, match="read-only"):  # nothing else comes before it
            project.add_class("vessel")
    project.add_class("vessel")
    assert (project.label("u_1") == label).all()
    assert project.labeled_pixels("u_1") == int((label != 255).sum())
    assert not (project.path / "project.journal").exists()


def test_file_systems_that_cannot_synchronise_are_written_all_the_same(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    for code in (errno.EINVAL, errno.ENOTSUP):

        def refuse(_descriptor: int, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", refuse)
        label = painted(project, "u_1", 1 if code == errno.EINVAL else 0)
        project.write_label("u_1", label, LabelSource.PAINTED)
        assert (Project.open(project.path).label("u_1") == label).all()


def test_a_broken_disk_is_no_file_system_that_cannot_synchronise(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StorageError, match="the disk reports an error"):
            project.write_label("u_1", painted(project, "u_1", 1), LabelSource.PAINTED)
    assert not Project.open(project.path).has_label("u_1")
    assert not list(project.path.rglob("*.tmp"))


def test_annotations_of_a_tile_removed_twice_are_both_kept(make_project: MakeProject) -> None:
    project, kept = make_project(), []
    for class_id in (0, 1):
        image = project.image_path("u_1")
        label = painted(project, "u_1", class_id)
        project.write_label("u_1", label, LabelSource.PAINTED)
        kept.append(label)
        project.remove_tiles(["u_1"])
        add_files(project, [image])
        assert not project.has_label("u_1")
    found = [read_mask(project.path / "removed" / "labels" / name) for name in ("u_1.png", "u_1-2.png")]
    assert (found[0] == kept[0]).all()
    assert (found[1] == kept[1]).all()


def test_an_image_that_was_a_tile_is_kept_when_another_takes_its_name(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project()
    path = project.image_path("u_1")
    before = path.read_bytes()
    project.remove_tiles(["u_1"])
    other = tmp_path / "other"
    other.mkdir()
    write_png(other / f"u_1{path.suffix}", np.zeros((64, 64, 3), np.uint8))
    add_files(project, [other / f"u_1{path.suffix}"])
    assert project.image("u_1").max() == 0
    assert (project.path / "removed" / "images" / path.name).read_bytes() == before


def test_one_bad_mask_leaves_nothing_of_an_import(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    masks = tmp_path / "new-masks"
    masks.mkdir()
    images = [project.image_path(name) for name in ("u_1", "u_2")]
    write_png(masks / "u_1.png", np.zeros(project.label("u_1").shape, np.uint8))
    write_png(masks / "u_2.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(MaskError):
        add_files(project, images, masks=masks)
    assert not project.has_label("u_1")
    assert not list(project.path.glob(".*"))
