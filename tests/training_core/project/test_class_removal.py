"""Removing a class that labels use, bringing it back, and the command; and the prompts that are suggested."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError, StorageError
from training_core.cli.main import main
from training_core.project import LabelSource, Project, default_prompt, suggest_prompt
from training_core.project.prompts import _TISSUES, is_automatic

MakeProject = Callable[..., Project]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A third class, stroma (2): painted on a_1, and accepted on u_1; a_2 and v_1 do not have it."""
    project = make_project()
    stroma = project.add_class("stroma")
    label = project.label("a_1")
    label[:10] = stroma.id
    project.write_label("a_1", label, LabelSource.PAINTED)
    accepted = np.full_like(label, UNLABELED)
    accepted[20:30] = stroma.id
    project.write_label("u_1", accepted, LabelSource.ACCEPTED_PREDICTION, run_id="r")
    return project


def labels(project: Project) -> dict[str, np.ndarray]:
    return {tile.name: project.label(tile.name) for tile in project.tiles}


@pytest.mark.parametrize("into", [UNLABELED, 0])
def test_its_pixels_become_what_was_said_and_nothing_else_changes(project: Project, into: int) -> None:
    before, told = labels(project), []
    assert project.class_pixels(2) == {"a_1": 960, "u_1": 960}
    project.remove_class(2, into, lambda *said: told.append(said))
    again = Project.open(project.path)
    assert [each.id for each in again.classes] == [0, 1]
    for name, label in before.items():
        np.testing.assert_array_equal(again.label(name), np.where(label == 2, into, label))
    assert told == [(0, 2, "a_1"), (1, 2, "u_1")]
    assert [edit.source for edit in again.label_edits("a_1")][-2:] == [LabelSource.PAINTED, LabelSource.CLASS_REMOVED]
    assert len(again.label_edits("a_2")) == len(Project.open(project.path).label_edits("a_2")) == 1
    assert again.has_label("u_1") is (into != UNLABELED)
    assert again.add_class("necrosis").id == 3  # the id does not come back with another meaning


@pytest.mark.parametrize("into", [UNLABELED, 0])
def test_it_comes_back_as_it_was_but_for_what_was_painted_since(project: Project, into: int) -> None:
    before, classes, accepted = labels(project), project.classes, project.accepted("u_1")
    removed = project.remove_class(2, into)
    label = project.label("a_1")
    label[0] = 1
    project.write_label("a_1", label, LabelSource.PAINTED)
    project.restore_class(removed)
    again = Project.open(project.path)
    assert again.classes == classes
    before["a_1"][0] = 1
    for name, expected in before.items():
        np.testing.assert_array_equal(again.label(name), expected)
    assert again.is_accepted("u_1")
    np.testing.assert_array_equal(again.accepted("u_1"), accepted)
    assert not again.is_accepted("a_1")


def test_a_class_that_no_label_uses_goes_without_a_word(project: Project) -> None:
    unused = project.add_class("nerve")
    removed = project.remove_class(unused.id)
    assert removed.pixels == {}
    project.restore_class(removed)
    assert project.classes[-1] == unused


