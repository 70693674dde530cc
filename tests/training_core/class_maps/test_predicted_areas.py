"""Areas of a prediction summed block by block, and by scipy over the whole; and the notes of what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from scipy import ndimage

from training_core.base.arrays import UNLABELED
from training_core.class_maps.predicted_areas import (
    ClassArea,
    ImageAreas,
    class_areas,
    read_areas,
    result_as_noted,
    write_areas,
)
from training_core.io import write_png
from training_core.project import TissueClass

CLASSES = (
    TissueClass(0, "background", "#999999"),
    TissueClass(3, "gland", "#00bf30"),
    TissueClass(7, "stroma", "#0040ff", made_of_objects=False),
    TissueClass(9, "vessel", "#ffff00"),
)


def tissue(height: int, width: int) -> np.ndarray:
    """Blobs of three classes, noise among them, and glass on one side; nothing of the fourth class."""
    random = np.random.default_rng(height)
    field = ndimage.gaussian_filter(random.random((height, width)), 4)
    ids = np.array([0, 3, 7], np.uint8)[np.searchsorted(np.quantile(field, [0.4, 0.7]), field)]
    ids = np.where(random.random(ids.shape) < 0.05, 3, ids).astype(np.uint8)
    ids[:, width * 2 // 3 :] = UNLABELED
    return ids


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "zarr"])
def test_blocks_have_the_sums_of_the_whole(stored: bool) -> None:
    ids = tissue(150, 230)
    confidence = np.random.default_rng(1).integers(0, 256, ids.shape, np.uint8)
    arrays = [zarr.array(each, chunks=(64, 64)) for each in (ids, confidence)] if stored else [ids, confidence]
    found, not_predicted_px = class_areas(*arrays, CLASSES, block_px=32)
    assert not_predicted_px == (ids == UNLABELED).sum() > 0
    for each in found:
        own = ids == each.class_id
        assert each.pixels == own.sum()
        assert each.objects == (ndimage.label(own)[1] if each.class_name in ("gland", "vessel") else None)
        assert each.confidence == (pytest.approx(confidence[own].mean() / 255) if own.any() else None)
    assert [each.class_id for each in found] == [0, 3, 7, 9]
    assert found[1].objects > 50
    assert (found[3].pixels, found[3].objects, found[3].confidence) == (0, 0, None)


def test_a_work_that_is_stopped_ends_within_a_block() -> None:
    seen = 0

    def go_on() -> None:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise KeyboardInterrupt

    ids = tissue(128, 128)
    with pytest.raises(KeyboardInterrupt):
        class_areas(ids, ids, CLASSES, block_px=32, go_on=go_on)
    assert seen == 5


def test_a_note_counts_for_the_result_that_was_measured_and_no_other(tmp_path: Path) -> None:
    result = tmp_path / "a.prediction.png"
    write_png(result, np.zeros((40, 40), np.uint8))
    areas = ImageAreas("a", result_as_noted(tmp_path, "a"), 0.5, 0, (ClassArea(0, "b", 1600, None, 0.5),))
    assert read_areas(tmp_path, "a") is None
    write_areas(tmp_path, areas)
    assert read_areas(tmp_path, "a") == areas
    note = tmp_path / ".areas" / "a.json"
    note.write_bytes(note.read_bytes()[:-20])
    assert read_areas(tmp_path, "a") is None
    write_areas(tmp_path, areas)
    write_png(result, np.ones((40, 40), np.uint8))
    assert read_areas(tmp_path, "a") is None
    result.unlink()
    assert read_areas(tmp_path, "a") is None
