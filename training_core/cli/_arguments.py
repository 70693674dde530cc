"""What commands share: opening the project, results as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from training_core.io import atomic_write
from training_core.project import Project


def open_project(path: Path) -> Project:
    """The project in this folder; says on standard error if it was converted from an older version.

    Raises
    ------
    ProjectError
        Not a project, damaged, or made by a newer version.
    """
    project = Project.open(path)
    if project.migration is not None:
        print(project.migration.message, file=sys.stderr)
    return project


def write_json(result: dict[str, Any], target: str) -> None:
    """A command's result as JSON, to a file or (-) to standard output."""
    text = json.dumps(result, indent=1)
    if target == "-":
        print(text)
    else:
        atomic_write(Path(target), text.encode())


_WORDS = {
    "labeled": "annotated tiles",
    "unlabeled": "unannotated tiles",
    "validation": "validation tiles",
    "val": "validation",
    "per_class": "per class",
    "absent_classes": "classes not scored",
    "n_images": "images",
    "seconds": "time",
    "peak_rss_bytes": "peak memory",
    "peak_gpu_bytes": "peak GPU memory",
}
"""What a key of a result is called for a person, where the key itself does not read well."""

_PERCENT = ("mDice", "mJaccard", "dice", "jaccard")


def print_result(result: dict[str, Any]) -> None:
    """A command's result as lines for a person."""
    for key, value in result.items():
        if key != "spec_version":
            print(f"{_name(key)}: {_in_words(key, value)}")


def _name(key: str) -> str:
    return _WORDS.get(key, key.replace("_", " "))


def _in_words(key: str, value: Any) -> str:
    if isinstance(value, dict):
        parts = [f"{name} ({_in_words(name, each)})" if isinstance(each, dict) else
                 f"{name} {_in_words(name, each)}" for name, each in value.items()]  # fmt: skip
        return ", ".join(parts) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none"
    if key.endswith("_bytes"):
        return f"{value / 1e9:.2f} GB"
    if isinstance(value, float):
        return f"{value:.2f}" + (" %" if key in _PERCENT else " s" if key == "seconds" else "")
    return str(value)
