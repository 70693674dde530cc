"""An object that the edges of touching tiles cut is one object in the GeoJSON of their slide."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from skimage.draw import disk
from skimage.measure import label as labelled
from skimage.measure import regionprops

from tests.training_core.export.test_geojson import slide_project
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.export.crossing import Part, same_objects
from training_core.export.object_tables import slide_rows
from training_core.export.objects import MeasuredObject
from training_core.project import LabelSource, Project
from training_core.project.slide_places import Spot, add_tile

SIDE_PX, TILE_PX = 256, 100
"""The slide of `slide_project` in pixels of its tiles, of which four touch."""


def drawn(tmp_path: Path, truth: np.ndarray, side_px: int = TILE_PX) -> tuple[Project, list[dict[str, Any]], Path]:
    """What is exported of a mask of the whole slide, as the tiles have it: gland where it is True, else background."""
    project = slide_project(tmp_path, side_px)
    for tile in project.tiles:
        assert tile.place is not None
        x, y = round(tile.place.x_px / 2), round(tile.place.y_px / 2)
        own = truth[y : y + side_px, x : x + side_px]
        project.write_label(tile.name, own.astype(np.uint8), LabelSource.PAINTED)
    (path,) = export_masks(project, tmp_path / "out", format="geojson")
    features = json.loads(path.read_text())["features"]
    glands = [each for each in features if each["properties"]["classification"]["name"] == "gland"]
    return project, glands, path


def test_a_cut_object_is_one_and_has_the_measures_of_the_whole(tmp_path: Path) -> None:
    truth = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    truth[disk((100, 100), 30)] = True  # over the corner where four tiles meet
    truth[disk((100, 98), 8)] = False  # with a hole that they cut, too
    truth[disk((40, 160), 15)] = True  # within one tile
    truth[150:170, 80:100] = True  # ends at an edge, and nothing is beyond it
    project, glands, path = drawn(tmp_path, truth)
    assert len(project.tiles) == 4
    assert len(glands) == 3
    expected = {int(each.area): each for each in regionprops(labelled(truth, connectivity=1))}
    assert {each["properties"]["measurements"]["Area px^2"] for each in glands} == expected.keys()
    for each in glands:
        measured, region = each["properties"]["measurements"], expected[each["properties"]["measurements"]["Area px^2"]]
        assert measured["Area µm^2"] == region.area * 0.25
        assert math.isclose(measured["Perimeter µm"], region.perimeter * 0.5, abs_tol=1e-3)
        area = shapely.geometry.shape(each["geometry"])
        assert area.is_valid
        assert area.geom_type == "Polygon"
        assert area.area == region.area * 4  # two pixels of the slide are one of a tile
        assert len(area.interiors) == (region.euler_number == 0)
    (whole,) = (each for each in glands if "," in each["properties"]["metadata"]["tile"])
    assert whole["properties"]["metadata"]["tile"].count(",") == 3
    assert len({each["id"] for each in glands}) == 3
    (tmp_path / "again").mkdir()
    other = slide_project(tmp_path / "again")
    assert main(["project", "import", str(other.path), str(path)]) == 0
    for tile in project.tiles:
        np.testing.assert_array_equal(Project(other.path).label(tile.name), project.label(tile.name))


def test_the_table_says_which_rows_are_parts_of_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    truth[disk((100, 100), 30)] = True  # on four tiles
    truth[20:30, 90:110] = True  # on two
    truth[disk((40, 160), 15)] = True  # on one
    truth[150:170, 80:100] = True  # ends at an edge
    project, _glands, _path = drawn(tmp_path, truth)
    assert main(["objects", str(project.path), "-o", str(tmp_path / "objects")]) == 0
    assert "2 objects cross the edges of tiles that touch: each part has a row" in capsys.readouterr().out
    with (tmp_path / "objects" / "objects.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    areas: dict[str, list[int]] = {}
    for row in rows:
        areas.setdefault(row["slide_object"], []).append(int(row["area_px"]))
    alone = areas.pop("")
    assert sorted(alone) == sorted([int(truth[20:60, 140:180].sum()), 400])
    assert {(len(each), sum(each)) for each in areas.values()} == {(4, int(truth[60:140, 60:140].sum())), (2, 200)}


def test_the_table_of_slides_counts_an_object_that_edges_cut_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    truth[disk((100, 100), 30)] = True  # on four tiles
    truth[20:30, 90:110] = True  # on two
    truth[150:170, 80:100] = True  # ends at an edge
    project, _glands, _path = drawn(tmp_path, truth)

    def of_slides() -> list[dict[str, str]]:
        capsys.readouterr()
        assert main(["objects", str(project.path), "-o", str(tmp_path / "objects")]) == 0
        assert "Wrote objects.csv, tiles.csv, slides.csv and objects.png to" in capsys.readouterr().out
        with (tmp_path / "objects" / "slides.csv").open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    (row,) = of_slides()
    assert (row["tiles"], row["overlapping_tiles"], row["class_name"], row["objects"]) == ("4", "0", "gland", "3")
    assert int(row["area_px"]) == truth.sum()
    assert float(row["area_um2"]) == pytest.approx(truth.sum() * 0.25)
    assert float(row["mean_area_px"]) == pytest.approx(truth.sum() / 3, rel=1e-5)
    first = project.tiles[0]
    corner = Spot.of(first)
    name = add_tile(project, first.name, dataclasses.replace(corner, x_px=corner.x_px + 40, width_px=40, height_px=40))
    project.write_label(name, np.zeros((40, 40), np.uint8), LabelSource.PAINTED)
    (row,) = of_slides()
    assert (row["tiles"], row["overlapping_tiles"], row["objects"]) == ("5", "2", "3")
    said = f"2 tiles overlap another of their slide, and objects there are written once for each: {first.name}, {name}"
    for file_format, words in (("geojson", [said]), ("png", [])):
        assert main(["export", str(project.path), "-o", str(tmp_path / file_format), "--format", file_format]) == 0
        assert [line for line in capsys.readouterr().out.splitlines() if "overlap" in line] == words


@pytest.mark.parametrize("other", [1.0, None])
def test_pixels_of_different_sizes_are_not_added_up(tmp_path: Path, other: float | None) -> None:
    """By hand: 100 px of 1 µm and 50 px of half a µm are 112.5 µm²."""
    project = slide_project(tmp_path)
    first, second = project.tiles[:2]
    assert first.place is not None
    assert second.place is not None
    tiles = (
        dataclasses.replace(first, place=dataclasses.replace(first.place, scale=2.0)),
        dataclasses.replace(second, place=dataclasses.replace(second.place, scale=other)),
    )
    objects = [measured(first.name, 100, 100.0), measured(second.name, 50, 12.5)]
    ((_slide, _tiles, overlapping, *_class, count, area_px, area_um2, mean_px, mean_um2),) = slide_rows(
        tiles, [(1, "gland")], objects
    )
    assert overlapping == (None if other is None else 0)
    assert (count, area_px, area_um2, mean_px, mean_um2) == (2, None, 112.5, None, 56.25)
    ((*_before, area_px, _um2, mean_px, _mean),) = slide_rows(tiles[:1], [(1, "gland")], objects[:1])
    assert (area_px, mean_px) == (100, 100)


def measured(tile: str, area_px: int, area_um2: float) -> MeasuredObject:
    known = {"tile": tile, "class_id": 1, "area_px": area_px, "area_um2": area_um2, "slide_object": None}
    return MeasuredObject(**{each.name: known.get(each.name, 0) for each in dataclasses.fields(MeasuredObject)})


def test_what_only_meets_at_a_corner_or_lies_opposite_stays_apart(tmp_path: Path) -> None:
    truth = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    truth[80:100, 80:100] = truth[100:120, 100:120] = True  # one corner is shared
    truth[10:20, 90:100] = truth[20:30, 100:110] = True  # along the edge, one ends where the other begins
    _project, glands, _path = drawn(tmp_path, truth)
    assert len(glands) == 4


def test_one_object_may_go_back_and_forth_over_an_edge(tmp_path: Path) -> None:
    truth = np.zeros((SIDE_PX, SIDE_PX), np.bool_)
    truth[10:80, 120:130] = True
    truth[10:20, 60:130] = truth[40:50, 60:130] = truth[70:80, 60:130] = True  # an E: one part here, three there
    _project, (gland,), _path = drawn(tmp_path, truth)
    assert gland["properties"]["measurements"]["Area px^2"] == int(truth.sum())


def test_tiles_whose_sides_are_no_whole_pixels_of_the_slide(tmp_path: Path) -> None:
    """The corners are cut to whole pixels, so that neighbours lie up to a pixel of the slide apart, or overlap."""
    project = slide_project(tmp_path)
    first, second = project.tiles[:2]
    assert first.place is not None
    assert second.place is not None
    for scale, corner in ((2.007, 200), (2.003, 201)):
        one = dataclasses.replace(first, place=dataclasses.replace(first.place, x_px=0, scale=scale))
        two = dataclasses.replace(second, place=dataclasses.replace(second.place, x_px=corner, scale=scale))
        line = np.ones((5, 20), np.bool_)
        parts = [Part(one, 1, line, 80, 10), Part(two, 1, line, 0, 12), Part(two, 1, line, 0, 15)]
        assert all(each.is_cut for each in parts)
        assert same_objects(parts) == [[0, 1]]
        assert same_objects([parts[0], dataclasses.replace(parts[1], class_id=0)]) == []
        away = dataclasses.replace(two, place=dataclasses.replace(two.place, x_px=corner + 2))
        assert same_objects([parts[0], dataclasses.replace(parts[1], tile=away)]) == []
