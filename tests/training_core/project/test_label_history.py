"""Every label keeps its last hundred versions: each is brought back, in another process, and shown before that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.base.errors import MaskError, ProjectError
from training_core.cli.main import main
from training_core.project import LabelSource, Project, make_classes
from training_core.project.check import check_project

ROOT = Path(__file__).parents[3]
SIDE = 40


def stroke(number: int) -> np.ndarray:
    """Another label for each number: that many pixels of class 1, the rest unannotated."""
    label = np.full((SIDE, SIDE), 255, np.uint8)
    label.ravel()[:number] = 1
    return label


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for number, name in enumerate(("a", "b")):
        Image.new("RGB", (SIDE, SIDE), (100, 100, 100 * number)).save(tmp_path / f"{name}.png")
    images = [tmp_path / "a.png", tmp_path / "b.png"]
    return Project.create(tmp_path / "project", images, classes=make_classes(("background", "gland")))


def in_a_terminal(*arguments: str) -> str:
    command = [sys.executable, "-m", "training_core", "project", "history", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout + done.stderr


def test_each_of_the_last_hundred_operations_is_brought_back(project: Project) -> None:
    for number in range(1, 106):
        project.write_label("a", stroke(number), LabelSource.PAINTED)
    again = Project.open(project.path)
    versions = again.label_versions("a")
    assert [each.number for each in versions] == list(range(104, 4, -1))
    for each in versions:
        (edit,) = {each.edit}
        assert edit is not None
        assert edit.labeled_pixels == each.number
        np.testing.assert_array_equal(again.label_version("a", each.number).label, stroke(each.number))
    again.restore_label("a", 5)
    np.testing.assert_array_equal(Project.open(project.path).label("a"), stroke(5))
    again.restore_label("a", 105)  # what was there before that was kept, too
    np.testing.assert_array_equal(Project.open(project.path).label("a"), stroke(105))
    assert len(again.label_versions("a")) == 100
    assert again.label_versions("b") == ()
    assert check_project(project.path).problems == []


def test_what_was_there_before_the_first_stroke_comes_back(project: Project) -> None:
    project.write_label("a", stroke(7), LabelSource.PAINTED)
    (version,) = project.label_versions("a")
    assert (version.number, version.path) == (0, None)
    project.restore_label("a", 0)
    assert (project.label("a") == 255).all()
    assert project.label_edits("a")[-1].source is LabelSource.UNDONE
    np.testing.assert_array_equal(project.label_version("a", 1).label, stroke(7))


def test_another_process_lists_shows_and_restores(project: Project, tmp_path: Path) -> None:
    project.write_label("a", stroke(400), LabelSource.PAINTED)
    project.write_label("a", stroke(0), LabelSource.PAINTED)
    folder, picture = str(project.path), tmp_path / "change.png"
    lines = in_a_terminal(folder, "a").splitlines()
    assert lines[0].startswith("1: 20")
    assert lines[0].endswith("painted, 400 annotated pixels")
    assert lines[1] == "0: before anything was annotated"
    in_a_terminal(folder, "a", "--show", "1", "--image", str(picture))
    assert (project.label("a") == 255).all()  # shown, not brought back
    seen = np.asarray(Image.open(picture)).astype(int)
    now, then = seen[:, :SIDE], seen[:, SIDE + 8 :]
    assert (now[20:, 5] == (100, 100, 0)).all()  # the image alone
    color = np.asarray(Image.new("RGB", (1, 1), project.classes[1].color))[0, 0].astype(int)
    assert (abs(then[5, 5] - (color + np.array([100, 100, 0])) / 2) <= 1).all()
    assert (now[5, 5] == (100, 100, 0)).all()
    assert (then[10, 5] == (255, 255, 0)).all()  # the frame around 400 = 10 rows of 40
    assert "a is as in version 1: 400 annotated pixels" in in_a_terminal(folder, "a", "--restore", "1")
    np.testing.assert_array_equal(Project.open(project.path).label("a"), stroke(400))


def test_a_version_with_a_class_that_is_gone_says_what_is_lost(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    nerve = project.add_class("nerve").id
    label = stroke(100)
    label[-1] = nerve
    project.write_label("a", label, LabelSource.PAINTED)
    project.remove_class(nerve, into=0)
    assert (project.label("a")[-1] == 0).all()
    (newest, _empty) = project.label_versions("a")
    assert main(["project", "history", str(project.path), "a", "--restore", str(newest.number), "--json", "-"]) == 0
    said = capsys.readouterr()
    assert "40 pixels were of classes that the project no longer has" in said.err
    assert json.loads(said.out)["pixels_without_class"] == 40
    np.testing.assert_array_equal(project.label("a"), stroke(100))


def test_an_accepted_version_counts_as_accepted_again(project: Project) -> None:
    project.write_label("a", stroke(100), LabelSource.ACCEPTED_PREDICTION, run_id="20260101-000000")
    project.write_label("a", stroke(0), LabelSource.PAINTED)
    assert not project.is_accepted("a")
    project.restore_label("a", 1)
    assert project.is_accepted("a")


def test_a_damaged_version_or_history_stands_in_no_other_s_way(project: Project) -> None:
    for number in (1, 2, 3):
        project.write_label("a", stroke(number), LabelSource.PAINTED)
    first, second = sorted((project.path / "history" / "a").iterdir())
    first.write_bytes(b"not a picture")
    (project.path / "labels" / "a.json").write_bytes(b"not a history")
    assert [each.number for each in project.label_versions("a")] == [2, 1]
    with pytest.raises(MaskError, match=first.name):
        project.restore_label("a", 1)
    project.restore_label("a", 2)
    np.testing.assert_array_equal(project.label("a"), stroke(2))
    assert [(each.number, each.edit) for each in project.label_versions("a")] == [(3, None), (2, None), (1, None)]
    assert second.exists()


def test_the_history_of_a_removed_tile_is_not_that_of_a_later_one(project: Project, tmp_path: Path) -> None:
    for number in (1, 2):
        project.write_label("a", stroke(number), LabelSource.PAINTED)
    project.remove_tiles(["a"])
    (tmp_path / "other").mkdir()
    Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "other" / "a.png")
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "other")]) == 0
    assert Project.open(project.path).label_versions("a") == ()
    assert len(list((project.path / "removed" / "history" / "a").iterdir())) == 1


def test_nothing_that_writes_labels_goes_past_the_history() -> None:
    folder = ROOT / "training_core"
    users = {path.name for path in folder.rglob("*.py") if "stage_label(" in path.read_text(encoding="utf-8")}
    assert users == {"labels.py", "label_versions.py"}


def test_what_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write_label("a", stroke(1), LabelSource.PAINTED)
    for arguments, says in (
        (("a", "--restore", "7"), "no version 7"),
        (("b", "--restore", "1"), "no earlier versions"),
        (("c",), "no tile c"),
        (("a", "--image", "x.png"), "without a version"),
        (("a", "--show", "0"), "without --image"),
    ):
        assert main(["project", "history", str(project.path), *arguments]) == 2
        assert says in capsys.readouterr().err
    with pytest.raises(ProjectError, match="one from 0 to 0"):
        project.restore_label("a", 1)


def test_a_number_that_no_version_has_is_refused_with_those_that_there_are(project: Project) -> None:
    moments = ("20261129-143200-000000", "20261129-143201-000000", "20261129-143202-000000")
    (project.path / "conflicts").mkdir()
    for moment in moments:
        Image.fromarray(stroke(9)).save(project.path / "conflicts" / f"a.{moment}.png")
    with pytest.raises(ProjectError, match=r"no version 7.*one from 1000001 to 1000003"):
        project.label_version("a", 7)
    for number in (1, 2, 3):
        project.write_label("a", stroke(number), LabelSource.PAINTED)
    with pytest.raises(ProjectError, match=r"no version 7.*one from 0 to 2"):
        project.label_version("a", 7)


@pytest.mark.parametrize("moment", ["yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_history_with_a_moment_that_is_none_keeps_the_versions(project: Project, moment: str) -> None:
    """Written by hand or by another program; the second lies before the first moment that UTC has."""
    project.write_label("a", stroke(1), LabelSource.PAINTED)
    history = project.path / "labels" / "a.json"
    content = json.loads(history.read_bytes())
    content["edits"][0]["at"] = moment
    history.write_text(json.dumps(content), "utf-8")
    project.write_label("a", stroke(2), LabelSource.PAINTED)
    (version,) = project.label_versions("a")
    assert (version.number, version.edit, version.at) == (1, None, None)
    np.testing.assert_array_equal(project.label_version("a", 1).label, stroke(1))


def test_what_lies_among_the_conflicts_of_other_tiles_is_not_offered(tmp_path: Path) -> None:
    for name in ("a", "a.b"):
        Image.new("RGB", (SIDE, SIDE), (100, 100, len(name))).save(tmp_path / f"{name}.png")
    images = [tmp_path / "a.png", tmp_path / "a.b.png"]
    project = Project.create(tmp_path / "project", images, classes=make_classes(("background", "gland")))
    conflicts = project.path / "conflicts"
    conflicts.mkdir()
    moment = "20261129-143200-000000"
    for name in (f"a.{moment}", f"a.b.{moment}", "a.20261399-250000-000000", "a.note", "other"):
        Image.fromarray(stroke(9)).save(conflicts / f"{name}.png")
    (conflicts / f"a.{moment}.txt").write_bytes(b"a note")
    (version,) = project.label_versions("a")
    assert (version.conflict, version.at) == (f"conflicts/a.{moment}.png", "2026-11-29T14:32:00.000+00:00")
    assert [each.conflict for each in project.label_versions("a.b")] == [f"conflicts/a.b.{moment}.png"]


def test_a_version_of_another_size_is_named(project: Project) -> None:
    for number in (1, 2):
        project.write_label("a", stroke(number), LabelSource.PAINTED)
    (path,) = (project.path / "history" / "a").iterdir()
    Image.fromarray(np.zeros((64, 48), np.uint8)).save(path)
    with pytest.raises(MaskError, match=rf"history/a/{path.name} is 48 x 64 px.*the size of its image, 40 x 40 px"):
        project.label_version("a", 1)


def test_a_cloud_copy_that_leads_nowhere_stands_in_no_other_s_way(project: Project) -> None:
    project.write_label("a", stroke(1), LabelSource.PAINTED)
    (project.path / "labels" / "a (1).png").symlink_to(project.path / "labels" / "gone.png")
    assert [each.number for each in project.label_versions("a")] == [1_000_001, 0]
    with pytest.raises(MaskError, match=r"a \(1\)\.png"):
        project.label_version("a", 1_000_001)


def test_a_folder_of_versions_that_leads_out_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.path / "history").mkdir()
    (project.path / "history" / "a").symlink_to(tmp_path / "elsewhere")
    project.write_label("b", stroke(1), LabelSource.PAINTED)
    with pytest.raises(ProjectError, match="outside of"):
        project.write_label("a", stroke(1), LabelSource.PAINTED)
    with pytest.raises(ProjectError, match="outside of"):
        project.write_label("a", stroke(2), LabelSource.PAINTED)
    assert list((tmp_path / "elsewhere").iterdir()) == []
