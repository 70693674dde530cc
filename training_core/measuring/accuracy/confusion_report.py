"""Which class is predicted as which, in a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training_core.class_maps.pixel_scores import percent_of_truth
from training_core.measuring.accuracy.markdown import figure, table
from training_core.measuring.accuracy.record import Record, done, main_set, mean_and_sd


def render_confusion(records: Sequence[Record]) -> str:
    """Which class is predicted as which, on the test images or, without any, on the validation images."""
    names = [c["name"] for c in records[0]["classes"]]
    rows: list[list[str]] = []
    without: list[str] = []
    for number, record in enumerate(records, 1):
        if (entries := done(record)) and all("confusion" in entry["scores"][main_set(entry)] for entry in entries):
            rows.extend([f"{number}. {record['label']}", *cells] for cells in _rows(entries, names))
        elif entries:
            without.append(f"{number}. {record['label']}")
    if not rows:
        return ""
    head = ["method", "images", "mask", *(f"predicted {name}" for name in names)]
    left_out = f"\nScored by an earlier version, which counted none: {'; '.join(without)}.\n" if without else ""
    title = "### Confusion matrix, % of the pixels that the masks give each class"
    return f"{title}\n\n{table(head, rows)}{left_out}"


def _rows(entries: Sequence[dict[str, Any]], names: Sequence[str]) -> list[list[str]]:
    """The rows of one record: the set of images, the class of the mask, a figure per predicted class."""
    which = main_set(entries[0])
    seeds = [percent_of_truth(entry["scores"][which]["confusion"]) for entry in entries]
    rows = []
    for true in names:
        figures = ["no pixel"] * len(names)
        if seeds[0].get(true):  # the masks are the same for every seed
            figures = [figure(mean_and_sd([shares[true][predicted] for shares in seeds]), 2) for predicted in names]
        rows.append([which, true, *figures])
    return rows
