"""From a project of an older version to one of today's: the one place that knows what older versions wrote.

Version 2 keeps where a tile lies on its slide, who set its pixel size, how its files are read, and objects. Version 1
had a tile's place in its name only, for tiles that were cut from a slide: NAME_x01024_y00512.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_core.base.bounded import parse_json
from training_core.base.errors import ProjectError
from training_core.base.i18n import tr
from training_core.base.spec_version import Content, FileFormat

BACKUPS_FOLDER = "backups"
_PLACE = re.compile(r"(?P<file>.+)_x(?P<x>\d{5,})_y(?P<y>\d{5,})")


@dataclass(frozen=True)
class Migration:
    """A project that was brought up to date.

    Attributes
    ----------
    backup
        Its index as it was before.
    """

    version: int
    backup: Path

    @property
    def message(self) -> str:
        """What the user should know."""
        words = tr(
            "This project was made by an older version and has been converted. "
            "Its project.json as it was is kept as {backup}."
        )
        return words.format(backup=f"{BACKUPS_FOLDER}/{self.backup.name}")


def backups(project: Path) -> tuple[Path, ...]:
    """The indexes of older versions that are kept in the project."""
    return tuple(sorted((project / BACKUPS_FOLDER).glob("project.v*.json")))


def backup_path(project: Path, version: int, data: bytes) -> Path:
    """Where the index of an older version is kept: a file that is not there yet, or holds the same already."""
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        path = project / BACKUPS_FOLDER / f"project.v{version}{suffix}.json"
        if not path.exists() or path.read_bytes() == data:
            return path
        number += 1


def migrated(data: bytes, path: Path) -> tuple[int, bytes] | None:
    """The version of an older index and its content as JSON of today's version; None: it is not older, or damaged.

    Raises
    ------
    ProjectError
        It was written by a newer version.
    """
    try:
        content = parse_json(data)
    except ValueError:
        return None
    if not isinstance(content, dict) or "spec_version" not in content:
        return None
    version = INDEX_FORMAT.version_of(content, path)
    if version == INDEX_FORMAT.version:
        return None
    try:
        return version, json.dumps(INDEX_FORMAT.up_to_date(content, path)).encode()
    except (KeyError, TypeError, AttributeError):
        return None


def _from_1(content: Content) -> Content:
    """Who set a pixel size was not recorded, nor which file a slide's tiles are from; the rest has its defaults."""
    tiles = [_tile_from_1(tile) for tile in content["tiles"]]
    files = dict.fromkeys(tile["place"]["file"] for tile in tiles if "place" in tile)
    return {**content, "files": {name: {} for name in files}, "tiles": tiles}


def _tile_from_1(tile: dict[str, Any]) -> dict[str, Any]:
    known = {**tile, "mpp_set_by": "none" if tile["mpp_um"] is None else "project"}
    place = _PLACE.fullmatch(tile["name"]) if _may_be_cut(tile) else None
    if place is None:
        return known
    return {**known, "place": {"file": place["file"], "x_px": int(place["x"]), "y_px": int(place["y"])}}


def _may_be_cut(tile: dict[str, Any]) -> bool:
    """Tiles of slides are square PNGs in the project, of a known pixel size; other images may have such names too."""
    is_own = tile["path"] == f"images/{tile['name']}.png" and tile.get("path_from_project") is None
    return is_own and tile["width_px"] == tile["height_px"] and tile["mpp_um"] is not None


INDEX_FORMAT = FileFormat(version=2, error=ProjectError, migrations={1: _from_1})
"""Of project.json."""
