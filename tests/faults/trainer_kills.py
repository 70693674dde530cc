"""A training that is killed at random moments of every phase of its life, by SIGKILL, and then resumed.

    python -m tests.faults.trainer_kills [--tries 200] [--seed 1]

After each kill the project must open, `project check` must find nothing, the annotations must be as they were, and the
run, resumed, or begun again where it had no checkpoint yet, must end with the bits of a run that nobody disturbed.
Prints tries and losses by phase; exit code 1 with losses. What is drawn is the event after which the process dies, and
how long after it, so that short phases are met as often as long ones.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from tests.faults.dying import in_child
from tests.training_core.conftest import SMALL_RUN, build_project
from training_core.messages.events import Event, Status
from training_core.messages.messenger import Messenger
from training_core.project import Project
from training_core.project.check import check_project
from training_core.runs.checkpoint import open_checkpoint
from training_core.settings.schema import Config, resolve
from training_core.training.run import Request, train

_QUICK = Path("/dev/shm")
_RUN = {"schedule": {"steps": 5, "validate_every_steps": 2, "quick_start": True, "warm_start": False}}
Moments = list[tuple[str, float]]
"""The phase that each event of a run tells of, and how long it was until the next one."""


@dataclass
class Tally:
    """Tries and losses by phase."""

    tries: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    losses: list[str] = field(default_factory=list)


def config() -> Config:
    """A run of five small steps on the CPU, with all that a run does."""
    return resolve({**SMALL_RUN, **_RUN})


def phase_of(event: Event) -> str:
    """In words, without numbers."""
    words = event.message if isinstance(event, Status) else type(event).__name__
    return " ".join(word for word in words.split() if word.isalpha())[:60]


def undisturbed(project: Project) -> tuple[Moments, dict[str, Any]]:
    """What happens when in a run, and what comes of it."""
    seen: list[tuple[str, float]] = []

    def listen(event: Event) -> None:
        seen.append((phase_of(event), time.monotonic()))

    _train(project, listen)
    ends = [moment for _, moment in seen[1:]] + [time.monotonic()]
    return [(phase, end - moment) for (phase, moment), end in zip(seen, ends, strict=True)], outcome(project)


def outcome(project: Project) -> dict[str, Any]:
    """Summary but for times and memory, predictions and best weights of the newest run, byte by byte."""
    folder = project.runs_dir / project.run_ids()[-1]
    summary = json.loads((folder / "summary.json").read_text())
    for key in ("run", "seconds", "peak_rss_bytes", "peak_gpu_bytes"):
        summary.pop(key)
    files = {path.name: path.read_bytes() for path in (folder / "predictions").iterdir()}
    tensors = load_file(open_checkpoint(folder, "best").path / "model.safetensors")
    return {**summary, **files, **{name: tensor.numpy().tobytes() for name, tensor in tensors.items()}}


def killed(folder: Path, event: int, delay_s: float) -> bool:
    """Whether a training process died, so long after its event of this number; else it was through before."""
    child = os.fork()
    if child == 0:
        numbers = iter(range(sys.maxsize))

        def listen(_event: Event) -> None:
            if next(numbers) == event:
                threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()

        try:
            _train(Project.open(folder), listen)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def resumed(folder: Path, expected: dict[str, Any], labels: dict[str, bytes]) -> tuple[bool, list[str]]:
    """Go on after a kill; whether there was a checkpoint, and what is wrong."""
    project = Project.open(folder)
    found = check_project(folder)
    problems = [*found.problems, *found.notes]
    if labels_of(folder) != labels:
        problems.append("annotations changed")
    unfinished = project.unfinished_run()
    if project.latest_run_id() is None:
        _train(project, lambda _event: None, unfinished and project.runs_dir / unfinished.run_id)
    now = outcome(project)
    problems += [f"{name} differs" for name in {*now, *expected} if now.get(name) != expected.get(name)][:5]
    return unfinished is not None, problems


def labels_of(folder: Path) -> dict[str, bytes]:
    """All files of annotations."""
    return {path.name: path.read_bytes() for path in (folder / "labels").iterdir()}


def run(tries: int, seed: int) -> Tally:
    """Kill and resume so often."""
    choose, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(dir=_QUICK if _QUICK.is_dir() else None) as name:
        template, work = Path(name) / "template", Path(name) / "work"
        in_child(lambda: build_project(template) and None)
        labels = labels_of(template / "project")
        shutil.copytree(template, work)
        moments, expected = in_child(lambda: undisturbed(Project.open(work / "project")))
        phases = sorted({phase for phase, _ in moments})
        for number in range(tries):
            phase = phases[number % len(phases)]
            event = choose.choice([place for place, each in enumerate(moments) if each[0] == phase])
            shutil.rmtree(work)
            shutil.copytree(template, work)
            killed(work / "project", event, choose.uniform(0, moments[event][1]))
            tally.tries[phase] += 1
            try:
                had_checkpoint, problems = in_child(lambda: resumed(work / "project", expected, labels))
            except RuntimeError as error:
                had_checkpoint, problems = False, [str(error)]
            tally.resumed += had_checkpoint
            tally.losses += [f"try {number}, {phase}: {problem}" for problem in problems]
    return tally


def _train(project: Project, listen: Any, resume: Path | None = None) -> None:
    messenger = Messenger()
    messenger.listener = listen
    try:
        train(Request(project, config(), resume), messenger)
    finally:
        messenger.close()


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    began = time.monotonic()
    tally = run(args.tries, args.seed)
    print("| killed after | kills |\n|---|---:|")
    print("\n".join(f"| {phase} | {count} |" for phase, count in sorted(tally.tries.items())))
    total = sum(tally.tries.values())
    print(f"{total} kills, {tally.resumed} resumed from a checkpoint, {len(tally.losses)} losses")
    print(f"seed {args.seed}, {time.monotonic() - began:.0f} s")
    print("\n".join(tally.losses))
    return 1 if tally.losses else 0


if __name__ == "__main__":
    sys.exit(main())
