"""Weak views (scale, crop, flip, turn) and strong views (colour, blur), each drawn from a generator of its own.

Source: UniSemAlign (arXiv 2604.09169), after UniMatch: scale 0.5-2, crop, flip; colour jitter 0.5/0.5/0.5/0.25 at
p 0.8, grey at p 0.2, blur of sigma 0.1-2 at p 0.5; CutMix box of 2-40 % of the area at p 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from training_core.base.arrays import UNLABELED, ClassIds, Rgb8
from training_core.io.surroundings import NOTHING, Around
from training_core.settings.schema import AugmentConfig

Rng = np.random.Generator


def weak_view(
    image: Rgb8,
    label: ClassIds,
    crop_px: int,
    config: AugmentConfig,
    rng: Rng,
    *,
    over_label: bool = True,
    over_class: int | None = None,
    zoom: float = 1.0,
    around: Around = NOTHING,
) -> tuple[Tensor, Tensor]:
    """A random crop: image (3, crop, crop) float 0..1 and label (crop, crop) uint8, alike transformed.

    Beyond the tile's edge lies its slide, without labels. Where there is none, and beyond what is known of it, the
    tissue is mirrored, label and all, so no black frame is learned.

    Parameters
    ----------
    over_class
        The crop is placed over a pixel with this label.
    over_label
        Without `over_class`, and where only a part of the tile is labelled, it is placed over a labelled pixel of a
        class drawn evenly.
    zoom
        Pixels at the run's resolution per pixel of the tile; it is part of the crop's scale, so nothing is
        interpolated twice.
    around
        How much of its slide `image` has around the tile; `label` is the tile's alone.
    """
    crop = Crop.drawn(
        label, crop_px, config, rng, over_label=over_label, over_class=over_class, zoom=zoom, around=around
    )
    return crop.image(image), crop.mask(around.padded(label, UNLABELED))


@dataclass(frozen=True)
class Crop:
    """Where a weak view lies and how it is turned, to be taken from the image and its masks alike.

    All of them have the same surroundings, which count.
    """

    crop_px: int
    side: int
    """Of the square, in pixels of the tile."""
    top: int
    left: int
    turns: int
    flips: tuple[int, ...]

    @classmethod
    def drawn(
        cls,
        label: ClassIds,
        crop_px: int,
        config: AugmentConfig,
        rng: Rng,
        *,
        over_label: bool = True,
        over_class: int | None = None,
        zoom: float = 1.0,
        around: Around = NOTHING,
    ) -> Crop:
        """A random one of a tile with this label (H, W); the arguments are those of `weak_view`."""
        scale = float(np.exp(rng.uniform(*np.log(config.scales))))
        side = max(8, round(crop_px / (scale * zoom)))
        reach = around.within(side // 2)  # at least half of a crop is the tile, or it would teach nothing
        if over_class is None and over_label:
            over_class = _class_of_a_stroke(label, rng)
        known = _mirrored(reach.padded(label, UNLABELED), side)
        top, left = _corner(known, side, rng, over_class)
        top, left = top + around.top - reach.top, left + around.left - reach.left
        turns = int(rng.integers(4)) if config.rotate else 0
        flips = tuple(axis for axis, allowed in ((-1, True), (-2, config.rotate)) if allowed and rng.random() < 0.5)
        return cls(crop_px, side, top, left, turns, flips)

    def image(self, image: Rgb8) -> Tensor:
        """(3, crop, crop) float 0..1 of an image (H, W, 3)."""
        pixels = self._cut(image).permute(2, 0, 1)[None].float() / 255
        size = (self.crop_px, self.crop_px)
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
        return self._turned(pixels)

    def mask(self, mask: ClassIds) -> Tensor:
        """(crop, crop) uint8 of a mask (H, W) uint8, by the nearest pixel."""
        size = (self.crop_px, self.crop_px)
        values = F.interpolate(self._cut(mask)[None, None].float(), size=size, mode="nearest-exact")[0, 0]
        return self._turned(values).to(torch.uint8)

    def _cut(self, pixels: NDArray[np.uint8]) -> Tensor:
        rows, columns = slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)
        return torch.from_numpy(np.ascontiguousarray(_mirrored(pixels, self.side)[rows, columns]))

    def _turned(self, pixels: Tensor) -> Tensor:
        return torch.rot90(pixels, self.turns, (-2, -1)).flip(self.flips)


def strong_view(image: Tensor, rng: Rng) -> Tensor:
    """The same crop (3, H, W) in other colours and another sharpness."""
    if rng.random() < 0.8:
        image = color_jitter(image, 1.0, rng)
    if rng.random() < 0.2:
        image = TF.rgb_to_grayscale(image, num_output_channels=3)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0.1, 2.0))
        image = TF.gaussian_blur(
            image, kernel_size=[2 * round(3 * sigma) + 1 if sigma > 0.2 else 3] * 2, sigma=[sigma, sigma]
        )
    return image


def color_jitter(image: Tensor, strength: float, rng: Rng) -> Tensor:
    """Brightness, contrast, saturation within +-0.5 and hue within +-0.25, times strength, in random order."""
    changes = [
        lambda x: TF.adjust_brightness(x, float(rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength))),
        lambda x: TF.adjust_contrast(x, float(rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength))),
        lambda x: TF.adjust_saturation(x, float(rng.uniform(1 - 0.5 * strength, 1 + 0.5 * strength))),
        lambda x: TF.adjust_hue(x, float(rng.uniform(-0.25 * strength, 0.25 * strength))),
    ]
    for index in rng.permutation(len(changes)):
        image = changes[index](image)
    return image


def cutmix_box(size_px: int, rng: Rng) -> Tensor:
    """(size, size) boolean: a box of 2-40 % of the area with sides at most 1 : 3.3, or nothing at p 0.5."""
    box = torch.zeros(size_px, size_px, dtype=torch.bool)
    if rng.random() < 0.5:
        return box
    while True:
        area = rng.uniform(0.02, 0.4) * size_px * size_px
        ratio = rng.uniform(0.3, 1 / 0.3)
        height, width = round(float(np.sqrt(area / ratio))), round(float(np.sqrt(area * ratio)))
        if height <= size_px and width <= size_px:
            break
    top, left = int(rng.integers(size_px - height + 1)), int(rng.integers(size_px - width + 1))
    box[top : top + height, left : left + width] = True
    return box


def _mirrored(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """At least side x side, by mirroring at the right and bottom edges."""
    bottom, right = max(0, side - pixels.shape[0]), max(0, side - pixels.shape[1])
    if not bottom and not right:
        return pixels
    return cast(
        NDArray[np.uint8], np.pad(pixels, [(0, bottom), (0, right), *[(0, 0)] * (pixels.ndim - 2)], mode="symmetric")
    )


def _class_of_a_stroke(label: ClassIds, rng: Rng) -> int | None:
    """A class of a tile that is labelled in part, drawn evenly; None where all is labelled, or nothing is."""
    present = np.flatnonzero(np.bincount(label.ravel(), minlength=256))
    if UNLABELED not in present or len(present) == 1:
        return None
    return int(rng.choice(present[present != UNLABELED]))


def _corner(label: ClassIds, side: int, rng: Rng, over_class: int | None) -> tuple[int, int]:
    """Top and left of the crop: over a pixel of the class, or anywhere."""
    height, width = label.shape
    if over_class is None:
        return int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    rows, columns = np.nonzero(label == over_class)
    pick = int(rng.integers(len(rows)))
    offsets = rng.integers(side, size=2)
    top = int(np.clip(rows[pick] - offsets[0], 0, height - side))
    left = int(np.clip(columns[pick] - offsets[1], 0, width - side))
    return top, left
