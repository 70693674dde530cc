"""Tiles and labels as the trainer sees them: decoded once, in bounded memory, labels frozen when the run starts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds, Rgb8
from training_core.base.errors import UserError
from training_core.base.memory_cache import MemoryCache
from training_core.io.surroundings import Surrounded
from training_core.project import Project


class TilePool:
    """Images (H, W, 3) and class-index labels (H, W) of a project, both uint8.

    The labels are read when the pool is made, so that strokes painted while training runs belong to the next round.
    Class ids become indices 0..C-1 in the order of `class_ids`; 255 stays "not labelled".

    Parameters
    ----------
    rejected
        The tiles of which the user rejected something.
    context_px
        How much of its slide `surrounded` has on each side of a tile, in pixels of the tile.
    held_out
        Where annotations (H, W) are not trained on, by tile: `label` has 255 there, `scored_label` nothing else.
    """

    def __init__(
        self,
        project: Project,
        labeled: Sequence[str],
        class_ids: Sequence[int],
        max_bytes: int = 2 << 30,
        *,
        rejected: Sequence[str] = (),
        held_out: Mapping[str, BoolMask] | None = None,
        context_px: int = 0,
    ) -> None:
        self.class_ids = tuple(class_ids)
        """As they were when the run started, whatever the window does to the project's classes."""
        self._project = project
        self._context_px = context_px
        self._on_slides = {name for name, there in on_slides(project).items() if there} if context_px else set[str]()
        self._lost: dict[str, UserError] = {}
        self._images: MemoryCache[tuple[str, bool], Any] = MemoryCache(max_bytes)
        """By name, and whether it is with its surroundings."""
        to_index = np.full(256, UNLABELED, np.uint8)
        to_index[list(class_ids)] = np.arange(len(class_ids))
        self._to_id = np.full(256, UNLABELED, np.uint8)
        self._to_id[: len(class_ids)] = class_ids
        self._labels = {name: to_index[project.label(name)] for name in labeled}
        held_out = held_out or {}
        self._trained = {name: _only(self._labels[name], ~where) for name, where in held_out.items()}
        self._held_out = {name: _only(self._labels[name], where) for name, where in held_out.items()}
        self._rejected = {name: project.rejection(name).where.view(np.uint8) for name in rejected}
        for name, where in self._rejected.items():
            if name in self._labels:
                # a label is known to be right, whatever was rejected before it
                where[self.label(name) != UNLABELED] = 0

    def image(self, name: str) -> Rgb8:
        """(H, W, 3) uint8; the least recently used images leave when memory runs out."""
        image: Rgb8 | None = self._images.get((name, False))
        # Several threads decode at the same time: batches are made in them while the main one validates.
        return image if image is not None else self._images.keep((name, False), self._project.image(name))

    def surrounded(self, name: str) -> Surrounded:
        """The image with its slide around it; alone where there is no slide, or none that can be read."""
        if name not in self._on_slides:
            return Surrounded(self.image(name))
        known: Surrounded | None = self._images.get((name, True))
        if known is not None:
            return known
        try:
            read = self._project.surrounded(name, self._context_px)
        except UserError as error:
            self._on_slides.discard(name)
            self._lost[name] = error
            return Surrounded(self.image(name))
        kept: Surrounded = self._images.keep((name, True), read)
        return kept

    def newly_lost(self) -> Mapping[str, UserError]:
        """The tiles whose slide could not be read since this was asked last, and why: their crops are mirrored."""
        lost, self._lost = self._lost, {}
        return lost

    def _shape(self, name: str) -> tuple[int, int]:
        tile = self.surrounded(name)
        (height, width), around = tile.pixels.shape[:2], tile.around
        return height - around.top - around.bottom, width - around.left - around.right

    def label(self, name: str) -> ClassIds:
        """(H, W) uint8 class indices, 255 where not labelled."""
        label = self._trained.get(name, self._labels.get(name))
        return label if label is not None else np.full(self._shape(name), UNLABELED, np.uint8)

    def label_ids(self, name: str) -> ClassIds:
        """The label in class ids (H, W), 255 where not labelled."""
        return self._to_id[self.label(name)]

    def scored_ids(self, name: str) -> ClassIds:
        """`scored_label` in class ids."""
        return self._to_id[self.scored_label(name)]

    def scored_label(self, name: str) -> ClassIds:
        """The same, of what predictions are compared with: what is held out, or where nothing is, the label."""
        return self._held_out[name] if self._held_out else self.label(name)

    def rejected(self, name: str) -> NDArray[np.uint8]:
        """(H, W) uint8: 1 where no pseudo-label may be learned from, because the user rejected what was guessed."""
        rejected = self._rejected.get(name)
        return rejected if rejected is not None else np.zeros(self._shape(name), np.uint8)

    def classes_in(self, name: str) -> tuple[int, ...]:
        """The class indices that have a labelled pixel in the tile."""
        counts = np.bincount(self.label(name).ravel(), minlength=256)
        return tuple(int(c) for c in np.flatnonzero(counts) if c != UNLABELED)

    def mpp_um(self, name: str) -> float | None:
        """µm/px of the tile; None: unknown."""
        return self._project.tile(name).mpp_um

    def label_hash(self) -> str:
        """One SHA-256 over all labels of the run, and what is rejected, for its provenance."""
        digest = hashlib.sha256()
        for name in sorted(self._labels):
            digest.update(name.encode())
            digest.update(self._labels[name].tobytes())
        for name in sorted(self._rejected):
            digest.update(b"rejected" + name.encode())
            digest.update(self._rejected[name].tobytes())
        return digest.hexdigest()


def on_slides(project: Project) -> dict[str, bool]:
    """The tiles whose place on a slide is known: by name, whether that slide is there."""
    there: dict[str, bool] = {}
    found: dict[str, bool] = {}
    for tile in project.tiles:
        if tile.place is not None and tile.place.scale is not None:
            file = tile.place.file
            if file not in there:
                there[file] = project.source_path(tile.name) is not None
            found[tile.name] = there[file]
    return found


def _only(label: ClassIds, where: BoolMask) -> ClassIds:
    return np.where(where, label, UNLABELED).astype(np.uint8)
