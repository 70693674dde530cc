"""The store by which zarr reads the files of a Zarr; imported when one is opened, since zarr takes a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from math import prod
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype

from training_core.io.files import Refused
from training_core.io.formats.ome_zarr_metadata import ZarrFormat
from training_core.io.formats.zarr_chunks import ChunkCheck
from training_core.io.formats.zarr_files import MAX_CHUNK_BYTES, MAX_METADATA_BYTES, MAX_STORED_BYTES, WHOLE, ZarrFiles
from training_core.io.zarr_folders import METADATA_NAMES

_MAX_INNER_CHUNKS = 1 << 20
"""Of a shard, whose index is read as a whole."""


class FilesStore(Store):
    """A store of zarr that reads the files of one array and takes nothing.

    Attributes
    ----------
    chunks
        Checks what is no metadata, once it is known what that is.
    """

    supports_writes = False
    supports_deletes = False
    supports_partial_writes = False
    supports_listing = False

    def __init__(self, files: ZarrFiles) -> None:
        super().__init__(read_only=True)
        self._files = files
        self.chunks: ChunkCheck | None = None

    def __eq__(self, other: object) -> bool:
        return other is self

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The bytes of a file, or of a span of it."""
        is_metadata = key.rpartition("/")[2] in METADATA_NAMES
        most = MAX_METADATA_BYTES if is_metadata else MAX_STORED_BYTES
        data = await asyncio.to_thread(self._files.read, key, _span(byte_range), most)
        if data is not None and not is_metadata and self.chunks is not None:
            self.chunks.check(data, is_whole=byte_range is None)
        return None if data is None else (prototype or default_buffer_prototype()).buffer.from_bytes(data)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The same of several."""
        return [await self.get(key, prototype, span) for key, span in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return await asyncio.to_thread(self._files.read, key, slice(0, 1), 1) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refused."""
        raise PermissionError("this store is read only")

    async def delete(self, key: str) -> None:
        """Refused."""
        raise PermissionError("this store is read only")

    def list(self) -> AsyncIterator[str]:
        """Refused: nothing is looked for."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refused."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refused."""
        raise NotImplementedError


def open_stored(files: ZarrFiles, key: str, zarr_format: ZarrFormat) -> Any:
    """An array of zarr, of which no chunk takes more memory than a chunk may, whatever the files say.

    Raises
    ------
    Refused
        Its chunks are larger than they may be, or compressed twice.
    ValueError, OSError
        It is damaged or missing.
    """
    store = FilesStore(files)
    try:
        array: Any = zarr.open_array(store, path=key, mode="r", zarr_format=zarr_format)
    except FileNotFoundError:
        raise ValueError(f"its level {key} is missing") from None
    if array.dtype.hasobject:
        raise Refused(f"has values of the type {array.dtype}", "numbers", "export it as 8-bit RGB")
    _check_chunks(array, key)
    store.chunks = ChunkCheck.of(array)
    return array


def _check_chunks(array: Any, key: str) -> None:
    """Refuse chunks that take too much memory, before any is read."""
    chunk, shard = tuple(array.chunks), getattr(array, "shards", None)
    if prod(chunk) * int(array.dtype.itemsize) > MAX_CHUNK_BYTES:
        given = f"has chunks of {' x '.join(map(str, chunk))} in level {key}"
        needed = f"chunks of at most {MAX_CHUNK_BYTES >> 20} MB"
        raise Refused(given, needed, "export it again in chunks of 512 or 1024 px")
    if shard is not None and prod(a // b for a, b in zip(shard, chunk, strict=True)) > _MAX_INNER_CHUNKS:
        raise Refused(f"has shards of {' x '.join(map(str, shard))}", "smaller shards", "export it again")


def _span(request: ByteRequest | None) -> slice:
    if isinstance(request, RangeByteRequest):
        return slice(request.start, request.end)
    if isinstance(request, OffsetByteRequest):
        return slice(request.offset, None)
    if isinstance(request, SuffixByteRequest):
        return slice(-request.suffix, None)
    return WHOLE
