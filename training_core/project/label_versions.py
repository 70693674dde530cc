"""Earlier versions of a label: history/NAME/NNNNNN.MOMENT.png, the last hundred, each what one change replaced.

A version is a copy of the label file as it was, so any program can look at it. NNNNNN counts the versions; MOMENT is
when the change that had led to it was recorded in labels/NAME.json, which says the rest of it.

What somebody else had made of the label at the same time can be brought back in the same way: conflicts/NAME.MOMENT.png
(`merging`), and the copies that cloud drives make.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.bounded import read_file
from training_core.base.errors import ProjectError
from training_core.base.safe_paths import within
from training_core.io import read_mask
from training_core.io.atomic import StagedFiles
from training_core.project.cloud_copies import CloudCopy, label_copies
from training_core.project.journal import VERSIONS_FOLDER
from training_core.project.labels import empty_label, label_path, size_error, stage_label, summarize
from training_core.project.merging import CONFLICTS_FOLDER
from training_core.project.records import LabelEdit, LabelStatus, Tile

KEPT = 100
_NAME = re.compile(r"(\d{6})(?:\.(\d{8}-\d{6}-\d{6}))?\.png")
_FORM = "%Y%m%d-%H%M%S-%f"
_FIRST_CONFLICT = 1_000_001
"""Beyond all numbers of versions, so that a new version changes no number that was listed."""
_MAX_BYTES = 2**30


@dataclass(frozen=True)
class LabelVersion:
    """A label as it was for a while.

    Attributes
    ----------
    number
        Counts up; 0 is the tile before anything was annotated.
    edit
        The change that led to it; None: the history does not tell.
    at
        When that was, as ISO time; None: nobody knows.
    accepted
        Whether it counted as accepted.
    path
        The file; None: number 0.
    conflict
        Where it lies in the project, if it is no earlier version but what somebody else had made of the label.
    """

    number: int
    edit: LabelEdit | None
    at: str | None
    accepted: bool
    path: Path | None
    conflict: str | None = None


@dataclass(frozen=True)
class BroughtBack:
    """A version that fits the project as it is now.

    Attributes
    ----------
    label
        (H, W) class ids, 255 where nothing is labelled.
    without_class
        How many pixels were of classes that the project no longer has; they are not labelled.
    """

    label: ClassIds
    without_class: int


def versions_folder(project: Path, name: str) -> Path:
    """Where the earlier versions of a tile's label lie."""
    return within(project, VERSIONS_FOLDER, name)


def stage_changed_label(
    files: StagedFiles, project: Path, name: str, label: ClassIds, edits: tuple[LabelEdit, ...]
) -> LabelStatus:
    """Add the files of a label (H, W) to `files`, and the label that it replaces; the last edit is what led to it.

    Returns
    -------
    LabelStatus
        What the index should say.
    """
    _stage_version(files, project, name, edits[:-1])
    return stage_label(files, project, name, label, edits)


def _stage_version(files: StagedFiles, project: Path, name: str, edits: Sequence[LabelEdit]) -> None:
    try:
        data = read_file(label_path(project, name), _MAX_BYTES)
    except OSError:  # there is none, or nobody can read it: then there is nothing to keep
        return
    known = _numbered(project, name)
    number = known[-1][0] + 1 if known else 1
    moment = _moment(edits[-1].at) if edits else None
    ending = ".png" if moment is None else f".{moment}.png"
    files.add(within(project, VERSIONS_FOLDER, name, f"{number:06d}{ending}"), data)


def forget_old_versions(project: Path, name: str) -> None:
    """Keep the last hundred; one that cannot be removed stays."""
    for _number, path in _numbered(project, name)[:-KEPT]:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def label_versions(project: Path, name: str, edits: Sequence[LabelEdit]) -> tuple[LabelVersion, ...]:
    """The earlier versions of a label with these edits, newest first."""
    by_moment = {_moment(edit.at): number for number, edit in enumerate(edits)}
    versions = []
    for number, path in reversed(_numbered(project, name)):
        found = _NAME.fullmatch(path.name)
        moment = found[2] if found else None
        at = None if moment is None else _as_iso(moment)
        place = by_moment.get(moment) if moment is not None else None
        edit = None if place is None else edits[place]
        accepted = place is not None and _counts_as_accepted(edits[: place + 1])
        versions.append(LabelVersion(number, edit, at, accepted, path))
    if len(versions) + 1 == len(edits) and all(each.edit is not None for each in versions):
        versions.append(LabelVersion(0, None, None, False, None))  # the first change found nothing there
    return tuple(versions)


