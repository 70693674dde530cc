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

    The pretrained network is the submodule `trunk`. Which of its parameters are trained says their requires_grad
    (`fine_tune.apply_fine_tune`). Whatever part of it has no trained parameter is always in evaluation mode, so that
    its batch statistics stay those of the pretraining. Other submodules, such as projections, are always trained.

    Attributes
    ----------
    channels
        Width of each map, fine to coarse.
    strides
        Stride of each map, fine to coarse, in pixels per feature cell.
    mean
        Mean of RGB values in 0..1 for the normalisation, which the caller applies.
    std
        Standard deviation of the same.
    multiple_px
        The images' height and width must be multiples of this; the caller pads.
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
    ) -> None:
        super().__init__()
        self.channels, self.strides = channels, strides
        self.mean, self.std = mean, std
        self.multiple_px = multiple_px
        self.trunk = trunk
        self.detail: nn.Module | None = None
        """A trained network whose finer maps come before the trunk's (`detail.add_detail`)."""

    def train(self, mode: bool = True) -> Encoder:
        """Training or evaluation mode; frozen parts of the trunk stay in evaluation mode."""
        super().train(mode)
        for module in self.trunk.modules():
            trained = [parameter.requires_grad for parameter in module.parameters()]
            if trained and not any(trained):
                module.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of normalised images (B, 3, H, W), fine to coarse.

        Raises
        ------
        ValueError
            The images are not padded to multiples of `multiple_px`.
        """
        height, width = images.shape[-2:]
        if height % self.multiple_px or width % self.multiple_px or not height or not width:
            raise ValueError(
                f"the images are {width} x {height} px. Needed: multiples of {self.multiple_px} px. "
                "Pad them first, as training_core.network.model.UniSemAlign does"
            )
        trained = any(parameter.requires_grad for parameter in self.trunk.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and trained):
            maps = self.trunk_maps(images)
        finer = self.detail(images) if self.detail is not None else []
        return [*finer, *self.project(maps)]

    @abstractmethod
    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        """The pretrained network's own maps."""

    def project(self, maps: list[Tensor]) -> list[Tensor]:
        """What happens to the trunk's maps outside the trunk; nothing, unless an encoder says otherwise."""
        return maps

    def last_parameters(self, n: int) -> list[nn.Parameter]:
        """The trunk's parameters after its last map but `n`: those that no earlier map depends on.

        They are found by asking autograd, so this is right for any network; it leaves evaluation mode as it was.
        """
        parameters = list(self.trunk.parameters())
        if n >= len(self.channels):
            return parameters
        training, needed = self.training, [parameter.requires_grad for parameter in parameters]
        self.trunk.requires_grad_(True)
        self.eval()
        side = 2 * self.multiple_px
        with torch.enable_grad():
            maps = self.trunk_maps(torch.zeros(1, 3, side, side))
            earlier = torch.stack([feature.sum() for feature in maps[:-n]]).sum()
        gradients: Sequence[Tensor | None] = torch.autograd.grad(earlier, parameters, allow_unused=True)
        for parameter, was_needed in zip(parameters, needed, strict=True):
            parameter.requires_grad_(was_needed)
        self.train(training)
        return [p for p, gradient in zip(parameters, gradients, strict=True) if gradient is None]
