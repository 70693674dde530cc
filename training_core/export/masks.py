"""Masks out of a project, for other tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError
from training_core.base.progress import ReportProgress
from training_core.base.safe_paths import within
from training_core.class_maps.clean_up import CleanUp, CleanUpUm
from training_core.export.content import (
    CONTENTS,
    Content,
    check_choice,
    check_export_folder,
    nothing_to_export,
    tile_mask,
    without_mask,
)
from training_core.export.formats import FORMATS, ExportFormat
from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.export.overlapping import overlapping_tiles
from training_core.export.tile_mask import TileMask
from training_core.export.values import VALUES, Values, values_of
from training_core.io import atomic_write
from training_core.io.atomic import atomic_write_folder
from training_core.project import Project, Tile
from training_core.project.images import image_names
from training_core.project.inputs.recognition import is_export
from training_core.project.prediction_source import Maker, read_prediction_source
from training_core.project.runs import predicting_runs


def export_masks(
    project: Project,
    out: Path,
    *,
    format: str = "png",
    content: Content = "labels",
    values: Values = "ids",
    cleaning: CleanUp | None = None,
    cleaning_um: CleanUpUm | None = None,
    attempts: Attempts | None = None,
    removed: Counter[str] | None = None,
    progress: ReportProgress | None = None,
) -> list[Path]:
    """Write OUT/NAME.ENDING per tile, or per image or slide, as the format wants it: a file, or a folder of OME-Zarr.

    Masks hold class ids, uint8, with 255 for "not labelled".

    OUT/classes.json says which value is which class, and what was cleaned. Files of these names are replaced, but for
    those that hold the same bytes already, which are not touched; others in OUT stay. Returns the files' paths, of
    those that were there, too.

    Parameters
    ----------
    format
        A name in FORMATS.
    content
        labels (what was painted and accepted), predictions (the newest of each tile, whichever run made it), or merged
        (labels, and the prediction where nothing is labelled or rejected). `without_mask` names the tiles that have
        nothing of it.
    values
        What masks hold for each class: "ids", "imported" or "numbers", as `values_of` describes.
    cleaning
        What is cleaned up in predictions; labels are never changed.
    cleaning_um
        The same on the tissue, which counts in the place of `cleaning` on tiles whose pixel size is known.
    attempts
        Keeps what is wrong with tiles, which are then left out, and which files were there already; None: the first
        damaged one is raised.
    removed
        Counts the pixels of each tile that were predicted as a class that was removed since: they are not labelled.

    Raises
    ------
    ProjectError
        There is nothing to export, an unknown format or content, labels that are to be cleaned, or OUT holds the
        project's own files, or files of these names that are no export.
    MaskError
        A label or prediction is damaged; with `attempts` only where nothing could be exported.
    StorageError
        The disk is full or not writable.
    """
    check_choice("format", format, tuple(FORMATS))
    check_choice("content", content, CONTENTS)
    check_choice("values", values, VALUES)
    check_export_folder(project, out)
    cleaning = cleaning or CleanUp()
    if content == "labels" and not cleaning.is_nothing:
        given = "post-processing is for predictions; annotations are exported as they are"
        raise ProjectError(
            given, "predictions, or annotations merged with predictions", "choose that content, or no post-processing"
        )
    chosen, files = FORMATS[format], _files(project, FORMATS[format])
    value_of = values_of(project, values if chosen.is_mask else "ids")
    _check_no_other_files(out, files)
    attempts = attempts or Attempts(strict=True)
    written: list[Path] = []
    done = 0
    for name, tiles in files.items():
        found: list[Any] = []
        for tile in tiles:
            with attempts.each(tile.name, counts=False):
                here = cleaning
                if cleaning_um is not None and tile.mpp_um is not None:
                    here = cleaning_um.in_pixels(tile.mpp_um)
                ids = tile_mask(project, tile.name, content, here, removed)
                if ids is not None:
                    found.append(chosen.encode(TileMask(project, tile, ids, content, value_of)))
            done += 1
            if progress is not None:
                progress(done, len(project.tiles), tile.name)
        if not found:
            continue
        with attempts.each(name, counts=False):
            if not written:  # first of all, so that an interrupted export is known as one
                _write_legend(project, out, content, value_of, cleaning, cleaning_um)
            path = within(out, name)
            known_as = tiles[0].name if chosen.a_file_per == "tile" else path.stem
            if not _write(path, chosen.join(found) if chosen.join is not None else found[0]):
                attempts.kept.append(known_as)
            written.append(path)
            attempts.done.append(known_as)
    attempts.raise_if_none()
    if not written:
        raise nothing_to_export(project, content)
    return written


def exported_twice(project: Project, file_format: str, content: Content) -> list[Tile]:
    """The tiles that overlap another one in the same file of an export, where each writes its objects."""
    if FORMATS[file_format].a_file_per != "image":
        return []
    left_out = set(without_mask(project, content))
    return overlapping_tiles([tile for tile in project.tiles if tile.name not in left_out])


def _files(project: Project, chosen: ExportFormat) -> dict[str, list[Tile]]:
    """The names of the files, and the tiles of each."""
    if chosen.a_file_per == "project":
        return {chosen.ending: list(project.tiles)}
    if chosen.a_file_per == "tile":
        return {f"{tile.name}.{chosen.ending}": [tile] for tile in project.tiles}
    names = image_names(project)
    files: dict[str, list[Tile]] = {}
    for tile in project.tiles:
        files.setdefault(f"{names[tile.name]}.{chosen.ending}", []).append(tile)
    return files


def _write_legend(
    project: Project,
    out: Path,
    content: Content,
    value_of: NDArray[np.uint8],
    cleaning: CleanUp,
    cleaning_um: CleanUpUm | None,
) -> None:
    run = project.latest_run_id() if content != "labels" else None
    facts: dict[str, Any] = {} if cleaning.is_nothing else {"clean_up": asdict(cleaning)}
    if cleaning_um is not None:
        facts["clean_up_um"] = asdict(cleaning_um)
    made_by = read_prediction_source(project.runs_dir / run).made_by if run is not None else Maker.NETWORK
    if made_by is not Maker.NETWORK:
        facts["predictions_by"] = made_by
    counts = Counter(predicting_runs(project.path).values())
    del counts[run or ""]
    if run is not None and counts:
        facts["tiles_of_older_runs"] = dict(sorted(counts.items()))
    legend = legend_bytes(project.classes, value_of, project=project.name, content=content, run=run, **facts)
    _write(out / LEGEND_NAME, legend)


def _write(path: Path, data: bytes | Mapping[str, bytes]) -> bool:
    """Write a file or a folder of files, unless it holds just this already; returns whether it was written."""
    if isinstance(data, Mapping):
        return _write_folder(path, data)
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
    except OSError:  # not there, or not readable: writing says why, if it fails too
        pass
    atomic_write(path, data)
    return True


def _write_folder(path: Path, files: Mapping[str, bytes]) -> bool:
    try:
        there = {each.relative_to(path).as_posix() for each in path.rglob("*") if not each.is_dir()}
        if there == files.keys() and all((path / name).read_bytes() == data for name, data in files.items()):
            return False
    except OSError:
        pass
    atomic_write_folder(path, files)
    return True


def _check_no_other_files(out: Path, files: Iterable[str]) -> None:
    """Masks would replace files of these names, such as the images themselves; those of an export may be replaced."""
    if is_export(out):
        return
    for name in files:
        path = out / name
        if path.exists():
            given = f"{out} has a file {path.name} that is no exported mask and would be replaced"
            raise ProjectError(given, "a folder of its own for the masks", f"{out / 'masks'}")
