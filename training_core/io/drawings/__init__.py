"""Areas that people drew in other programs, from the files of those programs."""

from __future__ import annotations

from training_core.io.drawings.areas import DrawnArea, DrawnImage
from training_core.io.drawings.reading import DRAWING_SUFFIXES, is_drawing, read_drawings

__all__ = ["DRAWING_SUFFIXES", "DrawnArea", "DrawnImage", "is_drawing", "read_drawings"]
