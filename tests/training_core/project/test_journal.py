"""Changes of several files: all of them or none, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
import sys
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
from training_core.project.journal import JournaledFiles

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


def test_a_change_that_was_half_made_is_finished(make_project: MakeProject) -> None:
    project = make_project()
    new = project.path / ".0123456789abcdef.tmp"
    new.write_text((project.path / "project.json").read_text("utf-8").replace('"project"', '"another"', 1), "utf-8")
    kept = (project.path / "labels" / "a_1.png").read_bytes()
    left = journal(
        project,
        ["write", "labels/.fedcba9876543210.tmp", "labels/a_1.png"],  # has its name already
        ["write", ".0123456789abcdef.tmp", "project.json"],
        ["commit", 2],
    )
    assert Project.open(project.path).name == "another"
    assert (project.path / "labels" / "a_1.png").read_bytes() == kept
    assert not left.exists()


def test_a_change_of_thousands_of_files_is_finished(make_project: MakeProject) -> None:
    project = make_project()
    new = project.path / ".0123456789abcdef.tmp"
    new.write_text((project.path / "project.json").read_text("utf-8").replace('"project"', '"another"', 1), "utf-8")
    made: list[list[object]] = [["write", f"labels/{'s' * 200}{n}", f"labels/{'t' * 200}{n}"] for n in range(3000)]
    left = journal(project, *made, ["write", ".0123456789abcdef.tmp", "project.json"], ["commit", 3001])
    assert left.stat().st_size > 2**20
    assert Project.open(project.path).name == "another"


@pytest.mark.parametrize(
    "last", [["commit", 2], ["commit"], "commit", None, ["write", "labels"], ["write", 1, 2], ["swap", "a", "b"]]
)
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


def test_a_line_that_a_power_cut_left_as_zeros_decides_nothing(make_project: MakeProject) -> None:
    project = make_project()
    before = (project.path / "project.json").read_bytes()
    (project.path / ".0123456789abcdef.tmp").write_bytes(b"half an index")
    left = journal(project, ["write", ".0123456789abcdef.tmp", "project.json"])
    left.write_bytes(left.read_bytes() + b"\0" * 20 + b"\n")
    Project.open(project.path)
    assert (project.path / "project.json").read_bytes() == before
    assert not left.exists()


def test_a_journal_that_cannot_be_read_says_why(make_project: MakeProject) -> None:
    project = make_project()
    left = project.path / "project.journal"
    left.mkdir()
    with pytest.raises(ProjectError, match=r"project\.journal, .* cannot be read \(Is a directory\)"):
        Project.open(project.path)
    left.rmdir()
    with left.open("wb") as file:
        file.truncate(256 * 2**20 + 1)  # one byte more than is read; none of them is on the disk
    with pytest.raises(ProjectError, match=r"cannot be read \(268,435,457 bytes"):
        Project.open(project.path)


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
        left = (project.path / "project.journal").stat()
        assert left.st_mode == (project.path / "project.json").stat().st_mode  # who shares the folder can finish it
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


def test_a_change_that_a_broken_disk_refuses_leaves_nothing_behind(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and not only when somebody opens the project."""
    project = make_project()
    history = project.path / "labels" / "a_1.json"
    history.write_bytes(b"damaged")  # this writer would put it aside
    (project.path / "project.lock").touch()  # which every writer makes
    before = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StorageError, match="the disk reports an error"):
            project.write_label("a_1", painted(project, "a_1", 1), LabelSource.PAINTED)
    assert {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_removed_after_a_failed_decision_is_removed_by_the_next_change(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, unlink = make_project(), Path.unlink

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def keep(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".tmp":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr("training_core.project.journal.sync_file", broken)  # the decision is written, and not safe
        patch.setattr(Path, "unlink", keep)
        with pytest.raises(StorageError, match="the disk reports an error"):
            project.write_label("u_1", painted(project, "u_1", 1), LabelSource.PAINTED)
    assert list(project.path.rglob(".*.tmp"))
    project.add_class("vessel")
    assert not list(project.path.rglob(".*.tmp"))
    assert not Project.open(project.path).has_label("u_1")  # nothing has changed, as was said
    assert not (project.path / "labels" / "u_1.png").exists()


def test_a_file_that_would_be_put_outside_of_the_project_is_refused(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    (tmp_path / "outside").mkdir()
    (project.path / "removed").symlink_to(tmp_path / "outside")
    files = JournaledFiles(project.path)
    with pytest.raises(ProjectError, match="outside of"):
        files.put_aside(project.path / "labels" / "a_1.json", project.path / "removed" / "a_1.json")
    files.discard()
    assert not (project.path / "project.journal").exists()
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_new_names_are_on_the_disk_before_the_journal_goes(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut may take a name that its folder was not synchronised for; then the journal has to be there still."""
    project, fsync = make_project(), os.fsync
    safe = set()

    def watch(descriptor: int) -> None:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if place.is_dir() and not list(place.glob(".*.tmp")) and (project.path / "project.journal").exists():
            safe.add(place.relative_to(project.path).as_posix())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    project.write_label("u_1", painted(project, "u_1", 1), LabelSource.PAINTED)
    assert safe == {".", "labels", "backups"}


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
