"""What among images is none: masks of other images, and what this program wrote itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from training_core.base.addresses import Address
from training_core.base.arrays import row_blocks
from training_core.base.bounded import read_json
from training_core.base.errors import ImageError, MaskError
from training_core.io import read_image
from training_core.io.formats.ome_zarr_file import is_prediction
from training_core.io.inspection import FileFacts
from training_core.io.slides import is_slide
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project.index import INDEX_NAME
from training_core.project.inputs.asking import Facts
from training_core.project.inputs.matching import has_mask_ending, without_mask_ending
from training_core.project.inputs.names import tile_name
from training_core.project.own_folders import IMAGES_FOLDER, OWN_FOLDERS

LEGEND_NAME = "classes.json"
OUTPUT_KINDS = ("prediction", "pseudo_label", "confidence")
BRANCH_KINDS = ("decoder", "prototypes", "text")
_OUR_FOLDERS = frozenset(OWN_FOLDERS) - {IMAGES_FOLDER}
"""Folders of a project whose files did not come from elsewhere."""
_FEW_VALUES = 16
_BYTES_PER_PIXEL = 0.1
"""Tissue needs at least ten times as much, however it is stored without loss; flat colours need less."""


class NoImage(StrEnum):
    """Why a file among images is to be asked about."""

    MASK = "mask"
    OWN_OUTPUT = "own_output"


def own_output(path: Path) -> bool:
    """Whether this program wrote the file: a prediction, an exported mask, or a file of a project, but no image."""
    stem, _, kind = path.stem.rpartition(".")
    if stem and kind in OUTPUT_KINDS and path.suffix.lower() == ".png":
        return True
    if stem and kind in BRANCH_KINDS and path.suffix.lower() == ".png" and _legend(path.parent) is not None:
        return True
    if is_zarr_folder(path) and is_prediction(path):
        return True
    return is_export(path.parent) or _in_project(path)


def is_export(folder: Path) -> bool:
    """Whether exported masks lie in the folder: their legend says so."""
    legend = _legend(folder)
    return legend is not None and "content" in legend


def mask_names(files: Iterable[Path]) -> frozenset[Path]:
    """Those that are named as the mask of another of these files: wells_1_masks.png beside wells_1.png."""
    paths = list(files)
    by_base: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        by_base.setdefault((path.parent, without_mask_ending(tile_name(path))), []).append(path)
    return frozenset(
        path
        for group in by_base.values()
        if len(group) > 1 and any(not has_mask_ending(tile_name(each)) for each in group)
        for path in group
        if has_mask_ending(tile_name(path))
    )


def holds_classes(facts: FileFacts) -> bool:
    """Whether the pixels of an image are few flat values, as those of a mask; looks at them only where they may be."""
    if isinstance(facts.path, Address):
        return False
    bytes_per_px = facts.path.stat().st_size / max(1, facts.width_px * facts.height_px)
    may_be = bool(facts.palette) or facts.channels == 1 or facts.bits < 8 or bytes_per_px < _BYTES_PER_PIXEL
    if not may_be or facts.problem is not None or is_slide(facts.path):
        return False
    try:
        pixels = read_image(facts.path)
    except (ImageError, MaskError):
        return False
    seen: set[int] = set()
    for block in row_blocks(pixels.shape):
        red, green, blue = (pixels[block, :, channel].astype(np.int32) for channel in range(3))
        seen.update(np.unique(red << 16 | green << 8 | blue).tolist())
        if len(seen) > _FEW_VALUES:
            return False
    return len(seen) >= 2


def recognised(facts: Mapping[Path, Facts]) -> dict[Path, NoImage]:
    """Which of these files, given as images, look like something else."""
    named = mask_names(facts)
    found: dict[Path, NoImage] = {}
    for path, each in facts.items():
        if own_output(path):
            found[path] = NoImage.OWN_OUTPUT
        elif path in named or (isinstance(each, FileFacts) and holds_classes(each)):
            found[path] = NoImage.MASK
    return found


def without_own_outputs(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The files that somebody else made, and those that this program wrote."""
    own = [path for path in paths if own_output(path)]
    return [path for path in paths if path not in set(own)], own


def _legend(folder: Path) -> Mapping[str, object] | None:
    """The legend that is written beside masks; another program's classes.json is none."""
    try:
        content = read_json(folder / LEGEND_NAME)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "not_labelled" in content and "classes" in content else None


def _in_project(path: Path) -> bool:
    inner = path.absolute()
    for folder in inner.parents:
        if (folder / INDEX_NAME).is_file():
            return inner.relative_to(folder).parts[0] in _OUR_FOLDERS
    return False
