"""Slides are cut into tiles of tissue at the resolution asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from training_core.base.errors import ConfigError, ImageError
from training_core.cli.main import main
from training_core.io.slides import Slide, SlideOptions, SlideTile, is_slide
from training_core.project import Project, default_classes
from training_core.project.file_records import PixelSizeSource

MPP_UM = 0.25
WIDTH, HEIGHT = 2048, 1024


def drawn_slide() -> NDArray[np.uint8]:
    """Glass with one block of stained tissue: columns 512 to 1535, every pixel telling where it is."""
    pixels = np.full((HEIGHT, WIDTH, 3), 242, np.uint8)
    rows, columns = np.mgrid[:HEIGHT, 512:1536]
    pixels[:, 512:1536] = np.dstack([200 - columns // 16, rows // 8 % 100, 120 + 0 * rows])
    return pixels


@pytest.fixture
def slide_path(tmp_path: Path) -> Path:
    """A pyramidal TIFF of 2 levels with true resolution tags."""
    pixels, path = drawn_slide(), tmp_path / "slide.tif"
    per_cm = 10_000 / MPP_UM
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "deflate", "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(pixels, subifds=1, resolution=(per_cm, per_cm), metadata=None, **options)
        writer.write(pixels[::2, ::2], subfiletype=1, resolution=(per_cm / 2, per_cm / 2), metadata=None, **options)
    return path


def test_a_pyramid_is_a_slide_and_a_picture_is_not(slide_path: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "picture.tif", np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    (tmp_path / "damaged.tif").write_bytes(b"II*\x00 and then nothing of use")
    assert is_slide(slide_path)
    assert not is_slide(tmp_path / "picture.tif")
    assert not is_slide(tmp_path / "damaged.tif")
    assert is_slide(tmp_path / "any.SVS")


def test_only_tiles_with_tissue_are_cut_in_place(slide_path: Path) -> None:
    with Slide(slide_path, SlideOptions(tile_px=256, tile_mpp_um=MPP_UM)) as slide:
        assert slide.mpp_um == pytest.approx(MPP_UM, rel=1e-3)
        tiles = slide.tiles()
        corners = {(round(tile.x_px, -1), round(tile.y_px, -1)) for tile in tiles}
        assert corners == {
            (10 * round(x / 10), 10 * round(y / 10)) for x in range(512, 1536, 256) for y in (0, 256, 512, 768)
        }
        first = tiles[5]
        expected = drawn_slide()[first.y_px : first.y_px + 256, first.x_px : first.x_px + 256]
        np.testing.assert_array_equal(slide.read(first), expected)


def test_tiles_are_resampled_to_the_resolution_asked_for(slide_path: Path) -> None:
    with Slide(slide_path, SlideOptions(tile_px=128, tile_mpp_um=0.6)) as slide:
        assert slide.side_px == pytest.approx(128 * 0.6 / MPP_UM, rel=1e-3)
        tile = SlideTile(600, 300, 1.0)
        pixels = slide.read(tile).astype(int)
    whole = drawn_slide()[300 : 300 + round(slide.side_px), 600 : 600 + round(slide.side_px)]
    step = len(whole) / 128
    centers = ((np.arange(128) + 0.5) * step).astype(int)
    assert pixels.shape == (128, 128, 3)
    assert np.abs(pixels[..., 0] - whole[centers][:, centers, 0]).max() <= 2


def test_too_many_tiles_are_thinned_evenly(slide_path: Path) -> None:
    options = SlideOptions(tile_px=64, tile_mpp_um=MPP_UM, max_tiles=20)
    with Slide(slide_path, options) as slide:
        tiles = slide.tiles()
    assert len(tiles) == len(set(tiles)) == 20
    rows = [tile.y_px for tile in tiles]
    assert min(rows) < 64
    assert max(rows) > HEIGHT - 130
    assert np.diff(rows).max() <= 128


def test_slides_become_tiles_of_a_project(slide_path: Path, tmp_path: Path) -> None:
    arguments = ["project", "new", str(tmp_path / "p"), "--images", str(slide_path), "--tile-px", "256"]
    assert main([*arguments, "--tile-mpp", "0.25", "--max-tiles", "3"]) == 0
    project = Project.open(tmp_path / "p")
    assert len(project.tiles) == 3
    first = project.tiles[0]
    assert first.name.startswith("slide_x00512_y00000") or first.name.startswith("slide_x00511")
    assert (first.width_px, first.height_px, first.mpp_um) == (256, 256, 0.25)
    place, slide = project.place(first.name), project.source_file(first.name)
    assert place is not None
    assert slide is not None
    assert first.name == f"slide_x{place.x_px:05d}_y{place.y_px:05d}"
    assert place.scale == pytest.approx(0.25 / MPP_UM, rel=1e-3)
    assert slide.path == str(slide_path.resolve())
    assert (project.path / str(slide.path_from_project)).samefile(slide_path)
    assert (slide.width_px, slide.height_px) == (WIDTH, HEIGHT)
    assert slide.mpp_um == pytest.approx(MPP_UM, rel=1e-3)
    assert slide.file_mpp is not None
    assert slide.file_mpp.x_um == slide.mpp_um
    assert first.mpp_set_by == slide.mpp_set_by == PixelSizeSource.FILE
    assert project.image(first.name).shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SlideOptions(tile_px=2048, tile_mpp_um=1.0), "room for"),
        (SlideOptions(tile_px=1024, tile_mpp_um=0.25, min_tissue=1.0), "no tile of"),
    ],
)
def test_a_slide_without_a_usable_tile_is_an_error(slide_path: Path, options: SlideOptions, said: str) -> None:
    with Slide(slide_path, options) as slide, pytest.raises(ImageError, match=said):
        slide.tiles()


def test_blank_glass_has_no_tissue(tmp_path: Path) -> None:
    glass = np.random.default_rng(0).integers(238, 244, (512, 512, 1), dtype=np.uint8).repeat(3, 2)
    tifffile.imwrite(tmp_path / "glass.svs", glass, photometric="rgb", tile=(256, 256))
    with Slide(tmp_path / "glass.svs", SlideOptions(tile_px=256, mpp_um=0.5)) as slide:
        assert slide.plan().tissue.mean() < 0.01
        with pytest.raises(ImageError, match="no tile"):
            slide.tiles()


@pytest.mark.parametrize("wrong", [{"tile_px": 8}, {"tile_mpp_um": 0.0}, {"mpp_um": -1.0}, {"max_tiles": 0}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="choose a number from"):
        SlideOptions(**wrong)  # type: ignore[arg-type]


def test_a_damaged_slide_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.svs").write_bytes(b"II*\x00" + b"\x01" * 100)
    assert main(["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "bad.svs")]) == 2
    error = capsys.readouterr().err
    assert "bad.svs" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.svs"]


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_real_slides_give_tiles_of_tissue(shared_dir: Path, tmp_path: Path, name: str) -> None:
    slide = shared_dir / "data" / "slides" / name
    given = 0.25 if name.startswith("tcga") else None  # that file does not say how large its pixels are
    if given:
        with pytest.raises(ImageError, match="give the pixel size"):
            Slide(slide, SlideOptions())
    project = Project.create(tmp_path / "p", [slide], classes=default_classes(), mpp_um=given)
    assert 3 <= len(project.tiles) <= 25
    for tile in project.tiles:
        image = project.image(tile.name).astype(int)
        assert image.shape == (512, 512, 3)
        assert tile.mpp_um == 0.5
        assert tile.mpp_set_by is (PixelSizeSource.PROJECT if given else PixelSizeSource.FILE)
        colored = (image.max(axis=2) - image.min(axis=2)) > 15
        assert colored.mean() > 0.15, tile.name


def test_a_resolution_no_microscope_has_is_asked_for(shared_dir: Path) -> None:
    with pytest.raises(ImageError, match="no microscope"):
        Slide(shared_dir / "data" / "slides" / "boxes.tiff", SlideOptions())
