"""Masks, a row for each kind: the values as they were drawn, or a sentence, or a question; never other classes."""

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

from tests.cases.checks import check_mask
from tests.cases.rows import Row, data, ids_of, tiff
from tests.cases.writers import HEIGHT, WIDTH, bmp, chunk, exif, ids, packed, pages, png, rgb8, turn
from training_core.base.errors import ConfigError, MaskError
from training_core.io import read_mask, read_mask_values
from training_core.io.inspection import Answers, Content, Question

IDS = ids()
GLAND = IDS == 1
OPAQUE, OPAQUE16 = np.full_like(IDS, 255), np.full(IDS.shape, 65535, np.uint16)
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)[IDS]
PACKED = np.array([0x000000, 0xFF0000, 0x00FF00, 0x0000FF])[IDS]
PALETTE = bytes(np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8))
CLEAR = 1 << 24  # what transparent pixels are called within
AS_STORED, AS_SHOWN = Answers(orientation="as_stored"), Answers(orientation="as_shown")
RAW, STATED = Answers(photometric="black_is_zero"), Answers(photometric="as_stated")


def pillow(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any) -> Callable[[Path], Any]:
    image = Image.fromarray(pixels)
    return lambda path: (image if mode is None else image.convert(mode)).save(path, kind, **options)


def nuclei() -> NDArray[np.int32]:
    """Numbers 1 to 80 in a grid of small squares, apart from each other."""
    numbers = np.zeros((HEIGHT * 2, WIDTH * 2), np.int32)
    for number in range(80):
        row, column = divmod(number, 10)
        numbers[row * 10 + 2 : row * 10 + 8, column * 11 + 2 : column * 11 + 9] = number + 1
    return numbers


