"""Pictures and masks are read by the stated rules; whatever is wrong with a file becomes one error that names it."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.base.errors import ImageError, MaskError, StorageError
from training_core.io import (
    atomic_write,
    encode_png,
    passing_write,
    read_image,
    read_mask,
    staged_files,
    write_png,
    write_tiff,
)
from training_core.io.inspection import Answers

HEIGHT, WIDTH = 40, 56


@pytest.fixture
def rgb() -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture[:, : WIDTH // 2] = (200, 120, 180)
    return picture


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_rgb_is_read_as_it_is(tmp_path, rgb, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(rgb).save(path)
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, rgb)


def test_jpeg_is_read(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == rgb.shape
    assert np.abs(image[:, :20].astype(int) - rgb[:, :20]).max() < 12  # JPEG rings a little


def test_kind_is_told_by_content_not_by_name(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    os.rename(tmp_path / "a.png", tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rgb)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_alpha_is_composited_over_white(tmp_path, rgb, ending):
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, :20], alpha[:, 20:40] = 255, 51  # opaque, a fifth, nothing
    Image.fromarray(np.dstack([rgb, alpha])).save(tmp_path / f"a.{ending}")
    image = read_image(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(image[:, :20], rgb[:, :20])
    np.testing.assert_array_equal(image[:, 20:40], np.rint(rgb[:, 20:40] * 0.2 + 255 * 0.8))
    assert (image[:, 40:] == 255).all()


def test_premultiplied_alpha_is_not_multiplied_again(tmp_path):
    samples = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    samples[...] = (100, 50, 0, 128)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=["assocalpha"])
    assert read_image(tmp_path / "a.tif")[0, 0].tolist() == [227, 177, 127]


def test_a_fourth_sample_that_is_not_alpha_is_dropped(tmp_path, rgb):
    samples = np.dstack([rgb, np.zeros((HEIGHT, WIDTH), np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rgb)


@pytest.mark.parametrize("transparency", [None, 1])
def test_png_palette_is_expanded(tmp_path, transparency):
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[:, 20:] = 1
    picture = Image.fromarray(indices).convert("P")
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([10, 20, 30, 40, 50, 60])
    options = {} if transparency is None else {"transparency": transparency}
    picture.save(tmp_path / "a.png", **options)
    image = read_image(tmp_path / "a.png")
    assert image[0, 0].tolist() == [10, 20, 30]
    assert image[0, -1].tolist() == ([40, 50, 60] if transparency is None else [255, 255, 255])


def test_tiff_palette_is_expanded(tmp_path):
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    indices[:, 20:] = 7
    colormap = np.zeros((3, 256), np.uint16)
    colormap[:, 7] = (255 * 257, 128 * 257, 3 * 257)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colormap)
    image = read_image(tmp_path / "a.tif")
    assert image[0, 0].tolist() == [0, 0, 0]
    assert image[0, -1].tolist() == [255, 128, 3]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_gray_is_repeated(tmp_path, ending):
    gray = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH).astype(np.uint8)
    Image.fromarray(gray).save(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}"), np.repeat(gray[..., None], 3, 2))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_gray_is_scaled_from_65535_to_255(tmp_path, ending):
    gray = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    Image.fromarray(gray).save(tmp_path / f"a.{ending}")
    expected = np.rint(gray / 257)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{ending}")[..., 1], expected)


def test_dark_16_bit_is_not_stretched(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((HEIGHT, WIDTH, 3), 2570, np.uint16), photometric="rgb")
    assert (read_image(tmp_path / "a.tif", Answers(used_bits=16)) == 10).all()


def test_planar_tiff_is_read(tmp_path, rgb):
    planes = np.moveaxis(rgb, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rgb)


def test_white_is_zero_tiff_is_inverted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((HEIGHT, WIDTH), 40, np.uint8), photometric="miniswhite")
    assert (read_image(tmp_path / "a.tif") == 215).all()


@pytest.mark.parametrize("compression", ["lzw", "zlib"])
def test_compressed_tiff_is_read(tmp_path, rgb, compression):
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb", compression=compression, tile=(32, 32))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), rgb)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "raw"])
def test_compressed_tiff_of_another_program_gives_the_pixels_it_sees(tmp_path, rgb, compression):
    """Pillow, through libtiff, writes it and is the witness of what is in it."""
    Image.fromarray(rgb).save(tmp_path / "a.tif", compression=compression)
    with Image.open(tmp_path / "a.tif") as witness:
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.asarray(witness.convert("RGB")))


def test_lzw_mask_is_read(tmp_path):
    ids = np.random.default_rng(0).integers(0, 5, (HEIGHT, WIDTH), dtype=np.uint8)
    Image.fromarray(ids).save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), ids)


def test_jpeg_2000_slide_is_read_without_an_extra(shared_dir, tmp_path):
    """Every tile as Pillow, through OpenJPEG, decodes it. tiffslide, which the extra "slides" brings, is blocked."""
    path = shared_dir / "data" / "slides" / "tcga-cr-7395-01a-01-ts1.svs"
    script = """
