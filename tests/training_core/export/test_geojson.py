"""GeoJSON out: read by other people's readers, filled again by another rasteriser, on tiles and on slides."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon2mask

from tests.training_core.export.contract import CLASSES, drawn
from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.io import write_png
from training_core.io.slides import SlideOptions
from training_core.project import UNLABELED, LabelSource, Project, TissueClass, make_classes

MakeProject = Callable[..., Project]


def filled(geometry: Any, height: int, width: int) -> NDArray[np.bool_]:
    """By scikit-image, whose pixels have their centres at whole numbers."""
    pixels = np.zeros((height, width), bool)
    rings = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for shell, *holes in rings:
        own = polygon2mask((height, width), np.array(shell)[:, ::-1] - 0.5)
        for hole in holes:
            own &= ~polygon2mask((height, width), np.array(hole)[:, ::-1] - 0.5)
        pixels |= own
    return pixels


def read_again(path: Path, classes: tuple[TissueClass, ...], height: int, width: int) -> NDArray[np.uint8]:
    """The class ids of a file; a pixel that two features have is a fault."""
    by_name = {each.name: each.id for each in classes}
    ids = np.full((height, width), UNLABELED, np.uint8)
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        own = filled(feature["geometry"], height, width)
        assert (ids[own] == UNLABELED).all()
        classification = feature["properties"]["classification"]
        ids[own] = by_name[classification.get("name") or ": ".join(classification["names"])]
    return ids


def blobs(height: int, width: int, classes: tuple[TissueClass, ...]) -> NDArray[np.uint8]:
    """Areas with holes, islands in the holes, and places without a label."""
    noise = ndimage.gaussian_filter(np.random.default_rng(height).random((height, width)), 3)
    ranks = np.searchsorted(np.quantile(noise, [0.15, 0.5, 0.65, 0.85]), noise)
    values = [classes[0].id, classes[1].id, UNLABELED, classes[2].id, classes[0].id]
    return np.array(values, np.uint8)[ranks]


@pytest.fixture
def painted(tmp_path: Path) -> Callable[..., Project]:
    def make(ids: NDArray[np.uint8], classes: tuple[TissueClass, ...] = CLASSES, mpp_um: float | None = 0.5) -> Project:
        write_png(tmp_path / "tile Ä.png", np.zeros((*ids.shape, 3), np.uint8))
        project = Project.create(tmp_path / "project", [tmp_path / "tile Ä.png"], classes=classes, mpp_um=mpp_um)
        project.write_label("tile Ä", ids, LabelSource.PAINTED)
        return project

    return make


@pytest.mark.parametrize("make", [lambda: drawn(33, 97), lambda: blobs(150, 170, CLASSES)], ids=["noise", "blobs"])
def test_another_rasteriser_gets_the_same_pixels(
    painted: Callable[..., Project], tmp_path: Path, make: Callable[[], NDArray[np.uint8]]
) -> None:
    ids = make()
    (path,) = export_masks(painted(ids), tmp_path / "out", format="geojson")
    assert path.name == "tile Ä.geojson"
    np.testing.assert_array_equal(read_again(path, CLASSES, *ids.shape), ids)


def test_each_object_is_a_valid_feature_with_its_own_measurements(
    painted: Callable[..., Project], tmp_path: Path
) -> None:
    ids = blobs(150, 170, CLASSES)
    (path,) = export_masks(painted(ids), tmp_path / "out", format="geojson")
    collection = json.loads(path.read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    features = collection["features"]
    for feature in features:
        geometry = shapely.geometry.shape(feature["geometry"])
        assert geometry.is_valid, shapely.is_valid_reason(geometry)
        measurements = feature["properties"]["measurements"]
        assert geometry.area == measurements["Area px^2"]
        assert measurements["Area µm^2"] == geometry.area * 0.25
        assert str(uuid.UUID(feature["id"])) == feature["id"]
        assert feature["properties"]["objectType"] == "annotation"
        assert feature["properties"]["isLocked"] is True
        assert feature["properties"]["metadata"]["annotation"] == "painted"
    assert len({feature["id"] for feature in features}) == len(features)
    assert any(len(shapely.get_parts(shapely.geometry.shape(f["geometry"]))[0].interiors) for f in features)
    counts: dict[str, int] = {}
    for feature in features:
        name = feature["properties"]["classification"]["name"]
        counts[name] = counts.get(name, 0) + 1
    gland, stroma = (ndimage.label(ids == each.id)[1] for each in CLASSES[1:3])
    assert counts == {"background": 1, "gland, benign": gland, "Stroma Ä": stroma}
    colours = {f["properties"]["classification"]["name"]: f["properties"]["classification"]["color"] for f in features}
    assert colours["gland, benign"] == [0x28, 0xC5, 0x80]


def test_a_subclass_is_named_as_qupath_names_it(painted: Callable[..., Project], tmp_path: Path) -> None:
    ids = np.full((40, 50), UNLABELED, np.uint8)
    ids[5:9, 6:20] = 1
    project = painted(ids, make_classes(("background", "Immune: CD8: positive")), None)
    (path,) = export_masks(project, tmp_path / "out", format="geojson")
    (feature,) = json.loads(path.read_text(encoding="utf-8"))["features"]
    assert feature["properties"]["classification"]["names"] == ["Immune", "CD8", "positive"]
    ring = {tuple(corner) for corner in feature["geometry"]["coordinates"][0]}
    assert ring == {(6, 5), (20, 5), (20, 9), (6, 9)}
    assert set(feature["properties"]["measurements"]) == {"Area px^2", "Circularity"}


def slide_project(tmp_path: Path, side_px: int = 100, mpp_um: float = 0.25) -> Project:
    """A slide of 512 px at 0.25 µm/px, cut at 0.5: two of its pixels are one of a tile."""
    pixels = np.full((512, 512, 3), (200, 90, 160), np.uint8)
    size: dict[str, Any] = {"resolution": (10_000 / mpp_um,) * 2, "resolutionunit": "CENTIMETER", "tile": (128, 128)}
    with tifffile.TiffWriter(tmp_path / "scan.tif") as writer:
        writer.write(pixels, subifds=1, photometric="rgb", metadata=None, **size)
        writer.write(pixels[::2, ::2], subfiletype=1, photometric="rgb", metadata=None, tile=(128, 128))
    options = SlideOptions(tile_px=side_px, tile_mpp_um=0.5)
    classes = make_classes(("background", "gland"))
    return Project.create(tmp_path / "p", [tmp_path / "scan.tif"], classes=classes, slides=options)


def test_the_tiles_of_a_slide_lie_where_they_were_cut(tmp_path: Path) -> None:
    project = slide_project(tmp_path)
    whole = np.full((512, 512), UNLABELED, np.uint8)
    for number, tile in enumerate(project.tiles):
        ids = np.full((100, 100), UNLABELED, np.uint8)
        ids[10:30, 20:60] = 1
        ids[15:20, 30 + number : 40] = 0
        project.write_label(tile.name, ids, LabelSource.PAINTED)
        assert tile.place is not None
        x, y = tile.place.x_px, tile.place.y_px
        whole[y : y + 200, x : x + 200] = np.kron(ids, np.ones((2, 2), np.uint8))
    assert len(project.tiles) == 4
    (path,) = export_masks(project, tmp_path / "out", format="geojson")
    assert path.name == "scan.geojson"
    np.testing.assert_array_equal(read_again(path, project.classes, 512, 512), whole)


def test_a_slide_and_an_image_of_one_name_have_files_of_their_own(tmp_path: Path) -> None:
    project = slide_project(tmp_path)
    write_png(tmp_path / "more" / "scan.png", np.zeros((40, 50, 3), np.uint8))
    main(["project", "add", str(project.path), "--images", str(tmp_path / "more")])
    for tile in project.tiles:
        project.write_label(tile.name, np.ones((tile.height_px, tile.width_px), np.uint8), LabelSource.PAINTED)
    paths = export_masks(project, tmp_path / "out", format="geojson")
    assert {path.name for path in paths} == {"scan.geojson", "scan.slide.geojson"}


def test_predictions_are_detections_with_their_confidence_and_run(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    ids = np.zeros((96, 96), np.uint8)
    ids[10:20, 30:50] = 1
    folder = project.runs_dir / "r1" / "predictions"
    folder.mkdir(parents=True)
    for kind, values in (("prediction", ids), ("pseudo_label", ids), ("confidence", np.full((96, 96), 204, np.uint8))):
        write_png(folder / f"u_1.{kind}.png", values)
    (project.runs_dir / "r1" / "summary.json").write_text("{}")
    command = ["export", str(project.path), "-o", str(tmp_path / "o"), "--format", "geojson", "--content"]
    assert main([*command, "predictions"]) == 0
    told = capsys.readouterr().out
    assert "Wrote 1 file of objects and classes.json" in told
    assert "left out, with no prediction" in told
    features = json.loads((tmp_path / "o" / "u_1.geojson").read_text())["features"]
    assert {f["properties"]["objectType"] for f in features} == {"detection"}
    assert all("isLocked" not in f["properties"] for f in features)
    assert {f["properties"]["metadata"]["run"] for f in features} == {"r1"}
    confidence = [f["properties"]["measurements"].get("Confidence") for f in features]
    assert confidence == pytest.approx([0.8] * len(features))


def test_a_second_export_leaves_the_same_file_and_a_damaged_tile_is_named(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    command = ["export", str(project.path), "-o", str(tmp_path / "o"), "--format", "geojson"]
    assert main(command) == 0
    before = (tmp_path / "o" / "a_1.geojson").stat()
    assert main(command) == 0
    assert "3 were there already, and are the same" in capsys.readouterr().out
    assert (tmp_path / "o" / "a_1.geojson").stat().st_ino == before.st_ino
    (project.path / "labels" / "a_2.png").write_bytes(b"damaged")
    assert main(command) == 3
    assert "a_2" in capsys.readouterr().err


def test_a_file_that_is_no_export_is_not_replaced(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "a_1.geojson").write_text("{}")
    with pytest.raises(ProjectError, match=r"a_1\.geojson"):
        export_masks(make_project(), tmp_path / "o", format="geojson")
    assert (tmp_path / "o" / "a_1.geojson").read_text() == "{}"


def test_qupaths_own_package_reads_it(painted: Callable[..., Project], tmp_path: Path) -> None:
    objects = pytest.importorskip("qubalab.objects", reason="needs qubalab")
    geojson = pytest.importorskip("geojson", reason="needs geojson")
    ids = blobs(90, 110, CLASSES)
    (path,) = export_masks(painted(ids), tmp_path / "out", format="geojson")
    collection = geojson.loads(path.read_text(encoding="utf-8"))
    assert collection.is_valid
    features = [objects.ImageFeature.create_from_feature(each) for each in collection.features]
    again = np.full(ids.shape, UNLABELED, np.uint8)
    for feature in features:
        assert feature.object_type == objects.ObjectType.ANNOTATION
        (name,) = feature.classification.names
        again[filled(feature.geometry, *ids.shape)] = next(each.id for each in CLASSES if each.name == name)
        assert feature.measurements["Area px^2"] == shapely.geometry.shape(feature.geometry).area
    np.testing.assert_array_equal(again, ids)
