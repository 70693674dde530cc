"""Where a project lies: reached by links, moved and renamed while it is open, on disks that know no upper case."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.base.errors import ProjectError, StorageError, UserError
from training_core.cli.main import main
from training_core.project import LabelSource, Project
from training_core.project.presence import Presence
from training_core.project.settings import write_settings
from training_core.runs.run_folder import Split, create_run_folder
from training_core.settings.schema import Config

MakeProject = Callable[..., Project]
SIDE = 96


def stroke(rows: int) -> np.ndarray:
    label = np.full((SIDE, SIDE), 255, np.uint8)
    label[:rows] = 1
    return label


def test_a_project_reached_by_a_link_is_the_same_project(make_project: MakeProject, tmp_path: Path) -> None:
    real = make_project()
    (tmp_path / "link").symlink_to(real.path)
    linked = Project.open(tmp_path / "link")
    linked.write_label("u_1", stroke(4), LabelSource.PAINTED)
    real.write_label("u_2", stroke(5), LabelSource.PAINTED)
    assert real.labeled_pixels("u_1") == 4 * SIDE
    assert linked.labeled_pixels("u_2") == 5 * SIDE
    here, there = Presence(real.path, "window"), Presence(tmp_path / "link", "window")
    assert [each.key for each in here.others()] == [there.me.key]
    assert [each.key for each in there.others()] == [here.me.key]
    there.leave()
    here.leave()


def test_a_folder_renamed_while_it_is_open_is_not_made_again(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    project.add_class("vessel")
    presence = Presence(project.path, "window")
    new = project.path.rename(tmp_path / "renamed")
    acts: list[Callable[[], object]] = [
        lambda: project.write_label("u_1", stroke(4), LabelSource.PAINTED),
        lambda: project.reject("u_1", "20260101-120000"),
        lambda: project.add_class("nerve"),
        lambda: project.set_val(["a_1"]),
        lambda: project.remove_tiles(["u_1"]),
        lambda: project.add_round("20260101-120000"),
        lambda: write_settings(project.path, {"data.crop_px": 64}),
        lambda: create_run_folder(project, Config(), (), Split((), (), ()), "0" * 64, ["train"]),
        lambda: project.tiles,
    ]
    for act in acts:
        with pytest.raises((ProjectError, StorageError)) as caught:
            act()
        assert str(project.path) in str(caught.value)
    presence.leave()
    assert not project.path.exists()
    again = Project.open(new)
    again.write_label("u_1", stroke(4), LabelSource.PAINTED)
    assert not again.missing_images()
    new.rename(project.path)  # back again: the open one goes on, with what was done meanwhile
    assert project.labeled_pixels("u_1") == 4 * SIDE
    project.write_label("u_1", stroke(6), LabelSource.PAINTED)
    assert Project.open(project.path).labeled_pixels("u_1") == 6 * SIDE


def test_a_project_and_its_referenced_images_move_together(make_project: MakeProject, tmp_path: Path) -> None:
    make_project()
    before = tmp_path / "before"
    before.mkdir()
    (tmp_path / "images").rename(before / "images")
    arguments = ["project", "new", str(before / "project"), "--images", str(before / "images"), "--classes", "x,y"]
    assert main([*arguments, "--reference"]) == 0
    after = before.rename(tmp_path / "after")
    moved = Project.open(after / "project")
    assert not moved.missing_images()
    assert moved.image("u_1").shape == (SIDE, SIDE, 3)
    (tmp_path / "link").symlink_to(after / "project")
    assert Project.open(tmp_path / "link").image("u_1").shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(("first", "second"), [("lung", "Lung"), ("dr\u00fcse", "dru\u0308se"), ("STRASSE", "straße")])
def test_an_image_whose_name_differs_by_case_or_form_only_is_refused_in_words(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, second: str
) -> None:
    project = make_project()
    for number, name in enumerate((first, second)):
        folder = tmp_path / str(number)
        folder.mkdir()
        Image.new("RGB", (SIDE, SIDE), (number, 0, 0)).save(folder / f"{name}.png")
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "0")]) == 0
    before = Project.open(project.path).index
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "1")]) == 2
    assert "differ by more than case or Unicode form" in capsys.readouterr().err
    assert Project.open(project.path).index == before
    both = [str(tmp_path / "0"), str(tmp_path / "1")]
    assert main(["project", "new", str(tmp_path / "new"), "--images", *both, "--classes", "x,y"]) == 2
    assert "would both be named" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_tiles_that_are_one_file_on_this_disk_are_not_opened(make_project: MakeProject, tmp_path: Path) -> None:
    """Made where case counts, copied to where it does not; here a second name of the index stands for such a disk."""
    project = make_project()
    path = project.path / "project.json"
    text = path.read_text(encoding="utf-8").replace('"name":"u_2"', '"name":"U_1"')
    path.write_text(text, encoding="utf-8")
    assert Project.open(project.path).tile("U_1").name == "U_1"  # two files here
    os.link(path, project.path / "PROJECT.JSON")
    with pytest.raises(ProjectError, match="u_1 and U_1, whose files are one file"):
        Project.open(project.path)


def test_a_project_is_not_made_where_a_file_or_another_one_is(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    before = {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}
    shutil.copy(project.path / "images" / "u_1.png", tmp_path / "taken")
    (tmp_path / "link").symlink_to(project.path)
    for place in (project.path, tmp_path / "taken", tmp_path / "link"):
        with pytest.raises(UserError, match="already exists"):
            Project.create(place, [tmp_path / "images"], classes=project.classes)
    assert {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()} == before
