"""What the papers report: mDice and mJaccard in percent, class means of pixel counts pooled over the test set."""

from __future__ import annotations

from dataclasses import dataclass

UNISEMALIGN = "UniSemAlign (arXiv 2604.09169)"
CODIR = "CoDiR, UniSemAlign's successor by the same authors"
SOURCES = (UNISEMALIGN, CODIR)


@dataclass(frozen=True)
class Published:
    """One row of a paper's table.

    Attributes
    ----------
    ratio
        Percent of the training images that are labelled.
    """

    target: str
    ratio: int
    method: str
    mdice: float
    mjaccard: float
    source: str


ROWS = (
    Published("glas", 10, "CorrMatch", 85.54, 74.74, UNISEMALIGN),
    Published("glas", 10, "UniSemAlign, ResNet-101", 86.37, 76.01, UNISEMALIGN),
    Published("glas", 10, "UniSemAlign, UNI, no alignment branches", 87.66, 78.04, UNISEMALIGN),
    Published("glas", 10, "UniSemAlign, UNI", 88.15, 78.82, UNISEMALIGN),
    Published("glas", 10, "CoDiR", 88.09, 79.41, CODIR),
    Published("glas", 20, "UniSemAlign, UNI", 88.58, 79.50, UNISEMALIGN),
    Published("glas", 20, "CoDiR", 89.19, 81.09, CODIR),
    Published("glas", 100, "fully supervised", 89.97, 81.77, UNISEMALIGN),
    Published("glas", 100, "fully supervised", 89.59, 81.84, CODIR),
    Published("crag", 10, "CorrMatch", 79.93, 66.76, UNISEMALIGN),
    Published("crag", 10, "UniSemAlign, UNI", 88.57, 79.52, UNISEMALIGN),
    Published("crag", 10, "CoDiR", 89.83, 82.46, CODIR),
    Published("crag", 20, "UniSemAlign, UNI", 89.40, 80.88, UNISEMALIGN),
    Published("crag", 20, "CoDiR", 90.29, 82.93, CODIR),
    Published("crag", 100, "fully supervised", 89.13, 80.44, UNISEMALIGN),
    Published("crag", 100, "fully supervised", 92.68, 86.36, CODIR),
)

SPLITS = {
    ("glas", 10): (7, 66, 12),
    ("glas", 20): (14, 59, 12),
    ("crag", 10): (16, 137, 20),
    ("crag", 20): (31, 122, 20),
}
"""(data set, ratio): how many images are labelled, unlabelled and for validation. Source: UniSemAlign."""
