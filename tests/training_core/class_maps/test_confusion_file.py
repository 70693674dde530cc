"""RUN/confusion.json: counts of each validation tile against scikit-image, and files that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import contingency_table

from training_core.base.errors import CheckpointError
from training_core.class_maps.confusion_file import read_confusion, run_confusion, write_confusion
from training_core.class_maps.pixel_scores import Confusion, percent_of_truth
from training_core.project import TissueClass

CLASSES = [
    TissueClass(0, "background", "#808080"),
    TissueClass(3, "gland", "#ff0000"),
    TissueClass(7, "fat", "#00ff00"),
]


def test_counts_of_each_tile_and_their_sum_are_those_of_scikit_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    truths, predictions = rng.integers(0, 3, (2, 40, 50), np.uint8), rng.integers(0, 3, (2, 40, 50), np.uint8)
    truths[rng.random(truths.shape) < 0.3] = 255
    tiles = {}
    for name, truth, prediction in zip(("v_1", "v_2"), truths, predictions, strict=True):
        tiles[name] = Confusion([0, 3, 7])
        tiles[name].add(truth, prediction)
    write_confusion(tmp_path, run_confusion(CLASSES, tiles, ["v_3"]))
    record = read_confusion(tmp_path)
    assert record is not None
    assert [(each.id, each.name) for each in record.classes] == [(0, "background"), (3, "gland"), (7, "fat")]
    assert (record.spec_version, record.not_predicted) == (1, ("v_3",))
    for each, truth, prediction in zip(record.tiles, truths, predictions, strict=True):
        theirs = contingency_table(truth, prediction, ignore_labels=[255]).toarray()[:3]
        assert np.array(each.counts).tolist() == theirs.tolist()
    both = contingency_table(truths, predictions, ignore_labels=[255]).toarray()[:3]
    assert np.array(record.counts).tolist() == both.tolist()
    assert np.array(record.counts).sum() == (truths != 255).sum()


def test_a_run_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    assert read_confusion(tmp_path) is None


WHOLE = {
    "spec_version": 1,
    "classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
    "counts": [[4, 1], [0, 2]],
    "tiles": [{"tile": "v", "counts": [[4, 1], [0, 2]]}],
    "not_predicted": [],
}


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [[4, 1], [0, 3]]},  # not the sum
        {"counts": [[4, 1]], "tiles": []},
        {"tiles": [{"tile": "v", "counts": [[4, 1, 0], [0, 2, 0]]}]},
        {"tiles": [{"tile": "v", "counts": [[5, 0], [0, -2]]}]},
        {"classes": [{"id": 0, "name": "a"}]},
        {"more": 1},
    ],
    ids=lambda change: ",".join(change),
)
def test_a_damaged_file_is_refused_and_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "confusion.json"
    path.write_text(json.dumps(WHOLE))
    assert read_confusion(tmp_path) is not None
    path.write_text(json.dumps(WHOLE | change))
    with pytest.raises(CheckpointError, match=r"confusion\.json is damaged"):
        read_confusion(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"spec_version": 1'])
def test_a_torn_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "confusion.json").write_text(text)
    with pytest.raises(CheckpointError, match="damaged"):
        read_confusion(tmp_path)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "confusion.json").write_text(json.dumps(WHOLE | {"spec_version": 2}))
    with pytest.raises(CheckpointError, match="newer version"):
        read_confusion(tmp_path)


def test_counts_by_name_and_in_percent_of_the_truth() -> None:
    """8 px of gland: 6 found, 2 called background; no true pixel of fat."""
    confusion = Confusion([0, 3, 7])
    confusion.add(np.array([[0, 0, 1, 1, 1, 1]], np.uint8), np.array([[0, 2, 1, 1, 1, 1]], np.uint8))
    confusion.add(np.array([[1, 1, 1, 1, 255]], np.uint8), np.array([[1, 1, 0, 0, 0]], np.uint8))
    by_name = confusion.by_name({each.id: each.name for each in CLASSES})
    assert by_name == {
        "background": {"background": 1, "gland": 0, "fat": 1},
        "gland": {"background": 2, "gland": 6, "fat": 0},
        "fat": {"background": 0, "gland": 0, "fat": 0},
    }
    assert percent_of_truth(by_name) == {
        "background": {"background": 50, "gland": 0, "fat": 50},
        "gland": {"background": 25, "gland": 75, "fat": 0},
        "fat": {},
    }
