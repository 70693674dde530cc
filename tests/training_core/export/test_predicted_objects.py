"""Objects of a predicted slide as GeoJSON: by other readers and another rasteriser, those of the whole mask."""

from __future__ import annotations

import json
import uuid
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.measure import label, regionprops

from tests.training_core.export.test_geojson import filled
from training_core.base.arrays import UNLABELED
from training_core.base.errors import MaskError
from training_core.class_maps import traced_areas
from training_core.class_maps.predicted_areas import ClassArea, class_areas
from training_core.export.ome_zarr import slide_masks
from training_core.export.predicted_objects import OBJECT_COLUMNS, ObjectFormat, ObjectsOf, objects_files
from training_core.export.predicted_result import open_result
from training_core.project import TissueClass

CLASSES = (
    TissueClass(0, "background", "#999999"),
    TissueClass(3, "gland", "#00bf30"),
    TissueClass(7, "Immune: CD8", "#0040ff"),
    TissueClass(9, "stroma", "#ffff00", made_of_objects=False),
)
HEIGHT, WIDTH = 1100, 1300
CORNER = (5000, 300)
OF = ObjectsOf("slide", "r1", 0.5, CORNER)


def tissue() -> NDArray[np.uint8]:
    """Large glands across the chunks of the file, with holes; small cells; stroma; glass at the right."""
    random = np.random.default_rng(0)
    field = ndimage.gaussian_filter(random.normal(size=(HEIGHT, WIDTH)), 25)
    ids = np.array([0, 3, 0, 9], np.uint8)[np.searchsorted(np.quantile(field, [0.3, 0.6, 0.8]), field)]
    cells = ndimage.gaussian_filter(random.normal(size=(HEIGHT, WIDTH)), 4)
    ids[cells > np.quantile(cells, 0.97)] = 7
    ids[:, 1250:] = UNLABELED
    return ids