def soft() -> NDArray[np.uint8]:
    """A disc with edges of the width of one pixel."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = 12 - np.hypot(rows - 20, columns - 28)
    return np.rint(np.clip(inside + 0.5, 0, 1) * 255).astype(np.uint8)


NUCLEI, SOFT = nuclei(), soft()
OVERSHOOT = np.asarray(
    Image.fromarray(np.repeat(np.repeat(GLAND, 4, 0), 4, 1).astype(np.uint8) * 255)
    .rotate(7, Image.Resampling.BICUBIC)
    .rotate(-7, Image.Resampling.BICUBIC)
    .resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
)
HARD = np.where(SOFT >= 127.5, 255, 0)
OBJECTS, CLASSES = Answers(mask_holds="numbered_objects"), Answers(mask_holds="classes")
RGBA = np.dstack([COLOURS, np.where(IDS > 0, 255, 0).astype(np.uint8)])
HALF = np.dstack([COLOURS, np.where(IDS > 0, 255, 128).astype(np.uint8)])

ROWS = [
    # the same ids in every depth and colour type that holds them
    *(Row(f"grey{bits}.png", data(png(IDS, bits, 0)), IDS) for bits in (8, 16)),
    *(Row(f"rgb{bits}.png", data(png(np.dstack([IDS] * 3), bits, 2)), IDS) for bits in (8, 16)),
    *(Row(f"grey_alpha{bits}.png", data(png(np.dstack([IDS.astype(np.uint16), opaque]), bits, 4)), IDS) for bits, opaque in ((8, OPAQUE), (16, OPAQUE16))),
    *(Row(f"rgba{bits}.png", data(png(np.dstack([*[IDS.astype(np.uint16)] * 3, opaque]), bits, 6)), IDS) for bits, opaque in ((8, OPAQUE), (16, OPAQUE16))),
    *(Row(f"palette{bits}.png", data(png(IDS, bits, 3, palette=PALETTE[: 3 * 2**bits])), IDS) for bits in (2, 4, 8)),
    Row("palette_clear.png", data(png(IDS, 8, 3, palette=PALETTE, key=b"\0")), IDS),
    Row("grey_key.png", data(png(IDS, 8, 0, key=b"\0\0")), IDS),
    *(Row(f"{dtype}.tif", tiff(IDS.astype(dtype), photometric="minisblack"), IDS) for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64")),
    Row("rgb16.tif", tiff(np.dstack([IDS.astype(np.uint16)] * 3), photometric="rgb"), IDS),
    Row("rgba16.tif", tiff(np.dstack([*[IDS.astype(np.uint16)] * 3, OPAQUE16]), photometric="rgb", extrasamples=["unassalpha"]), IDS),
    Row("palette.tif", tiff(IDS, photometric="palette", colormap=np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)), IDS),
    Row("three_planes.tif", tiff(np.stack([IDS] * 3), photometric="rgb", planarconfig="separate"), IDS),
    *(Row(f"{name}.tif", tiff(IDS, photometric="minisblack", compression=name), IDS) for name in ("lzw", "zlib", "packbits", "zstd")),
    Row("imagej.tif", lambda path: tifffile.imwrite(path, IDS, imagej=True), IDS),
    Row("ids.ome.tif", tiff(IDS, ome=True, photometric="minisblack", metadata={"axes": "YX"}), IDS),
    Row("grey.bmp", pillow(IDS, "BMP"), IDS),
    Row("palette.bmp", data(bmp(packed(IDS, 8)[::-1], 8, (WIDTH, HEIGHT), palette=np.random.default_rng(4).bytes(1024))), IDS),
    Row("palette4.bmp", data(bmp(packed(IDS, 4)[::-1], 4, (WIDTH, HEIGHT), palette=np.random.default_rng(4).bytes(64))), IDS),
    Row("lossless.webp", pillow(np.dstack([IDS] * 3), "WEBP", lossless=True), IDS),
    Row("lossless.jp2", pillow(IDS, "JPEG2000"), IDS),
    Row("large_profile.png", data(png(IDS, 8, 0, before=chunk(b"zTXt", b"a\0\0" + b"x" * 2_000_000))), IDS),
    # few bits
    Row("one_bit.png", data(png(GLAND, 1, 0)), GLAND * 255),
    Row("one_bit.tif", pillow(GLAND, "TIFF"), GLAND * 255),
    Row("one_bit.bmp", pillow(GLAND, "BMP"), GLAND * 255),
    *(row for bits in (2, 4) for row in (
        Row(f"few{bits}.png", data(png(IDS, bits, 0)), Question.GREY_VALUES),
        Row(f"ids{bits}.png", data(png(IDS, bits, 0)), IDS, Answers(grey_values="as_stored")),
        Row(f"spread{bits}.png", data(png(IDS, bits, 0)), IDS.astype(int) * (255 // (2**bits - 1)), Answers(grey_values="spread")),
    )),
    Row("few4.tif", tiff(IDS, photometric="minisblack", bitspersample=4), Question.GREY_VALUES),
    Row("ids4.tif", tiff(IDS, photometric="minisblack", bitspersample=4), IDS, Answers(grey_values="as_stored")),
    # white is zero
    *(row for name, write, raw, stated in (
        ("one_bit_inverted.tif", pillow(GLAND, "TIFF", tiffinfo={262: 0}), np.where(GLAND, 0, 255), GLAND * 255),
        ("inverted8.tif", tiff(IDS, photometric="miniswhite"), IDS, 255 - IDS),
        ("inverted16.tif", tiff(IDS.astype(np.uint16), photometric="miniswhite"), IDS, 65535 - IDS.astype(int)),
        ("inverted_by_fax.tif", pillow(GLAND, "TIFF", compression="group4", tiffinfo={262: 0}), np.where(GLAND, 0, 255), GLAND * 255),
    ) for row in (Row(name, write, Question.PHOTOMETRIC), Row(name, write, raw, RAW), Row(name, write, stated, STATED))),
    # orientation
    *(row for number in (2, 3, 6, 8) for row in (
        Row(f"turned{number}.png", data(png(IDS, 8, 0, before=chunk(b"eXIf", exif(number)))), Question.ORIENTATION),
        Row(f"shown{number}.png", data(png(IDS, 8, 0, before=chunk(b"eXIf", exif(number)))), turn(IDS, number), AS_SHOWN),
        Row(f"stored{number}.tif", tiff(IDS, photometric="minisblack", extratags=[(274, "H", 1, number, True)]), IDS, AS_STORED),
    )),
    # colours and transparency
    Row("colours.png", data(png(COLOURS, 8, 2)), PACKED),
    Row("colours16.png", data(png(COLOURS.astype(np.uint16) * 257, 16, 2)), PACKED),
    Row("colours.tif", tiff(COLOURS, photometric="rgb"), PACKED),
    Row("colours.bmp", pillow(COLOURS, "BMP"), PACKED),
    Row("colours.webp", pillow(COLOURS, "WEBP", lossless=True), PACKED),
    Row("odd_colours16.png", data(png(COLOURS.astype(np.uint16) * 256, 16, 2)), "16 bits that 8 bits cannot hold"),
    Row("photograph.png", data(png(rgb8(), 8, 2)), "colour image of [0-9,]+ colours"),
    Row("clear_background.png", data(png(RGBA, 8, 6)), np.where(IDS > 0, PACKED, CLEAR)),
    Row("half_clear.png", data(png(HALF, 8, 6)), "half-transparent"),
    Row("clear_grey.png", data(png(np.dstack([IDS, RGBA[..., 3]]), 8, 4)), np.where(IDS > 0, IDS.astype(int), CLEAR)),
    *(Row("fourth_sample.tif", tiff(RGBA, photometric="rgb", extrasamples=["unspecified"]), right, answers) for right, answers in (
        (Question.ALPHA, Answers()), (PACKED, Answers(alpha="left_out")), (np.where(IDS > 0, PACKED, CLEAR), Answers(alpha="over_white")))),
    Row("one_hot.tif", tiff(np.stack([IDS == 1, IDS == 2]).astype(np.uint8), photometric="minisblack", planarconfig="separate"), Question.CHANNELS),
    Row("one_hot.ome.tif", tiff(np.stack([IDS == 1, IDS == 2]).astype(np.uint8), ome=True, photometric="minisblack", metadata={"axes": "CYX"}), (IDS == 2) * 1, Answers(channels=(2,))),
    # numbered objects
    *(row for name, write in (
        ("nuclei8.png", data(png(NUCLEI, 8, 0))), ("nuclei16.png", data(png(NUCLEI + 300 * (NUCLEI > 0), 16, 0))),
        ("nuclei16.tif", tiff(NUCLEI.astype(np.uint16), photometric="minisblack")), ("nuclei32.tif", tiff(NUCLEI, photometric="minisblack")),
        ("nuclei_u32.tif", tiff(NUCLEI.astype(np.uint32) * 100_000, photometric="minisblack")),
    ) for row in (Row(name, write, Question.MASK_HOLDS), Row(name, write, (NUCLEI > 0) * 1, OBJECTS))),
    Row("nuclei_as_classes.png", data(png(NUCLEI, 8, 0)), NUCLEI, CLASSES),
    Row("three_large_values.png", data(png(IDS.astype(np.uint16) * 1000, 16, 0)), IDS.astype(int) * 1000),
    Row("0_and_65535.png", data(png(GLAND.astype(np.uint16) * 65535, 16, 0)), GLAND * 65535),
    # soft edges
    Row("soft.png", data(png(SOFT, 8, 0)), Question.SOFT_EDGES),
    Row("soft.png", data(png(SOFT, 8, 0)), HARD, Answers(soft_edges=0.5)),
    Row("soft_rgb.png", data(png(np.dstack([SOFT] * 3), 8, 2)), HARD, Answers(soft_edges=0.5)),
    Row("soft_quarter.png", data(png(SOFT, 8, 0)), np.where(SOFT >= 63.75, 255, 0), Answers(soft_edges=0.25)),
    Row("soft_as_classes.png", data(png(SOFT, 8, 0)), SOFT, CLASSES),
    Row("soft.tif", tiff(SOFT.astype(np.uint16) * 257, photometric="minisblack"), HARD * 257, Answers(soft_edges=0.5)),
    Row("overshoot.png", data(png(OVERSHOOT, 8, 0)), Question.SOFT_EDGES),
    Row("overshoot.png", data(png(OVERSHOOT, 8, 0)), np.where(OVERSHOOT >= 127.5, 255, 0), Answers(soft_edges=0.5)),
    Row("four_classes.png", data(png(np.array([0, 1, 2, 255], np.uint8)[IDS], 8, 0)), np.array([0, 1, 2, 255])[IDS]),
    Row("border_class.png", data(png(np.where((SOFT > 0) & (SOFT < 255), 128, SOFT), 8, 0)), np.where((SOFT > 0) & (SOFT < 255), 128, SOFT)),
    # compression that changes values
    Row("lossy.jpg", pillow(IDS, "JPEG"), "JPEG file, whose compression changes"),
    Row("jpeg_inside.tif", pillow(np.dstack([IDS] * 3), "TIFF", compression="jpeg"), "compressed as jpeg, which changes"),
    Row("lossy.webp", pillow(np.dstack([IDS] * 3), "WEBP", quality=90), "compressed as WebP, which changes"),
    Row("lossy.jp2", pillow(IDS, "JPEG2000", irreversible=True), "compressed as JPEG 2000, which changes"),
    Row("jpeg2000_inside.tif", tiff(IDS, photometric="minisblack", compression="jpeg2000"), "may change"),
    # values that are no classes
    Row("negative.tif", tiff(IDS.astype(np.int16) - 1, photometric="minisblack"), "values from -1 to 2"),
    Row("half.tif", tiff(IDS.astype(np.float32) / 2, photometric="minisblack"), "no whole numbers"),
    Row("nan.tif", tiff(np.where(GLAND, np.nan, 0).astype(np.float32), photometric="minisblack"), "no whole numbers"),
    Row("beyond.tif", tiff(IDS.astype(np.uint32) * 2**30, photometric="minisblack"), "values from 0 to 3221225472"),
    Row("complex.tif", tiff(IDS.astype(np.complex64), photometric="minisblack"), "complex values"),
    Row("cmyk.tif", tiff(np.dstack([COLOURS, IDS]), photometric="separated"), "colour model CMYK"),
    # several pictures, and damage
    Row("stack.tif", tiff(np.stack([IDS, 3 - IDS]), photometric="minisblack"), Question.PLANE),
    Row("stack.tif", tiff(np.stack([IDS, 3 - IDS]), photometric="minisblack"), 3 - IDS, Answers(plane=2)),
    Row("thumbnail_first.tif", lambda path: pages(path, (IDS[::3, ::3], {"subfiletype": 1}), (IDS, {})), IDS),
    Row("cut.png", data(png(IDS, 8, 0)[:-30]), "damaged or incomplete"),
    Row("empty.png", data(b""), "is empty"),
    Row("czi.png", data(b"ZISRAWFILE" + bytes(500)), "is a CZI file"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=ids_of(ROWS))
def test_mask_file(tmp_path: Path, row: Row) -> None:
    check_mask(tmp_path, row)


def written(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "m.png").write_bytes(content)
    return tmp_path / "m.png"


def test_values_ranges_and_colours_become_classes(tmp_path: Path) -> None:
    colours = read_mask_values(written(tmp_path, png(RGBA, 8, 6)))
    assert colours.content is Content.COLOURS
    areas = np.bincount(IDS.ravel())
    assert colours.counts() == {
        "#ff0000": areas[1], "#00ff00": areas[2], "#0000ff": areas[3], "transparent": areas[0],
    }  # fmt: skip
    classes = colours.mapped({"transparent": 0, "#FF0000": 1, "#00ff00": 2, "#0000ff": 255})
    np.testing.assert_array_equal(classes, np.array([0, 1, 2, 255])[IDS])
    with pytest.raises(MaskError, match=r"holds the value #0000ff \([0-9,]+ px\), which no class has"):
        colours.mapped({"transparent": 0, "#ff0000": 1, "#00ff00": 2})
    with pytest.raises(ConfigError, match="#12 is no value of a mask"):
        colours.mapped({"#12": 0})


def test_a_black_mask_among_coloured_ones_is_read_by_their_list(tmp_path: Path) -> None:
    black = read_mask_values(written(tmp_path, png(np.zeros_like(COLOURS), 8, 2)))
    assert (black.mapped({"#000000": 3, "#ff0000": 1}) == 3).all()


def test_a_range_of_values_settles_what_objects_are_and_keeps_them(tmp_path: Path) -> None:
    values = {"0": 0, "1-40": 1, "41-80": 2}
    mask = read_mask_values(written(tmp_path, png(NUCLEI, 16, 0)), Answers(mask_values=values))
    np.testing.assert_array_equal(mask.mapped(values), np.select([NUCLEI == 0, NUCLEI <= 40], [0, 1], 2))
    np.testing.assert_array_equal(mask.objects, NUCLEI)


def test_objects_are_kept_beside_their_one_class(tmp_path: Path) -> None:
    mask = read_mask_values(written(tmp_path, png(NUCLEI, 16, 0)), OBJECTS)
    np.testing.assert_array_equal(mask.objects, NUCLEI)
    np.testing.assert_array_equal(mask.mapped({"0": 0, "1-80": 1}), NUCLEI > 0)


def test_our_own_masks_are_never_asked_about(tmp_path: Path) -> None:
    """A map of confidence looks like soft edges, and a label of twelve classes like objects."""
    for values in (SOFT, NUCLEI.astype(np.uint8)):
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "PNG")
        np.testing.assert_array_equal(read_mask(written(tmp_path, buffer.getvalue())), values)
