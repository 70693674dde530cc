"""What the classes of another program's areas mean in a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError
from training_core.io.drawings import DrawnArea
from training_core.project.class_changes import with_class_added
from training_core.project.classes import background_ids
from training_core.project.index import Index
from training_core.project.records import TissueClass

LEAVE_OUT, NOT_LABELLED = "leave-out", "unlabelled"
"""What a class of another program may mean instead of a class of the project."""
_REGION = "region"
"""QuPath's own class Region* marks where something was done; annotated as a whole is what it marks here."""
_IGNORED = "ignore*"
"""QuPath's own class for what is not to be looked at."""


COMPLETE = "completely annotated"
"""What a class of another program may mean by itself: its areas mark where everything is annotated."""


@dataclass(frozen=True)
class FoundClass:
    """A class of another program, as it is in files.

    Attributes
    ----------
    name
        Empty for areas without a class.
    areas
        How many there are.
    target
        What it means: a class of the project, `NOT_LABELLED` or `COMPLETE`; None: nobody knows.
    """

    name: str
    areas: int
    target: str | None


@dataclass(frozen=True)
class Meaning:
    """What class names in files mean.

    Attributes
    ----------
    given
        By a name in the files: a class of the project, `LEAVE_OUT` or `NOT_LABELLED`.
    unclassified
        The same for areas without a class; None: nobody has said.
    complete
        The class of areas that are completely annotated; None: those whose names begin with Region.
    """

    classes: Sequence[TissueClass]
    given: Mapping[str, str] = field(default_factory=dict)
    unclassified: str | None = None
    complete: str | None = None

    def of(self, area: DrawnArea) -> tuple[bool, int | None]:
        """Whether it marks what is completely annotated, and else its class id, 255, or None for left out."""
        name = _form(area.class_name)
        if self._is_complete(name):
            return True, None
        target = self._target(name)
        return False, None if target is None else self._id(target)

    def found(self, areas: Iterable[DrawnArea]) -> tuple[FoundClass, ...]:
        """The classes of these areas with what they mean here, the most frequent first."""
        counts: Counter[str] = Counter()
        names: dict[str, str] = {}
        for area in areas:
            form = _form(area.class_name)
            names.setdefault(form, area.class_name)
            counts[form] += 1
        return tuple(FoundClass(names[form], count, self._meant(form)) for form, count in counts.most_common())

    def _meant(self, name: str) -> str | None:
        if self._is_complete(name):
            return COMPLETE
        target = self._target(name)
        known = None if target is None else self._class(target)
        return target if known is None else known.name

    def check(self, areas: Iterable[DrawnArea]) -> None:
        """Refuse names that mean nothing here, all in one breath.

        Raises
        ------
        ProjectError
            Says which names, with how many areas each has.
        """
        for target in (*self.given.values(), *filter(None, [self.unclassified])):
            if _form(target) not in (LEAVE_OUT, NOT_LABELLED) and self._class(target) is None:
                raise ProjectError(f"the project has no class {target}", self._choices(), "choose one of these")
        unknown = Counter(
            area.class_name
            for area in areas
            if not self._is_complete(_form(area.class_name)) and self._target(_form(area.class_name)) is None
        )
        nameless = unknown.pop("", 0)
        if unknown:
            counts = ", ".join(f"{name} ({count})" for name, count in unknown.most_common(8))
            first = next(iter(unknown))
            raise ProjectError(
                f"the annotations have classes that the project does not have: {counts}",
                self._choices(),
                "add these classes to the project, or rename them in the program that wrote them",
                terminal=f'say what they mean, for example --class "{first}" "{self.classes[-1].name}", or add them to '
                "the project with --add-classes",
            )
        if nameless:
            areas_have = "1 area has" if nameless == 1 else f"{nameless} areas have"
            raise ProjectError(
                f"{areas_have} no class",
                self._choices(),
                "give them a class in the program that wrote them",
                terminal=f'say what they are, for example --unclassified "{self.classes[-1].name}"',
            )

    def with_added(self, index: Index, areas: Iterable[DrawnArea]) -> tuple[Meaning, tuple[TissueClass, ...]]:
        """The same with a class for each name that means nothing here, in the colour of its program; and those classes.

        Raises
        ------
        ProjectError
            All 255 class ids have been used.
        """
        for area in areas:
            name, known = _form(area.class_name), replace(self, classes=index.classes)
            if name and not known._is_complete(name) and known._target(name) is None:
                free = area.colour if area.colour not in {each.color for each in index.classes} else None
                index = with_class_added(index, area.class_name, free, "")
        return replace(self, classes=index.classes), index.classes[len(self.classes) :]

    def _is_complete(self, name: str) -> bool:
        if self.complete is not None:
            return bool(name) and name == _form(self.complete)
        return name.startswith(_REGION) and name not in self._given and self._class(name) is None

    def _target(self, name: str) -> str | None:
        if not name:
            return self.unclassified
        if name in self._given:
            return self._given[name]
        if self._class(name) is not None:
            return name
        return NOT_LABELLED if name == _IGNORED else None

    @property
    def _given(self) -> dict[str, str]:
        return {_form(name): target for name, target in self.given.items()}

    def _class(self, name: str) -> TissueClass | None:
        return next((each for each in self.classes if _form(each.name) == _form(name)), None)

    def _id(self, target: str) -> int | None:
        known = self._class(target)
        if known is not None:
            return known.id
        return UNLABELED if _form(target) == NOT_LABELLED else None

    def _choices(self) -> str:
        names = ", ".join(each.name for each in self.classes)
        return f"classes of the project ({names}), {NOT_LABELLED}, or {LEAVE_OUT}"


def class_of_rest(classes: Sequence[TissueClass], given: str | None = None) -> int:
    """The class of what no area covers where everything is annotated: the one that is given, else the background.

    Raises
    ------
    ProjectError
        There is no such class, or none is given and there is not exactly one background.
    """
    names = ", ".join(each.name for each in classes)
    if given is not None:
        for each in classes:
            if _form(each.name) == _form(given):
                return each.id
        raise ProjectError(f"the project has no class {given}", f"one of {names}", "choose one of these")
    background = background_ids(classes)
    if len(background) == 1:
        return next(iter(background))
    raise ProjectError(
        "some areas are completely annotated, and it is not known what the rest of them is",
        f"a class for the rest, one of {names}",
        "name one class background",
        terminal=f'say which class it is: --rest "{classes[0].name}"; or that they mean nothing: --class "Region*" '
        f"{LEAVE_OUT}",
    )


def _form(name: str) -> str:
    """Names are the same whatever their case, and whatever space is around the colons of subclasses."""
    return ": ".join(" ".join(each.split()) for each in name.split(":")).casefold()
