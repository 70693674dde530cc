"""From a project's tiles to batches: which tiles, which labels, the same again for the same step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training_core.batch import Batch
from training_core.config import Config
from training_core.data.batches import BatchMaker, prefetched
from training_core.data.pool import TilePool
from training_core.project import LabelSource, Project, TissueClass

MakeConfig = Callable[..., Config]
IDS = (0, 3, 7)


@pytest.fixture
def grey_project(tmp_path: Path) -> Project:
    """Tiles t_0 ... t_6 of one grey each (20, 40, ...), so that a crop says which tile it is from."""
    for i in range(7):
        Image.fromarray(np.full((40, 40, 3), 20 * (i + 1), np.uint8)).save(tmp_path / f"t_{i}.png")
    classes = [TissueClass(c, f"class {c}", "#009e73") for c in IDS]
    project = Project.create(tmp_path / "project", [tmp_path / f"t_{i}.png" for i in range(7)], classes=classes)
    for name, class_id in (("t_0", 3), ("t_1", 7)):
        project.write_label(name, np.full((40, 40), class_id, np.uint8), LabelSource.PAINTED)
    partly = np.full((40, 40), 255, np.uint8)
    partly[:20, :20] = 0
    project.write_label("t_2", partly, LabelSource.PAINTED)
    return project


@pytest.fixture
def pool(grey_project: Project) -> TilePool:
    return TilePool(grey_project, ("t_0", "t_1", "t_2"), IDS)


def tiles_of(images: torch.Tensor) -> list[int]:
    return [round(float(image.mean()) * 255 / 20) - 1 for image in images]


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    found = {"images": batch.images, "label": batch.label}
    if batch.unlabeled is not None:
        found |= {f.name: getattr(batch.unlabeled, f.name) for f in fields(batch.unlabeled)}
    return {name: t for name, t in found.items() if t is not None}


def same(a: Batch, b: Batch) -> bool:
    one, other = tensors(a), tensors(b)
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


LABELED, UNLABELED = ("t_0", "t_1", "t_2"), ("t_2", "t_3", "t_4", "t_5", "t_6")


def test_a_batch_is_a_function_of_seed_and_step(pool: TilePool, small_config: MakeConfig) -> None:
    maker = BatchMaker(pool, LABELED, UNLABELED, small_config())
    again = BatchMaker(pool, LABELED, UNLABELED, small_config())
    other = BatchMaker(pool, LABELED, UNLABELED, small_config(seed=1))
    steps = [maker.batch(step) for step in range(4)]
    assert all(same(again.batch(step), steps[step]) for step in (3, 0, 2, 1))  # in any order
    assert not same(steps[0], steps[1])
    assert not same(other.batch(0), steps[0])


def test_shapes_types_and_values(pool: TilePool, small_config: MakeConfig) -> None:
    config = small_config(data={"crop_px": 64, "labeled_batch": 3, "unlabeled_batch": 2})
    batch = BatchMaker(pool, LABELED, UNLABELED, config).batch(0)
    assert batch.images.shape == (3, 3, 64, 64)
    assert batch.label.shape == (3, 64, 64)
    assert batch.label.dtype == torch.int64
    u = batch.unlabeled
    assert u is not None
    assert u.weak.shape == u.strong.shape == (2, 3, 64, 64)
    assert u.known.shape == u.ignored.shape == u.box.shape == (2, 64, 64)
    assert u.ignored.dtype == u.box.dtype == torch.bool
    assert u.mix_weak is u.mix_strong is u.mix_ignored is None
    assert 0 <= float(batch.images.min()) <= float(batch.images.max()) <= 1


def test_every_pass_shows_every_tile_once_in_another_order(pool: TilePool, small_config: MakeConfig) -> None:
    maker = BatchMaker(pool, LABELED, UNLABELED, small_config())
    assert maker.steps_per_epoch == 3  # five unlabelled tiles by two
    labeled: list[int] = []
    unlabeled: list[int] = []
    for step in range(15):
        batch = maker.batch(step)
        labeled += tiles_of(batch.images)
        assert batch.unlabeled is not None
        unlabeled += tiles_of(batch.unlabeled.weak)
    for seen, names in ((labeled, {0, 1, 2}), (unlabeled, {2, 3, 4, 5, 6})):
        passes = [seen[i : i + len(names)] for i in range(0, len(seen), len(names))]
        assert all(set(one) == names for one in passes)
        assert len({tuple(one) for one in passes}) > 1


def test_labels_are_class_indices_of_their_tile(pool: TilePool, small_config: MakeConfig) -> None:
    maker = BatchMaker(pool, LABELED, UNLABELED, small_config())
    expected = {0: {1}, 1: {2}, 2: {0, 255}}
    for step in range(6):
        batch = maker.batch(step)
        for tile, label in zip(tiles_of(batch.images), batch.label, strict=True):
            assert set(label.unique().tolist()) <= expected[tile]
            assert bool((label != 255).any())
        assert batch.unlabeled is not None
        for tile, known in zip(tiles_of(batch.unlabeled.weak), batch.unlabeled.known, strict=True):
            assert set(known.unique().tolist()) <= ({0, 255} if tile == 2 else {255})
            assert tile != 2 or bool((known == 0).any())


def test_partners_of_their_own(pool: TilePool, small_config: MakeConfig) -> None:
    maker = BatchMaker(pool, LABELED, UNLABELED, small_config(pseudo_label={"mix_partner": "own"}))
    partners: list[int] = []
    pairs = 0
    for step in range(15):
        u = maker.batch(step).unlabeled
        assert u is not None
        assert u.mix_weak is not None
        assert u.mix_strong is not None
        assert u.mix_ignored is not None
        assert u.mix_weak.shape == u.mix_strong.shape == u.weak.shape
        partners += tiles_of(u.mix_weak)
        pairs += tiles_of(u.mix_weak) != tiles_of(u.weak)
    assert pairs > 10  # a sequence of its own
    assert set(partners) == {2, 3, 4, 5, 6}


def test_labelled_tiles_only(pool: TilePool, small_config: MakeConfig) -> None:
    for maker in (
        BatchMaker(pool, LABELED, UNLABELED, small_config(pseudo_label={"enabled": False})),
        BatchMaker(pool, LABELED, (), small_config()),
    ):
        assert maker.batch(0).unlabeled is None
        assert maker.steps_per_epoch == 2


def test_colour_jitter_on_labelled_tiles_is_off_until_asked_for(pool: TilePool, small_config: MakeConfig) -> None:
    plain = BatchMaker(pool, LABELED, (), small_config()).batch(0)
    jittered = BatchMaker(pool, LABELED, (), small_config(augment={"color_jitter_labeled": 1.0})).batch(0)
    assert torch.equal(plain.label, jittered.label)
    assert not torch.equal(plain.images, jittered.images)
    assert len({round(float(v), 3) for v in plain.images[0].unique()}) == 1


def test_prefetched_batches_are_the_maker_s_from_any_step_on(pool: TilePool, small_config: MakeConfig) -> None:
    maker = BatchMaker(pool, LABELED, UNLABELED, small_config())
    batches = prefetched(maker, 5)
    assert [same(next(batches), maker.batch(step)) for step in (5, 6, 7)] == [True] * 3
    batches.close()
    prefetched(maker, 0).close()  # never asked for a batch


def test_an_error_in_the_thread_reaches_the_trainer(pool: TilePool, small_config: MakeConfig) -> None:
    batches = prefetched(BatchMaker(pool, ("t_0", "absent"), (), small_config()), 0)
    with pytest.raises(Exception, match="no tile absent"):
        next(batches)


def test_batch_moves_and_changes_its_images_only(pool: TilePool, small_config: MakeConfig) -> None:
    config = small_config(pseudo_label={"mix_partner": "own"})
    batch = BatchMaker(pool, LABELED, UNLABELED, config).batch(0)
    assert same(batch.to(torch.device("cpu")), batch)
    halved = tensors(batch.map_images(lambda image: image / 2))
    for name, tensor in tensors(batch).items():
        is_image = tensor.dim() == 4
        assert torch.equal(halved[name], tensor / 2 if is_image else tensor), name
    assert {n for n, t in tensors(batch).items() if t.dim() == 4} == {
        "images",
        "weak",
        "strong",
        "mix_weak",
        "mix_strong",
    }
    alone = Batch(batch.images, batch.label, None)
    assert alone.to(torch.device("cpu")).unlabeled is alone.map_images(torch.sqrt).unlabeled is None


# --- the pool ---------------------------------------------------------------------------------------------------------


def test_labels_are_frozen_when_the_run_starts(grey_project: Project, pool: TilePool) -> None:
    before = pool.label("t_0").copy()
    assert set(np.unique(before)) == {1}
    digest = pool.label_hash()
    grey_project.write_label("t_0", np.full((40, 40), 7, np.uint8), LabelSource.PAINTED)
    assert np.array_equal(pool.label("t_0"), before)
    assert pool.label_hash() == digest
    assert TilePool(grey_project, ("t_0", "t_1", "t_2"), IDS).label_hash() != digest


def test_a_tile_without_labels_is_all_unlabelled(pool: TilePool) -> None:
    assert set(np.unique(pool.label("t_5"))) == {255}
    assert pool.label("t_5").shape == (40, 40)


def test_images_are_kept_within_bounds(grey_project: Project) -> None:
    one = 40 * 40 * 3
    pool = TilePool(grey_project, (), IDS, max_bytes=2 * one)
    first = pool.image("t_0")
    assert pool.image("t_0") is first  # not read again
    pool.image("t_1")
    assert pool.image("t_0") is first  # and used last
    pool.image("t_2")  # t_1 goes
    assert pool.image("t_0") is first
    pool.image("t_3")
    pool.image("t_4")
    again: Any = pool.image("t_0")
    assert again is not first
    assert np.array_equal(again, first)


def test_a_tile_larger_than_the_bounds_is_still_given(grey_project: Project) -> None:
    pool = TilePool(grey_project, (), IDS, max_bytes=1)
    assert int(pool.image("t_0")[0, 0, 0]) == 20
    assert int(pool.image("t_1")[0, 0, 0]) == 40
