"""EXIF blocks as cameras and programs write them, whole and damaged: a turn that a viewer would see is not overlooked."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from training_core.io.formats.exif import orientation

ORDERS = {"<": b"II", ">": b"MM"}
OTHER_TAGS = {
    "maker note beyond the block": (0x927C, 7, 5000, 60000),
    "EXIF directory beyond the block": (0x8769, 4, 1, 60000),
    "tag of no known type": (0x9999, 77, 1, 0),
}


def block(order: str, kind: int, value: bytes, *, count: int = 1, more: bytes = b"", end: bytes = b"\0\0\0\0") -> bytes:
    """One directory with the orientation tag, by hand."""
    header = ORDERS[order] + struct.pack(order + "HI", 42, 8)
    tag = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    return b"Exif\0\0" + header + struct.pack(order + "H", count) + tag + more + end


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_is_read_as_a_byte_a_short_and_a_long(order: str, turn: int) -> None:
    kinds = ((1, bytes([turn, 0, 0, 0])), (3, struct.pack(order + "HH", turn, 0)), (4, struct.pack(order + "I", turn)))
    for kind, value in kinds:
        assert orientation(block(order, kind, value)) == turn


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", OTHER_TAGS)
def test_a_damaged_tag_beside_it_hides_no_turn(order: str, name: str) -> None:
    more = struct.pack(order + "HHII", *OTHER_TAGS[name])
    assert orientation(block(order, 3, struct.pack(order + "HH", 6, 0), count=2, more=more)) == 6


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("changes", [{"count": 3}, {"end": b""}, {"end": b"\xff\xff\xff\x7f"}])
def test_a_directory_that_says_more_than_it_holds_hides_no_turn(order: str, changes: dict[str, int | bytes]) -> None:
    assert orientation(block(order, 3, struct.pack(order + "HH", 8, 0), **changes)) == 8  # type: ignore[arg-type]


@pytest.mark.parametrize("stated", [0, 9, 65535])
def test_a_value_that_means_nothing_is_no_turn(stated: int) -> None:
    assert orientation(block("<", 3, struct.pack("<HH", stated, 0))) == 1
    assert orientation(block("<", 3, struct.pack("<HH", stated, 0)), b'<x tiff:Orientation="3"/>') == 3


@pytest.mark.parametrize("content", [b"", b"Exif\0\0", b"II*\0", b"no block at all", b"\xff" * 100])
def test_what_is_no_block_is_no_turn(content: bytes) -> None:
    assert orientation(content) == 1


def test_no_turn_that_pillow_sees_in_damaged_blocks_is_overlooked() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132], exif[0x829A] = 6, "Maker", "2026:01:01 00:00:00", 1.5
    whole, random, seen = exif.tobytes(), np.random.default_rng(0), 0
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            content[int(random.integers(6, len(content)))] = int(random.integers(256))
        by_pillow = Image.Exif()
        try:
            by_pillow.load(bytes(content))
            turn = by_pillow.get(0x0112)
        except Exception:
            continue  # Pillow sees none
        if isinstance(turn, int) and 2 <= turn <= 8:
            seen += 1
            assert 2 <= orientation(bytes(content)) <= 8
    assert seen > 500
