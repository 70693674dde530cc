"""`predict --workers` and `--scheduler`: each image is a task for one of several processes."""

from __future__ import annotations

import argparse
import io
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from training_core import __version__
from training_core.base.attempts import Attempts, Failure
from training_core.base.errors import ConfigError, UserError
from training_core.base.printable import printable
from training_core.cli._no_network import no_network

_ONE_AT_A_TIME = threading.Lock()
"""A worker that somebody else has started may have several threads; one image takes all cores and the memory."""

PredictOne = Callable[[argparse.Namespace, Path, Attempts], int]


@dataclass(frozen=True)
class Told:
    """What a process tells of one image: whether its result was there already, why it has none, what it printed."""

    there: int
    failed: list[Failure]
    said: str


def predict_on_workers(args: argparse.Namespace, paths: Sequence[Path], attempts: Attempts, predict: PredictOne) -> int:
    """Predict the images in several processes; returns how many results were there already.

    Parameters
    ----------
    predict
        Predicts one image, in a process that knows the arguments only.
    """
    from training_core.compute.cluster import cluster, shared_out

    there = 0
    with cluster(args.workers, args.scheduler) as client:
        if not client.nthreads():
            print("Waiting for the first worker of the scheduler ...", file=sys.stderr)
        work = partial(_predict_one, predict, plain(args), __version__)
        whole = [path.absolute() for path in paths]  # a worker may have been started in another folder
        for done, (path, told) in enumerate(shared_out(client, work, whole), 1):
            if isinstance(told, UserError):
                told = Told(0, [Failure(path.name, told)], "")
            there += told.there
            attempts.failed.extend(told.failed)
            if not told.failed:
                attempts.done.append(path.name)
            sys.stderr.write(told.said)
            outcome = "failed" if told.failed else "was there already" if told.there else "predicted"
            print(f"{printable(path.name)} {outcome} ({done} of {len(paths)})", file=sys.stderr)
    order = {path.name: at for at, path in enumerate(paths)}
    attempts.failed.sort(key=lambda failure: order.get(failure.name, -1))  # what was refused before comes first
    return there


def plain(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments as paths and plain values, without what concerns all images."""
    left_out = ("given", "images", "workers", "scheduler", "events")
    values = {name: value for name, value in vars(args).items() if name not in left_out and not callable(value)}
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in values.items()}


def _predict_one(predict: PredictOne, values: Mapping[str, Any], version: str, path: Path) -> Told:
    """In the worker's process."""
    if version != __version__:
        raise ConfigError(
            f"a worker has version {__version__} of this program, and this is {version}",
            "the same version everywhere",
            "install it for the workers, and start them again",
        )
    args = argparse.Namespace(**values, images=[path], workers=None, scheduler=None, events=None)
    attempts, said = Attempts(), io.StringIO()
    offline = no_network() if args.no_network else nullcontext()  # the worker may belong to somebody who is online
    with _ONE_AT_A_TIME, offline, redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        there = predict(args, path, attempts)
    return Told(there, attempts.failed, said.getvalue())
