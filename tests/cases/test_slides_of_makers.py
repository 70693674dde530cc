"""Slides as the scanners of several makers write them: their pixels, levels and pixel size, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.cases.writers import rgb8
from training_core.base.errors import ImageError
from training_core.io import inspect_file, read_image
from training_core.io.inspection import Answers, ImageQuestionError, Question
from training_core.io.regions import open_regions
from training_core.io.slides import Slide, SlideOptions, is_slide

SLIDE = np.repeat(np.repeat(rgb8(), 4, axis=0), 4, axis=1)
HEIGHT, WIDTH = SLIDE.shape[:2]
TILED: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
FLAT: dict[str, Any] = {"photometric": "rgb", "metadata": None}


def every(step: int, pixels: NDArray[Any] = SLIDE) -> NDArray[Any]:
    return np.ascontiguousarray(pixels[::step, ::step])


def leica(
    path: Path, scans: int = 1, *, macro: bool = True, nm: int = 500, corners_nm: Sequence[tuple[int, int]] = ()
) -> None:
    """An SCN: an overview of the whole slide, and scans of parts of it with two levels each."""
    whole = f'sizeX="{4 * WIDTH * nm}" sizeY="{4 * HEIGHT * nm}"'
    images, written = [], []

    def add(levels: list[NDArray[Any]], view: str, objective: str) -> None:
        height, width = levels[0].shape[:2]
        first = len(written)
        dimensions = "".join(
            f'<dimension sizeX="{each.shape[1]}" sizeY="{each.shape[0]}" r="{r}" ifd="{first + r}"/>'
            for r, each in enumerate(levels)
        )
        images.append(
            f'<image name="i" uuid="u{first}"><creationDate>2020-01-01T00:00:00Z</creationDate>'
            f'<device model="Leica SCN400;Leica SCN" version="1.5"/><pixels sizeX="{width}" sizeY="{height}">'
            f'{dimensions}</pixels><view {view} spacingZ="0"/><scanSettings>'
            f"<objectiveSettings><objective>{objective}</objective></objectiveSettings><illuminationSettings>"
            "<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource>"
            "</illuminationSettings></scanSettings></image>"
        )
        written.extend(levels)

    if macro:
        add([255 - every(2)], f'{whole} offsetX="0" offsetY="0"', "0.6")
    for number in range(scans):
        pixels = SLIDE if number == 0 else 255 - SLIDE
        x, y = corners_nm[number] if corners_nm else (0, 0)
        view = f'sizeX="{WIDTH * nm}" sizeY="{HEIGHT * nm}" offsetX="{x}" offsetY="{y}"'
        add([pixels, every(2, pixels)], view, "20")
    xml = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="a">'
        f'<collection name="c" uuid="b" {whole}><barcode>x</barcode>{"".join(images)}</collection></scn>'
    )
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number, pixels in enumerate(written):
            writer.write(pixels, description=None if number else xml, resolution=(72, 72), **TILED)


def philips(path: Path, *, own_spacing: bool = True, label: bool = True, rows_mm: float = 0.00025) -> None:
    """A TIFF of Philips: the label may come first in the metadata, and the slide may state its spacing per level."""
    spacing = '<Attribute Name="DICOM_PIXEL_SPACING" PMSVR="IDoubleArray">&quot;{}&quot; &quot;{}&quot;</Attribute>'
    kind = '<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE" PMSVR="IString">{}</Attribute>'
    macro = kind.format("MACROIMAGE") + spacing.format(0.0315, 0.0315) + "</DataObject>"
    levels = "".join(
        f'<DataObject ObjectType="PixelDataRepresentation">{spacing.format(rows_mm * 2**n, 0.00025 * 2**n)}</DataObject>'
        for n in range(2)
    )
    own = spacing.format(rows_mm, 0.00025) if own_spacing else ""
    slide = f'{kind.format("WSI")}{own}<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}</Array></Attribute></DataObject>'
    xml = (
        '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport"><Attribute '
        'Name="DICOM_MANUFACTURER" Group="0x0008" Element="0x0070" PMSVR="IString">PHILIPS</Attribute><Attribute '
        f'Name="PIM_DP_SCANNED_IMAGES"><Array>{macro if label else ""}{slide}</Array></Attribute></DataObject>'
    )
    software = {"software": "Philips DP v1.0"}
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(SLIDE, description=xml, **software, **TILED)
        writer.write(every(2), description="level=1 mag=20 quality=80", subfiletype=1, **software, **TILED)
        if label:
            writer.write(
                255 - every(4), description="Macro -offset=(0,0)-pixelsize=(0.0315,0.0315)", **software, **FLAT
            )


def ventana(path: Path, *, overlap_px: int = 0) -> None:
    """A BIF: the label with the scanner's settings, a map of probabilities, two levels."""

    def xml(text: str) -> dict[str, Any]:
        return {"extratags": [(700, "B", len(text), text.encode(), True)]}

    scan = '<iScan ScannerModel="VENTANA DP 200" Magnification="40" ScanRes="0.2325"></iScan>'
    joints = (
        f'<TileJointInfo FlagJoined="1" Direction="RIGHT" Tile1="1" Tile2="2" OverlapX="{overlap_px}" OverlapY="0"/>'
    )
    tiles = f'<EncodeInfo Ver="2"><SlideStitchInfo><ImageInfo AOIScanned="1">{joints}</ImageInfo></SlideStitchInfo></EncodeInfo>'
    software = {"software": "ScanOutputManager 1.1.0.15854"}
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(255 - every(4), description="Label_Image", **xml(scan), **software, **FLAT)
        writer.write(every(8)[:, :, 0].copy(), description="Probability_Image", photometric="minisblack", metadata=None)
        writer.write(SLIDE, description="level=0 mag=40 quality=95", **xml(tiles), **software, **TILED)
        writer.write(every(2), description="level=1 mag=20 quality=95", **software, **TILED)


