"""A confusion matrix as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping

from training_core.class_maps.pixel_scores import percent_of_truth


def print_confusion(by_name: Mapping[str, Mapping[str, int]]) -> None:
    """Print a table of the counts, in percent of the true pixels of each class."""
    shares = percent_of_truth(by_name)
    rows = [["mask", *by_name, "pixels"]]
    for true, row in by_name.items():
        cells = [f"{shares[true][each]:.1f}" if shares[true] else "-" for each in row]
        rows.append([true, *cells, f"{sum(row.values()):,}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print("confusion matrix, in % of the pixels that the masks give each class (columns: prediction):")
    for first, *others in rows:
        cells = [each.rjust(width) for each, width in zip(others, widths[1:], strict=True)]
        print("  ".join([" ", first.ljust(widths[0]), *cells]))
