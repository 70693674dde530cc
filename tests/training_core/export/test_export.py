"""Which masks are exported, and where to. What each format does is in test_formats.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.attempts import Attempts
from training_core.base.errors import MaskError, ProjectError
from training_core.cli.main import main
from training_core.export import FORMATS, export_masks
from training_core.project import LabelSource, Project

MakeProject = Callable[..., Project]


def predicted(project: Project, run_id: str, name: str, ids: np.ndarray) -> None:
    folder = project.runs_dir / run_id / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("prediction", "pseudo_label", "confidence"):
        Image.fromarray(ids).save(folder / f"{name}.{kind}.png")
    (project.runs_dir / run_id / "summary.json").write_text("{}")


def test_every_labelled_tile_comes_out(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(ids=(0, 3))
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[10:20, 5:50] = 3
    project.write_label("u_1", label, LabelSource.PAINTED)
    out = tmp_path / "out"
    written = export_masks(project, out)
    assert {path.stem for path in written} == {"a_1", "a_2", "u_1", "v_1"}
    assert np.array_equal(np.asarray(Image.open(out / "u_1.png")), label)
    legend = json.loads((out / "classes.json").read_text())
    assert legend["not_labelled"] == 255
    assert [(c["value"], c["name"]) for c in legend["classes"]] == [(0, "class 0"), (3, "class 3")]


def test_predictions_and_merged(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    prediction = np.zeros((96, 96), np.uint8)
    prediction[:, 48:] = 1
    predicted(project, "r1", "u_1", prediction)
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:5] = 1
    project.write_label("u_1", label, LabelSource.PAINTED)
    (path,) = export_masks(project, tmp_path / "p", content="predictions")
    assert np.array_equal(np.asarray(Image.open(path)), prediction)
    export_masks(project, tmp_path / "m", content="merged")
    merged = np.asarray(Image.open(tmp_path / "m" / "u_1.png"))
    assert (merged[:5] == 1).all()
    assert np.array_equal(merged[5:], prediction[5:])
    assert json.loads((tmp_path / "m" / "classes.json").read_text())["run"] == "r1"


@pytest.mark.parametrize("file_format", sorted(key for key, each in FORMATS.items() if each.is_mask))
def test_a_second_export_writes_only_what_is_missing_or_has_changed(
    make_project: MakeProject, tmp_path: Path, file_format: str
) -> None:
    project, out = make_project(), tmp_path / "out"
    (project.path / "labels" / "a_2.png").write_bytes(b"damaged")
    bad = Attempts()
    export_masks(project, out, format=file_format, attempts=bad)
    assert [each.name for each in bad.failed] == ["a_2"]
    assert bad.kept == []
    ending = FORMATS[file_format].ending
    a_1, v_1 = (out / f"{name}.{ending}" for name in ("a_1", "v_1"))
    before = {path.name: path.stat().st_ino for path in out.iterdir()}  # a file that is written is another file
    file = max(v_1.rglob("labels/*/0/**/0")) if v_1.is_dir() else v_1
    file.write_bytes(file.read_bytes()[:-1] + b"x")  # as long as before, and no longer what was exported
    label = project.label("u_1")
    label[:9] = 1
    project.write_label("u_1", label, LabelSource.PAINTED)

    again = Attempts()
    written = export_masks(project, out, format=file_format, attempts=again)
    assert {path.name.partition(".")[0] for path in written} == {"a_1", "u_1", "v_1"}
    assert again.kept == ["a_1"]
    assert a_1.stat().st_ino == before[a_1.name]
    assert (out / "classes.json").stat().st_ino == before["classes.json"]
    assert v_1.stat().st_ino != before[v_1.name]
    assert np.array_equal(pixels_of(v_1), project.label("v_1"))

    project.write_label("a_1", np.ones((96, 96), np.uint8), LabelSource.PAINTED)
    changed = Attempts()
    export_masks(project, out, format=file_format, attempts=changed)
    assert changed.kept == ["u_1", "v_1"]
    assert (pixels_of(a_1) == 1).all()


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """A mask as other programs read it."""
    if path.is_dir():
        return np.asarray(zarr.open_array(path / "labels" / "annotations" / "0", mode="r"))
    return np.asarray(Image.open(path))


def test_a_file_that_cannot_be_written_costs_its_tile_alone(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = make_project(), tmp_path / "out"
    command = ["export", str(project.path), "-o", str(out)]
    assert main(command) == 0
    capsys.readouterr()
    (out / "a_1.png").unlink()
    (out / "a_1.png").mkdir()
    (out / "a_2.png").unlink()
    assert main(command) == 3
    told = capsys.readouterr()
    assert "1 file could not be used" in told.err
    assert "a_1.png: there is a folder where a file is needed" in told.err
    np.testing.assert_array_equal(np.asarray(Image.open(out / "a_2.png")), project.label("a_2"))
    (out / "a_1.png").rmdir()
    assert main(command) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(out / "a_1.png")), project.label("a_1"))


@pytest.mark.parametrize("content", ["labels", "predictions"])
def test_nothing_to_export_is_an_error_and_writes_nothing(
    make_project: MakeProject, tmp_path: Path, content: str
) -> None:
    project = make_project(labeled=0, val=0)
    with pytest.raises(ProjectError, match="first"):
        export_masks(project, tmp_path / "out", content=content)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_rejected_prediction_is_not_merged(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    for name in ("u_1", "u_2"):
        predicted(project, "r1", name, np.ones((96, 96), np.uint8))
    project.reject("u_1", "r1")
    written = export_masks(project, tmp_path / "m", content="merged")
    assert {path.stem for path in written} == {"a_1", "a_2", "v_1", "u_2"}


def test_the_projects_own_folders_are_never_exported_into(make_project: MakeProject) -> None:
    project = make_project()
    before = (project.path / "labels" / "a_1.png").read_bytes()
    for own in (project.path, project.path / "labels", project.path / "images" / "masks"):
        with pytest.raises(ProjectError, match="contains the project's own files"):
            export_masks(project, own)
    assert (project.path / "labels" / "a_1.png").read_bytes() == before
    assert not (project.path / "classes.json").exists()
    assert len(export_masks(project, project.path / "export")) == 3


def test_a_prediction_of_another_size_is_refused(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    predicted(project, "r1", "u_1", np.ones((40, 96), np.uint8))
    with pytest.raises(MaskError, match="is 96 x 40 px"):
        export_masks(project, tmp_path / "p", content="predictions")


@pytest.mark.parametrize("choice", [{"format": "gif"}, {"content": "everything"}])
def test_unknown_formats_and_contents_are_refused(
    make_project: MakeProject, tmp_path: Path, choice: dict[str, str]
) -> None:
    with pytest.raises(ProjectError, match="one of"):
        export_masks(make_project(), tmp_path / "out", **choice)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


class TestValues:
    """What masks hold for each class."""

    def test_numbers_begin_at_one(self, make_project: MakeProject, tmp_path: Path) -> None:
        project, out = make_project(ids=(0, 3)), tmp_path / "out"
        label = np.full((96, 96), UNLABELED, np.uint8)
        label[:10], label[20:30] = 0, 3
        project.write_label("u_1", label, LabelSource.PAINTED)
        assert (
            main(["export", str(project.path), "-o", str(out), "--values", "numbers", "--format", "palette-png"]) == 0
        )
        expected = np.zeros((96, 96), np.uint8)
        expected[:10], expected[20:30] = 1, 2
        np.testing.assert_array_equal(np.asarray(Image.open(out / "u_1.png")), expected)
        legend = json.loads((out / "classes.json").read_text())
        assert (legend["not_labelled"], [c["value"] for c in legend["classes"]]) == (0, [1, 2])

    def test_imported_values_come_back_as_they_were(self, tmp_path: Path) -> None:
        mask = np.random.default_rng(0).choice(np.array([0, 128, 255, 7], np.uint8), (40, 50))
        for folder, pixels in (("images", np.zeros((40, 50, 3), np.uint8)), ("masks", mask)):
            (tmp_path / folder).mkdir()
            Image.fromarray(pixels).save(tmp_path / folder / "a.png")
        classes = "background=0,gland=128,stroma=255,unlabelled=7"
        command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "images")]
        assert main([*command, "--masks", str(tmp_path / "masks"), "--classes", classes]) == 0
        assert main(["export", str(tmp_path / "p"), "-o", str(tmp_path / "out"), "--values", "imported"]) == 0
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), mask)
        assert json.loads((tmp_path / "out" / "classes.json").read_text())["not_labelled"] == 7

    def test_a_class_of_several_imported_values_has_no_single_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        mask = np.random.default_rng(0).choice(np.array([0, 1, 2], np.uint8), (40, 50))
        for folder, pixels in (("images", np.zeros((40, 50, 3), np.uint8)), ("masks", mask)):
            (tmp_path / folder).mkdir()
            Image.fromarray(pixels).save(tmp_path / folder / "a.png")
        command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "images")]
        options = ["--masks", str(tmp_path / "masks"), "--classes", "background=0,gland=1,gland=2"]
        assert main([*command, *options]) == 0
        assert main(["export", str(tmp_path / "p"), "-o", str(tmp_path / "out"), "--values", "imported"]) == 2
        assert "have the values 1, 2 for the class gland" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_objects_have_no_values(self, make_project: MakeProject, tmp_path: Path) -> None:
        command = ["export", str(make_project().path), "-o", str(tmp_path / "out"), "--format", "geojson"]
        assert main([*command, "--values", "numbers"]) == 2
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file_format", ["png", "tiff", "palette-png", "palette-tiff", "ome-tiff"])
def test_masks_come_back_into_a_new_project(make_project: MakeProject, tmp_path: Path, file_format: str) -> None:
    project = make_project(ids=(0, 3))
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10], label[20:30, 5:50] = 0, 3
    project.write_label("u_1", label, LabelSource.PAINTED)
    export_masks(project, tmp_path / "out", format=file_format)
    images = [str(path) for path in sorted((tmp_path / "images").iterdir())]
    command = ["project", "new", str(tmp_path / "again"), "--images", *images, "--masks", str(tmp_path / "out")]
    assert main([*command, "--classes", "class 0=0,class 3=3,unlabelled=255"]) == 0
    again = Project.open(tmp_path / "again")
    for name in ("a_1", "a_2", "u_1", "v_1"):
        expected = project.label(name)
        np.testing.assert_array_equal(again.label(name), np.where(expected == 3, 1, expected))


def test_an_overlay_shows_the_image_under_the_colours_of_the_classes(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = make_project(), tmp_path / "out"
    project.update_class(1, color="#ff0000")
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[20:60, 30:70] = 1
    project.write_label("u_1", label, LabelSource.PAINTED)
    assert main(["export", str(project.path), "-o", str(out), "--format", "overlay"]) == 0
    assert "Wrote 4 overlays and classes.json" in capsys.readouterr().out
    with Image.open(out / "u_1.overlay.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (96, 96))
        shown = np.asarray(picture).astype(int)
    image = project.image("u_1").astype(int)
    mixed = np.rint(0.6 * image + 0.4 * np.array([255, 0, 0]))
    assert np.abs(shown[30:50, 40:60] - mixed[30:50, 40:60]).mean() < 4
    assert np.abs(shown[:15] - image[:15]).mean() < 4
    border = shown[20, 40:60]
    assert border[:, 0].min() > 200
    assert border[:, 1:].max() < 60
