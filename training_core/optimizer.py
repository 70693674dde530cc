"""The optimiser: one group for the encoder, one for everything else."""

from __future__ import annotations

import torch

from training_core.config import OptimizerConfig
from training_core.model import UniSemAlign


def build_optimizer(model: UniSemAlign, config: OptimizerConfig) -> torch.optim.Optimizer:
    """SGD or AdamW over the trainable parameters; group 0 is the encoder (with its projections), group 1 the rest."""
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in model.encoder.parameters()}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    groups = [{"params": encoder, "lr": config.encoder_lr}, {"params": rest, "lr": config.lr}]
    groups = [{**group, "base_lr": group["lr"]} for group in groups]
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's rate is its base rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
