"""Every act, on a disk that takes nothing more from one of its changes on, and on one that lacks system calls.

    python -m tests.faults.refusals [--share 0.1] [--seed 1] [--acts NAME ...]

The disk becomes read-only, loses permission, or breaks (EROFS, EACCES, EIO). Then it works again: everything of the act
must be there or nothing, and the act can be done again. And every act must be done where files and folders cannot be
synchronised, and where there are no locks (EINVAL, ENOTSUP, ENOLCK, ENOSYS). Prints a table; exit code 1 with losses.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.acts import ACTS
from tests.faults.crash_points import _QUICK, Trial, chosen, is_hidden, prepared, problems_of, snapshot
from tests.faults.dying import count_points, in_child, refused

BROKEN = (errno.EROFS, errno.EACCES, errno.EIO)
LACKING = (errno.EINVAL, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS)


@dataclass
class Tally:
    """The tries of one act."""

    broken: int = 0
    lacking: int = 0
    losses: list[str] = field(default_factory=list)


@contextmanager
def lacking(call: str, code: int) -> Iterator[None]:
    """The file system has no such call."""
    module: Any = {"fsync": os, "flock": fcntl}[call]
    before = getattr(module, call)

    def refuse(*_arguments: Any) -> None:
        raise OSError(code, os.strerror(code))

    setattr(module, call, refuse)
    try:
        yield
    finally:
        setattr(module, call, before)


def run_act(name: str, folder: Path, share: float, choose: random.Random) -> Tally:
    """Try this share of the points of an act with each error, and the act with each call that is missing."""
    trial, tally = prepared(name, folder), Tally()
    trial.begin()
    before = None if trial.act.is_repeated else in_child(lambda: snapshot(trial.work))
    points = count_points(trial.do, trial.work)
    after = in_child(lambda: snapshot(trial.work))
    for code in BROKEN:
        for point in chosen(points, share, choose):
            trial.begin()
            tally.broken += 1
            kind, words = refused(trial.do, trial.work, point, code)
            where = f"{name}, {errno.errorcode[code]} from point {point} on"
            if kind not in ("", "StorageError", "UnwritableFileError"):
                tally.losses.append(f"{where}: {kind}: {words}")
            tally.losses += problems_of(trial, before, after, where)
    for call, code in [("fsync", code) for code in LACKING[:2]] + [("flock", code) for code in LACKING]:
        trial.begin()
        tally.lacking += 1
        where = f"{name}, {call} gives {errno.errorcode[code]}"
        tally.losses += [f"{where}: {problem}" for problem in _without(trial, after, call, code)]
    return tally


def _without(trial: Trial, after: dict[str, Any], call: str, code: int) -> list[str]:
    def tried() -> list[str]:
        with lacking(call, code), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial.do()
            now = snapshot(trial.work)
        left = [path.name for path in trial.work.rglob("*") if is_hidden(path)]
        return (["is not as after"] if now != after else []) + [f"left behind: {name}" for name in left]

    try:
        problems: list[str] = in_child(tried)
    except RuntimeError as error:
        return [str(error).strip().splitlines()[-1]]
    return problems


def run(share: float, seed: int, acts: Callable[[str], bool] = lambda _: True) -> dict[str, Tally]:
    """All acts, one after the other."""
    tallies = {}
    for name in filter(acts, ACTS):
        with tempfile.TemporaryDirectory(dir=_QUICK if _QUICK.is_dir() else None) as folder:
            tallies[name] = run_act(name, Path(folder), share, random.Random(f"{seed} {name}"))
    return tallies


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of all points (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="which points a share below 1 takes")
    parser.add_argument("--acts", nargs="+", default=list(ACTS), help="by their names (default: all)")
    args = parser.parse_args()
    began = time.monotonic()
    tallies = run(args.share, args.seed, lambda name: name in args.acts)
    print("| act | disk fails | calls missing | losses |\n|---|---:|---:|---:|")
    rows = [(name, each.broken, each.lacking, len(each.losses)) for name, each in tallies.items()]
    rows.append(("all", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
    print("\n".join(f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |" for name, *numbers in rows))
    print(f"share {args.share:g}, seed {args.seed}, {time.monotonic() - began:.0f} s")
    losses = [loss for tally in tallies.values() for loss in tally.losses]
    print("\n".join(losses))
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
