"""A slide to look at: every level shows what the file holds, nobody waits, and memory stays bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from training_core.base.errors import ImageError
from training_core.io import pyramid
from training_core.io.block_reader import GLASS, BlockReader

HEIGHT, WIDTH = 1501, 2203
"""Odd, so that no level is a whole number of blocks, nor half of the one before."""


@cache
def smooth() -> NDArray[np.uint8]:
    """Every place has a colour of its own, which averaging changes by less than one."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.dstack([columns // 16, rows // 16, 100 + 0 * rows]).astype(np.uint8)


def tiled(path: Path) -> None:
    tifffile.imwrite(path, smooth(), photometric="rgb", tile=(128, 128))


def in_one_piece(path: Path) -> None:
    tifffile.imwrite(path, smooth(), photometric="rgb", rowsperstrip=HEIGHT)


def in_strips(path: Path) -> None:
    tifffile.imwrite(path, smooth(), photometric="rgb", rowsperstrip=7, compression="deflate")


def pyramidal(path: Path) -> None:
    """Levels 1, 4 and 16, as scanners write them: rounded down."""
    options: dict[str, Any] = {"photometric": "rgb", "tile": (128, 128), "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(smooth(), subifds=2, **options)
        for step in (4, 16):
            writer.write(
                smooth()[: HEIGHT // step * step : step, : WIDTH // step * step : step], subfiletype=1, **options
            )


Open = Callable[..., BlockReader]


@pytest.fixture
def opened() -> Iterator[Open]:
    readers: list[BlockReader] = []

    def open_reader(path: Path, **options: Any) -> BlockReader:
        reader = BlockReader(path, **options)
        readers.append(reader)
        wait(lambda: reader.pyramid is not None or reader.error is not None)
        return reader

    yield open_reader
    for reader in readers:
        reader.close()


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def looked(reader: BlockReader, level: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """A region, when all of it has been read."""
    reader.look(level, rows, columns)
    wait(lambda: not reader.is_busy)
    return reader.look(level, rows, columns)


@pytest.mark.parametrize("write", [tiled, in_one_piece, in_strips, pyramidal])
def test_every_level_shows_the_place_that_it_should(
    write: Callable[[Path], None], tmp_path: Path, opened: Open
) -> None:
    write(tmp_path / "slide.tif")
    reader = opened(tmp_path / "slide.tif")
    assert reader.pyramid is not None
    assert reader.pyramid.shapes == ((1501, 2203), (751, 1102), (376, 551))
    rows, columns = slice(90, 370), slice(11, 540)
    np.testing.assert_array_equal(looked(reader, 0, rows, columns), smooth()[rows, columns])
    for level in (1, 2):
        shown = looked(reader, level, rows, columns).astype(float)
        step = 2**level
        expected = smooth().astype(float)[
            rows.start * step : rows.stop * step, columns.start * step : columns.stop * step
        ]
        expected = expected[step // 2 :: step, step // 2 :: step]
        height, width = expected.shape[:2]
        assert np.abs(shown[:height, :width] - expected).max() <= 1.5, level


def test_what_is_not_read_yet_is_filled_from_a_coarser_level_and_never_waited_for(tmp_path: Path, opened: Open) -> None:
    tiled(tmp_path / "slide.tif")
    reader = opened(tmp_path / "slide.tif")
    assert reader.pyramid is not None
    looked(reader, 2, slice(0, 376), slice(0, 551))
    reader._cache.clear()  # all of the finest level is in it, or in what is kept for small slides
    for block in [each for each in reader._kept if each.level < 2]:
        del reader._kept[block]
    first = reader.look(0, slice(0, HEIGHT), slice(0, WIDTH)).astype(int)
    assert np.abs(first - smooth()).max() <= 2
    reader.close()
    wait(lambda: not reader._thread.is_alive())


def test_before_anything_is_read_there_is_glass(tmp_path: Path, opened: Open) -> None:
    tiled(tmp_path / "slide.tif")
    reader = opened(tmp_path / "slide.tif")
    reader.close()
    wait(lambda: not reader._thread.is_alive())
    reader._kept.clear()
    reader._cache.clear()
    assert set(np.unique(reader.look(0, slice(0, 600), slice(0, 600)))) == {GLASS}


def test_it_tells_when_blocks_have_come_and_fills_the_thumbnail(tmp_path: Path, opened: Open) -> None:
    tiled(tmp_path / "slide.tif")
    told: list[float] = []
    reader = opened(tmp_path / "slide.tif", told=lambda: told.append(time.monotonic()))
    thumbnail = reader.thumbnail
    looked(reader, 2, slice(0, 376), slice(0, 551))
    wait(lambda: len(told) > 1)
    assert thumbnail.shape == (44, 64, 3)
    assert thumbnail[0, 0, 0] < 10
    assert thumbnail[-1, -1, 0] > 130


def test_memory_is_bounded(tmp_path: Path, opened: Open) -> None:
    tiled(tmp_path / "slide.tif")
    reader = opened(tmp_path / "slide.tif", max_bytes=2 << 20)
    assert reader.pyramid is not None
    reader.pyramid.has_overview = False
    for top in range(0, 1400, 200):
        looked(reader, 0, slice(top, top + 100), slice(0, 500))
        assert reader._cache.nbytes <= 2 << 20


def test_a_damaged_place_is_said_and_the_rest_is_shown(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, smooth(), photometric="rgb", tile=(512, 512), compression="deflate")
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    reader = opened(path)
    damaged = looked(reader, 0, slice(0, 512), slice(0, 512))
    assert isinstance(reader.error, ImageError)
    assert set(np.unique(damaged)) == {GLASS}
    whole = looked(reader, 0, slice(512, 1024), slice(512, 1024))
    np.testing.assert_array_equal(whole, smooth()[512:1024, 512:1024])


def test_a_large_file_in_one_compressed_piece_is_refused_with_a_way_out(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramid, "_MAX_ROWS_BYTES", 1 << 22)
    in_strips(tmp_path / "strips.tif")
    assert opened(tmp_path / "strips.tif").pyramid is not None
    tifffile.imwrite(tmp_path / "piece.tif", smooth(), photometric="rgb", rowsperstrip=HEIGHT, compression="deflate")
    reader = opened(tmp_path / "piece.tif")
    assert reader.pyramid is None
    assert "compressed in one piece" in str(reader.error)
    assert "pyramidal TIFF" in str(reader.error)
