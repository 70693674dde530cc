"""What files are called in a project, and which tile a name in a list means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path, PureWindowsPath

from training_core.base.errors import ImageError, ProjectError
from training_core.base.printable import printable
from training_core.base.safe_paths import MAX_NAME_BYTES, portable
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.slides import SLIDE_SUFFIXES

ENDINGS = IMAGE_SUFFIXES | SLIDE_SUFFIXES


def tile_name(path: Path) -> str:
    """The file's name without its ending; what a list, a JSON file or another system cannot hold is written as %XX."""
    return portable(printable(path.stem))


def composed(name: str) -> str:
    """The name with each letter and its accents as one character: file systems and programs write both forms."""
    return unicodedata.normalize("NFC", name)


def shared_names(names: Iterable[tuple[str, Path]]) -> dict[Path, ImageError]:
    """The files whose name another file has too, also where only case or Unicode form differ; each with its error."""
    groups: dict[str, dict[Path, str]] = {}
    for name, path in names:
        groups.setdefault(composed(name).casefold(), {})[path] = name
    errors: dict[Path, ImageError] = {}
    for group in groups.values():
        for path, name in group.items() if len(group) > 1 else ():
            other = next(each for each in group if each != path)
            given = f"{path} and {other} would both be named {name}"
            errors[path] = ImageError(
                given, "a unique file name for each image", "rename one of them, or leave one out"
            )
    return errors


def check_names(names: Iterable[tuple[str, Path]]) -> None:
    """Refuse names that two images share, also where only case or Unicode form differ.

    Raises
    ------
    ImageError
        Names the two files.
    """
    for error in shared_names(names).values():
        raise error


def check_length(name: str, path: Path) -> None:
    """Refuse a name to which no ending of ours can be added.

    Raises
    ------
    ImageError
        Names the file.
    """
    if len(name.encode()) > MAX_NAME_BYTES:
        given = f"the name of {path} is {len(name.encode())} bytes long"
        raise ImageError(given, f"at most {MAX_NAME_BYTES} bytes", "shorten the file name")


def resolve_names(listed: Iterable[str], names: Sequence[str], what: str) -> tuple[str, ...]:
    """The tile names that a list means, each once; an ending such as .png or a folder before it may be there or not.

    Raises
    ------
    ProjectError
        A name that no tile has (the first three are named).
    """
    exact, by_form = set(names), _unique_forms(names)
    resolved: dict[str, None] = {}
    unknown: list[str] = []
    for entry in listed:
        spellings = list(_spellings(entry))
        found = next((each for each in spellings if each in exact), None)
        found = found or next((by_form[composed(each)] for each in spellings if composed(each) in by_form), None)
        if found is None:
            unknown.append(entry)
        else:
            resolved[found] = None
    if unknown:
        shown = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise ProjectError(
            f"{what} has names without an image: {shown}", "names of the project's images", _hint(unknown[0], names)
        )
    return tuple(resolved)


def without_ending(name: str) -> str:
    """The name without the ending of an image file, if it has one."""
    stem, dot, ending = name.rpartition(".")
    return stem if dot and f".{ending.lower()}" in ENDINGS else name


def _unique_forms(names: Sequence[str]) -> dict[str, str]:
    by_form: dict[str, str] = {}
    several = set()
    for name in names:
        if by_form.setdefault(composed(name), name) != name:
            several.add(composed(name))
    return {form: name for form, name in by_form.items() if form not in several}


def _spellings(entry: str) -> Iterator[str]:
    """What an entry may mean, the most literal first."""
    for text in dict.fromkeys((entry, entry.strip(), *_as_windows_text(entry))):
        for each in dict.fromkeys((text, PureWindowsPath(text).name)):  # / and \ both part folders
            for spelling in (printable(each), printable(without_ending(each))):
                yield spelling  # as earlier versions named tiles
                yield portable(spelling)


def _as_windows_text(entry: str) -> tuple[str, ...]:
    """The entry of a list that Windows wrote as "ANSI" text, which is no UTF-8; only a known name makes it right."""
    data = entry.encode("utf-8", "surrogateescape")
    try:
        data.decode()
    except UnicodeDecodeError:
        return (data.decode("cp1252", "replace"),)
    return ()


def _hint(entry: str, names: Sequence[str]) -> str:
    before_comment = without_ending(entry.partition("#")[0].strip())
    if "#" in entry and before_comment in names:
        return f'{before_comment}, with the comment in a line of its own that starts with "# "'
    close = get_close_matches(printable(without_ending(entry)), names, n=1)
    return f"{close[0]}, the closest name" if close else "check the spelling, or add those images"
