"""The pixel size of every kind of file that states one, where it stands, and that an absurd one is not used."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.cases.rows import data, tiff
from tests.cases.writers import HEIGHT, WIDTH, bmp, chunk, packed, png, pyramid, rgb8
from training_core.io import encode_png, encode_tiff, inspect_file
from training_core.io.regions import open_regions
from training_core.io.resolution import file_mpp_um
from training_core.io.slides import is_slide

RGB = rgb8()
LARGE = np.repeat(np.repeat(RGB, 4, axis=0), 4, axis=1)


@dataclass(frozen=True)
class Row:
    """A file, the size of its pixels in µm, what a reader goes by, and where the file states it."""

    name: str
    write: Callable[[Path], Any]
    x_um: float | None
    usable_um: float | None
    stated_in: str | None
    y_um: float | None = None


def used(name: str, write: Callable[[Path], Any], um: float, stated_in: str) -> Row:
    return Row(name, write, um, um, stated_in)


def tags(x: float, unit: str, y: float | None = None, **options: Any) -> Callable[[Path], Any]:
    return tiff(RGB, photometric="rgb", resolution=(x, y or x), resolutionunit=unit, **options)


def ome(**sizes: Any) -> Callable[[Path], Any]:
    return tiff(RGB, ome=True, photometric="rgb", metadata={"axes": "YXS", **sizes})


def ome_xml(attributes: str, **options: Any) -> Callable[[Path], Any]:
    """An OME-TIFF whose Pixels element has these attributes, in this order."""
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="{WIDTH}" SizeY="{HEIGHT}" '
        f'SizeC="3" SizeZ="1" SizeT="1" {attributes}><Channel ID="Channel:0:0" SamplesPerPixel="3"/>'
        '<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    )
    return tiff(RGB, photometric="rgb", description=xml, **options)


def imagej(unit: str, per_unit: float) -> Callable[[Path], Any]:
    return lambda path: tifffile.imwrite(
        path, RGB, imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit}
    )


def aperio(path: Path) -> None:
    description = "Aperio Image Library v1\r\n224x160 [0,0 224x160] |AppMag = 20|MPP = 0.4990"
    tifffile.imwrite(path, LARGE, photometric="rgb", tile=(64, 64), description=description, metadata=None)


def phys(x: int, y: int, unit: int) -> bytes:
    return png(RGB, 8, 2, before=chunk(b"pHYs", struct.pack(">IIB", x, y, unit)))


def jpeg(x: int, y: int, unit: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    place = content.index(b"JFIF\0") + 7
    content[place : place + 5] = struct.pack(">BHH", unit, x, y)
    return bytes(content)


def jp2(per_m: int) -> bytes:
    """A JP2 with a box of capture resolution put into its header."""
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG2000")
    content = buffer.getvalue()
    resc = struct.pack(">I4sHHHHbb", 18, b"resc", per_m // 1000, 1, per_m // 1000, 1, 3, 3)
    box = struct.pack(">I4s", 8 + len(resc), b"res ") + resc
    start = content.index(b"jp2h") - 4
    length = struct.unpack(">I", content[start : start + 4])[0]
    header = struct.pack(">I", length + len(box)) + content[start + 4 : start + length] + box
    return content[:start] + header + content[start + length :]


NM = {"PhysicalSizeX": 325.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 325.0, "PhysicalSizeYUnit": "nm"}
UM = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "µm"}
ROWS = [
    used("centimetre.tif", tags(20_000, "CENTIMETER"), 0.5, "tiff_tags"),
    used("inch.tif", tags(50_800, "INCH"), 0.5, "tiff_tags"),
    used("millimetre.tif", tags(2_000, "MILLIMETER"), 0.5, "tiff_tags"),
    used("micrometre.tif", tags(2, "MICROMETER"), 0.5, "tiff_tags"),
    used("big_tiff.tif", tags(20_000, "CENTIMETER", bigtiff=True), 0.5, "tiff_tags"),
    used("by_libtiff.tif", lambda path: Image.fromarray(RGB).save(path, dpi=(50_800, 50_800)), 0.5, "tiff_tags"),
    Row("no_unit.tif", tags(2, "NONE"), None, None, None),
    Row("no_tags.tif", tiff(RGB, photometric="rgb"), None, None, None),
    Row("zero.tif", tiff(RGB, photometric="rgb", resolution=((0, 1), (0, 1)), resolutionunit="CENTIMETER"), None, None, None),
    Row("screen.tif", tags(72, "INCH"), 25_400 / 72, None, "tiff_tags"),
    Row("print.tif", tags(300, "INCH"), 25_400 / 300, None, "tiff_tags"),
    Row("too_fine.tif", tags(1_000_000, "CENTIMETER"), 0.01, None, "tiff_tags"),
    Row("unequal.tif", tags(20_000, "CENTIMETER", 40_000), 0.5, None, "tiff_tags", 0.25),
    Row("nearly_equal.tif", tags(20_000, "CENTIMETER", 20_100), 0.5, (0.5 + 10_000 / 20_100) / 2, "tiff_tags", 10_000 / 20_100),
    used("nanometres.ome.tif", ome(**NM), 0.325, "ome_xml"),
    used("micrometres.ome.tif", ome(**UM), 0.25, "ome_xml"),
    used("no_unit.ome.tif", ome(PhysicalSizeX=0.25, PhysicalSizeY=0.25), 0.25, "ome_xml"),
    used("x_alone.ome.tif", ome(PhysicalSizeX=0.25), 0.25, "ome_xml"),
    used("y_alone.ome.tif", ome(PhysicalSizeY=0.25), 0.25, "ome_xml"),
    used("one_unit.ome.tif", ome(PhysicalSizeX=325.0, PhysicalSizeXUnit="nm", PhysicalSizeY=325.0), 0.325, "ome_xml"),
    Row("unequal.ome.tif", ome(PhysicalSizeX=0.25, PhysicalSizeY=0.5), 0.25, None, "ome_xml", 0.5),
    used("unit_before.ome.tif", ome_xml('PhysicalSizeXUnit="nm" PhysicalSizeX="500" PhysicalSizeYUnit="nm" PhysicalSizeY="500"'), 0.5, "ome_xml"),
    used("unit_after.ome.tif", ome_xml('PhysicalSizeX="500" PhysicalSizeY="500" PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm"'), 0.5, "ome_xml"),
    used("millimetres.ome.tif", ome_xml('PhysicalSizeX="0.0005" PhysicalSizeY="0.0005" PhysicalSizeXUnit="mm" PhysicalSizeYUnit="mm"'), 0.5, "ome_xml"),
    used("greek_mu.ome.tif", ome_xml('PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeXUnit="&#956;m" PhysicalSizeYUnit="&#956;m"'), 0.5, "ome_xml"),
    used("single_quotes.ome.tif", ome_xml("PhysicalSizeX='0.5' PhysicalSizeY='0.5'"), 0.5, "ome_xml"),
    Row("unit_pixel.ome.tif", ome_xml('PhysicalSizeX="1" PhysicalSizeY="1" PhysicalSizeXUnit="pixel" PhysicalSizeYUnit="pixel"'), None, None, None),
    Row("no_number.ome.tif", ome_xml('PhysicalSizeX="" PhysicalSizeY="NaN"'), None, None, None),
    used("ome_over_tags.ome.tif", ome_xml('PhysicalSizeX="0.25" PhysicalSizeY="0.25"', resolution=(72, 72), resolutionunit="INCH"), 0.25, "ome_xml"),
    used("tags_without_ome.ome.tif", ome_xml("", resolution=(20_000, 20_000), resolutionunit="CENTIMETER"), 0.5, "tiff_tags"),
    *(used(f"imagej_{number}.tif", imagej(unit, per_unit), 0.5, "imagej") for number, (unit, per_unit) in enumerate(
        (("um", 2.0), ("micron", 2.0), ("microns", 2.0), ("\\u00B5m", 2.0), ("nm", 0.002), ("mm", 2000.0), ("cm", 20_000.0), ("inch", 50_800.0)))),
    Row("imagej_pixel.tif", imagej("pixel", 1.0), None, None, None),
    used("slide.svs", aperio, 0.499, "aperio"),
    used("ome_slide.ome.tif", lambda path: pyramid(path, LARGE, photometric="rgb", metadata={"axes": "YXS", **UM}), 0.25, "ome_xml"),
    used("tagged_slide.tif", lambda path: pyramid(path, LARGE, photometric="rgb", resolution=(40_000, 40_000), resolutionunit="CENTIMETER"), 0.25, "tiff_tags"),
    used("tagged_slide_of_pages.tif", lambda path: pyramid(path, LARGE, by_pages=True, photometric="rgb", resolution=(40_000, 40_000), resolutionunit="CENTIMETER"), 0.25, "tiff_tags"),
    used("our_own.png", data(encode_png(RGB, 0.2528)), 0.2528, "png_phys"),
    used("our_own.tif", data(encode_tiff(RGB, 0.2528)), 0.2528, "tiff_tags"),
    used("phys.png", data(phys(2_000_000, 2_000_000, 1)), 0.5, "png_phys"),
    Row("phys_unequal.png", data(phys(2_000_000, 1_000_000, 1)), 0.5, None, "png_phys", 1.0),
    Row("phys_screen.png", data(phys(2835, 2835, 1)), 1e6 / 2835, None, "png_phys"),
    Row("phys_ratio.png", data(phys(2_000_000, 2_000_000, 0)), None, None, None),
    Row("phys_zero.png", data(phys(0, 0, 1)), None, None, None),
    used("inch.jpg", data(jpeg(50_800, 50_800, 1)), 0.5, "jpeg_density"),
    used("centimetre.jpg", data(jpeg(20_000, 20_000, 2)), 0.5, "jpeg_density"),
    Row("ratio.jpg", data(jpeg(1, 1, 0)), None, None, None),
    Row("unequal.jpg", data(jpeg(20_000, 10_000, 2)), 0.5, None, "jpeg_density", 1.0),
    used("header.bmp", data(bmp(packed(RGB[:, :, ::-1], 8)[::-1], 24, (WIDTH, HEIGHT), per_m=2_000_000)), 0.5, "bmp_header"),
    Row("screen.bmp", data(bmp(packed(RGB[:, :, ::-1], 8)[::-1], 24, (WIDTH, HEIGHT), per_m=2835)), 1e6 / 2835, None, "bmp_header"),
    used("capture.jp2", data(jp2(2_000_000)), 0.5, "jpeg2000_resolution"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_pixel_size(tmp_path: Path, row: Row) -> None:
    path = tmp_path / row.name
    row.write(path)
    stated = inspect_file(path).pixel_size
    if row.x_um is None:
        assert stated is None
    else:
        assert stated is not None
        assert (stated.x_um, stated.y_um) == pytest.approx((row.x_um, row.y_um or row.x_um), rel=1e-3)
        assert stated.stated_in == row.stated_in
        assert (stated.problem is None) == (row.usable_um is not None)
    expected = None if row.usable_um is None else pytest.approx(row.usable_um, rel=1e-3)
    assert file_mpp_um(path) == expected
    with open_regions(path) as image:
        assert image.mpp_um == expected
        assert image.is_slide == is_slide(path)


def test_a_thumbnail_before_the_picture_does_not_give_its_pixel_size(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        common = {"photometric": "rgb", "metadata": None, "resolutionunit": "CENTIMETER"}
        writer.write(RGB[::3, ::3], subfiletype=1, resolution=(5_000, 5_000), **common)
        writer.write(RGB, resolution=(20_000, 20_000), **common)
    assert file_mpp_um(tmp_path / "a.tif") == pytest.approx(0.5)


def test_slides_state_what_another_reader_of_slides_finds(tmp_path: Path) -> None:
    tiffslide = pytest.importorskip("tiffslide", reason="the witness is not installed")
    for row in (each for each in ROWS if each.name in ("slide.svs", "tagged_slide.tif", "tagged_slide_of_pages.tif")):
        row.write(tmp_path / row.name)
        with tiffslide.TiffSlide(tmp_path / row.name) as slide:
            stated = float(slide.properties["tiffslide.mpp-x"])
            facts = inspect_file(tmp_path / row.name)
            assert facts.pixel_size is not None
            assert stated == pytest.approx(facts.pixel_size.x_um)
            assert slide.level_dimensions == facts.levels
