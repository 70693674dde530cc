"""How much memory this process has at this moment, and how to give back what it does not need."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

import psutil


def resident_bytes() -> int:
    """What this process has in memory now, its libraries included."""
    return int(psutil.Process().memory_info().rss)


def give_back() -> None:
    """Return what was freed to the system: the C library of Linux keeps it otherwise, for what may come."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library, such as musl, has no such call, nor the need
            ctypes.CDLL("libc.so.6").malloc_trim(0)
