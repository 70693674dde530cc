"""Damaged records of every kind: the content, or one of our sentences, within ten seconds and a gigabyte.

`FUZZ_RECORDS` says how many files are damaged; `nox -s fuzz`, every night, takes 50,000. A failure names the seed and
the kind of record: `FUZZ_SEED` repeats one. `FUZZ_KINDS`, with commas between them, takes some kinds only.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from roifile import ROI_TYPE, ImagejRoi
from safetensors.torch import save_file

from tests.cases.test_damaged_files import damaged, peak_bytes
from tests.faults import acts
from training_core.base.errors import UserError
from training_core.class_maps.confusion_file import read_confusion
from training_core.io.drawings import read_drawings
from training_core.messages.events import parse_command, parse_event
from training_core.project import Project
from training_core.project.check import check_project
from training_core.project.drawings import look_at
from training_core.project.drawn_classes import Meaning
from training_core.project.inputs.lists import read_names, read_table
from training_core.project.interrupted_runs import unfinished_run
from training_core.project.prediction_source import read_prediction_source
from training_core.project.presence import Presence
from training_core.project.settings import read_settings, write_settings
from training_core.runs.checkpoint import open_checkpoint
from training_core.runs.run_folder import read_run
from training_core.settings.files import load
from training_core.settings.schema import Config

RECORDS = int(os.environ.get("FUZZ_RECORDS", "500"))
KINDS = [kind for kind in os.environ.get("FUZZ_KINDS", "").split(",") if kind]
SECONDS, BYTES = 10, 1_000_000_000
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 0.5, 1e308, float("nan"), float("-inf"), "", "\0", "..", "../../x"),
    *("/etc/passwd", "C:\\x", "con", "\ud800", "a" * 5000, "20260101-120000", [], {}, [[]], {"": None}, [None] * 999),
)
SEEN: Counter[str] = Counter()


@dataclass(frozen=True)
class Record:
    """A kind of file: where it lies, what is in it, and everything that reads it."""

    path: Path
    content: bytes
    read: Callable[[], Any]


def strange(value: Any, random: np.random.Generator) -> Any:
    """JSON content with one of its values, at any depth, replaced, renamed, doubled or left out."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.15:
        what = int(random.integers(len(STRANGE) + 1))
        return nested(int(random.integers(2, 3000))) if what == len(STRANGE) else STRANGE[what]
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[int(random.integers(len(keys)))]
    changed, what = value.copy(), random.random()
    if what < 0.8:
        changed[key] = strange(value[key], random)
    elif what < 0.9:
        del changed[key]
    elif isinstance(changed, list):
        changed.append(changed[key])
    else:
        changed[f"{key}_"] = changed.pop(key)
    return changed


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def spoilt(content: bytes, random: np.random.Generator) -> bytes:
    """The record with bytes changed, or, where it is JSON, with a value that does not belong there."""
    if random.random() < 0.4:
        return damaged(content, random)
    try:
        lines = [json.loads(content)]
    except ValueError:
        lines = content.decode("utf-8", "replace").splitlines()
        try:
            lines = [json.loads(line) for line in lines]
        except ValueError:
            return damaged(content, random)
    place = int(random.integers(len(lines)))
    lines[place] = strange(lines[place], random)
    return "\n".join(written(line) for line in lines).encode("utf-8", "surrogatepass") + b"\n"


