"""`python -m napari_unisemalign live-latency`: how soon the live preview answers, and how soon a training shows."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from napari_unisemalign.app.process import TrainerProcess
from napari_unisemalign.tools.driver import PATIENCE_S, DriveError, Driver, let_qt_work
from napari_unisemalign.tools.scenarios import Say, tiles_to_paint, window
from napari_unisemalign.tools.strokes import StrokePoint, strokes_inside
from training_core.demo import read_truth
from training_core.io import atomic_write
from training_core.messages.events import Event, OverlayReady, Prepared
from training_core.project import Project

IDLE_S = 10.0
"""So long the idle process is watched."""
BRUSH_PX, STROKE_PX = 10, 60
TRAINING_MINUTES = 30.0
"""Each training is ended at its first overlay."""


@dataclass(frozen=True)
class LiveFigures:
    """What was measured. Seconds to an overlay end when it is on the screen.

    processor_s: what the process itself computed meanwhile. Where that is much less than the seconds, other programs
    had the processors; load says how many wanted them.
    """

    ready_s: float
    """From opening the project until a stroke would be answered at once."""
    first_stroke_s: float
    """The first stroke of a second class."""
    stroke_median_s: float
    stroke_p90_s: float
    stroke_processor_s: float
    strokes: int
    start_median_s: float
    """From Start training to the first overlay."""
    start_max_s: float
    start_processor_s: float
    starts: int
    memory_bytes: int
    """The most that the process had before a training."""
    idle_share: float
    """Of one core, while nothing was asked."""
    load: float
    """How many processes wanted a processor in the last minute, this one's included."""


@dataclass(frozen=True)
class _Answer:
    seconds: float
    processor_s: float


class _Watch:
    """Times answers of a process from an act until they are on the screen."""

    def __init__(self, driver: Driver, process: TrainerProcess) -> None:
        self._driver, self._process = driver, process
        self._has_answered = False
        self._shown_at: float | None = None
        self._prepared = 0
        self.memory_bytes = 0
        process.event_received.connect(self._on_event)
        driver.panel.controller.overlays.shown.connect(self._on_shown)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, OverlayReady) and event.tile == self._driver.session.tile:
            self._has_answered = True
        if isinstance(event, Prepared):
            self._prepared += 1
            self.memory_bytes = max(self.memory_bytes, event.memory_bytes)

    def _on_shown(self) -> None:
        if self._has_answered and self._shown_at is None:
            self._shown_at = time.perf_counter()

    def begin(self) -> None:
        """What comes from now on is the answer."""
        self._has_answered, self._shown_at, self._prepared = False, None, 0

    def answer(self, since: float, used: float, what: str) -> _Answer:
        """Wait for it; since: when it was asked for; used: processor seconds of the process until then."""
        self._wait(lambda: self._shown_at is not None, what)
        assert self._shown_at is not None
        return _Answer(self._shown_at - since, self.used() - used)

    def prepared(self) -> None:
        """Wait until the process has nothing more to do for the tile on screen."""
        self._wait(lambda: self._prepared > 0, "the live preview to be ready")

    def used(self) -> float:
        """Processor seconds of the process so far."""
        pid = self._process.pid
        times = psutil.Process(pid).cpu_times() if pid is not None else None
        return times.user + times.system if times is not None else 0.0

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            if time.monotonic() > deadline:
                raise DriveError(f"waited {PATIENCE_S:.0f} s for {what} in vain: {self._driver.panel.messages.text}")
            let_qt_work(2)


def live_latency(folder: Path, strokes: int, starts: int, say: Say) -> LiveFigures:
    """Open the sample project in `folder`, paint `strokes` strokes, then start `starts` trainings.

    Raises
    ------
    DriveError: something did not happen, such as an overlay, or the live preview is switched off.
    """
    with window() as driver:
        live = driver.panel.controller.live
        preview = _Watch(driver, live.process)
        say("Opening the sample project")
        preview.begin()
        project = driver.open_sample(folder)  # made first, which is no part of opening it
        opened = time.perf_counter()
        if not live.process.running:
            raise DriveError("the live preview is switched off; switch it on in the window, then measure again")
        preview.prepared()
        ready_s = time.perf_counter() - opened
        first, second = tiles_to_paint(project)
        if driver.session.tile != first:
            preview.begin()
            driver.show_tile(first)
            preview.prepared()
        say(f"Painting {strokes} strokes")
        answers = _paint(driver, preview, project, first, strokes)
        say(f"Watching the idle process for {IDLE_S:g} s")
        driver.pause(2.0)  # the neighbours' features
        idle_from = preview.used()
        driver.pause(IDLE_S)
        idle_share = (preview.used() - idle_from) / IDLE_S
        preview.begin()
        driver.show_tile(second)
        driver.paint_strokes(read_truth(project, second), strokes_per_class=1)
        preview.prepared()
        driver.pause(2.0)
        begun = [_start(driver, preview, say, number) for number in range(starts)]
        return _figures(ready_s, answers, begun, preview.memory_bytes, idle_share)


