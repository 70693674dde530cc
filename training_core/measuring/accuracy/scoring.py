"""All figures of one trained run on sets of images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError
from training_core.base.progress import ReportProgress
from training_core.class_maps.object_scores import ObjectCounts, compare_objects, connected_objects, true_objects
from training_core.class_maps.pixel_scores import Calibration, Confusion
from training_core.class_maps.tile_result import TileResult
from training_core.io.resolution import file_mpp_um
from training_core.measuring.accuracy.datasets import Dataset, Item
from training_core.measuring.accuracy.error_map import ErrorMap, border_distance, stroke_distance
from training_core.measuring.accuracy.usable import read_pair
from training_core.prediction.predictor import Predictor


def score_sets(
    predictor: Predictor,
    dataset: Dataset,
    sets: Mapping[str, Sequence[Item]],
    min_object_um2: float,
    progress: ReportProgress | None = None,
) -> dict[str, dict[str, Any]]:
    """Figures of each set of images, by the set's name. An image that is in several sets is predicted once.

    Parameters
    ----------
    min_object_um2
        Predicted objects below this area are specks and do not count as objects; pixel scores keep them.

    Raises
    ------
    ImageError, MaskError
        A file is damaged, or a mask does not fit its image.
    """
    scores = {name: _SetScore(predictor, dataset) for name in sets}
    items = {item.image: item for members in sets.values() for item in members}
    for number, (path, item) in enumerate(items.items()):
        if progress is not None:
            progress(number, len(items), f"Scoring {item.name}")
        measured = _measure(predictor, dataset, item, min_object_um2)
        for name, members in sets.items():
            if any(member.image == path for member in members):
                scores[name].add(measured)
    return {name: score.as_json() for name, score in scores.items()}


def score_unpainted(
    predictor: Predictor,
    dataset: Dataset,
    painted: Mapping[str, ClassIds],
    progress: ReportProgress | None = None,
) -> dict[str, Any]:
    """Errors on the pixels of painted images that nobody painted, by distance to a border and to a stroke.

    Parameters
    ----------
    painted
        What was painted on each image, by its name: class ids (H, W), or `UNLABELED`.

    Raises
    ------
    ImageError, MaskError
        A file is damaged, or a mask does not fit its image.
    """
    borders, strokes = (ErrorMap(len(predictor.classes)) for _ in range(2))
    items = [item for item in dataset.train if item.name in painted]
    for number, item in enumerate(items):
        if progress is not None:
            progress(number, len(items), f"Scoring {item.name}")
        _, truth, result, _, _ = _predict(predictor, dataset, item)
        covered = painted[item.name] != UNLABELED
        indices = _indices(predictor)[truth]
        borders.add(indices, result.prediction, border_distance(truth), ~covered)
        strokes.add(indices, result.prediction, stroke_distance(covered), ~covered)
    names = {c.id: c.name for c in dataset.classes}
    ordered = [names[c.id] for c in predictor.classes]
    return {
        "n_images": len(items),
        "errors_by_border_distance": borders.as_json(ordered),
        "errors_by_stroke_distance": strokes.as_json(ordered),
    }


class _Measured:
    """One image: truth and prediction in class indices, its counts, its errors by distance, its objects."""

    def __init__(
        self,
        predictor: Predictor,
        truth: ClassIds,
        result: TileResult,
        objects: ObjectCounts,
        of_any_class: ObjectCounts,
        seconds: float,
    ) -> None:
        self.truth, self.result, self.seconds = truth, result, seconds
        self.objects, self.of_any_class = objects, of_any_class
        self.confusion = Confusion([c.id for c in predictor.classes])
        self.confusion.add(truth, result.prediction)
        self.errors = ErrorMap(len(predictor.classes))
        self.errors.add(truth, result.prediction, border_distance(truth))


class _SetScore:
    def __init__(self, predictor: Predictor, dataset: Dataset) -> None:
        self._confusion = Confusion([c.id for c in predictor.classes])
        self._calibration = Calibration()
        self._errors = ErrorMap(len(predictor.classes))
        self._objects, self._of_any_class = ObjectCounts(), ObjectCounts()
        self._names = {c.id: c.name for c in dataset.classes}
        self._judged = dataset.judged
        self._dice: dict[int, list[float]] = {c.id: [] for c in predictor.classes}  # of each image
        self._n_images = 0
        self._seconds = 0.0

    def add(self, image: _Measured) -> None:
        self._confusion.counts += image.confusion.counts
        self._calibration.add(image.truth, image.result.prediction, image.result.confidence)
        self._errors += image.errors
        self._objects += image.objects
        self._of_any_class += image.of_any_class
        self._n_images += 1
        self._seconds += image.seconds
        scores = image.confusion.scores()
        for class_id, dice in scores.dice.items() if scores is not None else ():
            self._dice[class_id].append(dice)

    def as_json(self) -> dict[str, Any]:
        scores, objects, names = self._confusion.scores(), self._objects.scores(), self._names
        single, any_class = self._objects.instance_scores(), self._of_any_class.instance_scores()
        if scores is None:
            raise MaskError("the masks of a set have no labelled pixel", "masks with classes", "check the masks")
        judged = [scores.dice[c] for c in self._judged or () if c in scores.dice]
        return {
            "mDice": scores.mdice,
            "mJaccard": scores.mjaccard,
            "judged_dice": fmean(judged) if judged else None,
            "object_f1": objects.f1 if objects else None,
            "object_dice": objects.dice if objects else None,
            "object_hausdorff_px": objects.hausdorff_px if objects else None,
            "detection_f1": single.detection_f1 if single else None,
            "detection_f1_any_class": any_class.detection_f1 if any_class else None,
            "panoptic_quality": single.panoptic_quality if single else None,
            "aggregated_jaccard": single.aggregated_jaccard if single else None,
            "expected_calibration_error": self._calibration.expected_calibration_error(),
            "per_class": {names[c]: {"dice": scores.dice[c], "jaccard": scores.jaccard[c]} for c in scores.dice},
            "per_image": {
                names[c]: {"dice": fmean(dice), "n_images": len(dice)} for c, dice in self._dice.items() if dice
            },
            "absent_classes": [names[c] for c in scores.absent],
            "confusion": self._confusion.by_name(names),
            "errors_by_border_distance": self._errors.as_json([names[c] for c in self._confusion.class_ids]),
            "n_images": self._n_images,
            "predicting_s": round(self._seconds, 2),
        }


def _measure(predictor: Predictor, dataset: Dataset, item: Item, min_object_um2: float) -> _Measured:
    numbers, truth, result, mpp_um, seconds = _predict(predictor, dataset, item)
    objects, all_true, all_predicted = ObjectCounts(), np.zeros(truth.shape, np.int32), np.zeros(truth.shape, np.int32)
    for class_id, numbered in dataset.object_classes.items():
        predicted = predictor.class_ids[result.prediction] == class_id
        min_px = min_object_um2 / mpp_um**2 if mpp_um is not None else 0.0
        of_class = truth == class_id
        true = true_objects(numbers, of_class) if numbered else connected_objects(of_class)
        found = connected_objects(predicted, min_px)
        objects += compare_objects(true, found)
        all_true[true > 0] = true[true > 0] + all_true.max()
        all_predicted[found > 0] = found[found > 0] + all_predicted.max()
    of_any_class = compare_objects(all_true, all_predicted, distances=False)
    return _Measured(predictor, _indices(predictor)[truth], result, objects, of_any_class, seconds)


def _predict(
    predictor: Predictor, dataset: Dataset, item: Item
) -> tuple[NDArray[np.int32], ClassIds, TileResult, float | None, float]:
    """The numbers of the mask, the truth in class ids, the prediction in class indices, pixel size, seconds."""
    image, numbers, truth = read_pair(dataset, item)
    started = time.monotonic()
    mpp_um = dataset.mpp_um if dataset.mpp_um is not None else file_mpp_um(item.image)
    result = predictor.predict(image, mpp_um)
    return numbers, truth, result, mpp_um, time.monotonic() - started


def _indices(predictor: Predictor) -> ClassIds:
    """(256,) class id to class index."""
    to_index = np.full(256, UNLABELED, np.uint8)
    to_index[predictor.class_ids] = np.arange(len(predictor.class_ids))
    return to_index
