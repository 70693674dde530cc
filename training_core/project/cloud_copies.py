"""Copies that cloud drives leave beside a file that two computers changed before they were synchronised.

Dropbox calls such a copy of a.png "a (Anna's conflicted copy 2026-11-29).png", in the language of its user; OneDrive
"a-LAB-3.png", with the name of the computer; Google Drive "a (1).png"; iCloud "a 2.png"; Syncthing
"a.sync-conflict-20261129-143200-K3LMN4O.png". Which of the two is "a.png" is up to the drive. So a copy may hold
somebody's work: it is never taken for a tile, a run or a round, it is said that it is there, and nothing deletes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training_core.base.i18n import ntr, tr
from training_core.project.accepted import ACCEPTED_FOLDER
from training_core.project.index import INDEX_NAME
from training_core.project.labels import LABELS_FOLDER
from training_core.project.objects import OBJECTS_FOLDER
from training_core.project.rejections import REJECTED_FOLDER
from training_core.project.runs import CLOUD_MARK, ROUNDS_FOLDER, RUNS_FOLDER, copied_run
from training_core.project.settings import SETTINGS_NAME

_COMPUTER = re.compile(r"-(?=[0-9-]*[A-Za-z])[A-Za-z0-9-]{2,63}")
"""OneDrive's mark: people write such names too, so only beside files of tiles and the index is it taken for one."""
_OF_TILES = (LABELS_FOLDER, ACCEPTED_FOLDER, REJECTED_FOLDER, OBJECTS_FOLDER)
_TILE_SUFFIXES = (".png", ".json", ".tif")


@dataclass(frozen=True)
class CloudCopy:
    """A copy, and what it is one of.

    Attributes
    ----------
    name
        From the project, with forward slashes: "labels/a (1).png".
    original
        The same of the file that the program reads: "labels/a.png".
    """

    path: Path
    name: str
    original: str

    @property
    def is_of_index(self) -> bool:
        """Whether it is another project.json."""
        return self.original == INDEX_NAME

    @property
    def tile_of_label(self) -> str | None:
        """The tile whose annotations it holds; None: it holds something else."""
        folder, _, name = self.original.partition("/")
        return name.removesuffix(".png") if folder == LABELS_FOLDER and name.endswith(".png") else None

    @property
    def in_words(self) -> str:
        """A sentence."""
        words = tr("{name} looks like a copy that a cloud drive made of {original} when two computers changed it.")
        return words.format(name=self.name, original=self.original)


def cloud_copies(project: Path, tiles: Collection[str]) -> tuple[CloudCopy, ...]:
    """All copies, by name.

    Parameters
    ----------
    tiles
        The names of the project's tiles: a file of a tile is no copy, whatever its name looks like.
    """
    known = frozenset(tiles)
    found = [
        copy
        for copy in _in_folder(project, "", {Path(INDEX_NAME).stem, Path(SETTINGS_NAME).stem}, (".json",))
        if copy.is_of_index or CLOUD_MARK.search(Path(copy.name).stem)
    ]
    for folder in _OF_TILES:
        found += _in_folder(project, folder, known, _TILE_SUFFIXES)
    rounds = {Path(name).stem for name in _names(project / ROUNDS_FOLDER) if Path(name).stem.isdecimal()}
    found += _in_folder(project, ROUNDS_FOLDER, rounds, (".json",))
    runs = frozenset(_names(project / RUNS_FOLDER))
    for name in runs:
        of = copied_run(name, runs)
        if of is not None:
            found.append(CloudCopy(project / RUNS_FOLDER / name, f"{RUNS_FOLDER}/{name}", f"{RUNS_FOLDER}/{of}"))
    return tuple(sorted(found, key=lambda copy: copy.name))


def label_copies(project: Path, tile: str, tiles: Collection[str]) -> tuple[CloudCopy, ...]:
    """The copies of one tile's annotations."""
    return tuple(
        copy
        for copy in _in_folder(project, LABELS_FOLDER, frozenset(tiles), (".png",), beginning=tile)
        if copy.tile_of_label == tile
    )


def copies_in_words(copies: tuple[CloudCopy, ...]) -> str:
    """What the user should know of them."""
    words = ntr(
        "A cloud drive has kept {count} copy of a file that two computers changed: {first}. Copied annotations can be "
        "looked at and restored in the tile's history; “project repair” in a terminal takes up what else they hold.",
        "A cloud drive has kept {count} copies of files that two computers changed, the first is {first}. Copied "
        "annotations can be looked at and restored in the tile's history; “project repair” in a terminal takes up what "
        "else they hold.",
        len(copies),
    )
    return words.format(count=len(copies), first=copies[0].name)


def copied_images(images: Iterable[Path]) -> tuple[tuple[Path, Path], ...]:
    """Which of these files have the name of a copy that a cloud drive made of another of them, each with that one."""
    paths = {(path.parent, path.name.casefold()): path for path in images}
    found = []
    for path in paths.values():
        ends = (mark.start() for mark in CLOUD_MARK.finditer(path.stem) if mark.end() == len(path.stem))
        names = (f"{path.stem[:end]}{path.suffix}".casefold() for end in ends if end)
        original = next((paths[path.parent, name] for name in names if (path.parent, name) in paths), None)
        if original is not None:
            found.append((path, original))
    return tuple(found)


def _in_folder(
    project: Path, folder: str, originals: Collection[str], suffixes: tuple[str, ...], beginning: str = ""
) -> Iterator[CloudCopy]:
    """The copies of files of a folder whose names without their endings are `originals`."""
    before = f"{folder}/" if folder else ""
    for name in _names(project / folder):
        stem, suffix = os.path.splitext(name)
        if suffix not in suffixes or stem in originals or name.startswith(".") or not name.startswith(beginning):
            continue
        original = _original(stem, originals)
        if original is not None:
            yield CloudCopy(project / folder / name, before + name, f"{before}{original}{suffix}")


def _original(stem: str, originals: Collection[str]) -> str | None:
    """The longest of these names that the stem is a marked copy of."""
    for length in range(len(stem) - 1, 0, -1):
        is_marked = CLOUD_MARK.fullmatch(stem, length) or _COMPUTER.fullmatch(stem, length)
        if is_marked and stem[:length] in originals:
            return stem[:length]
    return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
