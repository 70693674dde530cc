"""A benchmark from start to end: project, seeds, figures, record."""

from __future__ import annotations

import dataclasses
import re
import tempfile
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training_core.base.errors import UserError
from training_core.base.progress import ReportProgress
from training_core.io import atomic_write, encode_png, read_mask
from training_core.measuring.accuracy import record as records
from training_core.measuring.accuracy.datasets import Dataset, Item, check_masks
from training_core.measuring.accuracy.provenance import digest, environment, file_hashes
from training_core.measuring.accuracy.record import Record
from training_core.measuring.accuracy.scoring import score_sets
from training_core.measuring.accuracy.splits import departure
from training_core.measuring.accuracy.training import SeedFailed, train_seed
from training_core.messages.events import Event
from training_core.prediction.predictor import load_predictor
from training_core.project import Project
from training_core.project.importing import map_mask
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config


@dataclass(frozen=True)
class Benchmark:
    """What to run.

    Attributes
    ----------
    config
        The settings of every seed, except the seed itself.
    command
        The command line, as the user typed it.
    """

    dataset: Dataset
    split: Split
    split_source: str
    ratio: int
    supervised_only: bool
    config: Config
    label: str
    command: str
    min_object_um2: float = 0.0

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


@dataclass(frozen=True)
class Display:
    """How progress is shown.

    Attributes
    ----------
    training
        A context that gives the listener of one seed's events.
    """

    say: Callable[[str], None]
    training: Callable[[], AbstractContextManager[Callable[[Event], None]]]
    counting: Callable[[str], AbstractContextManager[ReportProgress]]


def run_benchmark(bench: Benchmark, seeds: int, out: Path, display: Display, *, overwrite: bool = False) -> Record:
    """Train and score the seeds 0 to `seeds` - 1 that `out` does not hold yet; returns the record.

    A seed that fails is recorded and the next one goes on.

    Raises
    ------
    ConfigError
        `out` holds something else.
    ImageError, MaskError, StorageError
        Bad files, no space.
    """
    check_masks([item for item in bench.items() if item.name in {*bench.split.labeled, *bench.split.val}], "labelled")
    hashes = {"train": file_hashes(bench.items()), "test": file_hashes(bench.dataset.test)}
    plan = _plan(bench, hashes)
    record = records.open_record(out, plan, overwrite=overwrite) or _new_record(bench, plan, hashes)
    records.write_record(out, record)  # first: it marks the folder as a benchmark's
    project = _project(bench, out)
    atomic_write(out / records.CONFIG, bench.config.model_dump_json(indent=1).encode())
    for seed in range(seeds):
        entry = next((entry for entry in record["seeds"] if entry["seed"] == seed), None)
        if entry is None:
            entry = {"seed": seed, "status": "new"}
            record["seeds"].append(entry)
        if entry["status"] == "done":
            display.say(f"Seed {seed} is already done.")
            continue
        display.say(f"Seed {seed} ({seed + 1} of {seeds})")
        _run_seed(bench, project, entry, out, display, save=lambda: records.write_record(out, record))
    return record


def _run_seed(
    bench: Benchmark, project: Path, entry: dict[str, Any], out: Path, display: Display, save: Callable[[], None]
) -> None:
    entry.pop("error", None)
    try:
        if "train" not in entry or not Path(entry["train"]["run"]).is_dir():
            entry["environment"] = environment()
            (out / records.LOGS).mkdir(exist_ok=True)
            log = out / records.LOGS / f"seed_{entry['seed']}.txt"
            with display.training() as listener:
                entry["train"] = train_seed(project, out / records.CONFIG, entry["seed"], log, listener)
            entry["status"] = "trained"
            save()
        predictor = load_predictor(Path(entry["train"]["run"]))
        with display.counting("Scoring") as progress:
            entry["scores"] = score_sets(predictor, bench.dataset, bench.sets(), bench.min_object_um2, progress)
        entry["status"] = "done"
    except Exception as error:  # recorded and told; the other seeds go on, and the command ends with 1
        told = isinstance(error, UserError | SeedFailed)
        entry["status"], entry["error"] = "failed", str(error) if told else traceback.format_exc()
        display.say(f"Seed {entry['seed']} failed: {entry['error']}")
    save()


def _plan(bench: Benchmark, hashes: dict[str, list[dict[str, str | None]]]) -> dict[str, Any]:
    """What must be the same for two seeds to belong to one record, as JSON."""
    return {
        "target": bench.dataset.target,
        "ratio": bench.ratio,
        "supervised_only": bench.supervised_only,
        "settings": bench.config.model_dump(mode="json", exclude={"seed"}),
        "split": {key: list(names) for key, names in dataclasses.asdict(bench.split).items()},
        "data_sha256": {name: digest(files) for name, files in hashes.items()},
        "min_object_um2": bench.min_object_um2,
    }


def _new_record(bench: Benchmark, plan: dict[str, Any], hashes: dict[str, list[dict[str, str | None]]]) -> Record:
    notes = [departure(bench.dataset.target, bench.ratio, bench.split)]
    if not bench.dataset.test:
        notes.append("There are no test images. The validation images were scored, on which the best checkpoint "
                     "was chosen: do not compare these figures with published ones.")  # fmt: skip
    return {
        "spec_version": records.FORMAT.version,
        "label": bench.label,
        "command": bench.command,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": plan,
        "split_source": bench.split_source,
        "classes": [dataclasses.asdict(c) for c in bench.dataset.classes],
        "mpp_um": bench.dataset.mpp_um,
        "files": hashes,
        "notes": [note for note in notes if note],
        "seeds": [],
    }


def _project(bench: Benchmark, out: Path) -> Path:
    """The project that all seeds train on, made where it is not there yet. Images stay where they are."""
    path = out / records.PROJECT
    if path.is_dir():
        return path
    needed = {*bench.split.labeled, *bench.split.val}
    with tempfile.TemporaryDirectory(dir=out) as masks:
        for item in bench.items():
            if item.name in needed:
                assert item.mask is not None  # checked by run_benchmark
                label = map_mask(item.mask, read_mask(item.mask), bench.dataset.mask_values)
                atomic_write(Path(masks) / f"{item.name}.png", encode_png(label))
        Project.create(
            path,
            [item.image for item in bench.items()],
            classes=bench.dataset.classes,
            masks=Path(masks),
            labeled=bench.split.labeled,
            val=bench.split.val,
            name=bench.dataset.target,
            reference=True,
            mpp_um=bench.dataset.mpp_um,
        )
    return path
