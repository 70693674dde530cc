"""Training batches as a pure function of (seed, step): any step can be made again, so resuming needs no state."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from training_core.batch import Batch, UnlabeledBatch
from training_core.config import Config
from training_core.data.augment import Rng, color_jitter, cutmix_box, strong_view, weak_view
from training_core.data.pool import TilePool
from training_core.data.resample import zoom_to_run
from training_core.data.sampling import ClassBalance, in_passes
from training_core.data.stain import stain_jitter

_LABELED, _UNLABELED, _PARTNER = 0, 1, 2


class BatchMaker:
    """Makes the batch of any step from the tiles' names. Images are 0..1 RGB; the trainer normalises them."""

    def __init__(self, pool: TilePool, labeled: Sequence[str], unlabeled: Sequence[str], config: Config) -> None:
        self._pool = pool
        self._labeled = tuple(labeled)
        self._unlabeled = tuple(unlabeled) if config.pseudo_label.enabled else ()
        self._config = config
        held = {name: pool.classes_in(name) for name in labeled} if config.data.balance_classes else {}
        self._balance = ClassBalance(held, config.seed) if held else None

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every unlabelled tile (without any: labelled tile) is seen once."""
        data = self._config.data
        if self._unlabeled:
            return max(1, -(-len(self._unlabeled) // data.unlabeled_batch))
        return max(1, -(-len(self._labeled) // data.labeled_batch))

    def batch(self, step: int) -> Batch:
        """The batch of this step (0-based)."""
        config = self._config
        rng = np.random.default_rng([config.seed, step])
        images, labels = self._labeled_views(step, rng)
        images = [stain_jitter(image, config.augment.stain_jitter, rng) for image in images]
        if config.augment.color_jitter_labeled:
            images = [color_jitter(image, config.augment.color_jitter_labeled, rng) for image in images]
        unlabeled = self._unlabeled_batch(step, rng) if self._unlabeled else None
        return Batch(torch.stack(images), torch.stack(labels).long(), unlabeled)

    def _unlabeled_batch(self, step: int, rng: Rng) -> UnlabeledBatch:
        size, count = self._config.data.crop_px, self._config.data.unlabeled_batch
        weak, known = self._weak(self._unlabeled, _UNLABELED, count, step, rng)
        strong = [self._strong(image, rng) for image in weak]
        partners: dict[str, Tensor] = {}
        if self._config.pseudo_label.mix_partner == "own":
            others, others_known = self._weak(self._unlabeled, _PARTNER, count, step, rng)
            partners = {
                "mix_weak": torch.stack(others),
                "mix_strong": torch.stack([self._strong(image, rng) for image in others]),
                "mix_known": torch.stack(others_known).long(),
                "mix_ignored": torch.zeros(count, size, size, dtype=torch.bool),
            }
        return UnlabeledBatch(
            weak=torch.stack(weak),
            strong=torch.stack(strong),
            known=torch.stack(known).long(),
            ignored=torch.zeros(count, size, size, dtype=torch.bool),
            box=torch.stack([cutmix_box(size, rng) for _ in range(count)]),
            **partners,
        )

    def _labeled_views(self, step: int, rng: Rng) -> tuple[list[Tensor], list[Tensor]]:
        count = self._config.data.labeled_batch
        if self._balance is None:
            return self._weak(self._labeled, _LABELED, count, step, rng)
        drawn = [self._balance.crop(number) for number in range(step * count, (step + 1) * count)]
        return _unzipped([self._view(name, rng, over_class=class_index) for name, class_index in drawn])

    def _weak(
        self, names: tuple[str, ...], stream: int, count: int, step: int, rng: Rng
    ) -> tuple[list[Tensor], list[Tensor]]:
        seed, numbers = (self._config.seed, stream), range(step * count, (step + 1) * count)
        drawn = [in_passes(names, number, seed) for number in numbers]
        return _unzipped([self._view(name, rng, over_label=stream == _LABELED) for name in drawn])

    def _view(
        self, name: str, rng: Rng, *, over_label: bool = True, over_class: int | None = None
    ) -> tuple[Tensor, Tensor]:
        data, pool = self._config.data, self._pool
        return weak_view(
            pool.image(name),
            pool.label(name),
            data.crop_px,
            self._config.augment,
            rng,
            over_label=over_label,
            over_class=over_class,
            zoom=zoom_to_run(pool.mpp_um(name), data.mpp),
        )

    def _strong(self, image: Tensor, rng: Rng) -> Tensor:
        return strong_view(stain_jitter(image, self._config.augment.stain_jitter, rng), rng)


def _unzipped(views: Sequence[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [image for image, _ in views], [label for _, label in views]


def prefetched(maker: BatchMaker, first_step: int) -> Generator[Batch]:
    """Batches from `first_step` on, each made in a thread while the one before it is trained on."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as executor:
        upcoming = executor.submit(maker.batch, first_step)
        step = first_step
        while True:
            batch = upcoming.result()
            step += 1
            upcoming = executor.submit(maker.batch, step)
            yield batch
