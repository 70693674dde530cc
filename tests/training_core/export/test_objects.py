"""Objects out of a project: numbers in images, a row in a table each, read back by Pillow, tifffile and csv."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.cli.main import main
from training_core.export.object_numbers import number_objects
from training_core.io import encode_numbers
from training_core.io.inspection.answers import Answers
from training_core.project import LabelSource, Project, make_classes
from training_core.project.file_records import FileAnswers
from training_core.project.objects import KnownObjects

SIDE = 96


def drawn() -> np.ndarray:
    """A rectangle of 10 x 20 px, a disc with a radius of 15 px, and a square of 8 px in the corner."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    ids = (np.hypot(rows - 60, columns - 60) <= 15).astype(np.uint8)
    ids[10:20, 30:50] = 1
    ids[:8, :8] = 1
    return ids


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(np.full((SIDE, SIDE, 3), 200, np.uint8)).save(tmp_path / "images" / f"{name}.png")
    images = sorted((tmp_path / "images").iterdir())
    project = Project.create(tmp_path / "p", images, classes=make_classes(("background", "gland")), mpp_um=0.5)
    project.write_label("a", drawn(), LabelSource.PAINTED)
    project.write_label("b", np.zeros((SIDE, SIDE), np.uint8), LabelSource.PAINTED)
    return project


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_each_object_has_a_number_and_its_measures(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["objects", str(project.path), "-o", str(out)]) == 0
    told = capsys.readouterr().out
    assert "Objects on 2 tiles: gland 3. Wrote objects.csv, tiles.csv and objects.png to" in told
    assert "1 of 3 tiles left out" in told
    assert "1 objects touch the edge" not in told
    assert "1 object touches the edge of its tile" in told

    numbers = np.asarray(Image.open(out / "a.objects.tif"))
    assert numbers.dtype == np.uint16
    np.testing.assert_array_equal(numbers > 0, drawn() == 1)
    assert not np.asarray(Image.open(out / "b.objects.tif")).any()
    with tifffile.TiffFile(out / "a.objects.tif") as file:
        per_cm = file.pages[0].tags["XResolution"].value
        assert per_cm[0] / per_cm[1] == pytest.approx(10_000 / 0.5)

    rows = {int(row["number"]): row for row in table(out / "objects.csv")}
    assert len(rows) == 3
    rectangle, disc, corner = (rows[int(numbers[place])] for place in ((15, 40), (60, 60), (2, 2)))
    assert (rectangle["tile"], rectangle["class_id"], rectangle["class_name"]) == ("a", "1", "gland")
    assert (int(rectangle["area_px"]), float(rectangle["area_um2"])) == (200, 50.0)
    assert (float(rectangle["x_px"]), float(rectangle["y_px"])) == (39.5, 14.5)
    assert float(rectangle["perimeter_px"]) == pytest.approx(2 * (9 + 19))  # along the centres of its border pixels
    assert float(disc["roundness"]) > 0.9 > float(rectangle["roundness"])
    assert float(disc["area_px"]) == pytest.approx(math.pi * 15**2, rel=0.02)
    assert float(disc["perimeter_um"]) == pytest.approx(math.pi * 15, rel=0.05)
    assert [row["at_edge"] for row in (rectangle, disc, corner)] == ["0", "0", "1"]
    assert rectangle["confidence"] == ""  # nothing was predicted

    a, b = table(out / "tiles.csv")
    assert (a["tile"], a["objects"], int(a["area_px"])) == ("a", "3", int((drawn() == 1).sum()))
    assert float(a["area_um2"]) == pytest.approx(int(a["area_px"]) / 4, rel=1e-5)
    assert (b["tile"], b["objects"], b["area_px"], b["mean_area_px"]) == ("b", "0", "0", "")


def test_numbered_objects_that_touch_stay_apart() -> None:
    ids = np.zeros((20, 20), np.uint8)
    ids[5:15, 2:18] = 1
    known = np.zeros((20, 20), np.int32)
    known[5:15, 2:10], known[5:15, 10:16] = 7, 300  # the last two columns were painted later
    numbers = number_objects(ids, [1], KnownObjects(known))
    assert len(np.unique(numbers[numbers > 0])) == 3
    assert {len(np.unique(numbers[5:15, place])) for place in (slice(2, 10), slice(10, 16), slice(16, 18))} == {1}
    assert number_objects(ids, [1]).max() == 1


