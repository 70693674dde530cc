"""Pseudo-labels of the unlabelled tiles: the fused logits' argmax where it is confident, and the moving threshold.

Source: UniSemAlign (arXiv 2604.09169) after CorrMatch (CVPR 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training_core.compute.processes import maximum, total

OUT_OF_REACH = 2.0
"""A confidence that no guess reaches."""


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
    """tau, above which a pseudo-label counts. value is its overall level, `at` gives it for each pixel.

    kind says what moves it, with the moving average's momentum m:

    - class_max: tau <- m tau + (1 - m) mean_c max(confidence where class c is predicted) (UniSemAlign, CorrMatch).
    - mean: tau <- m tau + (1 - m) mean(confidence) (FreeMatch, arXiv 2205.07246, eq. 5).
    - per_class: as mean, times each class's share p_c / max p of its own mean confidence p_c <- m p_c + (1 - m)
      mean(confidence where class c is predicted), after FreeMatch, eq. 6 and 8: a class that is hard to tell has a
      lower bar.
    - fixed: tau stays.
    """

    def __init__(self, start: float, momentum: float, kind: str = "class_max", n_classes: int = 0) -> None:
        self.value = start
        self.momentum = momentum
        self.kind = kind
        self.class_means = [start] * n_classes
        """p_c, of kind per_class only."""
        self.left_out: tuple[int, ...] = ()
        """Classes whose guesses do not count, however confident, because they were found unreliable."""

    def at(self, label: Tensor) -> Tensor | float:
        """tau for every pixel of the class indices (any shape), or one number where it is the same for all."""
        level = self.level(label)
        if not self.left_out:
            return level
        left_out = torch.tensor(self.left_out, device=label.device, dtype=label.dtype)
        return torch.where(torch.isin(label, left_out), OUT_OF_REACH, level)

    def level(self, label: Tensor) -> Tensor | float:
        """As `at`, but classes that are left out have the threshold that they would have."""
        if self.kind != "per_class":
            return self.value
        means = torch.tensor(self.class_means, device=label.device)
        return (self.value * means / means.max())[label.clamp(max=len(means) - 1)]

    def update(self, predicted: Tensor, confidence: Tensor, ignored: Tensor, n_classes: int) -> float:
        """predicted (B, H, W) class indices, confidence (B, H, W), ignored (B, H, W) boolean; returns the new value."""
        if self.kind == "fixed":
            return self.value
        classes, values = predicted[~ignored], confidence[~ignored]
        counts = total(torch.bincount(classes, minlength=n_classes))
        present = counts > 0
        if not bool(present.any()):
            return self.value
        if self.kind == "class_max":
            highest = maximum(values.new_zeros(n_classes).scatter_reduce(0, classes, values, "amax"))
            self.value = self._moved(self.value, float(highest[present].mean()))
            return self.value
        exact = torch.float32 if values.device.type == "mps" else torch.float64  # MPS has no float64
        sums = total(values.new_zeros(n_classes, dtype=exact).scatter_add(0, classes, values.to(exact)))
        self.value = self._moved(self.value, float(sums.sum() / counts.sum()))
        if self.kind == "per_class":
            means = (sums / counts.clamp(min=1)).tolist()
            for c in present.nonzero().flatten().tolist():
                self.class_means[c] = self._moved(self.class_means[c], means[c])
        return self.value

    def _moved(self, old: float, new: float) -> float:
        return self.momentum * old + (1 - self.momentum) * new
