"""`predict --workers`, `--scheduler`: an image, or a band of a large slide, is a task for one of several processes."""

from __future__ import annotations

import argparse
import io
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from training_core import __version__
from training_core.base.attempts import Attempts, Failure
from training_core.base.errors import ConfigError, UserError
from training_core.base.printable import printable
from training_core.base.rows import Rows
from training_core.cli._no_network import no_network

_ONE_AT_A_TIME = threading.Lock()
"""A worker that somebody else has started may have several threads; one image takes all cores and the memory."""

Step = Literal["whole", "begin", "finish"] | Rows
"""What is done with an image: all of it, or with a large slide its beginning, a band of its rows, and the rest."""
Piece = tuple[Path, Step]
PredictStep = Callable[[argparse.Namespace, Path, Attempts, Step], tuple[int, list[Rows]]]
"""Returns how many results were there already, and the bands that a slide was begun with."""
WHOLE: Literal["whole"] = "whole"
BEGIN: Literal["begin"] = "begin"
FINISH: Literal["finish"] = "finish"


@dataclass(frozen=True)
class Told:
    """What a process tells of one step: whether the result was there already, why it has none, what it printed."""

    there: int
    failed: list[Failure]
    said: str
    bands: list[Rows] = field(default_factory=list)


def predict_on_workers(
    args: argparse.Namespace, heights: Mapping[Path, int], attempts: Attempts, predict: PredictStep
) -> int:
    """Predict the images in several processes; returns how many results were there already.

    Parameters
    ----------
    heights
        The images, with how many rows of pixels they have at most.
    predict
        Does one step of one image, in a process that knows the arguments only.

    Raises
    ------
    ConfigError
        The height of bands is none.
    """
    from training_core.compute.cluster import cluster, share_out
    from training_core.export.ome_zarr import CHUNK_PX

    if args.band_px < CHUNK_PX or args.band_px % CHUNK_PX:
        raise ConfigError(
            f"bands of {args.band_px} rows of pixels", f"a multiple of {CHUNK_PX}", f"--band-px {16 * CHUNK_PX}"
        )
    # a worker may have been started in another folder
    images = _Images({path.absolute(): height > args.band_px for path, height in heights.items()}, attempts)
    with cluster(args.workers, args.scheduler) as client:
        if not client.nthreads():
            print("Waiting for the first worker of the scheduler ...", file=sys.stderr)
        work = partial(_predict_one, predict, plain(args), __version__)
        share_out(client, work, images.first(), images.then)
    order = {path.name: at for at, path in enumerate(heights)}
    attempts.failed.sort(key=lambda failure: order.get(failure.name, -1))  # what was refused before comes first
    return images.there


class _Images:
    """Which step follows, and what came of each image.

    Parameters
    ----------
    large
        The images, and whether each may be predicted in bands.
    """

    def __init__(self, large: Mapping[Path, bool], attempts: Attempts) -> None:
        self._large, self._attempts = large, attempts
        self._bands: dict[Path, tuple[int, int]] = {}
        """How many bands of a slide there are, and how many have ended."""
        self._lost: dict[Path, UserError] = {}
        """Why a band of a slide was given up."""
        self._ended = 0
        self.there = 0

    def first(self) -> list[Piece]:
        """The first step of each."""
        return [(path, BEGIN if is_large else WHOLE) for path, is_large in self._large.items()]

    def then(self, piece: Piece, told: Told | UserError) -> list[Piece]:
        """The steps that follow one; a `UserError` is why it was given up."""
        path, step = piece
        if isinstance(told, Told):
            sys.stderr.write(told.said)
        if step == BEGIN and isinstance(told, Told) and not told.failed:
            self._bands[path] = len(told.bands), 0
            return [(path, rows) for rows in told.bands] or [(path, WHOLE)]
        if isinstance(step, str):
            self._end(path, told)
            return []
        return self._after_band(path, told)

    def _after_band(self, path: Path, told: Told | UserError) -> list[Piece]:
        """An error of the slide itself is met again, and told, when it is finished."""
        count, ended = self._bands[path]
        self._bands[path] = count, ended + 1
        if isinstance(told, UserError):
            self._lost[path] = told
        print(f"{printable(path.name)}: {ended + 1} of {count} bands", file=sys.stderr)
        if ended + 1 < count:
            return []
        if path not in self._lost:
            return [(path, FINISH)]
        self._end(path, self._lost[path])
        return []

    def _end(self, path: Path, told: Told | UserError) -> None:
        if isinstance(told, UserError):
            told = Told(0, [Failure(path.name, told)], "")
        self.there += told.there
        self._ended += 1
        self._attempts.failed.extend(told.failed)
        if not told.failed:
            self._attempts.done.append(path.name)
        outcome = "failed" if told.failed else "was there already" if told.there else "predicted"
        print(f"{printable(path.name)} {outcome} ({self._ended} of {len(self._large)})", file=sys.stderr)


def plain(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments as paths and plain values, without what concerns all images."""
    left_out = ("given", "images", "workers", "scheduler", "events")
    values = {name: value for name, value in vars(args).items() if name not in left_out and not callable(value)}
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in values.items()}


def _predict_one(predict: PredictStep, values: Mapping[str, Any], version: str, piece: Piece) -> Told:
    """In the worker's process."""
    if version != __version__:
        raise ConfigError(
            f"a worker has version {__version__} of this program, and this is {version}",
            "the same version everywhere",
            "install it for the workers, and start them again",
        )
    path, step = piece
    args = argparse.Namespace(**values, images=[path], workers=None, scheduler=None, events=None)
    attempts, said = Attempts(), io.StringIO()
    offline = no_network() if args.no_network else nullcontext()  # the worker may belong to somebody who is online
    with _ONE_AT_A_TIME, offline, redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        there, bands = predict(args, path, attempts, step)
    return Told(there, attempts.failed, said.getvalue(), bands)