import sys
sys.modules["tiffslide"] = None
from pathlib import Path
from training_core.io import read_image, write_png
write_png(Path(sys.argv[2]), read_image(Path(sys.argv[1])))
"""
    command = [sys.executable, "-c", script, str(path), str(tmp_path / "whole.png")]
    subprocess.run(command, timeout=300, check=True)
    with Image.open(tmp_path / "whole.png") as image:
        whole = np.asarray(image)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        assert page.compression == tifffile.COMPRESSION.APERIO_JP2000_RGB
        assert whole.shape == page.shape
        columns = -(-page.imagewidth // page.tilewidth)
        for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
            tiff.filehandle.seek(offset)
            with Image.open(io.BytesIO(tiff.filehandle.read(count))) as tile:
                expected = np.asarray(tile)
            top, left = (index // columns) * page.tilelength, (index % columns) * page.tilewidth
            seen = whole[top : top + page.tilelength, left : left + page.tilewidth]
            off = np.abs(seen.astype(int) - expected[: seen.shape[0], : seen.shape[1]])
            assert (
                off.max() <= 1
            )  # the compression is lossy, and two builds of OpenJPEG round a pixel in 10,000 differently
            assert np.count_nonzero(off) <= 1e-4 * off.size


def test_float_tiff_from_0_to_1_is_scaled_and_others_refused(tmp_path):
    values = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    tifffile.imwrite(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], np.rint(values * 255))
    for name, wrong in (("big", values * 255), ("negative", values - 0.5), ("nan", np.where(values > 0.5, np.nan, 0))):
        tifffile.imwrite(tmp_path / f"{name}.tif", wrong.astype(np.float32))
        with pytest.raises(ImageError, match=rf"{name}\.tif has decimal values outside 0 to 1"):
            read_image(tmp_path / f"{name}.tif")


def test_stack_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, HEIGHT, WIDTH), np.uint8), photometric="minisblack")
    with pytest.raises(ImageError, match=r"a\.tif is a stack"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_image_is_an_error_that_names_the_file(tmp_path, rgb, ending, share):
    whole = tmp_path / f"whole.{ending}"
    Image.fromarray(rgb).save(whole)
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=rf"cut\.{ending}.*damaged or incomplete"):
        read_image(cut)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
def test_damaged_bytes_give_a_picture_or_our_error_and_no_log_line(tmp_path, rgb, ending, caplog, capfd):
    Image.fromarray(rgb).save(tmp_path / f"whole.{ending}")
    data = np.frombuffer((tmp_path / f"whole.{ending}").read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    errors = 0
    for _ in range(60):
        bad = data.copy()
        bad[rng.integers(0, min(len(bad), 400), 4)] = rng.integers(0, 256, 4)
        (tmp_path / "bad").write_bytes(bad.tobytes())
        try:
            read_image(tmp_path / "bad")
        except ImageError:
            errors += 1
    assert errors > 5  # else nothing was damaged
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name != "PIL.PngImagePlugin"]


@pytest.mark.parametrize("content", [b"", b"not an image at all, just some text", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png"):
        read_image(tmp_path / "a.png")


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(ImageError, match="there is no file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("size", [(1, 1), (31, 200), (200, 31)])
def test_tiny_image_is_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=rf"{size[0]} x {size[1]} px. Needed: at least 32 px"):
        read_image(tmp_path / "a.png")


def test_huge_image_is_refused_by_its_header(tmp_path):
    # 1-bit, so that 441 million pixels are a small file; Pillow itself would warn of a decompression bomb
    Image.new("1", (21000, 21000)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="at most 400 megapixels"):
        read_image(tmp_path / "a.png")


def test_image_above_pillows_own_limit_is_read_without_warning(tmp_path):
    Image.new("L", (9500, 9500), 77).save(tmp_path / "a.png")  # 90 million pixels; warnings are errors here
    assert read_mask(tmp_path / "a.png").shape == (9500, 9500)


# --- masks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).choice(np.array([0, 1, 7, 255], np.uint8), (HEIGHT, WIDTH))


@pytest.mark.parametrize("ending", ["png", "bmp", "tif"])
def test_mask_values_are_kept(tmp_path, values, ending):
    Image.fromarray(values).save(tmp_path / f"m.{ending}")
    np.testing.assert_array_equal(read_mask(tmp_path / f"m.{ending}"), values)


def test_palette_mask_gives_its_indices(tmp_path):
    indices = np.random.default_rng(0).integers(0, 3, (HEIGHT, WIDTH)).astype(np.uint8)
    picture = Image.fromarray(indices).convert("P")
    picture.putdata(indices.ravel().tolist())
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), indices)


def test_one_bit_mask_gives_0_and_255(tmp_path, values):
    Image.fromarray(values > 5).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), np.where(values > 5, 255, 0))


def test_rgb_mask_of_equal_channels_gives_their_value(tmp_path, values):
    Image.fromarray(np.repeat(values[..., None], 3, 2)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)
    opaque = np.full((HEIGHT, WIDTH), 255, np.uint8)
    Image.fromarray(np.dstack([values, values, values, opaque])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), values)


def test_16_bit_mask_is_never_scaled(tmp_path, values):
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)
    Image.fromarray(values.astype(np.uint16) * 2).save(tmp_path / "big.png")
    with pytest.raises(MaskError, match="values from 0 to 510"):
        read_mask(tmp_path / "big.png")


def test_unsuitable_masks_are_refused(tmp_path, rgb, values):
    Image.fromarray(rgb).save(tmp_path / "color.png")
    Image.fromarray(values).save(tmp_path / "lossy.jpg")
    Image.fromarray(np.dstack([values, values, values, values])).save(tmp_path / "clear.png")
    tifffile.imwrite(tmp_path / "half.tif", np.full((HEIGHT, WIDTH), 0.5, np.float32))
    for name, problem in (
        ("color.png", "colour image"),
        ("lossy.jpg", "JPEG"),
        ("clear.png", "transparent"),
        ("half.tif", "whole numbers"),
    ):
        with pytest.raises(MaskError, match=rf"{name}.*{problem}"):
            read_mask(tmp_path / name)


# --- writing --------------------------------------------------------------------------------------------------------


def test_written_files_read_back(tmp_path, values, rgb):
    write_png(tmp_path / "new" / "m.png", values)
    np.testing.assert_array_equal(read_mask(tmp_path / "new" / "m.png"), values)
    write_png(tmp_path / "i.png", rgb)
    np.testing.assert_array_equal(read_image(tmp_path / "i.png"), rgb)
    write_tiff(tmp_path / "m.tif", values, mpp_um=0.5)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), values)
    with tifffile.TiffFile(tmp_path / "m.tif") as tiff:
        tags = tiff.pages[0].tags
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
        numerator, denominator = tags["XResolution"].value
        assert numerator / denominator == pytest.approx(20_000)  # pixels per centimeter at 0.5 um


def test_atomic_write_replaces_and_leaves_nothing_else(tmp_path):
    atomic_write(tmp_path / "a.json", b"one")
    atomic_write(tmp_path / "a.json", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"two"


def test_a_passing_write_replaces_and_leaves_nothing_else(tmp_path, monkeypatch):
    path, synced = tmp_path / "f.bin", []
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", synced.append)
    passing_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert synced == []

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        passing_write(path, b"newer")
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["f.bin"]


def test_a_quick_png_holds_the_same_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(encode_png(pixels, quick=True))
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    atomic_write(tmp_path / "a.json", b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        atomic_write(tmp_path / "a.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_staged_files_all_or_none(tmp_path):
    def stage_two_and_fail() -> None:
        with staged_files() as staged:
            staged.add(tmp_path / "a", b"1")
            staged.add(tmp_path / "b", b"2")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stage_two_and_fail()
    assert list(tmp_path.iterdir()) == []
    with staged_files() as staged:
        staged.add(tmp_path / "a", b"1")
        staged.add(tmp_path / "b", b"2")
        assert not (tmp_path / "a").exists()  # no name appears before all contents are on the disk
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"1", "b": b"2"}


def test_written_files_have_the_users_permissions(tmp_path):
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert Path(tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_pictures_are_the_callers_own_to_change(tmp_path: Path, name: str) -> None:
    pixels = np.full((40, 50, 3), 7, np.uint8)
    (write_tiff if name.endswith("tif") else write_png)(tmp_path / name, pixels)
    image = read_image(tmp_path / name)
    assert image.flags.writeable
    assert image.flags.c_contiguous
