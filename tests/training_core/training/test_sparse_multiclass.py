"""What pathologists bring, end to end: strokes of many classes, one class nobody has painted, tiles of two scanners.

The sample's compartments are trained on through the command line with the bundled encoder, and scored by it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED
from training_core.data.batches import BatchMaker
from training_core.data.tile_pool import TilePool
from training_core.demo import make_demo, read_truth
from training_core.demo.compartments import BACKGROUND, BENIGN, CLASS_NAMES, NECROSIS, STROMA, TUMOR
from training_core.demo.strokes import paint_strokes
from training_core.io import read_mask, write_png
from training_core.project import LabelSource, Project
from training_core.settings.schema import resolve

Pixels = NDArray[np.uint8]

SETTINGS = (
    *("schedule.steps=140", "schedule.validate_every_steps=140", "optimizer.lr=0.003", "optimizer.encoder_lr=0.0006"),
    *("data.crop_px=64", "data.labeled_batch=8", "data.unlabeled_batch=2", "runtime.device=cpu", "seed=1"),
)


@dataclass(frozen=True)
class Trained:
    """A project after one run, the run's summary, and what it wrote."""

    project: Project
    summary: dict[str, Any]
    warnings: list[str]

    @property
    def run(self) -> Path:
        return Path(self.summary["run"])


def without_necrosis(truth: Pixels) -> Pixels:
    return np.where(truth == NECROSIS, UNLABELED, truth).astype(np.uint8)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Twelve tiles; strokes of all classes but necrosis on six, and four for validation, without necrosis too."""
    project = make_demo(tmp_path_factory.mktemp("sparse") / "project", kind="compartments", tiles=12)
    for number, tile in enumerate(project.tiles[:6]):
        truth = without_necrosis(read_truth(project, tile.name))
        strokes = paint_strokes(np.random.default_rng(number), truth, per_class=6)
        project.write_label(tile.name, strokes, LabelSource.PAINTED)
    for name in project.val_names():
        project.write_label(name, without_necrosis(read_truth(project, name)), LabelSource.IMPORTED)
    project.set_val(project.val_names()[:4])
    for name in ("tile_11", "tile_12"):
        project.write_label(name, np.full_like(project.label(name), UNLABELED), LabelSource.PAINTED)
    return project


@pytest.fixture(scope="module")
def trained(project: Project) -> Trained:
    command = [sys.executable, "-m", "training_core", "train", str(project.path), "--json", "-"]
    for setting in SETTINGS:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    events = [json.loads(line) for line in (Path(summary["run"]) / "events.jsonl").read_text().splitlines()]
    return Trained(project, summary, [event["message"] for event in events if event["kind"] == "warned"])


def test_what_is_painted_is_sparse_and_of_six_classes(project: Project) -> None:
    names = project.labeled_names()
    assert len(names) == 6
    labels = [project.label(name) for name in names]
    assert all(0.01 < (label != UNLABELED).mean() < 0.05 for label in labels)
    assert {int(c) for label in labels for c in np.unique(label)} == {*range(len(CLASS_NAMES)), UNLABELED} - {NECROSIS}
    assert {project.tile(name).mpp_um for name in names} == {0.25, 0.5}
    assert len({(project.tile(name).width_px, project.tile(name).height_px) for name in names}) == 3


def test_unpainted_pixels_are_unknown_in_every_batch_never_background(project: Project) -> None:
    """With the background's own strokes taken away, class 0 could only come from pixels nobody has painted."""
    names, ids = project.labeled_names(), tuple(range(len(CLASS_NAMES)))
    pool = TilePool(project, names, ids)
    for name in names:
        label = pool.label(name)
        label[label == BACKGROUND] = UNLABELED
    config = resolve({"data": {"crop_px": 64, "balance_classes": True, "mpp": 0.5}})
    maker = BatchMaker(pool, names, project.unlabeled_names(), config)
    shares, seen = [], set()
    for step in range(12):
        batch = maker.batch(step)
        assert batch.unlabeled is not None
        for label in (batch.label, batch.unlabeled.known):
            assert set(label.unique().tolist()) <= {*ids, UNLABELED} - {BACKGROUND, NECROSIS}
            shares.append(float((label != UNLABELED).float().mean()))
        assert bool((batch.label != UNLABELED).flatten(1).any(dim=1).all())  # no crop without a stroke
        seen |= set(batch.label.unique().tolist())
    assert seen == {*ids, UNLABELED} - {BACKGROUND, NECROSIS}
    assert max(shares) < 0.6


