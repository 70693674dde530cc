"""Objects apart: how the separate objects of a class are read from the pixels of a prediction.

Touching objects are parted at their waists, specks and holes are removed, borders smoothed (`clean_up`). How much of
each is chosen for each class on tiles whose objects are known, as the scale and the temperature are: nothing here
knows how large a gland or a nucleus is. Classes of few objects, such as kinds of glomeruli, are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.i18n import tr
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.class_maps.object_scores import ObjectCounts, compare_objects, connected_objects

LEAST_OBJECTS = 10
"""From fewer known objects nothing is chosen; classes that have fewer are taken together."""
_COMPLETE = 0.98
"""Where less of a tile is annotated, an object may be cut or missing, and the tile does not count."""
_SIDE_PX = 32
"""Candidates are compared at the resolution at which a typical object is so wide."""
_LEAST_GAIN = 0.5
"""Points by which the sum of the scores has to rise for a change: less is chance."""
_SHARES = {
    "min_area_px": (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4),
    "waist_px": (0.0, 0.03, 0.06, 0.12, 0.2),
    "smooth_px": (0.0, 0.05, 0.1),
    "max_hole_px": (0.0, 1 / 16, 1 / 4),
}
"""Candidates as shares of a typical object: of its area, and for `waist_px` and `smooth_px` of its square root."""
_USUAL_SHARE = 1 / 16
"""Of a typical object's area."""
_LENGTHS = ("waist_px", "smooth_px")


@dataclass(frozen=True)
class ObjectReadout:
    """What is done to the pixels of one class so that its objects come apart.

    Attributes
    ----------
    class_index
        The class, in the order of the run's classes.
    smooth_px
        As in `CleanUp`, in px at the run's resolution.
    max_hole_px
        As in `CleanUp`, in px² at the run's resolution.
    min_area_px
        As `CleanUp.min_object_px`, in px² at the run's resolution.
    waist_px
        As `CleanUp.split_px`, in px at the run's resolution.
    """

    class_index: int
    smooth_px: float = 0.0
    max_hole_px: float = 0.0
    min_area_px: float = 0.0
    waist_px: float = 0.0

    def zoomed(self, zoom: float) -> ObjectReadout:
        """For an image that has 1 / zoom as many pixels per micrometer as the run works at."""
        changed = {name: getattr(self, name) / (zoom if name in _LENGTHS else zoom**2) for name in _SHARES}
        return replace(self, **changed)

    @property
    def clean_up(self) -> CleanUp:
        """The same in whole pixels; what is done at all is not rounded to nothing."""
        values = (getattr(self, f.name) for f in fields(self) if f.name != "class_index")
        return CleanUp(*(max(1, round(value)) if value else 0 for value in values))

    def words(self, run_mpp_um: float | None) -> str:
        """What is done, in a phrase; areas in µm², or in px² where the pixel size of the run is not known."""
        unit, px2 = ("px²", 1.0) if run_mpp_um is None else ("µm²", run_mpp_um**2)
        area = {"area": f"{self.min_area_px * px2:,.0f} {unit}", "hole": f"{self.max_hole_px * px2:,.0f} {unit}"}
        done = (
            (self.min_area_px, tr("areas below {area} are removed")),
            (self.max_hole_px, tr("holes up to {hole} are filled")),
            (self.smooth_px, tr("borders are smoothed")),
            (self.waist_px, tr("touching ones are separated at their waists")),
        )
        return ", ".join(words.format(**area) for value, words in done if value)


@dataclass(frozen=True)
class KnownTile:
    """A tile to choose on.

    Attributes
    ----------
    predicted
        Class indices (H, W).
    label
        The same as annotated, 255 where not.
    zoom
        Pixels at the run's resolution per pixel of the tile.
    """

    predicted: ClassIds
    label: ClassIds
    zoom: float


def separate(predicted: ClassIds, readouts: Sequence[ObjectReadout], ground: int) -> ClassIds:
    """Class indices (H, W) in which the connected areas of each read class are its objects.

    Parameters
    ----------
    readouts
        In pixels of this image.
    ground
        The class that takes the lines between touching objects.
    """
    for each in readouts:
        others = tuple(int(c) for c in np.unique(predicted) if c != each.class_index)
        predicted = clean_up(predicted, each.clean_up, others, line=ground)
    return predicted


def choose_object_readouts(
    tiles: Sequence[KnownTile], object_classes: Sequence[int], ground: int
) -> tuple[ObjectReadout, ...]:
    """For each class made of objects what gives the best scores on these tiles; classes that gain nothing are left out.

    Classes of which too few objects are known are treated alike, as is best for all of them together. What is weighed
    is the sum of the detection F1, the object Dice (Sirinukunwattana et al. 2017, arXiv 1603.00275) and the Dice of
    the pixels. One number after the other is set to its best candidate, in two rounds.

    Parameters
    ----------
    tiles
        Those that are annotated wholly count.
    """
    whole, areas = _known_areas(tiles, [each for each in object_classes if each != ground])
    return tuple(each for group in _groups(areas) for each in _chosen(whole, *group))


