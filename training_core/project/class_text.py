"""The text that names classes and their mask values in a terminal: NAME=VALUE,NAME=VALUE.

VALUE is a whole number, a range of them (gland=1-40, for masks that number their objects), a colour (gland=#ff0000) or
"transparent". The reserved name "unlabelled" is for what has no label. Without any =VALUE there are classes and no
values.

A name with a comma, an equals sign or a quotation mark stands in double quotation marks, and a quotation mark in it is
written twice, as in CSV files: "gland, benign"=1,"so-called ""clear"" cells"=2. In a shell the whole is then put in
single quotation marks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError
from training_core.project.classes import make_classes, propose_values
from training_core.project.records import TissueClass

EXAMPLE = '--classes "background=0,gland=255"'
QUOTING = (
    'put a name with a comma, "=" or a quotation mark in quotation marks: --classes \'"gland, benign"=1,stroma=2\''
)
_ENTRY = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",=]*))\s*(?:=\s*(?P<value>[^",=]*))?\s*')
_NEEDS_QUOTES = frozenset(',="')
_UNLABELED_WORDS = {"unlabelled", "unlabeled", "ignore"}
_NUMBERS = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
_COLOR = re.compile(r"#[0-9a-f]{6}|transparent")


def parse_classes(text: str) -> tuple[tuple[TissueClass, ...], dict[str, int]]:
    """Classes with ids 0, 1, 2 ... in the order of the text, and what each value, range or colour means.

    A name may come twice with further values. The values are keys of `Answers.mask_values`; they mean a class's id, or
    255 for not labelled.

    Raises
    ------
    ProjectError
        Not in that form, a value that is none, or a value with two meanings.
    """
    entries = split_entries(text)
    with_value = [entry.value is not None for entry in entries]
    if not entries or any(with_value) != all(with_value):
        raise ProjectError(f'--classes "{text}"', "NAME=VALUE,NAME=VALUE", EXAMPLE)
    names: dict[str, int] = {}
    values: dict[str, int] = {}
    for entry in entries:
        is_unlabeled = entry.name.casefold() in _UNLABELED_WORDS
        class_id = UNLABELED if is_unlabeled else names.setdefault(entry.name, len(names))
        if entry.value is not None:
            key = _key(entry)
            if values.setdefault(key, class_id) != class_id:
                raise _two_meanings(key)
    _check_ranges(values)
    return make_classes(list(names)), values


def propose_classes(counts: Mapping[str, int]) -> str:
    """A --classes argument for what was found in masks (value or colour to number of pixels), for the user to edit."""
    numbers = {int(value): count for value, count in counts.items() if value.isdecimal()}
    rows = [(each.name, each.range) for each in propose_values(numbers)] if numbers else []
    colors = [value for value in counts if not value.isdecimal()]
    for color in colors:
        name = "unlabelled" if color == "transparent" else f"class {len(rows) + 1}"
        rows.append((name, color))
    return as_argument(",".join(f"{quoted(name)}={value}" for name, value in rows))


def _key(entry: ClassEntry) -> str:
    value = (entry.value or "").lower()
    numbers = _NUMBERS.fullmatch(value)
    if numbers is not None:
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        if first <= last < 2**31:
            return str(first) if first == last else f"{first}-{last}"
    elif _COLOR.fullmatch(value):
        return value
    needed = "a mask value such as 255, a range such as 1-40, or a colour such as #ff0000"
    raise ProjectError(f'--classes has "{entry.name}={entry.value}"', needed, EXAMPLE)


def _check_ranges(values: Mapping[str, int]) -> None:
    """Ranges that overlap must mean the same."""
    spans = [(int(key.partition("-")[0]), int(key.rpartition("-")[2]), key) for key in values if key[0].isdigit()]
    for (first, last, key), (other_first, other_last, other) in combinations(spans, 2):
        if values[key] != values[other] and max(first, other_first) <= min(last, other_last):
            raise _two_meanings(str(max(first, other_first)))


def _two_meanings(value: str) -> ProjectError:
    given = f"--classes gives the mask value {value} two meanings"
    return ProjectError(given, "one class for each mask value", "remove one of them")


def split_names(text: str) -> tuple[str, ...]:
    """Names with commas between them, each once; one with a comma stands in quotation marks, as in CSV files."""
    fields = next(csv.reader([" ".join(text.splitlines())], skipinitialspace=True), [])
    return tuple(dict.fromkeys(name.strip() for name in fields if name.strip()))


@dataclass(frozen=True)
class ClassEntry:
    """A name, and the mask value or range of values that means it; None: no value is given."""

    name: str
    value: str | None


def split_entries(text: str) -> list[ClassEntry]:
    """The entries of the text, without empty ones.

    Raises
    ------
    ProjectError
        A quotation mark that is not closed, a comma or equals sign too many, or a value without a name.
    """
    entries = [ClassEntry(name, value) for name, value in _pairs(text) if name or value is not None]
    for entry in entries:
        if not entry.name:
            raise ProjectError(f'--classes has "={entry.value}", without a name', "NAME=VALUE", EXAMPLE)
    return entries


def _pairs(text: str) -> Iterator[tuple[str, str | None]]:
    position = 0
    while position <= len(text):
        found = _ENTRY.match(text, position)
        if found is None or (found.end() < len(text) and text[found.end()] != ","):
            raise ProjectError(f"--classes {text} cannot be read from {text[position:]!r} on", "NAME=VALUE", QUOTING)
        quoted = found["quoted"]
        name = found["plain"] if quoted is None else quoted.replace('""', '"')
        yield name.strip(), None if found["value"] is None else found["value"].strip()
        position = found.end() + 1


def quoted(name: str) -> str:
    """A class's name as the text needs it."""
    if _NEEDS_QUOTES.isdisjoint(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def as_argument(text: str) -> str:
    """--classes with this text in a shell's quotation marks."""
    if not set('"$`!\\') & set(text):
        return f'--classes "{text}"'
    return "--classes '" + text.replace("'", "'\\''") + "'"
