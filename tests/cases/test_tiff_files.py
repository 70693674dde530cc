"""Images of tissue as TIFF, a row for each kind: flat, of several pages, and as pyramids of every kind of pixel."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.cases.checks import check_image
from tests.cases.rows import Row, ids_of, on_white, spread, three, tiff
from tests.cases.writers import HEIGHT, WIDTH, exif, grey, pages, pyramid, rgb8, turn
from training_core.io.inspection import Answers, Question

RGB = rgb8()
RGB16 = RGB.astype(np.uint16) * 256 + np.random.default_rng(5).integers(0, 256, RGB.shape).astype(np.uint16)
ALPHA = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
PREMULTIPLIED = np.rint(RGB * (ALPHA[:, :, None] / 255)).astype(np.uint8)
COLORMAP = np.random.default_rng(2).integers(0, 256, (3, 256)).astype(np.uint16)
PLANES, FOUR = np.moveaxis(RGB, 2, 0), np.stack([RGB[..., 0], RGB[..., 1], RGB[..., 2], ALPHA])
RGB_OPTIONS: dict[str, Any] = {"photometric": "rgb"}
AS_SHOWN, AS_STORED = Answers(orientation="as_shown"), Answers(orientation="as_stored")


def by_pillow(pixels: NDArray[Any], mode: str | None = None, **options: Any) -> Callable[[Path], Any]:
    image = Image.fromarray(pixels)
    return lambda path: (image if mode is None else image.convert(mode)).save(path, "TIFF", **options)


def tag(code: int, dtype: str, value: Any, count: int = 1) -> dict[str, Any]:
    return {"extratags": [(code, dtype, count, value, True)]}


def premultiplied_over_white() -> NDArray[np.uint8]:
    return np.minimum(PREMULTIPLIED.astype(int) + 255 - ALPHA[:, :, None], 255).astype(np.uint8)


def float_of(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    return (values / 255).astype(dtype)


DEPTH_ROWS = [
    *(Row(f"grey{bits}.tif", tiff(grey(bits) > 0 if bits == 1 else grey(bits), photometric="minisblack", **({} if bits in (1, 8, 16) else {"bitspersample": bits})), three(spread(grey(bits), 2**bits - 1))) for bits in (1, 2, 4, 8, 10, 12, 14, 16)),
    *(Row(f"white_is_zero{bits}.tif", tiff(grey(bits) > 0 if bits == 1 else grey(bits), photometric="miniswhite", **({} if bits in (1, 8, 16) else {"bitspersample": bits})), 255 - three(spread(grey(bits), 2**bits - 1))) for bits in (1, 4, 8, 16)),
    Row("rgb8.tif", tiff(RGB, **RGB_OPTIONS), RGB),
    Row("rgb16.tif", tiff(RGB16, **RGB_OPTIONS), spread(RGB16, 65535)),
    Row("rgb12.tif", tiff(RGB16 >> 4, **RGB_OPTIONS, bitspersample=12), spread(RGB16 >> 4, 4095)),
    Row("palette8.tif", tiff(grey(8), photometric="palette", colormap=COLORMAP * 257), COLORMAP.T[grey(8)]),
    Row("palette_of_bytes.tif", tiff(grey(8), photometric="palette", colormap=COLORMAP), COLORMAP.T[grey(8)]),
    *(Row(f"{dtype}.tif", tiff(float_of(RGB, dtype), **RGB_OPTIONS), RGB) for dtype in ("float16", "float32", "float64")),
    Row("float_beyond_1.tif", tiff(RGB.astype(np.float32), **RGB_OPTIONS), "decimal values outside 0 to 1"),
    Row("float_nan.tif", tiff(np.where(RGB > 250, np.nan, 0).astype(np.float32), **RGB_OPTIONS), "decimal values outside 0 to 1"),
    *(Row(f"{dtype}.tif", tiff(grey(8).astype(dtype), photometric="minisblack"), f"{dtype} values") for dtype in ("int8", "int16", "int32", "uint32")),
    Row("complex.tif", tiff(grey(8).astype(np.complex64), photometric="minisblack"), "complex64 values"),
    Row("camera12.tif", tiff(RGB16 >> 4, **RGB_OPTIONS), Question.USED_BITS),
    Row("camera12.tif", tiff(RGB16 >> 4, **RGB_OPTIONS), spread(RGB16 >> 4, 4095), Answers(used_bits=12)),
    Row("camera16.tif", tiff(RGB16 >> 4, **RGB_OPTIONS), spread(RGB16 >> 4, 65535), Answers(used_bits=16)),
    Row("camera10.tif", tiff(RGB16 >> 6, **RGB_OPTIONS), spread(RGB16 >> 6, 1023), Answers(used_bits=10)),
    Row("camera14.tif", tiff(RGB16 >> 2, **RGB_OPTIONS), spread(RGB16 >> 2, 16383), Answers(used_bits=14)),
    Row("camera8.tif", tiff(RGB.astype(np.uint16), **RGB_OPTIONS), RGB, Answers(used_bits=8)),
    Row("camera12_as_10.tif", tiff(RGB16 >> 4, **RGB_OPTIONS), "which 10 bits cannot", Answers(used_bits=10)),
    Row("answer_not_asked.tif", tiff(RGB16, **RGB_OPTIONS), spread(RGB16, 65535), Answers(used_bits=12)),
    Row("max_sample_value.tif", tiff(RGB16 >> 4, **RGB_OPTIONS, **tag(281, "H", (4095,) * 3, 3)), spread(RGB16 >> 4, 4095)),
    Row("max_sample_value_too_low.tif", tiff(RGB16 >> 4, **RGB_OPTIONS, **tag(281, "H", (1023,) * 3, 3)), Question.USED_BITS),
    Row("max_sample_value_of_the_data.tif", tiff(RGB16 >> 4, **RGB_OPTIONS, **tag(281, "H", (4000,) * 3, 3)), Question.USED_BITS),
    Row("significant_bits.ome.tif", tiff(RGB16 >> 4, ome=True, **RGB_OPTIONS, metadata={"axes": "YXS", "SignificantBits": 12}), spread(RGB16 >> 4, 4095)),
]  # fmt: skip


def unequal_bits(path: Path) -> None:
    """A TIFF of 5, 6 and 5 bits: the tag is patched, since nobody writes it."""
    tifffile.imwrite(path, RGB, photometric="rgb", metadata=None)
    with tifffile.TiffFile(path) as read:
        offset = read.pages[0].tags[258].valueoffset
    content = bytearray(path.read_bytes())
    content[offset : offset + 6] = struct.pack("<HHH", 5, 6, 5)
    path.write_bytes(content)


COLOUR_ROWS = [
    Row("planes8.tif", tiff(PLANES, **RGB_OPTIONS, planarconfig="separate"), RGB),
    Row("planes16.tif", tiff(np.moveaxis(RGB16, 2, 0), **RGB_OPTIONS, planarconfig="separate"), spread(RGB16, 65535)),
    Row("tiled_planes.tif", tiff(PLANES, **RGB_OPTIONS, planarconfig="separate", tile=(16, 16)), RGB),
    Row("unassociated.tif", tiff(np.dstack([RGB, ALPHA]), **RGB_OPTIONS, extrasamples=["unassalpha"]), on_white(RGB, ALPHA)),
    Row("associated.tif", tiff(np.dstack([PREMULTIPLIED, ALPHA]), **RGB_OPTIONS, extrasamples=["assocalpha"]), premultiplied_over_white()),
    Row("alpha16.tif", tiff(np.dstack([RGB16, ALPHA.astype(np.uint16) * 257]), **RGB_OPTIONS, extrasamples=["unassalpha"]), on_white(spread(RGB16, 65535), ALPHA)),
    Row("grey_alpha.tif", tiff(np.dstack([grey(8), ALPHA]), photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]), on_white(three(grey(8)), ALPHA)),
    *(Row("unspecified.tif", tiff(np.dstack([RGB, ALPHA]), **RGB_OPTIONS, extrasamples=["unspecified"]), right, answers) for right, answers in (
        (Question.ALPHA, Answers()), (on_white(RGB, ALPHA), Answers(alpha="over_white")), (RGB, Answers(alpha="left_out")))),
    Row("unspecified_opaque.tif", tiff(np.dstack([RGB, np.full_like(ALPHA, 255)]), **RGB_OPTIONS, extrasamples=["unspecified"]), RGB),
    Row("unspecified_empty.tif", tiff(np.dstack([RGB, np.zeros_like(ALPHA)]), **RGB_OPTIONS, extrasamples=["unspecified"]), RGB),
    Row("five_samples.tif", tiff(np.dstack([RGB, ALPHA, ALPHA]), **RGB_OPTIONS), Question.CHANNELS),
    Row("five_samples.tif", tiff(np.dstack([RGB, ALPHA, ALPHA]), **RGB_OPTIONS), RGB, Answers(channels=(1, 2, 3))),
    Row("three_grey.tif", tiff(RGB, photometric="minisblack", planarconfig="contig"), Question.CHANNELS),
    Row("three_grey.tif", tiff(RGB, photometric="minisblack", planarconfig="contig"), RGB[:, :, ::-1], Answers(channels=(3, 2, 1))),
    Row("two_grey.tif", tiff(RGB[:, :, :2], photometric="minisblack", planarconfig="contig"), Question.CHANNELS),
    Row("two_grey.tif", tiff(RGB[:, :, :2], photometric="minisblack", planarconfig="contig"), three(RGB[:, :, 1]), Answers(channels=(2,))),
    Row("two_grey_third.tif", tiff(RGB[:, :, :2], photometric="minisblack", planarconfig="contig"), "channels from 1 to 2", Answers(channels=(3,))),
    Row("cmyk.tif", tiff(np.dstack([RGB, ALPHA]), photometric="separated"), "colour model CMYK"),
    Row("cielab.tif", tiff(RGB, photometric="cielab"), "colour model CIELAB"),
    Row("ycbcr_raw.tif", tiff(RGB, photometric="ycbcr"), "colour model YCBCR"),
    Row("unequal_bits.tif", unequal_bits, "damaged or incomplete|channels of 5, 6, 5 bits"),
]  # fmt: skip


def lossy_witness(row_name: str, write: Callable[[Path], Any]) -> Row:
    """A row whose right pixels are what Pillow decodes from it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / row_name)
        with Image.open(Path(folder) / row_name) as image:
            right = np.array(image.convert("RGB"))
    return Row(row_name, write, right, tolerance=2)


