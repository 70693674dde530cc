"""Annotated regions that a run does not train on: without validation tiles they show whose predictions are better.

About a fifth of the regions of each class that has enough of them, drawn with the run's seed. Where most of a tile is
annotated its regions are too large to go without: there, blocks of the tile are drawn instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds

LEAST_REGIONS = 5
"""A class with fewer regions keeps them all: it would lose more than a fifth."""
LEAST_CLASSES = 2
"""On one class alone, predicting it everywhere would be best."""
MAX_TILES = 8
"""Every validation predicts the tiles that hold a held-out region."""
_DENSE = 0.5
"""From this share of annotated pixels on a tile is drawn in blocks."""
_BLOCKS = 4
"""Blocks of such a tile, per axis."""


@dataclass(frozen=True)
class HeldOut:
    """What a run does not train on.

    Attributes
    ----------
    where
        (H, W) by tile, True where the annotation is held out; tiles without such a pixel are left out.
    is_new_to_previous
        Whether the project's previous run did not train on it either, so that its predictions can be judged there.
    """

    where: Mapping[str, BoolMask]
    is_new_to_previous: bool = False

    def __bool__(self) -> bool:
        return bool(self.where)


NOTHING = HeldOut({})


@dataclass(frozen=True)
class _Region:
    tile: str
    classes: frozenset[int]
    rows: slice
    columns: slice
    inside: BoolMask
    """Of the box that `rows` and `columns` make."""


def draw_held_out(labels: Mapping[str, ClassIds], seed: int, max_tiles: int = MAX_TILES) -> HeldOut:
    """A draw that depends on nothing but its arguments; empty where two classes cannot spare a region.

    Every class keeps most of its regions, every tile at least one.

    Parameters
    ----------
    labels
        (H, W) by tile, 255 where not annotated.
    """
    rng = np.random.default_rng([seed, 7])
    names = _tiles({name: _classes(label) for name, label in sorted(labels.items())}, rng, max_tiles)
    regions = [region for name in names for region in _regions(name, labels[name])]
    chosen = _chosen([regions[i] for i in rng.permutation(len(regions))])
    if len({c for region in chosen for c in region.classes}) < LEAST_CLASSES:
        return NOTHING
    where: dict[str, BoolMask] = {}
    for region in chosen:
        mask = where.setdefault(region.tile, np.zeros(labels[region.tile].shape, bool))
        mask[region.rows, region.columns] |= region.inside
    return HeldOut(where)


def continue_held_out(
    labels: Mapping[str, ClassIds], earlier: Mapping[str, BoolMask], known: Sequence[str], seed: int
) -> HeldOut | None:
    """What the previous run held out, and a share of tiles that are new: no round has trained on any of it.

    None: that is not enough any more, or nothing would be left to train on; a new draw is needed.

    Parameters
    ----------
    earlier
        What the previous run held out.
    known
        The tiles that it was trained on.
    """
    same = [name for name in sorted(earlier) if name in labels and earlier[name].shape == labels[name].shape]
    kept = {name: earlier[name] & (labels[name] != UNLABELED) for name in same}
    kept = {name: mask for name, mask in kept.items() if mask.any()}
    fresh = {name: label for name, label in labels.items() if name not in known and name not in earlier}
    where = {**kept, **draw_held_out(fresh, seed, max(0, MAX_TILES - len(kept))).where}
    judged = {c for name, mask in where.items() for c in _classes(labels[name][mask])}
    rest = {name: np.where(where[name], UNLABELED, label) if name in where else label for name, label in labels.items()}
    trained = {name: _classes(label) for name, label in rest.items()}
    every_tile_keeps_some = all(trained[name] for name in where)
    every_class_keeps_some = judged <= set().union(*trained.values())
    if len(judged) < LEAST_CLASSES or not every_tile_keeps_some or not every_class_keeps_some:
        return None
    return HeldOut(where, is_new_to_previous=True)


def _tiles(holders: Mapping[str, frozenset[int]], rng: np.random.Generator, most: int) -> list[str]:
    """At most so many tiles, the classes in turn, the rarest first: each brings a tile that has it."""
    annotated = [name for name, classes in holders.items() if classes]
    order = [annotated[i] for i in rng.permutation(len(annotated))]
    if len(order) <= most:
        return sorted(order)
    count = Counter(c for name in order for c in holders[name])
    chosen: list[str] = []
    while len(chosen) < most:
        for class_id in sorted(count, key=lambda c: (count[c], c)):
            found = next((name for name in order if name not in chosen and class_id in holders[name]), None)
            if found is not None and len(chosen) < most:
                chosen.append(found)
    return sorted(chosen)


def _regions(name: str, label: ClassIds) -> Iterator[_Region]:
    annotated = label != UNLABELED
    if annotated.mean() >= _DENSE:
        yield from _blocks(name, label, annotated)
        return
    from scipy import ndimage  # half a second that a run with validation tiles does not spend

    for class_id in sorted(_classes(label)):
        numbers, _count = ndimage.label(label == class_id, structure=np.ones((3, 3)))
        for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
            yield _Region(name, frozenset({class_id}), rows, columns, numbers[rows, columns] == number)


def _blocks(name: str, label: ClassIds, annotated: BoolMask) -> Iterator[_Region]:
    height, width = label.shape
    for row in range(_BLOCKS):
        rows = slice(row * height // _BLOCKS, (row + 1) * height // _BLOCKS)
        for column in range(_BLOCKS):
            columns = slice(column * width // _BLOCKS, (column + 1) * width // _BLOCKS)
            classes = _classes(label[rows, columns])
            if classes:
                yield _Region(name, classes, rows, columns, annotated[rows, columns])


def _chosen(regions: Sequence[_Region]) -> list[_Region]:
    """Of each class, the rarest first, its share, taken in the order of `regions`."""
    count = Counter(c for region in regions for c in region.classes)
    share = {c: n // LEAST_REGIONS for c, n in count.items()}
    held: Counter[int] = Counter()
    left = Counter(region.tile for region in regions)
    chosen: list[_Region] = []
    for class_id in sorted(share, key=lambda c: (count[c], c)):
        for region in regions:
            can_spare = left[region.tile] > 1 and all(held[c] < share[c] for c in region.classes)
            if class_id in region.classes and can_spare and not any(region is each for each in chosen):
                chosen.append(region)
                held.update(region.classes)
                left[region.tile] -= 1
    return chosen


def _classes(label: ClassIds) -> frozenset[int]:
    return frozenset(int(c) for c in np.flatnonzero(np.bincount(label.ravel(), minlength=256)) if c != UNLABELED)
