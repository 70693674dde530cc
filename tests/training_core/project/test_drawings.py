"""Annotations of QuPath become labels: pixel for pixel, on images and slides; nothing of them is lost in silence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.draw import polygon2mask

from tests.training_core.export.test_geojson import slide_project
from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.io import write_png
from training_core.project import UNLABELED, LabelSource, Project, make_classes
from training_core.project.drawing_labels import import_drawings
from training_core.project.drawings import look_at
from training_core.project.drawn_classes import Meaning

HEIGHT, WIDTH = 60, 80
CLASSES = make_classes(("background", "gland", "Immune: CD8"))

# As QuPath 0.6 writes it (File > Export objects as GeoJSON), with an object of each kind.
QUPATH_06 = """{"type":"FeatureCollection","features":[
{"type":"Feature","id":"0f0b1c0e-6b2f-4c8e-a1ce-3f8d0b1f7a10",
 "geometry":{"type":"Polygon","coordinates":[[[10,10],[40,10],[40,30],[10,30],[10,10]],[[20,15],[25,15],[25,20],[20,20],[20,15]]]},
 "properties":{"objectType":"annotation","name":"the large one","color":[1,2,3],
  "classification":{"name":"Gland","color":[200,0,0]},"isLocked":true,
  "measurements":{"Area":575.0},"metadata":{"ANNOTATION_DESCRIPTION":"seen by two"}}},
{"type":"Feature","id":"0f0b1c0e-6b2f-4c8e-a1ce-3f8d0b1f7a11",
 "geometry":{"type":"MultiPolygon","coordinates":[[[[50,10],[60,10],[60,20],[50,20],[50,10]]],[[[50,40],[60,40],[60,50],[50,50],[50,40]]]]},
 "properties":{"objectType":"detection","classification":{"names":["Immune","CD8"],"color":[0,0,200]}}},
{"type":"Feature","geometry":{"type":"Point","coordinates":[5,5]},"properties":{"objectType":"annotation","classification":{"name":"Gland"}}},
{"type":"Feature","geometry":{"type":"LineString","coordinates":[[0,0],[9,9]]},"properties":{"objectType":"annotation"}},
{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[80,0],[80,60],[0,60],[0,0]]]},"properties":{"objectType":"tile"}},
{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[500,500],[600,500],[600,600],[500,500]]]},
 "properties":{"objectType":"annotation","classification":{"name":"Gland"}}}
]}"""

# As QuPath 0.2 wrote it: a bare list, the kind of the object in its id, the colour as one number.
QUPATH_02 = """[{"type":"Feature","id":"PathAnnotationObject",
"geometry":{"type":"Polygon","coordinates":[[[10,10],[40,10],[40,30],[10,30],[10,10]]]},
"properties":{"classification":{"name":"Tumor","colorRGB":-3670016},"isLocked":false,"measurements":[{"name":"Area","value":600}]}}]"""


def label_of(*areas: tuple[int, slice, slice]) -> NDArray[np.uint8]:
    label = np.full((HEIGHT, WIDTH), UNLABELED, np.uint8)
    for class_id, rows, columns in areas:
        label[rows, columns] = class_id
    return label


def box(left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return {"type": "Polygon", "coordinates": [corners]}


def feature(geometry: Any, name: str | None, **properties: Any) -> dict[str, Any]:
    classification = {} if name is None else {"classification": {"name": name, "color": [0, 128, 255]}}
    own = {"objectType": "annotation", **classification, **properties}
    return {"type": "Feature", "geometry": geometry, "properties": own}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("a", "b"):
        write_png(tmp_path / "images" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Project.create(tmp_path / "project", [tmp_path / "images"], classes=CLASSES)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(content: Any, name: str = "a.geojson") -> Path:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, list):
            content = {"type": "FeatureCollection", "features": content}
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return make


@pytest.fixture
def bring(project: Project) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        return main(["project", "import", str(project.path), *map(str, arguments)])

    return run


def test_what_qupath_06_writes(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bring(write(QUPATH_06)) == 0
    expected = label_of((1, slice(10, 30), slice(10, 40)), (2, slice(10, 20), slice(50, 60)))
    expected[40:50, 50:60] = 2
    expected[15:20, 20:25] = UNLABELED  # the hole
    np.testing.assert_array_equal(project.label("a"), expected)
    assert project.label_edits("a")[-1].source is LabelSource.IMPORTED
    assert not project.has_label("b")
    told = capsys.readouterr().out
    assert "gland 1, Immune: CD8 1" in told
    for each in ("points 1", "lines 1", "tiles 1", "areas outside the tiles 1"):
        assert each in told
    assert "Annotated 775 px on 1 tile" in told


def test_what_qupath_02_wrote_and_a_class_that_is_added_in_its_colour(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(QUPATH_02, "a.json")
    assert bring(path) == 2
    assert "Tumor (1)" in capsys.readouterr().err
    assert not project.has_label("a")
    assert bring(path, "--dry-run", "--add-classes") == 0
    assert [each.name for each in project.classes] == [each.name for each in CLASSES]
    assert bring(path, "--add-classes") == 0
    added = project.classes[-1]
    assert (added.id, added.name, added.color) == (3, "Tumor", "#c80000")  # -3670016 is 0xffc80000
    np.testing.assert_array_equal(project.label("a"), label_of((3, slice(10, 30), slice(10, 40))))


@pytest.mark.parametrize("name", ["a.geojson", "a.png.geojson", "a.json", "A_annotations.geojson"])
def test_files_are_named_after_their_images_as_programs_do_it(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], name: str
) -> None:
    assert bring(write([feature(box(1, 2, 5, 9), "gland")], name)) == 0
    assert project.labeled_pixels("a") == 4 * 7


def test_objects_in_objects_and_the_smaller_one_lies_on_top(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = feature(box(20, 20, 24, 24), "background")
    middle = feature(box(10, 10, 30, 30), "gland", childObjects=[small])
    root = {"type": "Feature", "properties": {"objectType": "root", "childObjects": [middle]}}
    assert bring(write(root)) == 0
    expected = label_of((1, slice(10, 30), slice(10, 30)), (0, slice(20, 24), slice(20, 24)))
    np.testing.assert_array_equal(project.label("a"), expected)
    assert "16 px on 1 tile lie in areas of different classes; the smaller area counts" in capsys.readouterr().out


def test_a_region_is_completely_annotated_and_the_rest_stays_unknown(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    features = [
        feature(box(10, 10, 15, 15), "gland"),
        feature(box(5, 5, 30, 40), "Region*"),
        feature(box(50, 5, 60, 9), "gland"),
        feature(box(20, 20, 22, 22), "Ignore*"),
    ]
    assert bring(write(features)) == 0
    expected = label_of((0, slice(5, 40), slice(5, 30)), (1, slice(10, 15), slice(10, 15)))
    expected[5:9, 50:60] = 1
    expected[20:22, 20:22] = UNLABELED
    np.testing.assert_array_equal(project.label("a"), expected)
    told = capsys.readouterr().out
    assert "Completely annotated areas: 1; the rest of them is background" in told
    assert "Taken for unlabelled: Ignore*" in told


def test_what_the_rest_is_has_to_be_known(tmp_path: Path, write: Callable[..., Path]) -> None:
    write_png(tmp_path / "images" / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    project = Project.create(tmp_path / "p", [tmp_path / "images"], classes=make_classes(("stroma", "gland")))
    path = write([feature(box(5, 5, 30, 40), "Seen")])
    command = ["project", "import", str(project.path), str(path), "--complete", "seen"]
    assert main(command) == 2
    assert not project.has_label("a")
    assert main([*command, "--rest", "Stroma"]) == 0
    np.testing.assert_array_equal(project.label("a"), label_of((0, slice(5, 40), slice(5, 30))))


def test_areas_without_a_class_are_asked_about(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    empty = feature(box(20, 20, 22, 22), None, classification={})
    click = {"type": "Polygon", "coordinates": [[[7, 7]] * 4]}
    path = write([feature(box(10, 10, 15, 15), None), empty, feature(box(1, 1, 3, 3), "gland"), feature(click, "x")])
    assert bring(path) == 2
    assert "2 areas have no class" in capsys.readouterr().err
    assert bring(path, "--unclassified", "leave-out") == 0
    assert "Left out: empty areas 1, areas without a class 2" in capsys.readouterr().out
    assert project.labeled_pixels("a") == 4
    assert bring(path, "--unclassified", "GLAND") == 0
    assert project.labeled_pixels("a") == 4 + 25 + 4


def test_names_mean_what_is_said(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write([feature(box(0, 0, 4, 4), "Tumor"), feature(box(9, 9, 12, 12), "Necrosis")])
    assert bring(path, "--class", "tumor", "gland", "--class", "Necrosis", "stroma") == 2
    assert "no class stroma" in capsys.readouterr().err
    assert bring(path, "--class", "tumor", "gland", "--class", "Necrosis", "leave-out") == 0
    assert "Left out: areas of Necrosis 1" in capsys.readouterr().out
    np.testing.assert_array_equal(project.label("a"), label_of((1, slice(0, 4), slice(0, 4))))


def test_what_is_painted_stays_unless_it_is_to_be_replaced(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    painted = label_of((0, slice(0, 12), slice(0, 40)), (1, slice(20, 22), slice(0, 2)))
    project.write_label("a", painted, LabelSource.PAINTED)
    path = write([feature(box(10, 10, 20, 20), "gland")])
    assert bring(path) == 0
    expected = painted.copy()
    expected[12:20, 10:20] = 1
    np.testing.assert_array_equal(project.label("a"), expected)
    told = capsys.readouterr().out
    assert "Annotated 80 px on 1 tile" in told
    assert "20 px on 1 tile were annotated otherwise and stay as they are" in told
    assert bring(path, "--replace") == 0
    expected[10:20, 10:20] = 1
    np.testing.assert_array_equal(project.label("a"), expected)
    assert [each.source for each in project.label_edits("a")] == ["painted", "imported", "imported"]
    np.testing.assert_array_equal(project.label_version("a", 1).label, painted)  # what an import replaces is kept


BAD = {
    "crosses itself": ({"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]]}, "Self-inters"),
    "a word": ({"type": "Polygon", "coordinates": [[[0, 0], ["x", 9], [9, 0], [0, 0]]]}, "no pair of numbers"),
    "two corners": ({"type": "Polygon", "coordinates": [[[0, 0], [9, 9]]]}, "fewer than three corners"),
    "nothing": ({"type": "Polygon", "coordinates": []}, "no outline"),
    "no number": ({"type": "Polygon", "coordinates": [[[0, 0], [9, float("nan")], [9, 0]]]}, "outside every image"),
    "far away": ({"type": "Polygon", "coordinates": [[[0, 0], [9, 1e300], [9, 0]]]}, "outside every image"),
    "another kind": ({"type": "Circle", "coordinates": [1, 2]}, "no geometry of a kind"),
    "no geometry": (None, "no geometry of a kind"),
    "deeper than rings": ({"type": "MultiPolygon", "coordinates": 5}, "no outline"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_area_is_named_and_nothing_of_its_file_is_imported(
    project: Project,
    write: Callable[..., Path],
    bring: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    geometry, reason = BAD[name]
    bad = write([feature(box(0, 0, 9, 9), "gland"), feature(geometry, "gland")], "a.geojson")
    good = write([feature(box(0, 0, 9, 9), "gland")], "b.geojson")
    assert bring(bad, good) == 3
    told = capsys.readouterr().err
    assert "feature 2 (gland)" in told
    assert reason in told
    assert not project.has_label("a")
    assert project.labeled_pixels("b") == 81
    assert bring(bad) == 2


@pytest.mark.parametrize("content", ["", "[", "{}", "[1]", '"x"', '{"type": "Topology"}', "[" * 100_000])
def test_a_file_that_is_no_geojson_is_refused(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], content: str
) -> None:
    assert bring(write(content)) == 2
    assert not project.has_label("a")


def test_a_file_of_no_image_is_named_and_one_image_can_be_said(
    project: Project, write: Callable[..., Path], bring: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write([feature(box(0, 0, 9, 9), "gland")], "other.geojson")
    assert bring(path) == 2
    assert "of an image other, which the project does not have" in capsys.readouterr().err
    assert bring(path, "--image", "b") == 0
    assert project.labeled_pixels("b") == 81
    write([feature(box(0, 0, 9, 9), "gland")], "a.geojson")
    write([feature(box(0, 0, 9, 9), "gland")], "a.json")
    assert bring(path.parent) == 2
    assert "are both of the image a" in capsys.readouterr().err
    assert not project.has_label("a")


def test_all_tiles_get_their_labels_or_none(
    project: Project, write: Callable[..., Path], bring: Callable[..., int]
) -> None:
    for name in ("a", "b"):
        write([feature(box(0, 0, 9, 9), "gland")], f"{name}.geojson")
    project.write_label("b", label_of((1, slice(0, 2), slice(0, 2))), LabelSource.PAINTED)
    (project.path / "labels" / "b.png").write_bytes(b"damaged")
    assert bring(write([feature(box(0, 0, 9, 9), "gland")]).parent) == 2
    assert not project.has_label("a")


def test_a_class_that_somebody_removes_meanwhile_is_not_used(project: Project, write: Callable[..., Path]) -> None:
    drawings = look_at(project, [write([feature(box(0, 0, 9, 9), "gland")])], Meaning(project.classes))
    project.remove_class(1)
    with pytest.raises(ProjectError, match="have changed meanwhile"):
        import_drawings(project, drawings, None)
    assert not project.has_label("a")


def blobs(seed: int, height: int, width: int, values: Sequence[int]) -> NDArray[np.uint8]:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((height, width)), 4)
    return np.array(values, np.uint8)[np.searchsorted(np.quantile(noise, [0.3, 0.6, 0.8]), noise)]


@pytest.mark.parametrize("content", ["labels", "predictions"])
def test_what_goes_out_comes_back_to_the_pixel(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    label = blobs(1, HEIGHT, WIDTH, [0, UNLABELED, 1, 2] if content == "labels" else [0, 2, 1, 2])
    if content == "labels":
        project.write_label("a", label, LabelSource.PAINTED)
    else:
        folder = project.runs_dir / "r1" / "predictions"
        folder.mkdir(parents=True)
        for kind in ("prediction", "pseudo_label", "confidence"):
            Image.fromarray(label).save(folder / f"a.{kind}.png")
        (project.runs_dir / "r1" / "summary.json").write_text("{}")
    export_masks(project, tmp_path / "out", format="geojson", content=content)  # type: ignore[arg-type]
    other = Project.create(tmp_path / "other", [tmp_path / "images"], classes=CLASSES)
    assert main(["project", "import", str(other.path), str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(other.label("a"), label)
    assert ("were predicted by this program" in capsys.readouterr().out) is (content == "predictions")


@pytest.mark.parametrize("offset", [(0, 0), (300, 70)])
def test_annotations_of_a_slide_come_back_to_its_tiles(tmp_path: Path, offset: tuple[int, int]) -> None:
    project = slide_project(tmp_path)
    labels = {tile.name: blobs(n, 100, 100, [0, UNLABELED, 1, 1]) for n, tile in enumerate(project.tiles)}
    for name, label in labels.items():
        project.write_label(name, label, LabelSource.PAINTED)
    (path,) = export_masks(project, tmp_path / "out", format="geojson")
    if offset != (0, 0):  # as a program does that counts from the corner of the whole glass
        moved = json.loads(path.read_text())
        for each in moved["features"]:
            each["geometry"]["coordinates"] = _moved(each["geometry"]["coordinates"], offset)
        path.write_text(json.dumps(moved))
    (tmp_path / "again").mkdir()
    other = slide_project(tmp_path / "again")
    command = ["project", "import", str(other.path), str(path), "--offset", *map(str, offset)]
    assert main(command) == 0
    for name, label in labels.items():
        np.testing.assert_array_equal(other.label(name), label)


def _moved(value: Any, offset: tuple[int, int]) -> Any:
    if isinstance(value[0], list):
        return [_moved(each, offset) for each in value]
    return [value[0] + offset[0], value[1] + offset[1]]


@pytest.mark.parametrize("degrees", [0, 30, 77])
def test_turned_annotations_over_the_edges_of_tiles_are_filled_as_scikit_image_does(
    tmp_path: Path, degrees: float
) -> None:
    """IoU of 0.99 for an object of more than 100 px, with its hole, on tiles of half the slide's resolution."""
    project = slide_project(tmp_path)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shell = np.array([[-120, -60], [110, -80], [130, 70], [-90, 90.0]]) @ turn + 210
    hole = np.array([[-40, -20], [50, -30], [30, 40]]) @ turn + 210
    rings = [ring.tolist() for ring in (shell, hole)]
    path = tmp_path / "scan.geojson"
    path.write_text(json.dumps([feature({"type": "Polygon", "coordinates": rings}, "gland")]))
    assert main(["project", "import", str(project.path), str(path)]) == 0
    for tile in project.tiles:
        assert tile.place is not None
        corner = np.array([tile.place.x_px, tile.place.y_px])
        outer, inner = (polygon2mask((100, 100), ((ring - corner) / 2 - 0.5)[:, ::-1]) for ring in (shell, hole))
        expected, found = outer & ~inner, project.label(tile.name) == 1
        assert expected.sum() > 100
        assert (found & expected).sum() / (found | expected).sum() >= 0.99
