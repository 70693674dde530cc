"""GeoJSON of one of several scans on a glass counts as QuPath does, out and in.

QuPath opens a Leica SCN by OpenSlide, which places all scans on the glass, and counts from the corner of their bounds.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.cases.test_slides_of_makers import leica
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.io.inspection import Answers
from training_core.io.slides import SlideOptions
from training_core.project import UNLABELED, LabelSource, Project, make_classes
from training_core.project.file_records import FileAnswers

CORNERS_NM = ((5_000_300, 2_000_000), (5_400_100, 1_900_000))
"""In pixels of 500 nm: (10000.6, 4000) and (10800.2, 3800), of which OpenSlide takes the whole ones."""


def project_of(folder: Path, scan: int, corners: tuple[tuple[int, int], ...] = CORNERS_NM) -> Project:
    folder.mkdir()
    leica(folder / "a.scn", scans=len(corners), corners_nm=corners)
    options = SlideOptions(tile_px=64, tile_mpp_um=0.5, min_tissue=0.0)
    answers = FileAnswers(image=Answers(plane=scan))
    return Project.create(
        folder / "p", [folder / "a.scn"], classes=make_classes(("background", "gland")), slides=options, answers=answers
    )


@pytest.mark.parametrize(
    ("scan", "corners", "expected"),
    [(1, CORNERS_NM, (0, 200)), (2, CORNERS_NM, (800, 0)), (1, CORNERS_NM[1:], (0, 0))],
    ids=["first of two", "second of two", "the only one"],
)
def test_a_scan_lies_where_qupath_shows_it(
    tmp_path: Path, scan: int, corners: tuple[tuple[int, int], ...], expected: tuple[int, int]
) -> None:
    project = project_of(tmp_path / "one", scan, corners)
    tile = project.tiles[-1]
    assert tile.place is not None
    label = np.full((64, 64), UNLABELED, np.uint8)
    label[10:30, 20:60] = 1
    project.write_label(tile.name, label, LabelSource.PAINTED)
    (path,) = export_masks(project, tmp_path / "out", format="geojson")
    (feature,) = json.loads(path.read_text())["features"]
    x, y = tile.place.x_px + expected[0], tile.place.y_px + expected[1]
    assert shapely.geometry.shape(feature["geometry"]).bounds == (x + 20, y + 10, x + 60, y + 30)

    again = project_of(tmp_path / "two", scan, corners)
    assert main(["project", "import", str(again.path), str(path)]) == 0
    np.testing.assert_array_equal(Project(again.path).label(tile.name), label)


def test_a_file_of_a_tile_counts_from_the_tile(tmp_path: Path) -> None:
    project = project_of(tmp_path / "one", 2)
    ring = [[2, 3], [9, 3], [9, 5], [2, 5], [2, 3]]
    properties = {"objectType": "annotation", "classification": {"name": "gland"}}
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
    path = tmp_path / f"{project.tiles[0].name}.geojson"
    path.write_text(json.dumps(feature))
    assert main(["project", "import", str(project.path), str(path)]) == 0
    expected = np.full((64, 64), UNLABELED, np.uint8)
    expected[3:5, 2:9] = 1
    np.testing.assert_array_equal(Project(project.path).label(project.tiles[0].name), expected)
