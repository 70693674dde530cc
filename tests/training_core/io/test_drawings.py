"""COCO, labelme and ImageJ in: files that those programs' own packages write, or by their descriptions."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.training_core.export.test_geojson import blobs
from training_core.base.errors import MaskError
from training_core.cli.main import main
from training_core.io import write_png
from training_core.io.drawings import read_drawings
from training_core.io.outlines import inside
from training_core.project import UNLABELED, LabelSource, Project, make_classes

HEIGHT, WIDTH = 60, 80
CLASSES = make_classes(("background", "gland", "stroma"))


def rectangle(left: int, top: int, right: int, bottom: int) -> NDArray[np.bool_]:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def pixels_of(path: Path) -> dict[str, NDArray[np.bool_]]:
    """What each class of the only image of a file covers."""
    (image,) = read_drawings(path)
    found: dict[str, NDArray[np.bool_]] = {}
    for each in image.areas:
        before = found.get(each.class_name, np.zeros((HEIGHT, WIDTH), bool))
        found[each.class_name] = before | inside(each.area, WIDTH, HEIGHT)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("a", "b"):
        write_png(tmp_path / "images" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return Project.create(tmp_path / "project", [tmp_path / "images"], classes=CLASSES)


# --- COCO -------------------------------------------------------------------------------------------------------------


def coco_file(path: Path, *segmentations: Any, **image: Any) -> Path:
    own = {"id": 7, "file_name": "sub/a.png", "width": WIDTH, "height": HEIGHT, **image}
    annotations = [
        {"id": 10 + n, "image_id": 7, "category_id": 3, "segmentation": each} for n, each in enumerate(segmentations)
    ]
    content = {"images": [own], "annotations": annotations, "categories": [{"id": 3, "name": "gland"}]}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_polygons_and_both_kinds_of_run_lengths(tmp_path: Path) -> None:
    mask_api = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    second = rectangle(30, 5, 50, 25) & ~rectangle(35, 10, 40, 15)
    packed = mask_api.encode(np.asfortranarray(second.astype(np.uint8)))
    flat = np.concatenate([[0], rectangle(60, 30, 70, 50).T.ravel(), [0]])
    edges = np.flatnonzero(np.diff(flat))
    lengths = np.diff([0, *edges, HEIGHT * WIDTH]).tolist()
    path = coco_file(
        tmp_path / "annotations.json",
        [[2, 3, 12, 3, 12, 9, 2, 9], [2, 40, 6, 40, 6, 44, 2, 44]],
        {"size": [HEIGHT, WIDTH], "counts": packed["counts"].decode()},
        {"size": [HEIGHT, WIDTH], "counts": lengths},
        None,
    )
    (image,) = read_drawings(path)
    assert (image.image, image.size_px, dict(image.left_out)) == (
        "a",
        (WIDTH, HEIGHT),
        {"objects without an outline": 1},
    )
    first = rectangle(2, 3, 12, 9) | rectangle(2, 40, 6, 44)
    np.testing.assert_array_equal(pixels_of(path)["gland"], first | second | rectangle(60, 30, 70, 50))


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[1, 2, 3]], "pairs of numbers"),
        ([[1, 2, 3, 4]], "fewer than three corners"),
        ([[0, 0, 9, 9, 9, 0, 0, 9]], "Self-intersection"),
        ({"size": [HEIGHT, WIDTH], "counts": [5]}, "run lengths are of 5 px"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "too large"),
        ({"size": [HEIGHT], "counts": [5]}, "no size"),
        ({"size": [HEIGHT, WIDTH], "counts": {}}, "no run lengths"),
    ],
)
def test_a_coco_object_that_cannot_be_used_is_named(tmp_path: Path, segmentation: Any, reason: str) -> None:
    path = coco_file(tmp_path / "x.json", [[2, 3, 12, 3, 12, 9]], segmentation)
    with pytest.raises(MaskError, match=r"object 11 \(gland\)") as raised:
        read_drawings(path)
    assert reason in str(raised.value)


def test_coco_of_a_whole_project_comes_back_exactly(project: Project, tmp_path: Path) -> None:
    for name, turn in (("a", 1), ("b", -1)):
        project.write_label(name, blobs(HEIGHT, WIDTH, CLASSES)[::turn], LabelSource.PAINTED)
    for file_format in ("coco", "coco-polygons"):
        out = tmp_path / file_format
        assert main(["export", str(project.path), "-o", str(out), "--format", file_format]) == 0
        again = Project.create(tmp_path / f"again-{file_format}", [tmp_path / "images"], classes=CLASSES)
        assert main(["project", "import", str(again.path), str(out)]) == 0
        for name in ("a", "b"):
            np.testing.assert_array_equal(again.label(name), project.label(name))


def test_coco_of_an_image_of_another_size_is_refused(project: Project, tmp_path: Path) -> None:
    path = coco_file(tmp_path / "x.json", [[2, 3, 12, 3, 12, 9]], width=2 * WIDTH)
    assert main(["project", "import", str(project.path), str(path)]) == 2
    assert not project.has_label("a")


# --- labelme ----------------------------------------------------------------------------------------------------------


def labelme_file(path: Path, *shapes: dict[str, Any]) -> Path:
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": [{"group_id": None, "description": "", "flags": {}, "mask": None, **each} for each in shapes],
        "imagePath": "..\\images\\b.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }
    path.write_text(json.dumps(content))
    return path


def test_labelme_shapes(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = rectangle(0, 0, 10, 6)[:6, :10].copy()
    mask[2:4, 3:5] = False
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    drawn = base64.b64encode(buffer.getvalue()).decode()
    polygon = [[2.0, 3.0], [12.0, 3.0], [12.0, 9.0], [2.0, 9.0]]
    path = labelme_file(
        tmp_path / "any.json",
        {"label": "gland", "shape_type": "polygon", "points": polygon},
        {"label": "stroma", "shape_type": "rectangle", "points": [[30, 20], [20, 10]]},
        {"label": "gland", "shape_type": "circle", "points": [[60, 30], [60, 40]]},
        {"label": "stroma", "shape_type": "mask", "points": [[40, 50], [49, 55]], "mask": drawn},
        {"label": "gland", "shape_type": "linestrip", "points": polygon},
        {"label": "gland", "shape_type": "point", "points": [[1, 1]]},
    )
    assert main(["project", "import", str(project.path), str(path)]) == 0
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = (x - 60) ** 2 + (y - 30) ** 2 <= 100
    expected = np.full((HEIGHT, WIDTH), UNLABELED, np.uint8)
    expected[rectangle(2, 3, 12, 9) | disc] = 1
    expected[rectangle(20, 10, 30, 20)] = 2
    expected[50:56, 40:50][mask] = 2
    label = project.label("b")
    assert (label != expected).sum() <= 4  # a circle has no exact outline
    np.testing.assert_array_equal(label[:, :45], expected[:, :45])
    told = capsys.readouterr().out
    assert "lines 1" in told
    assert "points 1" in told


@pytest.mark.parametrize(
    "shape",
    [
        {"label": "gland", "shape_type": "polygon", "points": [[1, 1]]},
        {"label": "gland", "shape_type": "rectangle", "points": [[1, 1]]},
        {"label": "gland", "shape_type": "circle", "points": [[1, 1], ["a", 2]]},
        {"label": "gland", "shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "no picture"},
        {"label": "gland", "shape_type": "mask", "points": [[1, 1], [2, 2]]},
        {"label": "gland", "shape_type": "star", "points": [[1, 1], [2, 2]]},
    ],
)
def test_a_labelme_shape_that_cannot_be_used_is_named(tmp_path: Path, shape: dict[str, Any]) -> None:
    with pytest.raises(MaskError, match=r"shape 1 \(gland\)"):
        read_drawings(labelme_file(tmp_path / "x.json", shape))


# --- ImageJ -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def roi() -> Callable[..., bytes]:
    roifile = pytest.importorskip("roifile")

    def make(points: list[list[float]], name: str = "", kind: str | None = None) -> bytes:
        region = roifile.ImagejRoi.frompoints(np.array(points, np.float64), name=name)
        if kind is not None:
            region.roitype = roifile.ROI_TYPE[kind]
        data: bytes = region.tobytes()
        return data

    return make


def test_regions_of_imagej(
    project: Project, tmp_path: Path, roi: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "RoiSet_a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gland.roi", roi([[2, 3], [12, 3], [12, 9], [2, 9]], "gland"))
        archive.writestr("gland-2.roi", roi([[30, 3], [42, 3], [42, 9], [30, 9]], "gland-2", "FREEHAND"))
        archive.writestr("0012-0345.roi", roi([[50, 20], [60, 20], [60, 30], [50, 30]], "0012-0345", "TRACED"))
        archive.writestr("line.roi", roi([[0, 0], [9, 9], [20, 20]], "line", "POLYLINE"))
        archive.writestr("readme.txt", b"not a region")
    command = ["project", "import", str(project.path), str(path)]
    assert main(command) == 2
    assert "1 area has no class" in capsys.readouterr().err
    assert main([*command, "--unclassified", "stroma"]) == 0
    assert "polyline regions 1" in capsys.readouterr().out
    expected = np.full((HEIGHT, WIDTH), UNLABELED, np.uint8)
    expected[rectangle(2, 3, 12, 9) | rectangle(30, 3, 42, 9)] = 1
    expected[rectangle(50, 20, 60, 30)] = 2
    np.testing.assert_array_equal(project.label("a"), expected)


def test_a_rectangle_and_an_oval_of_imagej(tmp_path: Path) -> None:
    roifile = pytest.importorskip("roifile")
    for kind in ("RECT", "OVAL"):
        region = roifile.ImagejRoi(roitype=roifile.ROI_TYPE[kind], name="gland")
        region.left, region.top, region.right, region.bottom = 20, 10, 60, 40
        region.n_coordinates = 0
        (tmp_path / f"{kind}.roi").write_bytes(region.tobytes())
    np.testing.assert_array_equal(pixels_of(tmp_path / "RECT.roi")["gland"], rectangle(20, 10, 60, 40))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    oval = ((x - 40) / 20) ** 2 + ((y - 25) / 15) ** 2 <= 1
    found = pixels_of(tmp_path / "OVAL.roi")["gland"]
    assert (found & oval).sum() / (found | oval).sum() >= 0.99


@pytest.mark.parametrize("data", [b"", b"Iout", b"not a region at all", b"Iout" + b"\xff" * 100])
@pytest.mark.parametrize("ending", ["roi", "zip"])
def test_damaged_regions_are_refused(tmp_path: Path, data: bytes, ending: str) -> None:
    pytest.importorskip("roifile")
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data)
    with pytest.raises(MaskError):
        read_drawings(path)


def test_an_archive_that_unpacks_to_more_than_makes_sense_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("roifile")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.roi", bytes(100 * 2**20))
    with pytest.raises(MaskError, match="more than makes sense"):
        read_drawings(path)


# --- damaged files ----------------------------------------------------------------------------------------------------

SHAPE = {"label": "gland", "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 9]]}
COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "categories": [{"id": 1, "name": "gland"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
}


@pytest.mark.parametrize("odd", [[], {}, [1], {"a": 1}, None, True])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"imagePath": "a.png", "shapes": [SHAPE]}, ("shapes", 0, "shape_type")),
        (COCO, ("images", 0, "id")),
        (COCO, ("annotations", 0, "image_id")),
        (COCO, ("annotations", 0, "segmentation")),
    ],
    ids=lambda each: each[-1] if isinstance(each, tuple) else "",
)
def test_a_value_of_another_kind_is_a_reason_and_no_traceback(
    tmp_path: Path, content: Any, place: tuple[Any, ...], odd: object
) -> None:
    changed = json.loads(json.dumps(content))
    within = changed
    for step in place[:-1]:
        within = within[step]
    within[place[-1]] = odd
    path = tmp_path / "a.json"
    path.write_text(json.dumps(changed))
    said, images = "", []
    try:
        images = read_drawings(path)
    except MaskError as error:
        said = str(error)
    # what is left out is counted; a kind that is missing is labelme's usual one
    assert "a.json" in said or sum(sum(each.left_out.values()) + len(each.areas) for each in images) == 1


@pytest.mark.parametrize("odd", [[], {"a": 1}])
def test_ids_and_classes_of_any_kind_are_told_apart(tmp_path: Path, odd: object) -> None:
    path = tmp_path / "a.json"
    strange = json.loads(json.dumps(COCO))
    strange["images"][0]["id"] = strange["annotations"][0]["image_id"] = odd
    strange["annotations"][0]["category_id"] = odd
    path.write_text(json.dumps(strange))
    (image,) = read_drawings(path)
    assert [each.class_name for each in image.areas] == [""]  # of no listed class, which is asked about


def test_a_damaged_archive_is_a_reason_wherever_it_is_damaged(tmp_path: Path) -> None:
    data = b"\x49\x6f\x75\x74" + bytes(range(256)) * 4
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gland-1.roi", data)
    path, whole = tmp_path / "a.zip", packed.getvalue()
    random = np.random.default_rng(0)
    for _ in range(400):
        damaged = bytearray(whole[: random.integers(len(whole) // 2, len(whole) + 1)])
        for place in random.integers(0, len(damaged), 3):
            damaged[place] ^= int(random.integers(1, 256))
        path.write_bytes(damaged)
        with pytest.raises(MaskError, match=r"a\.zip"):
            read_drawings(path)