def conflicting_versions(
    project: Path, name: str, tiles: Collection[str], *, accepted: bool
) -> tuple[LabelVersion, ...]:
    """What others had made of a label, newest first.

    Parameters
    ----------
    tiles
        The names of all tiles.
    accepted
        Whether the label counts as accepted now: nobody knows it of theirs.
    """
    found = [(_moment_of_conflict(path, name), path) for path in _entries(project / CONFLICTS_FOLDER)]
    theirs = [(moment, f"{CONFLICTS_FOLDER}/{path.name}", path) for moment, path in found if moment is not None]
    theirs += [(_moment_of_file(copy.path), copy.name, copy.path) for copy in label_copies(project, name, tiles)]
    versions = [
        LabelVersion(number, None, _as_iso(moment), accepted, path, conflict)
        for number, (moment, conflict, path) in enumerate(sorted(theirs), start=_FIRST_CONFLICT)
    ]
    return tuple(reversed(versions))


def conflict_name(copy: CloudCopy) -> str:
    """What a cloud drive's copy of a label is called in the folder of conflicts."""
    return f"{copy.tile_of_label}.{_moment_of_file(copy.path)}.png"


def version_of(versions: Sequence[LabelVersion], tile: str, number: int) -> LabelVersion:
    """The version of this number.

    Raises
    ------
    ProjectError
        There is none.
    """
    for each in versions:
        if each.number == number:
            return each
    if not versions:
        raise ProjectError(f"the label of {tile} has no earlier versions", "a label that was changed", "annotate it")
    earlier = [each.number for each in versions if each.conflict is None]
    numbers = f"{earlier[-1]} to {earlier[0]}" if earlier else f"{versions[-1].number} to {versions[0].number}"
    raise ProjectError(f"the label of {tile} has no version {number}", f"one from {numbers}", "list the history first")


def read_version(version: LabelVersion, tile: Tile, class_ids: Sequence[int]) -> BroughtBack:
    """The label of a version, with the classes that the project has now.

    Raises
    ------
    MaskError
        The file is damaged or has another size than the tile.
    """
    if version.path is None:
        return BroughtBack(empty_label(tile), 0)
    label = read_mask(version.path)
    if label.shape != (tile.height_px, tile.width_px):
        raise size_error(version.conflict or f"{VERSIONS_FOLDER}/{tile.name}/{version.path.name}", label, tile)
    gone = ~np.isin(label, [*class_ids, UNLABELED])
    label = label.copy()
    label[gone] = UNLABELED
    return BroughtBack(label, int(np.count_nonzero(gone)))


def _counts_as_accepted(edits: Sequence[LabelEdit]) -> bool:
    return summarize(np.empty((0, 0), np.uint8), tuple(edits)).accepted


def _moment(at: str) -> str | None:
    try:
        return datetime.fromisoformat(at).astimezone(UTC).strftime(_FORM)
    except (ValueError, OverflowError):
        return None


def _as_iso(moment: str) -> str | None:
    try:
        return datetime.strptime(moment, _FORM).replace(tzinfo=UTC).isoformat(timespec="milliseconds")
    except ValueError:
        return None


def _moment_of_conflict(path: Path, tile: str) -> str | None:
    """When somebody else's version of the tile was kept; None: it is of another tile, or no version."""
    beginning, moment = f"{tile}.", path.name.removesuffix(".png")[len(tile) + 1 :]
    is_one = path.suffix == ".png" and path.name.startswith(beginning) and _as_iso(moment) is not None
    return moment if is_one else None


def _moment_of_file(path: Path) -> str:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime(_FORM)
    except (OSError, ValueError, OverflowError):
        return datetime.now(UTC).strftime(_FORM)


def _numbered(project: Path, name: str) -> list[tuple[int, Path]]:
    """The versions by their numbers, oldest first; anything else that lies there is not ours.

    Two computers that shared the folder by a cloud drive may have given one number twice: what follows moves up.
    """
    found = [(_NAME.fullmatch(path.name), path) for path in _entries(versions_folder(project, name))]
    numbered: list[tuple[int, Path]] = []
    for number, path in sorted((int(match[1]), path) for match, path in found if match):
        numbered.append((max(number, numbered[-1][0] + 1) if numbered else number, path))
    return numbered


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
