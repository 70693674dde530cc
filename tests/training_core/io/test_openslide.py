"""Slides that OpenSlide reads, and those that it reads as our reader of TIFF does."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.cases.dicom_slides import CT, TILE_PX, as_jpeg, write_dicom
from tests.cases.hamamatsu_slides import MAP_STEP, write_vms, write_vmu
from tests.cases.mirax_slides import write_mirax
from training_core.base.errors import ImageError
from training_core.cli.main import main
from training_core.io import inspect_file, read_image
from training_core.io.formats.openslide_file import Area
from training_core.io.opening import open_levels
from training_core.io.regions import open_regions
from training_core.io.slides import Slide, SlideOptions, is_slide
from training_core.project import Project
from training_core.project.sources import scan

WIDTH, HEIGHT = 420, 300
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
HALF = np.ascontiguousarray(PIXELS[::2, ::2])


@pytest.fixture
def dicom(tmp_path: Path) -> list[Path]:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    pytest.importorskip("pydicom", reason="the witness is not installed")
    return write_dicom(tmp_path / "series", [PIXELS, HALF], without_tile=(1, 2))


def shown() -> NDArray[np.uint8]:
    """The picture with its missing tile as glass."""
    pixels = PIXELS.copy()
    pixels[TILE_PX : 2 * TILE_PX, 2 * TILE_PX : 3 * TILE_PX] = 255
    return pixels


def test_every_file_of_a_dicom_series_opens_the_slide(dicom: list[Path]) -> None:
    for path in dicom:
        assert is_slide(path)
        with open_levels(path) as levels:
            assert levels.sizes == ((WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2))
            assert (levels.objective, levels.corner_px, levels.facts.tile_px) == (40, (0, 0), (TILE_PX, TILE_PX))
            for left, top, width, height in ((0, 0, WIDTH, HEIGHT), (33, 41, 200, 222), (WIDTH - 5, HEIGHT - 3, 5, 3)):
                region = shown()[top : top + height, left : left + width]
                assert np.array_equal(levels.read(0, left, top, width, height), region)
            assert np.array_equal(levels.read(1, 13, 27, 100, 99), HALF[27:126, 13:113])
        assert np.array_equal(read_image(path), shown())


def test_a_dicom_slide_says_its_pixel_size_and_what_it_lacks(dicom: list[Path]) -> None:
    facts = inspect_file(dicom[0])
    assert facts.pixel_size is not None
    assert (facts.pixel_size.usable_um, facts.pixel_size.stated_in) == (0.25, "dicom")
    assert facts.notes == ("It is read by OpenSlide; what was not scanned is white.",)
    with open_regions(dicom[1]) as image:
        assert (image.is_slide, image.mpp_um) == (True, 0.25)
        assert np.array_equal(image.read(10, 20, 110, 90), shown()[10:110, 20:90])


def test_a_dicom_slide_is_cut_at_half_its_resolution(dicom: list[Path]) -> None:
    with Slide(dicom[0], SlideOptions(tile_px=64, tile_mpp_um=0.5, min_tissue=0)) as slide:
        tiles = slide.tiles()
        assert [(tile.x_px, tile.y_px) for tile in tiles[:4]] == [(0, 0), (128, 0), (256, 0), (0, 128)]
        assert np.array_equal(slide.read(tiles[1]), HALF[:64, 64:128])


def test_a_dicom_slide_with_jpeg_is_decoded_as_pillow_does(tmp_path: Path) -> None:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    pytest.importorskip("pydicom", reason="the witness is not installed")
    flat = np.kron(PIXELS[:38, :53], np.ones((8, 8, 1), np.uint8))  # fields of 8 px, as JPEG keeps no noise
    path = write_dicom(tmp_path, [flat], jpeg=True)[0]
    expected = np.asarray(Image.open(io.BytesIO(as_jpeg(flat[64:128, 128:192]))))
    with open_levels(path) as levels:
        read = levels.read(0, 128, 64, TILE_PX, TILE_PX)
        assert np.abs(read.astype(int) - expected).max() <= 2
        assert np.abs(read.astype(int) - flat[64:128, 128:192]).mean() < 20  # of the colours, which lie 85 apart


def test_slides_of_hamamatsu_are_read_whole_and_in_parts(tmp_path: Path) -> None:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    pixels = np.kron(PIXELS[:20, :28], np.ones((16, 16, 1), np.uint8))
    write_vms(tmp_path / "a.vms", pixels)
    write_vmu(tmp_path / "b.vmu", pixels)
    assert scan([tmp_path]).files == (tmp_path / "a.vms", tmp_path / "b.vmu")
    for path, expected in (("a.vms", np.asarray(Image.open(tmp_path / "a.jpg"))), ("b.vmu", pixels)):
        with open_levels(tmp_path / path) as levels:
            assert (levels.sizes[0], levels.objective) == ((448, 320), 20)
            assert levels.facts.pixel_size is not None
            assert levels.facts.pixel_size.usable_um == pytest.approx(0.25)
            for left, top, width, height in ((0, 0, 448, 320), (101, 57, 90, 80)):
                region = expected[top : top + height, left : left + width].astype(int)
                assert np.abs(levels.read(0, left, top, width, height) - region).max() <= 2
            level = levels.best_level(MAP_STEP)
            assert levels.downsamples[level] == MAP_STEP
            small = levels.read(level, 10, 20, 50, 30).astype(int)
            assert np.abs(small - pixels[::MAP_STEP, ::MAP_STEP][20:50, 10:60]).mean() < 3


def test_threads_read_one_slide(dicom: list[Path]) -> None:
    places = [(left, top) for left in range(0, 300, 37) for top in range(0, 200, 29)]
    with open_levels(dicom[0]) as levels, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda place: levels.read(0, *place, 100, 90), places))
    for (left, top), pixels in zip(places, read, strict=True):
        assert np.array_equal(pixels, shown()[top : top + 90, left : left + 100])


def test_a_damaged_place_leaves_the_rest_of_the_slide_readable(tmp_path: Path) -> None:
    """After one failure OpenSlide refuses every place of a slide."""
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    pytest.importorskip("pydicom", reason="the witness is not installed")
    path = write_dicom(tmp_path, [PIXELS, HALF])[1]
    path.write_bytes(path.read_bytes()[: -TILE_PX * TILE_PX * 3 // 2])  # half of the last tile
    with open_levels(path) as levels:
        for _ in range(2):
            with pytest.raises(ImageError, match=r"DCM_1.dcm is a DICOM file that OpenSlide cannot read \(.+\)"):
                levels.read(1, WIDTH // 2 - 10, HEIGHT // 2 - 10, 10, 10)
            assert np.array_equal(levels.read(1, 50, 50, 90, 60), HALF[50:110, 50:140])
            assert np.array_equal(levels.read(0, 100, 100, 90, 80), PIXELS[100:180, 100:190])


def test_what_is_no_whole_slide_image_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    pytest.importorskip("pydicom", reason="the witness is not installed")
    path = write_dicom(tmp_path, [PIXELS], storage=CT)[0]
    with pytest.raises(ImageError, match=r"no whole-slide image.*3D Slicer"), open_levels(path):
        pass


def test_of_a_mirax_slide_only_what_was_scanned_is_read_as_in_qupath(tmp_path: Path) -> None:
    """Eight images in a frame of 3 x 3, from (192, 64) on; the one in the middle of the upper row was not scanned."""
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    canvas = np.random.default_rng(1).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    scanned = [(row, column) for row in (1, 2, 3) for column in (3, 4, 5) if (row, column) != (1, 4)]
    write_mirax(tmp_path / "a.mrxs", canvas, scanned, background=(250, 240, 230))
    expected = canvas[64:256, 192:384].copy()
    expected[:64, 64:128] = (250, 240, 230)
    with open_levels(tmp_path / "a.mrxs") as levels:
        assert levels.sizes == ((192, 192), (96, 96))
        assert (levels.objective, levels.corner_px) == (20, (0, 0))
        assert np.array_equal(levels.read(0, 0, 0, 192, 192), expected)
        assert np.array_equal(levels.read(0, 50, 30, 100, 90), expected[30:120, 50:150])
        assert np.array_equal(levels.read(1, 0, 0, 96, 96), canvas[::2, ::2][32:128, 96:192])  # written in full
    facts = inspect_file(tmp_path / "a.mrxs")
    assert facts.pixel_size is not None
    assert (facts.pixel_size.usable_um, facts.pixel_size.stated_in) == (0.25, "mirax")
    assert facts.notes == (
        "It is read by OpenSlide; what was not scanned is #faf0e6.",
        "Only what was scanned is read, as in QuPath: 192 x 192 px from (192, 64) on, of 512 x 384 px.",
    )


def write_overlapping_bif(path: Path, pixels: NDArray[np.uint8]) -> None:
    """A picture of 116 x 120 px in 2 x 2 tiles of 64 px, of which neighbours share 12 columns or 8 rows."""

    def xml(text: str) -> dict[str, Any]:
        return {"extratags": [(700, "B", len(text), text.encode(), True)], "software": "ScanOutputManager 1.1.0.15854"}

    # Tiles are counted from the lower left one, every other row from the right.
    joints = "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="100" Direction="{way}" Tile1="{one}" Tile2="{two}" OverlapX="{x}" '
        f'OverlapY="{y}"/>'
        for way, one, two, x, y in (
            ("RIGHT", 1, 2, 12, 0),
            ("RIGHT", 4, 3, 12, 0),
            ("UP", 1, 4, 0, 8),
            ("UP", 2, 3, 0, 8),
        )
    )
    size = 'Pos-X="0" Pos-Y="0" Width="64" Height="64" NumRows="2" NumCols="2"'
    area = f'<ImageInfo AOIScanned="1" {size}>{joints}</ImageInfo>'
    origin = '<AoiOrigin><AOI0 OriginX="0" OriginY="0"/></AoiOrigin>'
    scan = '<iScan ScannerModel="VENTANA DP 200" Magnification="40" ScanRes="0.25" Z-layers="1"></iScan>'
    tiles = np.concatenate(
        [np.concatenate([pixels[y : y + 64, x : x + 64] for x in (0, 52)], axis=1) for y in (0, 56)], axis=0
    )
    flat: dict[str, Any] = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(pixels[::4, ::4].copy(), description="Label Image", **xml(scan), **flat)
        stitching = xml(f'<EncodeInfo Ver="2"><SlideStitchInfo>{area}</SlideStitchInfo>{origin}</EncodeInfo>')
        writer.write(tiles, description="level=0 mag=40 quality=95", tile=(64, 64), **stitching, **flat)


def test_a_bif_whose_tiles_overlap_is_stitched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of TIFF refuses it."""
    path, pixels = tmp_path / "a.bif", np.ascontiguousarray(PIXELS[:120, :116])
    write_overlapping_bif(path, pixels)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "openslide", None)
        for read in (read_image, lambda path: Slide(path, SlideOptions())):
            with pytest.raises(ImageError, match=r"overlap by up to 12 px.*napari-unisemalign\[slides\]"):
                read(path)
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    assert is_slide(path)
    with open_levels(path) as levels:
        assert (levels.sizes, levels.objective) == (((116, 120),), 40)
        assert np.array_equal(levels.read(0, 0, 0, 116, 120), pixels)
        assert np.array_equal(levels.read(0, 40, 50, 30, 20), pixels[50:70, 40:70])
    facts = inspect_file(path)
    assert facts.pixel_size is not None
    assert (facts.pixel_size.usable_um, facts.pixel_size.stated_in) == (0.25, "ventana")