def with_too_few_objects(tiles: Sequence[KnownTile], object_classes: Sequence[int]) -> tuple[int, ...]:
    """The classes for which `choose_object_readouts` cannot choose, since these tiles show too few objects."""
    groups = _groups(_known_areas(tiles, object_classes)[1])
    return tuple(each for each in object_classes if not any(each in classes for classes, _ in groups))


def usual_object_readouts(
    labels: Iterable[tuple[ClassIds, float]], object_classes: Sequence[int]
) -> tuple[ObjectReadout, ...]:
    """Where no tile can tell what is best: specks and holes go that are far smaller than a typical annotated object.

    Parameters
    ----------
    labels
        Class indices (H, W), 255 where not annotated, and pixels at the run's resolution per pixel. Those that are
        annotated wholly count.
    """
    areas: dict[int, list[float]] = {each: [] for each in object_classes}
    for label, zoom in labels:
        if (label != UNLABELED).mean() >= _COMPLETE:
            for each, found in areas.items():
                found.extend(_areas(label == each) * zoom**2)
    return tuple(
        ObjectReadout(each, max_hole_px=area * _USUAL_SHARE, min_area_px=area * _USUAL_SHARE)
        for classes, area in _groups(areas)
        for each in classes
    )


def _known_areas(
    tiles: Sequence[KnownTile], object_classes: Sequence[int]
) -> tuple[list[KnownTile], dict[int, list[float]]]:
    """The tiles that are annotated wholly, and the areas of their objects in px² at the run's resolution."""
    whole = [tile for tile in tiles if (tile.label != UNLABELED).mean() >= _COMPLETE]
    return whole, {
        each: [area for tile in whole for area in _areas(tile.label == each) * tile.zoom**2] for each in object_classes
    }


def _groups(areas: Mapping[int, Sequence[float]]) -> list[tuple[tuple[int, ...], float]]:
    """The classes that are treated alike, and the median area of their objects; without those that are too rare.

    Parameters
    ----------
    areas
        Of the known objects of each class.
    """
    alone = {each: found for each, found in areas.items() if len(found) >= LEAST_OBJECTS}
    rare = tuple(each for each in areas if each not in alone)
    together = [area for each in rare for area in areas[each]]
    groups: list[tuple[tuple[int, ...], float]] = [((each,), float(np.median(found))) for each, found in alone.items()]
    if len(together) >= LEAST_OBJECTS:
        groups.append((rare, float(np.median(together))))
    return groups


def _chosen(tiles: Sequence[KnownTile], classes: tuple[int, ...], area: float) -> tuple[ObjectReadout, ...]:
    """What is best for all of the classes together, the same for each; nothing, where nothing gains.

    Parameters
    ----------
    area
        Of a typical object.
    """
    coarse = [_coarser(tile, math.sqrt(area), classes) for tile in tiles]
    typical = {name: math.sqrt(area) if name in _LENGTHS else area for name in _SHARES}
    known: dict[ObjectReadout, float] = {}

    def of_each(readout: ObjectReadout) -> tuple[ObjectReadout, ...]:
        return tuple(replace(readout, class_index=each) for each in classes)

    def worth(readout: ObjectReadout) -> float:
        if readout not in known:
            known[readout] = sum_of_scores(coarse, of_each(readout))
        return known[readout]

    best = start = ObjectReadout(classes[0])
    for _ in range(2):
        for name, shares in _SHARES.items():
            for share in shares:
                candidate = ObjectReadout(**asdict(best) | {name: share * typical[name]})
                if worth(candidate) > worth(best) + _LEAST_GAIN:
                    best = candidate
    return of_each(best) if best != start else ()


def sum_of_scores(tiles: Sequence[KnownTile], readouts: Sequence[ObjectReadout]) -> float:
    """F1 and Dice of the objects and Dice of the pixels of the classes, each pooled, in percent, added up."""
    classes = [each.class_index for each in readouts]
    counts, shared, either = ObjectCounts(), 0, 0
    for tile in tiles:
        found = separate(tile.predicted, [each.zoomed(tile.zoom) for each in readouts], ground=_other(classes))
        for class_index in classes:
            predicted, true = found == class_index, tile.label == class_index
            counts += compare_objects(connected_objects(true), connected_objects(predicted), distances=False)
            shared += int((predicted & true).sum())
            either += int(predicted.sum() + true.sum())
    scores = counts.scores()
    return scores.f1 + scores.dice + 200 * shared / either if scores is not None and either else 0.0


def _coarser(tile: KnownTile, side_px: float, classes: Collection[int]) -> KnownTile:
    """Only these classes and what is none of them, and no finer than the comparison needs."""
    step = max(1, int(side_px / tile.zoom / _SIDE_PX))
    other = _other(classes)

    def reduced(ids: ClassIds) -> ClassIds:
        coarse = ids[::step, ::step]
        return np.where(np.isin(coarse, list(classes)), coarse, other).astype(np.uint8)

    return KnownTile(reduced(tile.predicted), reduced(tile.label), tile.zoom * step)


def _other(classes: Collection[int]) -> int:
    """A class that is none of these."""
    return next(each for each in range(len(classes) + 1) if each not in classes)


def _areas(mask: BoolMask) -> NDArray[np.int64]:
    labels, _ = ndimage.label(mask)
    return np.bincount(labels.ravel())[1:]
