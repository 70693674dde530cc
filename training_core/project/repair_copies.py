"""What a repair takes up of the copies that cloud drives left: what only they know of a project, and their annotations.

Nothing of the index is replaced and nothing of the copies is lost: they move to conflicts/, where the versions of a
label are looked for too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from training_core.base.bounded import read_file
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.base.safe_paths import problem_of_name, within
from training_core.project.cloud_copies import CloudCopy, cloud_copies
from training_core.project.findings import Findings
from training_core.project.index import Index, parse_index
from training_core.project.inputs.names import composed
from training_core.project.journal import JournaledFiles
from training_core.project.label_versions import conflict_name
from training_core.project.labels import damaged_path
from training_core.project.merging import CONFLICTS_FOLDER
from training_core.project.records import Tile, TissueClass
from training_core.project.runs import RUNS_FOLDER
from training_core.project.store import MAX_INDEX_BYTES


def copies_of_index(folder: Path) -> tuple[CloudCopy, ...]:
    """The copies of project.json, the one that was written last first."""
    copies = [copy for copy in cloud_copies(folder, ()) if copy.is_of_index]
    return tuple(sorted(copies, key=_written_at, reverse=True))


def with_copies(folder: Path, index: Index, found: Findings) -> Index:
    """The index with the tiles and classes that only copies of it name."""
    for copy in copies_of_index(folder):
        try:
            other, _ = parse_index(read_file(copy.path, MAX_INDEX_BYTES), copy.path)
        except (OSError, UserError):
            found.problems.append(tr("{name} cannot be read, and is kept.").format(name=copy.name))
            continue
        index = _with_tiles(folder, _with_classes(index, other, copy.name, found), other, copy.name, found)
    return index


def keep_copies(files: JournaledFiles, folder: Path, index: Index, found: Findings) -> None:
    """Let the copies move to conflicts/, under names that no other has; those of whole runs stay."""
    for copy in cloud_copies(folder, [tile.name for tile in index.tiles]):
        target = _place(folder, copy)
        if target is None:
            found.notes.append(tr("{copy} It is not used, and stays.").format(copy=copy.in_words))
            continue
        files.put_aside(copy.path, target)
        words = tr("{copy} It is moved to {target}.")
        found.notes.append(words.format(copy=copy.in_words, target=f"{CONFLICTS_FOLDER}/{target.name}"))


def _place(folder: Path, copy: CloudCopy) -> Path | None:
    if copy.original.startswith(f"{RUNS_FOLDER}/"):
        return None
    if copy.tile_of_label is not None:
        name = conflict_name(copy)
        if problem_of_name(name) is None and not (folder / CONFLICTS_FOLDER / name).exists():
            return within(folder, CONFLICTS_FOLDER, name)
    try:
        return damaged_path(folder, CONFLICTS_FOLDER, copy.name.replace("/", "-"), "copy")
    except UserError:  # its name is too long for more
        return None


def _with_classes(index: Index, other: Index, name: str, found: Findings) -> Index:
    known, names = {each.id: each for each in index.classes}, {each.name.casefold() for each in index.classes}
    added: list[TissueClass] = []
    for each in other.classes:
        mine = known.get(each.id)
        if mine is not None and mine.name != each.name:
            words = tr("Class {number} is {mine}, and {theirs} in {name}: it stays as it is.")
            found.notes.append(words.format(number=each.id, mine=mine.name, theirs=each.name, name=name))
        elif mine is None and each.name.casefold() not in names and each.id >= index.next_class_id:
            added.append(each)
            found.notes.append(tr("The class {name} comes from {copy}.").format(name=each.name, copy=name))
    classes = (*index.classes, *added)
    highest = max((each.id for each in classes), default=-1)
    return dataclasses.replace(index, classes=classes, next_class_id=max(index.next_class_id, highest + 1))


def _with_tiles(folder: Path, index: Index, other: Index, name: str, found: Findings) -> Index:
    names = {composed(tile.name).casefold() for tile in index.tiles}
    files, added = dict(index.files), list[Tile]()
    for tile in other.tiles:
        if composed(tile.name).casefold() in names or not _has_image(folder, tile):
            continue
        if tile.place is not None:
            file = other.files[tile.place.file]
            if files.setdefault(tile.place.file, file) != file:
                continue  # it lies on another slide of that name
        added.append(tile)
        found.notes.append(tr("The tile {name} comes from {copy}.").format(name=tile.name, copy=name))
    new = {tile.name for tile in added}
    return dataclasses.replace(
        index,
        tiles=(*index.tiles, *added),
        files=files,
        val=(*index.val, *(each for each in other.val if each in new)),
        objects={**index.objects, **{each: other.objects[each] for each in other.objects if each in new}},
    )


def _has_image(folder: Path, tile: Tile) -> bool:
    ways: Iterable[str | None] = (tile.path, tile.path_from_project)
    return any((folder / way).is_file() for way in ways if way is not None)


def _written_at(copy: CloudCopy) -> float:
    try:
        return copy.path.stat().st_mtime
    except OSError:
        return 0.0
