"""What every target of `bench` does alike: warm-up, repeats, a median with its spread, where it was measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from training_core.compute.device import peak_gpu_bytes
from training_core.measuring.accuracy.provenance import environment
from training_core.runs.run_folder import peak_rss_bytes


def timed(work: Callable[[], object], *, warm_up: int, repeats: int) -> list[float]:
    """Wall seconds of each of `repeats` calls, after `warm_up` calls that are not counted."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def spread(name: str, values: list[float]) -> dict[str, Any]:
    """The median under `name`, and the smallest, largest and number of values beside it."""
    return {
        name: statistics.median(values),
        f"{name}_min": min(values),
        f"{name}_max": max(values),
        "repeats": len(values),
    }


def record(target: str, figures: dict[str, Any], *, in_a_child: bool = False) -> dict[str, Any]:
    """A target's figures with peak memory, versions, machine and commit.

    Parameters
    ----------
    in_a_child
        Whether the work was done by another process, which has ended and whose peak memory is meant.
    """
    peaks = {"peak_rss_bytes": peak_rss_bytes(of_children=in_a_child), "peak_gpu_bytes": peak_gpu_bytes()}
    return {"spec_version": 1, "bench": target, **figures, **peaks, **environment()}
