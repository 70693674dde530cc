"""Masks of several classes with soft edges: each blend goes to the class that covers most of its pixel.

What is right comes from the drawing, eight times as fine as the mask: the area of each class in every pixel.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.cases.checks import check_mask
from tests.cases.rows import Row, data, ids_of, tiff
from tests.cases.test_written_by_programs import IDS, large, scaled
from tests.cases.writers import png
from training_core.base.errors import MaskError
from training_core.cli.main import main
from training_core.io import read_mask_values
from training_core.io.inspection import Answers, Question, QuestionError
from training_core.project import Project

FINE = 8
HALF, CLASSES = Answers(soft_edges=0.5), Answers(mask_holds="classes")


def drawing(classes: int) -> NDArray[np.intp]:
    """Discs of the classes 1 and up on 0, some over others, at `FINE` times the size."""
    rows, columns = (np.mgrid[: 120 * FINE, : 160 * FINE] + 0.5) / FINE
    discs = [(31.3, 30.1, 19.7), (40.2, 61.7, 17.1), (83.9, 45.3, 25.3), (60.4, 110.8, 31.2), (72.1, 120.3, 12.9)]
    ids = np.zeros(rows.shape, np.intp)
    for number, (row, column, radius) in enumerate(discs):
        ids[np.hypot(rows - row, columns - column) < radius] = 1 + number % (classes - 1)
    return ids


def shares(ids: NDArray[np.intp], classes: int) -> NDArray[np.float64]:
    """How much of every pixel each class covers: (classes, H, W)."""
    return np.stack([_means(ids == number) for number in range(classes)])


def _means(fine: NDArray[Any]) -> NDArray[np.float64]:
    height, width = fine.shape[0] // FINE, fine.shape[1] // FINE
    return fine.reshape(height, FINE, width, FINE).mean((1, 3))


def blended(ids: NDArray[np.intp], of_class: NDArray[Any]) -> NDArray[np.uint8]:
    """What a program makes of it that smooths edges: the mean value, or colour, of a pixel."""
    parts = np.atleast_2d(of_class.T).T
    planes = [np.rint(_means(parts[ids, part])) for part in range(parts.shape[1])]
    return np.dstack(planes).squeeze().astype(np.uint8)


def packed(colours: NDArray[Any]) -> NDArray[np.intp]:
    return np.asarray(colours @ np.array([1 << 16, 1 << 8, 1]), np.intp)


VALUES = {
    "two": np.array([0, 255]),
    "three": np.array([0, 128, 255]),  # halfway between 0 and 255 lies the third value
    "four": np.array([0, 85, 170, 255]),
    "any_order": np.array([200, 10, 60, 120]),
}
COLOURS = {
    "pure": np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]),
    "on_white": np.array([[255, 255, 255], [230, 60, 60], [60, 60, 230]]),
    "grey_among_them": np.array([[0, 0, 0], [128, 128, 128], [255, 0, 0]]),
    "two": np.array([[255, 255, 255], [180, 30, 120]]),
}


@pytest.mark.parametrize(("of_class", "is_colour"), [
    *(pytest.param(values, False, id=name) for name, values in VALUES.items()),
    *(pytest.param(colours, True, id=f"colours_{name}") for name, colours in COLOURS.items()),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["8.png", "16.png", ".tif"])
def test_a_blend_goes_to_the_class_that_covers_most_of_the_pixel(
    tmp_path: Path, kind: str, of_class: NDArray[Any], is_colour: bool
) -> None:
    ids = drawing(len(of_class))
    mask, path = blended(ids, of_class), tmp_path / f"mask{kind}"
    if kind == ".tif":
        tifffile.imwrite(path, mask, photometric="rgb" if is_colour else "minisblack")
    else:
        bits = int(kind.split(".")[0])
        path.write_bytes(png(mask if bits == 8 else mask.astype(np.uint16) * 257, bits, 2 if is_colour else 0))
    with pytest.raises(QuestionError, match="blends along soft edges") as asked:
        read_mask_values(path)
    assert [each.question for each in asked.value.raised] == [Question.SOFT_EDGES]
    found = read_mask_values(path, HALF)
    assert found.is_colour is is_colour
    factor = 257 if kind == "16.png" and not is_colour else 1
    covered = shares(ids, len(of_class))
    right = (packed(of_class) if is_colour else of_class * factor)[covered.argmax(0)]
    wrong = found.values != right
    assert set(np.unique(found.values)) == set(np.unique(right))
    plain = ((covered > 0).sum(0) == 2) & (np.abs(covered.max(0) - 0.5) > 0.02)
    assert not wrong[(covered.max(0) == 1) | plain].any()
    assert wrong.mean() < 0.002  # where three classes meet


def test_every_colour_can_be_a_class_where_there_are_few(tmp_path: Path) -> None:
    few = blended(drawing(2), COLOURS["two"])
    path = tmp_path / "m.png"
    path.write_bytes(png(few, 8, 2))
    with pytest.raises(QuestionError) as asked:
        read_mask_values(path)
    assert [each.name for each in asked.value.raised[0].choices] == ["half", "classes"]
    found = read_mask_values(path, CLASSES)
    np.testing.assert_array_equal(found.values, packed(few.astype(int)))


def test_more_colours_than_classes_can_be_are_offered_as_blends_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(png(blended(drawing(4), COLOURS["pure"]), 8, 2))
    with pytest.raises(QuestionError) as asked:
        read_mask_values(path)
    count = int(str(asked.value).split(" colours")[0].rsplit(" ", 1)[1])
    assert count == len(np.unique(packed(blended(drawing(4), COLOURS["pure"]).astype(int))))
    assert ("classes" in [each.name for each in asked.value.raised[0].choices]) is (count <= 256)
    if count > 256:
        with pytest.raises(MaskError, match="at most 256 colours"):
            read_mask_values(path, CLASSES)


def test_transparent_pixels_stay_transparent_beside_soft_edges(tmp_path: Path) -> None:
    colours = blended(drawing(3), COLOURS["on_white"])
    alpha = np.full((120, 160), 255, np.uint8)
    alpha[:20] = 0
    path = tmp_path / "m.png"
    path.write_bytes(png(np.dstack([colours, alpha]), 8, 6))
    counts = read_mask_values(path, HALF).counts()
    assert counts["transparent"] == 20 * 160
    assert set(counts) == {"transparent", "#ffffff", "#e63c3c", "#3c3ce6"}


def test_the_lists_of_a_project_name_the_flat_values_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(png(blended(drawing(4), VALUES["four"]), 8, 0))
    answers = Answers(soft_edges=0.5, mask_values={"0": 0, "85": 1, "170": 2, "255": 3})
    assert answers.mask_values is not None
    ids = read_mask_values(path, answers).mapped(answers.mask_values)
    assert set(np.unique(ids)) == {0, 1, 2, 3}


def test_a_project_of_soft_colours_is_asked_about_once_and_keeps_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.full((120, 160, 3), 200, np.uint8)).save(tmp_path / "images" / f"{name}.png")
        mask = blended(drawing(3), COLOURS["on_white"])
        (tmp_path / "masks" / f"{name}.png").write_bytes(png(mask, 8, 2))
    command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "images")]
    command += ["--masks", str(tmp_path / "masks"), "--classes", "rest=#ffffff,tumour=#e63c3c,stroma=#3c3ce6"]
    assert main(command) == 2
    assert "(and 1 more file)" in capsys.readouterr().err
    assert main([*command, "--soft-edges", "half"]) == 0
    capsys.readouterr()
    assert main(["project", "info", str(tmp_path / "p")]) == 0
    told = capsys.readouterr().out
    assert "soft edges 0.50" in told
    assert "mask values (rest #ffffff, tumour #e63c3c, stroma #3c3ce6)" in told
    covered = shares(drawing(3), 3)
    wrong = Project.open(tmp_path / "p").label("b") != covered.argmax(0)
    assert not wrong[covered.max(0) == 1].any()
    assert wrong.mean() < 0.002


def through_jpeg(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "JPEG", quality=90)
    return np.asarray(Image.open(buffer))


THIN = np.zeros((60, 80), np.uint8)
THIN[20:40, 20:60] = 100
THIN[30, :] = 200  # a line of one pixel is a class, not a blend
ROWS = [
    *(Row(f"smoothed_{how.name.lower()}.png", data(png(scaled(IDS * 80, how), 8, 0)), Question.SOFT_EDGES)
      for how in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)),
    Row("hard_colours.png", data(png(np.array(COLOURS["pure"], np.uint8)[large(IDS)], 8, 2)), packed(COLOURS["pure"])[large(IDS)]),
    Row("thin_line.png", data(png(THIN, 8, 0)), THIN),
    Row("thin_line.tif", tiff(np.dstack([THIN, THIN // 2, THIN]), photometric="rgb"), packed(np.dstack([THIN, THIN // 2, THIN]).astype(int))),
    Row("photograph.png", data(png(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8), 8, 2)), "colours, as photographs have"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=ids_of(ROWS))
def test_what_is_soft_and_what_is_not(tmp_path: Path, row: Row) -> None:
    check_mask(tmp_path, row)


def test_numbers_beyond_32_bits_are_no_soft_edges(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, large(IDS).astype(np.uint32) * 2**30, photometric="minisblack")
    with pytest.raises(MaskError, match="values from 0 to 3221225472"):
        read_mask_values(path, HALF)


def test_a_mask_that_was_a_jpeg_is_never_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(png(through_jpeg(np.array(COLOURS["pure"], np.uint8)[large(IDS)]), 8, 2))
    with pytest.raises(MaskError, match=r"m\.png has [0-9]+ colours, most of which fill no area"):
        read_mask_values(path)
    assert len(read_mask_values(path, CLASSES).counts()) > 10
