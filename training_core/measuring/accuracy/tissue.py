"""Synthetic tissue of seven classes with its own splits: anyone can run the benchmark without downloading data.

Tiles of three scanners, three sizes and two pixel sizes, which each file states itself.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from training_core.base.arrays import UNLABELED
from training_core.base.bounded import read_json
from training_core.base.errors import writing
from training_core.base.progress import ReportProgress
from training_core.demo import make_demo, read_truth
from training_core.io import atomic_write, encode_png, encode_tiff
from training_core.measuring.accuracy.datasets import Dataset, Item
from training_core.project import Project, TissueClass
from training_core.project.sources import find_images
from training_core.runs.run_folder import Split

TRAIN_SEED, HELD_OUT_SEED = 0, 1
N_TRAIN, N_VAL, N_TEST = 40, 8, 24
_LEGEND = "classes.json"


def draw_dataset(folder: Path, progress: ReportProgress | None = None) -> Dataset:
    """The data set in `folder`, drawn first where it is not there yet: validation and test tiles by another seed.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    legend = folder / _LEGEND  # written last
    if not legend.is_file():
        _draw(folder, progress)
    classes = tuple(TissueClass(**entry) for entry in read_json(legend))
    values = {str(c.id): c.id for c in classes} | {str(UNLABELED): UNLABELED}
    items = [Item(path.stem, path, folder / "masks" / f"{path.stem}.png") for path in find_images([folder / "images"])]
    train, test = (
        tuple(item for item in items if item.name.startswith("test") == testing) for testing in (False, True)
    )
    return Dataset("demo", classes, values, None, {}, train, test)


def demo_split(ratio: int) -> tuple[Split, str]:
    """The first tiles are labelled, as many as `ratio` percent; the others are not."""
    names = [f"train_{number:02d}" for number in range(1, N_TRAIN + 1)]
    count = round(N_TRAIN * ratio / 100)
    val = tuple(f"val_{number:02d}" for number in range(1, N_VAL + 1))
    source = f"the first {count} of {N_TRAIN} tiles drawn with seed {TRAIN_SEED}; validation with seed {HELD_OUT_SEED}"
    return Split(tuple(names[:count]), tuple(names[count:]), val), source


def _draw(folder: Path, progress: ReportProgress | None) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        train, held_out = (
            make_demo(Path(scratch) / str(seed), seed=seed, tiles=tiles, kind="compartments", progress=progress)
            for seed, tiles in ((TRAIN_SEED, N_TRAIN), (HELD_OUT_SEED, N_VAL + N_TEST))
        )
        _copy(train, 0, N_TRAIN, folder, "train")
        _copy(held_out, 0, N_VAL, folder, "val")
        _copy(held_out, N_VAL, N_TEST, folder, "test")
        classes = [asdict(c) for c in train.classes]
    atomic_write(folder / _LEGEND, json.dumps(classes, indent=1).encode())


def _copy(project: Project, first: int, count: int, folder: Path, prefix: str) -> None:
    for number, tile in enumerate(project.tiles[first : first + count], 1):
        name = f"{prefix}_{number:02d}"
        atomic_write(folder / "images" / f"{name}.tif", encode_tiff(project.image(tile.name), tile.mpp_um))
        atomic_write(folder / "masks" / f"{name}.png", encode_png(read_truth(project, tile.name)))
