"""A MIRAX slide, byte by byte: images of a canvas, of which only some were scanned, and a level of half their size.

Written after the description of the format by OpenSlide (https://openslide.org/formats/mirax/).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGE_PX = 64
_ID = "0123456789ABCDEF0123456789ABCDEF"


def write_mirax(
    path: Path,
    canvas: NDArray[np.uint8],
    scanned: Sequence[tuple[int, int]],
    *,
    mpp_um: float = 0.25,
    background: tuple[int, int, int] = (255, 255, 255),
) -> None:
    """A slide of these images of the canvas (row, column); its sides are multiples of 128 px."""
    rows, columns = (length // IMAGE_PX for length in canvas.shape[:2])
    half = np.ascontiguousarray(canvas[::2, ::2])
    coarse = sorted({(row // 2, column // 2) for row, column in scanned})
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    path.write_bytes(_png(canvas[:IMAGE_PX, :IMAGE_PX]))  # a preview
    data, pages = bytearray(), []
    for pixels, places, step in ((canvas, scanned, 1), (half, coarse, 2)):
        records = []
        for row, column in places:
            png = _png(pixels[row * IMAGE_PX : (row + 1) * IMAGE_PX, column * IMAGE_PX : (column + 1) * IMAGE_PX])
            records.append((step * row * columns + step * column, len(data), len(png), 0))
            data += png
        pages.append(records)
    (folder / "Data0000.dat").write_bytes(data)
    (folder / "Index.dat").write_bytes(_index(pages))
    (folder / "Slidedat.ini").write_text(_slidedat(rows, columns, mpp_um, background))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _index(pages: Sequence[Sequence[tuple[int, int, int, int]]]) -> bytes:
    """Version and id; where the list of levels is; for each level where its page is; the pages."""
    head = b"01.02" + _ID.encode()
    levels_at = len(head) + 8
    at = levels_at + 4 * len(pages)
    pointers, body = b"", b""
    for records in pages:
        start = at + len(body)
        pointers += struct.pack("<i", start)
        body += struct.pack("<iiii", 0, start + 8, len(records), 0)
        body += b"".join(struct.pack("<iiii", *record) for record in records)
    return head + struct.pack("<ii", levels_at, 0) + pointers + body


def _slidedat(rows: int, columns: int, mpp_um: float, background: tuple[int, int, int]) -> str:
    red, green, blue = background
    levels = "".join(
        f"[LEVEL_{level}]\nOVERLAP_X=0\nOVERLAP_Y=0\nMICROMETER_PER_PIXEL_X={mpp_um * 2**level}\n"
        f"MICROMETER_PER_PIXEL_Y={mpp_um * 2**level}\nIMAGE_FORMAT=PNG\nIMAGE_CONCAT_FACTOR={level}\n"
        f"IMAGE_FILL_COLOR_BGR={blue << 16 | green << 8 | red}\n"
        f"DIGITIZER_WIDTH={IMAGE_PX}\nDIGITIZER_HEIGHT={IMAGE_PX}\n"
        for level in range(2)
    )
    return (
        f"[GENERAL]\nSLIDE_VERSION=01.02\nSLIDE_ID={_ID}\nIMAGENUMBER_X={columns}\nIMAGENUMBER_Y={rows}\n"
        "OBJECTIVE_MAGNIFICATION=20\nCameraImageDivisionsPerSide=1\n"
        "[HIERARCHICAL]\nHIER_COUNT=1\nNONHIER_COUNT=0\nINDEXFILE=Index.dat\nHIER_0_NAME=Slide zoom level\n"
        "HIER_0_COUNT=2\nHIER_0_VAL_0_SECTION=LEVEL_0\nHIER_0_VAL_1_SECTION=LEVEL_1\n"
        f"[DATAFILE]\nFILE_COUNT=1\nFILE_0=Data0000.dat\n{levels}"
    )
