"""The pixel classifier: a small network per pixel on frozen features, trained in well under a second.

Its first layer is linear in the features, so it is applied to each map at the map's own resolution, and only its few
outputs are brought to the finer grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.compute.device import one_thread
from training_core.pixel_classifier.encode import Features

HIDDEN = 64
_STEPS = 100
_BATCH = 512
_LR = 3e-3
_DROPOUT = 0.3
_NOISE = 1.0
"""Standard deviation of the noise on the features, in their own: a few strokes hold few places, which are otherwise
learned by heart, with a confidence that other places do not keep (Bishop 1995, doi:10.1162/neco.1995.7.1.108)."""
GRID_PX = 4
"""The head answers at one pixel in so many per axis; its logits are interpolated between."""


@one_thread()
def sample(views: Sequence[Features], pixels: NDArray[np.intp], size: tuple[int, int]) -> Tensor:
    """Features (N, D) float16 at `pixels` (N, 2: row, column) of an image of `size` (height, width)."""
    places = (torch.from_numpy(pixels).float() + 0.5) / torch.tensor(size) * 2  # 0 to 2 over the image
    found = []
    for features in views:
        grid = (places * torch.tensor(features.extent) - 1).flip(-1)[None, None]
        found += [_at(each[None].float(), grid)[0, :, 0].T for each in features.maps]
    return torch.cat(found, 1).half()


class LightHead:
    """Features to class indices 0..C-1. Fitted again each time; the same samples give the same head."""

    def __init__(self, samples: Sequence[Tensor]) -> None:
        """Fit the head.

        Parameters
        ----------
        samples
            Features (N, D) of each class; every class counts the same, however many it has.
        """
        all_samples = torch.cat(list(samples)).float()
        deviation, self._mean = torch.std_mean(all_samples, 0)
        self._scale = 1 / (deviation + 1e-3)
        self.n_classes = len(samples)
        generator = torch.Generator().manual_seed(0)  # the run's own random numbers must not depend on the head
        self._first = _layer(all_samples.shape[1], HIDDEN, generator)
        self._second = _layer(HIDDEN, self.n_classes, generator)
        ends = np.cumsum([len(each) for each in samples])
        self._fit((all_samples - self._mean) * self._scale, ends, generator)

    @one_thread()
    def _fit(self, samples: Tensor, ends: NDArray[np.intp], generator: torch.Generator) -> None:
        parameters = [*self._first.parameters(), *self._second.parameters()]
        moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in parameters]
        per_class = -(-_BATCH // self.n_classes)
        target = torch.arange(self.n_classes).repeat_interleave(per_class)
        starts = [0, *ends[:-1]]
        # drawn once: making new noise for every step would take as long as the rest of the step
        noise = _NOISE * torch.randn(4 * per_class * self.n_classes, samples.shape[1], generator=generator)
        for step in range(1, _STEPS + 1):
            rows = [
                torch.randint(int(start), int(end), (per_class,), generator=generator)
                for start, end in zip(starts, ends, strict=True)
            ]
            seen = samples[torch.cat(rows)]
            start = int(torch.randint(len(noise) - len(seen) + 1, (1,), generator=generator))
            hidden = F.relu(self._first(seen + noise[start : start + len(seen)]))
            kept = torch.rand(hidden.shape, generator=generator) >= _DROPOUT
            loss = F.cross_entropy(self._second(hidden * kept / (1 - _DROPOUT)), target)
            for parameter, gradient, moment in zip(
                parameters, torch.autograd.grad(loss, parameters), moments, strict=True
            ):
                _adam(parameter.detach(), gradient, *moment, step)

    @one_thread()
    @torch.no_grad()
    def probabilities(self, views: Sequence[Features], size: tuple[int, int]) -> Tensor:
        """(C, H, W) float32 of an image of `size` (height, width)."""
        weight = self._first.weight * self._scale
        hidden = (self._first.bias - weight @ self._mean)[:, None, None]
        rows, columns = (torch.linspace(0, 2, 2 * -(-side // GRID_PX) + 1)[1::2] for side in size)
        used = 0
        for features in views:
            down, across = features.extent
            grid = torch.stack(torch.meshgrid(columns * across - 1, rows * down - 1, indexing="xy"), -1)[None]
            for each in features.maps:
                part = weight[:, used : used + len(each), None, None]
                hidden = hidden + _at(F.conv2d(each[None].float(), part), grid)[0]
                used += len(each)
        logits = F.conv2d(F.relu(hidden)[None], self._second.weight[:, :, None, None], self._second.bias)
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)[0].softmax(0)


def _layer(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = inputs**-0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


def _adam(parameter: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, step: int) -> None:
    """One step of Adam (Kingma and Ba 2015) in place. torch.optim's first step imports the compiler: over a second."""
    mean.lerp_(gradient, 0.1)
    square.lerp_(gradient * gradient, 0.001)
    denominator = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    parameter.addcdiv_(mean, denominator, value=-_LR / (1 - 0.9**step))


def _at(maps: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)
