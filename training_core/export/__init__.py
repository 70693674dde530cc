"""Masks out of a project, for other tools. A new format is one file here and one line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training_core.errors import ProjectError
from training_core.export.legend import LEGEND_NAME, legend_bytes
from training_core.export.png import png_bytes
from training_core.export.tiff import tiff_bytes
from training_core.io import read_mask, staged_files
from training_core.project import UNLABELED, Project

Mask = NDArray[np.uint8]
Content = Literal["labels", "predictions", "merged"]
Progress = Callable[[int, int, str], None]

FORMATS: dict[str, Callable[[Mask, float | None], bytes]] = {"png": png_bytes, "tiff": tiff_bytes}
"""File ending to what makes the file's bytes from a mask (H, W) uint8 and its pixel size in micrometers, if known."""


def export_masks(
    project: Project,
    out: Path,
    *,
    format: Literal["png", "tiff"] = "png",
    content: Content = "labels",
    progress: Progress | None = None,
) -> list[Path]:
    """Write OUT/NAME.png (or .tiff) per tile, single-channel uint8 class ids with 255 for "not labelled".

    content: labels (what was painted and accepted; tiles without any are skipped), predictions (of the latest run), or
    merged (labels, and the prediction where nothing is labelled). OUT/classes.json says which value is which class.
    Returns the masks' paths.

    Raises
    ------
    ProjectError: there is nothing to export. StorageError: the disk is full or not writable.
    """
    written: list[Path] = []
    for done, tile in enumerate(project.tiles, start=1):
        mask = _mask(project, tile.name, content)
        if mask is None:
            continue
        path = out / f"{tile.name}.{format}"
        with staged_files() as files:
            files.add(path, FORMATS[format](mask, tile.mpp_um))
        written.append(path)
        if progress is not None:
            progress(done, len(project.tiles), tile.name)
    if not written:
        raise _nothing(project, content)
    with staged_files() as files:
        run = project.latest_run_id() if content != "labels" else None
        files.add(out / LEGEND_NAME, legend_bytes(project.classes, project=project.name, content=content, run=run))
    return written


def _mask(project: Project, name: str, content: Content) -> Mask | None:
    prediction = project.prediction(name) if content != "labels" else None
    predicted = read_mask(prediction.prediction) if prediction is not None else None
    if content == "predictions":
        return predicted
    if not project.has_label(name):
        return predicted
    label = project.label(name)
    return label if predicted is None else np.where(label == UNLABELED, predicted, label)


def _nothing(project: Project, content: Content) -> ProjectError:
    if content == "labels":
        return ProjectError("no tile has a label", "a painted or accepted tile", "paint or accept a tile first")
    given = "the project has no finished training" if project.latest_run_id() is None else "no tile has a prediction"
    return ProjectError(given, "a tile with a prediction", "train first, or export the labels")
