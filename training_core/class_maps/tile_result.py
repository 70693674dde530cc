"""What a network or a head says about one tile; apart from both, so that who writes it needs neither."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class TileResult:
    """Class indices (H, W) uint8 of the decoder and of the fused logits, with their confidences (H, W) 0..1."""

    prediction: Pixels
    confidence: NDArray[np.float32]
    """Calibrated, where the run had validation tiles."""
    fused: Pixels
    fused_confidence: NDArray[np.float32]
    """Not calibrated: the pseudo-label threshold is a bar for the network's own confidence."""


class Part(StrEnum):
    """What the fused logits are the sum of."""

    DECODER = "decoder"
    PROTOTYPES = "prototypes"
    TEXT = "text"
