"""What a run found in each tile, in one file: lists of 10,000 tiles must not open 30,000 images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from training_core.base.arrays import UNLABELED, ClassIds, Confidence8
from training_core.base.lines import append_line
from training_core.project.runs import RUNS_FOLDER, finished_run_ids, predicted_names

SUMMARIES_NAME = "tiles.jsonl"
UNSURE_BELOW = 0.75
"""Calibrated confidence under which at least a quarter of the pixels are expected to be wrong."""


@dataclass(frozen=True)
class TileSummary:
    """A tile's prediction in numbers; shares are of all its pixels, 0..1, by class id.

    Attributes
    ----------
    confidence
        The mean of all pixels.
    unsure
        Pixels with a confidence under `UNSURE_BELOW`, by the class predicted there.
    changed
        Pixels whose class differs from what the run before predicted; None: there was none.
    """

    tile: str
    confidence: float
    classes: Mapping[int, float] = field(default_factory=dict)
    unsure: Mapping[int, float] = field(default_factory=dict)
    changed: float | None = None

    @property
    def unsure_share(self) -> float:
        """The share of unsure pixels."""
        return sum(self.unsure.values())


_summary = TypeAdapter(TileSummary)


def summarize(
    tile: str,
    prediction: ClassIds,
    confidence: Confidence8,
    before: ClassIds | None = None,
) -> TileSummary:
    """Of a prediction (H, W) in class ids, its confidence (H, W) as 0..255, and the prediction of the run before."""
    changed = None
    if before is not None and before.shape == prediction.shape:
        changed = float((prediction != before).mean())
    return TileSummary(
        tile,
        round(float(confidence.mean()) / 255, 4),
        _shares(prediction.ravel(), prediction.size),
        _shares(prediction[confidence < UNSURE_BELOW * 255], prediction.size),
        changed,
    )


def add_summary(run_dir: Path, summary: TileSummary) -> None:
    """Append a line to the run's file; of a tile written twice the later line counts.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    append_line(run_dir / SUMMARIES_NAME, _summary.dump_json(summary))


def read_summaries(project: Path, run_id: str) -> dict[str, TileSummary]:
    """The summaries of a run by tile; empty for a run of an earlier version. A torn last line is left out."""
    path = project / RUNS_FOLDER / run_id / SUMMARIES_NAME
    if not path.is_file():
        return {}
    summaries = {}
    for line in path.read_bytes().splitlines():
        try:
            summary = _summary.validate_json(line)
        except ValidationError:  # the machine stopped while it was written
            continue
        summaries[summary.tile] = summary
    return summaries


def newest_summaries(project: Path) -> dict[str, TileSummary]:
    """The summary of each tile's newest prediction, whichever finished run made it."""
    newest: dict[str, TileSummary] = {}
    for run_id in finished_run_ids(project):
        predicted = predicted_names(project, run_id)
        if not newest or not predicted <= newest.keys():  # a large file of an old run
            for name, summary in read_summaries(project, run_id).items():
                if name in predicted:  # not of a tile that was removed, whose name another may have
                    newest.setdefault(name, summary)
    return newest


def _shares(ids: ClassIds, total: int) -> dict[int, float]:
    counts = np.bincount(ids, minlength=UNLABELED + 1)
    return {int(i): round(float(counts[i]) / total, 6) for i in np.flatnonzero(counts)}
