"""What the user rejects: kept in the project, and heard by no unlabelled loss."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_core.base.errors import MaskError
from training_core.data.batches import BatchMaker
from training_core.data.tile_pool import TilePool
from training_core.export import export_masks
from training_core.io import read_mask, write_png
from training_core.messages.events import Event, RunStarted
from training_core.messages.messenger import Messenger
from training_core.method.batch import Batch, UnlabeledBatch
from training_core.method.pseudo_label import Threshold
from training_core.method.step import training_step
from training_core.network.model import Output, UniSemAlign
from training_core.project import LabelSource, Project, TileState
from training_core.settings.schema import Config, resolve
from training_core.training.run import Request, train

MakeProject = Callable[..., Project]
MakeModel = Callable[..., UniSemAlign]
MakeConfig = Callable[..., Config]
SIDE = 96
C, N, PX = 3, 2, 24


def corner(rows: int, columns: int) -> np.ndarray:
    where = np.zeros((SIDE, SIDE), bool)
    where[:rows, :columns] = True
    return where


# --- in the project ---------------------------------------------------------------------------------------------------


def test_areas_add_up_over_runs_and_know_whose_prediction_they_were(make_project: MakeProject) -> None:
    project = make_project()
    project.reject_area("u_1", corner(10, 20), "r1")
    project.reject_area("u_1", corner(20, 10), "r2")
    again = Project.open(project.path).rejection("u_1")
    np.testing.assert_array_equal(again.where, corner(10, 20) | corner(20, 10))
    np.testing.assert_array_equal(again.of_run("r2"), corner(20, 10))
    assert not again.of_run("r1").any()
    assert Project.open(project.path).rejected_pixels("u_1") == 300
    assert project.rejected_pixels("u_2") == 0
    assert not project.is_rejected("u_1", "r2")  # it is still shown
    assert "u_1" in project.unlabeled_names()


def test_a_whole_tile_is_hidden_and_does_not_teach(make_project: MakeProject) -> None:
    project = make_project()
    project.reject("u_1", "r1")
    project.reject("u_1", "r1")
    rejection = Project.open(project.path).rejection("u_1")
    assert rejection.where.all()
    assert rejection.of_run("r1").all()
    assert not rejection.of_run("r2").any()
    assert rejection.hidden == ("r1",)
    assert project.is_rejected("u_1", "r1")
    assert project.unlabeled_names() == ("u_2",)


def test_taking_back_and_putting_back(make_project: MakeProject) -> None:
    project = make_project()
    project.reject_area("u_1", corner(10, 10), "r1")
    project.reject("u_2", "r1")
    before = project.rejection("u_1")
    project.reject("u_1", "r1")
    project.write_rejection("u_1", before)  # an undo
    np.testing.assert_array_equal(project.rejection("u_1").where, corner(10, 10))
    assert not project.is_rejected("u_1", "r1")
    project.write_rejection("u_1", project.rejection("u_1").taken_back())
    assert not Project.open(project.path).rejection("u_1").where.any()
    assert project.rejected_pixels("u_1") == 0
    assert project.is_rejected("u_2", "r1")  # another tile's stays


def test_another_size_is_refused_and_changes_nothing(make_project: MakeProject) -> None:
    project = make_project()
    project.reject_area("u_1", corner(10, 10), "r1")
    smaller = replace(project.rejection("u_1"), values=np.zeros((4, 4), np.uint8))
    with pytest.raises(MaskError, match="4 x 4 px"):
        project.write_rejection("u_1", smaller)
    assert project.rejected_pixels("u_1") == 100
    write_png(project.path / "rejected" / "u_1.png", np.zeros((64, 48), np.uint8))
    with pytest.raises(MaskError, match=r"rejected/u_1\.png is 48 x 64 px.*the size of its image, 96 x 96 px"):
        project.rejection("u_1")


def test_a_crash_between_the_file_and_the_index_is_mended_on_opening(make_project: MakeProject) -> None:
    project = make_project()
    before = (project.path / "project.json").read_bytes()
    project.reject_area("u_1", corner(10, 10), "r1")
    (project.path / "project.json").write_bytes(before)
    left = project.path / ".0123456789abcdef.tmp"
    left.write_bytes(b"the index that was not renamed")
    os.utime(left, (1e9, 1e9))  # an old one: a young one may be some living process's
    again = Project.open(project.path)
    assert again.rejected_pixels("u_1") == 100
    np.testing.assert_array_equal(again.rejection("u_1").where, corner(10, 10))


def test_a_project_of_before_has_nothing_rejected(make_project: MakeProject) -> None:
    project = make_project()
    text = (project.path / "project.json").read_text()
    assert text.count('"rejected_areas": {},\n') == 1
    (project.path / "project.json").write_text(text.replace('"rejected_areas": {},\n', ""))
    assert not Project.open(project.path).rejection("u_1").where.any()


def test_merged_masks_leave_a_rejected_area_open(make_project: MakeProject, tmp_path: Any) -> None:
    project = make_project()
    folder = project.runs_dir / "r1" / "predictions"
    for kind, value in (("prediction", 1), ("pseudo_label", 1), ("confidence", 200)):
        write_png(folder / f"u_1.{kind}.png", np.full((SIDE, SIDE), value, np.uint8))
    (project.runs_dir / "r1" / "summary.json").write_text("{}")
    project.reject_area("u_1", corner(10, 20), "r1")
    export_masks(project, tmp_path / "out", content="merged")
    np.testing.assert_array_equal(read_mask(tmp_path / "out" / "u_1.png") == 255, corner(10, 20))


# --- in the batches ---------------------------------------------------------------------------------------------------


def test_rejected_pixels_follow_their_tissue_into_every_view(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """The tile is black where it is rejected: crops, turns and mirrorings of both must agree."""
    project = make_project(unlabeled=1)
    image = np.full((SIDE, SIDE, 3), 230, np.uint8)
    where = corner(40, 96)
    image[where] = 0
    write_png(project.image_path("u_1"), image)
    project.reject_area("u_1", where, "r1")
    config = small_config(augment={"stain_jitter": 0.0}, pseudo_label={"mix_partner": "own"})
    pool = TilePool(project, project.labeled_names(), (0, 1), rejected=("u_1",))
    maker, seen = BatchMaker(pool, project.labeled_names(), ("u_1",), config), 0
    for step in range(6):
        unlabeled = maker.batch(step).unlabeled
        assert unlabeled is not None
        assert unlabeled.mix_weak is not None
        assert unlabeled.mix_ignored is not None
        for weak, ignored in ((unlabeled.weak, unlabeled.ignored), (unlabeled.mix_weak, unlabeled.mix_ignored)):
            darkness = weak.mean(1)
            assert (darkness[ignored] < 0.5).float().mean() > 0.97  # the border is interpolated
            assert (darkness[~ignored] > 0.4).float().mean() > 0.97
            seen += int(ignored.sum())
    assert seen > 0


def test_a_label_in_a_rejected_area_still_teaches(make_project: MakeProject) -> None:
    project = make_project()
    label = np.full((SIDE, SIDE), 255, np.uint8)
    label[:5] = 1
    project.write_label("u_1", label, LabelSource.PAINTED)
    project.reject_area("u_1", corner(10, 96), "r1")
    digest = TilePool(project, ("u_1",), (0, 1)).label_hash()
    pool = TilePool(project, ("u_1",), (0, 1), rejected=("u_1",))
    expected = corner(10, 96)
    expected[:5] = False
    np.testing.assert_array_equal(pool.rejected("u_1"), expected)
    assert not pool.rejected("u_2").any()
    assert pool.label_hash() != digest


# --- in the losses ----------------------------------------------------------------------------------------------------


def config_for(variant: str, partner: str) -> Config:
    alignment = {"embedding_dim": 8}
    labels = {"threshold_start": 0.2, "threshold": "fixed", "mix_partner": partner}
    return resolve({"variant": variant, "alignment": alignment, "pseudo_label": labels})


def batch_with(rejected: torch.Tensor, *, own: bool) -> Batch:
    g = torch.Generator().manual_seed(3)

    def images() -> torch.Tensor:
        return torch.randn(N, 3, PX, PX, generator=g)

    box = torch.zeros(N, PX, PX, dtype=torch.bool)
    box[:, 8:20, 8:16] = True
    known = torch.full((N, PX, PX), 255)
    known[0, 20:22] = 1
    unlabeled = UnlabeledBatch(weak=images(), strong=images(), known=known, ignored=rejected, box=box)
    if own:
        mixed = {"mix_weak": images(), "mix_strong": images()}
        unlabeled = replace(unlabeled, **mixed, mix_known=torch.full((N, PX, PX), 255), mix_ignored=rejected.flip(1))
    return Batch(images(), torch.randint(C, (N, PX, PX), generator=g), unlabeled)


def movements(model: UniSemAlign, batch: Batch, config: Config, teacher: UniSemAlign | None) -> dict[str, torch.Tensor]:
    """How much each unlabelled loss moves the student's logits of the unlabelled crops, (N, PX, PX)."""
    outputs: list[Output] = []

    def keep(_module: Any, _args: Any, output: Output) -> None:
        if output.logits.requires_grad:
            outputs.append(output)
            for logits in (output.logits, output.perturbed):
                if logits is not None:
                    logits.retain_grad()

    model.register_forward_hook(keep)
    result = training_step(model.train(), teacher, batch, Threshold(0.2, 0.9, "fixed"), config)
    perturbed = outputs[0].perturbed
    assert perturbed is not None
    moved = {}
    for name, logits in (("hard", outputs[-1].logits), ("soft", outputs[-1].logits), ("perturbed", perturbed)):
        logits.grad = None
        result.losses[name].backward(retain_graph=True)
        assert logits.grad is not None
        moved[name] = logits.grad[-N:].abs().sum(1)
    return moved


