"""What the first hour took, for a terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from napari_unisemalign.tools.first_hour import STEPS, FirstHour
from napari_unisemalign.tools.hand import Acts
from training_core.io import atomic_write

MOST_CLICKS, MOST_MINUTES = 25, 15.0
"""Beside the strokes; until the masks are on the disk."""


def write(figures: FirstHour, path: Path) -> None:
    """Write the figures as JSON."""
    content = {
        "clicks": figures.clicks,
        "seconds": round(figures.seconds, 1),
        "masks": len(figures.masks),
        "steps": [
            {"title": step.title, **_counts(acts), "pressed": list(acts.names)}
            for step, acts in zip(STEPS, figures.steps, strict=True)
        ],
    }
    atomic_write(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def _counts(acts: Acts) -> dict[str, float]:
    return {
        "clicks": acts.count("click") + acts.count("drag"),
        "keys": acts.count("key"),
        "characters": acts.count("character"),
        "strokes": acts.count("stroke"),
        "wheel": acts.count("wheel"),
        "seconds": round(acts.seconds, 1),
        "waited": round(acts.waited_s, 1),
    }


def in_words(figures: FirstHour) -> str:
    """A table for a terminal, and whether it was few enough clicks and short enough."""
    head = list(_counts(Acts()))
    lines = [f"{'':34}" + "".join(f"{name:>11}" for name in head)]
    for step, acts in zip(STEPS, figures.steps, strict=True):
        lines.append(f"{step.title:34}" + "".join(f"{count:>11g}" for count in _counts(acts).values()))
    minutes = figures.seconds / 60
    return "\n".join(
        [
            *lines,
            f"{figures.clicks} clicks beside the strokes (at most {MOST_CLICKS}), "
            f"{minutes:.1f} minutes (at most {MOST_MINUTES:g}), {len(figures.masks)} masks",
        ]
    )


def is_within(figures: FirstHour) -> bool:
    """Whether both limits are kept."""
    return figures.clicks <= MOST_CLICKS and figures.seconds <= 60 * MOST_MINUTES
