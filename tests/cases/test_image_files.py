"""Images of tissue: PNG, JPEG, BMP, WebP and JPEG 2000, a row for each kind. TIFF has a module of its own."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cases.checks import check_image
from tests.cases.rows import Row, data, ids_of, on_white, spread, three
from tests.cases.writers import HEIGHT, WIDTH, bmp, chunk, exif, grey, interlaced_png, packed, png, rgb8, turn
from training_core.io.inspection import Answers, Question

RGB = rgb8()
RGB16 = RGB.astype(np.uint16) * 256 + np.random.default_rng(5).integers(0, 256, RGB.shape).astype(np.uint16)
ALPHA = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
ALPHA16 = ALPHA.astype(np.uint16) * 257
PALETTE = np.random.default_rng(2).integers(0, 256, (256, 3), dtype=np.uint8)
INDICES = {bits: grey(bits) for bits in (1, 2, 4, 8)}
AS_SHOWN, AS_STORED = Answers(orientation="as_shown"), Answers(orientation="as_stored")


def with_pillow(pixels: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> NDArray[np.uint8]:
    """What Pillow sees, for lossy files."""
    with Image.open(io.BytesIO(content)) as image:
        return np.array(image.convert("RGB"))


def text(size: int) -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size)))


def colour_key(samples: NDArray[Any], place: tuple[int, int]) -> tuple[bytes, NDArray[Any]]:
    """The key chunk for the colour of one pixel, and alpha as it then is."""
    colour = samples[place]
    transparent = (samples == colour) if samples.ndim == 2 else (samples == colour).all(axis=2)
    return np.atleast_1d(colour).astype(">u2").tobytes(), np.where(transparent, 0, 255).astype(np.uint8)


PROFILE = chunk(b"iCCP", b"big\0\0" + zlib.compress(np.random.default_rng(3).bytes(3_000_000)))
KEY_GREY, KEY_GREY_ALPHA = colour_key(grey(4), (3, 3))
KEY_RGB, KEY_RGB_ALPHA = colour_key(RGB, (0, 0))
KEY_RGB16, KEY_RGB16_ALPHA = colour_key(RGB16, (9, 50))
PALETTE_ALPHA = np.concatenate([np.arange(0, 250, 10, dtype=np.uint8), np.full(231, 255, np.uint8)])

PNG_ROWS = [
    *(Row(f"grey{bits}.png", data(png(grey(bits), bits, 0)), three(spread(grey(bits), 2**bits - 1))) for bits in (1, 2, 4, 8, 16)),
    *(Row(f"palette{bits}.png", data(png(INDICES[bits], bits, 3, palette=PALETTE[: 2**bits].tobytes())), PALETTE[INDICES[bits]]) for bits in (1, 2, 4, 8)),
    Row("rgb8.png", data(png(RGB, 8, 2)), RGB),
    Row("rgb16.png", data(png(RGB16, 16, 2)), spread(RGB16, 65535)),
    Row("grey_alpha8.png", data(png(np.dstack([grey(8), ALPHA]), 8, 4)), on_white(three(grey(8)), ALPHA)),
    Row("grey_alpha16.png", data(png(np.dstack([grey(16), ALPHA16]), 16, 4)), on_white(three(spread(grey(16), 65535)), ALPHA)),
    Row("rgba8.png", data(png(np.dstack([RGB, ALPHA]), 8, 6)), on_white(RGB, ALPHA)),
    Row("rgba16.png", data(png(np.dstack([RGB16, ALPHA16]), 16, 6)), on_white(spread(RGB16, 65535), ALPHA)),
    Row("palette_alpha.png", data(png(INDICES[8], 8, 3, palette=PALETTE.tobytes(), key=PALETTE_ALPHA[:25].tobytes())), on_white(PALETTE[INDICES[8]], PALETTE_ALPHA[INDICES[8]])),
    Row("grey4_key.png", data(png(grey(4), 4, 0, key=KEY_GREY)), on_white(three(grey(4) * 17), KEY_GREY_ALPHA)),
    Row("grey4_key_of_more_bits.png", data(png(grey(4), 4, 0, key=b"\x01" + bytes([KEY_GREY[1] | 0xA0]))), on_white(three(grey(4) * 17), KEY_GREY_ALPHA)),
    Row("rgb8_key.png", data(png(RGB, 8, 2, key=KEY_RGB)), on_white(RGB, KEY_RGB_ALPHA)),
    Row("rgb16_key.png", data(png(RGB16, 16, 2, key=KEY_RGB16)), on_white(spread(RGB16, 65535), KEY_RGB16_ALPHA)),
    *(Row(f"interlaced_{name}.png", data(interlaced_png(samples, bits, colour)), right) for name, samples, bits, colour, right in (
        ("rgb8", RGB, 8, 2, RGB), ("rgb16", RGB16, 16, 2, spread(RGB16, 65535)), ("grey2", grey(2), 2, 0, three(grey(2) * 85)),
        ("grey16", grey(16), 16, 0, three(spread(grey(16), 65535))))),
    Row("large_profile.png", data(png(RGB, 8, 2, before=PROFILE)), RGB),
    Row("large_profile16.png", data(png(RGB16, 16, 2, before=PROFILE)), spread(RGB16, 65535)),
    Row("large_text.png", data(png(RGB, 8, 2, before=text(80_000_000))), RGB),
    Row("many_texts.png", data(png(RGB, 8, 2, before=text(900_000) * 100)), RGB),
    Row("broken_text.png", data(png(RGB, 8, 2, before=chunk(b"zTXt", b"no zero byte"))), RGB),
    Row("gamma.png", data(png(RGB, 8, 2, before=chunk(b"gAMA", struct.pack(">I", 100_000)))), RGB),
    Row("significant_bits.png", data(png(grey(16), 16, 0, before=chunk(b"sBIT", b"\x0c"))), three(spread(grey(16), 65535))),
    Row("animated.png", data(with_pillow(Image.fromarray(RGB), "PNG", save_all=True, append_images=[Image.fromarray(255 - RGB)])), RGB),
    Row("after_the_end.png", data(png(RGB, 8, 2) + b"left over"), RGB),
    Row("unknown_chunk.png", data(png(RGB, 8, 2, before=chunk(b"teSt", b"anything"))), RGB),
    Row("camera12.png", data(png(grey(12), 16, 0)), Question.USED_BITS),
    Row("camera12.png", data(png(grey(12), 16, 0)), three(spread(grey(12), 4095)), Answers(used_bits=12)),
    Row("camera12_dark.png", data(png(grey(12), 16, 0)), three(spread(grey(12), 65535)), Answers(used_bits=16)),
    Row("bad_checksum.png", data(png(RGB, 8, 2)[:-20] + bytes(4) + png(RGB, 8, 2)[-16:]), "damaged or incomplete"),
    Row("without_end.png", data(png(RGB, 8, 2)[:-12]), "cut short"),
    Row("without_palette.png", data(png(INDICES[8], 8, 3)), "no palette"),
    Row("impossible_depth.png", data(png(grey(8), 8, 0).replace(b"\x08\0\0\0\0", b"\x03\0\0\0\0", 1)), "damaged or incomplete"),
]  # fmt: skip


ORIENTED_ROWS = [
    *(row for number in range(2, 9) for content, suffix in (
        (png(RGB, 8, 2, before=chunk(b"eXIf", exif(number))), "png"),
        (with_pillow(RGB, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(number)), "webp"),
    ) for row in (
        Row(f"orientation{number}.{suffix}", data(content), Question.ORIENTATION),
        Row(f"shown{number}.{suffix}", data(content), turn(RGB, number), AS_SHOWN),
        Row(f"stored{number}.{suffix}", data(content), RGB, AS_STORED),
    )),
    *(row for number in range(2, 9) for content in (with_pillow(RGB, "JPEG", quality=90, exif=b"Exif\0\0" + exif(number)),) for row in (
        Row(f"orientation{number}.jpg", data(content), Question.ORIENTATION),
        Row(f"shown{number}.jpg", data(content), turn(decoded(content), number), AS_SHOWN),
        Row(f"stored{number}.jpg", data(content), decoded(content), AS_STORED),
    )),
    Row("orientation1.png", data(png(RGB, 8, 2, before=chunk(b"eXIf", exif(1)))), RGB),
    Row("orientation0.png", data(png(RGB, 8, 2, before=chunk(b"eXIf", exif(0)))), RGB),
    Row("broken_exif.png", data(png(RGB, 8, 2, before=chunk(b"eXIf", b"MM\0*\0\0\xff\xff"))), RGB),
    Row("broken_exif.jpg", data(with_pillow(RGB, "JPEG", quality=90, exif=b"Exif\0\0II*\0")), decoded(with_pillow(RGB, "JPEG", quality=90))),
    Row("xmp.png", data(png(RGB, 8, 2, before=chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'))), Question.ORIENTATION),
]  # fmt: skip


def jpeg(pixels: NDArray[Any] = RGB, **options: Any) -> bytes:
    return with_pillow(pixels, "JPEG", **{"quality": 90, **options})


CMYK = with_pillow(Image.frombytes("CMYK", (WIDTH, HEIGHT), np.dstack([RGB, ALPHA]).tobytes()), "JPEG")
KEEP_RGB = jpeg(quality=100, keep_rgb=True)
JPEG_ROWS = [
    Row("444.jpg", data(jpeg(subsampling=0)), decoded(jpeg(subsampling=0))),
    Row("420.jpg", data(jpeg(subsampling=2)), decoded(jpeg(subsampling=2))),
    Row("progressive.jpg", data(jpeg(progressive=True)), decoded(jpeg(progressive=True))),
    Row("grey.jpg", data(jpeg(grey(8))), decoded(jpeg(grey(8)))),
    Row("adobe_rgb.jpg", data(KEEP_RGB), RGB, tolerance=3),
    Row("large_profile.jpg", data(jpeg(icc_profile=np.random.default_rng(3).bytes(1_000_000))), decoded(jpeg())),
    Row("comment.jpg", data(jpeg(comment="x" * 60_000)), decoded(jpeg())),
    Row("adobe_cmyk.jpg", data(CMYK), "colour model CMYK"),
    Row("adobe_ycck.jpg", data(CMYK.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\x02")), "colour model CMYK"),
    Row("lossless.jpg", data(imagecodecs.ljpeg_encode(grey(8), bitspersample=8)), "lossless JPEG"),
    Row("12_bits.jpg", data(imagecodecs.jpeg_encode(grey(12), bitspersample=12, level=95)), "12 bits per channel"),
    Row("cut.jpg", data(jpeg()[: len(jpeg()) // 2]), "damaged or incomplete"),
    Row("header_only.jpg", data(jpeg()[:20]), "damaged or incomplete"),
]  # fmt: skip


def rows_up(samples: NDArray[Any], bits: int) -> list[bytes]:
    return packed(samples, bits)[::-1]


def quads(palette: NDArray[np.uint8]) -> bytes:
    return np.concatenate([palette[:, ::-1], np.zeros((len(palette), 1), np.uint8)], axis=1).tobytes()


def rle8(samples: NDArray[np.uint8]) -> list[bytes]:
    """Every pixel as a run of one, each row with its end."""
    return [b"".join(b"\x01" + bytes([value]) for value in row) + b"\0\0" for row in samples[::-1]] + [b"\0\x01"]


BGR = RGB[:, :, ::-1]
BGRX = np.dstack([BGR, np.zeros_like(ALPHA)])
PACKED565 = (
    (RGB[:, :, 0].astype(np.uint16) >> 3 << 11) | (RGB[:, :, 1].astype(np.uint16) >> 2 << 5) | (RGB[:, :, 2] >> 3)
)
FROM565 = np.dstack([
    np.asarray([value * 255 // 31 for value in range(32)], np.uint8)[RGB[:, :, 0] >> 3],
    np.asarray([value * 255 // 63 for value in range(64)], np.uint8)[RGB[:, :, 1] >> 2],
    np.asarray([value * 255 // 31 for value in range(32)], np.uint8)[RGB[:, :, 2] >> 3],
])  # fmt: skip
BLACK_WHITE, WHITE_BLACK = (np.array([[shade] * 3 for shade in shades], np.uint8) for shades in ((0, 255), (255, 0)))
SIZE = (WIDTH, HEIGHT)
BMP_ROWS = [
    Row("black_white.bmp", data(bmp(rows_up(INDICES[1], 1), 1, SIZE, palette=quads(BLACK_WHITE))), three(INDICES[1] * 255)),
    Row("white_black.bmp", data(bmp(rows_up(INDICES[1], 1), 1, SIZE, palette=quads(WHITE_BLACK))), three(255 - INDICES[1] * 255)),
    Row("two_colours.bmp", data(bmp(rows_up(INDICES[1], 1), 1, SIZE, palette=quads(PALETTE[:2]))), PALETTE[INDICES[1]]),
    Row("palette4.bmp", data(bmp(rows_up(INDICES[4], 4), 4, SIZE, palette=quads(PALETTE[:16]))), PALETTE[INDICES[4]]),
    Row("palette8.bmp", data(bmp(rows_up(INDICES[8], 8), 8, SIZE, palette=quads(PALETTE))), PALETTE[INDICES[8]]),
    Row("rle8.bmp", data(bmp(rle8(INDICES[8]), 8, SIZE, palette=quads(PALETTE), compression=1)), PALETTE[INDICES[8]]),
    Row("grey.bmp", data(with_pillow(grey(8), "BMP")), three(grey(8))),
    Row("rgb.bmp", data(bmp(rows_up(BGR, 8), 24, SIZE)), RGB),
    Row("top_down.bmp", data(bmp(packed(BGR, 8), 24, (WIDTH, -HEIGHT))), RGB),
    Row("rgbx.bmp", data(bmp(rows_up(BGRX, 8), 32, SIZE)), RGB),
    *(Row("fourth_byte.bmp", data(with_pillow(np.dstack([RGB, ALPHA]), "BMP")), right, answers) for right, answers in (
        (Question.ALPHA, Answers()), (on_white(RGB, ALPHA), Answers(alpha="over_white")), (RGB, Answers(alpha="left_out")))),
    Row("fourth_byte_top_down.bmp", data(bmp(packed(np.dstack([BGR, ALPHA]), 8), 32, (WIDTH, -HEIGHT))), on_white(RGB, ALPHA), Answers(alpha="over_white")),
    Row("stated_alpha.bmp", data(bmp(rows_up(np.dstack([BGR, ALPHA]), 8), 32, SIZE, compression=3, masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52), version4=True)), on_white(RGB, ALPHA)),
    Row("565.bmp", data(bmp([line.astype("<u2").tobytes() for line in PACKED565[::-1]], 16, SIZE, compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))), FROM565, tolerance=1),
    Row("cut.bmp", data(bmp(rows_up(BGR, 8), 24, SIZE)[:3000]), "damaged or incomplete"),
    Row("jpeg_inside.bmp", data(bmp([jpeg()], 24, SIZE, compression=4)), "damaged or incomplete"),
]  # fmt: skip


def jpeg2000(samples: NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, **{"level": 0, "reversible": True, **options}))


LOSSY_WEBP, LOSSY_JP2 = (
    with_pillow(RGB, "WEBP", quality=80),
    with_pillow(RGB, "JPEG2000", irreversible=True, quality_layers=[20]),
)
OTHER_ROWS = [
    Row("lossless.webp", data(with_pillow(RGB, "WEBP", lossless=True)), RGB),
    Row("lossy.webp", data(LOSSY_WEBP), decoded(LOSSY_WEBP)),
    Row("rgba.webp", data(with_pillow(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True)), on_white(RGB, ALPHA)),
    Row("animated.webp", data(with_pillow(Image.fromarray(RGB), "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - RGB)])), Question.PLANE),
    Row("animated.webp", data(with_pillow(Image.fromarray(RGB), "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - RGB)])), 255 - RGB, Answers(plane=2)),
    Row("rgb.jp2", data(jpeg2000(RGB)), RGB),
    Row("pillow.jp2", data(with_pillow(RGB, "JPEG2000")), RGB),
    Row("bare.j2k", data(jpeg2000(RGB, codecformat="j2k")), RGB),
    Row("grey.jp2", data(jpeg2000(grey(8))), three(grey(8))),
    Row("rgb16.jp2", data(jpeg2000(RGB16)), spread(RGB16, 65535)),
    Row("rgb12.jp2", data(jpeg2000(RGB16 >> 4, bitspersample=12)), spread(RGB16 >> 4, 4095)),
    Row("grey16.jp2", data(jpeg2000(grey(16))), three(spread(grey(16), 65535))),
    Row("lossy.jp2", data(LOSSY_JP2), decoded(LOSSY_JP2), tolerance=1),
    Row("rgba.jp2", data(with_pillow(np.dstack([RGB, ALPHA]), "JPEG2000")), on_white(RGB, ALPHA)),
    Row("cut.jp2", data(jpeg2000(RGB)[:1000]), "damaged or incomplete"),
    Row("cut.webp", data(with_pillow(RGB, "WEBP", lossless=True)[:1000]), "damaged or incomplete"),
]  # fmt: skip

UNREAD = {
    "a.czi": (b"ZISRAWFILE" + bytes(500), "CZI"),
    "a.gif": (with_pillow(Image.fromarray(grey(8)), "GIF"), "GIF"),
    "a.nd2": (b"\xda\xce\xbe\x0a" + bytes(500), "ND2"),
    "a.pdf": (b"%PDF-1.7" + bytes(500), "PDF"),
    "a.zip": (b"PK\x03\x04" + bytes(500), "ZIP"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(500), "HDF5"),
    "a.dcm": (bytes(128) + b"DICM" + bytes(500), "DICOM"),
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(500), "HEIC"),
    "a.avif": (b"\0\0\0\x18ftypavif" + bytes(500), "AVIF"),
    "a.npy": (b"\x93NUMPY\x01\0" + bytes(500), "NumPy"),
}
KIND_ROWS = [
    *(Row(name, data(content), f"is a {kind} file, which is not read") for name, (content, kind) in UNREAD.items()),
    *(Row(f"czi_named.{suffix}", data(UNREAD["a.czi"][0]), "is a CZI file") for suffix in ("png", "tif", "jpg")),
    *(Row(f"png_named.{suffix}", data(png(RGB, 8, 2)), RGB) for suffix in ("tif", "jpg", "bmp", "webp", "jp2", "txt")),
    Row("text.png", data(b"just some text\n" * 50), "not a readable image"),
    Row("empty.png", data(b""), "is empty"),
    Row("signature_only.png", data(b"\x89PNG\r\n\x1a\n"), "damaged or incomplete"),
    *(Row(f"small.{suffix}", data(with_pillow(RGB[:31], kind)), "56 x 31 px. Needed: at least 32 px") for suffix, kind in (
        ("png", "PNG"), ("jpg", "JPEG"), ("bmp", "BMP"), ("webp", "WEBP"), ("jp2", "JPEG2000"), ("tif", "TIFF"))),
]  # fmt: skip

ROWS = [*PNG_ROWS, *ORIENTED_ROWS, *JPEG_ROWS, *BMP_ROWS, *OTHER_ROWS, *KIND_ROWS]


@pytest.mark.parametrize("row", ROWS, ids=ids_of(ROWS))
def test_image_file(tmp_path: Path, row: Row) -> None:
    check_image(tmp_path, row)
