"""The GlaS challenge's scores of single objects: detection F1, object Dice and object Hausdorff distance.

Source: Sirinukunwattana et al. 2017 (arXiv 1603.00275), "Evaluation", and the challenge's own code where the text
leaves a choice: an object counts as found when its match covers *more* than half of it, and distances are between all
pixels of two objects. Objects are pooled over the images of a test set.

One choice is ours, because the challenge has no finite answer there: in an image where the other side has no object at
all, an object's distance is the image's diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class ObjectScores:
    """f1 and dice in percent, hausdorff_px in pixels."""

    f1: float
    dice: float
    hausdorff_px: float


@dataclass(frozen=True)
class InstanceScores:
    """The scores of other fields, in percent; a pair counts as matched with an intersection over union above one half.

    Attributes
    ----------
    detection_f1
        Matched pairs among true and predicted objects.
    panoptic_quality
        The same, weighted with the mean intersection over union of the pairs (Kirillov et al. 2019, arXiv 1801.00868).
    aggregated_jaccard
        Pixels that pairs share, by the pixels of all pairs and of all that is left over (Kumar et al. 2017,
        doi 10.1109/TMI.2017.2677499).
    """

    detection_f1: float
    panoptic_quality: float
    aggregated_jaccard: float


@dataclass(frozen=True)
class ObjectCounts:
    """What an image adds to the scores of a test set: counts, and sums weighted by the objects' areas in pixels."""

    found: int = 0
    """True positives; the other predicted objects are false positives, the other true ones false negatives."""
    n_true: int = 0
    n_predicted: int = 0
    true_area: int = 0
    true_dice: float = 0.0
    true_hausdorff: float = 0.0
    predicted_area: int = 0
    predicted_dice: float = 0.0
    predicted_hausdorff: float = 0.0
    matched: int = 0
    """Pairs with an intersection over union above one half, and the sum of it."""
    matched_iou: float = 0.0
    jaccard_shared: int = 0
    """Numerator and denominator of the aggregated Jaccard index."""
    jaccard_all: int = 0

    def __add__(self, other: ObjectCounts) -> ObjectCounts:
        return ObjectCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def scores(self) -> ObjectScores | None:
        """Half from the true objects and half from the predicted ones; None when there is no object on either side.

        Where one side has no object in the whole test set, the distances of the other side stand alone.
        """
        if not self.n_true + self.n_predicted:
            return None
        sides = [
            (self.true_dice, self.true_hausdorff, self.true_area),
            (self.predicted_dice, self.predicted_hausdorff, self.predicted_area),
        ]
        means = [(dice / area, hausdorff / area) for dice, hausdorff, area in sides if area]
        return ObjectScores(
            f1=200.0 * self.found / (self.n_true + self.n_predicted),
            dice=100.0 * sum(dice for dice, _ in means) / len(means),
            hausdorff_px=sum(hausdorff for _, hausdorff in means) / len(means),
        )

    def instance_scores(self) -> InstanceScores | None:
        """None when there is no object on either side."""
        both = self.n_true + self.n_predicted
        if not both:
            return None
        return InstanceScores(
            detection_f1=200.0 * self.matched / both,
            panoptic_quality=200.0 * self.matched_iou / both,
            aggregated_jaccard=100.0 * self.jaccard_shared / self.jaccard_all,
        )


def connected_objects(foreground: NDArray[np.bool_], min_px: float = 0) -> Labels:
    """Connected pixels (edge to edge) as objects 1, 2 ... (H, W), without those below `min_px` pixels."""
    labels, _ = ndimage.label(foreground)
    sizes = np.bincount(labels.ravel())
    kept = sizes >= min_px
    kept[0] = False
    return _renumbered(labels, kept)


