"""A project in words and as JSON: what it holds, how its files are read, and what is doubtful about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from training_core.base.arrays import UNLABELED
from training_core.io.inspection import Answers
from training_core.project import Project
from training_core.project.cases import cases, split_cases
from training_core.project.pixel_sizes import PixelSizeOf, pixel_sizes
from training_core.project.prediction_source import read_prediction_source


def describe(project: Project) -> dict[str, Any]:
    """What is in a project, for --json and for a person."""
    index = project.index
    rows = pixel_sizes(index)
    return {
        "spec_version": 1,
        "project": str(project.path),
        "name": project.name,
        "tiles": len(project.tiles),
        "labeled": len(project.labeled_names()),
        "unlabeled": len(project.unlabeled_names()),
        "validation": len(project.val_names()),
        "missing_images": len(project.missing_images()),
        "classes": {c.name: c.id for c in project.classes},
        "prompts": {c.name: c.prompt for c in project.classes},
        "pixel_sizes": dict(Counter(_size(row) for row in rows)),
        "unusual_pixel_sizes": [row.name for row in rows if row.is_unusual],
        "image_answers": _answers(index.answers.image),
        "mask_answers": _answers(index.answers.mask),
        "cases": len(cases(index.tiles)),
        "runs": list(project.run_ids()),
        "predictions_by": {
            run_id: read_prediction_source(project.runs_dir / run_id).made_by.value
            for run_id in project.run_ids()
            if (project.runs_dir / run_id / "summary.json").is_file()
        },
        "backups": [path.relative_to(project.path).as_posix() for path in project.backups()],
    }


def for_a_person(info: dict[str, Any]) -> dict[str, Any]:
    """What `describe` says, with the answers in words and the values of masks by the names of their classes."""
    image, mask = (_spelled(info[which]) for which in ("image_answers", "mask_answers"))
    if "mask values" in mask:
        names = {class_id: name for name, class_id in info["classes"].items()} | {UNLABELED: "not labelled"}
        by_class: dict[str, list[str]] = {}
        for value, class_id in mask["mask values"].items():
            by_class.setdefault(names.get(class_id, str(class_id)), []).append(value)
        mask["mask values"] = {name: " or ".join(values) for name, values in by_class.items()}
    return {**info, "image_answers": image, "mask_answers": mask}


def _spelled(answers: dict[str, Any]) -> dict[str, Any]:
    return {
        name.replace("_", " "): value.replace("_", " ") if isinstance(value, str) else value
        for name, value in answers.items()
    }


def on_cases(project: Project) -> Iterator[str]:
    """The cases that have tiles in training and in validation."""
    index = project.index
    for case, (train, val) in split_cases(index.tiles, project.val_names()).items():
        yield f"Case {case} is in training ({', '.join(train[:3])}) and in validation ({', '.join(val[:3])})."


def on_identical(project: Project) -> Iterator[str]:
    """Image files that are in training and in validation, under two names."""
    by_hash: dict[str, list[str]] = {}
    for tile in project.tiles:
        by_hash.setdefault(tile.sha256, []).append(tile.name)
    held_out = set(project.val_names())
    for names in by_hash.values():
        val_too = [name for name in names if name in held_out]
        if val_too and len(val_too) < len(names):
            train_too = [name for name in names if name not in held_out]
            yield f"The same image is in training ({train_too[0]}) and in validation ({val_too[0]})."


def _size(row: PixelSizeOf) -> str:
    return "not known" if row.mpp_um is None else f"{row.mpp_um:.4g} µm/px ({row.set_by})"


def _answers(answers: Answers) -> dict[str, Any]:
    """The answers that were given, by the names of the questions."""
    given = {each.name: getattr(answers, each.name) for each in fields(answers)}
    return {
        name: dict(value) if name == "mask_values" else list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value is not None
    }
