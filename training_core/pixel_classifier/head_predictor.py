"""Labels in, overlays out: the pixel classifier on a project's labelled tiles, refitted when they change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.errors import MaskError, ProjectError
from training_core.class_maps.overlay_files import OverlayArrays, overlay_arrays, write_overlays
from training_core.class_maps.pixel_scores import Scores
from training_core.class_maps.tile_result import TileResult
from training_core.data.pixel_size import check_zoom, left_out, zoom_to_run
from training_core.data.scored_labels import ScoredLabels
from training_core.pixel_classifier.encode import Features, View
from training_core.pixel_classifier.head import LightHead, sample
from training_core.pixel_classifier.store import FeatureStore
from training_core.project import Project
from training_core.project.labels import label_path
from training_core.project.splits import usable_tiles
from training_core.settings.schema import Config

_ZOOMS = (1.0, 0.5)
"""Beside the middle of the scales that training shows, half of it: twice the context."""
_STAININGS = 2
"""Labelled tiles are seen in so many other stainings too, or the head learns the stain of two tiles."""
_PER_CLASS = 300
"""Pixels of one class that are taken from one view of a tile."""
_MAX_TILES, _MAX_NEW_TILES = 32, 8
"""A fit takes up to so many tiles whose label has changed, and of those so many without features in the cache, which
take several times as long. The others wait for the next fit."""


_UNCHANGING = (0, 0)
"""The state of a label that was read when the run started."""


@dataclass(frozen=True)
class _Samples:
    """Features (N, D) by class id, and the state of the label file that they were taken from."""

    label_state: tuple[int, int]
    by_class: dict[int, Tensor]


class HeadPainter:
    """Paints overlays of a project's tiles by a `LightHead`. Call `fit` before the others."""

    def __init__(
        self, project: Project, config: Config, store: FeatureStore, held_out: Mapping[str, BoolMask] | None = None
    ) -> None:
        """Nothing is read or learned yet.

        Parameters
        ----------
        held_out
            Where the labels (H, W) of tiles are not to be learned from.
        """
        self._project, self._config, self._store = project, config, store
        self._held_out = held_out or {}
        self._label: Callable[[str], ClassIds] = project.label
        self._labeled: tuple[str, ...] | None = None
        """The tiles to learn from; None: those that the project has at the time."""
        self._samples: dict[str, _Samples] = {}
        self.damaged: dict[str, MaskError] = {}
        """The tiles whose labels cannot be read, and so teach nothing."""
        self._head: LightHead | None = None
        self._class_ids: tuple[int, ...] = ()
        self._zooms = tuple(config.augment.middle_scale * zoom for zoom in _ZOOMS)

    @property
    def n_tiles(self) -> int:
        """How many labelled tiles the head has learned from; a label that cannot be read teaches nothing."""
        return sum(bool(each.by_class) for each in self._samples.values())

    def learn_from(self, labeled: tuple[str, ...], label: Callable[[str], ClassIds]) -> None:
        """Fit on these tiles and labels, in class ids (H, W), whatever becomes of the project's meanwhile."""
        self._labeled, self._label = labeled, label

    def fit(self, shown: str) -> bool:
        """Learn from the labels of the training tiles as they are now, those of the tile `shown` first.

        So that the answer comes soon, it takes some tiles at a time: True says that others wait for another fit.

        Raises
        ------
        ProjectError
            Fewer than two classes are painted; says what is.
        MaskError
            The same, since a label is damaged.
        """
        before = {name: each.label_state for name, each in self._samples.items()}
        waiting = self._collect(shown)
        by_class: dict[int, list[Tensor]] = {}
        for samples in self._samples.values():
            for class_id, rows in samples.by_class.items():
                by_class.setdefault(class_id, []).append(rows)
        if len(by_class) < 2 and self.damaged:
            raise next(iter(self.damaged.values()))
        _check_classes(self._project, by_class.keys())
        if self._head is None or before != {name: each.label_state for name, each in self._samples.items()}:
            self._class_ids = tuple(sorted(by_class))
            self._head = LightHead([torch.cat(by_class[class_id]) for class_id in self._class_ids])
        return waiting

    def prepare(self, name: str) -> Iterator[None]:
        """Have the features in memory that learning from this tile takes; yields after each piece of the work.

        Raises
        ------
        ProjectError, ImageError
            The picture is missing or damaged.
        """
        for stain in range(_STAININGS + 1):
            for view in self._shown_as(name, stain):
                self._store.get(name, view)
                yield

    def paint(self, name: str, folder: Path, threshold: float) -> dict[str, Path]:
        """The overlays of a tile as PNGs in `folder`, by the names of `write_overlays`, until the next ones.

        Parameters
        ----------
        threshold
            Of pseudo-labels.
        """
        return write_overlays(folder, name, self.predict(name, threshold), passing=True)

    def predict(self, name: str, threshold: float) -> OverlayArrays:
        """The overlays of a tile as arrays."""
        confidence, index = self._predict(name).max(0)
        label, sure = index.to(torch.uint8).numpy(), confidence.numpy()
        ids = np.array(self._class_ids, np.uint8)
        return overlay_arrays(TileResult(label, sure, label, sure), ids, threshold)

    def score(self, truth: ScoredLabels) -> Scores | None:
        """Scores of all classes of the run; None where nothing is labelled."""
        own = np.array(self._class_ids, np.uint8)
        return truth.scores(lambda name: own[self._predict(name).argmax(0).numpy()])

    def _predict(self, name: str) -> Tensor:
        """(C, H, W) probabilities of the classes `_class_ids`."""
        assert self._head is not None
        tile = self._project.tile(name)
        return self._head.probabilities(self._views(name, 0), (tile.height_px, tile.width_px))

    def _collect(self, shown: str) -> bool:
        """Bring the samples up to date; whether some tiles had to wait."""
        usable = self._usable()
        names = self._project.labeled_names() if self._labeled is None else self._labeled
        labeled = [name for name in names if name in usable]
        self._samples = {name: each for name, each in self._samples.items() if name in labeled}
        self.damaged = {name: each for name, each in self.damaged.items() if name in labeled}
        changing = self._labeled is None
        states = {name: _state(label_path(self._project.path, name)) if changing else _UNCHANGING for name in labeled}
        changed = [name for name in labeled if self._state_seen(name) != states[name]]
        new = 0
        for name in sorted(changed, key=lambda each: each != shown)[:_MAX_TILES]:
            known = self._is_known(name)
            if known or new < _MAX_NEW_TILES:
                new += not known
                self._samples[name] = _Samples(states[name], self._sample(name))
        return any(self._state_seen(name) != states[name] for name in labeled)

    def _usable(self) -> set[str]:
        """The tiles whose images are there and whose pixel size fits the run's."""
        tiles = usable_tiles(self._project)
        unfit = left_out(tiles, self._config.data.mpp)
        return {tile.name for tile in tiles if tile.name not in unfit}

    def _state_seen(self, name: str) -> tuple[int, int] | None:
        return self._samples[name].label_state if name in self._samples else None

    def _is_known(self, name: str) -> bool:
        return all(
            self._store.has(name, view) for stain in range(_STAININGS + 1) for view in self._shown_as(name, stain)
        )

    def _sample(self, name: str) -> dict[int, Tensor]:
        """Features of some pixels of each class, the same ones for the same label."""
        try:
            label = self._label(name)
        except MaskError as error:  # the other tiles teach all the same
            self.damaged[name] = error
            return {}
        self.damaged.pop(name, None)
        if name in self._held_out:
            label = np.where(self._held_out[name], UNLABELED, label)
        found: dict[int, list[Tensor]] = {}
        for stain in range(_STAININGS + 1):
            views = self._views(name, stain)
            rng = np.random.default_rng(stain)
            for class_id in np.unique(label[label != UNLABELED]):
                places = np.argwhere(label == class_id)
                chosen = places[rng.integers(len(places), size=min(_PER_CLASS, len(places)))]
                found.setdefault(int(class_id), []).append(sample(views, chosen, label.shape))
        return {class_id: torch.cat(rows) for class_id, rows in found.items()}

    def _views(self, name: str, stain: int) -> list[Features]:
        return [self._store.get(name, view) for view in self._shown_as(name, stain)]

    def _shown_as(self, name: str, stain: int) -> list[View]:
        mpp_um, run_mpp = self._project.tile(name).mpp_um, self._config.data.mpp
        check_zoom(f"tile {name}", mpp_um, run_mpp)
        to_run = zoom_to_run(mpp_um, run_mpp)
        return [View(zoom * to_run, stain) for zoom in self._zooms]


def _state(path: Path) -> tuple[int, int]:
    if not path.exists():  # deleted by hand: nothing is labelled
        return 0, 0
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _check_classes(project: Project, painted: Collection[int]) -> None:
    if len(painted) >= 2:
        return
    names = [each.name for each in project.classes if each.id in painted]
    raise ProjectError(
        f"only {names[0]} is annotated" if names else "no tile is annotated for training yet",
        "annotations of at least 2 classes",
        "paint a few strokes of every class, including the background between the structures",
    )
