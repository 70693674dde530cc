"""The heart of UniSemAlign: pixels, class prototypes and text prompts in one space, and their fused logits.

Source: UniSemAlign (arXiv 2604.09169). Pixels are embedded by `PixelEmbedding`, each class has a learnable prototype
P and a text vector T; S_zp = z . normalize(P), S_zt = z . normalize(T), and S_fuse = S_dl + a S_zp + b S_zt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PixelEmbedding(nn.Sequential):
    """High features (B, N, h, w) to pixel embeddings (B, D, h, w), not normalised.

    A 3x3 convolution, batch normalisation, ReLU, Dropout2d 0.1.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__(
            nn.Conv2d(channels, dim, 3, padding=1), nn.BatchNorm2d(dim), nn.ReLU(inplace=True), nn.Dropout2d(0.1)
        )


class Prototypes(nn.Module):
    """One learnable vector per class, (C, D), initialised from N(0, 1/sqrt(D))."""

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(n_classes, dim) / dim**0.5)

    def forward(self) -> Tensor:
        """P, (C, D), not normalised."""
        return cast(Tensor, self.vectors)


@dataclass(frozen=True)
class Similarities:
    """Cosines of every pixel with every class, (B, C, H, W); None for a branch that is switched off."""

    prototype: Tensor | None
    text: Tensor | None


def similarities(
    embedding: Tensor, prototypes: Tensor | None, text: Tensor | None, size: tuple[int, int], *, features_first: bool
) -> Similarities:
    """Cosines of the embedded pixels (B, D, h, w) with the class vectors (C, D), at `size` (H, W).

    Parameters
    ----------
    features_first
        Whether to upsample the features and then normalise them (the released code). Otherwise the C cosines are
        upsampled, as the paper's shapes say, which takes D / C times less memory.
    """
    if features_first:
        embedding = F.interpolate(embedding, size=size, mode="bilinear", align_corners=True)
    pixels = F.normalize(embedding, dim=1)

    def cosines(vectors: Tensor | None) -> Tensor | None:
        if vectors is None:
            return None
        maps = torch.einsum("bdhw,cd->bchw", pixels, F.normalize(vectors, dim=1).to(pixels.dtype))
        if features_first:
            return maps
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=True)

    return Similarities(cosines(prototypes), cosines(text))


class FusionWeights(nn.Conv2d):
    """Embedding (B, D, h, w) to the two weights of the fused logits at every pixel, (B, 2, h, w), at most 1.

    A 1x1 convolution and a sigmoid that start at the fixed weights everywhere.
    """

    def __init__(self, dim: int, prototype_weight: float, text_weight: float) -> None:
        super().__init__(dim, 2, 1)
        nn.init.zeros_(self.weight)
        start = torch.tensor([prototype_weight, text_weight]).clamp(1e-3, 1 - 1e-3)
        self.bias = nn.Parameter(torch.logit(start))

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, 2, h, w): of the prototype, of the text similarities."""
        return super().forward(embedding).sigmoid()


Weight = float | Tensor


def fuse(logits: Tensor, similar: Similarities, *, prototype_weight: Weight, text_weight: Weight) -> Tensor:
    """S_fuse = S_dl + prototype_weight S_zp + text_weight S_zt, all (B, C, H, W); weights may be (B, 1, H, W)."""
    fused = logits
    if similar.prototype is not None:
        fused = fused + prototype_weight * similar.prototype
    if similar.text is not None:
        fused = fused + text_weight * similar.text
    return fused


def alignment_loss(prototypes: Tensor, text: Tensor, kind: str) -> Tensor:
    """Distance between the normalised prototypes and text vectors, (C, D) each; kind is mse, cosine, kl or none."""
    p, t = F.normalize(prototypes, dim=1), F.normalize(text, dim=1)
    if kind == "mse":
        return F.mse_loss(p, t)
    if kind == "cosine":
        return (1 - (p * t).sum(dim=1)).mean()
    if kind == "kl":
        return F.kl_div(p.log_softmax(dim=1), t.softmax(dim=1), reduction="batchmean")
    return p.new_zeros(())
