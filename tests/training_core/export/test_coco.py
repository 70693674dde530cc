"""COCO out, read by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.training_core.export.test_geojson import blobs
from training_core.cli.main import main
from training_core.io import write_png
from training_core.io.run_lengths import from_run_lengths, run_lengths
from training_core.project import UNLABELED, LabelSource, Project, make_classes

coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
CLASSES = make_classes(("background", "gland", "stroma"))
HEIGHT, WIDTH = 90, 120


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("a", "b", "c"):
        write_png(tmp_path / "images" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    project = Project.create(tmp_path / "project", [tmp_path / "images"], classes=CLASSES)
    project.write_label("a", blobs(HEIGHT, WIDTH, CLASSES), LabelSource.PAINTED)
    project.write_label("b", blobs(HEIGHT, WIDTH, CLASSES)[::-1], LabelSource.PAINTED)
    return project


def loaded(path: Path) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(path))


@pytest.mark.parametrize("file_format", ["coco", "coco-polygons"])
def test_pycocotools_finds_images_classes_and_objects(project: Project, tmp_path: Path, file_format: str) -> None:
    assert main(["export", str(project.path), "-o", str(tmp_path / "o"), "--format", file_format]) == 0
    found = loaded(tmp_path / "o" / "annotations.coco.json")
    images = found.loadImgs(found.getImgIds())
    assert [(each["file_name"], each["width"], each["height"]) for each in images] == [
        ("a.png", WIDTH, HEIGHT),
        ("b.png", WIDTH, HEIGHT),
    ]
    categories = found.loadCats(found.getCatIds())
    assert [(each["id"], each["name"]) for each in categories] == [(c.id, c.name) for c in CLASSES]
    for image in images:
        label = project.label(Path(image["file_name"]).stem)
        again = np.full((HEIGHT, WIDTH), UNLABELED, np.uint8)
        for each in found.loadAnns(found.getAnnIds(image["id"])):
            mask = found.annToMask(each).astype(bool)
            rows, columns = np.nonzero(label_area(label, each))
            left, top, width, height = each["bbox"]
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
            own = label_area(label, each)
            assert each["area"] == own.sum()
            if file_format == "coco":
                np.testing.assert_array_equal(mask, own)
            elif own.sum() > 100:
                assert (mask & own).sum() / (mask | own).sum() >= 0.99
            again[mask] = each["category_id"]
        if file_format == "coco":
            np.testing.assert_array_equal(again, label)
        for class_id in (1, 2):
            ids = found.getAnnIds(image["id"], catIds=[class_id])
            assert len(ids) == ndimage.label(label == class_id)[1]


def label_area(label: NDArray[np.uint8], annotation: Any) -> NDArray[np.bool_]:
    """The area of the label that an annotation is of: the connected one under its first pixel, or the class."""
    of_class = label == annotation["category_id"]
    if annotation["category_id"] == 0:
        return of_class
    areas, _ = ndimage.label(of_class)
    left, top, width, height = annotation["bbox"]
    inside = areas[top : top + height, left : left + width]
    counts = {n: int((areas == n).sum()) for n in np.unique(inside[inside > 0])}
    (number,) = (
        n
        for n, count in counts.items()
        if count == annotation["area"] and ndimage.find_objects(areas)[n - 1] == box_of(annotation)
    )
    own: NDArray[np.bool_] = areas == number
    return own


def box_of(annotation: Any) -> tuple[slice, slice]:
    left, top, width, height = annotation["bbox"]
    return slice(top, top + height, None), slice(left, left + width, None)


def test_polygons_are_written_where_there_are_no_holes(project: Project, tmp_path: Path) -> None:
    assert main(["export", str(project.path), "-o", str(tmp_path / "o"), "--format", "coco-polygons"]) == 0
    annotations = json.loads((tmp_path / "o" / "annotations.coco.json").read_text())["annotations"]
    kinds = {isinstance(each["segmentation"], list) for each in annotations}
    assert kinds == {True, False}
    for each in annotations:
        if isinstance(each["segmentation"], list):
            assert all(len(polygon) >= 8 and len(polygon) % 2 == 0 for polygon in each["segmentation"])


@pytest.mark.parametrize(
    "make", [np.zeros, np.ones, lambda s: np.eye(*s), None], ids=["none", "all", "diagonal", "noise"]
)
def test_run_lengths_are_those_of_pycocotools(make: Callable[..., Any] | None) -> None:
    mask_api = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(1).random((37, 53)) > 0.8 if make is None else make((37, 53)).astype(bool)
    packed = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    lengths = run_lengths(mask)
    again = mask_api.frPyObjects({"size": [37, 53], "counts": lengths}, 37, 53)
    np.testing.assert_array_equal(mask_api.decode(again).astype(bool), mask)
    np.testing.assert_array_equal(from_run_lengths(packed["counts"].decode(), 37, 53), mask)
    np.testing.assert_array_equal(from_run_lengths(lengths, 37, 53), mask)


def test_packed_lengths_of_large_masks_are_those_of_pycocotools() -> None:
    mask_api = pytest.importorskip("pycocotools.mask")
    mask = np.zeros((2000, 1500), np.uint8)
    mask[17:1900, 3:1400] = 1
    mask[500:900, 700:702] = 0
    packed = mask_api.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(from_run_lengths(packed["counts"].decode(), 2000, 1500), mask.astype(bool))


@pytest.mark.parametrize("counts", [[5], [3, -3, 2000], [1.5, 998.5], ["a"], "zzzz", "0", "o" * 50, [10**18]])
def test_damaged_run_lengths_are_refused(counts: Any) -> None:
    with pytest.raises(ValueError, match="run length"):
        from_run_lengths(counts, 20, 50)
