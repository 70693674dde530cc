"""RUN/held_out/NAME.png: the annotations that a run held out, for those who resume it and for the next run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds
from training_core.base.safe_paths import within
from training_core.io import read_mask, write_png

FOLDER = "held_out"


def write_held_out(run_dir: Path, held_out: Mapping[str, ClassIds]) -> None:
    """Class ids (H, W) per tile, 255 where nothing is held out.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    for name, ids in held_out.items():
        write_png(within(run_dir, FOLDER, f"{name}.png"), ids)


def read_held_out(run_dir: Path) -> dict[str, BoolMask]:
    """What a run held out, (H, W) by tile; empty: nothing.

    Raises
    ------
    MaskError
        A file is damaged.
    """
    files = sorted((run_dir / FOLDER).glob("*.png"))
    return {path.name.removesuffix(".png"): np.asarray(read_mask(path) != UNLABELED) for path in files}
