"""Feature maps on disk: compact, bounded, and safe to delete or damage at any time.

A file is the digest of its content, then the content, a safetensors archive of float16 maps; whatever does not match
its digest was cut short or damaged, and counts as absent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from training_core.base.errors import StorageError
from training_core.io import atomic_write
from training_core.io.atomic import TEMPORARY_GLOB

FOLDER = Path("cache", "features")
"""In the project folder, beside the thumbnails."""
MAX_BYTES = 4 * 10**9
_SLACK = 0.9
"""Making room goes a little further than asked, so that it does not happen at every write."""
_DIGEST_BYTES = 16
_SUFFIX = ".features"
_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# Made by napari-unisemalign: features of tiles. This folder may be deleted at any time:
# what is needed is made again.
"""
"""https://bford.info/cachedir: backup programs leave a folder with such a file out."""


class FeatureCache:
    """Lists of maps under text keys; the least recently used leave when `max_bytes` are exceeded."""

    def __init__(self, project: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = project / FOLDER
        self._max_bytes = max_bytes
        self._bytes: int | None = None
        """About what the files take; None until the first write has counted them."""

    def read(self, key: str) -> list[Tensor] | None:
        """The maps, or None where there are none or the file is damaged."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            os.utime(path)  # used now: the file's time is what `_make_room` goes by
        except OSError:
            return None
        digest, archive = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _digest(archive):
            return None
        tensors = load(archive)
        return [tensors[str(index)] for index in range(len(tensors))]

    def holds(self, key: str) -> bool:
        """Whether there is a file; only reading it shows that it is sound."""
        return self._path(key).is_file()

    def write(self, key: str, maps: Sequence[Tensor]) -> None:
        """Keep the maps; a full or read-only disk costs the cache, not the work."""
        archive = save({str(index): each.contiguous() for index, each in enumerate(maps)})
        try:
            if not (self.folder / "CACHEDIR.TAG").exists():
                atomic_write(self.folder / "CACHEDIR.TAG", _TAG)
            atomic_write(self._path(key), _digest(archive) + archive)
            self._bytes = len(archive) + (self._bytes if self._bytes is not None else sum(map(_size, self._files())))
            if self._bytes > self._max_bytes:
                self._make_room()
        except (StorageError, OSError):
            return

    def _make_room(self) -> None:
        by_age = sorted(self._files(), key=lambda path: path.stat().st_mtime_ns)
        total = sum(map(_size, by_age))
        for path in by_age[:-1]:  # never the one just written
            if total <= _SLACK * self._max_bytes:
                break
            total -= _size(path)
            path.unlink(missing_ok=True)
        self._bytes = total

    def _files(self) -> list[Path]:
        """Those that were being written when a process was killed included: they grow old and leave like all others."""
        return [*self.folder.glob(f"*{_SUFFIX}"), *self.folder.glob(TEMPORARY_GLOB)]

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}{_SUFFIX}"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _size(path: Path) -> int:
    return path.stat().st_size
