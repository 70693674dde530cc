"""The project that all seeds of a benchmark train on, and what is annotated in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from training_core.base.arrays import UNLABELED, ClassIds
from training_core.io import atomic_write, encode_png
from training_core.measuring.accuracy.datasets import Item
from training_core.measuring.accuracy.plan import Benchmark
from training_core.measuring.accuracy.usable import read_truth
from training_core.project import Project
from training_core.project.file_records import FileAnswers


def make_project(bench: Benchmark, path: Path) -> Path:
    """The project in `path`, made where it is not there yet. Images stay where they are.

    Raises
    ------
    ImageError, MaskError
        A file is damaged, or a mask has values that no class has.
    StorageError
        The disk is full or not writable.
    """
    if path.is_dir():
        return path
    items = {item.name: item for item in bench.items()}
    labels = {name: _mask(bench, items[name]) for name in bench.split.labeled}
    if bench.annotator is not None:
        labels = bench.annotator.paint(labels)
    with tempfile.TemporaryDirectory(dir=path.parent) as masks:
        for name in (*bench.split.labeled, *bench.split.val):
            label = labels[name] if name in labels else _mask(bench, items[name])
            atomic_write(Path(masks) / f"{name}.png", encode_png(label))
        Project.create(
            path,
            [item.image for item in bench.items()],
            classes=bench.dataset.classes,
            masks=Path(masks),
            labeled=bench.split.labeled,
            val=bench.split.val,
            name=bench.dataset.name or bench.dataset.target,
            reference=True,
            mpp_um=bench.dataset.mpp_um,
            answers=FileAnswers(image=bench.dataset.answers),
        )
    return path


def read_labels(bench: Benchmark, project: Path) -> dict[str, ClassIds]:
    """What is annotated on each labelled image, by name, as the training gets it.

    Raises
    ------
    ProjectError, MaskError
        The project is damaged.
    """
    opened = Project.open(project)
    return {name: opened.label(name) for name in bench.split.labeled}


def describe_annotation(bench: Benchmark, labels: dict[str, ClassIds]) -> dict[str, Any]:
    """Who annotated the labelled images and how much, as JSON: share of the pixels, pixels and images of each class."""
    counts = {name: np.bincount(label.ravel(), minlength=256) for name, label in labels.items()}
    total = sum(label.size for label in labels.values())
    labeled = sum(int(each[:UNLABELED].sum()) for each in counts.values())
    return {
        **_strokes(bench),
        "labeled_share": labeled / total,
        "pixels_by_class": {c.name: sum(int(each[c.id]) for each in counts.values()) for c in bench.dataset.classes},
        "images_by_class": {c.name: sum(bool(each[c.id]) for each in counts.values()) for c in bench.dataset.classes},
    }


def _strokes(bench: Benchmark) -> dict[str, Any]:
    if bench.annotator is None:
        return {"habit": None, "seed": None}
    return {"habit": bench.annotator.habit, "seed": bench.annotator.seed}


def _mask(bench: Benchmark, item: Item) -> ClassIds:
    return read_truth(bench.dataset, item)[1]
