"""A benchmark from start to end: project, seeds, figures, record."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training_core.base.errors import UserError
from training_core.base.progress import ReportProgress
from training_core.io import atomic_write
from training_core.measuring.accuracy import record as records
from training_core.measuring.accuracy.bench_project import describe_annotation, make_project, read_labels
from training_core.measuring.accuracy.datasets import check_masks
from training_core.measuring.accuracy.plan import Benchmark, make_plan
from training_core.measuring.accuracy.provenance import environment, file_hashes
from training_core.measuring.accuracy.record import Record
from training_core.measuring.accuracy.scoring import score_sets, score_unpainted
from training_core.measuring.accuracy.splits import departure
from training_core.measuring.accuracy.training import SeedFailed, train_seed
from training_core.measuring.accuracy.usable import notes_on
from training_core.messages.events import Event
from training_core.prediction.predictor import load_predictor


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
    plan = make_plan(bench, hashes)
    record = records.open_record(out, plan, overwrite=overwrite) or _new_record(bench, plan, hashes)
    if seeds >= len(record["seeds"]):
        record["command"] = bench.command  # repeated for more seeds
    records.write_record(out, record)  # first: it marks the folder as a benchmark's
    project = make_project(bench, out / records.PROJECT)
    if "annotation" not in record:
        _note_annotation(bench, record, project)
        records.write_record(out, record)
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
        if "train" not in entry or not (out / entry["train"]["run"]).is_dir():
            entry["environment"] = environment()
            (out / records.LOGS).mkdir(exist_ok=True)
            log = out / records.LOGS / f"seed_{entry['seed']}.txt"
            with display.training() as listener:
                entry["train"] = train_seed(project, out / records.CONFIG, entry["seed"], log, listener)
            # in this folder, or a record that is published would name the user's own
            entry["train"]["run"] = Path(entry["train"]["run"]).resolve().relative_to(out.resolve()).as_posix()
            entry["status"] = "trained"
            save()
        predictor = load_predictor(out / entry["train"]["run"])
        with display.counting("Scoring") as progress:
            entry["scores"] = score_sets(predictor, bench.dataset, bench.sets(), bench.min_object_um2, progress)
            if bench.annotator is not None:
                entry["unpainted"] = score_unpainted(predictor, bench.dataset, read_labels(bench, project), progress)
        entry["status"] = "done"
    except Exception as error:  # recorded and told; the other seeds go on, and the command ends with 1
        told = isinstance(error, UserError | SeedFailed)
        entry["status"], entry["error"] = "failed", str(error) if told else traceback.format_exc()
        display.say(f"Seed {entry['seed']} failed: {entry['error']}")
    save()


def _note_annotation(bench: Benchmark, record: Record, project: Path) -> None:
    """Put what is annotated into the record, with a note where a class cannot be learned from it."""
    annotation = describe_annotation(bench, read_labels(bench, project))
    record["annotation"] = annotation
    missing = [name for name, count in annotation["images_by_class"].items() if not count]
    if missing:
        record["notes"].append(f"No labelled image has a pixel of {', '.join(missing)}: it cannot be learned.")


def _new_record(bench: Benchmark, plan: dict[str, Any], hashes: dict[str, list[dict[str, str | None]]]) -> Record:
    notes = [departure(bench.dataset.target, bench.ratio, bench.split), *bench.notes]
    notes.extend(notes_on(bench.left_out, bench.used()))
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
        "expected": bench.expected(),
        "left_out": [dataclasses.asdict(each) for each in bench.left_out],
        "notes": [note for note in notes if note],
        "seeds": [],
    }
