"""Batch normalisation folded into the convolution before it, for a network that only predicts: the same, sooner."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training_core.network.model import UniSemAlign

Replaced = list[tuple[nn.Module, str, nn.Module]]

_PROBE_PX = 64
_TOLERANCE = 1e-3


@torch.no_grad()
def fold(model: UniSemAlign) -> bool:
    """Take the batch normalisations that follow a convolution out of a float32 model in evaluation mode, in place.

    A convolution and the normalisation registered next after it in the same module are taken for a pair. Whether that
    is the order in which they are called is tried out: where the answers differ, all is as before, and False returned.
    """
    probe = torch.linspace(-2, 2, 3 * _PROBE_PX**2).sin().view(1, 3, _PROBE_PX, _PROBE_PX)
    probe = probe.to(next(model.parameters()).device)
    before = _answer(model, probe)
    replaced: Replaced = []
    for module in list(model.modules()):
        replaced += _fold_pairs(module)
    if torch.allclose(_answer(model, probe), before, rtol=_TOLERANCE, atol=_TOLERANCE):
        return True
    for module, name, child in replaced:
        setattr(module, name, child)
    return False


def _answer(model: UniSemAlign, images: Tensor) -> Tensor:
    output = model(images)
    return torch.cat([output.logits, model.fused(output)])


def _fold_pairs(module: nn.Module) -> Replaced:
    """Fold a module's own pairs; what was there before."""
    replaced: Replaced = []
    before: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None and before[1].out_channels == child.num_features:
            replaced += [(module, *before), (module, name, child)]
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, getattr(child, "act", nn.Identity()))  # timm's normalisation carries its activation
        before = (name, child) if isinstance(child, nn.Conv2d) else None
    return replaced
