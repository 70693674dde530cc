"""Labels of a new project, from mask files: which tile gets which mask, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError, ProjectError, writing
from training_core.io import encode_png, read_mask
from training_core.io.atomic import write_synced
from training_core.project.labels import (
    encode_history,
    history_path,
    label_path,
    make_edit,
    size_error,
    summarize,
    value_counts,
)
from training_core.project.records import LabelSource, LabelStatus, Tile, TissueClass
from training_core.project.sources import find_masks, resolve_names


@dataclass(frozen=True)
class LabelPlan:
    """Which tiles get a label from which mask.

    Attributes
    ----------
    mask_values
        Mask value to class id, or to 255 for not labelled.
    """

    masks: Mapping[str, Path]
    mask_values: Mapping[int, int]
    val: tuple[str, ...]


def plan_labels(
    names: Sequence[str],
    classes: Sequence[TissueClass],
    *,
    masks: Path | None,
    mask_values: Mapping[int, int] | None,
    labeled: Sequence[str] | None,
    val: Sequence[str],
) -> LabelPlan:
    """Decide which tiles get a label: those of `labeled` (None: all that have a mask) and those of `val`.

    Raises
    ------
    ProjectError
        An unknown name, or a name in both lists.
    MaskError
        A listed tile without a mask.
    """
    val_names = resolve_names(val, names, "the validation list")
    labeled_names = None if labeled is None else resolve_names(labeled, names, "the list of labelled images")
    both = [name for name in val_names if name in set(labeled_names or ())]
    if both:
        given = (
            f"{', '.join(both[:3])} {'is' if len(both) == 1 else 'are'} in the list of labelled and in the "
            "list of validation images"
        )
        raise ProjectError(given, "each image in at most one list", "remove it from one of the lists")
    values = mask_values if mask_values is not None else {c.id: c.id for c in classes} | {UNLABELED: UNLABELED}
    needed = (*(labeled_names or ()), *val_names)
    if masks is None:
        if needed:
            given = f"{needed[0]} is in a list of annotated images, but no folder of masks is given"
            raise ProjectError(given, "masks for the listed images", "add --masks DIR, or leave the lists out")
        return LabelPlan({}, values, ())
    found = find_masks(masks, names)
    for name in needed:
        if name not in found:
            hint = f"add {name}.png to that folder, or take the image out of the list"
            raise MaskError(f"image {name} has no mask in {masks}", "a mask for each listed image", hint)
    chosen = found if labeled_names is None else {name: found[name] for name in needed}
    return LabelPlan(chosen, values, val_names)


def map_mask(path: Path, mask: ClassIds, mask_values: Mapping[int, int]) -> ClassIds:
    """The mask (H, W) with its values replaced by class ids.

    Raises
    ------
    MaskError
        A value that is not in `mask_values`.
    """
    table = np.zeros(256, dtype=np.uint8)
    for value, class_id in mask_values.items():
        table[value] = class_id
    for value, count in value_counts(mask).items():
        if value not in mask_values:
            known = ", ".join(str(known) for known in sorted(mask_values))
            hint = f'give it a class in --classes, such as "other={value}", or ignore it: "unlabelled={value}"'
            raise MaskError(
                f"mask {path} holds the value {value} ({count:,} px), which no class has",
                f"only the values given in --classes ({known})",
                hint,
            )
    mapped: ClassIds = table[mask]
    return mapped


def import_label(project: Path, tile: Tile, path: Path, mask_values: Mapping[int, int]) -> LabelStatus:
    """Write the tile's label from its mask into a project that nobody sees yet.

    Raises
    ------
    MaskError
        A damaged mask, another size than the tile, or values that no class has.
    """
    mask = read_mask(path)
    if mask.shape != (tile.height_px, tile.width_px):
        raise size_error(f"mask {path}", mask, tile)
    label = map_mask(path, mask, mask_values)
    edits = (make_edit(label, LabelSource.IMPORTED, None, "tile"),)
    write_label_files(project, tile.name, label, encode_history(edits))
    return summarize(label, edits)


def write_label_files(project: Path, name: str, label: ClassIds, history: bytes) -> None:
    """Write both files of a label in a project that nobody sees yet.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    for path, data in ((label_path(project, name), encode_png(label)), (history_path(project, name), history)):
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            write_synced(path, data)
