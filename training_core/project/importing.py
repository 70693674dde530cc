"""Labels of a new project, from mask files: which tile gets which mask, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError, ProjectError, writing
from training_core.io import encode_png, read_mask_values
from training_core.io.atomic import write_synced
from training_core.project.file_records import NO_ANSWERS, FileAnswers, NumberedObjects
from training_core.project.inputs.matching import Matches, match_masks, no_match, several_masks
from training_core.project.inputs.names import resolve_names
from training_core.project.labels import (
    encode_history,
    history_path,
    label_path,
    make_edit,
    size_error,
    summarize,
)
from training_core.project.objects import encode_objects
from training_core.project.records import LabelSource, LabelStatus, Tile, TissueClass
from training_core.project.sources import scan_masks

Masks = Path | Mapping[str, Path] | Matches | None
"""A folder, or which image has which mask."""


@dataclass(frozen=True)
class LabelPlan:
    """Which tiles get a label from which mask.

    Attributes
    ----------
    mask_values
        A mask's value, range of values or colour to class id, or to 255 for not labelled.
    val
        The validation tiles.
    ambiguous
        Images whose mask nobody can tell.
    answers
        How images and masks are read.
    cases
        The patient or slide of images.
    """

    masks: Mapping[str, Path] = field(default_factory=dict)
    mask_values: Mapping[str, int] = field(default_factory=dict)
    val: tuple[str, ...] = ()
    ambiguous: Mapping[str, MaskError] = field(default_factory=dict)
    answers: FileAnswers = NO_ANSWERS
    cases: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept_answers(self) -> FileAnswers:
        """What the index keeps; what mask values mean is asked once for all masks."""
        if not self.masks:
            return self.answers
        return replace(self.answers, mask=replace(self.answers.mask, mask_values=dict(self.mask_values)))


@dataclass(frozen=True)
class ImportedLabel:
    """What the index keeps of a label that came from a mask."""

    status: LabelStatus
    objects: NumberedObjects | None


def plan_labels(
    names: Sequence[str],
    classes: Sequence[TissueClass],
    *,
    masks: Masks,
    mask_values: Mapping[int, int] | Mapping[str, int] | None,
    labeled: Sequence[str] | None,
    val: Sequence[str],
    mask_names: str | None = None,
    answers: FileAnswers = NO_ANSWERS,
    cases: Mapping[str, str] | None = None,
) -> LabelPlan:
    """Decide which tiles get a label: those of `labeled` (None: all that have a mask) and those of `val`.

    Parameters
    ----------
    mask_names
        What masks in a folder are called, such as "{name}_tissue".

    Raises
    ------
    ProjectError
        An unknown name, or a name in both lists.
    MaskError
        A listed tile without a mask, or no mask that is any image's.
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
    by_text = {str(value): class_id for value, class_id in values.items()}
    needed = (*(labeled_names or ()), *val_names)
    if masks is None:
        if needed:
            given = f"{needed[0]} is in a list of annotated images, but no folder of masks is given"
            hint = "choose the folder of masks, or leave the lists out"
            terminal = "add --masks DIR, or leave the lists out"
            raise ProjectError(given, "masks for the listed images", hint, terminal=terminal)
        return LabelPlan({}, by_text, (), {}, answers, cases or {})
    found, ambiguous = _masks_of(masks, names, mask_names)
    for name in needed:
        if name not in found and name not in ambiguous:
            where = masks if isinstance(masks, Path) else "the folder of masks"
            hint = f"add {name}.png to that folder, or take the image out of the list"
            raise MaskError(f"image {name} has no mask in {where}", "a mask for each listed image", hint)
    if labeled_names is not None:
        found = {name: found[name] for name in needed if name in found}
        ambiguous = {name: ambiguous[name] for name in needed if name in ambiguous}
    return LabelPlan(found, by_text, val_names, ambiguous, answers, cases or {})


def _masks_of(
    masks: Path | Mapping[str, Path] | Matches, names: Sequence[str], pattern: str | None
) -> tuple[Mapping[str, Path], dict[str, MaskError]]:
    if isinstance(masks, Mapping):
        return masks, {}
    matches = masks if isinstance(masks, Matches) else match_masks(names, scan_masks(masks).files, pattern)
    if isinstance(masks, Path) and not matches.found and not matches.ambiguous and names:
        raise no_match(names, masks, matches)
    ambiguous = {name: several_masks(name, several) for name, several in matches.ambiguous.items()}
    return {name: match.mask for name, match in {**matches.found, **matches.unused}.items()}, ambiguous


def import_label(project: Path, tile: Tile, path: Path, plan: LabelPlan) -> ImportedLabel:
    """Write the tile's label from its mask into a project that nobody sees yet.

    Raises
    ------
    MaskError
        A damaged mask, another size than the tile, or values that no class has.
    """
    label, numbers = mask_label(tile, path, plan)
    edits = (make_edit(label, LabelSource.IMPORTED, None, "tile"),)
    write_label_files(project, tile.name, label, encode_history(edits))
    objects = None
    if numbers is not None:
        data, objects = encode_objects(tile.name, numbers)
        target = project / objects.path
        with writing(target):
            target.parent.mkdir(exist_ok=True)
            write_synced(target, data)
    return ImportedLabel(summarize(label, edits), objects)


def mask_label(tile: Tile, path: Path, plan: LabelPlan) -> tuple[ClassIds, NDArray[np.int32] | None]:
    """The tile's label (H, W) as a mask has it, and the numbers of its objects, where it numbers them.

    Raises
    ------
    MaskError
        A damaged mask, another size than the tile, or values that no class has.
    """
    mask = read_mask_values(path, plan.kept_answers.mask)
    if mask.values.shape != (tile.height_px, tile.width_px):
        raise size_error(f"mask {path}", mask.values, tile)
    return mask.mapped(plan.mask_values), mask.objects


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
