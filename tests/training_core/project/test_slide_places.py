"""One more tile of a slide, at a place of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.base.errors import ImageError, ProjectError
from training_core.io.slides import SlideOptions
from training_core.project import Project, make_classes
from training_core.project.pixel_sizes import set_pixel_size
from training_core.project.slide_places import SlidePlaces, Spot, add_tile

SIDE = 1024
BESIDE = "scan_x00256_y00000"


def draw(path: Path) -> np.ndarray:
    """Fields of 32 px in random stains on glass; only the upper left quarter is stained enough for tiles."""
    rng = np.random.default_rng(11)
    colors = rng.integers(236, 240, (SIDE // 32, SIDE // 32, 1)).repeat(3, axis=2).astype(np.uint8)
    colors[:16, :16] = rng.integers(40, 200, (16, 16, 3))
    pixels = np.kron(colors, np.ones((32, 32, 1), np.uint8))
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}  # 0.25 µm/px
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)
    return pixels


@pytest.fixture
def pixels(tmp_path: Path) -> np.ndarray:
    return draw(tmp_path / "scan.svs")


@pytest.fixture
def project(tmp_path: Path, pixels: np.ndarray) -> Project:
    """Four tiles of 128 px at 0.5 µm/px, each 256 px of the slide wide."""
    cut = SlideOptions(tile_px=128, tile_mpp_um=0.5, min_tissue=0.9)
    given: Any = {"slides": cut, "cases": {"scan": "patient 7"}}
    project = Project.create(tmp_path / "p", [tmp_path / "scan.svs"], classes=make_classes(("a", "b")), **given)
    corners = ["scan_x00000_y00000", BESIDE, "scan_x00000_y00256", "scan_x00256_y00256"]
    assert [tile.name for tile in project.tiles] == corners
    return project


def test_a_place_around_a_point_has_the_usual_size_and_stays_on_the_slide(project: Project) -> None:
    places = SlidePlaces(project, BESIDE)
    assert places.around(700, 600) == Spot(572, 472, 128, 128, 2.0)
    assert places.around(1023.9, 3) == Spot(768, 0, 128, 128, 2.0)
    for x, y in ((1024, 3), (-0.1, 3), (500, 1500)):
        with pytest.raises(ImageError, match="1024 x 1024 px"):
            places.around(x, y)


def test_a_rectangle_ends_at_the_edge_of_the_slide_and_is_neither_too_small_nor_too_large(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = SlidePlaces(project, BESIDE)
    wanted = Spot(600, 700, 150, 162, 2.0)  # to 900 across, and to 1024 down
    assert places.within((600, 900), (700, 1100)) == wanted
    assert places.within((900, 600), (1100, 700)) == wanted
    with pytest.raises(ImageError, match="25 x 150 px"):
        places.within((600, 650), (600, 900))
    with pytest.raises(ImageError, match="does not lie on the slide"):
        places.within((1100, 1300), (600, 900))
    monkeypatch.setattr("training_core.project.slide_places.MAX_SIDE_PX", 149)
    with pytest.raises(ImageError, match=r"150 x 150 px.*at most 149"):
        places.within((600, 900), (600, 900))


def test_a_rectangle_is_moved_and_resized_as_far_as_the_slide_and_a_tile_allow(project: Project) -> None:
    places = SlidePlaces(project, BESIDE)
    spot = Spot(572, 472, 128, 64, 2.0)  # 256 x 128 px of the slide, which is 1024 px wide and high
    assert places.moved(spot, 10, -20) == Spot(582, 452, 128, 64, 2.0)
    assert places.moved(spot, 4000, 4000) == Spot(1024 - 256, 1024 - 128, 128, 64, 2.0)
    assert places.moved(spot, -4000, -4000) == Spot(0, 0, 128, 64, 2.0)
    assert places.resized(spot, 8, -8) == Spot(572, 472, 136, 56, 2.0)
    assert places.resized(spot, 4000, 4000) == Spot(572, 472, (1024 - 572) // 2, (1024 - 472) // 2, 2.0)
    assert places.resized(spot, -4000, -4000) == Spot(572, 472, 32, 32, 2.0)


def test_what_is_there_already_is_known(project: Project) -> None:
    places = SlidePlaces(project, BESIDE)
    assert places.tile_at(300, 10) == BESIDE
    assert places.tile_at(256, 255.9) == BESIDE
    assert places.tile_at(600, 600) is None
    assert places.tile_of(Spot(10, 20, 60, 100, 2.0)) == "scan_x00000_y00000"
    assert places.tile_of(Spot(256, 0, 128, 128, 2.0)) == BESIDE
    across = Spot(200, 0, 128, 128, 2.0)
    assert places.tile_of(across) is None
    assert places.overlapping(across) == ["scan_x00000_y00000", BESIDE]
    assert places.overlapping(Spot(512, 0, 128, 128, 2.0)) == [], "neighbours touch"


def test_a_tile_is_cut_where_it_was_wanted_and_belongs_to_its_slide(project: Project, pixels: np.ndarray) -> None:
    name = add_tile(project, BESIDE, Spot(572, 472, 128, 128, 2.0))
    assert name == "scan_x00572_y00472"
    stored = json.loads((project.path / "project.json").read_text())["tiles"][-1]
    assert stored["name"] == name
    assert stored["place"] == {"file": "scan", "x_px": 572, "y_px": 472, "scale": 2.0}
    assert (stored["width_px"], stored["height_px"], stored["mpp_um"], stored["mpp_set_by"]) == (128, 128, 0.5, "file")
    assert stored["case"] == "patient 7"
    cut = Image.fromarray(pixels[472:728, 572:828]).resize((128, 128), Image.Resampling.LANCZOS)
    with Image.open(project.path / stored["path"]) as image:
        assert np.array_equal(np.asarray(image), np.asarray(cut))
    assert Project.open(project.path).surrounded(name, 16).around.left == 16


def test_a_rectangle_has_its_size_in_its_name_and_the_corrected_pixel_size(
    project: Project, pixels: np.ndarray
) -> None:
    set_pixel_size(project, ["scan"], 0.3)
    name = add_tile(project, BESIDE, Spot(600, 700, 150, 162, 2.0))
    tile = project.tile(name)
    assert name == "scan_x00600_y00700_150x162"
    assert (tile.width_px, tile.height_px, tile.mpp_um, tile.mpp_set_by) == (150, 162, 0.6, "user")
    cut = Image.fromarray(pixels[700:1024, 600:900]).resize((150, 162), Image.Resampling.LANCZOS)
    assert np.array_equal(project.image(name), np.asarray(cut))
    assert SlidePlaces(project, name).usual_px == (128, 128), "one of another size is not the usual one"


def test_a_tile_that_was_removed_can_be_added_again(project: Project) -> None:
    spot = Spot(572, 472, 128, 128, 2.0)
    name = add_tile(project, BESIDE, spot)
    project.remove_tiles([name])
    assert add_tile(project, BESIDE, spot) == name
    assert project.image(name).shape == (128, 128, 3)


def test_of_another_slide_under_that_name_nothing_is_added(project: Project, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "scan.svs", np.full((640, 900, 3), 90, np.uint8), photometric="rgb", tile=(128, 128))
    before = sorted(path for path in project.path.rglob("*"))
    with pytest.raises(ProjectError, match="is now 900 x 640 px"):
        add_tile(project, BESIDE, Spot(572, 472, 128, 128, 2.0))
    (tmp_path / "scan.svs").unlink()
    with pytest.raises(ProjectError, match="the slide of tile"):
        add_tile(project, BESIDE, Spot(572, 472, 128, 128, 2.0))
    assert sorted(path for path in project.path.rglob("*")) == before


def test_only_a_tile_with_its_place_has_a_slide_to_add_from(project: Project, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    other = Project.create(tmp_path / "q", [tmp_path / "photo.png"], classes=make_classes(("a",)))
    with pytest.raises(ProjectError, match="not known where tile photo lies"):
        SlidePlaces(other, "photo")


def test_the_lower_right_corner_of_a_real_slide(shared_dir: Path, tmp_path: Path) -> None:
    slide = shared_dir / "data" / "slides" / "CMU-1-Small-Region.svs"  # 2220 x 2967 px at 0.499 µm/px
    cut = SlideOptions(tile_px=256, tile_mpp_um=0.998, max_tiles=1)  # two of its pixels are one of a tile
    project = Project.create(tmp_path / "p", [slide], classes=make_classes(("a",)), slides=cut)
    beside = project.tiles[0].name
    name = add_tile(project, beside, SlidePlaces(project, beside).around(2219, 2966))
    assert name == "CMU-1-Small-Region_x01708_y02455"  # 2220 - 512, 2967 - 512
    with tifffile.TiffFile(slide) as tiff:
        whole = tiff.pages[0].asarray()
    expected = Image.fromarray(whole[2455:, 1708:]).resize((256, 256), Image.Resampling.LANCZOS)
    assert np.array_equal(project.image(name), np.asarray(expected))
