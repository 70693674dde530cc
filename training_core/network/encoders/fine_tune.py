"""Which part of a pretrained encoder is trained: nothing, its last blocks, low-rank adapters, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from training_core.base.errors import ConfigError
from training_core.network.encoders.base import Encoder

FineTune = Literal["frozen", "last_blocks", "lora", "whole"]

_ATTENTION_LAYERS = ("qkv", "q_proj", "k_proj", "v_proj", "proj")


@dataclass(frozen=True)
class FineTuning:
    """How to train a trunk.

    Attributes
    ----------
    last_blocks
        How many ViT blocks or pyramid stages are trained.
    lora_rank
        Rank r, the width of the adapters.
    """

    mode: FineTune = "whole"
    last_blocks: int = 2
    lora_rank: int = 8


FROZEN = FineTuning("frozen")


def apply_fine_tune(encoder: Encoder, fine_tuning: FineTuning) -> None:
    """Set which parameters of the encoder's trunk take gradients; `lora` adds adapters to it.

    Raises
    ------
    ConfigError
        Adapters are asked for in a trunk without attention layers.
    """
    last = encoder.last_parameters(fine_tuning.last_blocks) if fine_tuning.mode == "last_blocks" else []
    encoder.trunk.requires_grad_(fine_tuning.mode == "whole")
    for parameter in last:
        parameter.requires_grad_(True)
    if fine_tuning.mode == "lora":
        add_adapters(encoder.trunk, fine_tuning.lora_rank)
    encoder.train(encoder.training)


class LoraLinear(nn.Module):
    """A frozen linear layer and a trained low-rank update of it: W x + b + U D x, with U zero at the start.

    Source: Hu et al. 2021, "LoRA" (arXiv 2106.09685), equation 3, with alpha = r, so that the update is not scaled.
    D is (rank, inputs), initialised as in the authors' code; U is (outputs, rank).
    """

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    @property
    def weight(self) -> Tensor:
        """W + U D: some of timm's attention layers read the weight instead of calling the layer."""
        return self.linear.weight + self.up @ self.down

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        result: Tensor = self.linear(x)
        return result + F.linear(F.linear(x, self.down), self.up)


def add_adapters(trunk: nn.Module, rank: int) -> None:
    """Replace the linear layers of every attention of a ViT (qkv and output projection) by `LoraLinear` layers.

    Raises
    ------
    ConfigError
        The trunk has no such layers.
    """
    layers = [
        (parent, name, child)
        for parent in getattr(trunk, "blocks", nn.Sequential()).modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear) and name in _ATTENTION_LAYERS
    ]
    if not layers:
        raise ConfigError(
            "the configuration has encoder.fine_tune = lora for an encoder without attention layers",
            "a vision transformer (ViT), whose attention layers get the adapters",
            "encoder.fine_tune = last_blocks",
        )
    for parent, name, linear in layers:
        setattr(parent, name, LoraLinear(linear, rank))
