"""`bench time-left`: how good the estimates of a finished run were, from the events that it left."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from training_core.base.errors import ProjectError
from training_core.measuring.speed.measure import record
from training_core.messages.events import Event, Paused, RunFinished, RunStarted, Status, StepDone, parse_event

FIRST_SHARE = 0.1
"""Of the run's time: an estimate before that has little to go by."""
GOAL = 0.2
"""How far off an estimate may be after it, as a share of the whole time."""


@dataclass(frozen=True)
class Estimate:
    """One estimate, of a run that took from 0 to 1: when it was told, and how far off its end was.

    Attributes
    ----------
    at
        When it was told.
    off
        The estimated end less the real one: negative where the estimate was too early.
    """

    at: float
    off: float


def bench_time_left(run: Path) -> dict[str, Any]:
    """How far the estimates of a run folder were off, and how long its bar stood still.

    Raises
    ------
    ProjectError
        The folder has no events of a run that finished without a pause or a resumption.
    """
    events = _read(run)
    whole_s, found, still_s = _whole_s(events), estimates(events), standstill_s(events)
    if whole_s is None or not found:
        given = f"{run} did not finish in one go, or tells no estimates after the first tenth"
        raise ProjectError(given, "a finished run that was neither paused nor resumed", "use another run")
    worst = max(found, key=lambda each: abs(each.off))
    figures = {
        "run": run.name,
        "seconds": round(whole_s, 1),
        "estimates_after_the_first_tenth": len(found),
        "percent_of_them_within_a_fifth": round(100 * sum(abs(each.off) <= GOAL for each in found) / len(found)),
        "median_percent_off": round(100 * statistics.median(abs(each.off) for each in found), 1),
        "worst_percent_off": round(100 * worst.off, 1),
        "worst_at_percent_of_the_time": round(100 * worst.at),
        "seconds_that_the_bar_stood_still": round(still_s, 1),
    }
    return record("time-left", figures)


def estimates(events: Sequence[Event]) -> list[Estimate]:
    """The estimates of the end after the first tenth of a run; none where it did not finish in one go."""
    whole_s = _whole_s(events)
    if not whole_s:
        return []
    start_s = next(event.elapsed_s for event in events if isinstance(event, RunStarted))
    told = [
        Estimate((event.elapsed_s - start_s) / whole_s, (event.elapsed_s - start_s + event.eta_s) / whole_s - 1)
        for event in events
        if isinstance(event, StepDone | Status) and event.eta_s is not None
    ]
    return [each for each in told if each.at > FIRST_SHARE]


def standstill_s(events: Sequence[Event]) -> float:
    """The longest time for which the run told of its progress again and again, and the bar did not move."""
    told = [
        (event.elapsed_s, event.done)
        for event in events
        if isinstance(event, StepDone | Status) and event.done is not None
    ]
    longest_s, since_s = 0.0, told[0][0] if told else 0.0
    for (_, before), (now_s, done) in pairwise(told):
        if done > before:
            since_s = now_s
        longest_s = max(longest_s, now_s - since_s)
    return longest_s


def _whole_s(events: Sequence[Event]) -> float | None:
    """From the start to the end of a run in one go; None: it was not."""
    starts = [event.elapsed_s for event in events if isinstance(event, RunStarted)]
    ends = [event.elapsed_s for event in events if isinstance(event, RunFinished) and event.reason == "budget"]
    if len(starts) != 1 or len(ends) != 1 or any(isinstance(event, Paused) for event in events):
        return None
    return ends[0] - starts[0]


def _read(run: Path) -> list[Event]:
    try:
        lines = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as cause:
        given = f"{run} has no events.jsonl that can be read ({cause.strerror or cause})"
        raise ProjectError(given, "the folder of a run, such as PROJECT/runs/RUN", "check the path") from cause
    return [event for line in lines if (event := parse_event(line)) is not None]