@pytest.mark.parametrize(
    ("variant", "partner"), [("best", "batch"), ("best", "own"), ("paper", "own"), ("released", "own")]
)
def test_a_rejected_pixel_contributes_exactly_nothing(tiny_model: MakeModel, variant: str, partner: str) -> None:
    """To no term that uses pseudo-labels, through CutMix too; with all of it rejected, nothing is left to move."""
    config, own = config_for(variant, partner), partner == "own"
    model = tiny_model(C, alignment=config.alignment, dropout=False)
    teacher = tiny_model(C, alignment=config.alignment, seed=1).eval() if config.teacher.ema_decay else None
    rejected = torch.zeros(N, PX, PX, dtype=torch.bool)
    rejected[0, 3:15], rejected[1, :, 12:18] = True, True
    batch = batch_with(rejected, own=own)
    assert batch.unlabeled is not None
    other = batch.unlabeled.mix_ignored if own else rejected.flip(0)
    assert other is not None
    mixed = torch.where(batch.unlabeled.box, other, rejected)
    moved = movements(copy.deepcopy(model), batch, config, teacher)
    heard = {"hard": mixed, "soft": mixed, "perturbed": mixed if teacher is not None else rejected}
    for name, where in heard.items():
        assert float(moved[name][where].max()) == 0.0, name
        assert float((moved[name][~where] > 0).float().mean()) > 0.9, name
    everything = movements(copy.deepcopy(model), batch_with(torch.ones_like(rejected), own=own), config, teacher)
    assert all(float(each.max()) == 0.0 for each in everything.values())


