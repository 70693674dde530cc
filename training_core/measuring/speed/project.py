"""`bench project`: opening a project of many tiles, listing their states, and the first list of suggestions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from training_core.io import atomic_write, write_png
from training_core.measuring.speed.measure import record, timed
from training_core.project import LabelSource, Project, Tile, make_classes
from training_core.project.creation import file_sha256
from training_core.project.index import INDEX_NAME, Index, IndexWriter
from training_core.project.records import LabelStatus
from training_core.project.suggestions import suggest
from training_core.project.summaries import TileSummary, add_summary

_SIDE_PX = 64
_LABELED_SHARE = 0.02


def bench_project(*, tiles: int, repeats: int) -> dict[str, Any]:
    """Seconds to open a project of `tiles` tiles, to list their states, and to suggest, before and after a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project"
        _make(path, tiles)
        figures = {"tiles": tiles, **_times(path, repeats, "before_a_run")}
        _finish_run(path)
        figures |= _times(path, repeats, "after_a_run")
    return record("project", figures)


def _times(path: Path, repeats: int, when: str) -> dict[str, float]:
    opened = Project.open(path)
    work = {
        "seconds_to_open": lambda: Project.open(path),
        "seconds_to_states": lambda: opened.states(),
        "seconds_to_suggestions": lambda: suggest(Project.open(path)),
    }
    return {f"{name}_{when}": max(timed(do, warm_up=0, repeats=repeats)) for name, do in work.items()}


def _make(path: Path, count: int) -> None:
    """A project whose images are links to one file: only their number matters here."""
    (path / "images").mkdir(parents=True)
    first = path / "images" / "first.png"
    write_png(first, np.full((_SIDE_PX, _SIDE_PX, 3), 200, np.uint8))
    sha256, classes = file_sha256(first), make_classes(("background", "gland"))
    tiles = []
    for number in range(count):
        name = f"tile_{number:05d}"
        (path / "images" / f"{name}.png").hardlink_to(first)
        tiles.append(Tile(name, f"images/{name}.png", _SIDE_PX, _SIDE_PX, sha256, 0.5))
    labeled = LabelStatus(_SIDE_PX * _SIDE_PX // 2, LabelSource.PAINTED, 1, False, (0, 1))
    labels = {tile.name: labeled for tile in tiles[: round(count * _LABELED_SHARE)]}
    index = Index("many tiles", "2026-01-01T00:00:00+00:00", classes, len(classes), tuple(tiles), labels)
    atomic_write(path / INDEX_NAME, IndexWriter().encode(index))


def _finish_run(path: Path) -> None:
    """What a finished run leaves behind, without its weights."""
    run_dir = path / "runs" / "20260101-000000"
    predictions = run_dir / "predictions"
    predictions.mkdir(parents=True)
    (run_dir / "summary.json").write_text("{}")
    rng = np.random.default_rng(0)
    for tile in Project.open(path).tiles:
        for kind in ("prediction", "pseudo_label", "confidence"):
            (predictions / f"{tile.name}.{kind}.png").touch()
        unsure = float(rng.uniform(0, 0.4))
        add_summary(run_dir, TileSummary(tile.name, 1 - unsure, {0: 0.5, 1: 0.5}, {int(rng.integers(2)): unsure}))
