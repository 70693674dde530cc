"""Four processes that paint one tile at the same time, each stroke a pixel of its own, saved as the window saves.

    python -m tests.faults.writers [--strokes 10000] [--seed 1]

In the end every stroke must be in the label. Prints strokes and losses; exit code 1 with losses.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from training_core.io import write_png
from training_core.project import LabelSource, Project, make_classes
from training_core.project.check import check_project

ROOT = Path(__file__).parents[2]
WRITERS = 4
_QUICK = Path("/dev/shm")


def places(strokes: int, seed: int) -> tuple[int, np.ndarray]:
    """The side of the tile, and in random order the place of each stroke in it."""
    side = max(32, int(np.ceil(strokes**0.5)))
    return side, np.random.default_rng(seed).permutation(side * side)[:strokes]


def class_of(stroke: int) -> int:
    """What a stroke paints."""
    return stroke % 3


def paint(folder: Path, writer: int, strokes: int, seed: int) -> None:
    """Every fourth stroke, each based on the label as this writer knows it."""
    project = Project.open(folder)
    _, where = places(strokes, seed)
    known = project.label("tile")
    for stroke in range(writer, strokes, WRITERS):
        label = known.copy()
        label.ravel()[where[stroke]] = class_of(stroke)
        known = project.write_label("tile", label, LabelSource.PAINTED, base=known).label


def run(strokes: int, seed: int) -> list[str]:
    """Paint so many strokes in all; what is wrong in the end."""
    side, where = places(strokes, seed)
    with tempfile.TemporaryDirectory(dir=_QUICK if _QUICK.is_dir() else None) as name:
        write_png(Path(name) / "tile.png", np.zeros((side, side, 3), np.uint8))
        classes = make_classes(("background", "gland", "stroma"))
        folder = Project.create(Path(name) / "project", [Path(name) / "tile.png"], classes=classes).path
        command = [sys.executable, "-m", "tests.faults.writers", "--strokes", str(strokes), "--seed", str(seed)]
        writers = [
            subprocess.Popen([*command, "--paint", str(folder), str(writer)], cwd=ROOT) for writer in range(WRITERS)
        ]
        problems = [f"writer {number} failed" for number, each in enumerate(writers) if each.wait() != 0]
        found, project = check_project(folder), Project.open(folder)
        problems += [*found.problems, *found.notes]
        expected = np.full(side * side, 255, np.uint8)
        expected[where] = [class_of(stroke) for stroke in range(strokes)]
        lost = int(np.count_nonzero(project.label("tile").ravel() != expected))
        if lost:
            problems.append(f"{lost} strokes lost")
        edits = len(project.label_edits("tile"))
        if edits != strokes:
            problems.append(f"the history has {edits} edits")
    return problems


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--paint", nargs=2, metavar=("PROJECT", "WRITER"), help="what each child does")
    args = parser.parse_args()
    if args.paint:
        paint(Path(args.paint[0]), int(args.paint[1]), args.strokes, args.seed)
        return 0
    began = time.monotonic()
    problems = run(args.strokes, args.seed)
    print(f"{args.strokes:,} strokes by {WRITERS} writers of one tile: {len(problems)} losses")
    print(f"seed {args.seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
