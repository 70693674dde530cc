"""Mending a project folder, and making an index for one that has lost its own; `check` finds out what is wrong.

The images and labels are the project; project.json only says what lies there. So it can be rebuilt from them, with
what only it knew (classes, colours, validation tiles, places on slides) taken from the newest backup that is sound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from training_core.base.bounded import read_json
from training_core.base.errors import ProjectError, UserError
from training_core.base.i18n import tr
from training_core.base.safe_paths import within
from training_core.io import read_mask
from training_core.io.files import IMAGE_SUFFIXES
from training_core.project.accepted import ACCEPTED_FOLDER
from training_core.project.check import index_as_it_is, readable_index
from training_core.project.classes import default_classes, default_color
from training_core.project.creation import FileSource, file_sha256
from training_core.project.findings import Findings
from training_core.project.index import INDEX_NAME, Index
from training_core.project.index_backups import index_backups
from training_core.project.journal import JournaledFiles
from training_core.project.labels import (
    LABELS_FOLDER,
    REMOVED_FOLDER,
    damaged_path,
    history_path,
    label_path,
    now,
    read_history,
    read_label,
    summarize,
)
from training_core.project.migration import BACKUPS_FOLDER, backups
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.records import LabelStatus, Tile, TissueClass
from training_core.project.rejections import REJECTED_FOLDER, index_again
from training_core.project.repair_copies import copies_of_index, keep_copies, with_copies
from training_core.project.runs import CLOUD_MARK, RUNS_FOLDER, run_ids
from training_core.project.store import IndexStore


def repair_project(folder: Path) -> Findings:
    """Rebuild the index from images, labels and the newest sound backup; a sound index is only brought up to date.

    What cannot be read is moved aside, never deleted.

    Raises
    ------
    ProjectError
        It is no project folder, a newer version wrote it, or another program holds it.
    StorageError
        The disk is full or not writable.
    """
    if not (folder / IMAGES_FOLDER).is_dir() and not (folder / INDEX_NAME).is_file():
        raise ProjectError(
            f"{folder} has neither {INDEX_NAME} nor {IMAGES_FOLDER}", "a project folder", "check the path"
        )
    found, store = Findings(), IndexStore(folder)
    with store.replacing() as files:
        index = index_as_it_is(folder, found)
        if index is None:
            index = _from_backup(folder, found)
            _put_aside(files, folder, INDEX_NAME, BACKUPS_FOLDER, found)
            index = _with_images(folder, index or _empty(folder, found), found)
        index = _with_labels(files, folder, with_copies(folder, index, found), found)
        keep_copies(files, folder, index, found)
        files.add(folder / INDEX_NAME, store.encode(index))
    return found


def _from_backup(folder: Path, found: Findings) -> Index | None:
    copies = (copy.path for copy in copies_of_index(folder))
    for path in (*copies, *reversed(index_backups(folder)), *reversed(backups(folder))):
        index = readable_index(path)
        if index is not None:
            words = tr("Classes, tiles and validation tiles are taken from {name}.")
            found.notes.append(words.format(name=path.relative_to(folder).as_posix()))
            return index
    return None


def _empty(folder: Path, found: Findings) -> Index:
    """An index without tiles, with the classes of the newest run that tells them."""
    classes = next((each for each in map(_classes_of_run, _provenances(folder)) if each), ())
    if classes:
        found.notes.append(tr("The classes are those of the newest run."))
    else:
        found.notes.append(tr("No backup and no run tells the classes: they are named by their numbers."))
    return Index(folder.resolve().name, now(), classes, 0, ())


def _provenances(folder: Path) -> Iterator[Path]:
    for run_id in reversed(run_ids(folder)):
        yield within(folder, RUNS_FOLDER, run_id, "provenance.json")


def _classes_of_run(path: Path) -> tuple[TissueClass, ...]:
    try:
        return tuple(TissueClass(**entry) for entry in read_json(path)["classes"])
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def _with_images(folder: Path, index: Index, found: Findings) -> Index:
    """The index with the images of the folder that it does not name: nobody knows whether they had been removed."""
    known = {tile.path for tile in index.tiles} | {tile.name for tile in index.tiles}
    tiles = list(index.tiles)
    for path in sorted((folder / IMAGES_FOLDER).glob("*")):
        relative = f"{IMAGES_FOLDER}/{path.name}"
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith(".") or relative in known:
            continue
        source = FileSource(within(folder, IMAGES_FOLDER, path.name), True, None)
        if source.name in known:
            continue
        if (of := _same_image(path)) is not None:
            words = tr("The image {name} is a copy of {original}, and no tile.")
            found.notes.append(words.format(name=relative, original=f"{IMAGES_FOLDER}/{of.name}"))
            continue
        try:
            tile = source.store(folder, folder)
        except UserError as cause:
            found.problems.append(f"{cause.given}.")
            continue
        tiles.append(dataclasses.replace(tile, path=relative, path_from_project=None))
        found.notes.append(tr("The image {name} is a tile again.").format(name=relative))
    return dataclasses.replace(index, tiles=tuple(tiles))


def _same_image(path: Path) -> Path | None:
    """The image of the same bytes that this one is a cloud drive's copy of, by its name; None: of none."""
    for mark in CLOUD_MARK.finditer(path.stem):
        original = path.with_stem(path.stem[: mark.start()])
        is_marked = mark.start() > 0 and mark.end() == len(path.stem)
        if is_marked and original.is_file() and file_sha256(original) == file_sha256(path):
            return original
    return None


