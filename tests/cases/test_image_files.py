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


def fewer_rows(samples: NDArray[Any], bits: int, colour: int, *, rows: int = 30, interlaced: bool = False) -> bytes:
    """A PNG whose stream of pixels is whole and ends early, or late."""
    made = interlaced_png(samples, bits, colour) if interlaced else png(np.resize(samples, (rows, *samples.shape[1:])), bits, colour)  # fmt: skip
    header, palette = made[16:29], chunk(b"PLTE", PALETTE[:16].tobytes()) if colour == 3 else b""
    start = made.index(b"IDAT") + 4
    stream = zlib.decompress(made[start:-16])
    header = struct.pack(">II", WIDTH, HEIGHT) + header[8:]
    body = zlib.compress(stream[: len(stream) * 3 // 4] if interlaced else stream)
    return made[:8] + chunk(b"IHDR", header) + palette + chunk(b"IDAT", body) + chunk(b"IEND", b"")


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
    Row("too_few_rows.png", data(png(RGB[:20], 8, 2).replace(struct.pack(">I", 20), struct.pack(">I", HEIGHT), 1)), "damaged or incomplete"),
    *(Row(f"fewer_rows_{name}.png", data(fewer_rows(samples, bits, colour)), "its pixels are [0-9,]+ bytes instead of") for name, samples, bits, colour in (
        ("grey1", grey(1), 1, 0), ("grey8", grey(8), 8, 0), ("rgb8", RGB, 8, 2), ("rgb16", RGB16, 16, 2), ("palette4", INDICES[4], 4, 3))),
    Row("fewer_rows_interlaced.png", data(fewer_rows(RGB, 8, 2, interlaced=True)), "its pixels are [0-9,]+ bytes instead of"),
    Row("more_rows.png", data(fewer_rows(RGB, 8, 2, rows=HEIGHT + 5)), RGB),
    Row("apple.png", data(png(RGB, 8, 2)[:8] + chunk(b"CgBI", b"\x50\0\x20\x02") + png(RGB, 8, 2)[8:]), "in Apple's own form"),
    Row("without_end.png", data(png(RGB, 8, 2)[:-12]), "cut short"),
    Row("without_palette.png", data(png(INDICES[8], 8, 3)), "no palette"),
    Row("impossible_depth.png", data(png(grey(8), 8, 0).replace(b"\x08\0\0\0\0", b"\x03\0\0\0\0", 1)), "damaged or incomplete"),
]  # fmt: skip


HEXADECIMAL = b"\nexif\n      32\n" + (b"Exif\0\0" + exif(6)).hex().encode() + b"\n"
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
    *(Row(f"raw_profile_{kind.decode()}.png", data(png(RGB, 8, 2, before=chunk(kind, b"Raw profile type " + name + b"\0" + content))), Question.ORIENTATION) for kind, name, content in (
        (b"tEXt", b"exif", HEXADECIMAL), (b"zTXt", b"exif", b"\0" + zlib.compress(HEXADECIMAL)), (b"iTXt", b"exif", b"\0\0\0\0" + HEXADECIMAL))),
    Row("raw_profile_broken.png", data(png(RGB, 8, 2, before=chunk(b"zTXt", b"Raw profile type exif\0\0no zlib"))), RGB),
    Row("raw_profile_of_a_bomb.png", data(png(RGB, 8, 2, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(80_000_000))))), RGB),
    Row("xmp.png", data(png(RGB, 8, 2, before=chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'))), Question.ORIENTATION),
]  # fmt: skip


def jpeg(pixels: NDArray[Any] = RGB, **options: Any) -> bytes:
    return with_pillow(pixels, "JPEG", **{"quality": 90, **options})


CMYK = with_pillow(Image.frombytes("CMYK", (WIDTH, HEIGHT), np.dstack([RGB, ALPHA]).tobytes()), "JPEG")
KEEP_RGB = jpeg(quality=100, keep_rgb=True)


def without_markers(content: bytes) -> bytes:
    """The JPEG without what its application markers say, such as JFIF and Adobe."""
    kept, place = content[:2], 2
    while content[place + 1] != 0xDA:
        length = struct.unpack(">H", content[place + 2 : place + 4])[0]
        if not 0xE0 <= content[place + 1] <= 0xEF:
            kept += content[place : place + 2 + length]
        place += 2 + length
    return kept + content[place:]


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
    Row("ls.jpg", data(imagecodecs.jpegls_encode(grey(8))), "JPEG-LS file"),
    Row("rgb_by_its_component_names.jpg", data(without_markers(KEEP_RGB)), RGB, tolerance=3),
    Row("two_pictures.jpg", data(with_pillow(RGB, "MPO", quality=90, save_all=True, append_images=[Image.fromarray(255 - RGB)])), decoded(jpeg())),
    Row("without_end.jpg", data(jpeg()[:-2]), "damaged or incomplete"),
    Row("progressive_cut.jpg", data(jpeg(progressive=True)[:-300]), "damaged or incomplete"),
    Row("after_the_end.jpg", data(jpeg() + bytes(1000)), decoded(jpeg())),
    Row("no_height.jpg", data(jpeg().replace(struct.pack(">BHH", 8, HEIGHT, WIDTH), struct.pack(">BHH", 8, 0, WIDTH), 1)), "56 x 0 px"),
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
    Row("as_high_as_no_image.bmp", data(bmp(rows_up(INDICES[8], 8), 8, (WIDTH, 905_969_704), palette=quads(PALETTE))), "56 x 905969704 px. Needed: at most 400 megapixels"),
    Row("damaged_width.bmp", data(bmp(rle8(INDICES[8]), 8, (60_000, 6_000), palette=quads(PALETTE), compression=1)), "360,000,000 pixels, of which its [0-9,]+ bytes can hold few"),
    Row("ends_early.bmp", data(bmp([*rle8(INDICES[8])[:20], b"\0\x01"], 8, SIZE, palette=quads(PALETTE), compression=1)), "damaged or incomplete"),
    Row("cut_by_a_byte.bmp", data(bmp(rows_up(BGR, 8), 24, SIZE)[:-1]), "damaged or incomplete"),
    Row("os2.bmp", data(b"BM" + struct.pack("<IHHIIHHHH", 26 + RGB.size, 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24) + b"".join(rows_up(BGR, 8))), RGB),
    Row("jpeg_inside.bmp", data(bmp([jpeg()], 24, SIZE, compression=4)), "damaged or incomplete"),
]  # fmt: skip


def jpeg2000(samples: NDArray[Any], **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, **{"level": 0, "reversible": True, **options}))


