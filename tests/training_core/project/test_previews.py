"""The small images of a question's answers: each shows the pixels that the answer gives."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from training_core.io import write_png
from training_core.io.inspection import UNASKED, Answers, Question, Use
from training_core.project.classes import classes_of_values, propose_mask_values
from training_core.project.inputs.previews import preview

SIDE_PX = 64
BLACK, WHITE = [0, 0, 0], [255, 255, 255]


def halves(upper: int, lower: int) -> np.ndarray:
    grey = np.full((SIDE_PX, SIDE_PX), upper, np.uint8)
    grey[SIDE_PX // 2 :] = lower
    return grey


@pytest.mark.parametrize(
    ("answers", "upper", "lower"),
    [(Answers(photometric="as_stated"), WHITE, BLACK), (Answers(photometric="black_is_zero"), BLACK, WHITE)],
)
def test_an_inverted_mask_shows_which_half_has_the_higher_value(
    tmp_path: Path, answers: Answers, upper: list[int], lower: list[int]
) -> None:
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, halves(0, 255), photometric="miniswhite")
    shown = preview(path, Use.MASK, answers, Question.PHOTOMETRIC, 16)
    assert shown is not None
    assert shown.shape == (16, 16, 3)
    assert shown[2, 8].tolist() == upper
    assert shown[13, 8].tolist() == lower


def test_shades_of_grey_are_shown_as_such_and_ids_in_colours(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    grey = np.tile((np.arange(SIDE_PX) * 4 // SIDE_PX).astype(np.uint8), (SIDE_PX, 1))
    _write_2_bit_grey(path, grey)
    spread = preview(path, Use.MASK, Answers(grey_values="spread"), Question.GREY_VALUES, 16)
    assert spread is not None
    assert [spread[8, x].tolist() for x in (1, 6, 10, 14)] == [[v] * 3 for v in (0, 85, 170, 255)]
    ids = preview(path, Use.MASK, Answers(grey_values="as_stored"), Question.GREY_VALUES, 16)
    assert ids is not None
    assert ids[8, 1].tolist() == BLACK
    assert len({tuple(ids[8, x]) for x in (1, 6, 10, 14)}) == 4


def test_a_camera_of_12_bits_is_bright_in_12_and_dark_in_16(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pixels = np.full((SIDE_PX, SIDE_PX, 3), 4095, np.uint16)
    tifffile.imwrite(path, pixels, photometric="rgb")
    bright = preview(path, Use.IMAGE, Answers(used_bits=12), Question.USED_BITS, 16)
    dark = preview(path, Use.IMAGE, Answers(used_bits=16), Question.USED_BITS, 16)
    assert bright is not None
    assert dark is not None
    assert bright[8, 8].tolist() == WHITE
    assert dark[8, 8].tolist() == [16, 16, 16]  # 4095 / 65535 of 255, rounded


def test_what_else_the_file_asks_is_answered_with_its_first_choice(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pixels = np.full((SIDE_PX, 96, 3), 4095, np.uint16)
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    shown = preview(path, Use.IMAGE, Answers(orientation="as_shown"), Question.ORIENTATION, 48)
    assert shown is not None
    assert shown.shape == (48, 32, 3)


def test_what_cannot_be_read_has_no_image(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    write_png(path, halves(0, 1))
    path.write_bytes(path.read_bytes()[:40])
    assert preview(path, Use.MASK, UNASKED, Question.MASK_HOLDS) is None


def test_values_and_colours_become_rows_with_keys_that_masks_are_read_by() -> None:
    rows = propose_mask_values({"0": 5, "300": 2, "transparent": 1, "#ff0000": 4}, ("background", "gland", "stroma"))
    assert [(row.range, row.name) for row in rows] == [
        ("0", "background"),
        ("300", "gland"),
        ("transparent", ""),
        ("#ff0000", "stroma"),
    ]
    classes, values = classes_of_values(rows)
    assert [each.name for each in classes] == ["background", "gland", "stroma"]
    assert values == {"0": 0, "300": 1, "transparent": 255, "#ff0000": 2}


def _write_2_bit_grey(path: Path, grey: np.ndarray) -> None:
    """A PNG of colour type 0 and 2 bits: Pillow writes none, so its chunks are put together here."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = grey.reshape(SIDE_PX, -1, 4)
    lines = (packed << np.array([6, 4, 2, 0], np.uint8)).sum(axis=2).astype(np.uint8)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    header = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 2, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