def written(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "[" * 3000 + "0" + "]" * 3000


def records(work: Path) -> dict[str, Record]:
    """One of each kind, whole."""
    acts.make(work)
    project = Project.open(work / "project")
    write_settings(project.path, {"data.crop_px": 128, "encoder.taps": [1, 4]})
    project.add_round(acts.RUN)
    run = project.runs_dir / acts.RUN
    step = run / "checkpoints" / "step_000002"
    step.mkdir(parents=True)
    tensors = {"encoder.weight": torch.ones(4, 3, 3), "steps": torch.arange(5)}
    for name in ("model", "training"):
        save_file(tensors, step / f"{name}.safetensors")
    files = {
        run / "config.json": Config().model_dump_json(indent=1),
        run / "provenance.json": json.dumps(PROVENANCE),
        run / "summary.json": json.dumps(SUMMARY),
        run / "confusion.json": json.dumps(CONFUSION),
        run / "checkpoints" / "index.json": json.dumps({"best": "step_000002", "last": "step_000002"}),
        step / "state.json": json.dumps({"spec_version": 1, "step": 2, "elapsed_s": 1.5, "optimizer": {"lr": 0.1}}),
        work / "names.txt": "# tiles\nt_0\nDr\u00fcse 1\n\nt_2\n",
        work / "names.csv": 'image;case\nt_0;"A"\nt_1;B\n',
        work / "settings.yaml": "data:\n  crop_px: 64\noptimizer: {lr: 1e-3}\nencoder: &e {taps: [1, 4]}\n",
    }
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    journal = [
        [1, "write", ".0123456789abcdef.tmp", "labels/t_0.png"],
        ["aside", "labels/t_1.png", "removed/t_1.png"],
        ["commit", 2],
    ]

    def every(path: Path) -> None:
        opened = Project.open(path)
        opened.states()
        for name in (tile.name for tile in opened.tiles):
            opened.missing_images()
            opened.prediction(name)
            opened.label(name)
            opened.label_edits(name)
            opened.rejection(name)
        opened.rounds()

    def checkpoint() -> None:
        found = open_checkpoint(run)
        assert isinstance(found.state, dict)
        assert all(isinstance(tensor, torch.Tensor) for tensor in (*found.model.values(), *found.training.values()))

    def lines(path: Path) -> None:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            parse_event(line)
            parse_command(line)

    presence = Presence(project.path, "window")
    someone = presence_file(project.path)

    def others() -> None:
        for other in presence.others():
            assert "\n" not in other.in_words()

    opened = partial(every, project.path)
    names, table = work / "names.txt", work / "names.csv"
    event = work / "events.jsonl"
    event.write_text("\n".join(json.dumps(each) for each in EVENTS))
    in_journal = project.path / "project.journal"
    in_journal.write_text("".join(json.dumps(line) + "\n" for line in journal))
    kinds: dict[str, tuple[Path, list[Callable[[], Any]]]] = {
        "index": (project.path / "project.json", [opened, partial(check_project, project.path)]),
        "journal": (in_journal, [opened]),
        "history": (project.path / "labels" / "t_0.json", [opened, partial(check_project, project.path)]),
        "label": (project.path / "labels" / "t_0.png", [opened, partial(check_project, project.path)]),
        "rejection": (project.path / "rejected" / "t_2.png", [opened, partial(check_project, project.path)]),
        "settings": (project.path / "settings.json", [partial(read_settings, project.path)]),
        "round": (project.path / "rounds" / "001.json", [opened]),
        "configuration": (work / "settings.yaml", [partial(load, work / "settings.yaml")]),
        "events": (event, [partial(lines, event)]),
        "checkpoints": (run / "checkpoints" / "index.json", [checkpoint, partial(unfinished_run, project.path)]),
        "state": (step / "state.json", [checkpoint, partial(unfinished_run, project.path)]),
        "weights": (step / "model.safetensors", [checkpoint]),
        "optimiser": (step / "training.safetensors", [checkpoint]),
        "run": (run / "provenance.json", [partial(read_run, run), partial(unfinished_run, project.path)]),
        "run's settings": (run / "config.json", [partial(read_run, run), partial(unfinished_run, project.path)]),
        "confusion": (run / "confusion.json", [partial(read_confusion, run)]),
        "summary": (run / "summary.json", [partial(read_prediction_source, run), opened]),
        "presence": (someone, [others]),
        **{kind: (path, [partial(areas_of, project.path, path)]) for kind, path in drawings(work).items()},
        "list": (names, [partial(read_names, names)]),
        "table": (table, [partial(read_table, table), partial(read_names, table)]),
    }
    found = {
        kind: Record(path, path.read_bytes(), partial(each_of, readers)) for kind, (path, readers) in kinds.items()
    }
    in_journal.unlink()
    return found


def presence_file(project: Path) -> Path:
    """Of somebody on another computer."""
    path = project / "open" / "0123456789abcdef.json"
    path.write_text(json.dumps(OPENER))
    return path


def drawings(work: Path) -> dict[str, Path]:
    """A file of areas of each program, for the tile t_0."""
    roi, archive = work / "t_0.roi", work / "t_0.zip"
    gland = ImagejRoi.frompoints([(2, 2), (20, 3), (12, 25)], name="gland-1")
    gland.tofile(roi)
    oval = ImagejRoi(roitype=ROI_TYPE.OVAL, left=3, top=4, right=20, bottom=15, name="0012-0345")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("gland-1.roi", gland.tobytes())
        file.writestr("0012-0345.roi", oval.tobytes())
    paths = {"GeoJSON": work / "t_0.geojson", "COCO": work / "coco.json", "labelme": work / "t_0.json"}
    for (kind, path), content in zip(paths.items(), (GEOJSON, COCO, LABELME), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
        assert sum(len(image.areas) for image in read_drawings(path)) > 1, kind
    return paths | {"ImageJ": roi, "ImageJ archive": archive}


def areas_of(project: Path, path: Path) -> None:
    """Read the areas, and look at what they would label."""
    read_drawings(path)
    opened = Project.open(project)
    look_at(opened, [path], Meaning(opened.classes), add_classes=True)


def each_of(readers: list[Callable[[], Any]]) -> bool:
    """Whether all readers took the record; raises what is none of our errors."""
    results = []
    for read in readers:
        try:
            read()
            results.append(True)
        except UserError:
            results.append(False)
    return all(results)


PROVENANCE = {
    "spec_version": 1,
    "run_id": acts.RUN,
    "started_at": "2026-01-01T12:00:00+00:00",
    "command": ["train"],
    "seed": 1,
    "versions": {"torch": "2"},
    "machine": {"system": "Linux", "processor": "x", "cores": 2},
    "project": {"path": "/somewhere", "name": "p"},
    "classes": [{"id": 0, "name": "background", "color": "#999999", "prompt": "", "made_of_objects": None}],
    "tiles": {"labeled": ["t_0"], "unlabeled": ["t_2"], "val": ["t_1"]},
    "data_sha256": {"t_0": "0" * 64},
    "labels_sha256": "0" * 64,
}
CONFUSION = {"spec_version": 1, "class_ids": [0, 1], "tiles": {"t_1": [[5, 1], [2, 9]]}}
SUMMARY = {
    "spec_version": 1,
    "steps": 3,
    "predictions": {
        "made_by": "network",
        "previous_run": None,
        "measured_on": "validation",
        "mdice": {"network": 80.5},
    },
}
OPENER = {
    "key": "0123456789abcdef",
    "kind": "window",
    "user": "anna",
    "host": "lab-3",
    "machine": "another",
    "process": 4711,
    "born": 1.0,
    "since": "2026-01-02T03:04:05+00:00",
    "takes_over": ["fedcba9876543210"],
    "spec_version": 1,
}
_RING, _HOLE = [[1, 1], [25, 1], [25, 25.5], [1, 25], [1, 1]], [[5, 5], [9, 5], [9, 9], [5, 5]]
_APART = [[26, 26], [31, 26], [31, 31], [26, 26]]
GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "a1",
            "geometry": {"type": "Polygon", "coordinates": [_RING, _HOLE]},
            "properties": {"objectType": "annotation", "classification": {"name": "gland", "color": [10, 20, 30]}},
        },
        {
            "type": "Feature",
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[_RING], [_APART]],
                "plane": {"c": -1, "z": 0, "t": 0},
            },
            "properties": {"classification": {"name": "Ignore*", "colorRGB": -377282}, "isLocked": True},
        },
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 4]}, "properties": {}},
    ],
}
COCO = {
    "images": [{"id": 1, "file_name": "t_0.png", "width": 32, "height": 32}],
    "categories": [{"id": 1, "name": "gland"}, {"id": 2, "name": "background"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 20, 1, 20, 20]], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": {"size": [32, 32], "counts": [100, 24, 900]}},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [1, 1, 5, 5]},
    ],
}
LABELME = {
    "version": "5.4.1",
    "flags": {},
    "shapes": [
        {"label": "gland", "points": [[1, 1], [20, 1], [20, 20]], "shape_type": "polygon", "flags": {}},
        {"label": "gland", "points": [[1, 1], [20, 9]], "shape_type": "rectangle"},
        {"label": "background", "points": [[10, 10], [15, 10]], "shape_type": "circle"},
        {"label": "x", "points": [[10, 10]], "shape_type": "point"},
    ],
    "imagePath": "t_0.png",
    "imageData": None,
    "imageHeight": 32,
    "imageWidth": 32,
}
EVENTS = (
    {"kind": "step_done", "step": 1, "elapsed_s": 1.0, "losses": {"total": 0.5}, "lr": 0.1},
    {"kind": "overlay_ready", "step": 1, "tile": "t_0", "prediction": "a", "pseudo_label": "b", "confidence": "c"},
    {"kind": "warned", "message": "words"},
    {"command": "show", "tile": "t_0"},
    {"command": "train", "arguments": ["train", "p"]},
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


def test_damaged_records_are_read_or_refused_in_words(work: Path) -> None:
    whole = records(work)
    kinds = KINDS or list(whole)
    template = work.with_name("records-template")
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(work, template)
    outside = sorted(path.name for path in work.parent.iterdir())
    first = int(os.environ.get("FUZZ_SEED", "0"))
    before = peak_bytes()
    for seed in range(first, first + (1 if "FUZZ_SEED" in os.environ else RECORDS)):
        random = np.random.default_rng(seed)
        kind = kinds[int(random.integers(len(kinds)))]
        record = whole[kind]
        record.path.write_bytes(spoilt(record.content, random))
        started = time.monotonic()
        try:
            is_read = record.read()
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed}: a damaged {kind} raises {error!r}") from error
        assert time.monotonic() - started < SECONDS, f"FUZZ_SEED={seed}: a damaged {kind} takes long"
        assert peak_bytes() - before < BYTES, f"FUZZ_SEED={seed}: a damaged {kind} takes much memory"
        SEEN["read" if is_read else "refused"] += 1
        if kind == "journal":
            shutil.rmtree(work)
            shutil.copytree(template, work)
        else:
            record.path.write_bytes(record.content)
    assert sorted(path.name for path in work.parent.iterdir()) == outside
    if "FUZZ_SEED" not in os.environ:  # all refused, or all whole, would show nothing
        assert min(SEEN["read"], SEEN["refused"]) > RECORDS / 10, dict(SEEN)
