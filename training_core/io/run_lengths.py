"""Masks as COCO's run lengths: of the pixels column by column, how many are outside, then inside, then outside ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training_core.base.arrays import BoolMask


def run_lengths(pixels: BoolMask) -> list[int]:
    """The lengths for a mask (H, W)."""
    flat = np.concatenate([[False], pixels.T.ravel()])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(each) for each in np.diff(np.concatenate([[0], changes, [pixels.size]]))]


def from_run_lengths(counts: Sequence[Any] | str, height: int, width: int) -> BoolMask:
    """The mask (height, width) of lengths, or of the text that COCO packs them in.

    Raises
    ------
    ValueError
        They are no lengths, or not of a mask of this size.
    """
    lengths = _unpacked(counts) if isinstance(counts, str) else list(counts)
    if any(isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in lengths):
        raise ValueError("a run length is no whole number")
    if sum(lengths) != height * width:
        raise ValueError(f"the run lengths are of {sum(lengths):,} px, the mask has {height * width:,}")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def _unpacked(text: str) -> list[int]:
    """Each length takes characters of five bits each, lowest first; from the fourth on, it is said what to add."""
    lengths: list[int] = []
    value, shift = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("the packed run lengths are damaged")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("the packed run lengths end too early")
    return lengths
