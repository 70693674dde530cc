"""RUN/predicting.jsonl: the tiles that a run has predicted since its training ended, for the start that goes on.

The first line says by what they are predicted. Where the weights, the way to read them, the makers or the labels are
others now, the list begins again. It goes when the run has its summary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training_core.base.bounded import parse_json, read_file
from training_core.base.lines import append_line
from training_core.base.safe_paths import refuse_link
from training_core.io import atomic_write

NAME = "predicting.jsonl"


class PredictedSoFar:
    """The list of one run.

    Parameters
    ----------
    made_by
        All that the predictions depend on.
    """

    def __init__(self, run_dir: Path, made_by: Mapping[str, Any]) -> None:
        self._path = refuse_link(run_dir / NAME)
        header = json.dumps({"spec_version": 1, **made_by}, sort_keys=True)
        self.makers: dict[str, str] = {}
        """Who made each tile's prediction, by the tile's name."""
        lines = self._lines()
        if lines[:1] == [header]:
            self.makers = dict(filter(None, map(_entry, lines[1:])))
        known = [json.dumps(entry) for entry in self.makers.items()]
        atomic_write(self._path, "".join(f"{line}\n" for line in (header, *known)).encode())

    def add(self, name: str, maker: str) -> None:
        """The tile's files are whole.

        Raises
        ------
        StorageError
            The disk is full or not writable.
        """
        append_line(self._path, json.dumps([name, maker]).encode())

    def end(self) -> None:
        """The run is finished."""
        self._path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return read_file(self._path).decode().split("\n")
        except (OSError, ValueError):
            return []


def _entry(line: str) -> tuple[str, str] | None:
    """None: the machine stopped while the line was written."""
    try:
        name, maker = parse_json(line)
    except (ValueError, TypeError):
        return None
    return (name, maker) if isinstance(name, str) and isinstance(maker, str) else None
