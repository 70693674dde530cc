"""The record of a benchmark: record.json in its folder, complete after every seed; a restart goes on from it."""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from training_core.base.bounded import read_json
from training_core.base.errors import ConfigError
from training_core.base.spec_version import FileFormat
from training_core.io import atomic_write

FORMAT = FileFormat(version=1, error=ConfigError)
RECORD = "record.json"
CONFIG = "config.json"
MARKDOWN = "record.md"
DATA = "data"
"""The synthetic tissue, which is drawn before anything else; only the demo has it."""
PROJECT = "project"
LOGS = "logs"
FIGURES = (
    "mDice",
    "mJaccard",
    "judged_dice",
    "object_f1",
    "object_dice",
    "object_hausdorff_px",
    "detection_f1",
    "detection_f1_any_class",
    "panoptic_quality",
    "aggregated_jaccard",
    "expected_calibration_error",
)
_COSTS = {"training_s": ("seconds", 1.0), "wall_s": ("wall_s", 1.0), "peak_memory_gb": ("peak_rss_bytes", 1e-9)}

Record = dict[str, Any]


def open_record(out: Path, plan: dict[str, Any], *, overwrite: bool) -> Record | None:
    """The record to continue with, or None for a new one; with `overwrite`, what an earlier benchmark left is removed.

    Raises
    ------
    ConfigError
        `out` holds something else, or a benchmark with another plan.
    """
    if not out.exists() or all(entry.name == DATA for entry in out.iterdir()):
        return None
    path = out / RECORD
    if not path.is_file():
        given = f"{out} is not empty and has no benchmark record"
        raise ConfigError(given, "a new or empty folder", "choose another one with --out")
    if overwrite:
        for name in (RECORD, CONFIG, MARKDOWN):
            (out / name).unlink(missing_ok=True)
        for name in (PROJECT, LOGS):
            shutil.rmtree(out / name, ignore_errors=True)
        return None
    record = read_record(path)
    different = [key for key, value in plan.items() if record["plan"].get(key) != value]
    if different:
        why = ", since images that were left out then can be used now"
        is_mended = bool(record.get("left_out")) and set(different) <= {"split", "data_sha256"}
        raise ConfigError(
            f"{out} has the record of a benchmark with different {' and '.join(different)}{why if is_mended else ''}",
            "the same command, to continue it, or another folder",
            "choose another folder with --out, or replace that record with --overwrite",
        )
    return record


def read_record(path: Path) -> Record:
    """A record from its file.

    Raises
    ------
    ConfigError
        Missing, damaged, or made by a newer version.
    """
    try:
        record: Record = read_json(path)
        whole = isinstance(record["plan"], dict)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not a benchmark record, or is damaged", f"a {RECORD} of this version", "check the path"
        ) from error
    if not whole:
        raise ConfigError(f"{path} is not a benchmark record", f"a {RECORD} with its plan", "run the benchmark again")
    return FORMAT.up_to_date(record, path)


def write_record(out: Path, record: Record) -> None:
    """Bring the summary up to date and write the record."""
    record["summary"] = summarize(record)
    atomic_write(out / RECORD, json.dumps(record, indent=1).encode())


def done(record: Record) -> list[dict[str, Any]]:
    """The seeds that are finished."""
    return [entry for entry in record["seeds"] if entry["status"] == "done"]


def summarize(record: Record) -> dict[str, Any]:
    """Mean and sample standard deviation (None for one seed) over the finished seeds."""
    entries = done(record)
    if not entries:
        return {}
    sets = {name: _of_set([entry["scores"][name] for entry in entries]) for name in entries[0]["scores"]}
    costs = {
        name: mean_and_sd([entry["train"][key] * factor for entry in entries]) for name, (key, factor) in _COSTS.items()
    }
    return {"n_seeds": len(entries), **costs, "sets": sets}


def _of_set(scores: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in FIGURES if all(score.get(name) is not None for score in scores)]
    classes = list(scores[0]["per_class"])
    return {
        "n_images": scores[0]["n_images"],
        **{name: mean_and_sd([score[name] for score in scores]) for name in names},
        "dice_per_image": _per_image(scores),
        "dice_pooled_over_seeds": _pooled(scores),
        "dice_by_class": {c: mean_and_sd([score["per_class"][c]["dice"] for score in scores]) for c in classes},
        "absent_classes": scores[0]["absent_classes"],
    }


def _per_image(scores: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Of each class the mean over the images that have it; nothing in a record of an earlier version."""
    if not all("per_image" in score for score in scores):
        return {}
    return {c: mean_and_sd([score["per_image"][c]["dice"] for score in scores]) for c in scores[0]["per_image"]}


def _pooled(scores: list[dict[str, Any]]) -> dict[str, float]:
    """Of each class the Dice of all seeds' pixels together; nothing in a record of an earlier version."""
    if not all("confusion" in score for score in scores):
        return {}
    names = list(scores[0]["confusion"])
    each = [[[score["confusion"][t][p] for p in names] for t in names] for score in scores]
    counts = np.array(each, np.int64).sum(axis=0)
    sizes = counts.sum(0) + counts.sum(1)
    return {c: 200 * int(counts[i, i]) / int(sizes[i]) for i, c in enumerate(names) if counts[i].sum()}


def mean_and_sd(values: list[float]) -> dict[str, float | None]:
    """Mean and sample standard deviation; None for one value."""
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values) if len(values) > 1 else None}


def main_set(entry: dict[str, Any]) -> str:
    """The set of images whose figures stand for a seed."""
    return "test" if "test" in entry["scores"] else "validation"
