"""What stored chunks have to be before a codec sees them.

numcodecs makes noise of a Blosc chunk that was cut short, and takes as much memory as a chunk promises to need.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from training_core.io.formats.zarr_files import MAX_CHUNK_BYTES

_BLOSC_HEADER_BYTES = 16
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ABSENT = 2**64 - 1


@dataclass(frozen=True)
class ChunkCheck:
    """The chunks of an array.

    Attributes
    ----------
    compression
        What they are compressed by last, such as "blosc"; empty: nothing.
    per_shard
        How many of them are in a shard; 0: each has a file of its own.
    index_at_end
        Whether the index of a shard is at its end.
    index_extra
        What follows the places in the index, in bytes: a checksum.
    """

    compression: str
    per_shard: int = 0
    index_at_end: bool = True
    index_extra: int = 0

    @classmethod
    def of(cls, array: Any) -> ChunkCheck:
        """The check for an array of zarr."""
        names = compressions(array)
        last = names[-1] if names else ""
        sharding = next((each for each in getattr(array.metadata, "codecs", ()) if hasattr(each, "index_codecs")), None)
        if sharding is None:
            return cls(last)
        count = prod(a // b for a, b in zip(array.shards, array.chunks, strict=True))
        has_sum = any(_name(codec) == "crc32c" for codec in sharding.index_codecs)
        at_end = str(getattr(sharding.index_location, "value", sharding.index_location)) == "end"
        return cls(last, count, at_end, 4 if has_sum else 0)

    def check(self, data: bytes, *, is_whole: bool) -> None:
        """Refuse what was read of an array; is_whole: it is a file, and no span of one.

        Raises
        ------
        ValueError
            A chunk is cut short, or promises more than a chunk may have.
        """
        if not self.per_shard:
            self._check(data)
        elif is_whole:
            for start, length in self._places(data):
                self._check(data[start : start + length])
        elif len(data) != 16 * self.per_shard + self.index_extra:  # else it is the index
            self._check(data)

    def _places(self, shard: bytes) -> Iterator[tuple[int, int]]:
        """Start and length of the chunks in a shard."""
        size = 16 * self.per_shard
        start = len(shard) - size - self.index_extra if self.index_at_end else 0
        if start < 0 or len(shard) < size:
            raise ValueError("a shard is cut short")
        for offset, length in np.frombuffer(shard, "<u8", 2 * self.per_shard, start).reshape(-1, 2).tolist():
            if offset != _ABSENT:
                if offset + length > len(shard):
                    raise ValueError("a shard is cut short")
                yield offset, length

    def _check(self, chunk: bytes) -> None:
        promised = 0
        if self.compression == "blosc":
            if len(chunk) < _BLOSC_HEADER_BYTES:
                raise ValueError("a chunk is cut short")
            promised, _, stored = struct.unpack_from("<III", chunk, 4)
            if len(chunk) < stored:
                raise ValueError(f"a chunk has {len(chunk):,} bytes instead of {stored:,}")
        elif self.compression == "zstd":
            promised = _zstd_promise(chunk)
        elif self.compression == "gzip" and len(chunk) >= 18:
            (promised,) = struct.unpack("<I", chunk[-4:])
        elif self.compression == "lz4" and len(chunk) >= 4:
            (promised,) = struct.unpack_from("<I", chunk)
        if promised > MAX_CHUNK_BYTES:
            raise ValueError(f"a chunk is stated to have {promised:,} bytes")


def compressions(array: Any) -> tuple[str, ...]:
    """By what the chunks of an array are compressed, in the order of writing."""
    return tuple(_name(codec) for codec in array.compressors)


def _name(codec: Any) -> str:
    return str(getattr(codec, "codec_id", None) or codec.to_dict().get("name", "unknown"))


def _zstd_promise(chunk: bytes) -> int:
    """How many bytes a frame says that it holds; 0: it does not say."""
    if chunk[:4] != _ZSTD_MAGIC or len(chunk) < 18:
        return 0  # no frame, which the decoder says, or too short for a large one
    head = chunk[4]
    is_single, flag = head >> 5 & 1, head >> 6
    start = 5 + (1 - is_single) + (0, 1, 2, 4)[head & 3]
    length = (is_single, 2, 4, 8)[flag]
    return int.from_bytes(chunk[start : start + length], "little")
