"""`bench live`: from a saved stroke to the refreshed overlay of the tile on screen."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

import numpy as np

from training_core.base.errors import ConfigError
from training_core.demo import make_demo, read_truth
from training_core.measuring.speed.measure import record, spread
from training_core.messages.events import OverlayReady, RunFailed, Show, parse_event
from training_core.project import LabelSource, Project

_TILES = 22
_PAINTED = 2
_STROKE_PX = (12, 60)


def bench_live(settings: list[str], *, repeats: int) -> dict[str, Any]:
    """Seconds from a stroke to its overlay, as the window has it: the label is saved, then asked for.

    A tile of 512 px among 22, of which 2 are painted. The first answer is given apart: the process starts for it.

    Parameters
    ----------
    settings
        Nested settings, as `merge_settings` makes them of --set.
    """
    options = [option for setting in settings for option in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        project = make_demo(Path(folder) / "project", tiles=_TILES, painted=_PAINTED)
        tile = project.tiles[_PAINTED].name
        command = [sys.executable, "-m", "training_core", "live", str(project.path), *options]
        started = time.perf_counter()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                _ask(process.stdin, process.stdout, tile)
                first = time.perf_counter() - started
                seconds = []
                for number in range(1 + repeats):  # the first stroke waits for the encoder
                    started = time.perf_counter()
                    _stroke(project, tile, number)
                    _ask(process.stdin, process.stdout, tile)
                    seconds.append(time.perf_counter() - started)
            finally:
                process.kill()
    figures = {"seconds_to_first_answer": first, "seconds_to_first_stroke": seconds[0]}
    return record("live", {**spread("seconds_to_refreshed_overlay", seconds[1:]), **figures}, in_a_child=True)


def _stroke(project: Project, tile: str, number: int) -> None:
    """Label another bar of the tile with its truth, as a stroke of the brush."""
    label, truth = project.label(tile), read_truth(project, tile)
    height, width = _STROKE_PX
    row, column = (number * 3 * height) % (label.shape[0] - height), (number * width) % (label.shape[1] - width)
    where = np.s_[row : row + height, column : column + width]
    label[where] = truth[where]
    project.write_label(tile, label, LabelSource.PAINTED)


def _ask(commands: IO[str], events: IO[str], tile: str) -> None:
    """Ask for the tile's overlay and wait for it."""
    commands.write(f"{Show(tile=tile).model_dump_json()}\n")
    commands.flush()
    for line in events:
        event = parse_event(line)
        if isinstance(event, OverlayReady):
            return
        if isinstance(event, RunFailed):
            raise _no_answer(event.message)
    raise _no_answer("the process ended")


def _no_answer(why: str) -> ConfigError:
    return ConfigError(f"the live preview gave no overlay: {why}", "a process that answers", "other settings (--set)")