def test_what_cannot_be_is_refused_and_nothing_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before, index = labels(project), (project.path / "project.json").read_bytes()
    with pytest.raises(ProjectError, match="2 tiles"):
        project.remove_class(2)
    for into in (2, 7):
        with pytest.raises(ProjectError, match="another class"):
            project.remove_class(2, into)
    with pytest.raises(ProjectError, match="no class with the id 9"):
        project.class_pixels(9)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training_core.io.atomic.write_synced", full)
    with pytest.raises(StorageError):
        project.remove_class(2, UNLABELED)
    assert (project.path / "project.json").read_bytes() == index
    assert [each.id for each in Project.open(project.path).classes] == [0, 1, 2]
    for name, label in before.items():
        np.testing.assert_array_equal(project.label(name), label)


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("content", ["predictions", "merged"])
def test_an_export_holds_only_values_that_its_legend_names(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str, content: str
) -> None:
    """Case 04: a class is removed after a run that predicted it."""
    predicted = np.zeros((96, 96), np.uint8)
    predicted[:, 40:] = 1
    predicted[50:60] = 2
    folder = project.runs_dir / "r1" / "predictions"
    folder.mkdir(parents=True)
    for kind in ("prediction", "pseudo_label", "confidence"):
        Image.fromarray(predicted).save(folder / f"u_1.{kind}.png")
    (project.runs_dir / "r1" / "summary.json").write_text("{}")
    project.remove_class(2, UNLABELED)
    command = ["export", str(project.path), "-o", str(tmp_path / "out"), "--content", content, "--format", ending]
    assert main(command) == 0
    assert (
        "960 px of 1 tile are not labelled: they were predicted as a class that is removed" in capsys.readouterr().out
    )
    legend = json.loads((tmp_path / "out" / "classes.json").read_text())
    named = {each["value"] for each in legend["classes"]} | {legend["not_labelled"]}
    assert named == {0, 1, 255}
    written = np.asarray(Image.open(tmp_path / "out" / f"u_1.{ending}"))
    np.testing.assert_array_equal(written, np.where(predicted == 2, 255, predicted))


def test_the_command_asks_what_the_pixels_become(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(project.path)
    assert main(["project", "remove-class", path, "Stroma"]) == 2
    assert "2 tiles, 1,920 pixels" in capsys.readouterr().err
    assert main(["project", "remove-class", path, "strom", "--unlabel"]) == 2
    assert "Try: stroma, the closest name" in capsys.readouterr().err
    assert main(["project", "remove-class", path, "stroma", "--into", "class 1"]) == 0
    assert "2 labels changed" in capsys.readouterr().out
    assert (Project.open(project.path).label("u_1")[20:30] == 1).all()


def test_the_command_lists_classes_with_prompts_and_suggestions(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.update_class(1, name="Tumour cells")
    assert main(["project", "classes", str(project.path), "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)["classes"]
    stroma = {"tiles": 2, "pixels": 1920, "prompt": suggest_prompt("stroma")}
    assert {key: rows[2][key] for key in stroma} == stroma
    assert main(["project", "classes", str(project.path)]) == 0
    assert 'suggested: "an H&E image of tumor epithelium"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("tumor Tumour TUMORS tumour_cells cancer", "tumor epithelium"),
        ("lymphocytes immune immune-cells TILs", "lymphocytes"),
        ("necrosis", "necrotic tissue"),
        ("gland Glands", "glandular epithelium"),
        ("nerves", "a peripheral nerve"),
        ("blood_vessels vessel", "a blood vessel"),
        ("fat adipose", "adipose tissue"),
        ("mucus mucin", "extracellular mucin"),
        ("normal", "normal tissue"),
        ("debris", "cellular debris"),
    ],
)
def test_common_tissue_words_have_a_prompt(names: str, words: str) -> None:
    for name in names.split():
        assert suggest_prompt(name) == f"an H&E image of {words}"


def test_a_name_means_one_tissue_and_is_spelt_as_it_is_looked_up() -> None:
    names = [name.strip() for _words, listed in _TISSUES for name in listed.split(",")]
    assert len(names) == len(set(names))
    for name in names:
        assert suggest_prompt(name) is not None, name
        assert re.fullmatch("[a-z ]+", name)


def test_what_nobody_wrote_is_told_from_what_somebody_did() -> None:
    assert (suggest_prompt("class 3"), suggest_prompt("Paneth cells")) == (None, None)
    assert (default_prompt("class 3"), default_prompt("Paneth cells")) == ("", "an H&E image of Paneth cells")
    for prompt in ("", "an H&E image of class 1", "an H&E image of stroma", "an H&E image of connective tissue stroma"):
        assert is_automatic(prompt, "stroma")
    for prompt in ("pink fibres", "an H&E image of class 1 fibres"):
        assert not is_automatic(prompt, "stroma")