def test_a_mirax_slide_without_its_folder_says_so(tmp_path: Path) -> None:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    (tmp_path / "a.mrxs").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    with (
        pytest.raises(ImageError, match=r"only a preview.*no .*a.Slidedat\.ini.*copy the folder"),
        open_levels(tmp_path / "a.mrxs"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.mrxs", "a.dcm", "a.vms", "a.vmu", "a.czi", "a.svslide"])
def test_without_openslide_the_refusal_names_the_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = {
        ".dcm": bytes(128) + b"DICM",
        ".vms": b"[Virtual Microscope Specimen]",
        ".vmu": b"[Uncompressed Virtual Microscope Specimen]",
        ".czi": b"ZISRAWFILE",
    }
    path = tmp_path / name
    path.write_bytes(begins.get(path.suffix, b"\xff\xd8\xff\xe0") + bytes(500))
    monkeypatch.setitem(sys.modules, "openslide", None)
    for read in (inspect_file, read_image, lambda path: Slide(path, SlideOptions())):
        with pytest.raises(ImageError, match=r'pip install "napari-unisemalign\[slides\]"') as refused:
            read(path)
        assert str(path) in str(refused.value)
        assert refused.value.needed == "the packages openslide-python and openslide-bin"


def test_bounds_are_cropped_to_as_in_qupath() -> None:
    """A canvas of 1000 x 800 with a level of a quarter; scanned are 403 x 201 px from (101, 50) on."""
    names = ("x", "y", "width", "height")
    stated = {f"openslide.bounds-{name}": value for name, value in zip(names, ("101", "50", "403", "201"), strict=True)}
    area = Area.of(((1000, 800), (250, 200)), (1.0, 4.0), stated)
    assert area == Area(((101, 50), (25, 12)), ((403, 201), (100, 50)))  # 25.25 and 12.5 to whole pixels of the level
    whole = Area(((0, 0), (0, 0)), ((1000, 800), (250, 200)))
    assert Area.of(((1000, 800), (250, 200)), (1.0, 4.0), {}) == whole
    assert Area.of(((1000, 800), (250, 200)), (1.0, 4.0), stated | {"openslide.bounds-width": "?"}) == whole
    beyond = stated | {"openslide.bounds-width": "5000"}
    assert Area.of(((1000, 800), (250, 200)), (1.0, 4.0), beyond).sizes == ((899, 201), (225, 50))


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "tcga-cr-7395-01a-01-ts1.svs", "boxes.tiff"])
def test_openslide_reads_real_slides_as_our_reader_of_tiff_does(shared_dir: Path, name: str) -> None:
    openslide = pytest.importorskip("openslide", reason="the extra slides is not installed")
    path = shared_dir / "data" / "slides" / name
    with open_levels(path) as levels, openslide.OpenSlide(path) as other:
        assert other.level_dimensions == levels.sizes
        assert other.level_downsamples == pytest.approx(levels.downsamples)
        power, um = (other.properties.get(f"openslide.{each}") for each in ("objective-power", "mpp-x"))
        assert levels.objective == (None if power is None else float(power))
        stated = levels.facts.pixel_size
        assert um is None or stated is None or float(um) == pytest.approx(stated.x_um)
        for level, (width, height) in enumerate(levels.sizes):
            step = round(levels.downsamples[level])
            places = [(0, 0), (width // 3, height // 2), (max(0, width - 200), max(0, height - 150))]
            if other.level_downsamples[level] % 1:
                places = places[:1]  # elsewhere OpenSlide interpolates, as its places are whole pixels of level 0
            for left, top in places:
                side = min(200, width - left), min(150, height - top)
                theirs = other.read_region((left * step, top * step), level, side).convert("RGB")
                ours = levels.read(level, left, top, *side).astype(int)
                assert np.abs(ours - np.asarray(theirs)).max() <= 2, (level, left, top)


def test_a_project_is_made_of_a_dicom_folder_and_gets_a_further_tile(
    dicom: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "p"
    command = ["project", "new", str(project), "--images", str(dicom[0].parent), "--classes", "background=0,gland=1"]
    assert main([*command, "--tile-px", "64", "--min-tissue", "0"]) == 0
    tiles = Project.open(project).tiles
    assert [tile.name for tile in tiles] == [
        f"DCM_0_x{x:05d}_y{y:05d}" for y in (0, 128) for x in (0, 128, 256)
    ]  # 420 x 300 px have room for 3 x 2
    assert main(["project", "add-tile", str(project), "DCM_0.dcm", "--rectangle", "20", "100", "180", "260"]) == 0
    opened = Project.open(project)
    added = opened.tiles[-1]
    assert np.array_equal(opened.image(added.name), HALF[50:130, 10:90])
    assert main(["project", "pixel-size", str(project)]) == 0
    assert "0.25 µm/px (dicom)" in capsys.readouterr().out