def test_merged_objects_are_one_with_what_lies_between_them() -> None:
    """In a row: object 1, a gap, object 2, and 3, which touches it; what was painted lies in the gap and above."""
    ids = np.array([[0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1]], np.uint8)
    known = np.array([[0, 0, 0, 0, 0, 0], [1, 0, 0, 2, 3, 3]], np.int32)

    def areas(*merged: tuple[int, ...]) -> list[int]:
        numbers = number_objects(ids, [1], KnownObjects(known, merged))
        return sorted(np.bincount(numbers.ravel())[1:].tolist())

    assert areas() == [1, 1, 1, 2, 2]
    assert areas((1, 2)) == [1, 2, 4]
    assert areas((2, 3)) == [1, 1, 2, 3]
    assert areas((1, 2, 3)) == [1, 6], "what touches one of them is another object"
    assert areas((0, 1, 2, 3)) == [7]
    assert areas((1, 3)) == [1, 1, 1, 2, 2], "what does not touch stays apart"


def test_objects_of_an_imported_numbered_mask_come_out_apart(project: Project, tmp_path: Path) -> None:
    known = np.zeros((SIDE, SIDE), np.uint16)
    known[5:15, 2:10], known[5:15, 10:16] = 7, 300
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a.tif", known)
    numbered = FileAnswers(mask=Answers(mask_holds="numbered_objects"))
    images, classes = [tmp_path / "images" / "a.png"], make_classes(("background", "gland"))
    made = Project.create(tmp_path / "q", images, classes=classes, masks=tmp_path / "masks", answers=numbered)
    assert main(["objects", str(made.path), "-o", str(tmp_path / "out")]) == 0
    numbers = tifffile.imread(tmp_path / "out" / "a.objects.tif")
    assert sorted(np.bincount(numbers.ravel())[1:]) == [60, 80]
    assert (numbers[known == 7] == numbers[6, 3]).all()


def test_more_objects_than_16_bits_hold_are_written_in_32() -> None:
    ids = np.zeros((600, 600), np.uint8)
    ids[::2, ::2] = 1  # 90,000 single pixels
    data = encode_numbers(number_objects(ids, [1]))
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert tifffile.imread(io.BytesIO(data)).dtype == np.uint32
    assert pixels.max() == 90_000
    np.testing.assert_array_equal(pixels > 0, ids == 1)


def test_a_damaged_tile_costs_only_itself(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project.path / "labels" / "b.png").write_bytes(b"no picture")
    assert main(["objects", str(project.path), "-o", str(tmp_path / "out")]) == 3
    assert "b" in capsys.readouterr().err
    assert len(table(tmp_path / "out" / "objects.csv")) == 3


def test_an_image_that_cannot_be_written_costs_its_tile_alone(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["objects", str(project.path), "-o", str(tmp_path / "out")]
    assert main(command) == 0
    (image,) = (path for path in (tmp_path / "out").rglob("a*.tif*"))
    image.unlink()
    image.mkdir()
    capsys.readouterr()
    assert main(command) == 3
    assert "there is a folder where a file is needed" in capsys.readouterr().err


def test_the_project_s_own_folders_are_no_output(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["objects", str(project.path), "-o", str(project.path / "labels")]) == 2
    assert "another folder" in capsys.readouterr().err


def test_a_class_said_not_to_be_made_of_objects_has_none(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ["project", "classes", str(project.path)]
    assert main([*classes, "--no-objects", "gland", "--objects", "background"]) == 0
    assert [each.made_of_objects for each in Project.open(project.path).classes] == [True, False]
    background, gland = capsys.readouterr().out.splitlines()
    assert "objects" in background
    assert "objects" not in gland
    assert main(["objects", str(project.path), "-o", str(tmp_path / "out")]) == 0
    assert {row["class_name"] for row in table(tmp_path / "out" / "objects.csv")} == {"background"}
    assert main([*classes, "--no-objects", "gland", "--objects", "gland"]) == 2
    assert "one of the two" in capsys.readouterr().err
    assert main([*classes, "--objects", "stroma"]) == 2
    assert [each.made_of_objects for each in Project.open(project.path).classes] == [True, False]
