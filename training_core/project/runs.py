"""What the trainer left in the project: finished runs, their predictions, and the rounds."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from training_core.base.bounded import read_file
from training_core.base.errors import ProjectError
from training_core.base.safe_paths import check_name, within
from training_core.base.spec_version import FileFormat
from training_core.project.records import Round, TilePrediction

RUNS_FOLDER = "runs"
ROUNDS_FOLDER = "rounds"
DISCARDED_SUFFIX = ".discarded"
DISCARDED_GLOB = f".*{DISCARDED_SUFFIX}"
"""Runs that are being removed, hidden as a whole before their files go one by one."""
CLOUD_MARK = re.compile(
    r" \(.+\)|_conf\(\d+\)"  # Dropbox, Google Drive, Nextcloud, Seafile, Box
    r"| \d{1,3}"  # iCloud
    r"|\.sync-conflict-\d{8}-\d{6}(?:-[0-9A-Z]+)?|_conflict-\d{8}-\d{6}"  # Syncthing, ownCloud
)
"""What cloud drives add to the name of a copy; see `cloud_copies`."""
_SETTLED_NS = 2_000_000_000
"""A folder that changed within this time may change again under the same time stamp."""
_KINDS = ("prediction", "pseudo_label", "confidence")
_round = TypeAdapter(Round)
_FORMAT = FileFormat(version=1, error=ProjectError)


def natural_key(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key under which tile_2 comes before tile_10."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], text


def run_ids(project: Path) -> tuple[str, ...]:
    """The runs, oldest first: their ids start with the time, so they sort by name, also after a copy.

    A copy of one that a cloud drive made beside it is no run.
    """
    folder = project / RUNS_FOLDER
    if not folder.is_dir():
        return ()
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return tuple(sorted((name for name in names if copied_run(name, names) is None), key=natural_key))


def copied_run(name: str, names: Collection[str]) -> str | None:
    """Which of the names of runs this one is a cloud drive's copy of; None: of none."""
    for mark in CLOUD_MARK.finditer(name):
        if mark.end() == len(name) and name[: mark.start()] in names:
            return name[: mark.start()]
    return None


def finished_run_ids(project: Path) -> Iterator[str]:
    """The runs that have finished (have a summary.json), newest first."""
    for run_id in reversed(run_ids(project)):
        if (project / RUNS_FOLDER / run_id / "summary.json").is_file():
            yield run_id


def latest_run_id(project: Path) -> str | None:
    """The newest run that has finished."""
    return next(finished_run_ids(project), None)


def newest_prediction(project: Path, name: str) -> TilePrediction | None:
    """A tile's newest final output, whichever finished run made it: one that was stopped has not predicted them all."""
    found = (find_prediction(project, run_id, name) for run_id in finished_run_ids(project))
    return next((each for each in found if each is not None), None)


def prediction_before(project: Path, run_id: str, name: str) -> TilePrediction | None:
    """The same of the finished runs that are older than `run_id`."""
    older = (each for each in finished_run_ids(project) if natural_key(each) < natural_key(run_id))
    return next((each for each in (find_prediction(project, run, name) for run in older) if each is not None), None)


def predicting_runs(project: Path) -> dict[str, str]:
    """The run that made the newest final output of each tile, by the tile's name, by one look at each run's folder."""
    runs: dict[str, str] = {}
    for run_id in finished_run_ids(project):
        for name in predicted_names(project, run_id):
            runs.setdefault(name, run_id)
    return runs


def find_prediction(project: Path, run_id: str, name: str) -> TilePrediction | None:
    """A run's final output for a tile, or None where the run has none."""
    prediction, pseudo_label, confidence = prediction_paths(project, run_id, name)
    if not (prediction.is_file() and pseudo_label.is_file() and confidence.is_file()):
        return None
    return TilePrediction(run_id, prediction, pseudo_label, confidence)


def prediction_paths(project: Path, run_id: str, name: str) -> tuple[Path, Path, Path]:
    """Where a run's prediction, pseudo-label and confidence of a tile are, if it has made them."""
    prediction, pseudo_label, confidence = (
        within(project, RUNS_FOLDER, run_id, "predictions", f"{name}.{kind}.png") for kind in _KINDS
    )
    return prediction, pseudo_label, confidence


def predicted_names(project: Path, run_id: str) -> frozenset[str]:
    """The tiles for which a run has its final output, by one look at the folder."""
    folder = within(project, RUNS_FOLDER, run_id, "predictions")
    try:
        changed_ns = folder.stat().st_mtime_ns
    except OSError:
        return frozenset()
    if time.time_ns() - changed_ns < _SETTLED_NS:
        return _predicted_names(folder)
    return _known_names(folder, changed_ns)


@lru_cache(maxsize=64)
def _known_names(folder: Path, _changed_ns: int) -> frozenset[str]:
    return _predicted_names(folder)


def _predicted_names(folder: Path) -> frozenset[str]:
    files = set(os.listdir(folder))
    ending = f".{_KINDS[0]}.png"
    names = (file.removesuffix(ending) for file in files if file.endswith(ending))
    return frozenset(name for name in names if all(f"{name}.{kind}.png" in files for kind in _KINDS))


def read_rounds(project: Path) -> tuple[Round, ...]:
    """The rounds, oldest first.

    Raises
    ------
    ProjectError
        A file is damaged, or of a newer version.
    """
    rounds = []
    paths = [path for path in (project / ROUNDS_FOLDER).glob("*.json") if path.stem.isdecimal()]  # no copies of them
    for path in sorted(paths, key=lambda path: natural_key(path.stem)):
        try:
            data = read_file(path)
            _FORMAT.refuse_newer(data, path)
            rounds.append(_round.validate_json(data))
            check_name(rounds[-1].run_id, path)
        except (OSError, ValidationError) as cause:
            given = f"{path} is damaged or cannot be read"
            raise ProjectError(
                given,
                "a record of a round, written by napari-unisemalign",
                "move that file away; labels and runs are kept",
            ) from cause
    return tuple(rounds)


def encode_round(project: Path, entry: Round) -> tuple[Path, bytes]:
    """Where rounds/NNN.json lies, and its bytes.

    Raises
    ------
    ProjectError
        The folder of rounds is a link that leads out of the project.
    """
    path = within(project, ROUNDS_FOLDER, f"{entry.number:03d}.json")
    return path, _round.dump_json(entry, indent=1) + b"\n"
