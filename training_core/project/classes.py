"""Classes: their checks, their default colours and prompts, and what values in masks may mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import ProjectError
from training_core.project.prompts import default_prompt
from training_core.project.records import MAX_CLASS_ID, TissueClass

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color), told apart with every common colour blindness, in an
# order that stands out on pink and purple tissue first; background is a neutral grey outside it.
BACKGROUND_COLOR = "#999999"
PALETTE = ("#00bf30", "#0040ff", "#ffff00", "#134c3e", "#4c1300", "#ff4070", "#13004c", "#60bf00")
"""Chosen for haematoxylin and eosin: laid over pink, purple or glass at 40 %, each can be told from the tissue and
from the others, also without green receptors (tests/training_core/project/test_class_colours.py)."""

_MAX_LISTED_VALUES = 64
"""More would fill the form; as many classes in one data set are rare, and a range would merge them unasked."""

_BACKGROUND_NAMES = {"background", "bg", "other", "rest", "none"}


def default_classes() -> tuple[TissueClass, ...]:
    """The classes of a project that names none: everything else, and the one tissue the user will name."""
    return make_classes(("background", "class 1"))


def make_classes(names: Sequence[str]) -> tuple[TissueClass, ...]:
    """Classes with ids 0, 1, 2 ... in the order given, with default colours and prompts.

    Raises
    ------
    ProjectError
        No name, an empty name, a name twice, or more than 255 names.
    """
    classes: list[TissueClass] = []
    for class_id, name in enumerate(names):
        color = default_color(name, [known.color for known in classes])
        classes.append(TissueClass(class_id, name.strip(), color, default_prompt(name)))
    return check_classes(classes)


def background_ids(classes: Sequence[TissueClass]) -> frozenset[int]:
    """The classes whose names say that they are what is left over: their areas are no objects."""
    return frozenset(each.id for each in classes if each.name.strip().casefold() in _BACKGROUND_NAMES)


def object_class_ids(classes: Sequence[TissueClass]) -> tuple[int, ...]:
    """The classes whose areas are objects to be counted: those said to be, and of the others all but the background."""
    background = background_ids(classes)
    return tuple(
        each.id
        for each in classes
        if each.made_of_objects or (each.made_of_objects is None and each.id not in background)
    )


def without_removed(ids: ClassIds, classes: Sequence[TissueClass]) -> ClassIds:
    """A prediction (H, W) in which pixels of a class that was removed since are `UNLABELED`; ids are never reused."""
    known = np.full(256, UNLABELED, np.uint8)
    kept = [each.id for each in classes]
    known[kept] = kept
    current: ClassIds = known[ids]
    return current


def default_color(name: str, used: Sequence[str]) -> str:
    """Grey for background, else the first colour of the palette that is not in use, round and round."""
    if name.strip().casefold() in _BACKGROUND_NAMES and BACKGROUND_COLOR not in used:
        return BACKGROUND_COLOR
    return min(PALETTE, key=lambda color: list(used).count(color))


def check_classes(classes: Sequence[TissueClass]) -> tuple[TissueClass, ...]:
    """The classes, if ids are unique and in 0 to 254, names unique and not empty, and colours "#rrggbb".

    Raises
    ------
    ProjectError
        One of these does not hold.
    """
    if not classes:
        raise ProjectError(
            "no class is given",
            "at least one class; two or more are recommended",
            "name the classes, such as background,gland",
        )
    ids: set[int] = set()
    names: set[str] = set()
    for tissue_class in classes:
        if tissue_class.id in ids or not 0 <= tissue_class.id <= MAX_CLASS_ID:
            given = f"class {tissue_class.name} has the id {tissue_class.id}"
            raise ProjectError(given, f"a unique id from 0 to {MAX_CLASS_ID}", "give it another id")
        name = tissue_class.name.strip().casefold()
        if not name or name in names:
            given = f"there are two classes named {tissue_class.name}" if name else "a class has no name"
            raise ProjectError(given, "a unique name for each class", "choose another name")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", tissue_class.color):
            given = f"class {tissue_class.name} has the colour {tissue_class.color}"
            raise ProjectError(given, "a colour such as #009e73", "choose a colour in this form")
        ids.add(tissue_class.id)
        names.add(name)
    return tuple(classes)


@dataclass(frozen=True)
class MaskValue:
    """A value or colour in masks, or a range of values where they number objects. An empty name: not labelled."""

    first: int
    last: int
    pixels: int
    name: str
    colour: str | None = None
    """#rrggbb or "transparent", in the place of numbers."""

    @property
    def range(self) -> str:
        """Such as "255", "1-40" or "#ff0000": a key of `Answers.mask_values`."""
        if self.colour is not None:
            return self.colour
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def named(self, name: str) -> MaskValue:
        """The same with another name."""
        return replace(self, name=name)


def propose_values(values: Mapping[int, int], names: Sequence[str] = ()) -> tuple[MaskValue, ...]:
    """What the values found in masks (value to number of pixels) may mean, for the user to edit.

    Parameters
    ----------
    names
        Names of the classes, the background first; those that are missing become class 1, class 2, ...
    """
    found = sorted(values)
    ranges = [(value, value) for value in found]
    if len(found) > _MAX_LISTED_VALUES:
        rest = [value for value in found if value > 0]
        ranges = [*([(0, 0)] if found[0] == 0 else []), (rest[0], rest[-1])]
    background = next((name for name in names if name.casefold() in _BACKGROUND_NAMES), "background")
    others = iter([name for name in names if name != background])
    proposed: list[MaskValue] = []
    for first, last in ranges:
        pixels = sum(count for value, count in values.items() if first <= value <= last)
        number = len(proposed) + (0 if found[0] == 0 else 1)
        name = background if first == 0 else next(others, f"class {number}")
        proposed.append(MaskValue(first, last, pixels, name))
    return tuple(proposed)


def propose_mask_values(counts: Mapping[str, int], names: Sequence[str] = ()) -> tuple[MaskValue, ...]:
    """What values and colours found in masks may mean (as `propose_values`); transparency is not labelled."""
    numbers = {int(value): count for value, count in counts.items() if value.isdecimal()}
    proposed = list(propose_values(numbers, names)) if numbers else []
    used = {each.name for each in proposed}
    free = iter([name for name in names if name not in used])
    for colour, count in counts.items():
        if colour.isdecimal():
            continue
        name = "" if colour == "transparent" else next(free, f"class {len(proposed) + 1}")
        proposed.append(MaskValue(0, 0, count, name, colour))
    return tuple(proposed)


def classes_of_values(values: Sequence[MaskValue]) -> tuple[tuple[TissueClass, ...], dict[str, int]]:
    """The classes that rows name, in their order, and what each value, range or colour means: class id, or 255.

    Raises
    ------
    ProjectError
        No row has a name, or more than 255 have.
    """
    names = list(dict.fromkeys(each.name for each in values if each.name))
    ids = {name: class_id for class_id, name in enumerate(names)} | {"": UNLABELED}
    return make_classes(names), {each.range: ids[each.name] for each in values}
