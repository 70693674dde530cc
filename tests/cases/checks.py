"""What every row is put through: reading, reading in parts, facts beside those of other readers, and `inspect`."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.cases.rows import Row
from training_core.base.errors import ImageError, MaskError
from training_core.io import inspect_file, read_image, read_mask_values
from training_core.io.facts import FileFacts, Use
from training_core.io.inspection import Question, QuestionError, open_questions, raised_questions
from training_core.io.inspection.inspecting import problem_of
from training_core.io.regions import open_regions

_KINDS = {
    "PNG": "PNG",
    "TIFF": "TIFF",
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "BMP": "BMP",
    "WEBP": "WebP",
    "JPEG2000": "JPEG 2000",
}


def check_image(folder: Path, row: Row) -> None:
    """The right pixels, whole and in parts; or the sentence; or the question."""
    path = folder / row.name
    row.write(path)
    check_facts(path, row, Use.IMAGE)
    if isinstance(row.right, Question):
        for read in (read_image, _read_in_parts):
            with pytest.raises(QuestionError) as asked:
                read(path, row.answers)
            assert row.right in [each.question for each in asked.value.raised]
            assert isinstance(asked.value, ImageError)
            assert path.name in str(asked.value)
    elif isinstance(row.right, str):
        with pytest.raises(ImageError, match=row.right) as refused:
            read_image(path, row.answers)
        assert path.name in str(refused.value)
    else:
        for read in (read_image, _read_in_parts):
            pixels = read(path, row.answers)
            assert pixels.dtype == np.uint8
            assert pixels.shape == row.right.shape
            assert np.abs(pixels.astype(int) - row.right).max() <= row.tolerance


def check_mask(folder: Path, row: Row) -> None:
    """The right values; or the sentence; or the question."""
    path = folder / row.name
    row.write(path)
    check_facts(path, row, Use.MASK)
    if isinstance(row.right, Question):
        with pytest.raises(QuestionError) as asked:
            read_mask_values(path, row.answers)
        assert row.right in [each.question for each in asked.value.raised]
        assert isinstance(asked.value, MaskError)
    elif isinstance(row.right, str):
        with pytest.raises(MaskError, match=row.right) as refused:
            read_mask_values(path, row.answers)
        assert path.name in str(refused.value)
    else:
        np.testing.assert_array_equal(read_mask_values(path, row.answers).values, row.right)


def check_facts(path: Path, row: Row, use: Use) -> None:
    """`inspect_file` says what Pillow and tifffile say, and foretells what reading will come to."""
    try:
        facts = inspect_file(path, use, row.answers)
    except (ImageError, MaskError):
        if not isinstance(row.right, str):
            raise
        return
    questions = [each.question for each in open_questions(raised_questions(facts, use), row.answers)]
    if isinstance(row.right, Question):
        assert row.right in questions
    elif not isinstance(row.right, str):
        assert not questions
        assert problem_of(facts, use) is None
    _check_against_pillow(path, facts)
    if facts.kind == "TIFF":
        _check_against_tifffile(path, facts)


def _check_against_pillow(path: Path, facts: FileFacts) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                kind, size, orientation = image.format, image.size, image.getexif().get(0x0112, 1)
        except (OSError, ValueError, Image.DecompressionBombError):
            return  # Pillow does not take it: an unknown kind, damage, or more text than it allows
    assert _KINDS[str(kind)] == facts.kind
    if facts.planes == 1 and not facts.notes:
        is_swapped = facts.kind == "TIFF" and facts.orientation > 4  # of TIFF, Pillow tells the size as shown
        assert size == (facts.width_px, facts.height_px)[:: -1 if is_swapped else 1]
    if orientation in range(1, 9) and facts.planes == 1:
        assert orientation == facts.orientation


def _check_against_tifffile(path: Path, facts: FileFacts) -> None:
    with tifffile.TiffFile(path) as tiff:
        inside = [sub for page in tiff.pages for sub in page.pages or ()]
        size = facts.width_px, facts.height_px
        pages = [page for page in (*tiff.pages, *inside) if (page.imagewidth, page.imagelength) == size]
        page = pages[0]
        assert np.max(page.bitspersample) == facts.bits
        assert page.is_tiled == (facts.tile_px is not None)
        name = getattr(page.compression, "name", str(page.compression))  # a number without a name stays one
        assert name.lower().replace("_", " ") == facts.compression
        stated = page.tags.valueof(274, default=1)
        assert facts.orientation == (stated if stated in range(1, 9) else 1)


def _read_in_parts(path: Path, answers: object) -> np.ndarray:
    with open_regions(path, answers) as image:
        pixels = np.zeros((image.height_px, image.width_px, 3), np.uint8)
        for top in range(0, image.height_px, 23):
            for left in range(0, image.width_px, 31):
                bottom, right = min(top + 23, image.height_px), min(left + 31, image.width_px)
                pixels[top:bottom, left:right] = image.read(top, left, bottom, right)
    return pixels
