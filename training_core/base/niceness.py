"""The priority of this process among the others on the machine."""

from __future__ import annotations

import os
import sys

_NICENESS = 15
"""Not SCHED_IDLE: a window would be smoother by some milliseconds, but beside a program that keeps every core busy a
training would not even start."""
_BELOW_NORMAL = 0x4000


_has_yielded = False


def yield_to_others() -> None:
    """Let programs that somebody sits in front of come first; without any, this one is as fast as ever.

    A second call changes nothing: niceness adds up.
    """
    global _has_yielded
    if _has_yielded:
        return
    _has_yielded = True
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL)
    else:
        os.nice(_NICENESS)
