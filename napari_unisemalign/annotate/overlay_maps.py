"""What the overlays of a tile show, in numbers and in words, without Qt and without layers.

All maps are (H, W) uint8: class ids with 255 where nothing is said, or confidence 0 to 255 for 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from napari_unisemalign.app.layer_values import U8, Mask
from napari_unisemalign.app.tile_overlays import Overlays
from training_core.base.i18n import tr
from training_core.io import read_mask
from training_core.project import UNLABELED, Project, TissueClass


class Comparison(StrEnum):
    """What the fourth overlay shows; CONFUSION: one cell of the confusion matrix."""

    DISAGREEMENT = "disagreement"
    CHANGES = "changes"
    CONFUSION = "confusion"


@dataclass(frozen=True)
class Confused:
    """One cell of the confusion matrix, by class ids: what is annotated as `truth` and predicted as `predicted`."""

    truth: int
    predicted: int
    counted: Mapping[str, int]
    """The pixels on each tile when the training ended."""

    def title(self, classes: Sequence[TissueClass]) -> str:
        """Such as "lumen predicted as stroma"."""
        names = {each.id: each.name for each in classes}
        words = tr("{truth} predicted as {predicted}")
        return words.format(truth=names.get(self.truth, ""), predicted=names.get(self.predicted, ""))


@dataclass(frozen=True)
class Maps:
    """What a run left for a tile, as read from the disk."""

    prediction: U8
    pseudo_label: U8
    confidence: U8
    former: U8 | None
    """The prediction of the finished run before; None where there is none of this size."""


@dataclass(frozen=True)
class Picture:
    """What is to be seen: the maps with the unsure pixels left open, the marked pixels, and what they are, in words."""

    prediction: U8
    pseudo_label: U8
    confidence: U8
    marked: U8
    """1 where the comparison found a difference, else 0."""
    words: str


def blank(shape: tuple[int, ...]) -> Picture:
    """Nothing is to be seen on a tile of this (H, W)."""
    nothing, zeros = np.full(shape, UNLABELED, np.uint8), np.zeros(shape, np.uint8)
    return Picture(nothing, nothing, zeros, zeros, "")


def read_maps(project: Project, tile: str, overlays: Overlays) -> Maps:
    """Read the maps of a tile, and the prediction that they are compared with.

    Raises
    ------
    UserError: a file is missing or damaged.
    """
    prediction = read_mask(overlays.prediction)
    return Maps(
        prediction,
        read_mask(overlays.pseudo_label),
        read_mask(overlays.confidence),
        _former(project, tile, overlays.run_id, prediction.shape),
    )


def _former(project: Project, tile: str, run_id: str, shape: tuple[int, ...]) -> U8 | None:
    """The prediction of the latest finished run before `run_id`; of the latest at all where that is not a run yet."""
    run_ids = project.run_ids()
    before = run_ids[: run_ids.index(run_id)] if run_id in run_ids else run_ids
    for each in reversed(before):
        stored = project.prediction(tile, each)
        if stored is not None:
            former = read_mask(stored.prediction)
            return former if former.shape == shape else None
    return None


def compose(
    maps: Maps,
    label: U8 | None,
    below: float,
    comparison: Comparison,
    classes: tuple[TissueClass, ...],
    confused: tuple[Confused, str] | None = None,
) -> Picture:
    """Leave open what is less sure than `below` (0 to 1), and mark what differs.

    label: (H, W) class ids of the tile's label as it is on screen; None or of another size: nothing to compare with.
    confused: what `Comparison.CONFUSION` marks, and the name of the tile.
    """
    unsure = maps.confidence < round(255 * below)
    prediction, pseudo_label = maps.prediction.copy(), maps.pseudo_label.copy()
    prediction[unsure] = UNLABELED
    pseudo_label[unsure] = UNLABELED
    if label is not None and label.shape != prediction.shape:
        label = None
    if comparison is Comparison.CHANGES:
        marked, words = _changes(maps.prediction, maps.former, classes)
    elif comparison is Comparison.CONFUSION and confused is not None:
        marked, words = _confusion(maps.prediction, label, *confused, classes)
    else:
        marked, words = _disagreement(prediction, label, classes)
    if below > 0:
        share = tr("{percent} of the pixels are hidden and left unannotated.").format(percent=_percent(unsure.mean()))
        words = f"{words} {share}"
    return Picture(prediction, pseudo_label, maps.confidence, marked.astype(np.uint8), words)


def _disagreement(prediction: U8, label: U8 | None, classes: tuple[TissueClass, ...]) -> tuple[Mask, str]:
    """Where the prediction says another class than the label; pixels without one of the two cannot disagree."""
    if label is None or (label == UNLABELED).all():
        nothing = np.zeros(prediction.shape, bool)
        return nothing, tr("Nothing is annotated on this tile, so there is nothing to compare with.")
    both = (label != UNLABELED) & (prediction != UNLABELED)
    differs = both & (prediction != label)
    count, total = int(np.count_nonzero(differs)), int(np.count_nonzero(both))
    if not count:
        words = tr("Agrees with all {total} annotated pixels.")
        return differs, words.format(total=f"{total:,}")
    words = tr("Differs from {count} of {total} annotated pixels ({percent}){most}.")
    most = _most_often(label[differs], prediction[differs], classes, tr(", most often {new} where you annotated {old}"))
    return differs, words.format(count=f"{count:,}", total=f"{total:,}", percent=_percent(count / total), most=most)


def _confusion(
    prediction: U8, label: U8 | None, confused: Confused, tile: str, classes: tuple[TissueClass, ...]
) -> tuple[Mask, str]:
    """Where one class is annotated and a certain other one predicted, at whatever confidence, as the matrix counts."""
    differs = np.zeros(prediction.shape, bool)
    if label is not None:
        differs = (label == confused.truth) & (prediction == confused.predicted)
    count, counted = int(np.count_nonzero(differs)), confused.counted.get(tile, 0)
    words = tr("Marked on {tile}: {title}, {count} px.")
    if count != counted:
        words = tr(
            "Marked on {tile}: {title}, {count} px. When the training ended it was {counted} px: the annotation or the "
            "prediction has changed since."
        )
    return differs, words.format(tile=tile, title=confused.title(classes), count=f"{count:,}", counted=f"{counted:,}")


def _changes(prediction: U8, former: U8 | None, classes: tuple[TissueClass, ...]) -> tuple[Mask, str]:
    """Where this round says another class than the round before."""
    if former is None:
        nothing = np.zeros(prediction.shape, bool)
        return nothing, tr("There is no earlier round with a prediction of this tile to compare with.")
    differs = prediction != former
    count = int(np.count_nonzero(differs))
    if not count:
        return differs, tr("Nothing changed on this tile since the last round.")
    words = tr("{percent} of the tile changed since the last round{most}.")
    most = _most_often(former[differs], prediction[differs], classes, tr(", most often from {old} to {new}"))
    return differs, words.format(percent=_percent(differs.mean()), most=most)


def _most_often(old: U8, new: U8, classes: tuple[TissueClass, ...], words: str) -> str:
    """The most frequent pair of classes, in words; nothing where one of them has no name any more."""
    names = {each.id: each.name for each in classes}
    pairs = np.bincount(old.astype(np.int64) * 256 + new, minlength=256 * 256)
    first, second = divmod(int(pairs.argmax()), 256)
    if first not in names or second not in names:
        return ""
    return words.format(old=names[first], new=names[second])


def _percent(share: float) -> str:
    percent = 100 * float(share)
    return tr("less than 1 %") if 0 < percent < 1 else f"{percent:.0f} %"
