"""The terms of the objective, each a mean over the pixels that count (with several processes, in all their images).

Source: UniSemAlign (arXiv 2604.09169), after CorrMatch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training_core.base.arrays import UNLABELED
from training_core.compute.processes import total as over_processes

_RARE = 0.01


def labeled_cross_entropy(logits: Tensor, label: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of logits (B, C, H, W) over the labelled pixels of label (B, H, W); 0 where there is none.

    weight (C,): of each class's pixels in that mean; None: all alike.
    """
    counted = _per_class(label, logits.shape[1])
    total = F.cross_entropy(logits.float(), label, weight, ignore_index=UNLABELED, reduction="sum")
    if weight is None:
        return total / counted.sum().clamp(min=1)
    sum_of_weights = (counted * weight).sum()
    return total / torch.where(sum_of_weights > 0, sum_of_weights, 1)


def class_weights(label: Tensor, n_classes: int, balance: float) -> Tensor | None:
    """(C,) weights for `labeled_cross_entropy` from the classes' shares s of the batch: (s + 0.01) ** -balance.

    Parameters
    ----------
    balance
        0 (gives None): every pixel counts the same. 1: every class does, except those below about one percent, of
        which a few pixels would otherwise outweigh everything.
    """
    if not balance:
        return None
    counted = _per_class(label, n_classes).float()
    share = counted / counted.sum().clamp(min=1)
    return (share + _RARE) ** -balance


def _per_class(label: Tensor, n_classes: int) -> Tensor:
    """(C,) pixels of each class in the whole batch."""
    # one more class takes what is not labelled: a boolean index would make the GPU wait for the CPU
    counts = torch.bincount(label.clamp(max=n_classes).flatten(), minlength=n_classes + 1)[:n_classes]
    return over_processes(counts)


def confident_cross_entropy(logits: Tensor, target: Tensor, confident: Tensor, valid: Tensor) -> Tensor:
    """Cross-entropy with the pseudo-label over confident pixels, divided by the number of valid ones.

    logits (B, C, H, W), target (B, H, W) class indices, confident and valid (B, H, W) booleans.
    """
    loss = F.cross_entropy(logits.float(), target, reduction="none")
    return (loss * (confident & valid)).sum() / over_processes(valid.sum()).clamp(min=1)


def confident_divergence(logits: Tensor, target_logits: Tensor, confident: Tensor, valid: Tensor) -> Tensor:
    """KL(softmax target || softmax logits) over confident pixels, divided by the number of valid ones."""
    target = target_logits.detach().float().softmax(dim=1)
    divergence = F.kl_div(logits.float().log_softmax(dim=1), target, reduction="none").sum(dim=1)
    return (divergence * (confident & valid)).sum() / over_processes(valid.sum()).clamp(min=1)