def written(folder: Path, ids: NDArray[np.uint8], block_px: int = 512) -> tuple[Path, tuple[ClassArea, ...]]:
    """The file of a result that is written and read as `predict` does it."""
    confidence = (100 + np.arange(ids.size, dtype=np.int64) % 101).astype(np.uint8).reshape(ids.shape)
    with slide_masks(folder / "slide.ome.zarr", *ids.shape, CLASSES, 0.5) as masks:
        masks.writer(0, len(ids))(0, 0, ids, confidence)
    paths: dict[ObjectFormat, Path] = {"geojson": folder / "slide.geojson", "csv": folder / "slide.objects.csv"}
    result = open_result(folder, "slide")
    with objects_files(paths, OF, result.confidence) as write:
        found, _ = class_areas(result.ids, result.confidence, CLASSES, block_px=block_px, objects=write)
    return paths["geojson"], found


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> tuple[NDArray[np.uint8], list[Any], tuple[ClassArea, ...]]:
    ids = tissue()
    path, found = written(tmp_path_factory.mktemp("slide"), ids)
    collection = json.loads(path.read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    return ids, collection["features"], found


def test_each_object_of_the_whole_mask_is_one_feature(
    slide: tuple[NDArray[np.uint8], list[Any], tuple[ClassArea, ...]],
) -> None:
    ids, features, found = slide
    again = np.full(ids.shape, UNLABELED, np.uint8)
    confidence = 100 + np.arange(ids.size).reshape(ids.shape) % 101
    counts = {3: 0, 7: 0}
    for feature in features:
        properties = feature["properties"]
        names = properties["classification"].get("names") or [properties["classification"]["name"]]
        class_id = {"gland": 3, "Immune": 7}[names[0]]
        counts[class_id] += 1
        geometry = shapely.affinity.translate(shapely.geometry.shape(feature["geometry"]), -CORNER[0], -CORNER[1])
        assert geometry.is_valid
        x, y, right, bottom = map(int, geometry.bounds)
        moved = shapely.affinity.translate(geometry, -x, -y)
        own = filled(shapely.geometry.mapping(moved), bottom - y, right - x)
        assert (again[y:bottom, x:right][own] == UNLABELED).all()
        again[y:bottom, x:right][own] = class_id
        measured = properties["measurements"]
        assert measured["Area px^2"] == own.sum() == geometry.area
        assert measured["Area µm^2"] == own.sum() / 4
        assert measured["Confidence"] == pytest.approx(confidence[y:bottom, x:right][own].mean() / 255, abs=1e-4)
        assert properties["objectType"] == "detection"
        assert properties["metadata"] == {"image": "slide", "content": "predictions", "run": "r1"}
    np.testing.assert_array_equal(again, np.where(np.isin(ids, (3, 7)), ids, UNLABELED))
    assert counts == {each: ndimage.label(ids == each)[1] for each in counts}
    assert [each.objects for each in found] == [None, counts[3], counts[7], None]
    assert len({str(uuid.UUID(each["id"])) for each in features}) == len(features)
    assert any(len(each["geometry"]["coordinates"]) > 1 for each in features)
    largest = max(shapely.geometry.shape(each["geometry"]).bounds[2] - CORNER[0] for each in features)
    assert largest > 1024


@pytest.mark.parametrize("block_px", [512, 2048])
def test_the_table_has_what_scikit_image_measures_of_the_whole_mask(tmp_path: Path, block_px: int) -> None:
    ids = tissue()
    path, _ = written(tmp_path, ids, block_px)
    table = pd.read_csv(tmp_path / "slide.objects.csv", encoding="utf-8-sig")
    assert tuple(table.columns) == OBJECT_COLUMNS
    assert set(table.image) == {"slide"}
    assert set(zip(table.class_id, table.class_name, strict=True)) == {(3, "gland"), (7, "Immune: CD8")}
    assert table.object.tolist() == [each["id"] for each in json.loads(path.read_bytes())["features"]]
    confidence = (100 + np.arange(ids.size) % 101).reshape(ids.shape)
    for class_id, rows in table.groupby("class_id"):
        regions = regionprops(label(ids == class_id, connectivity=1), confidence)
        found = np.array(
            [(*each.centroid[::-1], each.area, each.area / 4, each.intensity_mean / 255) for each in regions]
        )
        found[:, :2] += CORNER
        own = rows[["x_px", "y_px", "area_px", "area_um2", "mean_confidence"]].to_numpy()
        _, nearest = KDTree(found[:, :2]).query(own[:, :2])
        assert sorted(nearest) == list(range(len(found)))
        np.testing.assert_allclose(own[:, :2], found[nearest, :2], rtol=0, atol=0.0051)
        np.testing.assert_allclose(own[:, 2:], found[nearest, 2:], rtol=1e-5)


def test_qupaths_own_package_reads_a_predicted_slide(tmp_path: Path) -> None:
    objects = pytest.importorskip("qubalab.objects", reason="needs qubalab")
    geojson = pytest.importorskip("geojson", reason="needs geojson")
    ids = tissue()
    path, _ = written(tmp_path, ids)
    collection = geojson.loads(path.read_text(encoding="utf-8"))
    assert collection.is_valid
    features = [objects.ImageFeature.create_from_feature(each) for each in collection.features]
    assert {each.object_type for each in features} == {objects.ObjectType.DETECTION}
    for name, class_id in ((("gland",), 3), (("Immune", "CD8"), 7)):
        own = [each for each in features if tuple(each.classification.names) == name]
        assert len(own) == ndimage.label(ids == class_id)[1]
        assert sum(shapely.geometry.shape(each.geometry).area for each in own) == (ids == class_id).sum()


def test_an_image_without_objects_has_an_empty_collection(tmp_path: Path) -> None:
    path, _ = written(tmp_path, np.zeros((1030, 40), np.uint8))
    assert json.loads(path.read_bytes()) == {"type": "FeatureCollection", "features": []}
    assert (tmp_path / "slide.objects.csv").read_text("utf-8-sig").splitlines() == [",".join(OBJECT_COLUMNS)]


def test_a_long_outline_is_drawn_coarser_which_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traced_areas.traced, "__defaults__", (*traced_areas.traced.__defaults__[:-1], 200))
    ids = np.where(np.random.default_rng(0).random((200, 230)) < 0.68, 3, 0).astype(np.uint8)
    with pytest.warns(RuntimeWarning, match=r"slide\.geojson: outlines of more than .* gland, squares of \d+ px"):
        path, _ = written(tmp_path, ids, 64)
    features = json.loads(path.read_bytes())["features"]
    (coarse,) = [each["properties"] for each in features if "outline" in each["properties"]["metadata"]]
    assert coarse["metadata"]["outline"].startswith("squares of ")
    assert coarse["measurements"]["Area px^2"] == np.bincount(ndimage.label(ids == 3)[0].ravel())[1:].max()


def test_nothing_is_left_where_a_damaged_result_ends_the_work(tmp_path: Path) -> None:
    ids = tissue()
    path, _ = written(tmp_path, ids)
    table = tmp_path / "slide.objects.csv"
    before = path.read_bytes(), table.read_bytes()
    (tmp_path / "slide.ome.zarr" / "labels" / "prediction" / "0" / "1" / "1").write_bytes(b"damaged")
    result = open_result(tmp_path, "slide")
    with (
        warnings.catch_warnings(),
        pytest.raises(MaskError, match="is damaged"),
        objects_files({"geojson": path, "csv": table}, OF, result.confidence) as write,
    ):
        class_areas(result.ids, result.confidence, CLASSES, objects=write)
    assert (path.read_bytes(), table.read_bytes()) == before
    assert {each.name for each in tmp_path.iterdir()} == {"slide.ome.zarr", "slide.geojson", "slide.objects.csv"}
