"""A small image of what a file looks like under an answer, so that a person sees what they choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import Rgb8
from training_core.base.errors import UserError
from training_core.io import inspect_file, read_image, read_mask_values
from training_core.io.inspection import Answers, Question, QuestionError, Use
from training_core.io.levels import Levels
from training_core.io.masks import MaskValues
from training_core.io.slides import is_slide, open_slide
from training_core.project.classes import PALETTE

_MAX_PIXELS = 40_000_000
"""Of a level; of a file without a coarser one, its middle is shown."""
_WINDOW_PX = 2048


def preview(path: Path, use: Use, answers: Answers, question: Question, side_px: int = 64) -> Rgb8 | None:
    """The file under these answers, its longer side at most `side_px`; None: it cannot be shown.

    What else the file asks is answered with the first choice, so that the images of a question differ in that alone.
    """
    for _ in Question:
        try:
            return _small(_pixels(path, use, answers, question), side_px, smooth=use is Use.IMAGE)
        except QuestionError as error:
            for raised in error.raised:
                answers = answers.over(raised.choices[0].answers)
        except UserError:
            return None
    return None


def _pixels(path: Path, use: Use, answers: Answers, question: Question) -> Rgb8:
    if use is Use.MASK:
        mask = read_mask_values(path, answers)
        is_shades = question is Question.GREY_VALUES and answers.grey_values == "spread"
        return _grey(mask.values) if is_shades else _in_colours(mask)
    if is_slide(path) or inspect_file(path, use, answers).in_parts:
        with open_slide(path, answers) as levels:
            return _overview(levels)
    return read_image(path, answers)


def _overview(levels: Levels) -> Rgb8:
    last = len(levels.sizes) - 1
    width, height = levels.sizes[last]
    if width * height <= _MAX_PIXELS:
        return levels.read(last, 0, 0, width, height)
    left, top = max(0, (width - _WINDOW_PX) // 2), max(0, (height - _WINDOW_PX) // 2)
    return levels.read(last, left, top, min(width, _WINDOW_PX), min(height, _WINDOW_PX))


def _grey(values: NDArray[np.int32]) -> Rgb8:
    return np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _in_colours(mask: MaskValues) -> Rgb8:
    """The lowest value black, each other in a colour; colours as they are."""
    if mask.is_colour:
        parts = [(mask.values >> shift & 255).astype(np.uint8) for shift in (16, 8, 0)]
        return np.stack(parts, axis=2)
    found, places = np.unique(mask.values, return_inverse=True)
    colours = [(0, 0, 0), *(tuple(bytes.fromhex(PALETTE[index % 7][1:])) for index in range(len(found) - 1))]
    if len(found) == 2:
        colours[1] = (255, 255, 255)
    shown: Rgb8 = np.array(colours, np.uint8)[places.reshape(mask.values.shape)]
    return shown


def _small(pixels: Rgb8, side_px: int, *, smooth: bool) -> Rgb8:
    height_px, width_px = pixels.shape[:2]
    scale = side_px / max(height_px, width_px)
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    how = Image.Resampling.BOX if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize(size, how))
