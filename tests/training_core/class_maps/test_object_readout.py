"""Objects apart: what is chosen on tiles whose objects are known, and what it does to others."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label as count_objects

from training_core.class_maps.object_readout import (
    KnownTile,
    ObjectReadout,
    choose_object_readouts,
    separate,
    usual_object_readouts,
    with_too_few_objects,
)

RADIUS = 14


def drawn(seed: int, zoom: float = 1.0, gland: int = 1) -> tuple[KnownTile, int]:
    """Pairs of discs; predicted as touching, with specks between them. And how many discs there are."""
    rng = np.random.default_rng(seed)
    radius = RADIUS / zoom
    side = round(240 / zoom)
    rows, columns = np.mgrid[:side, :side] * 1.0
    truth, predicted, n = np.zeros((side, side), bool), np.zeros((side, side), bool), 0
    for place in range(4):
        centre = np.array([60 + 120 * (place // 2), 60 + 120 * (place % 2)]) / zoom + rng.uniform(-8, 8, 2) / zoom
        angle = rng.uniform(0, np.pi)
        step = np.array([np.sin(angle), np.cos(angle)]) * radius
        for sign in (-1, 1):
            row, column = centre + sign * step * 0.95
            distance = np.hypot(rows - row, columns - column)
            truth |= distance < radius - 2 / zoom  # so that the true ones are apart
            predicted |= distance < radius
            n += 1
    for _ in range(12):
        row, column = rng.integers(0, side - 6, 2)
        speck = np.s_[row : row + round(4 / zoom), column : column + round(4 / zoom)]
        if not predicted[row - 3 : row + 9, column - 3 : column + 9].any():
            predicted[speck] = True
    return KnownTile((predicted * gland).astype(np.uint8), (truth * gland).astype(np.uint8), zoom), n


def n_objects(mask: np.ndarray) -> int:
    """By another library than the code under test."""
    return int(count_objects(mask, connectivity=1).max())


def test_touching_discs_come_apart_and_specks_go() -> None:
    tiles, number = zip(*(drawn(seed) for seed in range(3)), strict=True)
    assert n_objects(tiles[0].predicted == 1) > 8  # 4 pairs, and specks
    readouts = choose_object_readouts(tiles, [1], ground=0)
    assert [each.class_index for each in readouts] == [1]
    unseen, n_unseen = drawn(7)
    assert n_objects(separate(unseen.predicted, readouts, ground=0) == 1) == n_unseen == number[0] == 8


@pytest.mark.parametrize("zoom", [0.5, 2.0])
def test_what_is_chosen_holds_at_another_pixel_size(zoom: float) -> None:
    readouts = choose_object_readouts([drawn(seed)[0] for seed in range(3)], [1], ground=0)
    tile, n = drawn(8, zoom)
    zoomed = [each.zoomed(zoom) for each in readouts]
    assert n_objects(separate(tile.predicted, zoomed, ground=0) == 1) == n


def test_lengths_follow_the_zoom_and_areas_its_square() -> None:
    zoomed = ObjectReadout(1, smooth_px=2, max_hole_px=40, min_area_px=100, waist_px=6).zoomed(0.5)
    assert zoomed == ObjectReadout(1, smooth_px=4, max_hole_px=160, min_area_px=400, waist_px=12)
    assert vars(zoomed.clean_up) == {"smooth_px": 4, "max_hole_px": 160, "min_object_px": 400, "split_px": 12}


@pytest.mark.parametrize(
    ("mpp_um", "expected"),
    [
        (None, "areas below 1,200 px² are removed, holes up to 40 px² are filled"),
        (0.5, "areas below 300 µm² are removed, holes up to 10 µm² are filled"),
    ],
)
def test_sizes_are_said_on_the_tissue_where_the_pixel_size_is_known(mpp_um: float | None, expected: str) -> None:
    assert ObjectReadout(1, max_hole_px=40, min_area_px=1200).words(mpp_um) == expected


def test_lines_between_objects_are_ground_among_several_classes() -> None:
    tile, n = drawn(3, gland=2)
    predicted = np.where(tile.predicted == 2, 2, 1).astype(np.uint8)
    predicted[:4] = 0
    found = separate(predicted, [ObjectReadout(2, min_area_px=50, waist_px=4)], ground=1)
    assert n_objects(found == 2) == n
    assert (found[:4] == 0).all()
    assert set(np.unique(found)) == {0, 1, 2}
    cut = (predicted == 2) & (found != 2)
    assert set(np.unique(found[cut])) == {1}


def test_what_is_right_already_is_left_alone() -> None:
    tiles = [KnownTile(tile.label, tile.label, 1.0) for tile in (drawn(seed)[0] for seed in range(3))]
    assert choose_object_readouts(tiles, [1], ground=0) == ()


def of_two_kinds(seed: int) -> KnownTile:
    """Discs of class 1 in the upper half and of class 2 in the lower half: four of each."""
    tile, _ = drawn(seed)
    kind = np.where(np.arange(240) < 120, 1, 2)[:, None].astype(np.uint8)
    return KnownTile(tile.predicted * kind, tile.label * kind, 1.0)


def test_kinds_with_few_objects_are_treated_alike_as_is_best_for_all_of_them() -> None:
    tiles = [of_two_kinds(seed) for seed in range(2)]  # eight objects of each kind, sixteen of both
    assert choose_object_readouts(tiles, [1], ground=0) == ()
    assert with_too_few_objects(tiles, [1]) == (1,)
    assert with_too_few_objects(tiles, [1, 2]) == ()
    readouts = choose_object_readouts(tiles, [0, 1, 2], ground=0)
    assert [each.class_index for each in readouts] == [1, 2]
    first, second = ({**vars(each), "class_index": 0} for each in readouts)
    assert first == second
    unseen = of_two_kinds(7)
    assert n_objects(unseen.predicted == 1) + n_objects(unseen.predicted == 2) > 8  # 2 pairs of each, and specks
    found = separate(unseen.predicted, readouts, ground=0)
    assert [n_objects(found == kind) for kind in (1, 2)] == [4, 4]
    frequent = [of_two_kinds(seed) for seed in range(3)]
    for tile in frequent:
        tile.label[:, 120:][tile.label[:, 120:] == 2] = 0
    assert with_too_few_objects(frequent, [1, 2]) == (2,)  # twelve and six, which do not make up for each other


def test_without_tiles_to_choose_on_rare_kinds_have_a_typical_object_together() -> None:
    """Eight squares of 10 px and eight of 30 px: the median of all sixteen areas is 500 px."""
    label = np.zeros((400, 400), np.uint8)
    for place in range(8):
        label[10 : 10 + 10, 45 * place : 45 * place + 10] = 1
        label[100 : 100 + 30, 45 * place : 45 * place + 30] = 2
    alike = {"max_hole_px": 500 / 16, "min_area_px": 500 / 16}
    assert usual_object_readouts([(label, 1.0)], [1, 2]) == (ObjectReadout(1, **alike), ObjectReadout(2, **alike))
    assert usual_object_readouts([(label, 1.0)], [1]) == ()
    own = [100 / 16, 900 / 16]
    expected = tuple(
        ObjectReadout(kind, max_hole_px=area, min_area_px=area) for kind, area in zip((1, 2), own, strict=True)
    )
    assert usual_object_readouts([(label, 1.0)] * 2, [1, 2]) == expected  # sixteen of each


def test_too_few_objects_or_partly_annotated_tiles_decide_nothing() -> None:
    tile, _ = drawn(0)
    assert choose_object_readouts([tile], [1], ground=0) == ()  # 8 objects
    holed = np.where(np.arange(240) < 30, 255, tile.label).astype(np.uint8)
    assert choose_object_readouts([KnownTile(tile.predicted, holed, 1.0)] * 4, [1], ground=0) == ()
