"""dataset.yaml: what it means, and what is said of a wrong one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from training_core.base.errors import ConfigError
from training_core.measuring.accuracy.dataset_file import parse_dataset, read_dataset_file

EXAMPLE: dict[str, Any] = {
    "name": "Kidney",
    "mpp_um": 0.5,
    "classes": [{"name": "rest", "values": [0]}, {"name": "gl", "values": [1, 4], "made_of_objects": True}],
    "unlabeled_values": [255],
    "judged": ["gl"],
    "draw": {"labeled": 2, "val": 1},
}


def changed(**changes: Any) -> dict[str, Any]:
    values = copy.deepcopy(EXAMPLE)
    for key, value in changes.items():
        if value is None:
            del values[key]
        else:
            values[key] = value
    return values


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(EXAMPLE))
    described = read_dataset_file(path)
    assert (described.name, described.mpp_um, described.images, described.masks) == ("Kidney", 0.5, "images", "masks")
    assert described.classes[1].mask_values() == ("1", "4")
    assert described.draw is not None
    assert (described.draw.test, described.draw.seed, described.draw.folds) == (0, 0, None)


def test_a_class_whose_objects_are_numbered() -> None:
    classes = [{"name": "rest", "values": [0]}, {"name": "gl", "numbered": [1, 3]}]
    assert parse_dataset(changed(classes=classes), "x").classes[1].mask_values() == ("1-3",)


CLASSES = EXAMPLE["classes"]
BOTH = {"name": "gl", "values": [1], "numbered": [1, 2]}
WRONG_WAY = {"name": "gl", "numbered": [5, 1]}
WRONG = {
    "an unknown key": ({"pixel": 1}, r"x has the unknown key pixel = 1\. Needed: one of .*mpp_um"),
    "an unknown key inside": ({"draw": {"labelled": 2}}, r"unknown key draw\.labelled = 2.*Try: labeled"),
    "an unknown key in a list": (
        {"classes": [CLASSES[0], {"name": "a", "value": [1]}]}, r"unknown key classes\.1\.value = .*Try: values",
    ),
    "a missing key": ({"name": None}, r"does not have the key name.*Try: add name"),
    "a missing key inside": ({"draw": {"labeled": 2}}, r"does not have the key draw\.val"),
    "a wrong type": ({"mpp_um": "half"}, r"mpp_um = 'half'\. Needed: a valid number"),
    "out of range": ({"draw": {"labeled": 0, "val": 1}}, r"draw\.labeled = 0\. Needed: greater than or equal to 1"),
    "no class": ({"classes": [CLASSES[0]]}, r"classes = .*at least 2 items"),
    "no values": ({"classes": [CLASSES[0], {"name": "gl"}]}, r"class gl neither values nor numbered"),
    "both kinds of values": ({"classes": [CLASSES[0], BOTH]}, r"class gl both values and numbered"),
    "a range the wrong way round": ({"classes": [CLASSES[0], WRONG_WAY]}, r"numbered: \[1, 255\]"),
    "a value with two meanings": (
        {"unlabeled_values": [4]}, r"mask value 4 two meanings, class gl \(4\) and unlabeled_values",
    ),
    "a range with two meanings": (
        {"unlabeled_values": ["3-9"]}, r"mask value 3-9 two meanings, class gl \(4\) and unlabeled_values",
    ),
    "no value": ({"unlabeled_values": ["red"]}, r"mask value red of unlabeled_values.*a colour"),
    "a value out of range": ({"unlabeled_values": [-1]}, r"mask value -1 of unlabeled_values"),
    "a judged class that is none": ({"judged": ["gm"]}, r"judged class gm\. Needed: one of rest, gl"),
    "no split": ({"draw": None}, r"neither lists nor draw"),
    "two splits": ({"lists": {"labeled": "a", "val": "b"}}, r"both lists and draw.*both only where draw has folds"),
    "a test count beside folds": ({"draw": {"labeled": 2, "val": 1, "folds": 3, "test": 1}}, r"draw\.test = 1 beside"),
    "two test sets": (
        {"draw": {"labeled": 2, "val": 1, "test": 1}, "test_images": "a", "test_masks": "b"}, r"one set of test images",
    ),
    "test images without masks": ({"test_images": "a"}, r"only one of test_images and test_masks"),
    "a bad expression": ({"draw": {"labeled": 2, "val": 1, "group": "("}}, r"draw\.group = '\(', which is no regular"),
    "a newer version": ({"spec_version": 2}, r"newer version"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_dataset(changed(**changes), "x")


def test_lists_and_folds_may_be_in_one_file() -> None:
    draw = {"labeled": 2, "val": 1, "folds": 3}
    assert parse_dataset(changed(lists={"labeled": "a", "val": "b"}, draw=draw), "x").lists is not None


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "dataset.yaml"
    with pytest.raises(ConfigError, match=r"there is no file .*dataset\.yaml"):
        read_dataset_file(path)
    path.write_text("name: [1\n")
    with pytest.raises(ConfigError, match=r"not readable as YAML.*line 2"):
        read_dataset_file(path)
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match="contains a list"):
        read_dataset_file(path)
    path.write_text("name: 2020-01-01\n")
    with pytest.raises(ConfigError, match="not plain data"):
        read_dataset_file(path)
