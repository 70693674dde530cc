"""Trains without dropout, whose chance is each process's own: PROJECT CONFIG STOP_AFTER [RUN]; under torchrun or not.

STOP_AFTER: the step after which process 1 (of one process, that one) is told to stop; 0: none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from training_core.messages.messenger import Messenger
from training_core.project import Project
from training_core.runs.run_folder import read_run
from training_core.settings.schema import resolve
from training_core.training.run import Request, train
from training_core.training.trainer import Trainer


def main(project: str, config: str, stop_after: int, run: str | None = None) -> None:
    torch.set_num_threads(1)
    torch.nn.Dropout2d.forward = lambda self, x: x  # type: ignore[method-assign]
    resume = Path(run) if run else None
    settings = read_run(resume)[0] if resume else resolve(json.loads(Path(config).read_text(encoding="utf-8")))
    messenger = Messenger()
    told = int(os.environ.get("RANK", "0")) == int(os.environ.get("WORLD_SIZE", "1")) - 1
    if stop_after and told:
        step = Trainer.take_step

        def stopping(self: Trainer) -> object:
            result = step(self)
            if self.progress.step + 1 == stop_after:
                messenger.request_stop()  # as its signal handler would
            return result

        Trainer.take_step = stopping  # type: ignore[method-assign,assignment]
    train(Request(Project.open(Path(project)), settings, resume), messenger)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