def akoya(path: Path, channels: int = 0) -> None:
    """A QPTIFF in colour, or with a page for each fluorescent channel."""
    options = {"software": "PerkinElmer-QPI", "resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER", **TILED}
    xml = "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType></PerkinElmer-QPI-ImageDescription>"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for pixels, thumbnail in ((SLIDE, every(4)), (every(2), None)):
            pages = [pixels] if not channels else [pixels[:, :, number % 3].copy() for number in range(channels)]
            for page in pages:
                colour = {"photometric": "minisblack"} if channels else {}
                writer.write(page, description=xml, subfiletype=int(pixels is not SLIDE), **{**options, **colour})
            if thumbnail is not None:
                writer.write(thumbnail, software="PerkinElmer-QPI", **FLAT)


def aperio(path: Path) -> None:
    """An SVS with its thumbnail, label and macro image."""
    about = "Aperio Image Library v1\r\n224x160 [0,0 224x160] (64x64) JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990"
    with tifffile.TiffWriter(path) as writer:
        writer.write(SLIDE, description=about, **TILED)
        writer.write(every(4), description="Aperio thumbnail", **FLAT)
        writer.write(every(2), description=about, **TILED)
        writer.write(255 - every(4), description="Aperio Image\r\nlabel 56x40", subfiletype=1, **FLAT)
        writer.write(255 - every(4), description="Aperio Image\r\nmacro 56x40", subfiletype=9, **FLAT)


@dataclass(frozen=True)
class Row:
    """A slide, its pixel size in µm, where the file states it, and how many pictures beside it are left out.

    Attributes
    ----------
    witness_um
        What another reader of slides finds; None: it does not read this kind, or reads the label's.
    """

    name: str
    write: Callable[[Path], Any]
    um: float
    stated_in: str
    left_out: int
    witness_um: float | None = None


