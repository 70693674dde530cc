"""Parts of a picture: the same pixels as of the whole, without decoding the whole."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from training_core.base.errors import ImageError
from training_core.io import read_image
from training_core.io.regions import open_regions

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
PLACES = [(0, 0, 300, 420), (17, 5, 170, 413), (290, 410, 300, 420), (0, 255, 257, 256)]
TILED: dict[str, Any] = {"tile": (128, 64), "compression": "deflate", "metadata": None}


def tiled_files(folder: Path) -> dict[str, Path]:
    gray, alpha = PICTURE[..., 0], np.dstack([PICTURE, PICTURE[..., 0]])
    written: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "rgb": (PICTURE, {"photometric": "rgb"}),
        "gray": (gray, {"photometric": "minisblack"}),
        "gray16": (gray.astype(np.uint16) * 200, {"photometric": "minisblack"}),
        "inverted": (gray, {"photometric": "miniswhite"}),
        "alpha": (alpha, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        "planes": (np.moveaxis(PICTURE, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    }
    for name, (samples, options) in written.items():
        tifffile.imwrite(folder / f"{name}.tif", samples, **TILED, **options)
    return {name: folder / f"{name}.tif" for name in written}


@pytest.mark.parametrize("name", ["rgb", "gray", "gray16", "inverted", "alpha", "planes"])
def test_parts_of_a_tiled_tiff_are_those_of_the_whole(tmp_path: Path, name: str) -> None:
    path = tiled_files(tmp_path)[name]
    whole = read_image(path)
    with open_regions(path) as image:
        assert (image.height_px, image.width_px, image.is_slide) == (300, 420, False)
        for top, left, bottom, right in PLACES:
            part = image.read(top, left, bottom, right)
            assert part.dtype == np.uint8
            np.testing.assert_array_equal(part, whole[top:bottom, left:right])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
def test_files_without_tiles_are_read_too(tmp_path: Path, name: str) -> None:
    Image.fromarray(PICTURE).save(tmp_path / name, dpi=(50_800, 50_800))
    whole = read_image(tmp_path / name)
    with open_regions(tmp_path / name) as image:
        assert image.mpp_um == pytest.approx(0.5, rel=0.01)
        for top, left, bottom, right in PLACES:
            np.testing.assert_array_equal(image.read(top, left, bottom, right), whole[top:bottom, left:right])


def test_parts_of_a_pyramid_come_from_its_finest_level(tmp_path: Path) -> None:
    path, per_cm = tmp_path / "slide.ome.tif", 10_000 / 0.25
    options: dict[str, Any] = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as writer:
        physical = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25}
        resolution = {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
        writer.write(PICTURE, subifds=1, metadata=physical, **resolution, **options)
        writer.write(PICTURE[::2, ::2], subfiletype=1, **options)
    with open_regions(path) as image:
        assert image.is_slide
        assert image.mpp_um == pytest.approx(0.25, rel=1e-3)
        for top, left, bottom, right in PLACES:
            np.testing.assert_array_equal(image.read(top, left, bottom, right), PICTURE[top:bottom, left:right])


def test_a_real_slide(shared_dir: Path) -> None:
    with open_regions(shared_dir / "data" / "slides" / "CMU-1-Small-Region.svs") as image:
        assert image.is_slide
        assert image.mpp_um == pytest.approx(0.499)
        assert (image.height_px, image.width_px) == (2967, 2220)
        part = image.read(2900, 2200, 2967, 2220)
        assert part.shape == (67, 20, 3)
        assert part.std() > 0


def test_only_the_tiles_asked_for_are_decoded(tmp_path: Path) -> None:
    """One tile is spoilt: everything else can be read, and whoever asks for that one is told."""
    path = tiled_files(tmp_path)["rgb"]
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[-1], tiff.pages[0].databytecounts[-1]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\xff" * count
    path.write_bytes(data)
    with open_regions(path) as image:
        np.testing.assert_array_equal(image.read(0, 0, 256, 384), PICTURE[:256, :384])
        with pytest.raises(ImageError, match=r"rgb\.tif is damaged"):
            image.read(256, 384, 300, 420)


def test_too_large_to_be_read_whole(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    with pytest.raises(ImageError, match=r"30000 x 30000 px.*tiled slide"), open_regions(tmp_path / "a.png"):
        pass


def test_a_large_tiff_is_read_where_it_is_tiled_and_refused_where_it_is_not(tmp_path: Path) -> None:
    """Both are sparse files: nobody writes or reads their 441 megapixels."""
    shape, gray = (21_000, 21_000), {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(tmp_path / "strips.tif", shape=shape, dtype="uint8", **gray)
    with pytest.raises(ImageError, match=r"21000 x 21000 px.*tiled slide"), open_regions(tmp_path / "strips.tif"):
        pass
    tifffile.imwrite(tmp_path / "tiles.tif", shape=shape, dtype="uint8", tile=(256, 256), **gray)
    with open_regions(tmp_path / "tiles.tif") as image:
        assert image.read(20_000, 20_900, 20_100, 21_000).shape == (100, 100, 3)


@pytest.mark.parametrize("name", ["absent.png", "empty.tif", "text.svs"])
def test_what_is_no_picture_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.svs").write_text("not a slide")
    with pytest.raises(ImageError, match=name), open_regions(tmp_path / name):
        pass