COMPRESSIONS = ("lzw", "zlib", "adobe_deflate", "packbits", "zstd", "lzma", "png", "jpeg2000", "jpegxl", "lerc")
LAYOUT_ROWS = [
    *(Row(f"{name}.tif", tiff(RGB, **RGB_OPTIONS, compression=name), RGB) for name in COMPRESSIONS),
    *(Row(f"{name}_tiles.tif", tiff(RGB16, **RGB_OPTIONS, compression=name, tile=(16, 16)), spread(RGB16, 65535)) for name in ("lzw", "zlib", "zstd", "lerc")),
    Row("webp.tif", tiff(RGB, **RGB_OPTIONS, compression="webp", compressionargs={"lossless": True, "level": 100}), RGB),
    Row("predictor.tif", tiff(RGB16, **RGB_OPTIONS, compression="lzw", predictor=True), spread(RGB16, 65535)),
    Row("float_predictor.tif", tiff(float_of(RGB, "float32"), **RGB_OPTIONS, compression="zlib", predictor=True), RGB),
    *(Row(f"by_libtiff_{name}.tif", by_pillow(RGB, compression=name), RGB) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")),
    *(Row(f"fax_{name}.tif", by_pillow(grey(1) * np.uint8(255), "1", compression=name), three(grey(1) * 255)) for name in ("group3", "group4", "tiff_ccitt")),
    lossy_witness("jpeg.tif", by_pillow(RGB, compression="jpeg", quality=90)),
    lossy_witness("jpeg_rgb.tif", tiff(RGB, **RGB_OPTIONS, compression="jpeg", compressionargs={"level": 90})),
    lossy_witness("jpeg_tiles.tif", tiff(RGB, **RGB_OPTIONS, compression="jpeg", tile=(16, 16), compressionargs={"level": 90})),
    Row("big_tiff.tif", lambda path: tifffile.imwrite(path, RGB, bigtiff=True, **RGB_OPTIONS), RGB),
    Row("big_endian.tif", lambda path: tifffile.imwrite(path, RGB16, byteorder=">", **RGB_OPTIONS), spread(RGB16, 65535)),
    Row("big_endian_big_tiff.tif", lambda path: tifffile.imwrite(path, RGB16, byteorder=">", bigtiff=True, **RGB_OPTIONS), spread(RGB16, 65535)),
    Row("odd_strips.tif", tiff(RGB, **RGB_OPTIONS, rowsperstrip=7), RGB),
    Row("odd_tiles.tif", tiff(RGB, **RGB_OPTIONS, tile=(48, 32)), RGB),
    *(row for number in range(2, 9) for row in (
        Row(f"orientation{number}.tif", tiff(RGB, **RGB_OPTIONS, **tag(274, "H", number)), Question.ORIENTATION),
        Row(f"shown{number}.tif", tiff(RGB, **RGB_OPTIONS, **tag(274, "H", number)), turn(RGB, number), AS_SHOWN),
        Row(f"stored{number}.tif", tiff(RGB, **RGB_OPTIONS, **tag(274, "H", number)), RGB, AS_STORED),
        Row(f"shown_tiles{number}.tif", tiff(RGB, **RGB_OPTIONS, tile=(16, 16), **tag(274, "H", number)), turn(RGB, number), AS_SHOWN),
    )),
    Row("exif_inside.tif", tiff(RGB, **RGB_OPTIONS, **tag(700, "B", exif(6), len(exif(6)))), RGB),
]  # fmt: skip

SMALL = {"photometric": "rgb", "subfiletype": 1}
STACK, RGB_STACK = np.stack([grey(8), 255 - grey(8), grey(8) // 2]), np.stack([RGB, 255 - RGB])
PAGE_ROWS = [
    Row("stack.tif", tiff(STACK, photometric="minisblack"), Question.PLANE),
    Row("stack.tif", tiff(STACK, photometric="minisblack"), three(STACK[1]), Answers(plane=2)),
    Row("stack_beyond.tif", tiff(STACK, photometric="minisblack"), "3 planes, and number 4", Answers(plane=4)),
    Row("rgb_stack.tif", tiff(RGB_STACK, **RGB_OPTIONS), Question.PLANE),
    Row("rgb_stack.tif", tiff(RGB_STACK, **RGB_OPTIONS), 255 - RGB, Answers(plane=2)),
    Row("rgb_stack_tiles.tif", tiff(RGB_STACK, **RGB_OPTIONS, tile=(16, 16)), 255 - RGB, Answers(plane=2)),
    Row("pages_of_two_sizes.tif", lambda path: pages(path, (RGB, RGB_OPTIONS), (RGB[:33, :50], RGB_OPTIONS)), Question.PLANE),
    Row("pages_of_two_sizes.tif", lambda path: pages(path, (RGB, RGB_OPTIONS), (RGB[:33, :50], RGB_OPTIONS)), RGB[:33, :50], Answers(plane=2)),
    Row("thumbnail_first.tif", lambda path: pages(path, (RGB[::3, ::3], SMALL), (RGB, RGB_OPTIONS)), RGB),
    Row("thumbnail_first_unmarked.tif", lambda path: pages(path, (RGB[:13, :17], RGB_OPTIONS), (RGB, RGB_OPTIONS)), Question.PLANE),
    Row("thumbnail_first_unmarked.tif", lambda path: pages(path, (RGB[:13, :17], RGB_OPTIONS), (RGB, RGB_OPTIONS)), RGB, Answers(plane=2)),
    Row("thumbnail_last.tif", lambda path: pages(path, (RGB, RGB_OPTIONS), (RGB[:13, :17], SMALL)), RGB),
    Row("imagej_rgb.tif", lambda path: tifffile.imwrite(path, RGB, imagej=True), RGB),
    Row("imagej_grey16.tif", lambda path: tifffile.imwrite(path, grey(16), imagej=True), three(spread(grey(16), 65535))),
    Row("imagej_channels.tif", lambda path: tifffile.imwrite(path, FOUR, imagej=True, metadata={"axes": "CYX"}), Question.CHANNELS),
    Row("imagej_channels.tif", lambda path: tifffile.imwrite(path, FOUR, imagej=True, metadata={"axes": "CYX"}), RGB, Answers(channels=(1, 2, 3))),
    Row("imagej_slices.tif", lambda path: tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"}), Question.PLANE),
    Row("imagej_slices.tif", lambda path: tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"}), three(STACK[2]), Answers(plane=3)),
    Row("imagej_slices_of_channels.tif", lambda path: tifffile.imwrite(path, np.stack([FOUR, 255 - FOUR]), imagej=True, metadata={"axes": "ZCYX"}), 255 - RGB, Answers(plane=2, channels=(1, 2, 3))),
    Row("rgb.ome.tif", tiff(RGB, ome=True, **RGB_OPTIONS, metadata={"axes": "YXS"}), RGB),
    Row("rgb_planes.ome.tif", tiff(PLANES, ome=True, **RGB_OPTIONS, planarconfig="separate", metadata={"axes": "CYX"}), RGB),
    Row("channels.ome.tif", tiff(FOUR, ome=True, photometric="minisblack", metadata={"axes": "CYX"}), Question.CHANNELS),
    Row("channels.ome.tif", tiff(FOUR, ome=True, photometric="minisblack", metadata={"axes": "CYX"}), three(ALPHA), Answers(channels=(4,))),
    Row("named_rgb.ome.tif", tiff(PLANES, ome=True, photometric="minisblack", metadata={"axes": "CYX", "Channel": {"Name": ["Red", "Green", "Blue"]}}), RGB),
    Row("named_dapi.ome.tif", tiff(PLANES, ome=True, photometric="minisblack", metadata={"axes": "CYX", "Channel": {"Name": ["DAPI", "CD3", "CD8"]}}), Question.CHANNELS),
    Row("slices.ome.tif", tiff(STACK, ome=True, photometric="minisblack", metadata={"axes": "ZYX"}), Question.PLANE),
    Row("times_and_channels.ome.tif", tiff(np.stack([FOUR, 255 - FOUR]), ome=True, photometric="minisblack", metadata={"axes": "TCYX"}), three(255 - FOUR[1]), Answers(plane=2, channels=(2,))),
    Row("no_xml.ome.tif", tiff(RGB, **RGB_OPTIONS, description="<?xml version='1.0'?><OME>not closed"), RGB),
]  # fmt: skip


def cut(write: Callable[[Path], Any], share: float) -> Callable[[Path], Any]:
    def written(path: Path) -> None:
        write(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return written


def sparse(path: Path) -> None:
    """A tiled TIFF whose tiles were never written."""
    tifffile.imwrite(path, shape=(64, 64, 3), dtype="uint8", photometric="rgb", tile=(16, 16), metadata=None)
    with tifffile.TiffFile(path) as read:
        tag_ = read.pages[0].tags[325]
        offset, count = tag_.valueoffset, tag_.count
        size = tag_.dtype.name
    content = bytearray(path.read_bytes())
    width = {"SHORT": 2, "LONG": 4, "LONG8": 8}[size]
    content[offset : offset + width * count] = bytes(width * count)
    path.write_bytes(content)


DAMAGED_ROWS = [
    *(Row(f"cut_{share}_{name}.tif", cut(tiff(RGB, **RGB_OPTIONS, **options), share), "damaged or incomplete") for share in (0.02, 0.5, 0.95)
        for name, options in (("strips", {}), ("tiles", {"tile": (16, 16)}), ("lzw", {"compression": "lzw"}))),
    Row("never_written.tif", sparse, "never written"),
    Row("header_only.tif", lambda path: path.write_bytes(b"II*\0\x08\0\0\0"), "damaged or incomplete"),
    Row("wrong_offset.tif", lambda path: path.write_bytes(b"II*\0\xff\xff\xff\0" + bytes(100)), "damaged or incomplete"),
]  # fmt: skip


def large(samples: NDArray[Any], y_axis: int = 0) -> NDArray[Any]:
    return np.repeat(np.repeat(samples, 4, axis=y_axis), 4, axis=y_axis + 1)


PYRAMIDS: dict[str, tuple[NDArray[Any], dict[str, Any], NDArray[Any] | Question, Answers]] = {
    "rgb8": (RGB, RGB_OPTIONS, RGB, Answers()),
    "rgb16": (RGB16, RGB_OPTIONS, spread(RGB16, 65535), Answers()),
    "camera12_asked": (RGB16 >> 4, RGB_OPTIONS, Question.USED_BITS, Answers()),
    "camera12": (RGB16 >> 4, RGB_OPTIONS, spread(RGB16 >> 4, 4095), Answers(used_bits=12)),
    "grey8": (grey(8), {"photometric": "minisblack"}, three(grey(8)), Answers()),
    "grey16": (grey(16), {"photometric": "minisblack"}, three(spread(grey(16), 65535)), Answers()),
    "white_is_zero": (grey(8), {"photometric": "miniswhite"}, 255 - three(grey(8)), Answers()),
    "palette": (grey(8), {"photometric": "palette", "colormap": COLORMAP * 257}, COLORMAP.T[grey(8)], Answers()),
    "planes": (PLANES, {**RGB_OPTIONS, "planarconfig": "separate"}, RGB, Answers()),
    "alpha": (
        np.dstack([RGB, ALPHA]),
        {**RGB_OPTIONS, "extrasamples": ["unassalpha"]},
        on_white(RGB, ALPHA),
        Answers(),
    ),
    "unspecified_asked": (
        np.dstack([RGB, ALPHA]),
        {**RGB_OPTIONS, "extrasamples": ["unspecified"]},
        Question.ALPHA,
        Answers(),
    ),
    "unspecified": (
        np.dstack([RGB, ALPHA]),
        {**RGB_OPTIONS, "extrasamples": ["unspecified"]},
        RGB,
        Answers(alpha="left_out"),
    ),
    "float": (float_of(RGB, "float32"), RGB_OPTIONS, RGB, Answers()),
    "turned_asked": (RGB, {**RGB_OPTIONS, **tag(274, "H", 6)}, Question.ORIENTATION, Answers()),
    "turned": (RGB, {**RGB_OPTIONS, **tag(274, "H", 6)}, turn(RGB, 6), AS_SHOWN),
    "lzw": (RGB, {**RGB_OPTIONS, "compression": "lzw"}, RGB, Answers()),
    "jpeg2000": (RGB, {**RGB_OPTIONS, "compression": "jpeg2000"}, RGB, Answers()),
}
PYRAMID_ROWS = [
    *(
        Row(
            f"{name}_{'pages' if by_pages else 'subifds'}.tif",
            lambda path, samples=samples, options=options, by_pages=by_pages, axis=1 if name == "planes" else 0: pyramid(
                path, large(samples, axis), by_pages=by_pages, y_axis=axis, **options
            ),
            right if isinstance(right, Question) else large(right),
            answers,
        )
        for name, (samples, options, right, answers) in PYRAMIDS.items()
        for by_pages in (False, True)
    ),
    *(Row("pyramid_of_channels.ome.tif", lambda path: pyramid(path, large(FOUR, 1), y_axis=1, photometric="minisblack", metadata={"axes": "CYX"}), right, answers) for right, answers in (
        (Question.CHANNELS, Answers()), (large(RGB), Answers(channels=(1, 2, 3))))),
    Row("pyramid.ome.tif", lambda path: pyramid(path, large(RGB), **RGB_OPTIONS, metadata={"axes": "YXS"}), large(RGB)),
]  # fmt: skip

ROWS = [*DEPTH_ROWS, *COLOUR_ROWS, *LAYOUT_ROWS, *PAGE_ROWS, *DAMAGED_ROWS, *PYRAMID_ROWS]


@pytest.mark.parametrize("row", ROWS, ids=ids_of(ROWS))
def test_tiff_file(tmp_path: Path, row: Row) -> None:
    check_image(tmp_path, row)
