"""The terms of the objective, each a mean over the pixels that count (with several processes, in all their images).

Source: UniSemAlign (arXiv 2604.09169), after CorrMatch.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from training_core.distributed import total as over_processes

IGNORE = 255
"""Pixels with this value (not labelled, or padding) take part in no loss."""


def labeled_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of logits (B, C, H, W) over the labelled pixels of label (B, H, W); 0 where there is none."""
    counted = (label != IGNORE).sum()
    total = F.cross_entropy(logits.float(), label, ignore_index=IGNORE, reduction="sum")
    return total / over_processes(counted).clamp(min=1)


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
