"""A project whose files are damaged: nothing is overwritten, what is wrong is said, and the index is made anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.project import LabelSource, Project
from training_core.project import index_backups as backups
from training_core.project.check import check_project
from training_core.project.index_backups import index_backups
from training_core.project.repair import repair_project

MakeProject = Callable[..., Project]
SIDE = 96


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """With a validation tile, a stroke, and a class whose name only the index knows."""
    made = make_project(ids=(0, 3))
    made.update_class(3, name="gland", color="#123456")
    label = np.full((SIDE, SIDE), 255, np.uint8)
    label[:10] = 3
    made.write_label("u_1", label, LabelSource.PAINTED)
    return made


def damage(project: Project) -> None:
    path = project.path / "project.json"
    path.write_bytes(path.read_bytes()[:300])


def test_a_sound_project_has_no_problem(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_project(project.path).problems == []
    assert main(["project", "check", str(project.path)]) == 0
    assert "No damage found." in capsys.readouterr().out
    before = project.index
    assert repair_project(project.path).problems == []
    assert Project.open(project.path).index == before


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 500, b'{"spec_version": 99}'])
def test_who_cannot_read_the_index_does_not_write_it(project: Project, content: bytes) -> None:
    """A program that has the project open knows another index, and keeps it to itself."""
    assert project.labeled_pixels("u_1")
    path = project.path / "project.json"
    path.write_bytes(content)
    label = project.label  # the files of the label are left alone too
    before = {file: file.read_bytes() for file in (project.path / "labels").iterdir()}
    acts: list[Callable[[], object]] = [
        lambda: project.write_label("u_1", np.zeros((SIDE, SIDE), np.uint8), LabelSource.PAINTED),
        lambda: project.set_val([]),
        lambda: project.update_class(3, name="other"),
        lambda: project.remove_class(3, into=0),
        lambda: label("u_1"),
    ]
    for act in acts:
        with pytest.raises(ProjectError):
            act()
    assert path.read_bytes() == content
    assert {file: file.read_bytes() for file in (project.path / "labels").iterdir()} == before


def test_a_damaged_index_is_made_anew_from_the_backup_images_and_labels(project: Project) -> None:
    assert len(index_backups(project.path)) == 1  # as it was before the class got its name
    before, label = project.index, project.label("u_1")
    damage(project)
    with pytest.raises(ProjectError, match="project repair"):
        Project.open(project.path)
    assert len(check_project(project.path).problems) == 1
    found = repair_project(project.path)
    again = Project.open(project.path)
    assert again.tiles == before.tiles
    assert again.index.labels == before.labels  # newer than the backup: read off the labels
    assert again.index.val == before.val
    assert [each.id for each in again.classes] == [0, 3]
    np.testing.assert_array_equal(again.label("u_1"), label)
    assert any("u_1" in note and f"{10 * SIDE:,}" in note for note in found.notes)
    assert check_project(project.path).problems == []
    (kept,) = (project.path / "backups").glob("damaged-*-project.json")
    assert len(kept.read_bytes()) == 300


def test_without_any_backup_images_and_labels_are_enough(project: Project) -> None:
    before = project.index
    for path in (*index_backups(project.path), project.path / "project.json"):
        path.unlink()
    found = repair_project(project.path)
    again = Project.open(project.path)
    assert {tile.name: (tile.path, tile.sha256, tile.width_px) for tile in again.tiles} == {
        tile.name: (tile.path, tile.sha256, tile.width_px) for tile in before.tiles
    }
    assert again.index.labels == before.labels
    assert [(each.id, each.name) for each in again.classes] == [(0, "class 0"), (3, "class 3")]
    assert again.index.next_class_id == 4
    assert any("named by their numbers" in note for note in found.notes)


def test_the_newest_run_tells_the_classes(project: Project) -> None:
    run = project.runs_dir / "20260101-120000"
    run.mkdir(parents=True)
    classes = [{"id": each.id, "name": each.name, "color": each.color, "prompt": ""} for each in project.classes]
    (run / "provenance.json").write_text(json.dumps({"classes": classes}))
    for path in (*index_backups(project.path), project.path / "project.json"):
        path.unlink()
    repair_project(project.path)
    assert [(each.id, each.name, each.color) for each in Project.open(project.path).classes][1] == (
        3,
        "gland",
        "#123456",
    )


def test_one_damaged_label_history_or_rejection_is_put_aside_and_the_others_stay(project: Project) -> None:
    project.reject_area("u_2", np.ones((SIDE, SIDE), bool), "20260101-120000")
    for name in ("labels/a_1.png", "labels/a_2.json", "rejected/u_2.png"):
        (project.path / name).write_bytes(b"damaged")
    assert len(check_project(project.path).problems) == 3
    repair_project(project.path)
    again = Project.open(project.path)
    assert check_project(project.path).problems == []
    assert again.labeled_pixels("a_1") == 0
    assert again.labeled_pixels("a_2") == SIDE * SIDE
    assert again.labeled_pixels("u_1") == 10 * SIDE
    assert again.rejected_pixels("u_2") == 0
    aside = sorted(path.name.split("-", 4)[-1] for path in (project.path / "removed").iterdir())
    assert aside == ["a_1.png", "a_2.json", "u_2.png"]
    assert all(path.read_bytes() == b"damaged" for path in (project.path / "removed").iterdir())


def test_a_project_of_a_newer_version_is_not_repaired(project: Project) -> None:
    path = project.path / "project.json"
    content = json.dumps({**json.loads(path.read_text()), "spec_version": 99})
    path.write_text(content)
    with pytest.raises(ProjectError, match="newer version"):
        repair_project(project.path)
    assert path.read_text() == content


def test_a_folder_that_is_no_project_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="a project folder"):
        repair_project(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_last_ten_indices_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "EVERY", backups.timedelta(0))
    monkeypatch.setattr(backups, "_FORM", "%Y%m%d-%H%M%S%f")
    for number in range(13):
        project.update_class(3, name=f"gland {number}")
    kept = index_backups(project.path)
    assert len(kept) == 10
    names = [json.loads(path.read_text())["classes"][1]["name"] for path in kept]
    assert names == [f"gland {number}" for number in range(2, 12)]  # each as it was before the next change


def test_the_commands(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    damage(project)
    assert main(["project", "check", str(project.path)]) == 1
    assert "project.json is damaged" in capsys.readouterr().out
    assert main(["project", "repair", str(project.path)]) == 0
    assert "The index is rebuilt." in capsys.readouterr().out
    assert main(["project", "check", str(project.path)]) == 0
    assert main(["project", "info", str(project.path)]) == 0
