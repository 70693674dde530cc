"""Reading a mask: one whole number or colour per pixel, never resampled, and interpreted only where it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds, row_blocks, value_counts
from training_core.base.errors import ConfigError, MaskError
from training_core.io.facts import Alpha, Content, FileFacts, Photometric, Use
from training_core.io.formats.stored import Stored
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import ask, load
from training_core.io.inspection.mask_content import (
    COLOURED,
    MAX_COLOURS,
    has_two_soft_ends,
    looks_compressed,
    packed_colours,
)
from training_core.io.inspection.rules import turned
from training_core.io.inspection.soft_edges import soft_edges

TRANSPARENT = "transparent"
"""The key of pixels that are wholly transparent."""
_TRANSPARENT_VALUE = 1 << 24


@dataclass(frozen=True)
class MaskValues:
    """The values of a mask as numbers (H, W), and what they are called.

    Attributes
    ----------
    values
        int32: the number of a pixel, or its colour as 0xRRGGBB.
    content
        What the numbers look like, or were answered to be.
    is_colour
        Whether `values` are colours.
    objects
        int32, the number of each pixel's object, 0 where there is none; None: the mask does not number objects.
    """

    path: Path
    values: NDArray[np.int32]
    content: Content
    is_colour: bool = False
    objects: NDArray[np.int32] | None = None

    def counts(self) -> dict[str, int]:
        """Pixels of each value, named as `Answers.mask_values` names them: 7, #ff0000, transparent."""
        return {self._name(value): count for value, count in value_counts(self.values).items()}

    def mapped(self, mask_values: Mapping[str, int], hint: str | None = None) -> ClassIds:
        """The class of each pixel.

        Parameters
        ----------
        mask_values
            A value, a range of values (1-40), or a colour (#rrggbb) to class id.
        hint
            What to try where a value has no class; None: an option of the terminal, or words for the window.

        Raises
        ------
        MaskError
            A value that no class has.
        ConfigError
            A key that is no value, range or colour.
        """
        rules = [(value_span(key), class_id) for key, class_id in mask_values.items()]
        class_ids: dict[int, int] = {}
        for value, pixels in value_counts(self.values).items():
            class_id = self._class_of(value, rules)
            if class_id is None:
                raise self._unknown(value, pixels, mask_values, hint)
            class_ids[value] = class_id
        found, ids = np.array(list(class_ids), np.int32), np.array(list(class_ids.values()), np.uint8)
        mapped = np.empty(self.values.shape, np.uint8)
        for block in row_blocks(mapped.shape):
            mapped[block] = ids[np.searchsorted(found, self.values[block])]
        return mapped

    def _class_of(self, value: int, rules: list[tuple[tuple[bool, int, int], int]]) -> int | None:
        for colour in (self.is_colour, True) if value <= 255 else (self.is_colour,):
            # A mask whose colours happen to be all grey is named by colours in the list of its folder.
            wanted = value * 0x010101 if colour and not self.is_colour else value
            for (is_colour, low, high), class_id in rules:
                if is_colour == (colour or value == _TRANSPARENT_VALUE) and low <= wanted <= high:
                    return class_id
        return None

    def _unknown(self, value: int, pixels: int, known: Mapping[str, int], hint: str | None) -> MaskError:
        name = self._name(value)
        return MaskError(
            f"mask {self.path} holds the value {name} ({pixels:,} px), which no class has",
            f"only values that have a class ({', '.join(known)})",
            hint or "give the value a class, or let it mean not labelled",
            terminal=hint or f'give it a class in --classes, such as "other={name}", or ignore it: "unlabelled={name}"',
        )

    def _name(self, value: int) -> str:
        if value == _TRANSPARENT_VALUE:
            return TRANSPARENT
        return f"#{value:06x}" if self.is_colour else str(value)


def read_mask(path: Path, answers: Answers = UNASKED) -> ClassIds:
    """The mask's own values as (H, W) uint8, whatever they mean.

    A palette mask gives its indices, a 1-bit mask 0 and 255, a color mask whose channels agree their common value.

    Raises
    ------
    MaskError
        Missing, empty, cut short, not an image, compression that changes values, real colors, transparent pixels,
        values outside 0 to 255 or not whole, or a question that `answers` leaves open (`MaskQuestionError`).
    """
    facts, stored = load(path, Use.MASK, answers, content=False)
    values, is_colour = _values(stored, facts, answers)
    if is_colour:
        raise MaskError(
            f"{path} is a colour image",
            "one value per pixel",
            "export it as a greyscale or palette PNG with one value per class",
        )
    if (values == _TRANSPARENT_VALUE).any() and facts.alpha is not Alpha.NONE:
        raise MaskError(f"{path} has transparent pixels", "one value for every pixel", "export it without transparency")
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 255):
        given = f"{path} has values from {low} to {high}"
        raise MaskError(given, "whole numbers from 0 to 255", "export the mask as 8-bit with one value per class")
    return turned(values.astype(np.uint8), facts, answers)


