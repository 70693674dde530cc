"""What every encoder is: normalised RGB to feature maps, with the sizes a decoder needs published beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import timm
import torch
from torch import Tensor, nn

RGB = tuple[float, float, float]

IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)


def rgb(values: Sequence[float]) -> RGB:
    """Three channel values, as timm records them."""
    red, green, blue = values
    return (float(red), float(green), float(blue))


def timm_normalization(name: str) -> tuple[RGB, RGB]:
    """Mean and standard deviation of the input that timm's model `name` was pretrained with; ImageNet's if unknown."""
    cfg = timm.get_pretrained_cfg(name)
    return (IMAGENET_MEAN, IMAGENET_STD) if cfg is None else (rgb(cfg.mean), rgb(cfg.std))


class Encoder(nn.Module, ABC):
    """Images (B, 3, H, W), normalised, to feature maps (B, channels[i], H / strides[i], W / strides[i]).

    channels, strides: of the maps, fine to coarse; strides in pixels per feature cell.
    mean, std: normalisation of RGB in 0..1; the caller applies it.
    multiple_px: the images' height and width must be multiples of this; the caller pads.

    The pretrained network is the submodule `trunk`. With trainable=False it is frozen: no gradient, and always in
    evaluation mode, so that its batch statistics stay those of the pretraining. Other submodules stay trainable.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        mean: RGB,
        std: RGB,
        multiple_px: int,
        trainable: bool,
    ) -> None:
        super().__init__()
        self.channels, self.strides = channels, strides
        self.mean, self.std = mean, std
        self.multiple_px = multiple_px
        self.trainable = trainable
        self.trunk = trunk.requires_grad_(trainable)
        self.train(self.training)

    def train(self, mode: bool = True) -> Encoder:
        """Training or evaluation mode; a frozen trunk stays in evaluation mode."""
        super().train(mode)
        if not self.trainable:
            self.trunk.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of normalised images (B, 3, H, W), fine to coarse."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trainable):
            maps = self.trunk_maps(images)
        return self.project(maps)

    @abstractmethod
    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        """The pretrained network's own maps."""

    def project(self, maps: list[Tensor]) -> list[Tensor]:
        """What happens to the trunk's maps outside the trunk; nothing, unless an encoder says otherwise."""
        return maps
