"""WebP through Pillow; lossy or lossless by its chunks."""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import WebPImagePlugin

from training_core.io.facts import Alpha, FileFacts, Photometric
from training_core.io.files import FileKind, no_such_plane, type_of_error
from training_core.io.formats.exif import orientation
from training_core.io.formats.stored import Stored, pixels_of


def facts(path: Path, error: type_of_error) -> FileFacts:
    """What the file's chunks say."""
    with WebPImagePlugin.WebPImageFile(path) as image:
        has_alpha = image.mode == "RGBA"
        exif, xmp = image.info.get("exif"), image.info.get("xmp")
        names = ("red", "green", "blue", "alpha") if has_alpha else ("red", "green", "blue")
        kinds = _chunk_kinds(path)
        return FileFacts(
            path=path,
            kind=FileKind.WEBP,
            width_px=image.width,
            height_px=image.height,
            channels=len(names),
            channel_names=names,
            sample_type="uint",
            bits=8,
            photometric=Photometric.RGB,
            alpha=Alpha.UNASSOCIATED if has_alpha else Alpha.NONE,
            axes="YXS",
            shape=(image.height, image.width, len(names)),
            planes=max(1, int(getattr(image, "n_frames", 1))),
            levels=((image.width, image.height),),
            orientation=orientation(exif, xmp),
            compression="WebP" if b"VP8 " in kinds else "lossless WebP",
            lossy=b"VP8 " in kinds,
        )


def stored(path: Path, facts: FileFacts, error: type_of_error, plane: int = 0) -> Stored:
    """RGB or RGBA of one frame."""
    with WebPImagePlugin.WebPImageFile(path) as image:
        if not 0 <= plane < facts.planes:
            raise no_such_plane(facts.planes, plane + 1)
        image.seek(plane)
        image.load()
        return Stored(pixels_of(image))


def _chunk_kinds(path: Path) -> set[bytes]:
    """The kinds of all chunks, those within the frames of an animation included."""
    kinds: set[bytes] = set()
    with path.open("rb") as file:
        size, start = file.seek(0, 2), 12
        while start + 8 <= size:
            file.seek(start)
            kind, length = struct.unpack("<4sI", file.read(8))
            kinds.add(kind)
            start += 24 if kind == b"ANMF" else 8 + length + length % 2
    return kinds
