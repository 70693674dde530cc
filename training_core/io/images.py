"""Reading an image of tissue by one stated rule.

Rule: the result is 8-bit RGB. Alpha is composited over white (the color of empty glass), palettes are expanded, gray
is repeated over the three channels, and integers of more bits are scaled so that the largest value of their depth
(65535 for 16 bit) becomes 255, whatever the image's own maximum is. Floats must lie in 0 to 1; 1 becomes 255. Where
programs disagree about what a file means, it is read as `Answers` say, and not at all before they are given.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import Rgb8, row_blocks
from training_core.base.errors import ImageError
from training_core.io.facts import Alpha, FileFacts, Photometric, Use
from training_core.io.formats.stored import Stored
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import load
from training_core.io.inspection.rules import turned, used_maximum


def read_image(path: Path, answers: Answers = UNASKED) -> Rgb8:
    """The image as (H, W, 3) uint8, by the rule of this module.

    Raises
    ------
    ImageError
        Missing, empty, cut short, not a kind that is read, below 32 px on a side, above 400 million pixels, values
        that the rule does not cover, or a question that `answers` leaves open (`ImageQuestionError`).
    """
    facts, stored = load(path, Use.IMAGE, answers)
    rgb = np.empty((*stored.samples.shape[:2], 3), np.uint8)
    for block in row_blocks(rgb.shape):
        rgb[block] = to_rgb(replace(stored, samples=stored.samples[block]), facts, answers)
    return np.ascontiguousarray(turned(rgb, facts, answers))


def to_rgb(stored: Stored, facts: FileFacts, answers: Answers = UNASKED) -> Rgb8:
    """Stored numbers of an image, or of a region of it, as (h, w, 3) uint8; not turned.

    Raises
    ------
    ImageError
        Values that the rule does not cover, or a channel that the file lacks.
    """
    if stored.palette is not None:
        return _expanded(stored)
    samples, alpha = _split(stored, facts, answers)
    color = _to_uint8(samples, facts, answers)
    if facts.photometric is Photometric.WHITE_IS_ZERO:
        color = 255 - color
    color = np.broadcast_to(color, (*color.shape[:2], 3))
    if alpha is None:
        return color.copy()  # broadcast arrays are read-only
    opacity = to_uint8(alpha, 2**facts.bits - 1) if alpha.dtype.kind == "u" else _from_float(alpha, facts)
    return over_white(color, opacity, premultiplied=facts.alpha is Alpha.ASSOCIATED)


def _expanded(stored: Stored) -> Rgb8:
    assert stored.palette is not None
    color: Rgb8 = stored.palette[stored.samples]
    if stored.palette_alpha is None:
        return color
    return over_white(color, stored.palette_alpha[stored.samples])


def _split(stored: Stored, facts: FileFacts, answers: Answers) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colour (h, w, 1 or 3), and alpha (h, w) where it counts."""
    samples = stored.samples if stored.samples.ndim == 3 else stored.samples[:, :, None]
    if facts.photometric is Photometric.CHANNELS:
        return _chosen_channels(samples, facts, answers), None
    colors = 3 if samples.shape[2] >= 3 else 1
    if stored.transparent is not None:
        visible = (samples != np.array(stored.transparent)).any(axis=2)
        return samples, visible.astype(samples.dtype) * samples.dtype.type(2**facts.bits - 1)
    if samples.shape[2] == colors:
        return samples, None
    pixels = facts.pixels
    if facts.alpha is Alpha.UNSPECIFIED and (pixels is None or not pixels.alpha_matters):
        return samples[:, :, :colors], None
    is_asked = facts.alpha is Alpha.UNSPECIFIED or (pixels is not None and pixels.invisible)
    if is_asked and answers.alpha == "left_out":
        return samples[:, :, :colors], None
    return samples[:, :, :colors], samples[:, :, -1]


def _chosen_channels(samples: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[Any]:
    numbers = answers.channels or ()
    if not numbers or max(numbers) > facts.channels:
        given = f"{facts.path} has {facts.channels} channels, and channel {max(numbers, default=0)} was chosen"
        raise ImageError(given, f"channels from 1 to {facts.channels}", "choose other channels")
    return samples[:, :, [number - 1 for number in numbers]]


def _to_uint8(samples: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[np.uint8]:
    if samples.dtype.kind == "f":
        return _from_float(samples, facts)
    maximum = used_maximum(facts, answers)
    if maximum < 2**facts.bits - 1 and samples.size and int(samples.max()) > maximum:
        given = f"{facts.path} holds the value {samples.max()}, which {maximum.bit_length()} bits cannot"
        raise ImageError(given, f"values up to {maximum}", "choose another number of used bits")
    return to_uint8(samples, maximum)


def _from_float(samples: NDArray[Any], facts: FileFacts) -> NDArray[np.uint8]:
    if not (np.isfinite(samples).all() and samples.min() >= 0 and samples.max() <= 1):
        given = f"{facts.path} has decimal values outside 0 to 1"
        raise ImageError(given, "8-bit or 16-bit colour, or decimals from 0 to 1", "export it as 8-bit RGB")
    scaled: NDArray[np.uint8] = np.rint(samples * 255).astype(np.uint8)
    return scaled


def to_uint8(samples: NDArray[Any], maximum: int) -> NDArray[np.uint8]:
    """Integers from 0 to `maximum` scaled to 0 to 255, rounded."""
    if maximum == 255:
        return samples.astype(np.uint8)
    scaled: NDArray[np.uint8] = ((samples.astype(np.uint32) * 255 + maximum // 2) // maximum).astype(np.uint8)
    return scaled


def over_white(color: Rgb8, alpha: NDArray[np.uint8], *, premultiplied: bool = False) -> Rgb8:
    """Color (H, W, 3) composited over white by alpha (H, W)."""
    opacity = alpha[:, :, None].astype(np.uint32)
    foreground = color.astype(np.uint32) * (255 if premultiplied else opacity)
    blended = (foreground + (255 - opacity) * 255 + 127) // 255
    result: NDArray[np.uint8] = np.minimum(blended, 255).astype(np.uint8)
    return result
