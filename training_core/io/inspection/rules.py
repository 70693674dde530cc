"""Which questions a file raises, and what no answer helps with.

An answer applies only to files that raise its question, so one answer can be given for a whole folder.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.errors import ImageError, MaskError
from training_core.io.facts import Alpha, Content, FileFacts, Photometric, PixelFacts, Use
from training_core.io.files import check_size, type_of_error
from training_core.io.formats.stored import Stored
from training_core.io.inspection.answers import Answers
from training_core.io.inspection.mask_content import COLOURED, MAX_COLOURS, colour_content, mask_content, packed_colours
from training_core.io.inspection.questions import Choice, Question, RaisedQuestion, choice

_CAMERA_BITS = (8, 10, 12, 14)
_INVISIBLE = 0.01
MAX_CAMERA_VALUE = 2 ** _CAMERA_BITS[-1] - 1
"""16-bit numbers that never exceed it may come from a camera of fewer bits."""


def error_of(use: Use) -> type_of_error:
    """The error that readers of this use promise."""
    return MaskError if use is Use.MASK else ImageError


def refuse(facts: FileFacts, use: Use, *, whole: bool = True) -> None:
    """Refuse what no reader takes; with `whole`, also what is too large to be read at once.

    Raises
    ------
    ImageError, MaskError
        Names the file and the reason.
    """
    error = error_of(use)
    if facts.problem is not None:
        raise error(facts.problem.given, facts.problem.needed, facts.problem.hint)
    if whole:
        check_size(facts.path, facts.height_px, facts.width_px, error)
    if use is Use.MASK:
        _refuse_mask(facts)
    elif facts.sample_type not in ("uint", "float") or (facts.sample_type == "uint" and facts.bits > 16):
        given = f"{facts.path} has {facts.sample_type}{facts.bits} values"
        raise ImageError(given, "8-bit or 16-bit colour", "export it as 8-bit RGB")


def _refuse_mask(facts: FileFacts) -> None:
    if facts.lossy is not False:
        certain = "changes" if facts.lossy else "may change"
        given = f"{facts.path} is compressed as {facts.compression}, which {certain} the class values"
        if facts.kind == "JPEG":
            given = f"{facts.path} is a JPEG file, whose compression changes the class values"
        raise MaskError(given, "a mask as PNG, TIFF or BMP", "export the masks again as PNG")
    if facts.sample_type == "complex":
        raise MaskError(f"{facts.path} has complex values", "whole numbers", "export the masks again as PNG")


def needs_pixels(facts: FileFacts, use: Use) -> bool:
    """Whether a question depends on the pixels."""
    if use is Use.MASK or facts.alpha not in (Alpha.NONE, Alpha.COLOUR_KEY):
        return True
    return facts.sample_type == "uint" and facts.bits > 8 and facts.photometric is not Photometric.PALETTE


def look(facts: FileFacts, stored: Stored, use: Use) -> FileFacts:
    """The facts with what the pixels tell, where a question depends on it."""
    samples = stored.samples
    if use is Use.MASK:
        return replace(facts, pixels=_look_at_mask(facts, samples))
    if not needs_pixels(facts, use):
        return facts
    alpha = facts.alpha is not Alpha.NONE and samples.ndim == 3
    colour = samples[:, :, :-1] if alpha else samples
    matters = alpha and _alpha_matters(samples[:, :, -1], facts.bits)
    invisible = alpha and _is_invisible(samples[:, :, -1], facts.bits)
    low, high = float(colour.min()), float(colour.max())
    return replace(facts, pixels=PixelFacts(low, high, alpha_matters=matters, invisible=invisible))


def _alpha_matters(alpha: NDArray[Any], bits: int) -> bool:
    """Not where it is opaque everywhere, nor where nothing was ever written into it."""
    opaque = 2**bits - 1 if alpha.dtype.kind in "iu" else 1
    return bool((alpha != opaque).any() and alpha.any())


def _is_invisible(alpha: NDArray[Any], bits: int) -> bool:
    """What a program leaves that writes no transparency, or counts it from 0 to 1 where others count to 255."""
    opaque = 2**bits - 1 if alpha.dtype.kind in "iu" else 1
    return bool(alpha.max() <= _INVISIBLE * opaque)


def _look_at_mask(facts: FileFacts, samples: NDArray[Any]) -> PixelFacts:
    has_alpha = facts.alpha is not Alpha.NONE and samples.ndim == 3 and facts.photometric is not Photometric.PALETTE
    colour = samples[:, :, :-1] if has_alpha else samples
    matters = has_alpha and _alpha_matters(samples[:, :, -1], facts.bits)
    low, high = float(colour.min()), float(colour.max())
    if colour.ndim == 3 and not (colour == colour[:, :, :1]).all():
        packed = packed_colours(colour)
        content, count = (Content.COLOURS, None) if packed is None else colour_content(packed)
        return PixelFacts(low, high, count, content, matters)
    grey = colour if colour.ndim == 2 else colour[:, :, 0]
    if grey.dtype.kind not in "iu" or facts.photometric is Photometric.PALETTE or facts.bits < 8:
        return PixelFacts(low, high, content=Content.CLASSES, alpha_matters=matters)
    content, count = mask_content(grey)
    return PixelFacts(low, high, count, content, matters)


def raised_questions(facts: FileFacts, use: Use) -> tuple[RaisedQuestion, ...]:
    """What this file asks, answered or not."""
    asks = (_plane, _orientation, _channels, _photometric, _used_bits, _grey_values, _alpha, _content)
    raised = (ask(facts, use) for ask in asks)
    return tuple(each for each in raised if each is not None)


def _plane(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if facts.planes < 2:
        return None
    layout = " x ".join(f"{axis}={length}" for axis, length in zip(facts.axes, facts.shape, strict=False))
    reason = f"is a stack of {facts.planes} images ({layout})"
    choices = [choice(str(number), f"image {number}", plane=number) for number in range(1, min(facts.planes, 9) + 1)]
    if facts.planes > 9:
        last = facts.planes
        choices.append(choice(str(last), f"image {last}; any number up to it can be chosen", plane=last))
    return RaisedQuestion(Question.PLANE, reason, tuple(choices))


def _orientation(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if facts.orientation == 1:
        return None
    reason = f"is shown turned or mirrored by viewers, as its tag says (orientation {facts.orientation})"
    choices = (
        choice("as-shown", "turned as viewers show it", orientation="as_shown"),
        choice("as-stored", "as its pixels are stored, the tag ignored", orientation="as_stored"),
    )
    return RaisedQuestion(Question.ORIENTATION, reason, choices)


def _channels(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if facts.photometric is not Photometric.CHANNELS:
        return None
    if use is Use.MASK and facts.pixels is not None and facts.pixels.content not in COLOURED:
        return None  # all channels hold the same mask
    names = ", ".join(f"{number}: {name}" for number, name in enumerate(facts.channel_names, 1))
    reason = f"has {facts.channels} channels, and none is stated to be red, green or blue ({names})"
    choices: list[Choice] = []
    if facts.channels >= 3 and use is Use.IMAGE:
        choices.append(choice("1,2,3", "the first three as red, green and blue", channels=(1, 2, 3)))
    choices += [
        choice(str(number), f"{name} alone, as grey", channels=(number,))
        for number, name in enumerate(facts.channel_names[:8], 1)
    ]
    return RaisedQuestion(Question.CHANNELS, reason, tuple(choices))


def _photometric(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if facts.photometric is not Photometric.WHITE_IS_ZERO or use is not Use.MASK:
        return None
    reason = "stores white as 0, so viewers show its numbers inverted, and other programs hand them out as they are"
    choices = (
        choice("as-stated", "what viewers show: white is the highest number", photometric="as_stated"),
        choice("black-is-zero", "the numbers as stored: what viewers show white is 0", photometric="black_is_zero"),
    )
    return RaisedQuestion(Question.PHOTOMETRIC, reason, choices)


def _used_bits(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    known = use is Use.MASK or facts.pixels is None or facts.bits != 16 or facts.sample_type != "uint"
    if known or facts.photometric is Photometric.PALETTE:
        return None
    assert facts.pixels is not None
    high = facts.pixels.high
    stated = facts.significant_bits
    if high > MAX_CAMERA_VALUE or (stated is not None and high < 2**stated):
        return None
    fitting = next(bits for bits in _CAMERA_BITS if high < 2**bits)
    reason = f"has 16 bits per channel, and its largest number is {high:.0f}, as of a camera of {fitting} bits"
    choices = (
        choice(str(fitting), f"{2**fitting - 1} is white", used_bits=fitting),
        choice("16", "65535 is white, and the image is dark", used_bits=16),
    )
    return RaisedQuestion(Question.USED_BITS, reason, choices)


def _grey_values(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    is_grey = facts.photometric in (Photometric.BLACK_IS_ZERO, Photometric.WHITE_IS_ZERO)
    if use is not Use.MASK or not is_grey or facts.bits not in (2, 4):
        return None
    step = 255 // (2**facts.bits - 1)
    reason = f"is greyscale of {facts.bits} bits, which programs read as class ids or as shades of grey"
    choices = (
        choice("as-stored", f"ids: 0 to {2**facts.bits - 1}", grey_values="as_stored"),
        choice("spread", f"shades of grey: 0, {step}, {2 * step} to 255", grey_values="spread"),
    )
    return RaisedQuestion(Question.GREY_VALUES, reason, choices)


def _alpha(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if facts.pixels is None or facts.photometric is Photometric.CHANNELS:
        return None
    if facts.alpha is Alpha.UNSPECIFIED and facts.pixels.alpha_matters:
        reason = f"has {facts.channels} channels, and does not state what the last one is"
    elif use is Use.IMAGE and facts.alpha is not Alpha.UNSPECIFIED and facts.pixels.invisible:
        reason = "is transparent everywhere, so viewers show nothing"
    else:
        return None
    choices = (
        choice("over-white", "transparency, shown over white", alpha="over_white"),
        choice("left-out", "something else, which is left out", alpha="left_out"),
    )
    return RaisedQuestion(Question.ALPHA, reason, choices)


def _content(facts: FileFacts, use: Use) -> RaisedQuestion | None:
    if use is not Use.MASK or facts.pixels is None:
        return None
    if facts.pixels.content is Content.SOFT_EDGES:
        return _soft_edges("values", facts.pixels.values)
    if facts.pixels.content is Content.SOFT_COLOURS:
        return _soft_edges("colours", facts.pixels.values)
    if facts.pixels.content is Content.SHADES:
        kinds = "a photograph or a map of probabilities"
        reason = f"has {facts.pixels.values} values that run into each other, as {kinds}"
        meaning = "its values, or ranges of them such as 128-255, are classes"
        choices = (
            choice("classes", meaning, mask_holds="classes"),
            choice("numbered-objects", "one class; the objects are kept apart", mask_holds="numbered_objects"),
        )
        return RaisedQuestion(Question.MASK_HOLDS, reason, choices)
    if facts.pixels.content is not Content.NUMBERED_OBJECTS:
        return None
    reason = f"has {facts.pixels.values} values that look like numbered objects"
    choices = (
        choice("numbered-objects", "one class; the objects are kept apart", mask_holds="numbered_objects"),
        choice("classes", "every value is a class of its own", mask_holds="classes"),
    )
    return RaisedQuestion(Question.MASK_HOLDS, reason, choices)


def _soft_edges(what: str, count: int | None) -> RaisedQuestion:
    reason = f"has {count:,} {what}, most of them blends along soft edges"
    one = what.removesuffix("s")
    choices = [choice("half", f"a blend of two {what} belongs to the {one} that it is closer to", soft_edges=0.5)]
    if count is not None and count <= MAX_COLOURS:
        answers = Answers(mask_holds="classes")
        choices.append(Choice("classes", f"every {one} is a class of its own", answers, Question.MASK_HOLDS))
    return RaisedQuestion(Question.SOFT_EDGES, reason, tuple(choices))


def used_maximum(facts: FileFacts, answers: Answers) -> int:
    """The stored number that stands for white."""
    if _used_bits(facts, Use.IMAGE) is not None and answers.used_bits is not None:
        return int(2 ** min(answers.used_bits, facts.bits)) - 1
    high = facts.pixels.high if facts.pixels is not None else 0.0
    if facts.significant_bits is not None and high < 2**facts.significant_bits:
        return int(2**facts.significant_bits) - 1
    return int(2**facts.bits) - 1


def turned(pixels: NDArray[Any], facts: FileFacts, answers: Answers) -> NDArray[Any]:
    """Pixels (H, W) or (H, W, C) as stored, turned as shown where that was the answer."""
    if answers.orientation != "as_shown" or facts.orientation == 1:
        return pixels
    if facts.orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    # What is left after the swap: a mirror from left to right, one from top to bottom, both, or none.
    left_right = facts.orientation in (2, 3, 6, 7)
    top_bottom = facts.orientation in (3, 4, 7, 8)
    return np.ascontiguousarray(pixels[:: -1 if top_bottom else 1, :: -1 if left_right else 1])
