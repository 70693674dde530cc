"""What the fields of the form mean, and what is wrong with them: errors in the form's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training_core.base.arrays import UNLABELED
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.base.printable import printable
from training_core.project import Project, TissueClass
from training_core.project.cases import CASE, cases, cases_by_pattern, cases_by_table, draw_validation
from training_core.project.classes import MaskValue, propose_mask_values
from training_core.project.inputs.lists import read_names
from training_core.project.inputs.names import resolve_names
from training_core.project.inputs.overview import Becomes, Overview, across

UNKNOWN = "?"
"""Stands where a value of a mask has no class yet."""
_SHOWN = 3


def new_folder(folder: Path | None) -> Path:
    """The folder for a new project.

    Raises
    ------
    UserError
        None is named, or it is not empty.
    """
    if folder is None:
        raise UserError(tr("No project folder is named"), tr("a new or empty folder"), tr("name one"))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        given = tr("{folder} is there already and is not empty").format(folder=folder)
        raise UserError(given, tr("a new or empty folder"), tr("choose another name, or open that project"))
    return folder


def proposed_in(
    counts: Mapping[str, int], classes: Sequence[TissueClass], kept: Mapping[str, int]
) -> tuple[MaskValue, ...]:
    """What the values of further masks mean in a project: as it knows them, else to be named."""
    names = {each.id: each.name for each in classes} | {UNLABELED: ""}
    rows = propose_mask_values(counts, [each.name for each in classes])
    if not kept:
        known = {each.name for each in classes} | {""}
        return tuple(row if row.name in known else row.named(UNKNOWN) for row in rows)
    return tuple(row.named(UNKNOWN if (found := _class_in(kept, row)) is None else names[found]) for row in rows)


def _class_in(kept: Mapping[str, int], row: MaskValue) -> int | None:
    """The class of a value, range or colour; None: it has none, or not one alone."""
    if row.colour is not None:
        return kept.get(row.colour)
    spans = [(key.partition("-")[0], key.rpartition("-")[2], value) for key, value in kept.items() if key[0].isdigit()]
    for first, last, class_id in spans:
        if int(first) <= row.first and row.last <= int(last):
            return class_id
    return None


def values_in(rows: Sequence[MaskValue], classes: Sequence[TissueClass], kept: Mapping[str, int]) -> dict[str, int]:
    """What every value means in a project, those of earlier masks included.

    Raises
    ------
    UserError
        A name that is no class of the project.
    """
    ids = {each.name.casefold(): each.id for each in classes} | {"": UNLABELED}
    for row in rows:
        if row.name.casefold() not in ids:
            given = tr("The value {value} has the class “{name}”, which the project does not have")
            has = ", ".join(each.name for each in classes)
            raise UserError(
                given.format(value=row.range, name=row.name),
                tr("a class of the project"),
                tr("type one of its classes ({classes}), or nothing for unannotated").format(classes=has),
            )
    named = {row.range: ids[row.name.casefold()] for row in rows}
    return {**named, **{value: class_id for value, class_id in kept.items() if value not in named}}


@dataclass(frozen=True)
class Validation:
    """Which images are for validation, and which belong together.

    Attributes
    ----------
    cases
        The patient or slide of images, by their names.
    """

    names: tuple[str, ...] = ()
    cases: Mapping[str, str] | None = None

    def on_cases(self, all_names: Sequence[str]) -> str:
        """How many images belong to how many cases; empty where none was given."""
        if not self.cases:
            return ""
        words = ntr(
            "{count} image belongs to {cases} patients or slides.",
            "{count} images belong to {cases} patients or slides.",
            len(self.cases),
        ).format(count=f"{len(self.cases):,}", cases=f"{len(set(self.cases.values())):,}")
        without = [name for name in all_names if name not in self.cases]
        if not without:
            return words
        more = tr("Without one: {names}").format(names=_listed(without))
        return f"{words} {more}"

    def on_names(self) -> str:
        """Which images are for validation; empty where none is."""
        if not self.names:
            return ""
        words = ntr("{count} image for validation: {names}", "{count} images for validation: {names}", len(self.names))
        return words.format(count=f"{len(self.names):,}", names=_listed(self.names))

    def on_both_sides(self, overview: Overview, project: Project | None = None) -> tuple[str, ...]:
        """A line for each case, and for each image with copies, that is on both sides.

        project: the one that gets the images; its tiles have their sides already.
        """
        new = self.cases or {}
        groups: dict[str, list[str]] = {}
        for name, case in new.items():
            groups.setdefault(case, []).append(name)
        val, labelled = [*self.names], set(overview.masks or {})
        if project is not None:
            val, labelled = [*val, *project.val_names()], labelled | set(project.labeled_names())
            for case, names in cases(project.tiles).items():
                if case in groups:
                    groups[case] += [name for name in names if name not in new]
        told = labelled | set(val)
        annotated = [[name for name in group if name in told] for group in groups.values()]
        words = tr("{train} in training, {val} in validation")
        return tuple(
            words.format(train=_listed(train), val=_listed(held_out))
            for train, held_out in across([*annotated, *overview.identical], val)
        )


def chosen_cases(text: str, names: Sequence[str]) -> dict[str, str]:
    """The case of each image, by a pattern of names or by the table that is named.

    Raises
    ------
    UserError
        A pattern that fits nothing, or a table without cases.
    """
    text = text.strip()
    if not text or not names:
        return {}
    path = Path(text).expanduser()
    if CASE not in text and (path.is_file() or path.suffix.lower() in (".csv", ".tsv")):
        return cases_by_table(path, names)
    return cases_by_pattern(text, names)


def chosen_validation(percent: int, listed: Path | None, overview: Overview, case_of: Mapping[str, str]) -> Validation:
    """The images for validation, as a list names them, or drawn; whole cases only.

    Raises
    ------
    UserError
        Images without a mask, which nothing can be compared with, or too few cases to draw from.
    """
    labelled = list(overview.masks or {})
    if listed is not None:
        names = resolve_names(read_names(listed).names, [each.name for each in overview.files], tr("The list"))
        bad = {each.name for each in overview.of(Becomes.NOTHING)}  # named with its reason already
        without = [name for name in names if name not in set(labelled) | bad]
        if without:
            given = tr("Images of the list have no mask: {names}").format(names=_listed(without))
            raise UserError(given, tr("annotated images"), tr("add their masks, or take them off the list"))
        return Validation(names, case_of)
    if not percent:
        return Validation((), case_of)
    if not labelled:
        given = tr("No image has a mask, so none can be for validation yet")
        hint = tr("choose masks, or choose the tiles for validation once some are annotated")
        raise UserError(given, tr("annotated images"), hint)
    return Validation(draw_validation(labelled, case_of, percent / 100), case_of)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return shown if more <= 0 else tr("{names} and {count} more").format(names=shown, count=f"{more:,}")
