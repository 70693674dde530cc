"""`schema`: JSON Schemas of the files that are written here, for other programs that read or write them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from training_core.io import atomic_write

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command to argparse."""
    parser = subparsers.add_parser(
        "schema",
        help="write JSON Schemas of all files, for other programs",
        description="Writes one JSON Schema (draft 2020-12) per kind of file into DIR: settings, project.json, the "
        "history of a label, rounds, events, commands, provenance, summary and confusion matrix of a run, "
        "classes.json, model.json and dataset.yaml.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder to write to; made if it is not there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the schemas; returns the exit code."""
    written = schemas()
    for name, schema in written.items():
        atomic_write(args.folder / f"{name}.schema.json", json.dumps(schema, indent=1, ensure_ascii=False).encode())
    print(f"{len(written)} schemas written to {args.folder}")
    return 0


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file, by name; of JSON Lines files, of one line."""
    from pydantic import TypeAdapter

    from training_core.class_maps.confusion_file import RunConfusion
    from training_core.class_maps.predicted import PredictedImage
    from training_core.export.legend import Legend
    from training_core.measuring.accuracy.dataset_file import DatasetFile
    from training_core.messages.events import Command, Event
    from training_core.project.index import Index
    from training_core.project.labels import LabelHistory
    from training_core.project.records import Round
    from training_core.project.summaries import TileSummary
    from training_core.runs.run_records import Provenance, RunSummary
    from training_core.runs.shared_model import SharedModel
    from training_core.settings.schema import Config

    kinds: dict[str, tuple[Any, str]] = {
        "settings": (Config, "config.json of a run, settings.json of a project, and what --config reads"),
        "project": (Index, "project.json"),
        "label_history": (LabelHistory, "labels/NAME.json"),
        "round": (Round, "rounds/NNN.json"),
        "event": (Event, "one line of a run's events.jsonl and of the output of train --events -"),
        "command": (Command, "one line of the input of train --events - and live"),
        "run_provenance": (Provenance, "provenance.json of a run"),
        "run_summary": (RunSummary, "summary.json of a run, and what train --json writes"),
        "run_confusion": (RunConfusion, "confusion.json of a run"),
        "run_tile": (TileSummary, "one line of a run's tiles.jsonl"),
        "dataset": (DatasetFile, "dataset.yaml of benchmark folder"),
        "predicted_image": (PredictedImage, "one line of predicted.jsonl beside predictions"),
        "shared_model": (SharedModel, "model.json of a shared model"),
        "export_legend": (Legend, "classes.json beside exported and predicted masks"),
    }
    return {
        name: {"$schema": DIALECT, "$comment": where, **TypeAdapter(kind).json_schema()}
        for name, (kind, where) in kinds.items()
    }
