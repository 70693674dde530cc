"""Which mask is whose: by name, in steps from the same name to names that differ by an ending, Unicode form or case.

A step only matches what is unique: where two masks could be an image's, or one mask two images', neither is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from training_core.base.errors import ConfigError, MaskError
from training_core.base.i18n import tr
from training_core.project.inputs.names import composed, tile_name

NAME = "{name}"
MASK_ENDINGS = (
    "masks", "mask", "labelled", "labeled", "labels", "label", "segmentation", "seg", "annotations", "annotation",
    "anno", "groundtruth", "ground_truth", "gt", "cp_masks", "instances", "classes",
)  # fmt: skip
"""What programs put after an image's name for its mask, joined by one of `_JOINTS`; cellpose writes _cp_masks."""
IMAGE_ENDINGS = ("image", "images", "img", "rgb")
_JOINTS = ("_", "-", ".", " ")
_MAX_COMPARISONS = 1_000_000
_NEAREST_LISTED = 50


class HowMatched(StrEnum):
    """By what a mask was found to be an image's."""

    SAME = "same"
    UNICODE = "unicode"
    PATTERN = "pattern"
    ENDING = "ending"
    CASE = "case"

    @property
    def sentence(self) -> str:
        """How the names differ."""
        return {
            HowMatched.SAME: tr("the same name"),
            HowMatched.UNICODE: tr("the same name in another Unicode form"),
            HowMatched.PATTERN: tr("the pattern that you gave"),
            HowMatched.ENDING: tr("a common ending, such as _mask or -labelled"),
            HowMatched.CASE: tr("the same name with other capital letters"),
        }[self]


@dataclass(frozen=True)
class MaskMatch:
    """An image's mask."""

    mask: Path
    how: HowMatched


@dataclass(frozen=True)
class Matches:
    """Images and masks by name.

    Attributes
    ----------
    found
        Image name to mask.
    ambiguous
        Image name to the masks that could be its own; also where the mask could be another image's.
    images
        Images without a mask.
    masks
        Masks without an image.
    nearest
        The most similar mask of an image without one (at most 50 are looked at).
    pattern
        A mask name such as "{name}_tissue" that would match more, with how many.
    unused
        Images that cannot be used, with their masks, which are nobody else's.
    """

    found: Mapping[str, MaskMatch]
    ambiguous: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    masks: tuple[Path, ...] = ()
    nearest: Mapping[str, Path] = field(default_factory=dict)
    pattern: tuple[str, int] | None = None
    unused: Mapping[str, MaskMatch] = field(default_factory=dict)

    def without(self, bad: Collection[str]) -> Matches:
        """The same, with these images as `unused`."""
        kept = {name: match for name, match in self.found.items() if name not in bad}
        unused = {name: match for name, match in self.found.items() if name in bad}
        ambiguous = {name: masks for name, masks in self.ambiguous.items() if name not in bad}
        images = tuple(name for name in self.images if name not in bad)
        return replace(self, found=kept, ambiguous=ambiguous, images=images, unused=unused)

    def count(self) -> dict[HowMatched, int]:
        """How many masks were matched in which way."""
        ways = [match.how for match in self.found.values()]
        return {how: ways.count(how) for how in HowMatched if how in ways}


def match_masks(names: Sequence[str], masks: Iterable[Path], pattern: str | None = None) -> Matches:
    """Which of the masks is whose.

    Parameters
    ----------
    names
        Images, by the names of their tiles.
    pattern
        What the masks are called, such as "{name}_tissue", where it is no common ending.

    Raises
    ------
    ConfigError
        A pattern without {name}.
    """
    affixes = None if pattern is None else _affixes(pattern)
    images, left = list(names), [(tile_name(mask), mask) for mask in masks]
    found: dict[str, MaskMatch] = {}
    ambiguous: dict[str, tuple[Path, ...]] = {}
    for how, image_key, mask_key in _steps(affixes):
        by_image = _grouped(images, image_key)
        by_mask = _grouped([mask for _, mask in left], partial(_key_of_file, mask_key))
        for key, candidates in by_image.items():
            own = by_mask.get(key, [])
            if len(candidates) == 1 and len(own) == 1:
                found[candidates[0]] = MaskMatch(own[0], how)
            elif own:
                ambiguous.update(dict.fromkeys(candidates, tuple(own)))
        taken = {match.mask for match in found.values()} | {mask for several in ambiguous.values() for mask in several}
        images = [name for name in images if name not in found and name not in ambiguous]
        left = [each for each in left if each[1] not in taken]
    return Matches(found, ambiguous, tuple(images), tuple(mask for _, mask in left), *_offers(images, left))


