"""What commands share: results as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training_core.io import atomic_write


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
