"""Objects apart in a file, block by block: drawn ones whose outcome is known, and random ones as in memory."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from scipy import ndimage

from training_core.class_maps import streamed_readout
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.class_maps.connected_areas import CORNERS, EDGES, Box, ConnectedAreas, blocks
from training_core.class_maps.object_readout import ObjectReadout, separate
from training_core.class_maps.streamed_readout import clean_up_stored, separate_stored

SIDE = 128
BLOCK = 32


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.hypot(rows - row, columns - column) <= radius


def apart(ids: np.ndarray, readout: ObjectReadout, ground: int = 0, block_px: int = BLOCK) -> np.ndarray:
    changed = ids.copy()
    assert separate_stored(changed, np.full_like(ids, 9), [readout], ground, block_px) == 0
    return changed


def test_two_discs_that_touch_at_a_corner_of_blocks_become_two_objects() -> None:
    ids = (disc(50, 64, 17) | disc(80, 64, 17)).astype(np.uint8)  # the waist lies at row 65, on the border of blocks
    assert ndimage.label(ids)[1] == 1
    found = apart(ids, ObjectReadout(1, waist_px=3.0))
    objects, count = ndimage.label(found == 1, np.ones((3, 3)))
    assert count == 2
    assert objects[50, 64] != objects[80, 64]
    lines = np.argwhere(found != ids)
    assert 0 < len(lines) < 60
    assert np.abs(lines[:, 0] - 65).max() <= 2


def test_a_speck_and_a_hole_that_lie_in_four_blocks_go_and_larger_ones_stay() -> None:
    ids = np.zeros((SIDE, SIDE), np.uint8)
    ids[29:35, 29:35] = 1  # 36 px around a corner of blocks
    ids[60:120, 60:120] = 1
    ids[94:98, 94:98] = 2  # a hole of 16 px around another
    ids[70:80, 70:80] = 2  # one of 100 px
    ids[100:102, 0:10] = 2  # background of another kind that reaches the edge
    found = apart(ids, ObjectReadout(1, max_hole_px=50.0, min_area_px=37.0))
    expected = ids.copy()
    expected[29:35, 29:35], expected[94:98, 94:98] = 0, 1
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(apart(ids, ObjectReadout(1, max_hole_px=15.0, min_area_px=36.0)), ids)


def test_a_long_speck_goes_though_its_ends_lie_blocks_apart() -> None:
    ids = np.full((SIDE, SIDE), 3, np.uint8)
    ids[:, :64], ids[40, 10:120] = 2, 1
    found = apart(ids, ObjectReadout(1, min_area_px=200.0))
    expected = ids.copy()
    expected[40, 10:64], expected[40, 64:120] = 2, 3
    np.testing.assert_array_equal(found, expected)


def test_a_class_that_is_nothing_but_specks_stays_where_nothing_else_is() -> None:
    ids = np.ones((SIDE, SIDE), np.uint8)
    np.testing.assert_array_equal(apart(ids, ObjectReadout(1, min_area_px=1e9)), ids)


def test_what_is_too_large_is_counted_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed_readout, "LARGEST_AREA_MPX", 0.002)
    ids = (disc(50, 64, 17) | disc(80, 64, 17)).astype(np.uint8)
    changed = ids.copy()
    assert separate_stored(changed, np.zeros_like(ids), [ObjectReadout(1, waist_px=3.0)], 0, BLOCK) == 1
    np.testing.assert_array_equal(changed, ids)


def tissue(random: np.random.Generator, n_classes: int) -> np.ndarray:
    size = random.integers(40, 200, 2)
    fields = np.stack(
        [ndimage.gaussian_filter(random.normal(size=size), random.uniform(1, 8)) for _ in range(n_classes)]
    )
    ids = (fields / fields.std(axis=(1, 2), keepdims=True)).argmax(0).astype(np.uint8)
    if random.random() < 0.2:
        ids[random.random(ids.shape) < 0.02] = 255
    return ids


@pytest.mark.parametrize("seed", range(40))
def test_random_tissue_is_the_same_as_in_memory_to_the_pixel(seed: int) -> None:
    random = np.random.default_rng(seed)
    ids, side = tissue(random, n_classes=3), int(random.integers(16, 90))
    readouts = [
        ObjectReadout(
            class_id,
            smooth_px=float(random.choice([0, 2, 5])),
            max_hole_px=float(random.choice([0, 20, 300])),
            min_area_px=float(random.choice([20, 400, 3000])),
            waist_px=float(random.choice([0, 1, 2, 4])),
        )
        for class_id in (2, 1)
    ]
    stored = zarr.array(ids, chunks=(side, side))
    scratch = zarr.zeros(ids.shape, chunks=(side, side), dtype="uint8")
    separate_stored(stored, scratch, readouts, 0, side)
    np.testing.assert_array_equal(np.asarray(stored), separate(ids, readouts, 0))


@pytest.mark.parametrize("seed", range(40))
def test_random_tissue_is_cleaned_up_as_in_memory_to_the_pixel(seed: int) -> None:
    """Four classes, of which none, one or two are background, so that lines become background or are left open."""
    random = np.random.default_rng(seed)
    ids, side = tissue(random, n_classes=4), int(random.integers(16, 90))
    background = {0: [], 1: [0], 2: [0, 3]}[seed % 3]
    what = CleanUp(
        smooth_px=int(random.choice([0, 2, 5])),
        max_hole_px=int(random.choice([0, 20, 300])),
        min_object_px=int(random.choice([0, 20, 400, 3000])),
        split_px=int(random.choice([0, 1, 2, 4])),
    )
    stored = zarr.array(ids, chunks=(side, side))
    scratch = zarr.full(ids.shape, 7, chunks=(side, side), dtype="uint8")
    assert clean_up_stored(stored, scratch, what, [0, 1, 2, 3], background, side) == 0
    np.testing.assert_array_equal(np.asarray(stored), clean_up(ids, what, background))


def test_a_hole_that_holds_another_object_is_none() -> None:
    ids = np.zeros((SIDE, SIDE), np.uint8)
    ids[20:60, 20:60], ids[30:40, 30:40], ids[50:54, 50:54] = 1, 0, 0
    ids[34:36, 34:36] = 2  # in the first hole, across the border of blocks or not
    expected = ids.copy()
    expected[50:54, 50:54] = 1
    clean_up_stored(ids, np.zeros_like(ids), CleanUp(max_hole_px=200), [0, 1, 2], [0], BLOCK)
    np.testing.assert_array_equal(ids, expected)


@pytest.mark.parametrize("structure", [EDGES, CORNERS], ids=["edges", "corners"])
@pytest.mark.parametrize("density", [0.2, 0.45, 0.6])
def test_connected_areas_are_those_of_the_whole_mask(structure: np.ndarray, density: float) -> None:
    mask = np.random.default_rng(1).random((150, 97)) < density
    whole, count = ndimage.label(mask, structure)
    areas = ConnectedAreas(lambda box: mask[box.slices], mask.shape, BLOCK, structure)
    numbers = np.zeros(mask.shape, np.int64)
    for box in blocks(mask.shape, BLOCK):
        numbers[box.slices] = areas.numbers(box)
    assert len(areas.pixels) == count + 1
    pairs = {(int(a), int(b)) for a, b in zip(whole.ravel(), numbers.ravel(), strict=True)}
    assert len(pairs) == count + 1  # one to one, 0 to 0
    assert (0, 0) in pairs
    for ours, theirs in ((ours, theirs) for theirs, ours in pairs if ours):
        where = whole == theirs
        rows, columns = np.nonzero(where)
        assert areas.pixels[ours] == len(rows)
        at_edge = rows.min() == 0 or columns.min() == 0 or rows.max() == 149 or columns.max() == 96
        assert areas.at_edge[ours] == at_edge
        box = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        several = len({(row // BLOCK, column // BLOCK) for row, column in zip(rows, columns, strict=True)}) > 1
        assert areas.boxes.get(ours) == (box if several else None)
        if several:
            np.testing.assert_array_equal(areas.mask(ours, box), where[box.slices])
