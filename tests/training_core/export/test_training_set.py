"""The training set out: read by a loader of its own, and made a project again."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training_core.export.test_geojson import slide_project
from training_core.cli.main import main
from training_core.project import UNLABELED, LabelSource, Project

MakeProject = Callable[..., Project]


def told_command(out: str) -> list[str]:
    """What the terminal says is to be typed."""
    (line,) = [line for line in out.splitlines() if line.startswith("To make a project of them: ")]
    words = shlex.split(line.partition(": ")[2])
    assert words[:3] == ["python", "-m", "training_core"]
    return words[3:]


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def same_splits(project: Project, again: Project) -> None:
    assert set(again.labeled_names()) == set(project.labeled_names())
    assert set(again.val_names()) == set(project.val_names())
    assert set(again.unlabeled_names()) == set(project.unlabeled_names())


def test_a_project_goes_out_and_comes_back(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = make_project(), tmp_path / "a set"
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10] = 1
    project.write_label("u_1", label, LabelSource.ACCEPTED_PREDICTION, run_id="r7")
    assert main(["export", str(project.path), "-o", str(out), "--format", "training-set"]) == 0
    told = capsys.readouterr().out
    assert "3 annotated images, 1 for validation, 1 without a mask" in told
    command = [str(tmp_path / "again") if word == "NAME" else word for word in told_command(told)]
    assert main(command) == 0
    again = Project.open(tmp_path / "again")
    same_splits(project, again)
    assert [each.name for each in again.classes] == [each.name for each in project.classes]
    for tile in project.tiles:
        np.testing.assert_array_equal(again.image(tile.name), project.image(tile.name))
        np.testing.assert_array_equal(again.label(tile.name), project.label(tile.name))


def test_another_loader_finds_images_masks_and_splits(make_project: MakeProject, tmp_path: Path) -> None:
    """As the published code loads its data: lists of names, an image and a mask of each."""
    project, out = make_project(), tmp_path / "out"
    assert main(["export", str(project.path), "-o", str(out), "--format", "training-set"]) == 0
    for listed, names in (("labelled.txt", {"a_1", "a_2"}), ("validation.txt", {"v_1"})):
        found = (out / listed).read_text().split()
        assert set(found) == names
        for name in found:
            with Image.open(out / "images" / f"{name}.png") as image, Image.open(out / "masks" / f"{name}.png") as mask:
                assert (image.mode, mask.mode) == ("RGB", "L")
                assert image.size == mask.size
                np.testing.assert_array_equal(np.asarray(mask), project.label(name))
    assert {path.stem for path in (out / "images").iterdir()} == {"a_1", "a_2", "u_1", "u_2", "v_1"}


def test_the_table_says_how_annotations_came_about(make_project: MakeProject, tmp_path: Path) -> None:
    project, out = make_project(), tmp_path / "out"
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[:10] = 1
    project.write_label("u_1", label, LabelSource.ACCEPTED_PREDICTION, run_id="r7")
    label = label.copy()
    label[:5] = 0
    project.write_label("u_1", label, LabelSource.CORRECTED)
    assert main(["export", str(project.path), "-o", str(out), "--format", "training-set"]) == 0
    found = rows(out / "tiles.csv")
    corrected = found["u_1"]
    assert (corrected["split"], corrected["annotation"], corrected["accepted_from_run"]) == ("train", "corrected", "r7")
    assert (corrected["labelled_px"], corrected["accepted_px"]) == ("960", "480")
    assert corrected["annotated_at"] == project.label_edits("u_1")[-1].at
    assert (found["a_1"]["annotation"], found["a_1"]["accepted_from_run"]) == ("imported", "")
    assert (found["u_2"]["split"], found["u_2"]["labelled_px"], found["u_2"]["annotation"]) == ("unlabelled", "0", "")


def test_tiles_of_slides_keep_their_places_in_the_table_and_their_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = slide_project(tmp_path), tmp_path / "out"
    first, *_ = project.tiles
    project.write_label(first.name, np.ones((100, 100), np.uint8), LabelSource.PAINTED)
    assert main(["export", str(project.path), "-o", str(out), "--format", "training-set"]) == 0
    command = [str(tmp_path / "again") if w == "NAME" else w for w in told_command(capsys.readouterr().out)]
    for tile in project.tiles:
        assert tile.place is not None
        row = rows(out / "tiles.csv")[tile.name]
        place = (row["on_slide"], int(row["slide_x_px"]), int(row["slide_y_px"]), float(row["slide_px_per_px"]))
        assert place == ("scan", tile.place.x_px, tile.place.y_px, tile.place.scale)
        assert (row["case"], float(row["um_per_px"])) == ("scan", 0.5)
    assert main(command) == 0
    again = Project.open(tmp_path / "again")
    same_splits(project, again)
    assert {tile.case for tile in again.tiles} == {"scan"}
    assert {round(tile.mpp_um or 0, 3) for tile in again.tiles} == {0.5}


def test_a_folder_of_images_is_not_written_into_and_options_of_masks_are_refused(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project()
    command = ["export", str(project.path), "--format", "training-set", "-o"]
    assert main([*command, str(tmp_path)]) == 2  # has the images that the project was made from
    assert main([*command, str(tmp_path / "o"), "--content", "predictions"]) == 2
    assert not (tmp_path / "o").exists()


def test_a_damaged_image_is_named_and_the_others_are_written(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, out = make_project(), tmp_path / "out"
    (project.path / "images" / "a_2.png").write_bytes(b"damaged")
    assert main(["export", str(project.path), "-o", str(out), "--format", "training-set"]) == 3
    assert "a_2" in capsys.readouterr().err
    assert (out / "labelled.txt").read_text() == "a_1\n"
    assert "a_2" not in rows(out / "tiles.csv")
