"""What a benchmark runs: data, split, settings; and what must be the same for two seeds to belong to one record."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from training_core.base.arrays import UNLABELED
from training_core.io.inspection import UNASKED
from training_core.measuring.accuracy.annotators import Annotator
from training_core.measuring.accuracy.datasets import Dataset, Item
from training_core.measuring.accuracy.provenance import digest
from training_core.measuring.accuracy.usable import LeftOut
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config


@dataclass(frozen=True)
class Benchmark:
    """What to run.

    Attributes
    ----------
    ratio
        Percent of the training images that are labelled; None where the split is not one of a published ratio.
    config
        The settings of every seed, except the seed itself.
    command
        The command line, as the user typed it.
    arm
        Which of the experiments that are compared it is, if any.
    fold
        Of a cross-validation.
    annotator
        Who paints the labelled images; None: their full masks are used.
    notes
        What a reader of the figures must know about the split.
    left_out
        The images that were meant to take part and could not be used.
    """

    dataset: Dataset
    split: Split
    split_source: str
    ratio: int | None
    supervised_only: bool
    config: Config
    label: str
    command: str
    min_object_um2: float = 0.0
    arm: str | None = None
    fold: int | None = None
    annotator: Annotator | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def sets(self) -> dict[str, tuple[Item, ...]]:
        """What is scored: the test images, GlaS's two parts of them, and the validation images."""
        test = self.dataset.test
        parts = {}
        for part in ("testA", "testB"):
            members = tuple(item for item in test if re.match(part, item.name, re.IGNORECASE))
            if members and len(members) < len(test):
                parts[part] = members
        val = set(self.split.val)
        validation = tuple(item for item in self.dataset.train if item.name in val)
        return {**({"test": test} if test else {}), **parts, "validation": validation}

    def items(self) -> tuple[Item, ...]:
        """The training images that take part."""
        names = {*self.split.labeled, *self.split.unlabeled, *self.split.val}
        return tuple(item for item in self.dataset.train if item.name in names)

    def used(self) -> dict[str, int]:
        """How many images of each role take part."""
        split = self.split
        return {
            "labelled": len(split.labeled),
            "unlabelled": len(split.unlabeled),
            "validation": len(split.val),
            "test": len(self.dataset.test),
        }

    def expected(self) -> dict[str, int]:
        """How many images of each role were meant to take part."""
        left_out = Counter(each.role for each in self.left_out)
        return {role: count + left_out[role] for role, count in self.used().items()}


def make_plan(bench: Benchmark, hashes: dict[str, list[dict[str, str | None]]]) -> dict[str, Any]:
    """What must be the same for two seeds to belong to one record, as JSON."""
    return {
        "target": bench.dataset.target,
        "ratio": bench.ratio,
        "supervised_only": bench.supervised_only,
        "settings": bench.config.model_dump(mode="json", exclude={"seed"}),
        "split": {key: list(names) for key, names in dataclasses.asdict(bench.split).items()},
        "data_sha256": {name: digest(files) for name, files in hashes.items()},
        "min_object_um2": bench.min_object_um2,
        "arm": bench.arm,
        "fold": bench.fold,
        "strokes": dataclasses.asdict(bench.annotator) if bench.annotator is not None else None,
        "dataset": _described(bench.dataset) if bench.dataset.name else None,
        "answers": dataclasses.asdict(bench.dataset.answers) if bench.dataset.answers != UNASKED else None,
    }


def _described(dataset: Dataset) -> dict[str, Any]:
    """What a user's own file says about the data set: with other classes the figures are others."""
    names = {c.id: c.name for c in dataset.classes} | {UNLABELED: None}
    return {
        "name": dataset.name,
        "mpp_um": dataset.mpp_um,
        "classes": [[c.name, c.made_of_objects] for c in dataset.classes],
        "mask_values": {str(value): names[class_id] for value, class_id in dataset.mask_values.items()},
        "judged": [names[c] for c in dataset.judged] if dataset.judged is not None else None,
    }