def true_objects(numbers: NDArray[np.int32], foreground: NDArray[np.bool_]) -> Labels:
    """The objects of a mask (H, W): its numbers where it has several, else the connected pixels of the foreground."""
    found, places = np.unique(numbers[foreground], return_inverse=True)
    if found.size < 2:
        return connected_objects(foreground)
    objects = np.zeros(numbers.shape, np.int32)
    objects[foreground] = places + 1
    return objects


def compare_objects(truth: Labels, predicted: Labels, *, distances: bool = True) -> ObjectCounts:
    """What one image counts: two maps (H, W) of objects 1 to n, 0 elsewhere.

    Parameters
    ----------
    distances
        Whether the Hausdorff distances are measured, which takes most of the time; else they count as 0.
    """
    true_areas, predicted_areas = np.bincount(truth.ravel())[1:], np.bincount(predicted.ravel())[1:]
    n_true, n_predicted = len(true_areas), len(predicted_areas)
    pairs = truth.astype(np.int64) * (n_predicted + 1) + predicted
    overlap = np.bincount(pairs.ravel(), minlength=(n_true + 1) * (n_predicted + 1))
    overlap = overlap.reshape(n_true + 1, n_predicted + 1)[1:, 1:]
    between = _Distances(truth, predicted) if distances else None
    of_true, of_predicted = (between.of_true, between.of_predicted) if between else (_no_distance, _no_distance)
    true_dice, true_hausdorff = _one_side(overlap, true_areas, predicted_areas, of_true)
    predicted_dice, predicted_hausdorff = _one_side(overlap.T, predicted_areas, true_areas, of_predicted)
    return ObjectCounts(
        _n_found(overlap, true_areas), n_true, n_predicted,
        int(true_areas.sum()), true_dice, true_hausdorff,
        int(predicted_areas.sum()), predicted_dice, predicted_hausdorff,
        *_matched(overlap, true_areas, predicted_areas),
        *_aggregated(overlap, true_areas, predicted_areas),
    )  # fmt: skip


def _matched(
    overlap: NDArray[np.int64], true_areas: NDArray[np.int64], predicted_areas: NDArray[np.int64]
) -> tuple[int, float]:
    """Pairs above one half: an object has at most one such partner, so nothing has to be assigned."""
    iou = overlap / (true_areas[:, None] + predicted_areas - overlap)
    return int((iou > 0.5).sum()), float(iou[iou > 0.5].sum())


def _aggregated(
    overlap: NDArray[np.int64], true_areas: NDArray[np.int64], predicted_areas: NDArray[np.int64]
) -> tuple[int, int]:
    """Shared pixels and all pixels: each true object with the predicted one of highest intersection over union."""
    left_over = np.ones(len(predicted_areas), bool)
    shared = either = 0
    for own, area in zip(overlap, true_areas, strict=True):
        if not own.any():
            either += int(area)
            continue
        best = int((own / (area + predicted_areas - own)).argmax())
        shared += int(own[best])
        either += int(area + predicted_areas[best] - own[best])
        left_over[best] = False
    return shared, either + int(predicted_areas[left_over].sum())


def _no_distance(_own: int, _match: int | None) -> float:
    return 0.0


def _n_found(overlap: NDArray[np.int64], true_areas: NDArray[np.int64]) -> int:
    """Predicted objects (columns) that cover more than half of the true object (row) that they overlap most."""
    if not overlap.size:
        return 0
    match = overlap.argmax(0)
    return int((2 * overlap.max(0) > true_areas[match]).sum())


def _one_side(
    overlap: NDArray[np.int64],
    areas: NDArray[np.int64],
    other_areas: NDArray[np.int64],
    hausdorff: Callable[[int, int | None], float],
) -> tuple[float, float]:
    """Sums of area times Dice and area times Hausdorff over this side's objects (rows), each with its match.

    The match is the object of the other side that overlaps most; without one, Dice is 0 and the distance is to the
    nearest object, which `hausdorff` finds.
    """
    dice_sum = hausdorff_sum = 0.0
    for own, area in enumerate(areas):
        shared = overlap[own].max(initial=0)
        match = int(overlap[own].argmax()) if shared else None
        if match is not None:
            dice_sum += float(area * 2 * shared / (area + other_areas[match]))
        hausdorff_sum += float(area) * hausdorff(own, match)
    return dice_sum, hausdorff_sum