def _paint(driver: Driver, watch: _Watch, project: Project, tile: str, strokes: int) -> list[_Answer]:
    """The answers to a stroke of a second class and to those that follow."""
    truth, layer = read_truth(project, tile), driver.layers.labels
    assert layer is not None
    painted: list[float] = []
    layer.events.paint.connect(lambda _event: painted.append(time.perf_counter()))
    planned = _planned(truth, [int(each) for each in np.unique(truth)], strokes + 2)
    driver.choose_class(planned[0][0])
    driver.stroke(planned[0][1], BRUSH_PX)
    driver.wait_saved()
    answers = []
    for class_id, points in planned[1:]:
        driver.choose_class(class_id)
        driver.pause(0.3)
        watch.begin()
        used = watch.used()
        driver.stroke(points, BRUSH_PX)
        answers.append(watch.answer(painted[-1], used, "the answer to a stroke"))
        watch.prepared()
    return answers


def _planned(truth: Any, class_ids: list[int], count: int) -> list[tuple[int, list[StrokePoint]]]:
    """Strokes inside their true class, of all classes in turn."""
    each = -(-count // len(class_ids))
    by_class = [strokes_inside(truth == class_id, each, BRUSH_PX, STROKE_PX) for class_id in class_ids]
    turns = [
        (class_id, strokes[turn % len(strokes)])
        for turn in range(each)
        for class_id, strokes in zip(class_ids, by_class, strict=True)
        if strokes
    ]
    return turns[:count]


def _start(driver: Driver, preview: _Watch, say: Say, number: int) -> _Answer:
    """One training until its first overlay; afterwards the live preview is ready again."""
    say(f"Starting training {number + 1}")
    training = driver.panel.controller.training
    watch = _Watch(driver, training.process)
    used = preview.used()
    watch.begin()
    asked = time.perf_counter()
    driver.start_training(TRAINING_MINUTES)
    answer = watch.answer(asked, used, "the training's first overlay")
    preview.begin()
    training.kill()
    preview.prepared()
    return answer


def _figures(
    ready_s: float, answers: list[_Answer], begun: list[_Answer], memory_bytes: int, idle_share: float
) -> LiveFigures:
    first, *others = answers
    seconds, starts = [each.seconds for each in others], [each.seconds for each in begun]
    return LiveFigures(
        ready_s=round(ready_s, 2),
        first_stroke_s=round(first.seconds, 2),
        stroke_median_s=round(statistics.median(seconds), 2),
        stroke_p90_s=round(float(np.percentile(seconds, 90)), 2),
        stroke_processor_s=round(statistics.median(each.processor_s for each in others), 2),
        strokes=len(seconds),
        start_median_s=round(statistics.median(starts), 2),
        start_max_s=round(max(starts), 2),
        start_processor_s=round(statistics.median(each.processor_s for each in begun), 2),
        starts=len(starts),
        memory_bytes=memory_bytes,
        idle_share=round(idle_share, 4),
        load=round(os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, 1),
    )


def write(figures: LiveFigures, path: Path) -> None:
    """Write the figures as JSON."""
    atomic_write(path, (json.dumps(asdict(figures), indent=1) + "\n").encode())


def in_words(figures: LiveFigures) -> str:
    """A few lines for a terminal."""
    return (
        f"ready {figures.ready_s:.1f} s after the project was opened\n"
        f"stroke to overlay: median {figures.stroke_median_s:.2f} s, 90th percentile {figures.stroke_p90_s:.2f} s of "
        f"{figures.strokes} (processor time {figures.stroke_processor_s:.2f} s); first stroke of a second class "
        f"{figures.first_stroke_s:.2f} s\n"
        f"Start to first overlay: median {figures.start_median_s:.2f} s, at most {figures.start_max_s:.2f} s of "
        f"{figures.starts} (processor time {figures.start_processor_s:.2f} s)\n"
        f"memory {figures.memory_bytes / 1e9:.2f} GB; idle {100 * figures.idle_share:.1f} % of a core; "
        f"load {figures.load:g}"
    )
