"""What files would become in a project, before anything is made: what the form shows and --dry-run prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from training_core.base.attempts import Failure
from training_core.io.inspection import FileFacts
from training_core.project.cloud_copies import copied_images
from training_core.project.inputs.asking import Asked
from training_core.project.inputs.matching import Matches

UNUSUAL_FACTOR = 3.0
"""A pixel size this far from the others' is marked: 40x beside 10x is a factor of 4."""

SAME_WITHIN = 0.02
"""Pixel sizes that differ by less are the same, written with other digits."""
GIVEN, SET = "given", "set"
"""Sources of a pixel size: the one given for all files that state none, and the one set for this file."""


class Becomes(StrEnum):
    """What a file is taken for."""

    TILE = "tile"
    SLIDE = "slide"
    MASK = "mask"
    OWN_OUTPUT = "own output"
    NOTHING = "nothing"
    """It cannot be read."""


@dataclass(frozen=True)
class InputFile:
    """A file that was given as an image.

    Attributes
    ----------
    name
        What its tile is called, or the beginning of its tiles' names.
    facts
        None where it cannot be read.
    mpp_um
        The pixel size in µm/px that would be used; None: not known.
    mpp_from
        Where that comes from, such as "ome_xml"; else `GIVEN` or `SET`.
    is_unusual
        Whether the pixel size is more than a factor of 3 from the others'.
    tiles
        How many tiles a slide gives; None: it is none, or was not looked at.
    """

    path: Path
    name: str
    becomes: Becomes
    facts: FileFacts | None = None
    mpp_um: float | None = None
    mpp_from: str | None = None
    is_unusual: bool = False
    tiles: int | None = None

    @property
    def states_nonsense(self) -> bool:
        """Whether it states a pixel size that cannot be true, so that none of its own is used."""
        stated = self.facts.pixel_size if self.facts is not None else None
        is_image = self.becomes in (Becomes.TILE, Becomes.SLIDE)
        return is_image and stated is not None and stated.usable_um is None


@dataclass(frozen=True)
class Overview:
    """What a set of files would become.

    Attributes
    ----------
    files
        Every file that was given as an image.
    matches
        Which mask is whose; None: no masks are given.
    left_out
        How many entries of the folders are not taken, by ending.
    bad
        Files that cannot be used, and why.
    asked
        Open questions about how files are read.
    unclear
        Files among the images that look like masks or like our own outputs, while nobody has said what they are.
    mask_values
        What the masks hold: value or colour to number of pixels in all of them.
    unnamed
        Masks with values that no class has, with these values.
    one_and_255
        A mask of the values 0 and 1, and one of 0 and 255, which may mean the same.
    palettes_differ
        Two masks whose palettes give the same value different colours.
    identical
        Groups of images with the same pixels.
    """

    files: tuple[InputFile, ...]
    matches: Matches | None
    left_out: Mapping[str, int]
    bad: tuple[Failure, ...] = ()
    asked: tuple[Asked, ...] = ()
    unclear: tuple[InputFile, ...] = ()
    mask_values: Mapping[str, int] = field(default_factory=dict)
    unnamed: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    one_and_255: tuple[Path, Path] | None = None
    palettes_differ: tuple[Path, Path] | None = None
    identical: tuple[tuple[str, ...], ...] = ()

    @property
    def images(self) -> tuple[Path, ...]:
        """The files that would become tiles, or slides cut into tiles."""
        return tuple(each.path for each in self.files if each.becomes in (Becomes.TILE, Becomes.SLIDE))

    @property
    def cloud_copies(self) -> tuple[tuple[Path, Path], ...]:
        """The images that may be copies which a cloud drive made of others, each with the other."""
        return copied_images(self.images)

    @property
    def masks(self) -> dict[str, Path] | None:
        """Each image's mask, as `Project.create` takes it."""
        return None if self.matches is None else {name: match.mask for name, match in self.matches.found.items()}

    @property
    def unusual(self) -> tuple[InputFile, ...]:
        """The files whose pixel size is marked."""
        return tuple(each for each in self.files if each.is_unusual)

    def stating_another(self, given_um: float | None) -> tuple[InputFile, ...]:
        """The files that state another pixel size than the one for all files, so that theirs is used."""
        stating = [each for each in self.files if each.mpp_um is not None and each.mpp_from not in (GIVEN, SET)]
        return tuple(
            each for each in stating if given_um is not None and abs((each.mpp_um or 0) / given_um - 1) > SAME_WITHIN
        )

    def of(self, becomes: Becomes) -> tuple[InputFile, ...]:
        """The files that become this."""
        return tuple(each for each in self.files if each.becomes is becomes)


def across(groups: Sequence[Sequence[str]], val: Sequence[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of groups of names that belong together, those on both sides: names in training, and names in validation."""
    held_out = set(val)
    sides = [
        (tuple(name for name in group if name not in held_out), tuple(name for name in group if name in held_out))
        for group in groups
    ]
    return [(train, validation) for train, validation in sides if train and validation]
