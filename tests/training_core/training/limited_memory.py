"""A process with little memory, started by test_memory.py.

train PROJECT MB CONFIG [RUN], predict RUN MB IMAGE OUT, or stream RUN MB IMAGE OUT.

The limit is what the process has when the work begins and so many MB more, so it is as tight on any machine.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from training_core.base.errors import UserError
from training_core.messages.events import Event, RunStarted
from training_core.messages.messenger import Messenger
from training_core.prediction.predictor import load_predictor
from training_core.prediction.regions import stream_image
from training_core.project import Project
from training_core.runs.run_folder import read_run
from training_core.settings.schema import resolve
from training_core.training.run import Request, train


def limit_memory(more_mb: int) -> None:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    size = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))
    np.linalg.inv(np.eye(3))  # OpenBLAS takes its buffer now: it ends the process where it gets none later
    resource.setrlimit(resource.RLIMIT_AS, (size + more_mb * 1_000_000,) * 2)


def train_limited(project: str, more_mb: str, config: str, run: str | None = None) -> None:
    def listen(event: Event) -> None:
        print(event.model_dump_json(), flush=True)
        if isinstance(event, RunStarted):
            limit_memory(int(more_mb))

    resume = Path(run) if run else None
    settings = read_run(resume)[0] if resume else resolve(json.loads(Path(config).read_text(encoding="utf-8")))
    if resume:  # there is something left to do
        schedule = settings.schedule.model_copy(update={"steps": settings.schedule.steps + 1})
        settings = settings.model_copy(update={"schedule": schedule})
    train(Request(Project.open(Path(project)), settings, resume), Messenger(listen))


def predict_limited(run: str, more_mb: str, image: str, out: str) -> None:
    predictor = load_predictor(Path(run))
    pixels = np.load(image)
    limit_memory(int(more_mb))
    np.save(out, predictor.predict(pixels).confidence)
    print(predictor.config.inference.window_px)


def stream_limited(run: str, more_mb: str, image: str, out: str) -> None:
    predictor = load_predictor(Path(run))
    limit_memory(int(more_mb))
    stream_image(predictor, Path(image), Path(out))
    print(predictor.config.inference.window_px)


if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        works = {"train": train_limited, "predict": predict_limited, "stream": stream_limited}
        works[sys.argv[1]](*sys.argv[2:])
    except UserError as error:
        sys.exit(f"error: {error}")
