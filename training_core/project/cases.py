"""Which tiles belong together: those of one patient or slide, by a pattern of names or by a table.

Tiles of one case look alike, so with some in training and some in validation the scores are too good.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.base.errors import ConfigError, ProjectError
from training_core.project.inputs.lists import CASE_COLUMNS, NAME_COLUMNS, read_table
from training_core.project.inputs.names import composed, resolve_names
from training_core.project.records import Tile

if TYPE_CHECKING:
    from training_core.project.project import Project

CASE = "{case}"
_PATTERN = '"{case}_*", which takes what stands before the first underscore'
_EXAMPLE = f"a pattern such as {_PATTERN}"
_IN_TERMINAL = f"--group-by {_PATTERN}"


def case_of(tile: Tile) -> str | None:
    """The case that was given for a tile, else the slide that it was cut from; None: nobody has said."""
    if tile.case is not None:
        return tile.case
    return None if tile.place is None else tile.place.file


def cases(tiles: Iterable[Tile]) -> dict[str, tuple[str, ...]]:
    """The names of each case's tiles."""
    groups: dict[str, list[str]] = {}
    for tile in tiles:
        case = case_of(tile)
        if case is not None:
            groups.setdefault(case, []).append(tile.name)
    return {case: tuple(names) for case, names in groups.items()}


def cases_by_pattern(pattern: str, names: Iterable[str]) -> dict[str, str]:
    """The case in each name that the pattern fits.

    Parameters
    ----------
    pattern
        A name with {case} in the place of the case, * for anything and ? for one character, such as "{case}_*"; or a
        regular expression with a group named "case".

    Raises
    ------
    ConfigError
        A pattern without a case, or that fits no name.
    """
    expression = _expression(pattern)
    every = list(names)
    found = {name: match["case"] for name in every if (match := expression.fullmatch(composed(name)))}
    if not found:
        names_too = f"such as {every[0]}" if every else "since there are none"
        given = f'the pattern "{pattern}" fits none of the names, {names_too}'
        raise ConfigError(given, "a pattern that names the case", _EXAMPLE, terminal=_IN_TERMINAL)
    return found


def cases_by_table(path: Path, names: Sequence[str], column: str | None = None) -> dict[str, str]:
    """The case of each name that a table has.

    Parameters
    ----------
    column
        The column of cases; None: the one named case, patient, group, subject or slide, else the second.

    Raises
    ------
    ProjectError
        No such column, or names that no tile has.
    """
    table = read_table(path)
    at = table.position(CASE_COLUMNS if column is None else (column.strip().casefold(),))
    if at is None and (column is not None or table.columns):
        has = ", ".join(table.columns) or "no header"
        given = f"the table {path} has no column {column or 'of cases'} (it has {has})"
        hint = "name the column of the cases"
        terminal = "give the column of the cases with --group-column"
        raise ProjectError(given, "a column of cases", hint, terminal=terminal)
    at = 1 if at is None else at
    name_at = table.position([each for each in NAME_COLUMNS if at >= len(table.columns) or each != table.columns[at]])
    name_at = (0 if at else 1) if name_at is None else name_at
    found: dict[str, str] = {}
    for row in table.rows:
        if len(row) > max(at, name_at) and row[at].strip():
            (name,) = resolve_names([row[name_at]], names, f"the table {path}")
            found[name] = row[at].strip()
    return found


def split_cases(tiles: Iterable[Tile], val: Iterable[str]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The cases with tiles on both sides: those outside the validation split, and those in it."""
    held_out = set(val)
    both: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for case, names in cases(tiles).items():
        train = tuple(name for name in names if name not in held_out)
        if train and len(train) < len(names):
            both[case] = train, tuple(name for name in names if name in held_out)
    return both


def draw_validation(names: Sequence[str], case: Mapping[str, str], share: float, seed: int = 0) -> tuple[str, ...]:
    """Names for validation, about `share` (0 to 1) of them, whole cases only; a name without a case is its own.

    At least one case is drawn and one is left.

    Raises
    ------
    ProjectError
        Fewer than two cases.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(f"case {case[name]}" if name in case else f"tile {name}", []).append(name)
    if len(groups) < 2:
        given = f"the annotated tiles belong to {len(groups)} case"
        raise ProjectError(given, "at least 2 cases, one of which is for validation", "annotate tiles of another case")
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    wanted = share * len(names)
    drawn: list[str] = []
    for key in order[:-1]:
        more = len(groups[key])
        if drawn and abs(len(drawn) + more - wanted) >= abs(len(drawn) - wanted):
            continue
        drawn.extend(groups[key])
    chosen = set(drawn)
    return tuple(name for name in names if name in chosen)


def set_cases(project: Project, found: Mapping[str, str]) -> None:
    """Keep the cases of tiles, and of slides with all their tiles; the others have none from now on.

    Parameters
    ----------
    found
        Name of a tile or slide to its case.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    with project.changing() as change:
        tiles = change.index.tiles
        named = tuple(
            replace(tile, case=found.get(tile.name if tile.place is None else tile.place.file)) for tile in tiles
        )
        change.index = replace(change.index, tiles=named)


def _expression(pattern: str) -> re.Pattern[str]:
    if CASE in pattern:
        parts = re.split(r"(\{case\}|\*|\?)", composed(pattern))
        meaning = {CASE: "(?P<case>.+?)", "*": ".*", "?": "."}
        text = "".join(meaning.get(part, re.escape(part)) for part in parts)
        if pattern.count(CASE) == 1:
            return re.compile(text, re.DOTALL)
    elif "(?P<case>" in pattern:
        try:
            return re.compile(pattern)
        except re.error as cause:
            given = f'the pattern "{pattern}" is no regular expression ({cause})'
            needed = "a regular expression, or a name with {case}"
            raise ConfigError(given, needed, _EXAMPLE, terminal=_IN_TERMINAL) from cause
    given, needed = f'the pattern of cases is "{pattern}"', f"a name with one {CASE} in it"
    raise ConfigError(given, needed, _EXAMPLE, terminal=_IN_TERMINAL)
