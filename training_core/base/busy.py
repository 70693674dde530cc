"""What must not be cut off: a thread that ends the process waits for it, within reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_checkpoint = threading.Lock()


@contextmanager
def checkpoint_writing(timeout_s: float = -1) -> Iterator[None]:
    """While the block runs no checkpoint is being written by another thread; after `timeout_s` it runs all the same."""
    is_held = _checkpoint.acquire(timeout=timeout_s)
    try:
        yield
    finally:
        if is_held:
            _checkpoint.release()
