"""Finding out what is wrong with a project folder; `repair` mends it."""

from __future__ import annotations

from pathlib import Path

from training_core.base.arrays import value_counts
from training_core.base.bounded import read_file
from training_core.base.errors import ProjectError, UserError
from training_core.base.i18n import tr
from training_core.project.accepted import read_accepted
from training_core.project.cloud_copies import cloud_copies
from training_core.project.findings import Findings
from training_core.project.index import INDEX_NAME, Index, parse_index
from training_core.project.index_backups import index_backups
from training_core.project.journal import has_journal, temporaries
from training_core.project.labels import LABELS_FOLDER, label_path, read_history, read_label, summarize
from training_core.project.migration import BACKUPS_FOLDER
from training_core.project.records import MAX_CLASS_ID, Tile
from training_core.project.rejections import read_rejection
from training_core.project.repair_copies import copies_of_index
from training_core.project.runs import RUNS_FOLDER
from training_core.project.store import MAX_INDEX_BYTES


def check_project(folder: Path) -> Findings:
    """Look at the index and at every label, history and rejection; nothing is changed.

    Raises
    ------
    ProjectError
        It is no project folder.
    """
    found = Findings()
    index = index_as_it_is(folder, found)
    if index is None:
        found.problems.extend(copy.in_words for copy in copies_of_index(folder))
        kept = [path for path in reversed(index_backups(folder)) if readable_index(path) is not None]
        if kept:
            found.notes.append(tr("The newest sound backup is {name}.").format(name=f"{BACKUPS_FOLDER}/{kept[0].name}"))
        return found
    for tile in index.tiles:
        _check_tile(folder, index, tile, found)
    _check_strays(folder, index, found)
    return found


def index_as_it_is(folder: Path, found: Findings) -> Index | None:
    """The index as it is; None, and said why: it cannot be read."""
    path = folder / INDEX_NAME
    try:
        return parse_index(read_file(path, MAX_INDEX_BYTES), path)[0]
    except OSError as cause:
        found.problems.append(tr("{name} cannot be read: {reason}.").format(name=INDEX_NAME, reason=cause.strerror))
    except ProjectError as cause:
        if "newer version" in cause.given:
            raise
        found.problems.append(f"{cause.given}.")
    return None


def readable_index(path: Path) -> Index | None:
    """The index in this file; None: it cannot be read."""
    try:
        return parse_index(read_file(path, MAX_INDEX_BYTES), path)[0]
    except (OSError, UserError):
        return None


def _check_tile(folder: Path, index: Index, tile: Tile, found: Findings) -> None:
    if not (folder / tile.path).exists() and not (
        tile.path_from_project is not None and (folder / tile.path_from_project).exists()
    ):
        found.problems.append(tr("The image of tile {name} is missing: {path}.").format(name=tile.name, path=tile.path))
    try:
        label, edits = read_label(folder, tile), read_history(folder, tile.name)
        unknown = set(value_counts(label)) - {each.id for each in index.classes} - {MAX_CLASS_ID + 1}
        if unknown:
            words = tr("The label of {name} holds the value {value}, which no class has.")
            found.problems.append(words.format(name=tile.name, value=min(unknown)))
        status = summarize(label, edits) if label_path(folder, tile.name).exists() else None
        known = index.labels.get(tile.name)
        if (status or known) and (known is None or status is None or known.labeled_pixels != status.labeled_pixels):
            found.problems.append(tr("The index and the label of {name} disagree.").format(name=tile.name))
    except UserError as cause:
        found.problems.append(f"{cause.given}.")
    for read in (read_accepted, lambda project, each: read_rejection(project, index, each)):
        try:
            read(folder, tile)
        except UserError as cause:
            found.problems.append(f"{cause.given}.")


def _check_strays(folder: Path, index: Index, found: Findings) -> None:
    """Files that belong to no tile, and what a crash or a cloud drive left."""
    names = {tile.name for tile in index.tiles}
    copies = cloud_copies(folder, names)
    for copy in copies:
        of_run = copy.original.startswith(f"{RUNS_FOLDER}/")  # nothing reads it, and a repair leaves it there
        (found.notes if of_run else found.problems).append(copy.in_words)
    for path in sorted((folder / LABELS_FOLDER).glob("*.png")):
        is_known = path.stem in names or path in {copy.path for copy in copies}
        if not is_known and not path.name.startswith("."):
            found.notes.append(tr("{name} belongs to no tile.").format(name=f"{LABELS_FOLDER}/{path.name}"))
    if has_journal(folder):
        found.notes.append(tr("A change is being made, or was cut off: opening the project finishes it."))
    left = temporaries(folder)
    if left:
        found.notes.append(tr("A crash left {count} temporary files.").format(count=len(left)))
