"""The priority of this process among the others on the machine."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_NICENESS = 15
_BELOW_NORMAL = 0x4000


def yield_to_others() -> None:
    """Let programs that somebody sits in front of come first; without any, this one is as fast as ever."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL)
        return
    os.nice(_NICENESS)
    if sys.platform == "linux":
        # A nice process still holds on to its turn for some milliseconds; this one gives way at once. Threads that
        # are started from now on, such as torch's, do too.
        with suppress(OSError):  # a container may not let it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
