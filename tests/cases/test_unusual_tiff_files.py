"""TIFF files that programs read differently, or not at all: bit order, old compressions, predictors, lying tags."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.cases.checks import check_image, check_mask
from tests.cases.rows import Row, data, ids_of, spread, three, tiff
from tests.cases.writers import HEIGHT, WIDTH, grey, packed, pages, raw_tiff, reversed_bits, rgb8
from training_core.io import inspect_file
from training_core.io.inspection import Answers, Question

RGB = rgb8()
GREY = grey(8)
RGB16 = RGB.astype(np.uint16) * 257
LOWEST_BIT_FIRST = {266: ("H", 2)}
Tags = dict[int, tuple[str, Any]]


def bits_of(bits: int) -> bytes:
    return b"".join(packed(grey(bits), bits))


def fax(compression: str) -> tuple[bytes, int, Tags]:
    """The strip that libtiff writes, with its compression and options."""
    buffer = io.BytesIO()
    Image.fromarray(grey(1) * np.uint8(255)).convert("1").save(buffer, "TIFF", compression=compression)
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as written:
        page = written.pages.first
        (offset,), (count,) = page.dataoffsets, page.databytecounts
        options: Tags = {292: ("I", page.tags.valueof(292))} if 292 in page.tags else {}
        assert page.photometric in (0, 1)
        return buffer.getvalue()[offset : offset + count], int(page.compression), {**options, 262: ("H", int(page.photometric))}  # fmt: skip


def fax_row(name: str) -> Row:
    strip, compression, options = fax(name)
    content = raw_tiff(reversed_bits(strip), 1, compression=compression, more={**options, **LOWEST_BIT_FIRST})
    return Row(f"bits_reversed_{name}.tif", data(content), three(grey(1) * 255))


def lowest_first(content: bytes, bits: int, compression: int, samples: int = 1, photometric: int = 1) -> bytes:
    return raw_tiff(reversed_bits(content), bits, samples, photometric, compression, LOWEST_BIT_FIRST)


FILL_ORDER_ROWS = [
    *(Row(f"bits_reversed_{bits}.tif", data(lowest_first(bits_of(bits), bits, 1)), three(spread(grey(bits), 2**bits - 1))) for bits in (1, 2, 4, 8)),
    Row("bits_reversed_rgb.tif", data(lowest_first(RGB.tobytes(), 8, 1, 3, 2)), RGB),
    Row("bits_reversed_lzw.tif", data(lowest_first(imagecodecs.lzw_encode(GREY.tobytes()), 8, 5)), three(GREY)),
    Row("bits_reversed_lzw4.tif", data(lowest_first(imagecodecs.lzw_encode(bits_of(4)), 4, 5)), three(grey(4) * 17)),
    Row("bits_reversed_deflate.tif", data(lowest_first(zlib.compress(GREY.tobytes()), 8, 8)), three(GREY)),
    Row("bits_reversed_packbits.tif", data(lowest_first(imagecodecs.packbits_encode(GREY.tobytes()), 8, 32773)), three(GREY)),
    Row("said_to_be_reversed.tif", data(raw_tiff(zlib.compress(GREY.tobytes()), 8, compression=8, more=LOWEST_BIT_FIRST)), "damaged or incomplete"),
    *(fax_row(name) for name in ("group3", "group4", "tiff_ccitt")),
]  # fmt: skip


def jpeg(pixels: NDArray[Any] = RGB, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **{"quality": 95, "subsampling": 0, **options})
    return buffer.getvalue()


def without_markers(content: bytes) -> bytes:
    """The JPEG without what its application markers say, such as JFIF and Adobe."""
    kept, place = content[:2], 2
    while content[place + 1] != 0xDA:
        length = struct.unpack(">H", content[place + 2 : place + 4])[0]
        if not 0xE0 <= content[place + 1] <= 0xEF:
            kept += content[place : place + 2 + length]
        place += 2 + length
    return kept + content[place:]


def decoded(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGB"))


WHOLE = jpeg()
SCAN = WHOLE.index(b"\xff\xda")
OLD_JPEG: Tags = {512: ("H", 1), 513: ("I", "start"), 514: ("I", len(WHOLE)), 530: ("H", (1, 1))}
SUBSAMPLED: Tags = {530: ("H", (2, 2))}
UNDECODED = {
    "jbig": 34661, "thunderscan": 32809, "next": 32766, "ccirlew": 32771, "pixarlog": 32909, "it8ctpad": 32895,
    "kodak_262": 262, "34663": 34663, "9999": 9999,
}  # fmt: skip
COMPRESSION_ROWS = [
    *(Row(f"{name}.tif", data(raw_tiff(b"\1" * 500, 8, compression=number)), f"compressed as {name.upper().replace('_', ' ')}, which is not read") for name, number in UNDECODED.items()),
    Row("sgilog.tif", data(raw_tiff(b"\1" * 500, 16, 3, 32845, 34676)), "compressed as SGILOG, which is not read"),
    Row("logluv.tif", data(raw_tiff(b"\1" * 500, 16, 3, 32845)), "colour model LOGLUV"),
    Row("old_jpeg_whole.tif", data(raw_tiff(WHOLE, 8, 3, 6, 6, OLD_JPEG)), decoded(WHOLE), tolerance=2),
    Row("old_jpeg_scan.tif", data(raw_tiff(WHOLE[SCAN + 14 :], 8, 3, 6, 6, OLD_JPEG)), "old-style JPEG .number 6., which is not read"),
    Row("jpeg_by_its_tags.tif", data(raw_tiff(without_markers(jpeg()), 8, 3, 6, 7, {530: ("H", (1, 1))})), decoded(jpeg()), tolerance=2),
    Row("jpeg_subsampled.tif", data(raw_tiff(without_markers(jpeg(subsampling=2)), 8, 3, 6, 7, SUBSAMPLED)), decoded(jpeg(subsampling=2)), tolerance=2),
    Row("jpeg_subsampled_unstated.tif", data(raw_tiff(without_markers(jpeg(subsampling=2)), 8, 3, 6, 7)), decoded(jpeg(subsampling=2)), tolerance=2),
    Row("jpeg_rgb_unmarked.tif", data(raw_tiff(without_markers(jpeg(quality=100, keep_rgb=True)), 8, 3, 2, 7)), RGB, tolerance=4),
    Row("jpeg_says_ycbcr.tif", data(raw_tiff(jpeg(), 8, 3, 2, 7)), decoded(jpeg()), tolerance=2),
    Row("jpeg_grey.tif", data(raw_tiff(jpeg(GREY), 8, 1, 1, 7)), three(decoded(jpeg(GREY))[:, :, 0]), tolerance=2),
    Row("jpeg_inverted.tif", data(raw_tiff(jpeg(GREY), 8, 1, 0, 7)), 255 - three(decoded(jpeg(GREY))[:, :, 0]), tolerance=2),
    Row("jpeg_cut_short.tif", data(raw_tiff(WHOLE[: len(WHOLE) // 2], 8, 3, 6, 7)), "JPEG data of a tile or strip are cut short"),
    Row("ycbcr_uncompressed.tif", data(raw_tiff(RGB.tobytes(), 8, 3, 6, 1, {530: ("H", (1, 1))})), "colour model YCBCR"),
    *(Row(f"{name}.tif", data(raw_tiff(b"\1" * 500, 8, compression=number)), "damaged or incomplete") for name, number in (("lzw", 5), ("jpeg", 7), ("zstd", 50000), ("lzma", 34925), ("jpeg2000", 34712))),
]  # fmt: skip


def last_strip_cut(compression: str | None) -> Callable[[Path], Any]:
    """A file whose last strip is said to be half as long; all of the bytes are there."""

    def write(path: Path) -> None:
        tifffile.imwrite(path, RGB, photometric="rgb", rowsperstrip=8, compression=compression, metadata=None)
        with tifffile.TiffFile(path, mode="r+") as written:
            counts = list(written.pages.first.databytecounts)
            counts[-1] //= 2
            written.pages.first.tags[279].overwrite(tuple(counts))

    return write


def fewer_rows(encode: Callable[[bytes], bytes], number: int) -> bytes:
    return raw_tiff(encode(RGB[:30].tobytes()), 8, 3, 2, number)


def one_tile_missing(path: Path) -> None:
    tifffile.imwrite(path, RGB, photometric="rgb", tile=(16, 16), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as written:
        page = written.pages.first
        for code, values in ((324, page.dataoffsets), (325, page.databytecounts)):
            page.tags[code].overwrite((*values[:2], 0, *values[3:]))


CUT_ROWS = [
    *(Row(f"last_strip_{name}.tif", last_strip_cut(name), "damaged or incomplete") for name in (
        None, "lzw", "zlib", "packbits", "zstd", "lzma", "jpeg", "png", "jpeg2000", "jpegxl", "lerc")),
    Row("fewer_rows_deflate.tif", data(fewer_rows(zlib.compress, 8)), "damaged or incomplete"),
    Row("fewer_rows_lzw.tif", data(fewer_rows(imagecodecs.lzw_encode, 5)), "damaged or incomplete"),
    Row("fewer_rows_packbits.tif", data(fewer_rows(imagecodecs.packbits_encode, 32773)), "damaged or incomplete"),
    Row("one_tile_missing.tif", one_tile_missing, "never written"),
    Row("no_width.tif", data(raw_tiff(RGB.tobytes(), 8, 3, 2, more={256: ("H", 0)})), "0 x 40 px"),
    Row("no_bits.tif", data(raw_tiff(RGB.tobytes(), 0, 3, 2)), "damaged or incomplete"),
]  # fmt: skip


def predicted(samples: NDArray[Any], **options: Any) -> Callable[[Path], Any]:
    planes = options.get("planarconfig") == "separate"
    return tiff(np.ascontiguousarray(np.moveaxis(samples, 2, 0)) if planes else samples, photometric="rgb",
                predictor=True, tile=(32, 16), **options)  # fmt: skip


PREDICTOR_ROWS = [
    *(Row(f"predictor_{name}{order}_{planar}_{compression}.tif", predicted(samples, compression=compression, byteorder=byteorder, planarconfig=planar), RGB)
      for name, samples in (("8", RGB), ("16", RGB16)) for order, byteorder in (("le", "<"), ("be", ">"))
      for planar in ("contig", "separate") for compression in ("lzw", "zlib")),
    *(Row(f"predictor_{dtype}{order}.tif", tiff((RGB / 255).astype(dtype), photometric="rgb", predictor=True, compression="zlib", byteorder=byteorder), RGB)
      for dtype in ("float16", "float32", "float64") for order, byteorder in (("le", "<"), ("be", ">"))),
    Row("predictor_of_nothing.tif", data(raw_tiff(RGB.tobytes(), 8, 3, 2, more={317: ("H", 2)})), "states a predictor beside none as its compression"),
    Row("predictor_of_packbits.tif", data(raw_tiff(imagecodecs.packbits_encode(RGB.tobytes()), 8, 3, 2, 32773, {317: ("H", 2)})), "states a predictor beside packbits"),
    Row("predictor_unknown.tif", data(raw_tiff(zlib.compress(RGB.tobytes()), 8, 3, 2, 8, {317: ("H", 9)})), "damaged or incomplete"),
]  # fmt: skip


def palette_of(bits: int) -> tuple[NDArray[Any], Tags]:
    colours = np.random.default_rng(2).integers(0, 256, (2**bits, 3)).astype(np.uint16)
    return colours.astype(np.uint8), {320: ("H", tuple(int(value) * 257 for value in colours.T.ravel()))}


def palette_row(bits: int) -> Row:
    colours, tags = palette_of(bits)
    content = grey(bits).astype("<u2").tobytes() if bits == 16 else bits_of(bits)
    return Row(f"palette{bits}.tif", data(raw_tiff(content, bits, 1, 3, more=tags)), colours[grey(bits)])


TAG_ROWS = [
    *(palette_row(bits) for bits in (1, 2, 4, 8, 16)),
    Row("short_palette.tif", data(raw_tiff(GREY.tobytes(), 8, 1, 3, more={320: ("H", tuple(range(30)))})), "palette of 10 colours, and indices of 8 bits"),
    Row("palette_and_alpha.tif", data(raw_tiff(np.dstack([GREY, GREY]).tobytes(), 8, 2, 3, more={338: ("H", 2), **palette_of(8)[1]})), "colour model PALETTE"),
    *(Row(f"rgb_of_{bits}_bits.tif", data(raw_tiff(b"".join(packed(RGB >> (8 - bits), bits)), bits, 3, 2)), spread(RGB >> (8 - bits), 2**bits - 1)) for bits in (1, 2, 4)),
    Row("no_photometric.tif", data(raw_tiff(GREY.tobytes(), 8, photometric=None)), "does not state whether 0 is black or white"),
    Row("no_photometric_rgb.tif", data(raw_tiff(RGB.tobytes(), 8, 3, None)), Question.CHANNELS),
    *(Row(f"photometric_{name}.tif", data(raw_tiff(content, 8, samples, number)), f"colour model {name.upper()}") for name, number, content, samples in (
        ("linear_raw", 34892, RGB.tobytes(), 3), ("cfa", 32803, GREY.tobytes(), 1), ("icclab", 9, RGB.tobytes(), 3), ("mask", 4, GREY.tobytes(), 1), ("99", 99, GREY.tobytes(), 1))),
    Row("photometric_rgb_of_one.tif", data(raw_tiff(GREY.tobytes(), 8, 1, 2)), Question.CHANNELS),
    Row("photometric_rgb_of_two.tif", data(raw_tiff(np.dstack([GREY, GREY]).tobytes(), 8, 2, 2)), Question.CHANNELS),
    Row("inverted_with_alpha.tif", data(raw_tiff(np.dstack([GREY, np.full_like(GREY, 255)]).tobytes(), 8, 2, 0, more={338: ("H", 2)})), 255 - three(GREY)),
    Row("void_samples.tif", data(raw_tiff(GREY.tobytes(), 8, more={339: ("H", 4)})), three(GREY)),
    Row("signed_samples.tif", data(raw_tiff(GREY.tobytes(), 8, more={339: ("H", 2)})), "int8 values"),
    Row("unknown_samples.tif", data(raw_tiff(GREY.tobytes(), 8, more={339: ("H", 7)})), "damaged or incomplete"),
    Row("orientation9.tif", data(raw_tiff(RGB.tobytes(), 8, 3, 2, more={274: ("H", 9)})), RGB),
    Row("big_tile.tif", tiff(RGB, photometric="rgb", tile=(128, 128)), RGB),
]  # fmt: skip


def thumbnail_with_image_inside(path: Path) -> None:
    """As cameras and some scanners do: the first page is small, and the image hangs on it."""
    with tifffile.TiffWriter(path) as writer:
        writer.write(RGB[::2, ::2].copy(), photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        writer.write(RGB, photometric="rgb", subfiletype=0, metadata=None)


def raw_photograph(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(RGB[::2, ::2].copy(), photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        writer.write(GREY, photometric="cfa", subfiletype=0, metadata=None)


def one_of_a_set(number: int, partner: str, slices: int = 0) -> Callable[[Path], Any]:
    """An OME-TIFF whose metadata speak of a second file: another image, or further slices of this one."""
    own = "set_a.ome.tif" if number == 0 else "set_b.ome.tif"
    files = (own, partner) if number == 0 else (partner, own)
    pixels = (
        '<Pixels ID="Pixels:{0}" DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="1" '
        'SizeZ="{z}" SizeT="1" PhysicalSizeX="{um}" PhysicalSizeY="{um}"><Channel ID="Channel:{0}:0" '
        'SamplesPerPixel="1"/>{planes}</Pixels>'
    )
    plane = '<TiffData IFD="0" FirstZ="{0}" PlaneCount="1"><UUID FileName="{1}">urn:uuid:{1}</UUID></TiffData>'

    def image(position: int, planes: str, z: int) -> str:
        um = 0.25 * (1 + position)
        filled = pixels.format(position, width=WIDTH, height=HEIGHT, z=z, um=um, planes=planes)
        return f'<Image ID="Image:{position}">{filled}</Image>'

    if slices:
        images = image(0, "".join(plane.format(z, name) for z, name in enumerate(files)), 2)
    else:
        images = "".join(image(position, plane.format(0, name), 1) for position, name in enumerate(files))
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">{images}</OME>'
    description = f'<?xml version="1.0" encoding="UTF-8"?>{xml}'
    return tiff(255 - GREY if number else GREY, photometric="minisblack", description=description)


PAGE_ROWS = [
    Row("image_inside.tif", thumbnail_with_image_inside, RGB),
    Row("raw_photograph.tif", raw_photograph, "colour model CFA"),
    Row("raw_photograph.nef", raw_photograph, "is a raw photograph, which is not read"),
    Row("mask_page.tif", lambda path: pages(path, (RGB, {"photometric": "rgb"}), (GREY > 99, {"photometric": "mask", "subfiletype": 4})), Question.PLANE),
    Row("set_a.ome.tif", one_of_a_set(0, "set_b.ome.tif"), three(GREY)),
    Row("set_b.ome.tif", one_of_a_set(1, "set_a.ome.tif"), 255 - three(GREY)),
    Row("set_a.ome.tif", one_of_a_set(0, "set_b.ome.tif", slices=2), three(GREY), Answers(plane=1)),
    Row("only_plane.tif", tiff(RGB, photometric="rgb"), RGB, Answers(plane=2)),
]  # fmt: skip
ROWS = [*FILL_ORDER_ROWS, *COMPRESSION_ROWS, *CUT_ROWS, *PREDICTOR_ROWS, *TAG_ROWS, *PAGE_ROWS]


@pytest.mark.parametrize("row", ROWS, ids=ids_of(ROWS))
def test_unusual_tiff_file(tmp_path: Path, row: Row) -> None:
    check_image(tmp_path, row)


MASK_ROWS = [
    Row("bits_reversed_1.tif", data(lowest_first(bits_of(1), 1, 1)), grey(1) * np.int32(255)),
    Row("bits_reversed_8.tif", data(lowest_first((GREY % 5).tobytes(), 8, 1)), (GREY % 5).astype(np.int32)),
    Row("jbig.tif", data(raw_tiff(b"\1" * 500, 8, compression=34661)), "compressed as JBIG, which is not read"),
    Row("no_photometric.tif", data(raw_tiff((GREY % 5).tobytes(), 8, photometric=None)), "does not state whether 0 is black"),
    Row("palette_index.tif", data(raw_tiff((GREY % 5).tobytes(), 8, 1, 3, more=palette_of(8)[1])), (GREY % 5).astype(np.int32)),
    Row("short_palette.tif", data(raw_tiff((GREY % 5).tobytes(), 8, 1, 3, more={320: ("H", tuple(range(30)))})), "palette of 10 colours"),
]  # fmt: skip


@pytest.mark.parametrize("row", MASK_ROWS, ids=ids_of(MASK_ROWS))
def test_unusual_tiff_mask(tmp_path: Path, row: Row) -> None:
    check_mask(tmp_path, row)


def test_of_a_set_of_files_each_is_read_by_itself_with_its_own_pixel_size(tmp_path: Path) -> None:
    """Read as one, each of them would give the pixels of the first."""
    for number, name in enumerate(("set_a.ome.tif", "set_b.ome.tif")):
        one_of_a_set(number, "set_b.ome.tif" if number == 0 else "set_a.ome.tif")(tmp_path / name)
    for name, um in (("set_a.ome.tif", 0.25), ("set_b.ome.tif", 0.5)):
        facts = inspect_file(tmp_path / name)
        assert facts.planes == 1
        assert facts.pixel_size is not None
        assert facts.pixel_size.x_um == um
        assert any("set of OME-TIFF files" in note for note in facts.notes)


def test_colours_that_programs_disagree_about_are_noted(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(raw_tiff(jpeg(), 8, 3, 2, 7))
    assert any("JPEG data YCbCr" in note for note in inspect_file(tmp_path / "a.tif").notes)
    (tmp_path / "b.tif").write_bytes(raw_tiff(without_markers(jpeg()), 8, 3, 6, 7))
    assert inspect_file(tmp_path / "b.tif").notes == ()
