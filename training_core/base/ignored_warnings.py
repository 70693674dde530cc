"""Warnings of a library that are expected and help nobody."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.RLock()


@contextmanager
def ignored_warnings(category: type[Warning] = Warning) -> Iterator[None]:
    """Ignore warnings of this kind in the block.

    The filters are the whole process's: of two threads that enter and leave crosswise, the second would put back
    what the first had set, and warnings would be off from then on. So one waits for the other.
    """
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
