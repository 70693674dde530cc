"""All figures of one trained run on sets of images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.base.errors import MaskError
from training_core.base.progress import ReportProgress
from training_core.class_maps.object_scores import ObjectCounts, compare_objects, connected_objects, true_objects
from training_core.class_maps.pixel_scores import Calibration, Confusion
from training_core.class_maps.tile_result import TileResult
from training_core.io import read_image, read_mask
from training_core.io.resolution import file_mpp_um
from training_core.measuring.accuracy.datasets import Dataset, Item
from training_core.prediction.predictor import Predictor
from training_core.project.importing import map_mask


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


class _Measured:
    """One image: truth and prediction in class indices, and what its objects count."""

    def __init__(self, truth: ClassIds, result: TileResult, objects: ObjectCounts, seconds: float) -> None:
        self.truth, self.result, self.objects, self.seconds = truth, result, objects, seconds


class _SetScore:
    def __init__(self, predictor: Predictor, dataset: Dataset) -> None:
        self._confusion = Confusion([c.id for c in predictor.classes])
        self._calibration = Calibration()
        self._objects = ObjectCounts()
        self._names = {c.id: c.name for c in dataset.classes}
        self._n_images = 0
        self._seconds = 0.0

    def add(self, image: _Measured) -> None:
        self._confusion.add(image.truth, image.result.prediction)
        self._calibration.add(image.truth, image.result.prediction, image.result.confidence)
        self._objects += image.objects
        self._n_images += 1
        self._seconds += image.seconds

    def as_json(self) -> dict[str, Any]:
        scores, objects, names = self._confusion.scores(), self._objects.scores(), self._names
        if scores is None:
            raise MaskError("the masks of a set have no labelled pixel", "masks with classes", "check the masks")
        return {
            "mDice": scores.mdice,
            "mJaccard": scores.mjaccard,
            "object_f1": objects.f1 if objects else None,
            "object_dice": objects.dice if objects else None,
            "object_hausdorff_px": objects.hausdorff_px if objects else None,
            "expected_calibration_error": self._calibration.expected_calibration_error(),
            "per_class": {names[c]: {"dice": scores.dice[c], "jaccard": scores.jaccard[c]} for c in scores.dice},
            "absent_classes": [names[c] for c in scores.absent],
            "confusion": self._confusion.by_name(names),
            "n_images": self._n_images,
            "predicting_s": round(self._seconds, 2),
        }


def _measure(predictor: Predictor, dataset: Dataset, item: Item, min_object_um2: float) -> _Measured:
    assert item.mask is not None  # datasets.check_masks
    image, mask = read_image(item.image), read_mask(item.mask)
    if mask.shape != image.shape[:2]:
        raise MaskError(
            f"mask {item.mask} is {mask.shape[1]} x {mask.shape[0]} px",
            f"the size of its image, {image.shape[1]} x {image.shape[0]} px",
            "use an image and a mask from the same source",
        )
    truth = map_mask(item.mask, mask, dataset.mask_values)
    started = time.monotonic()
    mpp_um = dataset.mpp_um if dataset.mpp_um is not None else file_mpp_um(item.image)
    result = predictor.predict(image, mpp_um)
    seconds = time.monotonic() - started
    to_index = np.full(256, UNLABELED, np.uint8)
    to_index[predictor.class_ids] = np.arange(len(predictor.class_ids))
    objects = ObjectCounts()
    if dataset.object_class is not None:
        predicted = predictor.class_ids[result.prediction] == dataset.object_class
        min_px = min_object_um2 / mpp_um**2 if mpp_um is not None else 0.0
        objects = compare_objects(
            true_objects(mask, truth == dataset.object_class), connected_objects(predicted, min_px)
        )
    return _Measured(to_index[truth], result, objects, seconds)
