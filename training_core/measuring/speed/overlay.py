"""`bench first-overlay`: from the start of the training process to the first overlay of the tile on screen, twice."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError
from training_core.class_maps.pixel_scores import Confusion
from training_core.demo import make_demo, read_truth
from training_core.io import read_mask
from training_core.measuring.speed.measure import record, spread
from training_core.messages.events import OverlayReady, RunFailed, parse_event
from training_core.project import LabelSource, Project

_TILES = 22
_PAINTED = 2


def bench_first_overlay(settings: list[str], *, repeats: int) -> dict[str, Any]:
    """Seconds to the first overlay of round one and of round two, and its mDice in percent on the drawn truth.

    22 tiles of 512 px, 2 of them painted with strokes, none for validation; a fresh project for each repeat.

    Parameters
    ----------
    settings
        Nested settings, as `merge_settings` makes them of --set.
    """
    rounds: tuple[list[float], list[float]] = ([], [])
    scores: tuple[list[float], list[float]] = ([], [])
    source = None
    for seed in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            project = _project(Path(folder) / "project", seed)
            tile = project.tiles[_PAINTED].name
            for seconds, mdice in zip(rounds, scores, strict=True):
                took, overlay = _until_overlay(project, tile, settings)
                seconds.append(took)
                mdice.append(_mdice(project, tile, Path(overlay.prediction)))
                source = overlay.source
    figures = {
        **spread("seconds_to_first_overlay", rounds[0]),
        **spread("seconds_to_first_overlay_round_two", rounds[1]),
        **spread("mdice", scores[0]),
        **spread("mdice_round_two", scores[1]),
    }
    return record("first-overlay", {**figures, "source": source}, in_a_child=True)


def _project(path: Path, seed: int) -> Project:
    project = make_demo(path, seed=seed, tiles=_TILES, painted=_PAINTED)
    val = project.val_names()
    project.set_val(())
    for name in val:
        tile = project.tile(name)
        nothing = np.full((tile.height_px, tile.width_px), UNLABELED, np.uint8)
        project.write_label(name, nothing, LabelSource.PAINTED)
    return project


def _until_overlay(project: Project, tile: str, settings: list[str]) -> tuple[float, OverlayReady]:
    """Start the training as the window does, wait for the first overlay, and end it."""
    options = [option for setting in settings for option in ("--set", setting)]
    command = [sys.executable, "-m", "training_core", "train", str(project.path), "--events", "-", "--show", tile]
    started = time.perf_counter()
    with subprocess.Popen([*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                event = parse_event(line)
                if isinstance(event, OverlayReady):
                    return time.perf_counter() - started, event
                if isinstance(event, RunFailed):
                    raise _no_overlay(event.message)
        finally:
            process.kill()
    raise _no_overlay(f"exit code {process.returncode}")


def _no_overlay(why: str) -> ConfigError:
    return ConfigError(
        f"the training ended before its first overlay: {why}", "a training that starts", "other settings (--set)"
    )


def _mdice(project: Project, tile: str, prediction: Path) -> float:
    confusion = Confusion([c.id for c in project.classes])
    confusion.add(read_truth(project, tile), read_mask(prediction))
    scores = confusion.scores()
    assert scores is not None
    return scores.mdice
