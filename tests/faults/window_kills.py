"""The window, killed at random moments while somebody paints with the mouse.

    xvfb-run python -m tests.faults.window_kills [--tries 100] [--seed 1]

A child process opens a project in the real window and paints with mouse events, tile after tile; after each stroke it
writes down what the label is by then. After a random time it is killed, by SIGKILL. Then the project must open,
`project check` must find nothing, and each label must be one that was painted and at most a few seconds old.
Prints tries, losses and the age of the oldest stroke that was not on the disk; exit code 1 with losses.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training_core.io import write_png
from training_core.project import Project, make_classes
from training_core.project.check import check_project

ROOT = Path(__file__).parents[2]
SIDE_PX = 128
TILES = tuple(f"tile_{number}" for number in range(4))
ALLOWED_S = 3.0
"""A stroke is saved a second after it was painted; a busy machine takes longer to do so."""
LONGEST_S = 12.0
STROKES_A_TILE = 4
_STARTED = "painting"


@dataclass
class Tally:
    """Strokes, kills and what was lost."""

    kills: int = 0
    strokes: int = 0
    oldest_s: list[float] = field(default_factory=list)
    """For each kill, how long before it the oldest stroke that was not on the disk had been painted."""
    losses: list[str] = field(default_factory=list)


def make(folder: Path) -> Project:
    """A project of four tiles."""
    for number, name in enumerate(TILES):
        pixels = np.random.default_rng(number).integers(0, 255, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        write_png(folder / "images" / f"{name}.png", pixels)
    return Project.create(folder / "project", [folder / "images"], classes=make_classes(("background", "gland")))


def paint(project: Path, log: Path, seed: int) -> None:
    """Paint for ever; the label after stroke N of a tile is LOG/TILE.N.SECONDS.npy."""
    from napari_unisemalign.app import preferences
    from napari_unisemalign.plugin import panel_in
    from napari_unisemalign.tools.driver import Driver
    from napari_unisemalign.tools.hand import Hand
    from napari_unisemalign.viewer import open_viewer

    preferences.switch(preferences.LIVE_PREVIEW, bool(seed % 2))  # it has strokes saved sooner
    viewer = open_viewer()
    viewer.window.resize(1366, 768)
    driver = Driver(viewer, panel_in(viewer))
    driver.panel.controller.open_project(project)
    hand, choose, number = Hand(driver), random.Random(seed), 0
    driver.pause(0.5)
    while True:
        for name in TILES:
            driver.panel.controller.tiles.show(name)
            driver.choose_class(choose.choice((0, 1)))
            for _ in range(STROKES_A_TILE):
                start, end = ((choose.randrange(20, 108), choose.randrange(20, 108)) for _ in range(2))
                before = driver.label()
                hand.stroke([start, end])
                if (driver.label() == before).all() and not (before[start] == before[end] != 255):
                    raise RuntimeError(f"the stroke from {start} to {end} painted nothing")
                number += 1
                moment = time.monotonic()
                with (log / f"{name}.{number:05d}.{moment:.3f}.part").open("wb") as file:
                    np.save(file, driver.label())
                Path(file.name).rename(Path(file.name).with_suffix(".npy"))
                if number == 1:
                    print(_STARTED, flush=True)
                driver.pause(choose.uniform(0, 0.6))


def judge(project: Path, log: Path, killed_at: float, tally: Tally, number: int) -> None:
    """Compare what is on the disk with what was painted."""
    opened = Project.open(project)
    found = check_project(project)
    tally.losses += [f"try {number}: {problem}" for problem in (*found.problems, *found.notes)]
    oldest = 0.0
    for name in TILES:
        painted = [(0.0, np.full((SIDE_PX, SIDE_PX), 255, np.uint8))]
        for path in sorted(log.glob(f"{name}.*.npy")):
            painted.append((float(path.name.split(".", 2)[2].removesuffix(".npy")), np.load(path)))
        saved = opened.label(name)
        place = next((each for each in reversed(range(len(painted))) if np.array_equal(painted[each][1], saved)), None)
        tally.strokes += len(painted) - 1
        if place is None:
            if not _is_between(saved, painted[-1][1]):
                tally.losses.append(f"try {number}, {name}: holds a label that was never painted")
        elif place + 1 < len(painted):
            oldest = max(oldest, killed_at - painted[place + 1][0])
    tally.oldest_s.append(oldest)
    if oldest > ALLOWED_S:
        tally.losses.append(f"try {number}: a stroke {oldest:.1f} s old was not on the disk")


def _is_between(saved: np.ndarray, last: np.ndarray) -> bool:
    """The last stroke was not written down yet, or was being painted: it only adds pixels of a class."""
    changed = saved != last
    return bool((saved[changed] != 255).all())


def run(tries: int, seed: int) -> Tally:
    """Kill so often."""
    choose, tally = random.Random(seed), Tally()
    for number in range(tries):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            project, log = make(Path(name)).path, Path(name) / "log"
            log.mkdir()
            command = [sys.executable, "-m", "tests.faults.window_kills", "--paint", str(project), str(log)]
            command += ["--seed", str(choose.randrange(2**31))]
            own = {**os.environ, "HOME": name}  # the user's preferences stay as they are
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=own) as process:
                assert process.stdout is not None
                if process.stdout.readline() != f"{_STARTED}\n":
                    raise RuntimeError("the window did not begin to paint")
                time.sleep(choose.uniform(0, LONGEST_S))
                killed_at = time.monotonic()
                process.kill()
            tally.kills += 1
            judge(project, log, killed_at, tally, number)
    return tally


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paint", type=Path, nargs=2, metavar=("PROJECT", "LOG"), help="what the child does")
    args = parser.parse_args()
    if args.paint:
        paint(*args.paint, args.seed)
    began = time.monotonic()
    tally = run(args.tries, args.seed)
    print("| kills | strokes | oldest stroke not on the disk | losses |\n|---:|---:|---:|---:|")
    print(f"| {tally.kills} | {tally.strokes} | {max(tally.oldest_s, default=0):.1f} s | {len(tally.losses)} |")
    print(f"seed {args.seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(tally.losses))
    return 1 if tally.losses else 0


if __name__ == "__main__":
    sys.exit(main())