@pytest.mark.parametrize("variant", ["best", "paper", "released"])
def test_the_threshold_does_not_hear_what_is_rejected(tiny_model: MakeModel, variant: str) -> None:
    config = config_for(variant, "own")
    model = tiny_model(C, alignment=config.alignment, dropout=False)
    teacher = tiny_model(C, alignment=config.alignment, seed=1).eval() if config.teacher.ema_decay else None
    threshold = Threshold(0.2, 0.9, "mean")
    training_step(
        model.train(), teacher, batch_with(torch.ones(N, PX, PX, dtype=torch.bool), own=True), threshold, config
    )
    assert threshold.value == 0.2


# --- in a round -------------------------------------------------------------------------------------------------------


def test_the_next_round_hears_it(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(unlabeled=3)
    project.reject_area("u_1", corner(40, 96), "r1")
    project.reject("u_2", "r1")
    events: list[Event] = []
    messenger = Messenger()
    messenger.listener = events.append
    train(Request(project, small_config()), messenger)
    started = next(event for event in events if isinstance(event, RunStarted))
    assert started.n_unlabeled == 2  # the whole of u_2 is rejected
    run_dir = Path(started.run_dir)
    known = (*project.labeled_names(), *project.val_names())
    heard = TilePool(project, known, (0, 1), rejected=("u_1",)).label_hash()
    assert json.loads((run_dir / "provenance.json").read_text())["labels_sha256"] == heard
    assert heard != TilePool(project, known, (0, 1)).label_hash()
    assert project.prediction("u_2") is not None  # a new guess, to be looked at again
    assert project.state("u_2") is TileState.PREDICTED