def read_mask_values(path: Path, answers: Answers = UNASKED) -> MaskValues:
    """The mask's values, colours or numbered objects.

    Raises
    ------
    MaskError
        What `read_mask` raises, but for colours, transparent pixels and large numbers; and the question what the
        numbers mean, where they look like objects or soft edges and `answers` leaves that open.
    """
    facts, stored = load(path, Use.MASK, answers)
    values, is_colour = _values(stored, facts, answers)
    values = turned(values, facts, answers)
    assert facts.pixels is not None
    content = facts.pixels.content or Content.CLASSES
    mask = MaskValues(path, values, content, is_colour)
    if content is Content.COLOURS or (content is Content.CLASSES and answers.mask_holds != "numbered_objects"):
        return _with_few_colours(mask, answers)
    if answers.mask_values is not None and answers.mask_holds is None and _covers(answers.mask_values, mask):
        objects = values if content is Content.NUMBERED_OBJECTS else None
        return replace(mask, content=Content.CLASSES, objects=objects)
    ask(facts, Use.MASK, answers, content=True)
    return _interpreted(mask, answers)


def _covers(mask_values: Mapping[str, int], mask: MaskValues) -> bool:
    try:
        mask.mapped(mask_values)
    except MaskError:
        return False
    return True


def _with_few_colours(mask: MaskValues, answers: Answers) -> MaskValues:
    if not mask.is_colour:
        return mask
    count, hint = len(value_counts(mask.values)), "export it without smoothing, with one colour per class"
    if count > MAX_COLOURS:
        given = f"{mask.path} is a colour image of {count:,} colours, as photographs have"
        raise MaskError(given, f"at most {MAX_COLOURS} colours", hint)
    if answers.mask_holds is None and answers.mask_values is None and looks_compressed(mask.values):
        given = f"{mask.path} has {count} colours, most of which fill no area, as in photographs and JPEG files"
        terminal = f"{hint}; or add --mask-holds classes, if each of them is a class"
        raise MaskError(given, "areas of one colour per class", hint, terminal=terminal)
    return mask


def _interpreted(mask: MaskValues, answers: Answers) -> MaskValues:
    """Numbers as the answers say: objects are one class, of value 1; a blend belongs to one of its two values."""
    if answers.mask_holds == "numbered_objects" and not mask.is_colour:
        one_class: NDArray[np.int32] = (mask.values > 0).astype(np.int32)
        return replace(mask, values=one_class, content=Content.NUMBERED_OBJECTS, objects=mask.values)
    if answers.mask_holds is None and answers.soft_edges is not None:
        return _with_few_colours(replace(mask, values=_sharpened(mask, answers.soft_edges)), answers)
    content = Content.COLOURS if mask.is_colour else Content.CLASSES
    return _with_few_colours(replace(mask, content=content), answers)


def _sharpened(mask: MaskValues, share: float) -> NDArray[np.int32]:
    if not mask.is_colour and has_two_soft_ends(mask.values):
        low, high = int(mask.values.min()), int(mask.values.max())
        hard: NDArray[np.int32] = np.where(mask.values >= low + share * (high - low), high, low).astype(np.int32)
        return hard
    edges = soft_edges(mask.values, is_colour=mask.is_colour)
    return mask.values if edges is None else edges.sharpened(mask.values, share)


def _values(stored: Stored, facts: FileFacts, answers: Answers) -> tuple[NDArray[np.int32], bool]:
    """Numbers or colours (H, W), and whether they are colours."""
    samples = stored.samples
    if stored.palette is not None:
        return samples.astype(np.int32), False
    if facts.photometric is Photometric.CHANNELS:
        samples = _channel(samples, facts, answers)
    visible = None
    if facts.alpha is not Alpha.NONE and samples.ndim == 3:
        visible = _visible(samples[:, :, -1], facts, answers)
        samples = samples[:, :, :-1]
    if samples.ndim == 3 and (samples != samples[:, :, :1]).any():
        values, is_colour = _colours(samples, facts), True
    else:
        grey = samples if samples.ndim == 2 else samples[:, :, 0]
        values, is_colour = _numbers(_as_answered(grey, facts, answers), facts.path), False
    return (values if visible is None else np.where(visible, values, np.int32(_TRANSPARENT_VALUE))), is_colour


