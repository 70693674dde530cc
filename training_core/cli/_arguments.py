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
    ProjectError: not a project, damaged, or made by a newer version.
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


def print_result(result: dict[str, Any]) -> None:
    """A command's result as lines for a person."""
    for key, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {_short(v)}" for k, v in value.items())
        if key != "spec_version":
            print(f"{key.replace('_', ' ')}: {_short(value)}")


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