ROWS = [
    Row("a.scn", leica, 0.5, "leica", 1, 0.5),
    Row("fine.scn", lambda path: leica(path, nm=250), 0.25, "leica", 1, 0.25),
    Row("without_overview.scn", lambda path: leica(path, macro=False), 0.5, "leica", 0),
    Row("a.tiff", lambda path: philips(path, label=False), 0.25, "philips", 0, 0.25),
    Row("label_first.tiff", philips, 0.25, "philips", 1),
    Row("of_levels.tiff", lambda path: philips(path, own_spacing=False), 0.25, "philips", 1),
    Row("a.bif", ventana, 0.2325, "ventana", 2),
    Row("a.qptiff", akoya, 0.5, "tiff_tags", 1),
    Row("a.svs", aperio, 0.499, "aperio", 3, 0.499),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_slide(tmp_path: Path, row: Row) -> None:
    path = tmp_path / row.name
    row.write(path)
    facts = inspect_file(path)
    assert facts.levels == ((WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2))
    assert facts.planes == 1
    assert facts.pixel_size is not None
    assert (facts.pixel_size.x_um, facts.pixel_size.y_um) == pytest.approx((row.um, row.um))
    assert facts.pixel_size.stated_in == row.stated_in
    told = [note for note in facts.notes if note.startswith(f"It also holds {row.left_out} ")]
    assert bool(told) == bool(row.left_out)
    assert is_slide(path)
    assert np.array_equal(read_image(path), SLIDE)
    with open_regions(path) as image:
        assert image.mpp_um == pytest.approx(row.um)
        assert np.array_equal(image.read(30, 50, 150, 200), SLIDE[30:150, 50:200])
    with Slide(path, SlideOptions(tile_px=64, tile_mpp_um=0.5, min_tissue=0)) as slide:
        assert slide.mpp_um == pytest.approx(row.um)
        assert len(slide.tiles()) == int(HEIGHT * row.um / 32 + 1e-6) * int(WIDTH * row.um / 32 + 1e-6)
    if row.witness_um is not None:
        tiffslide = pytest.importorskip("tiffslide", reason="the witness is not installed")
        with tiffslide.TiffSlide(path) as other:
            assert float(other.properties["tiffslide.mpp-x"]) == pytest.approx(row.witness_um)


def test_scans_of_one_slide_are_chosen_from(tmp_path: Path) -> None:
    leica(tmp_path / "a.scn", scans=2)
    with pytest.raises(ImageQuestionError) as asked:
        read_image(tmp_path / "a.scn")
    assert [each.question for each in asked.value.raised] == [Question.PLANE]
    assert np.array_equal(read_image(tmp_path / "a.scn", Answers(plane=1)), SLIDE)
    assert np.array_equal(read_image(tmp_path / "a.scn", Answers(plane=2)), 255 - SLIDE)


def test_fluorescent_channels_are_chosen_from(tmp_path: Path) -> None:
    akoya(tmp_path / "a.qptiff", channels=4)
    facts = inspect_file(tmp_path / "a.qptiff")
    assert (facts.channels, facts.levels) == (4, ((WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2)))
    with pytest.raises(ImageQuestionError) as asked:
        read_image(tmp_path / "a.qptiff")
    assert [each.question for each in asked.value.raised] == [Question.CHANNELS]
    assert np.array_equal(read_image(tmp_path / "a.qptiff", Answers(channels=(2, 3, 4))), SLIDE[:, :, [1, 2, 0]])


def test_tiles_that_overlap_are_not_taken_side_by_side(tmp_path: Path) -> None:
    ventana(tmp_path / "a.bif", overlap_px=12)
    for read in (read_image, lambda path: Slide(path, SlideOptions())):
        with pytest.raises(ImageError, match="tiles overlap by up to 12 px") as refused:
            read(tmp_path / "a.bif")
        assert "QuPath" in str(refused.value)


def test_pixels_that_are_not_square_are_shown_and_not_used(tmp_path: Path) -> None:
    philips(tmp_path / "a.tiff", rows_mm=0.0003)
    facts = inspect_file(tmp_path / "a.tiff")
    assert facts.pixel_size is not None
    assert (facts.pixel_size.x_um, facts.pixel_size.y_um) == pytest.approx((0.25, 0.3))
    assert facts.pixel_size.usable_um is None


def test_a_tile_that_is_cut_short_is_not_filled_with_grey(tmp_path: Path) -> None:
    """The others are read; libjpeg would fill the rest of the tile without a word."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(SLIDE, compression="jpeg", subifds=1, **TILED)
        writer.write(every(2), compression="jpeg", subfiletype=1, **TILED)
    with open_regions(path) as image:
        whole = image.read(0, 0, 64, 64)
    with tifffile.TiffFile(path, mode="r+") as written:
        page = written.pages.first
        counts = list(page.databytecounts)
        counts[1] //= 2
        page.tags[325].overwrite(tuple(counts))
    with open_regions(path) as image:
        assert np.array_equal(image.read(0, 0, 64, 64), whole)
        with pytest.raises(ImageError, match="cut short"):
            image.read(0, 0, 64, 80)