def _with_labels(files: JournaledFiles, folder: Path, index: Index, found: Findings) -> Index:
    """The index with every label's status as its files say, and with a class for each value that they hold."""
    labels: dict[str, LabelStatus] = {}
    for tile in index.tiles:
        status = _status(files, folder, tile, found)
        if status is not None:
            labels[tile.name] = status
            before = index.labels.get(tile.name)
            if before != status:
                words = tr("The label of {name} has {count} annotated pixels; the index is corrected.")
                found.notes.append(words.format(name=tile.name, count=f"{status.labeled_pixels:,}"))
        elif tile.name in index.labels:
            found.notes.append(tr("Tile {name} has no label that can be read.").format(name=tile.name))
    classes = _with_values(index, labels, found)
    sound = tuple(
        tile for tile in index.tiles if not _put_aside_unreadable(files, folder, tile, REJECTED_FOLDER, found)
    )
    for tile in index.tiles:
        _put_aside_unreadable(files, folder, tile, ACCEPTED_FOLDER, found)
    highest = max((each.id for each in classes), default=-1)
    index = dataclasses.replace(
        index,
        classes=classes,
        next_class_id=max(index.next_class_id, highest + 1),
        labels=labels,
        val=tuple(name for name in index.val if name in labels),
        partly_accepted=tuple(name for name in index.partly_accepted if name in labels),
    )
    return dataclasses.replace(index, rejected_areas=index_again(folder, dataclasses.replace(index, tiles=sound)))


def _status(files: JournaledFiles, folder: Path, tile: Tile, found: Findings) -> LabelStatus | None:
    path, history = label_path(folder, tile.name), history_path(folder, tile.name)
    if not path.exists():
        return None
    try:
        label = read_label(folder, tile)
    except UserError as cause:
        found.problems.append(f"{cause.given}.")
        _put_aside(files, folder, f"{LABELS_FOLDER}/{path.name}", REMOVED_FOLDER, found)
        return None
    try:
        edits = read_history(folder, tile.name)
    except UserError as cause:
        found.problems.append(f"{cause.given}.")
        _put_aside(files, folder, f"{LABELS_FOLDER}/{history.name}", REMOVED_FOLDER, found)
        edits = ()
    return summarize(label, edits)


def _with_values(index: Index, labels: dict[str, LabelStatus], found: Findings) -> tuple[TissueClass, ...]:
    classes = list(index.classes)
    values = {value for status in labels.values() for value in status.class_ids}
    for value in sorted(values - {each.id for each in classes}):
        name = tr("class {number}").format(number=value)
        taken = {each.name.casefold() for each in classes}
        while name.casefold() in taken:
            name += "'"
        classes.append(TissueClass(value, name, default_color(name, [each.color for each in classes])))
        found.notes.append(
            tr("Labels hold the value {value}: it is the class {name} now.").format(value=value, name=name)
        )
    return tuple(classes) or default_classes()


def _put_aside_unreadable(files: JournaledFiles, folder: Path, tile: Tile, inner: str, found: Findings) -> bool:
    """Whether the tile's file there was put aside, since it cannot be read."""
    path = within(folder, inner, f"{tile.name}.png")
    if not path.exists():
        return False
    try:
        is_sound = read_mask(path).shape == (tile.height_px, tile.width_px)
    except UserError:
        is_sound = False
    if not is_sound:
        found.problems.append(tr("{name} is damaged.").format(name=f"{inner}/{path.name}"))
        _put_aside(files, folder, f"{inner}/{path.name}", REMOVED_FOLDER, found)
    return not is_sound


def _put_aside(files: JournaledFiles, folder: Path, name: str, into: str, found: Findings) -> None:
    """Move a file that cannot be read to a place where nothing reads it, under a name that no other has."""
    path = folder / name
    if not path.exists():
        return
    target = damaged_path(folder, into, path.name)
    files.put_aside(path, target)
    words = tr("{name} is moved to {target}.")
    found.notes.append(words.format(name=name, target=f"{into}/{target.name}"))
