"""The optimiser: one group for the encoder, one for everything else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from training_core.network.model import UniSemAlign
from training_core.settings.schema import OptimizerConfig


def build_optimizer(model: UniSemAlign, config: OptimizerConfig) -> torch.optim.Optimizer:
    """SGD or AdamW over the trainable parameters; group 0 is the encoder (with its projections), group 1 the rest."""
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in model.encoder.parameters()}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in inside]
    groups = [{"params": encoder, "lr": config.encoder_lr}, {"params": rest, "lr": config.lr}]
    groups = [{**group, "base_lr": group["lr"]} for group in groups]
    fused = all(p.device.type in ("cpu", "cuda") for p in (*encoder, *rest))  # one pass over the weights
    if config.name == "sgd":
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=fused
        )
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay, fused=fused)


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's rate is its base rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as tensors named parameter.key, parameters numbered as in its state_dict."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    tensors = {}
    for index, entries in state.items():
        for key, value in entries.items():
            if value is not None:
                tensors[f"{index}.{key}"] = torch.as_tensor(value)
    return tensors


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put what `optimizer_tensors` gave back into an optimiser of the same parameters."""
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = tensor
    whole["state"] = state
    optimizer.load_state_dict(whole)
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            if value.shape == parameter.shape:  # fused kernels go through memory: its layout must be the parameter's
                entries[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
