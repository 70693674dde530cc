"""What one training step works on: the tensors, their shapes and meanings, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class UnlabeledBatch:
    """Two views of the unlabelled crops. Images (B, 3, H, W), normalised; the rest (B, H, W)."""

    weak: Tensor
    strong: Tensor
    """The same crops, strongly augmented, before CutMix."""
    known: Tensor
    """Class index where a partly labelled tile already has a label, 255 elsewhere."""
    ignored: Tensor
    """Boolean: pixels that take part in nothing: the user rejected what was guessed there."""
    box: Tensor
    """Boolean: the CutMix box."""
    mix_weak: Tensor | None = None
    """CutMix partners of their own; None: the batch rolled by one."""
    mix_strong: Tensor | None = None
    mix_known: Tensor | None = None
    mix_ignored: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """labelled images (B, 3, H, W), normalised, with label (B, H, W) int64 class indices and 255 = not labelled."""

    images: Tensor
    label: Tensor
    unlabeled: UnlabeledBatch | None

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """The same in memory that a CUDA device copies from while it computes."""
        return self._map(torch.Tensor.pin_memory)

    def share(self, index: int, n: int) -> Batch:
        """Part `index` of `n` equal ones, in the order of the rows."""
        if n == 1:
            return self

        return self._map(lambda rows: rows.chunk(n)[index])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with every tensor changed."""
        unlabeled = self.unlabeled
        if unlabeled is not None:
            tensors = {f.name: getattr(unlabeled, f.name) for f in fields(unlabeled)}
            unlabeled = UnlabeledBatch(**{name: change(t) for name, t in tensors.items() if t is not None})
        return Batch(change(self.images), change(self.label), unlabeled)

    def map_images(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same with every image tensor changed."""
        unlabeled = self.unlabeled
        if unlabeled is not None:
            names = ("weak", "strong", "mix_weak", "mix_strong")
            images = {name: getattr(unlabeled, name) for name in names}
            unlabeled = replace(unlabeled, **{n: change(image) for n, image in images.items() if image is not None})
        return Batch(change(self.images), self.label, unlabeled)
