"""Training batches as a pure function of (seed, step): any step can be made again, so resuming needs no state."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from training_core.base.arrays import UNLABELED
from training_core.data.crops import Crop, Rng, color_jitter, cutmix_box, strong_view, weak_view
from training_core.data.pixel_size import zoom_to_run
from training_core.data.sampling import ClassBalance, in_passes
from training_core.data.stain import stain_jitter, stain_of, stained_as
from training_core.data.tile_pool import TilePool
from training_core.method.batch import Batch, UnlabeledBatch
from training_core.settings.schema import Config

_LABELED, _UNLABELED, _PARTNER = 0, 1, 2
_GPU_WORKERS = 4
"""More batches ahead than this are memory, and threads that the one which feeds the GPU has to share Python with."""


class BatchMaker:
    """Makes the batch of any step from the tiles' names. Images are 0..1 RGB; the trainer normalises them."""

    def __init__(self, pool: TilePool, labeled: Sequence[str], unlabeled: Sequence[str], config: Config) -> None:
        self._pool = pool
        self._labeled = tuple(labeled)
        self._unlabeled = tuple(unlabeled) if config.pseudo_label.enabled else ()
        self._config = config
        self._stains: dict[str, Tensor] = {}
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
        if config.augment.exchange_stains:
            images = [self._stained_otherwise(image, rng) for image in images]
        if config.augment.color_jitter_labeled:
            images = [color_jitter(image, config.augment.color_jitter_labeled, rng) for image in images]
        unlabeled = self._unlabeled_batch(step, rng) if self._unlabeled else None
        return Batch(torch.stack(images), torch.stack(labels).long(), unlabeled)

    def _unlabeled_batch(self, step: int, rng: Rng) -> UnlabeledBatch:
        size, count = self._config.data.crop_px, self._config.data.unlabeled_batch
        weak, known, ignored = self._unlabeled_views(_UNLABELED, count, step, rng)
        strong = [self._strong(image, rng) for image in weak]
        partners: dict[str, Tensor] = {}
        if self._config.pseudo_label.mix_partner == "own":
            others, others_known, others_ignored = self._unlabeled_views(_PARTNER, count, step, rng)
            partners = {
                "mix_weak": torch.stack(others),
                "mix_strong": torch.stack([self._strong(image, rng) for image in others]),
                "mix_known": torch.stack(others_known).long(),
                "mix_ignored": torch.stack(others_ignored),
            }
        return UnlabeledBatch(
            weak=torch.stack(weak),
            strong=torch.stack(strong),
            known=torch.stack(known).long(),
            ignored=torch.stack(ignored),
            box=torch.stack([cutmix_box(size, rng) for _ in range(count)]),
            **partners,
        )

    def _labeled_views(self, step: int, rng: Rng) -> tuple[list[Tensor], list[Tensor]]:
        count = self._config.data.labeled_batch
        if self._balance is None:
            seed, numbers = (self._config.seed, _LABELED), range(step * count, (step + 1) * count)
            return _unzipped([self._view(in_passes(self._labeled, number, seed), rng) for number in numbers])
        drawn = [self._balance.crop(number) for number in range(step * count, (step + 1) * count)]
        return _unzipped([self._view(name, rng, over_class=class_index) for name, class_index in drawn])

    def _unlabeled_views(
        self, stream: int, count: int, step: int, rng: Rng
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Images, what is known of them, and where the user rejected the guess, (crop, crop) boolean."""
        data, pool, seed = self._config.data, self._pool, (self._config.seed, stream)
        images, known, rejected = [], [], []
        for number in range(step * count, (step + 1) * count):
            name = in_passes(self._unlabeled, number, seed)
            label, zoom = pool.label(name), zoom_to_run(pool.mpp_um(name), data.mpp)
            tile = pool.surrounded(name)
            augment, around = self._config.augment, tile.around
            crop = Crop.drawn(label, data.crop_px, augment, rng, over_label=False, zoom=zoom, around=around)
            images.append(crop.image(tile.pixels))
            known.append(crop.mask(around.padded(label, UNLABELED)))
            rejected.append(crop.mask(around.padded(pool.rejected(name), 0)).bool())
        return images, known, rejected

    def _view(self, name: str, rng: Rng, *, over_class: int | None = None) -> tuple[Tensor, Tensor]:
        data, pool = self._config.data, self._pool
        tile = pool.surrounded(name)
        return weak_view(
            tile.pixels,
            pool.label(name),
            data.crop_px,
            self._config.augment,
            rng,
            over_class=over_class,
            zoom=zoom_to_run(pool.mpp_um(name), data.mpp),
            around=tile.around,
        )

    def _stained_otherwise(self, image: Tensor, rng: Rng) -> Tensor:
        """As a tile that is drawn at random, annotated or not."""
        tiles = (*self._labeled, *self._unlabeled)
        name = tiles[int(rng.integers(len(tiles)))]
        if name not in self._stains:
            self._stains[name] = stain_of(torch.from_numpy(self._pool.image(name)[::4, ::4] / np.float32(255)))
        return stained_as(image, self._stains[name])

    def _strong(self, image: Tensor, rng: Rng) -> Tensor:
        return strong_view(stain_jitter(image, self._config.augment.stain_jitter, rng), rng)


def _unzipped(views: Sequence[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], list[Tensor]]:
    return [image for image, _ in views], [label for _, label in views]


def prefetched(maker: BatchMaker, first_step: int, *, for_gpu: bool = False) -> Generator[Batch]:
    """Batches from `first_step` on, in order, made in threads while those before them are trained on.

    Parameters
    ----------
    for_gpu
        Whether several batches are made at a time, in pinned memory for CUDA, because a GPU takes them faster than
        one thread makes them. Otherwise one is made ahead, since a CPU has other work.
    """
    workers = min(_GPU_WORKERS, os.cpu_count() or 1) if for_gpu else 1
    pin = for_gpu and torch.cuda.is_available()

    def made(step: int) -> Batch:
        batch = maker.batch(step)
        return batch.pinned() if pin else batch

    # torch would start threads of its own for each of several workers
    alone = (torch.set_num_threads, (1,)) if workers > 1 else (None, ())
    try:
        with ThreadPoolExecutor(workers, "batches", *alone) as executor:
            upcoming = deque(executor.submit(made, first_step + ahead) for ahead in range(workers))
            for step in itertools.count(first_step + workers):
                batch = upcoming.popleft().result()
                upcoming.append(executor.submit(made, step))
                yield batch
    finally:  # what one thread sets holds for those that are made later, too
        torch.set_num_threads(torch.get_num_threads())
