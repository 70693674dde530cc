"""Every colour of the window that is not a class's own, in one place; tests/test_colors.py finds any other.

What lies on the image is told apart from the stains of tissue and from the classes' first colours (`PALETTE` of
training_core.project.classes), by its pattern as well as by its colour.
"""

from __future__ import annotations

TRANSPARENT = "transparent"

# --- the panel --------------------------------------------------------------------------------------------------------

ACCENT = "#3f74d1"
ACCENT_LIGHT = "#5285dd"
ACCENT_DARK = "#3260b4"
ON_ACCENT = "#ffffff"
ERROR = "#d9534f"
WARNING = "#e0a030"
NEUTRAL = "#888888"
"""What has no colour of its own: a class that was removed, a curve that is not known, what a report blots out."""
VEIL = (128, 128, 128)
"""Over either theme: lighter on the dark one, darker on the light one."""
HOVER_ALPHA, HEADER_ALPHA, FOCUS_ALPHA, HEADER_HOVER_ALPHA, EDGE_ALPHA = 60, 40, 110, 80, 90
PLACEHOLDER_ALPHA, DIAGONAL_ALPHA = 70, 50
INK_EDGE = (0, 0, 0, 120)
"""The edge of a swatch, which shows on every background."""


def veil(alpha: int) -> str:
    """`VEIL` for a style sheet; alpha of 255."""
    return f"rgba({', '.join(map(str, VEIL))}, {alpha})"


# --- the image --------------------------------------------------------------------------------------------------------

ACCEPTING = "#ffd400"
"""What Accept would take, and a region being drawn."""
ACCEPTING_FACE = f"{ACCEPTING}30"
REJECTING = "#ff2d3d"
"""What Reject would take."""
REJECTED = "#b3202a"
MARKED = "#00e5ff"
"""What a comparison found, and what post-processing changes: no stain and no first colour of a class has it."""
SELECTED, SELECTED_EDGE = "#ffffff", "#000000"
"""The outline of a selected object: white with a black line inside it, which shows on every stain."""
TILE_OUTLINE = "#101010"
"""The tile that is painted on, on its slide."""
OTHER_OUTLINE, ANNOTATED_OUTLINE = "#5a5f68", "#0b4f9e"
"""Other tiles of the slide, unannotated and annotated."""
CONFIDENCE_MAP = "viridis"
"""napari's name of the colours from low to high confidence."""

# --- states of a tile -------------------------------------------------------------------------------------------------

UNANNOTATED = "#8a8f98"
ANNOTATED = "#4c9be8"
PREDICTED = "#e8963c"
PARTLY_ACCEPTED = "#9cc24b"
ACCEPTED = "#3fae6b"

# --- curves and tables: colours that the colour-blind can tell apart -------------------------------------------------

BLUE, VERMILION, ORANGE, SKY, GREEN, PURPLE, OLIVE = (
    "#0072b2",
    "#d55e00",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#cc79a7",
    "#b3a000",
)
CONFUSED = VERMILION
