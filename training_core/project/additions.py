"""Adding files to a project. What it has already is left as it is, so the same files may be given again."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError, writing
from training_core.base.i18n import tr
from training_core.base.progress import ReportProgress
from training_core.project.creation import Making, TileSource, file_sha256, used_files
from training_core.project.file_records import NO_ANSWERS, SourceFile
from training_core.project.importing import LabelPlan, mask_label
from training_core.project.inputs.names import composed
from training_core.project.labels import LABELS_FOLDER, history_path, label_path
from training_core.project.objects import encode_objects
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.planning import ImportOptions, planned
from training_core.project.records import LabelSource
from training_core.project.tile_sources import source_files

if TYPE_CHECKING:
    from training_core.project.project import Project


@dataclass(frozen=True)
class Added:
    """What was added, by the names of tiles.

    Attributes
    ----------
    labels
        Tiles that were there and got a label from a mask.
    already
        Tiles that were there and were left as they are.
    """

    tiles: tuple[str, ...]
    labels: tuple[str, ...]
    already: tuple[str, ...]


def add_files(
    project: Project,
    images: Sequence[Path],
    *,
    attempts: Attempts | None = None,
    progress: ReportProgress | None = None,
    **options: Unpack[ImportOptions],
) -> Added:
    """Add what the project does not have yet; the options are those of `Project.create`.

    A tile that is there and has no label gets one where there is a mask; nothing that is there is replaced.

    Raises
    ------
    ProjectError, ImageError, MaskError, StorageError
        Nothing was added; with `attempts`, what is wrong with one file is kept there.
    """
    attempts = attempts or Attempts(strict=True)
    index = project.index
    if options.get("mask_values") is None:
        options["mask_values"] = index.answers.mask.mask_values
    options["answers"] = options.get("answers", NO_ANSWERS).over(index.answers)
    with planned(images, index.classes, attempts, options) as (sources, plan):
        files = _files(project, sources, attempts)
        new, there = _parted(project, sources, attempts)
        tiles = _add(project, new, plan, files, attempts, progress)
    labels, already = _label(project, there, plan, attempts)
    return Added(tiles, labels, already)


def _parted(
    project: Project, sources: Iterable[TileSource], attempts: Attempts
) -> tuple[list[TileSource], list[TileSource]]:
    """The sources of new tiles, and those of tiles that are there."""
    names = {composed(tile.name).casefold(): tile.name for tile in project.tiles}
    new: list[TileSource] = []
    there: list[TileSource] = []
    for source in sources:
        own = names.get(composed(source.name).casefold())
        if own is None or own == source.name:
            (new if own is None else there).append(source)
            continue
        with attempts.each(source.origin.name, counts=False):
            given = f"{source.origin} would be named {source.name}, and the project has a tile {own}"
            raise ProjectError(given, "names that differ by more than case or Unicode form", "rename the file")
    return new, there


def _files(project: Project, sources: list[TileSource], attempts: Attempts) -> dict[str, SourceFile]:
    """The slides of the sources; one of another path under a known name would take that slide's place."""
    given, known = source_files(sources, project.path), project.index.files
    others = {name: file.path for name, file in given.items() if name in known and _is_other(known[name], file)}
    for name, path in others.items():
        with attempts.each(Path(str(path)).name, counts=False):
            needed = "a name of its own for each slide"
            raise ProjectError(f"the project has another slide {name} ({known[name].path})", needed, "rename the file")
    sources[:] = [source for source in sources if str(source.origin.resolve()) not in set(others.values())]
    return {name: file for name, file in given.items() if name not in known}


def _is_other(known: SourceFile, given: SourceFile) -> bool:
    return known.path is not None and known.path != given.path


def _add(
    project: Project,
    sources: Sequence[TileSource],
    plan: LabelPlan,
    files: Mapping[str, SourceFile],
    attempts: Attempts,
    progress: ReportProgress | None,
) -> tuple[str, ...]:
    """Make the tiles in a folder beside the project's own ones, then move them in and name them in the index."""
    with _scratch(project.path) as folder:
        making = Making(folder, project.path, plan, attempts)
        for number, source in enumerate(sources):
            if progress is not None:
                progress(number, len(sources), tr("Adding {name}").format(name=source.name))
            making.add(source)
        if making.tiles:
            with project.changing() as change:
                _move_in(project.path, folder, making)
                index = change.index
                val = [name for name in plan.val if name in making.labels]
                change.index = dataclasses.replace(
                    index,
                    tiles=(*index.tiles, *making.tiles),
                    labels={**index.labels, **making.labels},
                    val=tuple(dict.fromkeys((*index.val, *val))),
                    files={**index.files, **used_files(files, making.tiles)},
                    answers=plan.kept_answers.over(index.answers),
                    objects={**index.objects, **making.objects},
                )
    return tuple(tile.name for tile in making.tiles)


@contextmanager
def _scratch(project: Path) -> Iterator[Path]:
    folder = project / f".adding-{secrets.token_hex(4)}"
    try:
        with writing(folder):
            for inner in (IMAGES_FOLDER, LABELS_FOLDER):
                (folder / inner).mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move_in(project: Path, folder: Path, making: Making) -> None:
    """Give the new files their places; what lies there is of no tile, since nobody had these names."""
    copied = [Path(tile.path) for tile in making.tiles if tile.path_from_project is None]
    labels = [find(Path(), name) for name in making.labels for find in (label_path, history_path)]
    with writing(project):
        for path in (*copied, *labels, *(Path(each.path) for each in making.objects.values())):
            if path.is_absolute():
                continue
            (project / path).parent.mkdir(exist_ok=True)
            os.replace(folder / path, project / path)


def _label(
    project: Project, sources: Sequence[TileSource], plan: LabelPlan, attempts: Attempts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels for tiles that are there without one, where the image is still the same."""
    labels, already = [], []
    for source in sources:
        name, mask = source.name, plan.masks.get(source.name)
        tile = project.tile(name)
        with attempts.each(name):
            if tile.place is None and file_sha256(source.origin) != tile.sha256:
                given = f"{source.origin} is another image than the project's tile {name}"
                raise ProjectError(given, "the image that the tile was made from", "give the file another name")
            if mask is None or project.label_edits(name):
                already.append(name)
                continue
            label, numbers = mask_label(tile, mask, plan)
            project.write_label(name, label, LabelSource.IMPORTED, region="tile")
            labels.append(name)
            if numbers is not None:
                _keep_objects(project, name, numbers)
    held_out = [name for name in plan.val if name in labels]
    if held_out:
        project.set_val([*project.index.val, *held_out])
    return tuple(labels), tuple(already)


def _keep_objects(project: Project, name: str, numbers: NDArray[np.int32]) -> None:
    data, objects = encode_objects(name, numbers)
    with project.changing() as change:
        change.files.add(project.path / objects.path, data)
        change.index = dataclasses.replace(change.index, objects={**change.index.objects, name: objects})