def jp2(samples: NDArray[Any], *, colour: int | None = 16, more: list[tuple[bytes, bytes]] | None = None) -> bytes:
    """A JP2 put together box by box; `colour`: the number of its colour model, None: a profile."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), kind) + content

    header = struct.pack(">IIHBBBB", height, width, channels, 8 * samples.itemsize - 1, 7, 0, 0)
    model = b"\x02\0\0" + bytes(200) if colour is None else b"\x01\0\0" + struct.pack(">I", colour)
    inner = box(b"ihdr", header) + box(b"colr", model) + b"".join(box(*each) for each in more or ())
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", inner) + box(b"jp2c", jpeg2000(samples, codecformat="j2k"))


def definitions(*channels: tuple[int, int]) -> bytes:
    """What each channel is: kind (0 colour, 1 opacity), and of which colour."""
    each = (struct.pack(">HHH", number, *channel) for number, channel in enumerate(channels))
    return struct.pack(">H", len(channels)) + b"".join(each)


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
    *(Row(f"grey{bits}.jp2", data(jpeg2000(grey(bits), bitspersample=bits)), right) for bits, right in (
        (1, "JPEG 2000 file of 1 bits"), (4, "JPEG 2000 file of 4 bits"), (10, three(spread(grey(10), 1023))), (12, three(spread(grey(12), 4095))))),
    Row("signed.jp2", data(jpeg2000(grey(8).astype(np.int8))), "8 signed bits"),
    Row("five_channels.jp2", data(jpeg2000(np.dstack([RGB, ALPHA, ALPHA]))), "JPEG 2000 file of 5 channels"),
    Row("unstated_channel.jp2", data(jp2(np.dstack([RGB, ALPHA]))), Question.ALPHA),
    Row("palette.jp2", data(jp2(grey(8), more=[(b"pclr", struct.pack(">HB3B", 256, 3, 7, 7, 7) + PALETTE.tobytes()), (b"cmap", b"\0\0\1\0\0\0\1\1\0\0\1\2")])), "JPEG 2000 file with a palette"),
    *(Row(f"channels_{name}.jp2", data(jp2(samples, more=[(b"cdef", definitions(*channels))])), right) for name, samples, channels, right in (
        ("in_order", RGB, ((0, 1), (0, 2), (0, 3)), RGB), ("bgr", RGB, ((0, 3), (0, 2), (0, 1)), "in another order than red, green, blue"),
        ("bgr16", RGB16, ((0, 3), (0, 2), (0, 1)), "in another order than red, green, blue"),
        ("alpha_first", np.dstack([ALPHA, RGB]), ((1, 0), (0, 1), (0, 2), (0, 3)), "in another order than red, green, blue"))),
    *(Row(f"colours_{name}.jp2", data(jp2(RGB, colour=number)), f"colour model number {number}") for name, number in (("cmyk", 12), ("cielab", 14), ("ycc", 20))),
    Row("profile.jp2", data(jp2(RGB, colour=None)), RGB),
    Row("no_resolution.jp2", data(jp2(RGB, more=[(b"res ", struct.pack(">I4s", 18, b"resc") + bytes(10))])), RGB),
    Row("without_transform.j2k", data(jpeg2000(RGB, codecformat="j2k", mct=False)), RGB),
    Row("cut_at_the_end.j2k", data(jpeg2000(RGB, codecformat="j2k")[:-600]), "damaged or incomplete"),
    Row("animated_beyond.webp", data(with_pillow(Image.fromarray(RGB), "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - RGB)])), "has 2 planes, and number 3", Answers(plane=3)),
    Row("still.webp", data(with_pillow(RGB, "WEBP", lossless=True)), RGB, Answers(plane=2)),
    Row("cut.jp2", data(jpeg2000(RGB)[:1000]), "damaged or incomplete"),
    Row("cut.webp", data(with_pillow(RGB, "WEBP", lossless=True)[:1000]), "damaged or incomplete"),
]  # fmt: skip

BROKEN_SLIDES = {
    "a.czi": (b"ZISRAWFILE" + bytes(500), "a CZI file .Zeiss."),
    "a.vms": (b"[Virtual Microscope Specimen]\nNoLayers=1\n", "a VMS slide .Hamamatsu."),
    "label.mrxs": (jpeg(), "a MIRAX slide .3DHISTECH."),
    "a.dcm": (bytes(128) + b"DICM" + bytes(500), "a DICOM file"),
    "a.svslide": (b"SQLite format 3\0" + bytes(500), "a slide of Sakura"),
}
"""Refused for what they lack where OpenSlide is installed, and for want of it elsewhere."""
UNREAD = {
    "a.lif": (b"\x70\0\0\0\xe8\3\0\0\x2a" + bytes(500), "a LIF file .Leica.", "QuPath"),
    "a.nd2": (b"\xda\xce\xbe\x0a" + bytes(500), "an ND2 file .Nikon.", "QuPath"),
    "jpeg2000_inside.nd2": (jpeg2000(RGB), "an ND2 file .Nikon.", "QuPath"),
    "a.zvi": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an OLE file .such as ZVI", "QuPath"),
    "a.ets": (b"SIS\0" + bytes(500), "an ETS file .Olympus.", "QuPath"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(500), "an HDF5 file", "QuPath"),
    "a.isyntax": (b'<DataObject ObjectType="DPUfsImport">' + bytes(500), "an iSyntax slide .Philips.", "QuPath"),
    "overview.vsi": (with_pillow(RGB, "TIFF"), "a VSI slide .Olympus., of which this file holds only a preview", "QuPath"),
    "a.nii": (struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(500), "a NIfTI file", "3D Slicer"),
    "a.nii.gz": (b"\x1f\x8b\x08" + bytes(500), "a gzip file .such as NIfTI", "archive"),
    "a.nrrd": (b"NRRD0004\ntype: uint8\n", "an NRRD file", "3D Slicer"),
    "a.mha": (b"ObjectType = Image\nNDims = 2\n", "a MetaImage file", "3D Slicer"),
    "a.fits": (b"SIMPLE  =                    T" + bytes(500), "a FITS file", "3D Slicer"),
    "a.npy": (b"\x93NUMPY\x01\0" + bytes(500), "a NumPy file", "3D Slicer"),
    "a.mat": (b"MATLAB 5.0 MAT-file" + bytes(500), "a MATLAB file", "3D Slicer"),
    "a.gif": (with_pillow(Image.fromarray(grey(8)), "GIF"), "a GIF file", "convert"),
    "animated.gif": (with_pillow(Image.fromarray(grey(8)), "GIF", save_all=True, append_images=[Image.fromarray(255 - grey(8))]), "a GIF file", "convert"),
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(500), "an HEIC file", "convert"),
    "of_iphone.heic": (b"\0\0\0\x18ftypmif1" + bytes(500), "an HEIC file", "convert"),
    "a.avif": (b"\0\0\0\x18ftypavif" + bytes(500), "an AVIF file", "convert"),
    "a.jxl": (imagecodecs.jpegxl_encode(RGB, lossless=True, usecontainer=False), "a JPEG XL file", "convert"),
    "boxes.jxl": (imagecodecs.jpegxl_encode(RGB, lossless=True, usecontainer=True), "a JPEG XL file", "convert"),
    "a.jxr": (imagecodecs.jpegxr_encode(RGB), "a JPEG XR file", "convert"),
    "a.cr2": (with_pillow(RGB, "TIFF"), "a raw photograph", "convert"),
    "a.ppm": (with_pillow(RGB, "PPM"), "a Netpbm file", "convert"),
    "a.exr": (b"\x76\x2f\x31\x01" + bytes(500), "an OpenEXR file", "convert"),
    "a.hdr": (b"#?RADIANCE\n" + bytes(500), "a Radiance HDR file", "convert"),
    "a.ico": (with_pillow(RGB, "ICO"), "an icon .ICO.", "convert"),
    "a.dds": (with_pillow(RGB, "DDS"), "a DDS file", "convert"),
    "a.psd": (b"8BPS\0\1" + bytes(500), "a Photoshop file .PSD.", "flattened"),
    "a.xcf": (b"gimp xcf v011" + bytes(500), "a GIMP file .XCF.", "flattened"),
    "a.pdf": (b"%PDF-1.7" + bytes(500), "a PDF file", "flattened"),
    "a.eps": (with_pillow(RGB, "EPS"), "a PostScript file", "flattened"),
    "a.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG file", "flattened"),
    "a.zip": (b"PK\x03\x04" + bytes(500), "a ZIP file", "archive"),
    "a.mp4": (b"\0\0\0\x18ftypmp42" + bytes(500), "a video", "frames"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a Git LFS pointer", "git lfs pull"),
    "login.png": (b"<!DOCTYPE html><html>", "a web page", "download"),
    "a.json": (b'{"a": 1}', "a JSON file", "choose the image"),
    "._a.png": (b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(500), "what macOS keeps beside a file", "choose the image"),
    "as_text.png": (png(RGB, 8, 2).replace(b"\r\n", b"\n", 1), "a PNG file whose line ends were changed", "binary mode"),
}  # fmt: skip
KIND_ROWS = [
    *(Row(name, data(content), f"is {kind}.*, which is not read.*{hint}") for name, (content, kind, hint) in UNREAD.items()),
    *(Row(name, data(content), f"is {kind}.*QuPath") for name, (content, kind) in BROKEN_SLIDES.items()),
    *(Row(f"czi_named.{suffix}", data(BROKEN_SLIDES["a.czi"][0]), "is a CZI file") for suffix in ("png", "tif", "jpg")),
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
