"""How a file is to be read where programs disagree about what it means: the answers to its questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal

from pydantic import ConfigDict


@dataclass(frozen=True)
class Answers:
    """How a file is to be read where programs disagree; None: never asked. A further question is a further field.

    Attributes
    ----------
    photometric
        Which end of grey is white.
    orientation
        The pixels as stored, or turned as the file's tag says.
    used_bits
        Of a deeper sample, such as 12 of 16.
    channels
        Which ones are red, green and blue, counted from 1; a single one is shown as grey.
    grey_values
        Of grey with 1, 2 or 4 bits, the numbers as stored or spread over 0 to 255.
    alpha
        What becomes of transparency.
    soft_edges
        From which share on a pixel between two mask values belongs to the second.
    plane
        Of several pages or planes, counted from 1.
    mask_holds
        What the numbers of a mask are.
    mask_values
        A mask's value, range of values (1-40) or colour (#rrggbb) to class id, or to 255 for not labelled.
    """

    photometric: Literal["as_stated", "white_is_zero", "black_is_zero"] | None = None
    orientation: Literal["as_stored", "as_shown"] | None = None
    used_bits: int | None = None
    channels: tuple[int, ...] | None = None
    grey_values: Literal["as_stored", "spread"] | None = None
    alpha: Literal["over_white", "left_out"] | None = None
    soft_edges: float | None = None
    plane: int | None = None
    mask_holds: Literal["classes", "numbered_objects"] | None = None
    mask_values: Mapping[str, int] | None = None
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    def over(self, other: Answers) -> Answers:
        """These answers, and the other's where there is none."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(other, **{name: value for name, value in own.items() if value is not None})


UNASKED = Answers()
"""No question was asked yet."""
