"""What cloud drives leave beside files that two computers changed: said, offered, never deleted, taken for nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.cli.main import main
from training_core.project import LabelSource, Project, make_classes
from training_core.project.check import check_project
from training_core.project.cloud_copies import cloud_copies
from training_core.project.index_backups import index_backups
from training_core.project.journal import settle
from training_core.project.repair import repair_project

MakeProject = Callable[..., Project]
SIDE = 96
MARKS = (
    " (Anna Weber's conflicted copy 2026-11-29)",  # Dropbox
    " (In Konflikt stehende Kopie von LAB-3 2026-11-29)",
    " (SFConflict anna@example.org 2026-11-29-14-32-00)",  # Seafile
    " (conflicted copy 2026-11-29 143200)",  # Nextcloud
    "-LAB-3",  # OneDrive
    "-Annas-MacBook-Pro-2",
    " (1)",  # Google Drive
    ".sync-conflict-20261129-143200-K3LMN4O",  # Syncthing
    " 2",  # iCloud
)


def stroke(rows: int, value: int = 1) -> np.ndarray:
    label = np.full((SIDE, SIDE), 255, np.uint8)
    label[:rows] = value
    return label


def marked(path: Path, mark: str) -> Path:
    return path.with_name(f"{path.stem}{mark}{path.suffix}")


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "project.lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    made = make_project()
    made.write_label("u_1", stroke(10), LabelSource.PAINTED)
    return made


@pytest.mark.parametrize("mark", MARKS)
def test_copies_are_found_offered_and_kept(project: Project, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    copy = marked(project.path / "labels" / "u_1.png", mark)
    Image.fromarray(stroke(30)).save(copy)
    for name in ("labels/u_1.json", "project.json"):
        shutil.copy(project.path / name, marked(project.path / name, mark))
    before = files_of(project.path)
    again = Project.open(project.path)
    assert [tile.name for tile in again.tiles] == ["a_1", "a_2", "u_1", "u_2", "v_1"]
    assert [each.original for each in cloud_copies(again.path, [tile.name for tile in again.tiles])] == [
        "labels/u_1.json",
        "labels/u_1.png",
        "project.json",
    ]
    assert main(["project", "check", str(again.path)]) == 1
    assert f"labels/u_1{mark}.png looks like a copy" in capsys.readouterr().out
    assert files_of(project.path) == before

    assert main(["project", "history", str(again.path), "u_1"]) == 0
    assert f"changed elsewhere at the same time: labels/u_1{mark}.png" in capsys.readouterr().out.splitlines()[0]
    assert main(["project", "history", str(again.path), "u_1", "--restore", "1000001"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(again.path / "labels" / "u_1.png")), stroke(30))
    assert copy.exists()
    np.testing.assert_array_equal(again.label_version("u_1", 1).label, stroke(10))  # what it replaced

    contents = {before[name] for name in before if mark in name}
    repair_project(again.path)
    assert check_project(again.path).problems == []
    assert contents <= set(files_of(again.path).values())
    (offered, *_) = Project.open(again.path).label_versions("u_1")
    assert offered.conflict is not None
    assert offered.conflict.startswith("conflicts/u_1.")
    np.testing.assert_array_equal(again.label_version("u_1", offered.number).label, stroke(30))


def test_tiles_that_are_called_like_copies_are_tiles(tmp_path: Path) -> None:
    names = ["a", "a (1)", "a 2", "a-LAB-3", "b (2)"]
    for number, name in enumerate(names):
        Image.new("RGB", (SIDE, SIDE), (100, 100, number)).save(tmp_path / f"{name}.png")

    images = [tmp_path / f"{name}.png" for name in names]
    project = Project.create(tmp_path / "project", images, classes=make_classes(("x", "y")))
    for name in names:
        project.write_label(name, stroke(5), LabelSource.PAINTED)
    assert cloud_copies(project.path, names) == ()
    assert [each.number for each in project.label_versions("a")] == [0]
    shutil.copy(project.path / "labels" / "a (1).png", project.path / "labels" / "a (1) (1).png")
    assert [each.original for each in cloud_copies(project.path, names)] == ["labels/a (1).png"]
    for path in (*index_backups(project.path), project.path / "project.json"):
        path.unlink()
    repair_project(project.path)  # no index says it: the images are told apart by what is in them
    assert sorted(tile.name for tile in Project.open(project.path).tiles) == sorted(names)


def test_a_copy_of_an_image_is_no_tile_after_a_repair(project: Project) -> None:
    names = [tile.name for tile in project.tiles]
    shutil.copy(project.path / "images" / "u_1.png", project.path / "images" / "u_1 (1).png")
    for path in (*index_backups(project.path), project.path / "project.json"):
        path.unlink()
    found = repair_project(project.path)
    assert sorted(tile.name for tile in Project.open(project.path).tiles) == sorted(names)
    assert any("images/u_1 (1).png is a copy of images/u_1.png" in note for note in found.notes)
    assert (project.path / "images" / "u_1 (1).png").exists()


def test_what_only_a_copy_of_the_index_knows_is_taken_up(project: Project, tmp_path: Path) -> None:
    """One computer adds a tile and a class, the other paints; the drive keeps both indices."""
    other = tmp_path / "other"
    shutil.copytree(project.path, other)
    theirs = Project.open(other)
    nerve = theirs.add_class("nerve")
    Image.new("RGB", (SIDE, SIDE), (1, 2, 3)).save(tmp_path / "new.png")
    assert main(["project", "add", str(other), "--images", str(tmp_path / "new.png")]) == 0
    theirs.write_label("new", stroke(7, nerve.id), LabelSource.PAINTED)
    project.write_label("u_2", stroke(3), LabelSource.PAINTED)
    for name in ("images/new.png", "labels/new.png", "labels/new.json"):  # what only one has comes as it is
        shutil.copy(other / name, project.path / name)
    copy = project.path / "project (1).json"
    shutil.copy(other / "project.json", copy)
    content = copy.read_bytes()

    found = repair_project(project.path)
    again = Project.open(project.path)
    assert [tile.name for tile in again.tiles] == [*(tile.name for tile in project.tiles), "new"][:6]
    assert [(each.id, each.name) for each in again.classes][-1] == (nerve.id, "nerve")
    assert again.labeled_pixels("new") == 7 * SIDE
    assert again.labeled_pixels("u_2") == 3 * SIDE
    assert any("The tile new comes from project (1).json." in note for note in found.notes)
    assert not copy.exists()
    (kept,) = (again.path / "conflicts").glob("copy-*-project (1).json")
    assert kept.read_bytes() == content
    assert check_project(again.path).problems == []


def test_a_lost_index_comes_from_the_copy(project: Project) -> None:
    project.update_class(1, name="gland")
    (project.path / "project.json").rename(project.path / "project-LAB-3.json")
    found = check_project(project.path)
    assert any("project-LAB-3.json looks like a copy" in problem for problem in found.problems)
    repair_project(project.path)
    assert [each.name for each in Project.open(project.path).classes] == ["class 0", "gland"]


def test_copies_of_runs_and_rounds_are_none(project: Project) -> None:
    run = project.runs_dir / "20260101-120000"
    (run / "predictions").mkdir(parents=True)
    for kind in ("prediction", "pseudo_label", "confidence"):
        Image.fromarray(stroke(SIDE)).save(run / "predictions" / f"u_2.{kind}.png")
    (run / "summary.json").write_text("{}")
    project.add_round(run.name)
    for mark in (" (1)", " 2", ".sync-conflict-20261129-143200-K3LMN4O"):
        shutil.copytree(run, run.with_name(run.name + mark))
        shutil.copy(project.path / "rounds" / "001.json", marked(project.path / "rounds" / "001.json", mark))
    assert project.run_ids() == (run.name,)
    assert [each.number for each in project.rounds()] == [1]
    found = project.prediction("u_2")
    assert found is not None
    assert found.run_id == run.name
    second = run.with_name(f"{run.name}-1")  # the program's own name for a second run in the same second
    shutil.copytree(run, second)
    assert project.run_ids() == (run.name, second.name)
    check = check_project(project.path)
    assert sum("runs/20260101-120000" in note for note in check.notes) == 3
    repair_project(project.path)
    assert len(list(project.runs_dir.iterdir())) == 5  # large, and nobody's: they stay
    assert [path.name for path in (project.path / "rounds").iterdir()] == ["001.json"]
    assert len(list((project.path / "conflicts").iterdir())) == 3


def test_two_computers_that_counted_alike_have_each_version_brought_back(project: Project) -> None:
    for number in (2, 3):
        project.write_label("u_1", stroke(number), LabelSource.PAINTED)
    first, second = sorted((project.path / "history" / "u_1").iterdir())
    theirs = second.with_name("000002.20261129-143200-000000.png")  # their second version has another moment
    Image.fromarray(stroke(50)).save(theirs)
    versions = project.label_versions("u_1")
    numbers = [each.number for each in versions]
    assert len(set(numbers)) == len(numbers)
    by_path = {each.path: each.number for each in versions}
    np.testing.assert_array_equal(project.label_version("u_1", by_path[theirs]).label, stroke(50))
    np.testing.assert_array_equal(project.label_version("u_1", by_path[second]).label, stroke(2))
    np.testing.assert_array_equal(project.label_version("u_1", by_path[first]).label, stroke(10))
    project.write_label("u_1", stroke(4), LabelSource.PAINTED)
    assert len(project.label_versions("u_1")) == 4
    numbers = [each.number for each in project.label_versions("u_1")]
    assert len(set(numbers)) == 4


def test_the_version_that_lost_a_conflict_is_restored_from_the_history(project: Project) -> None:
    base = project.label("u_1")
    project.write_label("u_1", stroke(10, 0), LabelSource.PAINTED)  # somebody else, meanwhile
    mine = base.copy()
    mine[:5] = 255
    written = project.write_label("u_1", mine, LabelSource.PAINTED, base=base)
    assert written.other_version is not None
    (theirs, *_) = project.label_versions("u_1")
    assert theirs.path == written.other_version
    project.restore_label("u_1", theirs.number)
    np.testing.assert_array_equal(project.label("u_1"), stroke(10, 0))


def test_a_copy_that_is_no_label_is_refused_in_words(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    copy = project.path / "labels" / "u_1 (1).png"
    Image.fromarray(np.zeros((64, 48), np.uint8)).save(copy)
    assert main(["project", "history", str(project.path), "u_1", "--restore", "1000001"]) == 2
    assert "labels/u_1 (1).png is 48 x 64 px. Needed: the size of its image, 96 x 96 px" in capsys.readouterr().err
    copy.write_bytes(b"no picture")
    assert main(["project", "history", str(project.path), "u_1", "--restore", "1000001"]) == 2
    np.testing.assert_array_equal(project.label("u_1"), stroke(10))


def test_what_a_drive_is_still_receiving_is_not_cleaned(project: Project) -> None:
    receiving = [
        project.path / "labels" / ".syncthing.u_2.png.tmp",
        project.path / ".syncthing.project.json.tmp",
        project.path / "labels" / ".~u_2.png.part",
    ]
    own = project.path / "labels" / ".0123456789abcdef.tmp"
    for path in (*receiving, own):
        path.write_bytes(b"half")
        os.utime(path, (1, 1))
    (project.path / "project.journal").write_text(json.dumps([1, "write", "labels/.0123456789abcdef.tmp", "x"]) + "\n")
    Project.open(project.path)
    assert not own.exists()
    settle(project.path)
    assert all(path.read_bytes() == b"half" for path in receiving)
    assert check_project(project.path).notes == []


@pytest.mark.parametrize("mark", [each for each in MARKS if not each.startswith("-")])  # people write such names
def test_a_copy_among_new_images_is_named_before_it_becomes_a_tile(
    project: Project, mark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(("tile.png", f"tile{mark}.PNG", "other.png", "alone (1).png")):
        Image.fromarray(np.full((SIDE, SIDE, 3), number, np.uint8)).save(folder / name)
    command = ["project", "new", str(tmp_path / "made"), "--images", str(folder), "--classes", "a,b"]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr()
    expected = f"Perhaps copies that a cloud drive made, each a tile of its own: tile{mark}.PNG (of tile.png)."
    assert expected in said.out + said.err
    images = [str(folder / "tile.png"), str(folder / f"tile{mark}.PNG")]
    assert main(["project", "add", str(project.path), "--images", *images]) == 0
    assert expected in capsys.readouterr().err
