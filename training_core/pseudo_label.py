"""Pseudo-labels of the unlabelled tiles: the fused logits' argmax where it is confident, and the moving threshold.

Source: UniSemAlign (arXiv 2604.09169) after CorrMatch (CVPR 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training_core.losses import IGNORE


@dataclass(frozen=True)
class PseudoLabel:
    """label (B, H, W) class indices; confidence (B, H, W), the softmax maximum of the logits they came from."""

    label: Tensor
    confidence: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> PseudoLabel:
        """From fused logits (B, C, H, W), without gradient."""
        confidence, label = logits.detach().float().softmax(dim=1).max(dim=1)
        return cls(label, confidence)

    def mixed(self, other: PseudoLabel, box: Tensor) -> PseudoLabel:
        """`other` inside the CutMix box (B, H, W) boolean, self outside."""
        return PseudoLabel(
            torch.where(box, other.label, self.label), torch.where(box, other.confidence, self.confidence)
        )


class Threshold:
    """tau: moving average of the mean, over the classes present, of each class's maximum confidence.

    tau <- m tau + (1 - m) mean_c max(confidence where class c is predicted). momentum m = 1 keeps tau fixed.
    """

    def __init__(self, start: float, momentum: float) -> None:
        self.value = start
        self.momentum = momentum

    def update(self, predicted: Tensor, confidence: Tensor, ignored: Tensor, n_classes: int) -> float:
        """predicted (B, H, W) class indices, confidence (B, H, W), ignored (B, H, W) boolean; returns the new tau."""
        counted = torch.where(ignored, torch.full_like(predicted, IGNORE), predicted)
        maxima = [confidence[counted == c].max() for c in range(n_classes) if bool((counted == c).any())]
        if maxima:
            mean = float(torch.stack(maxima).mean())
            self.value = self.momentum * self.value + (1 - self.momentum) * mean
        return self.value
