"""One row per kind of file: how it is written, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.io.inspection import UNASKED, Answers, Question


@dataclass(frozen=True)
class Row:
    """A kind of file.

    Attributes
    ----------
    name
        Its file name, which is also what pytest calls it.
    write
        Writes the file, with other means than the program reads it by.
    right
        The right pixels or values, worked out from what was written; a part of the sentence that refuses it; or the
        question that it raises.
    answers
        What is given for its questions.
    tolerance
        By how much a pixel may differ, where two decoders round differently.
    """

    name: str
    write: Callable[[Path], Any]
    right: NDArray[Any] | str | Question
    answers: Answers = UNASKED
    tolerance: int = 0


def ids_of(rows: list[Row]) -> list[str]:
    """What pytest calls the rows."""
    names = [row.name + ("" if row.answers == UNASKED else "-answered") for row in rows]
    assert len(set(zip(names, map(repr, (row.answers for row in rows)), strict=True))) == len(rows), "a row twice"
    return names


def data(content: bytes) -> Callable[[Path], Any]:
    """Writes these bytes."""
    return lambda path: path.write_bytes(content)


def tiff(samples: NDArray[Any], **options: Any) -> Callable[[Path], Any]:
    """Writes a TIFF with tifffile."""
    return lambda path: tifffile.imwrite(path, samples, **{"metadata": None, **options})


def spread(values: NDArray[Any], maximum: int) -> NDArray[Any]:
    """Numbers from 0 to `maximum` as 0 to 255, in exact fractions rounded to the nearest."""
    return np.rint(values.astype(np.float64) * 255 / maximum).astype(np.uint8)


def three(values: NDArray[Any]) -> NDArray[Any]:
    """Grey in three channels."""
    return np.repeat(values[:, :, None], 3, axis=2)


def on_white(colour: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colour (H, W, 3) of 8 bits over white, by alpha (H, W) of 8 bits."""
    share = alpha[:, :, None].astype(np.float64) / 255
    return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)
