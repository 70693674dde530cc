"""`python -m napari_unisemalign responsiveness`: how late the window is while it is used and a model trains."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layer_values import PREDICTION
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.driver import Driver, let_qt_work
from napari_unisemalign.tools.lateness import LATE_MS, Lateness
from napari_unisemalign.tools.scenarios import Say, tiles_to_paint, window
from training_core.demo import read_truth
from training_core.io import atomic_write
from training_core.messages.events import Event, StepDone

MOVES_PER_STROKE = 12
MOVE_MS = 30
"""How often a hand that paints tells the window where it is."""
REST_MS = 250
"""Between one action and the next."""
OVERLAY_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class ResponsivenessFigures:
    """What was measured. p50_ms, p99_ms, max_ms: lateness of a 10 ms timer. late: how often it was more than 50 ms.

    own_p99_ms, own_max_ms: how long the window's thread itself computed between two ticks. Where it is much less than
    the lateness, other programs had the processors.
    """

    p50_ms: float
    p99_ms: float
    max_ms: float
    own_p99_ms: float
    own_max_ms: float
    ticks: int
    late: int
    seconds: float
    seconds_to_overlay: float
    """From pressing Start training to the first overlay of the tile on screen."""
    trained_steps: int
    actions: int
    worst: tuple[dict[str, Any], ...]
    """The ten worst: ms, what the script did, and, where asked for, the calls that were seen."""


def responsiveness(folder: Path, seconds: float, say: Say, *, with_causes: bool = False) -> ResponsivenessFigures:
    """Train on the sample project in `folder` and, for `seconds`, change tiles, paint and toggle overlays meanwhile.

    Raises
    ------
    DriveError: something did not happen, such as an overlay.
    """
    with window() as driver:
        say("Opening the sample project and painting two tiles")
        project = driver.open_sample(folder)
        for name in tiles_to_paint(project):
            driver.show_tile(name)
            driver.paint_strokes(read_truth(project, name))
        driver.open_place(Place.ANNOTATE)
        steps = _count_steps(driver)
        say(f"Training, and using the window for {seconds:g} seconds")
        watch = Lateness(with_causes=with_causes)
        former, started = driver.prediction(), time.perf_counter()
        driver.start_training((seconds + OVERLAY_TIMEOUT_S) / 60)
        overlay_s: list[float] = []
        driver.session.overlays_changed.connect(
            lambda _name: None if overlay_s else overlay_s.append(time.perf_counter() - started)
        )
        watch.start()
        actions = _use(driver, watch, seconds)
        watch.stop()
        if not overlay_s:
            driver.wait_for_new_overlay(former, OVERLAY_TIMEOUT_S)
        trained = max(steps, default=0)
        return _figures(watch, seconds, overlay_s[0], trained, actions)  # closing the window ends the training


def write(figures: ResponsivenessFigures, path: Path) -> None:
    """Write the figures as JSON."""
    atomic_write(path, (json.dumps(asdict(figures), indent=1) + "\n").encode())


def in_words(figures: ResponsivenessFigures) -> str:
    """One line for a terminal."""
    return (
        f"late by {figures.p99_ms:.0f} ms at the 99th percentile, {figures.max_ms:.0f} ms at worst "
        f"(of its own work {figures.own_p99_ms:.0f} and {figures.own_max_ms:.0f} ms; "
        f"{figures.late} of {figures.ticks} ticks by more than {LATE_MS:.0f} ms, {figures.actions} actions); "
        f"first overlay after {figures.seconds_to_overlay:.1f} s, {figures.trained_steps} steps trained"
    )


def _count_steps(driver: Driver) -> list[int]:
    steps: list[int] = []

    def take(event: Event) -> None:
        if isinstance(event, StepDone):
            steps.append(event.step)

    driver.panel.controller.training.process.event_received.connect(take)
    return steps


def _use(driver: Driver, watch: Lateness, seconds: float) -> int:
    """What a user does, over and over; returns how many actions."""
    end = time.perf_counter() + seconds
    for count, (doing, act) in enumerate(_script(driver)):
        if time.perf_counter() >= end:
            return count
        watch.doing = doing
        act()
        watch.doing = f"after: {doing}"
        let_qt_work(REST_MS)
    raise AssertionError("the script has no end")


def _script(driver: Driver) -> Iterator[tuple[str, Callable[[], None]]]:
    tiles = driver.panel.controller.tiles
    classes = driver.session.classes()
    for turn in itertools.count():
        forward = turn % 8 < 6
        yield "another tile", tiles.next if forward else tiles.previous
        class_id = classes[turn % len(classes)].id
        yield "choose a class", lambda class_id=class_id: driver.panel.controller.classes.paint_with(class_id)  # type: ignore[misc]
        yield "a stroke", lambda turn=turn: _stroke(driver, turn)  # type: ignore[misc]
        yield "overlay off", lambda: _toggle_overlay(driver)
        yield "overlay on", lambda: _toggle_overlay(driver)


def _stroke(driver: Driver, turn: int) -> None:
    """A stroke with the mouse over the middle of the canvas."""
    canvas = driver.viewer.window._qt_viewer.canvas.native
    middle, angle = QPoint(canvas.width() // 2, canvas.height() // 2), turn * 0.7
    step = QPoint(round(8 * np.cos(angle)), round(8 * np.sin(angle)))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    for move in range(1, MOVES_PER_STROKE + 1):
        QTest.mouseMove(canvas, middle + step * move)
        let_qt_work(MOVE_MS)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle + step * MOVES_PER_STROKE)


def _toggle_overlay(driver: Driver) -> None:
    layer = driver.layers.get(PREDICTION)
    if layer is not None:
        layer.visible = not layer.visible


def _figures(watch: Lateness, seconds: float, overlay_s: float, trained: int, actions: int) -> ResponsivenessFigures:
    worst = sorted(watch.late, key=lambda each: -each.ms)[:10]
    return ResponsivenessFigures(
        p50_ms=round(watch.percentile_ms(50), 1),
        p99_ms=round(watch.percentile_ms(99), 1),
        max_ms=round(watch.percentile_ms(100), 1),
        own_p99_ms=round(watch.own_percentile_ms(99), 1),
        own_max_ms=round(watch.own_percentile_ms(100), 1),
        ticks=watch.ticks,
        late=len(watch.late),
        seconds=seconds,
        seconds_to_overlay=round(overlay_s, 2),
        trained_steps=trained,
        actions=actions,
        worst=tuple(
            {
                "ms": round(each.ms, 1),
                "own_ms": round(each.own_ms, 1),
                "doing": each.doing,
                "calls": dict(each.calls.most_common(5)),
            }
            for each in worst
        ),
    )
