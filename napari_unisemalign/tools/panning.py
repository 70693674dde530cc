"""`python -m napari_unisemalign panning`: how soon a large slide without levels shows, and how late its window is.

The slide is one that has nothing smaller to show than all of its pixels, which is what asks most of the window.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_unisemalign.tools.driver import Driver, let_qt_work
from napari_unisemalign.tools.lateness import Lateness
from napari_unisemalign.tools.scenarios import Say, window
from training_core.base.arrays import Rgb8
from training_core.base.process_memory import resident_bytes
from training_core.demo.tissue import draw_glands
from training_core.io import atomic_write
from training_core.io.slides import SlideOptions
from training_core.project import Project, make_classes

MPP_UM = 0.5
MOVE_MS = 30
"""How often a hand that drags tells the window where it is."""
MOVES_PER_DRAG, SHARE_PER_MOVE = 40, 0.03
"""A drag leads across more than a view; its moves are shares of one."""
ZOOMS = (1.0, 0.25, 0.06, 0.25)
"""Pixels of the screen for one of the slide, one after the other."""
SETTLE_S = 2.0
"""Until the other layers of the tile are there: what opening takes is no part of dragging."""
READING_TIMEOUT_S = 300.0
MOST_OPENING_S, MOST_LATE_MS, MOST_BYTES = 3.0, 100.0, 2_000_000_000
"""The aims."""


@dataclass(frozen=True)
class PanningFigures:
    """What was measured. p50_ms, p99_ms, max_ms: lateness of a 10 ms timer while the slide is dragged and zoomed.

    own_p99_ms: how long the window's thread itself computed between two ticks.
    """

    side_px: int
    project_s: float
    """From opening the project to its tile on the screen."""
    opening_s: float
    """From there to the slide around it."""
    look_s: float
    """From there until all that is seen of it is read."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    own_p99_ms: float
    seconds: float
    moves: int
    memory_bytes: int
    """The most that the window's process had."""


def panning(folder: Path, side_px: int, seconds: float, say: Say) -> PanningFigures:
    """Make a slide of `side_px` in `folder` and a project with one tile of it, then drag and zoom it for `seconds`.

    Raises
    ------
    DriveError: the slide did not come.
    """
    say(f"Writing a TIFF of {side_px:,} x {side_px:,} px without levels, and a project with a tile of it")
    project = make_slide_project(folder, side_px)
    with window() as driver:
        slide, started = driver.panel.controller.slide, time.perf_counter()
        driver.panel.controller.open_project(project)
        driver.wait(lambda: driver.session.tile is not None, "the tile of the slide")
        tiled = time.perf_counter()
        driver.wait(lambda: slide.layers.slide is not None, "the slide", READING_TIMEOUT_S)
        shown = time.perf_counter()
        driver.wait(lambda: not slide.is_reading, "what is seen of the slide", READING_TIMEOUT_S)
        looked = time.perf_counter()
        driver.pause(SETTLE_S)
        memory = [resident_bytes()]
        say(f"Dragging and zooming it for {seconds:g} seconds")
        watch = Lateness()
        watch.start()
        for _ in _drag(driver, side_px, seconds):
            memory.append(resident_bytes())
        watch.stop()
    return PanningFigures(
        side_px=side_px,
        project_s=round(tiled - started, 2),
        opening_s=round(shown - tiled, 2),
        look_s=round(looked - shown, 2),
        p50_ms=round(watch.percentile_ms(50), 1),
        p99_ms=round(watch.percentile_ms(99), 1),
        max_ms=round(watch.percentile_ms(100), 1),
        own_p99_ms=round(watch.own_percentile_ms(99), 1),
        seconds=seconds,
        moves=len(memory) - 1,
        memory_bytes=max(memory),
    )


def make_slide_project(folder: Path, side_px: int) -> Path:
    """A slide of synthetic tissue, in strips, uncompressed and without levels, and a project with a tile of it."""
    path = folder / "slide.tif"
    size: dict[str, Any] = {"resolution": (10_000 / MPP_UM,) * 2, "resolutionunit": "CENTIMETER", "metadata": None}
    shape = (side_px, side_px, 3)
    folder.mkdir(parents=True, exist_ok=True)
    out: Any = tifffile.memmap(path, shape=shape, dtype=np.uint8, photometric="rgb", bigtiff=True, **size)
    tiles = [draw_glands(0, number).picture for number in range(4)]
    starts = range(0, side_px, tiles[0].shape[0])
    for (top, left), picture in zip(itertools.product(starts, starts), itertools.cycle(tiles), strict=False):
        block: Rgb8 = picture[: side_px - top, : side_px - left]
        out[top : top + block.shape[0], left : left + block.shape[1]] = block
    out.flush()
    del out
    cut = SlideOptions(min_tissue=0, max_tiles=1)
    project = Project.create(folder / "project", [path], classes=make_classes(("background", "gland")), slides=cut)
    return project.path


def write(figures: PanningFigures, path: Path) -> None:
    """Write the figures as JSON."""
    atomic_write(path, (json.dumps(asdict(figures), indent=1) + "\n").encode())


def in_words(figures: PanningFigures) -> str:
    """A few lines for a terminal, with the aims."""
    return (
        f"the project is open after {figures.project_s:.1f} s, its slide of {figures.side_px:,} x {figures.side_px:,} "
        f"px {figures.opening_s:.1f} s later (both at most {MOST_OPENING_S:g} s), and what is seen of it "
        f"{figures.look_s:.1f} s after that; dragged and zoomed "
        f"({figures.moves} moves), late by {figures.p99_ms:.0f} ms at the 99th percentile (at most {MOST_LATE_MS:g}; "
        f"of its own work {figures.own_p99_ms:.0f} ms), {figures.max_ms:.0f} ms at worst; "
        f"{figures.memory_bytes / 1e9:.2f} GB of memory (at most {MOST_BYTES / 1e9:g})"
    )


def _drag(driver: Driver, side_px: int, seconds: float) -> Iterator[None]:
    """Across the slide and back, move by move, at one zoom after the other."""
    viewer, end = driver.viewer, time.perf_counter() + seconds
    camera, canvas = viewer.scene.camera, viewer.window._qt_viewer.canvas.native  # napari has no other way to its size
    middle = np.array(camera.center[-2:])
    for zoom, step in _path():
        if time.perf_counter() >= end:
            break
        camera.zoom = zoom / MPP_UM  # napari's world is in µm
        view_um = np.array([canvas.height(), canvas.width()]) / camera.zoom
        half_um = side_px * MPP_UM / 2
        middle = np.clip(middle + step * SHARE_PER_MOVE * view_um, -half_um, half_um)
        camera.center = (0.0, *middle)
        let_qt_work(MOVE_MS)
        yield


def _path() -> Iterator[tuple[float, np.ndarray[Any, Any]]]:
    """Zooms and directions without end."""
    directions = itertools.cycle(np.array(each) for each in ((0.3, 1), (1, -0.2), (-0.4, -1), (-1, 0.1)))
    for zoom in itertools.cycle(ZOOMS):
        direction = next(directions)
        for _ in range(MOVES_PER_DRAG):
            yield zoom, direction
