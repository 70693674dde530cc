"""Masks and images as other programs leave them: lossy detours, borders of shades, one-hot stacks, odd transparency.

A row per kind; each right value is drawn by the test itself.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.cases.checks import check_image, check_mask
from tests.cases.rows import Row, data, ids_of, tiff
from tests.cases.writers import HEIGHT, WIDTH, chunk, ids, png, rgb8
from training_core.io.inspection import Answers, Question

IDS, RGB = ids(), rgb8()
GLAND = (IDS > 0).astype(np.uint8)
BLACK, FULL = np.zeros_like(IDS), np.full_like(IDS, 255)
CLEAR = 1 << 24  # what transparent pixels are called within
ONE_HOT = np.stack([value == IDS for value in range(4)]).astype(np.uint8)
CLASSES, OBJECTS = Answers(mask_holds="classes"), Answers(mask_holds="numbered_objects")
OVER_WHITE, LEFT_OUT = Answers(alpha="over_white"), Answers(alpha="left_out")


def pillow(pixels: NDArray[Any] | Image.Image, kind: str = "PNG", **options: Any) -> Callable[[Path], Any]:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    return lambda path: image.save(path, kind, **options)


def through_jpeg(values: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The values after a detour through a JPEG, as a chat program or a web page makes it."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def large(values: NDArray[Any], times: int = 4) -> NDArray[Any]:
    return np.repeat(np.repeat(values, times, 0), times, 1)


def scaled(values: NDArray[np.uint8], how: Image.Resampling) -> NDArray[np.uint8]:
    """Drawn small and enlarged with smoothing, as a mask of a lower level of a slide is."""
    size = (WIDTH * 4, HEIGHT * 4)
    return np.asarray(Image.fromarray(values).resize(size, how))


def photograph() -> NDArray[np.uint8]:
    """Grey tissue with noise on a white slide."""
    rows, columns = np.mgrid[:160, :200]
    tissue = 120 + 40 * np.sin(rows / 9) * np.cos(columns / 11) + np.random.default_rng(4).normal(0, 12, rows.shape)
    return np.where(np.hypot(rows - 80, columns - 100) < 70, tissue, 241).clip(0, 255).astype(np.uint8)


def probabilities() -> NDArray[np.uint8]:
    """A smooth map from 0 to 255 without noise."""
    rows, columns = np.mgrid[:160, :200]
    return np.rint(127.5 + 127.5 * np.sin(rows / 40) * np.cos(columns / 50)).astype(np.uint8)


def grid(count: int, side: int, gap: int) -> NDArray[np.int32]:
    """Numbers from 1 on, in squares that are `gap` apart."""
    numbers = np.zeros((10 * (side + gap), -(-count // 10) * (side + gap)), np.int32)
    for number in range(count):
        column, row = divmod(number, 10)
        top, left = row * (side + gap), column * (side + gap)
        numbers[top : top + side, left : left + side] = number + 1
    return numbers


TOUCHING, LARGE, DOTS = grid(60, 12, 0), grid(20, 30, 4), grid(60, 1, 9)
MANY_CLASSES = large(np.random.default_rng(6).permutation(np.arange(60).repeat(4)).reshape(12, 20), 12).astype(np.uint8)
"""60 classes, each in several places."""
JPEG_TWO, JPEG_FOUR = through_jpeg(large(GLAND * 255), 75), through_jpeg(large(IDS * 80), 75)

SHADE_ROWS = [
    Row("photograph.png", data(png(photograph(), 8, 0)), Question.MASK_HOLDS),
    Row("photograph.png", data(png(photograph(), 8, 0)), photograph(), CLASSES),
    Row("photograph.tif", tiff(photograph(), photometric="minisblack"), Question.MASK_HOLDS),
    Row("photograph16.png", data(png(photograph().astype(np.uint16) * 257, 16, 0)), Question.MASK_HOLDS),
    Row("probabilities.png", data(png(probabilities(), 8, 0)), Question.MASK_HOLDS),
    Row("probabilities.bmp", pillow(probabilities(), "BMP"), Question.MASK_HOLDS),
    Row("through_jpeg_four.png", pillow(JPEG_FOUR), Question.SOFT_EDGES),
    Row("through_jpeg_four.png", pillow(JPEG_FOUR), JPEG_FOUR, CLASSES),
    Row("through_jpeg_four.png", pillow(JPEG_FOUR), large(IDS) * 80, Answers(soft_edges=0.5)),
    *(Row(f"smoothed_classes_{how.name.lower()}.png", pillow(scaled(IDS * 80, how)), Question.SOFT_EDGES)
      for how in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)),
    Row("smoothed_classes_lanczos.png", pillow(scaled(IDS * 80, Image.Resampling.LANCZOS)), Question.MASK_HOLDS),
    Row("enlarged_by_nearest.png", pillow(scaled(IDS, Image.Resampling.NEAREST)), large(IDS)),
    Row("dots.png", data(png(DOTS, 16, 0)), Question.MASK_HOLDS),
    Row("dots.png", data(png(DOTS, 16, 0)), (DOTS > 0).astype(int), OBJECTS),
    Row("touching.png", data(png(TOUCHING, 16, 0)), Question.MASK_HOLDS),
    Row("touching.png", data(png(TOUCHING, 16, 0)), (TOUCHING > 0).astype(int), OBJECTS),
    Row("touching.tif", tiff(TOUCHING, photometric="minisblack"), Question.MASK_HOLDS),
    Row("large_objects.png", data(png(LARGE.astype(np.uint8), 8, 0)), Question.MASK_HOLDS),
    Row("large_objects.png", data(png(LARGE.astype(np.uint8), 8, 0)), LARGE, CLASSES),
    Row("sixty_classes.png", data(png(MANY_CLASSES, 8, 0)), MANY_CLASSES),
    Row("eleven_classes.png", data(png(MANY_CLASSES % 11, 8, 0)), MANY_CLASSES % 11),
    Row("classes_times_ten.png", data(png(IDS * 10, 8, 0)), IDS * 10),
    Row("ignored_255.png", data(png(np.where(IDS == 3, 255, IDS), 8, 0)), np.where(IDS == 3, 255, IDS)),
]  # fmt: skip

VALUE_ROWS = [
    # 0 and 1, or 0 and 255, in every type that programs write
    *(Row(f"ones_{kind}.tif", tiff(GLAND.astype(kind), photometric="minisblack"), GLAND)
      for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")),
    *(Row(f"high_{kind}.tif", tiff(GLAND.astype(kind) * 255, photometric="minisblack"), GLAND.astype(int) * 255)
      for kind in ("uint8", "uint16", "int16", "uint32", "int32", "float32")),
    Row("minus_one.tif", tiff(GLAND.astype(np.int32) - 1, photometric="minisblack"), "values from -1 to 0"),
    Row("minus_one_8.tif", tiff(GLAND.astype(np.int8) - 1, photometric="minisblack"), "values from -1 to 0"),
    Row("thirds.tif", tiff(IDS.astype(np.float32) / 3, photometric="minisblack"), "no whole numbers"),
    Row("infinite.tif", tiff(np.where(GLAND, np.inf, 0).astype(np.float32), photometric="minisblack"), "no whole numbers"),
    Row("booleans.tif", tiff(GLAND.astype(bool), photometric="minisblack"), GLAND.astype(int) * 255),
    Row("imagej_binary.tif", tiff(255 - GLAND * 255, photometric="miniswhite"), Question.PHOTOMETRIC),
    Row("imagej_binary.tif", tiff(255 - GLAND * 255, photometric="miniswhite"), GLAND.astype(int) * 255, Answers(photometric="as_stated")),
    # what does not change values
    *(Row(f"with_{kind.decode()}.png", data(png(IDS, 8, 0, before=chunk(kind, content))), IDS) for kind, content in {
        b"gAMA": b"\0\1\x86\xa0", b"sRGB": b"\0", b"sBIT": b"\2", b"bKGD": b"\0\1", b"pHYs": b"\0\0\x0b\x13\0\0\x0b\x13\1",
        b"cHRM": bytes(32), b"tIME": b"\x07\xe8\1\1\1\1\1", b"oFFs": b"\0\0\0\5\0\0\0\5\0",
    }.items()),
    # one plane or channel per class
    Row("one_hot_planes.tif", tiff(ONE_HOT, photometric="minisblack"), Question.PLANE),
    Row("one_hot_planes.tif", tiff(ONE_HOT, photometric="minisblack"), ONE_HOT[2], Answers(plane=3)),
    Row("one_hot_separate.tif", tiff(ONE_HOT * 255, photometric="minisblack", planarconfig="separate"), Question.CHANNELS),
    Row("one_hot_separate.tif", tiff(ONE_HOT * 255, photometric="minisblack", planarconfig="separate"), ONE_HOT[1].astype(int) * 255, Answers(channels=(2,))),
    Row("one_hot_imagej.tif", lambda path: tifffile.imwrite(path, ONE_HOT * 255, imagej=True, metadata={"axes": "CYX"}), Question.CHANNELS),
    Row("one_hot_rgb.png", data(png(np.moveaxis(ONE_HOT[1:], 0, -1) * 255, 8, 2)), np.array([0, 0xFF0000, 0x00FF00, 0x0000FF])[IDS]),
    # transparency
    Row("alpha_is_the_label.png", data(png(np.dstack([BLACK, BLACK, BLACK, GLAND * 255]), 8, 6)), np.where(GLAND, 0, CLEAR)),
    Row("white_by_alpha.png", data(png(np.dstack([FULL, FULL, FULL, GLAND * 255]), 8, 6)), np.where(GLAND, 255, CLEAR)),
    Row("grey_by_alpha.png", data(png(np.dstack([BLACK, GLAND * 255]), 8, 4)), np.where(GLAND, 0, CLEAR)),
    Row("overlay_at_half.png", data(png(np.dstack([GLAND * 255, BLACK, BLACK, GLAND * 128]), 8, 6)), "half-transparent"),
    # palettes
    Row("two_entries_of_one_colour.png", data(png(IDS, 8, 3, palette=bytes((0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 255)))), IDS),
    Row("grey_palette_backwards.png", data(png(IDS, 8, 3, palette=bytes(255 - value // 3 for value in range(768)))), IDS),
    *(Row(f"palette.{suffix}", pillow(Image.fromarray(IDS).convert("P"), kind), IDS) for suffix, kind in (("png", "PNG"), ("bmp", "BMP"), ("tif", "TIFF"))),
    Row("palette.gif", pillow(Image.fromarray(IDS).convert("P"), "GIF"), "is a GIF file"),
    # what annotation programs write beside masks, under any name
    Row("qupath.png", data(b'{"type": "FeatureCollection", "features": []}'), "is a JSON file"),
    Row("labelme.png", data(b'{"version": "5.0.1", "shapes": []}'), "is a JSON file"),
    Row("imagescope.png", data(b'<?xml version="1.0"?>\n<Annotations MicronsPerPixel="0.25"/>'), "is an XML file"),
    Row("numpy.png", data(b"\x93NUMPY\1\0v\0" + bytes(500)), "is a NumPy file"),
    Row("matlab.png", data(b"MATLAB 5.0 MAT-file" + bytes(500)), "is a MATLAB file"),
    Row("numpy_archive.png", data(b"PK\3\4" + bytes(500)), "is a ZIP file"),
]  # fmt: skip

RGBA_CLEAR, RGBA_ONE = np.dstack([RGB, BLACK]), np.dstack([RGB, np.ones_like(BLACK)])
GREY_CLEAR = np.dstack([RGB[:, :, 0], BLACK])
WHITE = np.full_like(RGB, 255)

IMAGE_ROWS = [
    Row("all_clear.png", data(png(RGBA_CLEAR, 8, 6)), Question.ALPHA),
    Row("all_clear.png", data(png(RGBA_CLEAR, 8, 6)), RGB, LEFT_OUT),
    Row("all_clear.png", data(png(RGBA_CLEAR, 8, 6)), WHITE, OVER_WHITE),
    Row("alpha_from_0_to_1.png", data(png(RGBA_ONE, 8, 6)), Question.ALPHA),
    Row("alpha_from_0_to_1.png", data(png(RGBA_ONE, 8, 6)), RGB, LEFT_OUT),
    Row("grey_all_clear.png", data(png(GREY_CLEAR, 8, 4)), Question.ALPHA),
    Row("grey_all_clear.png", data(png(GREY_CLEAR, 8, 4)), np.repeat(RGB[:, :, :1], 3, 2), LEFT_OUT),
    Row("all_clear.tif", tiff(RGBA_CLEAR, photometric="rgb", extrasamples=[2]), Question.ALPHA),
    Row("all_clear.tif", tiff(RGBA_CLEAR, photometric="rgb", extrasamples=[2]), RGB, LEFT_OUT),
    Row("all_clear_tiled.tif", tiff(RGBA_CLEAR, photometric="rgb", extrasamples=[2], tile=(16, 16)), Question.ALPHA),
    Row("all_clear_premultiplied.tif", tiff(RGBA_CLEAR, photometric="rgb", extrasamples=[1]), Question.ALPHA),
    Row("all_clear.webp", pillow(RGBA_CLEAR, "WEBP", lossless=True, exact=True), Question.ALPHA),
    Row("all_clear.webp", pillow(RGBA_CLEAR, "WEBP", lossless=True, exact=True), RGB, LEFT_OUT),
    Row("opaque.png", data(png(np.dstack([RGB, FULL]), 8, 6)), RGB),
    Row("fourth_of_zeros.tif", tiff(RGBA_CLEAR, photometric="rgb", extrasamples=[0]), RGB),
    Row("fourth_of_ones.tif", tiff(RGBA_ONE, photometric="rgb", extrasamples=[0]), Question.ALPHA),
]  # fmt: skip


@pytest.mark.parametrize("row", SHADE_ROWS, ids=ids_of(SHADE_ROWS))
def test_masks_of_many_values_are_asked_about_unless_they_are_plain_classes(tmp_path: Path, row: Row) -> None:
    check_mask(tmp_path, row)


@pytest.mark.parametrize("row", VALUE_ROWS, ids=ids_of(VALUE_ROWS))
def test_masks_of_other_programs(tmp_path: Path, row: Row) -> None:
    check_mask(tmp_path, row)


@pytest.mark.parametrize("row", IMAGE_ROWS, ids=ids_of(IMAGE_ROWS))
def test_images_without_a_visible_pixel_are_asked_about(tmp_path: Path, row: Row) -> None:
    check_image(tmp_path, row)


def test_two_values_through_a_jpeg_are_cut_at_half(tmp_path: Path) -> None:
    """Only where the detour left few values; more of them are a question of ranges."""
    mild = large(GLAND * 255).astype(np.int16)
    mild[:, ::3] = np.where(mild[:, ::3] > 127, mild[:, ::3] - 1, mild[:, ::3] + 2)  # 0, 2, 254 and 255
    mild[::7, 1::3] = np.where(mild[::7, 1::3] > 127, 253, 1)
    row = Row("ringing.png", pillow(mild.astype(np.uint8)), Question.SOFT_EDGES)
    check_mask(tmp_path, row)
    cut = Row("ringing.png", pillow(mild.astype(np.uint8)), large(GLAND).astype(int) * 255, Answers(soft_edges=0.5))
    check_mask(tmp_path, cut)
