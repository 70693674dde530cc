"""What stored chunks have to be before a codec sees them.

numcodecs makes noise of a Blosc chunk that was cut short, and takes as much memory as a chunk promises or turns out to
need: eight kilobytes of Zstandard may hold a gigabyte.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from training_core.io.files import Refused
from training_core.io.formats.zarr_files import MAX_CHUNK_BYTES

_BLOSC_HEADER_BYTES = 16
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK_BYTES = 1 << 17
"""What a block of Zstandard may hold at most."""
_GZIP = 31
"""The window size by which zlib is told that a header of gzip comes."""
_PIECE_BYTES = 1 << 20
_BEST_DEFLATE_RATIO = 1032
"""258 bytes from two bits: https://zlib.net/zlib_tech.html."""
_ABSENT = 2**64 - 1
_DECODERS: dict[str, Callable[[], Any]] = {
    "zlib": zlib.decompressobj,
    "gzip": lambda: zlib.decompressobj(wbits=_GZIP),
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}
"""What decodes streams that do not say before how much they hold."""
_COMPRESSIONS = {"blosc", "zstd", "lz4", *_DECODERS}


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
        names = [name for name in (*map(_name, array.filters), *compressions(array)) if name in _COMPRESSIONS]
        if len(names) > 1 or any(getattr(each, "format", None) == lzma.FORMAT_RAW for each in array.compressors):
            raise Refused("is compressed in an unusual way", "chunks that are compressed once", "export it again")
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
        size = 0
        if self.compression == "blosc":
            if len(chunk) < _BLOSC_HEADER_BYTES:
                raise ValueError("a chunk is cut short")
            size, _, stored = struct.unpack_from("<III", chunk, 4)
            if len(chunk) < stored:
                raise ValueError(f"a chunk has {len(chunk):,} bytes instead of {stored:,}")
        elif self.compression == "zstd":
            size = _zstd_size(chunk)
        elif self.compression == "lz4" and len(chunk) >= 4:
            (size,) = struct.unpack_from("<I", chunk)
        elif self.compression in _DECODERS and not self._is_deflated_and_short(chunk):
            size = _decoded_size(chunk, _DECODERS[self.compression])
        if size > MAX_CHUNK_BYTES:
            raise ValueError(f"a chunk holds more than {MAX_CHUNK_BYTES:,} bytes")

    def _is_deflated_and_short(self, chunk: bytes) -> bool:
        """Whether it holds too little even at the best ratio, as most chunks do: they are decoded once only."""
        return self.compression in ("zlib", "gzip") and len(chunk) * _BEST_DEFLATE_RATIO <= MAX_CHUNK_BYTES


def compressions(array: Any) -> tuple[str, ...]:
    """By what the chunks of an array are compressed, in the order of writing."""
    return tuple(_name(codec) for codec in array.compressors)


def _name(codec: Any) -> str:
    name = str(getattr(codec, "codec_id", None) or codec.to_dict().get("name", "unknown"))
    return name.removeprefix("numcodecs.")  # so Zarr 3 calls those that it does not know itself


def _zstd_size(chunk: bytes) -> int:
    """How many bytes the first frame says that it holds; where it does not say, what all blocks may hold at most.

    Format: RFC 8878, sections 3.1.1.1 and 3.1.1.2. Of what is no frame, the decoder says so.
    """
    at, size = 0, 0
    while len(chunk) - at > 6 and size <= MAX_CHUNK_BYTES:
        magic = chunk[at : at + 4]
        if magic[1:] == b"\x2a\x4d\x18" and magic[0] >> 4 == 5:  # a frame that is skipped
            at += 8 + int.from_bytes(chunk[at + 4 : at + 8], "little")
            continue
        if magic != _ZSTD_MAGIC:
            break
        head = chunk[at + 4]
        is_single, has_sum = head >> 5 & 1, head >> 2 & 1
        start = at + 5 + (1 - is_single) + (0, 1, 2, 4)[head & 3]
        length = (is_single, 2, 4, 8)[head >> 6]
        if length and at == 0:
            stated = int.from_bytes(chunk[start : start + length], "little")
            return stated + (256 if length == 2 else 0)  # the decoder makes room for no more
        blocks, at = _zstd_blocks(chunk, start + length)
        size, at = size + blocks, at + 4 * has_sum
    return size


def _zstd_blocks(chunk: bytes, at: int) -> tuple[int, int]:
    """How many bytes the blocks of a frame may hold, and where they end."""
    size, is_last = 0, 0
    while not is_last and len(chunk) - at >= 3 and size <= MAX_CHUNK_BYTES:
        head = int.from_bytes(chunk[at : at + 3], "little")
        is_last, kind, length = head & 1, head >> 1 & 3, head >> 3
        is_repeated, is_compressed = kind == 1, kind == 2
        size += _ZSTD_BLOCK_BYTES if is_compressed else length
        at += 3 + (1 if is_repeated else length)
    return size, at


def _decoded_size(chunk: bytes, decoder: Callable[[], Any]) -> int:
    """How many bytes a stream holds, decoded piece by piece, and not to its end where it is too long.

    Of a damaged stream what was decoded before the damage, which the codec finds again and says.
    """
    size = 0
    with suppress(zlib.error, OSError, EOFError, lzma.LZMAError):
        while chunk and size <= MAX_CHUNK_BYTES:  # a file of gzip may hold several streams
            stream, pending = decoder(), chunk
            while not stream.eof and size <= MAX_CHUNK_BYTES:
                piece = stream.decompress(pending, _PIECE_BYTES)
                if not piece and not stream.eof:
                    return size  # it is cut short
                size += len(piece)
                pending = getattr(stream, "unconsumed_tail", b"")  # the others keep it themselves
            chunk = stream.unused_data
    return size
