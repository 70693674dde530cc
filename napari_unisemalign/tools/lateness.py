"""How late the window's event loop is, and what it was busy with."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer

INTERVAL_MS = 10
LOOK_S = 0.005
LATE_MS = 50.0
"""From here on a user feels it."""
_PACKAGE = str(Path(__file__).parent.parent)
_DRIVING = ("lateness.py", "responsiveness.py", "driver.py", "scenarios.py", "__main__.py")


@dataclass
class Late:
    """One time that the loop was late.

    ms: by how much. own_ms: what its thread computed meanwhile; the rest went to other threads and programs, or to
    waiting. doing: what the script did. calls: where its thread was seen, how often.
    """

    ms: float
    own_ms: float
    doing: str
    calls: Counter[str] = field(default_factory=Counter)


class Lateness(QObject):
    """A timer of 10 ms in the loop of the thread that makes this; each tick is late by what it comes after its time.

    with_causes: an alarm looks, while a tick is overdue, at what keeps the loop: it costs a little; not on Windows.
    (A second thread that reads this one's frames would be simpler, and crashes Python 3.11.)
    """

    def __init__(self, *, with_causes: bool = False) -> None:
        super().__init__()
        self.doing = ""
        self.late: list[Late] = []
        self._all_ms: list[float] = []
        self._own_ms: list[float] = []
        self._last_s, self._last_own_s = 0.0, 0.0
        self._seen: list[str] = []
        self._with_causes = with_causes and hasattr(signal, "setitimer")
        self._former: Any = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to measure."""
        self._last_s, self._last_own_s = time.perf_counter(), time.thread_time()
        self._timer.start()
        if self._with_causes:
            self._former = signal.signal(signal.SIGALRM, self._look)
            signal.setitimer(signal.ITIMER_REAL, LOOK_S)

    def stop(self) -> None:
        """Measure no more."""
        self._timer.stop()
        if self._with_causes:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._former)

    @property
    def ticks(self) -> int:
        """How often the timer came."""
        return len(self._all_ms)

    def percentile_ms(self, percent: float) -> float:
        """How late the timer was at most in this share of its ticks, in ms."""
        return float(np.percentile(self._all_ms, percent)) if self._all_ms else 0.0

    def own_percentile_ms(self, percent: float) -> float:
        """How long this thread computed between two ticks, at most, in this share of them, in ms."""
        return float(np.percentile(self._own_ms, percent)) if self._own_ms else 0.0

    def _tick(self) -> None:
        now, own = time.perf_counter(), time.thread_time()
        # a timer that was held up comes once, not once for every interval that it missed
        late_ms = max(0.0, 1000 * (now - self._last_s) - INTERVAL_MS)
        own_ms = 1000 * (own - self._last_own_s)
        self._all_ms.append(late_ms)
        self._own_ms.append(own_ms)
        if late_ms > LATE_MS:
            self.late.append(Late(late_ms, own_ms, self.doing, Counter(self._seen)))
        self._seen = []
        self._last_s, self._last_own_s = time.perf_counter(), time.thread_time()

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        if frame is not None and 1000 * (time.perf_counter() - self._last_s) > 2 * INTERVAL_MS:
            self._seen.append(_place(frame))
        if self._timer.isActive():  # set anew each time: an alarm that repeats would come while this one is answered
            signal.setitimer(signal.ITIMER_REAL, LOOK_S)


def _place(frame: FrameType) -> str:
    """Our innermost call and what it called in the end, such as "tiles.py:show > shaders.py:compile"."""
    inner, at = frame, frame
    while not at.f_code.co_filename.startswith(_PACKAGE) or at.f_code.co_filename.endswith(_DRIVING):
        if at.f_back is None:
            return _call(inner)
        at = at.f_back
    return _call(inner) if at is inner else f"{_call(at)} > {_call(inner)}"


def _call(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_code.co_name}:{frame.f_lineno}"
