"""What a network or a pixel classifier predicts for one tile; apart from both, so that what writes it needs neither."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds


@dataclass(frozen=True)
class TileResult:
    """Class indices (H, W) uint8 of the decoder and of the fused logits, with their confidences (H, W) 0..1."""

    prediction: ClassIds
    confidence: NDArray[np.float32]
    """Calibrated, where the run had validation tiles."""
    fused: ClassIds
    fused_confidence: NDArray[np.float32]
    """Not calibrated: the pseudo-label threshold is a bar for the network's own confidence."""


class Branch(StrEnum):
    """What the fused logits are the sum of."""

    DECODER = "decoder"
    PROTOTYPES = "prototypes"
    TEXT = "text"
