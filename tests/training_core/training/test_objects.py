"""A run's objects: what is chosen for them goes into the checkpoint, and every prediction of the run follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from training_core.class_maps.object_readout import ObjectReadout
from training_core.messages.events import Event, Status
from training_core.messages.messenger import Messenger
from training_core.prediction.calibration import Readout, read_readout
from training_core.prediction.predictor import load_predictor
from training_core.project import Project, make_classes
from training_core.runs import checkpoint as checkpoints
from training_core.settings.schema import Config, resolve
from training_core.training.run import Request, train

SIDE = 160


def write_tile(folder: Path, name: str, seed: int) -> None:
    """Dark discs on a light ground, most of them in pairs that nearly touch, and small dark specks that are ground."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc, speck = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    for top in (32, 112):
        for left in (18, 58, 112):
            disc |= np.hypot(rows - top - rng.integers(-6, 7), columns - left - rng.integers(-2, 3)) < 16
    for _ in range(10):
        row, column = rng.integers(4, SIDE - 4, 2)
        speck |= np.hypot(rows - row, columns - column) < 3
    speck &= ~ndimage.binary_dilation(disc, iterations=4)
    image = np.where((disc | speck)[..., None], (120, 40, 120), (235, 205, 225)) + rng.normal(0, 8, (SIDE, SIDE, 3))
    for kind, array in (("images", image.clip(0, 255).astype(np.uint8)), ("masks", disc.astype(np.uint8))):
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(array).save(folder / kind / f"{name}.png")


@pytest.fixture
def discs(tmp_path: Path) -> Project:
    labeled, val = ("l_0", "l_1"), ("v_0", "v_1", "v_2")
    for seed, name in enumerate((*labeled, *val, "u_0")):
        write_tile(tmp_path, name, seed)
    images = sorted((tmp_path / "images").iterdir())
    return Project.create(
        tmp_path / "p", images, classes=make_classes(("background", "disc")), masks=tmp_path / "masks",
        labeled=labeled, val=val, name="discs", mpp_um=0.5,
    )  # fmt: skip


def run(project: Project, config: Config) -> tuple[dict[str, Any], list[Event]]:
    messenger, events = Messenger(), []
    messenger.listener = events.append
    return train(Request(project, config), messenger), events


def test_a_run_separates_what_its_validation_tiles_show_and_predicts_so_for_good(discs: Project) -> None:
    settings = {
        "schedule": {"steps": 40, "validate_every_steps": 20, "quick_start": False},
        "inference": {"views": 1},
        "data": {"crop_px": 96},
        "pseudo_label": {"enabled": False},
        "runtime": {"device": "cpu", "precision": "float32"},
    }
    summary, events = run(discs, resolve(settings))
    folder = Path(summary["run"])
    readout = read_readout(checkpoints.open_checkpoint(folder, "best").state)
    assert readout.objects
    assert readout.objects[0].class_index == 1
    told = [
        event.message for event in events if isinstance(event, Status) and "Objects of the class disc" in event.message
    ]
    assert len(told) == 1

    predictor = load_predictor(folder, "cpu")
    for name in ("v_0", "l_0"):
        written = np.asarray(Image.open(folder / "predictions" / f"{name}.prediction.png"))
        again = predictor.class_ids[predictor.predict(discs.image(name), 0.5).prediction]
        assert (written != again).mean() < 0.002  # batch normalisation is folded
    truth = [np.asarray(Image.open(discs.path.parent / "masks" / f"v_{number}.png")) for number in range(3)]
    found = [np.asarray(Image.open(folder / "predictions" / f"v_{number}.prediction.png")) for number in range(3)]
    pairs = list(zip(truth, found, strict=True))
    dice = [
        200
        * sum(((t == c) & (f == c)).sum() for t, f in pairs)
        / sum((t == c).sum() + (f == c).sum() for t, f in pairs)
        for c in (0, 1)
    ]
    assert summary["val"]["mDice"] == pytest.approx(np.mean(dice), abs=1e-6)


def test_a_foreground_weight_that_is_set_is_used_and_not_called_the_best(
    discs: Project, small_config: Callable[..., Config]
) -> None:
    summary, events = run(discs, small_config(inference={"views": 1, "foreground_weight": 2.0}))
    folder = Path(summary["run"])
    assert read_readout(checkpoints.open_checkpoint(folder, "best").state).foreground_weight == 2.0
    assert load_predictor(folder, "cpu").readout.foreground_weight == 2.0
    assert not [each for each in events if isinstance(each, Status) and "times as likely" in each.message]


def test_what_the_checkpoint_says_is_done_and_only_there(discs: Project, small_config: Callable[..., Config]) -> None:
    summary, _ = run(discs, small_config(inference={"views": 1, "objects": "connected"}))
    folder = Path(summary["run"])
    checkpoint = checkpoints.open_checkpoint(folder, "best")
    assert read_readout(checkpoint.state).objects is None
    plain = load_predictor(folder, "cpu").predict(discs.image("v_0"), 0.5).prediction

    all_of_it = ObjectReadout(1, min_area_px=float(SIDE * SIDE))  # every area is a speck
    state = {**checkpoint.state, "readout": asdict(Readout(objects=(all_of_it,)))}
    checkpoints.write_state(checkpoint, state)
    changed = load_predictor(folder, "cpu").predict(discs.image("v_0"), 0.5).prediction
    assert 0 < (plain == 1).mean() < 1
    assert (changed == 0).all()
    assert read_readout(checkpoints.open_checkpoint(folder, "best").state).objects == (all_of_it,)


def test_a_checkpoint_of_an_earlier_version_has_no_objects() -> None:
    assert read_readout({"readout": {"scale": 0.5, "temperature": 2.0}}) == Readout(0.5, 2.0, None)
    assert read_readout({}) == Readout()