def no_match(names: Sequence[str], folder: Path, matches: Matches) -> MaskError:
    """The error for masks of which none is an image's."""
    nearest = next(iter(matches.nearest.items()), None)
    image, mask = (nearest[0], nearest[1].name) if nearest else (names[0], matches.masks[0].name)
    given = f"no mask in {folder} has the name of an image (the image is {image}, a mask is {Path(mask).stem})"
    hint = terminal = f"rename the masks, for example to {image}.png"
    if matches.pattern is not None:
        pattern, count = matches.pattern
        hint = f'match masks by the pattern "{pattern}", which fits {count} of them'
        terminal = f'add --mask-names "{pattern}", which matches {count} of them'
    return MaskError(given, "masks with the same names as the images", hint, terminal=terminal)


def several_masks(name: str, masks: Sequence[Path]) -> MaskError:
    """The error for an image whose mask nobody can tell."""
    if len(masks) == 1:
        given = f"the mask {masks[0].name} could be that of image {name} or of another image"
        return MaskError(given, "one image for each mask", "rename the mask or one of the images")
    given = f"image {name} has the masks {masks[0].name} and {masks[1].name}"
    return MaskError(given, "one mask for each image", "move one of them out of the folder")


def has_mask_ending(name: str) -> bool:
    """Whether a name ends as masks of other programs do."""
    return _bare(name.casefold(), MASK_ENDINGS) != name.casefold()


def without_mask_ending(name: str) -> str:
    """What two names share where they differ by a mask's or image's common ending, Unicode form or case."""
    return _of_mask(name).casefold()


Item = TypeVar("Item")
Key = Callable[[str], str | None]


def _steps(affixes: tuple[str, str] | None) -> list[tuple[HowMatched, Key, Key]]:
    steps: list[tuple[HowMatched, Key, Key]] = [
        (HowMatched.SAME, lambda name: name, lambda name: name),
        (HowMatched.UNICODE, composed, composed),
    ]
    if affixes is not None:
        steps.insert(0, (HowMatched.PATTERN, composed, lambda name: _inside(composed(name), *affixes)))
    return [
        *steps,
        (HowMatched.ENDING, _of_image, _of_mask),
        (HowMatched.CASE, lambda name: composed(name).casefold(), lambda name: composed(name).casefold()),
        (HowMatched.CASE, lambda name: _of_image(name).casefold(), lambda name: _of_mask(name).casefold()),
    ]


def _key_of_file(key: Key, mask: Path) -> str | None:
    return key(tile_name(mask))


def _of_image(name: str) -> str:
    return _bare(composed(name).removesuffix(".ome"), IMAGE_ENDINGS)


def _of_mask(name: str) -> str:
    bare = _bare(composed(name).removesuffix(".ome"), MASK_ENDINGS)
    return _bare(bare.removesuffix(".ome"), IMAGE_ENDINGS)


def _bare(name: str, endings: Iterable[str]) -> str:
    """The name without the first of these endings that it has, whatever their case."""
    folded = name.casefold()
    for ending in sorted(endings, key=len, reverse=True):
        for joint in _JOINTS:
            whole = joint + ending
            if folded.endswith(whole) and len(folded) == len(name) > len(whole):
                return name[: -len(whole)]
    return name


def _grouped(items: Iterable[Item], key: Callable[[Item], str | None]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        name = key(item)
        if name is not None:
            groups.setdefault(name, []).append(item)
    return groups


def _affixes(pattern: str) -> tuple[str, str]:
    before, name, after = pattern.partition(NAME)
    if not name:
        given, example = f'the pattern of mask names is "{pattern}"', f'"{NAME}_mask"'
        needed = f"a name with {NAME} in the place of the image's name"
        raise ConfigError(given, needed, f"a pattern such as {example}", terminal=f"--mask-names {example}")
    return composed(before), composed(after)


def _inside(name: str, before: str, after: str) -> str | None:
    if name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after):
        return name[len(before) : len(name) - len(after)]
    return None


def _offers(images: Sequence[str], left: Sequence[tuple[str, Path]]) -> tuple[dict[str, Path], tuple[str, int] | None]:
    """For what found nothing: the nearest mask of each image, and the pattern that would match most of them."""
    by_stem = dict(left)
    nearest: dict[str, Path] = {}
    counts: dict[str, int] = {}
    limit = max(1, _MAX_COMPARISONS // max(1, len(left)))
    for number, image in enumerate(images[:limit]):
        around = {mask: parts for mask, _ in left if (parts := _around(image, mask)) is not None}
        for before, after in around.values():
            counts[f"{before}{NAME}{after}"] = counts.get(f"{before}{NAME}{after}", 0) + 1
        if number < _NEAREST_LISTED:
            close = [*around, *get_close_matches(image, by_stem, n=1)]
            if close:
                nearest[image] = by_stem[close[0]]
    best = max(counts, key=lambda each: counts[each], default=None)
    return nearest, None if best is None else (best, counts[best])


def _around(image: str, mask: str) -> tuple[str, str] | None:
    """What stands before and after an image's name in a mask's, where the name is a word of it: a_1 is none in a_10."""
    before, found, after = mask.partition(image)
    if not found or before[-1:].isalnum() or after[:1].isalnum():
        return None
    return before, after