class _Objects:
    """The objects of one map, 0-based: their boxes, and their border pixels in a tree that finds the nearest."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._slices = ndimage.find_objects(labels)
        edges = [(rows.start, columns.start, rows.stop - 1, columns.stop - 1) for rows, columns in self._slices]
        self.boxes = np.array(edges, np.int64).reshape(-1, 4)
        """(n, 4): first row, first column, last row, last column."""
        self._borders: dict[int, KDTree] = {}

    def border(self, number: int) -> KDTree:
        """The pixels that have a neighbour edge to edge outside the object, or lie at the image's edge."""
        if number not in self._borders:
            mask = self.labels[self._slices[number]] == number + 1
            points = np.argwhere(mask & ~ndimage.binary_erosion(mask))
            self._borders[number] = KDTree(points + self.boxes[number, :2])
        return self._borders[number]

    def farthest(self, number: int, other: _Objects, target: int) -> float:
        """The largest distance from a pixel of an object to the nearest pixel of the object `target` of another map.

        A pixel inside the object and outside the target's box has a neighbour in the object that is farther from all of
        the target, so only border pixels and those in the box are asked; the nearest pixel is on the target's border.
        """
        box = other._slices[target]
        inside = np.argwhere((self.labels[box] == number + 1) & (other.labels[box] != target + 1))
        border = self.border(number).data.astype(np.int64)
        border = border[other.labels[border[:, 0], border[:, 1]] != target + 1]
        points = np.concatenate([border, inside + other.boxes[target, :2]])
        return float(other.border(target).query(points)[0].max(initial=0))


class _Distances:
    """Hausdorff distances between the objects of two maps, each pair computed once."""

    def __init__(self, truth: Labels, predicted: Labels) -> None:
        self._true, self._predicted = _Objects(truth), _Objects(predicted)
        self._diagonal = math.hypot(*truth.shape)
        self._known: dict[tuple[int, int], float] = {}

    def of_true(self, own: int, match: int | None) -> float:
        """From true object `own` to the predicted object `match`, or to the nearest one; 0-based."""
        if match is not None:
            return self._between(own, match)
        bounds = np.abs(self._predicted.boxes - self._true.boxes[own]).max(1, initial=0)
        return self._nearest(bounds, lambda other: self._between(own, other))

    def of_predicted(self, own: int, match: int | None) -> float:
        """From predicted object `own` to the true object `match`, or to the nearest one; 0-based."""
        if match is not None:
            return self._between(match, own)
        bounds = np.abs(self._true.boxes - self._predicted.boxes[own]).max(1, initial=0)
        return self._nearest(bounds, lambda other: self._between(other, own))

    def _nearest(self, bounds: NDArray[np.int64], between: Callable[[int], float]) -> float:
        """The smallest distance to any object of the other side.

        Two objects are at least as far apart as the like edges of their boxes (`bounds`), so the search ends at the
        first bound above the best distance.
        """
        best = self._diagonal
        for other in np.argsort(bounds):
            if bounds[other] >= best:
                break
            best = min(best, between(int(other)))
        return best

    def _between(self, true: int, predicted: int) -> float:
        if (true, predicted) not in self._known:
            self._known[true, predicted] = max(
                self._true.farthest(true, self._predicted, predicted),
                self._predicted.farthest(predicted, self._true, true),
            )
        return self._known[true, predicted]


def _renumbered(labels: NDArray[np.int32], kept: NDArray[np.bool_]) -> Labels:
    """The objects to keep as 1 to n."""
    table = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    renumbered: Labels = table[labels]
    return renumbered
