"""`python -m napari_unisemalign responsiveness`: how late the window is while it is used and a model trains."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_unisemalign.app.layer_values import PREDICTION
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tools.driver import Driver, let_qt_work
from napari_unisemalign.tools.flood import MARK, between
from napari_unisemalign.tools.lateness import LATE_MS, Lateness
from napari_unisemalign.tools.scenarios import Say, tiles_to_paint, window
from training_core.demo import read_truth
from training_core.io import atomic_write
from training_core.messages.events import Event, StepDone, Warned

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
    flood: FloodFigures | None = None


@dataclass(frozen=True)
class FloodFigures:
    """The same use of the same window, while its training process writes a flood of events.

    per_s, read_per_s: events a second that it should write, and that the window read. marked: how many were
    counted as they were written, all of which were read. The rest as above.
    """

    per_s: int
    read_per_s: float
    marked: int
    p99_ms: float
    max_ms: float
    own_p99_ms: float
    own_max_ms: float


def responsiveness(
    folder: Path, seconds: float, say: Say, *, events_per_s: int = 0, with_causes: bool = False
) -> ResponsivenessFigures:
    """Train on the sample project in `folder` and, for `seconds`, change tiles, paint and toggle overlays meanwhile.

    Parameters
    ----------
    events_per_s
        How many events the training process writes while all this is done once more; 0: it is done once.

    Raises
    ------
    DriveError: something did not happen, such as an overlay.
    """
    switch = folder.with_name("flood")
    with between(switch, events_per_s) if events_per_s else nullcontext(), window() as driver:
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
        flood = None
        if events_per_s:
            say(f"Late by {watch.percentile_ms(99):.0f} ms; the same with {events_per_s:,} events a second")
            flood = _flooded(driver, switch, events_per_s, seconds)
            say(_flood_in_words(flood))
        if not overlay_s:
            driver.wait_for_new_overlay(former, OVERLAY_TIMEOUT_S)
        trained = max(steps, default=0)
        figures = _figures(watch, seconds, overlay_s[0], trained, actions)
        return replace(figures, flood=flood)  # closing the window ends the training


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
        + (f"\n{_flood_in_words(figures.flood)}" if figures.flood else "")
    )


def _flood_in_words(flood: FloodFigures) -> str:
    return (
        f"with {flood.per_s:,} events a second, of which {flood.read_per_s:,.0f} were read, none lost: "
        f"late by {flood.p99_ms:.0f} ms at the 99th percentile, {flood.max_ms:.0f} ms at worst "
        f"(of its own work {flood.own_p99_ms:.0f} and {flood.own_max_ms:.0f} ms)"
    )


def _flooded(driver: Driver, switch: Path, per_s: int, seconds: float) -> FloodFigures:
    read, watch, count = Counter[bool](), Lateness(), switch.with_suffix(".count")

    def take(event: Event) -> None:
        read[isinstance(event, Warned) and event.message == MARK] += 1

    process = driver.panel.controller.training.process
    process.event_received.connect(take)
    switch.touch()
    watch.start()
    _use(driver, watch, seconds)
    watch.stop()
    in_time = read.total()
    switch.unlink()
    driver.wait(count.exists, "the end of the flood", OVERLAY_TIMEOUT_S)
    marked = int(count.read_text())
    driver.wait(lambda: read[True] >= marked, f"{marked} marked events", OVERLAY_TIMEOUT_S)
    return FloodFigures(
        per_s=per_s,
        read_per_s=round(in_time / seconds),
        marked=marked,
        p99_ms=round(watch.percentile_ms(99), 1),
        max_ms=round(watch.percentile_ms(100), 1),
        own_p99_ms=round(watch.own_percentile_ms(99), 1),
        own_max_ms=round(watch.own_percentile_ms(100), 1),
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
