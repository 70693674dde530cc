"""Paths as they are typed into a field: a name may hold the very character that parts several of them."""

from __future__ import annotations

from pathlib import Path

from training_core.base.addresses import is_address, path_or_address
from training_core.base.errors import ImageError

SEPARATOR = "; "


def typed_path(text: str) -> Path | None:
    """The path or address that a field holds; spaces around it count where something has that name.

    None: it is empty.
    """
    if not text.strip():
        return None
    if is_address(text.strip()):
        try:
            return path_or_address(text.strip())
        except ImageError:
            return Path(text.strip())  # whoever reads it says what is wrong with the address
    exact = Path(text).expanduser()
    return exact if exact.exists() else Path(text.strip()).expanduser()


def typed_paths(text: str) -> tuple[Path, ...]:
    """Several paths with semicolons between them; of a name with a semicolon the longest that is there is meant."""
    mark = SEPARATOR.strip()
    parts, found = text.split(mark), []
    while parts:
        ways = [(typed_path(mark.join(parts[:count])), count) for count in range(len(parts), 1, -1)]
        path, count = next(((path, count) for path, count in ways if path is not None and path.exists()), (None, 1))
        path = typed_path(parts[0]) if path is None else path
        found += [] if path is None else [path]
        parts = parts[count:]
    return tuple(found)
