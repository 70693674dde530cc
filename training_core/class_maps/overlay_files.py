"""A tile's result as three PNGs that the window can show: prediction, pseudo-label, confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, ClassIds, Confidence8
from training_core.base.errors import writing
from training_core.base.safe_paths import within
from training_core.class_maps.tile_result import Branch, TileResult
from training_core.io import encode_png, passing_write, write_png


@dataclass(frozen=True)
class OverlayArrays:
    """A tile's result as it is written: arrays (H, W) uint8, each named after its file."""

    prediction: ClassIds
    pseudo_label: ClassIds
    """`UNLABELED` where the confidence of the fused logits is below the threshold."""
    confidence: Confidence8
    """Of `prediction`, 0..255 for 0..1."""


def overlay_arrays(
    result: TileResult,
    class_ids: NDArray[np.uint8],
    threshold: float,
    *,
    clean: Callable[[ClassIds], ClassIds] = lambda ids: ids,
) -> OverlayArrays:
    """A result in class ids and 8 bits.

    Parameters
    ----------
    clean
        What is done to the prediction's class ids (H, W).
    """
    pseudo_label = np.where(result.fused_confidence >= threshold, class_ids[result.fused], UNLABELED).astype(np.uint8)
    return OverlayArrays(
        clean(class_ids[result.prediction]), pseudo_label, np.rint(result.confidence * 255).astype(np.uint8)
    )


def write_overlays(folder: Path, name: str, arrays: OverlayArrays, *, passing: bool = False) -> dict[str, Path]:
    """NAME.prediction.png, NAME.pseudo_label.png, NAME.confidence.png in `folder`; returns the paths by those kinds.

    Each file is replaced whole, so a reader never sees half of one.

    Parameters
    ----------
    passing
        They are looked at and replaced soon: nobody waits for the disk, or for the last byte of compression.
    """
    return _write(folder, name, vars(arrays), passing=passing)


def write_branches(
    folder: Path, name: str, parts: Mapping[Branch, ClassIds], class_ids: NDArray[np.uint8]
) -> dict[str, Path]:
    """NAME.decoder.png, NAME.prototypes.png, NAME.text.png: class ids, from class indices (H, W). Returns the paths."""
    return _write(folder, name, {str(part): class_ids[indices] for part, indices in parts.items()})


def _write(
    folder: Path, name: str, arrays: Mapping[str, NDArray[np.uint8]], *, passing: bool = False
) -> dict[str, Path]:
    paths = {kind: within(folder, f"{name}.{kind}.png") for kind in arrays}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for kind, array in arrays.items():
            if passing:
                passing_write(paths[kind], encode_png(array, quick=True))
            else:
                write_png(paths[kind], array)
    return paths
