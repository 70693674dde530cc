"""Adding files to a project. What it has already is left as it is, so the same files may be given again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError, writing
from training_core.base.i18n import tr
from training_core.base.progress import ReportProgress
from training_core.project.creation import Making, TileSource, file_sha256, used_files
from training_core.project.file_records import NO_ANSWERS, SourceFile
from training_core.project.importing import ImportedLabel, LabelPlan, import_label
from training_core.project.index import Index
from training_core.project.inputs.names import composed
from training_core.project.journal import JournaledFiles
from training_core.project.labels import LABELS_FOLDER, history_path, label_path
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.planning import ImportOptions, planned
from training_core.project.remnants import ADDING
from training_core.project.scratch import scratch_folder
from training_core.project.tile_removal import put_aside
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
        return add_sources(project, new, there, plan, files, attempts, progress)


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


def add_sources(
    project: Project,
    new: Sequence[TileSource],
    there: Sequence[TileSource],
    plan: LabelPlan,
    files: Mapping[str, SourceFile],
    attempts: Attempts,
    progress: ReportProgress | None = None,
) -> Added:
    """Make all files in a folder that nobody sees yet; then they take their places and their lines in the index.

    Parameters
    ----------
    new
        What becomes a tile.
    there
        Sources of tiles that are there, which get a label where there is a mask and they have none.
    files
        The slides of the new tiles that the project does not know yet.

    Raises
    ------
    ProjectError, ImageError, MaskError, StorageError
        Nothing was added; with `attempts` that are not strict, what is wrong with one file is kept there.
    """
    with scratch_folder(project.path, ADDING) as folder:
        with writing(folder):
            for inner in (IMAGES_FOLDER, LABELS_FOLDER):
                (folder / inner).mkdir()
        making = Making(folder, project.path, plan, attempts)
        for number, source in enumerate(new):
            if progress is not None:
                progress(number, len(new), tr("Adding {name}").format(name=source.name))
            making.add(source)
        imported, already = _labels(project, folder, there, plan, attempts)
        if not making.tiles and not imported:
            return Added((), (), already)
        with project.changing() as change:
            meanwhile = tuple(name for name in imported if _has_label(change.index, name))
            imported = {name: each for name, each in imported.items() if name not in meanwhile}
            _move_in(change.files, project.path, folder, making, imported)
            change.index = _with_additions(change.index, making, imported, plan, files)
    return Added(tuple(tile.name for tile in making.tiles), tuple(imported), (*already, *meanwhile))


def _with_additions(
    index: Index,
    making: Making,
    imported: Mapping[str, ImportedLabel],
    plan: LabelPlan,
    files: Mapping[str, SourceFile],
) -> Index:
    labels = {**making.labels, **{name: each.status for name, each in imported.items()}}
    objects = {name: each.objects for name, each in imported.items() if each.objects is not None}
    return dataclasses.replace(
        index,
        tiles=(*index.tiles, *making.tiles),
        labels={**index.labels, **labels},
        val=tuple(dict.fromkeys((*index.val, *(name for name in plan.val if name in labels)))),
        files={**index.files, **used_files(files, making.tiles)},
        answers=plan.kept_answers.over(index.answers) if making.tiles else index.answers,
        objects={**index.objects, **making.objects, **objects},
    )


def _move_in(
    files: JournaledFiles, project: Path, folder: Path, making: Making, imported: Mapping[str, ImportedLabel]
) -> None:
    """Let the new files take their places; what lies there is of no tile, and is put aside."""
    copied = [Path(tile.path) for tile in making.tiles if tile.path_from_project is None]
    labels = [find(Path(), name) for name in (*making.labels, *imported) for find in (label_path, history_path)]
    numbered = [*making.objects.values(), *(each.objects for each in imported.values() if each.objects is not None)]
    for path in (*copied, *labels, *(Path(each.path) for each in numbered)):
        if not path.is_absolute():
            put_aside(files, project, [project / path])
            files.place(folder / path, project / path)


def _labels(
    project: Project, folder: Path, sources: Sequence[TileSource], plan: LabelPlan, attempts: Attempts
) -> tuple[dict[str, ImportedLabel], tuple[str, ...]]:
    """Labels, in `folder`, for tiles that are there without one, where the image is still the same."""
    imported, already = dict[str, ImportedLabel](), list[str]()
    for source in sources:
        name, mask = source.name, plan.masks.get(source.name)
        tile = project.tile(name)
        with attempts.each(name):
            if tile.place is None and file_sha256(source.origin) != tile.sha256:
                given = f"{source.origin} is another image than the project's tile {name}"
                raise ProjectError(given, "the image that the tile was made from", "give the file another name")
            if mask is None or _has_label(project.index, name):
                already.append(name)
            else:
                imported[name] = import_label(folder, tile, mask, plan)
    return imported, tuple(already)


def _has_label(index: Index, name: str) -> bool:
    """Whether the tile has a label or had one: what was erased was erased on purpose."""
    return name in index.labels
