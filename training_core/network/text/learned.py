"""Text vectors without a text model: one learnable vector per class, the released code's fallback."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from training_core.network.text.base import TextBranch


class LearnedText(TextBranch):
    """T as a learnable (C, D) matrix, `vectors`, initialised from N(0, 1/sqrt(D)) (standard deviation 1/sqrt(D))."""

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(n_classes, dim) / dim**0.5)

    def forward(self) -> Tensor:
        """T, (C, D)."""
        return cast(Tensor, self.vectors)