@pytest.mark.slow
@pytest.mark.nightly
def test_sparse_strokes_of_many_classes_teach_more_than_chance(trained: Trained) -> None:
    summary = trained.summary
    assert summary["steps"] == 140
    # chance: a guess by how common the classes are has their mean share as its mDice, one of six
    assert summary["val"]["mDice"] > 100 / 6 + 10
    (last,) = [json.loads(line) for line in (trained.run / "metrics.jsonl").read_text().splitlines()]
    assert sum(dice > 40 for dice in last["dice_by_class"].values()) >= 3


@pytest.mark.slow
@pytest.mark.nightly
def test_the_class_without_labels_is_warned_of_and_left_out_of_the_scores(trained: Trained) -> None:
    (warning,) = [message for message in trained.warnings if "necrosis" in message]
    assert "Nothing is annotated as necrosis yet" in warning
    assert "left out of the scores" in warning
    assert trained.summary["absent_classes"] == ["necrosis"]
    (last,) = [json.loads(line) for line in (trained.run / "metrics.jsonl").read_text().splitlines()]
    assert str(NECROSIS) not in last["dice_by_class"]
    assert {str(STROMA), str(TUMOR), str(BENIGN)} <= last["dice_by_class"].keys()


@pytest.mark.slow
@pytest.mark.nightly
def test_the_run_records_the_pixel_size_and_predicts_in_each_tile_s_own(trained: Trained) -> None:
    config = json.loads((trained.run / "config.json").read_text())
    assert config["data"]["mpp"] == 0.5
    assert config["data"]["balance_classes"] is True
    assert any("0.25 to 0.5 µm/px" in message for message in trained.warnings)
    for tile in trained.project.tiles:
        prediction = read_mask(trained.run / "predictions" / f"{tile.name}.prediction.png")
        assert prediction.shape == (tile.height_px, tile.width_px)
        assert set(np.unique(prediction)) <= set(range(len(CLASS_NAMES)))


@pytest.mark.slow
@pytest.mark.nightly
def test_evaluate_scores_the_classes_that_the_masks_hold_and_names_the_others(trained: Trained, tmp_path: Path) -> None:
    names = ["tile_07", "tile_10"]  # of one scanner, at the run's pixel size
    assert {trained.project.tile(name).mpp_um for name in names} == {0.5}
    for name in names:
        write_png(tmp_path / "masks" / f"{name}.png", without_necrosis(read_truth(trained.project, name)))
    classes = ",".join(f"{name}={value}" for value, name in enumerate(CLASS_NAMES)) + f",unlabelled={UNLABELED}"
    command = [sys.executable, "-m", "training_core", "evaluate", str(trained.run), "--device", "cpu", "--json", "-"]
    command += ["--masks", str(tmp_path / "masks"), "--classes", classes, "--images"]
    command += [str(trained.project.image_path(name)) for name in names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    held = {CLASS_NAMES[c] for name in names for c in np.unique(read_truth(trained.project, name))} - {"necrosis"}
    assert set(result["per_class"]) == held
    assert set(result["absent_classes"]) == set(CLASS_NAMES) - held
    assert "necrosis" in result["absent_classes"]
    assert result["mDice"] == pytest.approx(np.mean([scores["dice"] for scores in result["per_class"].values()]))
