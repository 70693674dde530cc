"""Every act, cut off before every change of the file system, and cut off again while that is being mended.

    python -m tests.faults.crash_points [--share 0.1] [--seed 1] [--acts NAME ...]

After each crash the project is opened and looked at: everything of the act is there or nothing, index and files agree,
nothing hidden is left, and the act can be done again. And at each point the act is held up while the project is
opened by somebody else, which must not disturb it. Prints a table of tries and losses; exit code 1 with losses.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.acts import ACTS, Act, make
from tests.faults.dying import count_points, dies, in_child, pauses
from training_core.base.errors import ProjectError
from training_core.project import Project
from training_core.project.check import check_project

_QUICK = Path("/dev/shm")
"""In memory: processes die here, and no disk has to take part."""
Snapshot = dict[str, Any]
"""What a project says and holds, without moments and random names."""


@dataclass
class Tally:
    """The tries of one act.

    Attributes
    ----------
    losses
        The points, and what was wrong there.
    """

    single: int = 0
    double: int = 0
    opened: int = 0
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """One act in a folder that can be put back to how it was."""

    act: Act
    work: Path
    template: Path

    def begin(self) -> None:
        """Put the folder back to how it is before the act."""
        self.put(self.template)

    def put(self, kept: Path) -> None:
        """Put the folder to how it was when it was kept."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(kept, self.work)

    def keep(self, name: str) -> Path:
        """Keep the folder as it is now."""
        kept = self.template.parent / name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.work, kept)
        return kept

    def do(self) -> None:
        """Do the act."""
        self.act.do(self.work)

    def open(self) -> None:
        """What mends: opening; where no project was made, or none that opens, the act once more."""
        try:
            Project.open(self.work / "project")
        except ProjectError:
            if not self.act.is_repeated:
                raise
            self.do()


def prepared(name: str, folder: Path) -> Trial:
    """The act of this name, ready."""
    trial = Trial(ACTS[name], folder / "work", folder / "template")
    in_child(lambda: (make(trial.template), trial.act.prepare(trial.template), None)[-1])
    return trial


def run_act(name: str, folder: Path, share: float, choose: random.Random) -> Tally:
    """Try this share of the points of an act, and of the points of mending each of them."""
    trial, tally = prepared(name, folder), Tally()
    trial.begin()
    before = None if trial.act.is_repeated else in_child(lambda: snapshot(trial.work))
    points = count_points(trial.do, trial.work)
    after = in_child(lambda: snapshot(trial.work))
    for point in chosen(points, share, choose):
        trial.begin()
        tally.single += 1
        if not dies(trial.do, trial.work, point):
            tally.losses.append(f"{name}: has no point {point} the second time")
            continue
        crashed = trial.keep("crashed")
        _judge(trial, before, after, f"{name}, point {point}", tally)
        trial.put(crashed)
        mending = count_points(trial.open, trial.work)
        _open_meanwhile(trial, after, point, name, tally)
        for second in chosen(mending, share, choose):
            trial.put(crashed)
            tally.double += 1
            if dies(trial.open, trial.work, second):
                _judge(trial, before, after, f"{name}, point {point} and {second} of its mending", tally)
    return tally


def _open_meanwhile(trial: Trial, after: Snapshot, point: int, name: str, tally: Tally) -> None:
    if trial.act.is_repeated:
        return
    trial.begin()
    tally.opened += 1
    try:
        pauses(trial.do, trial.work, point, lambda: Project.open(trial.work / "project") and None)
    except RuntimeError as error:
        tally.losses.append(f"{name}, opened at point {point}: {error}")
    _judge(trial, None, after, f"{name}, opened at point {point}", tally)


def chosen(points: int, share: float, choose: random.Random) -> list[int]:
    """This share of the points, at least one."""
    if share >= 1:
        return list(range(points))
    return sorted(choose.sample(range(points), min(points, max(1, round(points * share))))) if points else []


def _judge(trial: Trial, before: Snapshot | None, after: Snapshot, where: str, tally: Tally) -> None:
    tally.losses += problems_of(trial, before, after, where)


def problems_of(trial: Trial, before: Snapshot | None, after: Snapshot, where: str) -> list[str]:
    """Open the project after an act that was cut off, and say what is wrong with it."""
    try:
        problems = in_child(lambda: list(_problems(trial, before, after)))
    except RuntimeError as error:
        problems = [str(error).strip()]
    return [f"{where}: {problem}" for problem in problems]


def _problems(trial: Trial, before: Snapshot | None, after: Snapshot) -> Iterator[str]:
    trial.open()
    now = snapshot(trial.work)
    if now not in (before, after):
        yield f"neither as before nor as after: {_difference(now, after)}; and {_difference(now, before or {})}"
    found = check_project(trial.work / "project")
    if found.problems or found.notes:
        yield f"project check: {found}"
    hidden = [str(path.relative_to(trial.work)) for path in trial.work.rglob("*") if is_hidden(path)]
    if hidden:
        yield f"left behind: {hidden}"
    if now == before:
        trial.do()
        again = snapshot(trial.work)
        if again != after:
            yield f"done again, it is not as after: {_difference(again, after)}"


def is_hidden(path: Path) -> bool:
    """Whether it is no file for users: a temporary one, a journal, a scratch folder."""
    return path.name.startswith(".") or path.name == "project.journal" or path.suffix == ".tmp"


def snapshot(work: Path) -> Snapshot:
    """What the project says and holds."""
    project = work / "project"
    try:
        index = Project.open(project).index
        seen: Snapshot = {"index": re.sub(r"created_at='[^']*'", "", repr(index))}
    except Exception as error:
        seen = {"index": type(error).__name__}
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project).as_posix()
        if path.is_dir() or is_hidden(path) or name.startswith("backups/project") or name in ("project.json", _LOCK):
            continue
        seen[_MOMENT.sub("MOMENT", name)] = _content(path)
    return seen


_LOCK = "project.lock"
_MOMENT = re.compile(r"\d{8}-\d{6}-\d{6}")


def _content(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".json":
        with suppress(ValueError):
            data = re.sub(r'"at": "[^"]*"', "", json.dumps(json.loads(data))).encode()
    return hashlib.sha256(data).hexdigest()


def _difference(first: Snapshot, second: Snapshot) -> str:
    names = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
    return ", ".join(names[:6]) or "nothing"


def run(share: float, seed: int, acts: Callable[[str], bool] = lambda _: True) -> dict[str, Tally]:
    """All acts, one after the other."""
    tallies = {}
    for name in filter(acts, ACTS):
        with tempfile.TemporaryDirectory(dir=_QUICK if _QUICK.is_dir() else None) as folder:
            tallies[name] = run_act(name, Path(folder), share, random.Random(f"{seed} {name}"))
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """Tries and losses by act, as Markdown."""
    rows = [(name, each.single, each.double, each.opened, len(each.losses)) for name, each in tallies.items()]
    rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3, 4))))
    lines = [f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |" for name, *numbers in rows]
    head = ["| act | crashes | second crashes | opened meanwhile | losses |", "|---|---:|---:|---:|---:|"]
    return "\n".join((*head, *lines))


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of all points (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which points a share below 1 takes")
    parser.add_argument("--acts", nargs="+", default=list(ACTS), help="by their names (default: all)")
    args = parser.parse_args()
    began = time.monotonic()
    tallies = run(args.share, args.seed, lambda name: name in args.acts)
    print(table(tallies))
    print(f"share {args.share:g}, seed {args.seed}, {time.monotonic() - began:.0f} s")
    losses = [loss for tally in tallies.values() for loss in tally.losses]
    print("\n".join(losses))
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
