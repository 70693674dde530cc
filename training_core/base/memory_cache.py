"""What was used last is kept in memory, up to a number of bytes: tiles, features, pictures."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache


class Sized(Protocol):
    """An array, or something made of arrays."""

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        ...


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=Sized)


class MemoryCache(Generic[Key, Value]):
    """Values under keys; the least recently used leave when all together exceed `max_bytes`. Threads may share it.

    A value that alone exceeds the limit is kept alone until the next one comes: the caller holds it anyway, and
    asking twice shall not cost twice.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[Key, Value] = LRUCache(max_bytes, getsizeof=lambda value: min(value.nbytes, max_bytes))

    def get(self, key: Key) -> Value | None:
        """The value, which counts as used now; None: it is not here."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Key, value: Value) -> Value:
        """Keep a value. Where another thread was first, its value stays, and is the one returned."""
        with self._lock:
            return self._kept.setdefault(key, value)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._kept.clear()

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """The size of all values together; one that exceeds the limit counts as the limit."""
        return int(self._kept.currsize)