def _channel(samples: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[Any]:
    if answers.channels is None or facts.pixels is None or facts.pixels.content not in COLOURED:
        return samples
    if len(answers.channels) != 1 or answers.channels[0] > facts.channels:
        chosen = ", ".join(map(str, answers.channels))
        given = f"{facts.path} is a mask of {facts.channels} channels, and {chosen} was chosen"
        raise MaskError(given, f"one channel from 1 to {facts.channels}", "choose one channel")
    chosen_channel: NDArray[Any] = samples[:, :, answers.channels[0] - 1]
    return chosen_channel


def _visible(alpha: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[np.bool_] | None:
    opaque = 2**facts.bits - 1 if alpha.dtype.kind in "iu" else 1
    if (alpha == opaque).all() or (
        facts.alpha is Alpha.UNSPECIFIED and (answers.alpha == "left_out" or not alpha.any())
    ):
        return None
    if ((alpha != opaque) & (alpha != 0)).any():
        given = f"{facts.path} has half-transparent pixels"
        raise MaskError(given, "pixels that are opaque or wholly transparent", "export it without transparency")
    visible: NDArray[np.bool_] = alpha != 0
    return visible


def _as_answered(grey: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[Any]:
    """Numbers as the answers about inversion and few bits say; 1-bit masks are 0 and 255."""
    highest = 2**facts.bits - 1
    if facts.photometric is Photometric.WHITE_IS_ZERO and answers.photometric != "black_is_zero":
        if grey.dtype.kind != "u":
            given = f"{facts.path} stores white as 0, in {facts.sample_type} values"
            raise MaskError(given, "unsigned whole numbers", "export the mask again as PNG")
        grey = highest - grey
    if facts.bits == 1 or (facts.bits in (2, 4) and answers.grey_values == "spread"):
        grey = grey * (255 // highest)
    return grey


def _numbers(grey: NDArray[Any], path: Path) -> NDArray[np.int32]:
    if grey.dtype.kind == "f" and not (np.isfinite(grey).all() and (grey == np.rint(grey)).all()):
        given = f"{path} has values from {grey.min()} to {grey.max()} that are no whole numbers"
        raise MaskError(given, "whole numbers", "export the mask as 8-bit with one value per class")
    low, high = int(grey.min()), int(grey.max())  # 2**31 is beyond what a decimal of 16 bits can be compared with
    if low < 0 or high >= 2**31:
        given = f"{path} has values from {low} to {high}"
        raise MaskError(given, "whole numbers from 0 to 2147483647", "export the mask with one value per class")
    return grey.astype(np.int32)


def _colours(samples: NDArray[Any], facts: FileFacts) -> NDArray[np.int32]:
    if samples.shape[2] != 3 or samples.dtype.kind != "u" or facts.bits not in (8, 16):
        given = f"{facts.path} is a mask of {facts.channels} channels of {facts.sample_type}{facts.bits}"
        raise MaskError(given, "one value or one RGB colour per pixel", "export it as a greyscale or palette PNG")
    packed = packed_colours(samples)
    if packed is None:
        given = f"{facts.path} has colours of 16 bits that 8 bits cannot hold"
        raise MaskError(given, "colours of 8 bits", "export it as an 8-bit PNG, with one colour per class")
    return packed


def value_span(key: str) -> tuple[bool, int, int]:
    """Whether a key of `Answers.mask_values` names a colour, and the smallest and largest value it stands for.

    Raises
    ------
    ConfigError
        It is no value, range or colour.
    """
    text = key.strip().lower()
    try:
        if text == TRANSPARENT:
            return True, _TRANSPARENT_VALUE, _TRANSPARENT_VALUE
        if text.startswith("#") and len(text) == 7:
            return True, int(text[1:], 16), int(text[1:], 16)
        low, _, high = text.partition("-")
        return False, int(low), int(high or low)
    except ValueError as cause:
        needed = "a value (7), a range of values (1-40) or a colour (#ff0000)"
        raise ConfigError(f"{key} is no value of a mask", needed, "correct the list of classes") from cause
