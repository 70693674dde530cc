"""From a project's tiles to batches: which tiles, which labels, the same again for the same step."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training_core.base.errors import ImageError
from training_core.data.batches import BatchMaker, prefetched
from training_core.data.pixel_size import check_zoom, choose_run_mpp, left_out, zoom_to_run
from training_core.data.sampling import ClassBalance
from training_core.data.tile_pool import TilePool
from training_core.method.batch import Batch
from training_core.project import LabelSource, Project, Tile, TissueClass
from training_core.settings.schema import Config

MakeConfig = Callable[..., Config]
IDS = (0, 3, 7)


@pytest.fixture
def small_config(small_config: MakeConfig) -> MakeConfig:
    """The small configuration with true colours, and crops that do not hold the whole tile."""

    def make(augment: dict[str, Any] | None = None, **settings: Any) -> Config:
        plain = {"stain_jitter": 0.0, "scale_min": 0.5, "scale_max": 2.0}
        return small_config(augment={**plain, **(augment or {})}, **settings)

    return make


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


def test_stain_jitter_changes_labelled_and_strong_views_only(pool: TilePool, small_config: MakeConfig) -> None:
    plain = BatchMaker(pool, LABELED, UNLABELED, small_config())
    stained = BatchMaker(pool, LABELED, UNLABELED, small_config(augment={"stain_jitter": 1.0}))
    assert torch.equal(plain.batch(0).label, stained.batch(0).label)
    greys, colored = {20 * (i + 1) for i in range(7)}, 0
    for step in range(4):
        batch = stained.batch(step)
        assert batch.unlabeled is not None
        assert {round(float(value) * 255) for value in batch.unlabeled.weak.unique()} <= greys  # true colours
        assert all(float(image.std(dim=0).max()) > 0.001 for image in batch.images)
        colored += sum(float(image.std(dim=0).max()) > 0.001 for image in batch.unlabeled.strong)
    assert colored >= 4  # a fifth of the strong views is turned grey


def test_exchanged_stains_are_those_of_the_tiles_of_the_run_on_labelled_views_only(
    pool: TilePool, small_config: MakeConfig
) -> None:
    """The tiles are plain greys, so each labelled view has the grey of any of the tiles."""
    plain = {"stain_jitter": 0.0}
    own = BatchMaker(pool, LABELED, UNLABELED, small_config(augment=plain))
    exchanged = BatchMaker(pool, LABELED, UNLABELED, small_config(augment={**plain, "exchange_stains": True}))
    tiles = {20 * (i + 1) for i in range(7)}
    greys = {False: set[int](), True: set[int]()}
    for step in range(12):
        batches = {False: own.batch(step), True: exchanged.batch(step)}
        assert torch.equal(batches[False].label, batches[True].label)
        for is_exchanged, batch in batches.items():
            greys[is_exchanged] |= {round(float(value) * 255) for value in batch.images.unique()}
            assert batch.unlabeled is not None
            assert {round(float(value) * 255) for value in batch.unlabeled.weak.unique()} <= tiles
    assert greys[False] < greys[True] <= tiles
    assert len(greys[True]) >= 5
    again = BatchMaker(pool, LABELED, UNLABELED, small_config(augment={**plain, "exchange_stains": True}))
    assert torch.equal(again.batch(7).images, exchanged.batch(7).images)  # whatever was made before


# --- rare classes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def rare_project(tmp_path: Path) -> Project:
    """Six fully labelled tiles of class 0; one has a spot of class 3, two have a spot of class 7."""
    for i in range(6):
        Image.fromarray(np.full((200, 200, 3), 20 * (i + 1), np.uint8)).save(tmp_path / f"t_{i}.png")
    classes = [TissueClass(c, f"class {c}", "#009e73") for c in IDS]
    project = Project.create(tmp_path / "project", [tmp_path / f"t_{i}.png" for i in range(6)], classes=classes)
    for i in range(6):
        label = np.zeros((200, 200), np.uint8)
        if i == 2:
            label[150:158, 20:28] = 3
        if i in (4, 5):
            label[40:48, 90:98] = 7
        project.write_label(f"t_{i}", label, LabelSource.PAINTED)
    return project


def crops_with(maker: BatchMaker, n_steps: int) -> tuple[Counter[int], Counter[int]]:
    """How many labelled crops hold each class index, and come from each tile."""
    classes: Counter[int] = Counter()
    tiles: Counter[int] = Counter()
    for step in range(n_steps):
        batch = maker.batch(step)
        tiles.update(tiles_of(batch.images))
        for label in batch.label:
            classes.update(set(label.unique().tolist()))
    return classes, tiles


def test_balanced_crops_show_rare_classes_as_often_as_common_ones(
    rare_project: Project, small_config: MakeConfig
) -> None:
    names = [f"t_{i}" for i in range(6)]
    pool = TilePool(rare_project, names, IDS)
    unbalanced, _ = crops_with(BatchMaker(pool, names, (), small_config()), 18)
    classes, tiles = crops_with(BatchMaker(pool, names, (), small_config(data={"balance_classes": True})), 18)
    assert classes[1] >= 12  # of 36 crops a third is meant for each class
    assert classes[2] >= 12
    assert unbalanced[1] < 6
    assert tiles[2] >= 12
    assert min(tiles[4], tiles[5]) >= 6  # both tiles that hold the class
    assert set(tiles) == set(range(6))  # no tile is forgotten


def test_balanced_batches_are_a_function_of_seed_and_step(rare_project: Project, small_config: MakeConfig) -> None:
    names = [f"t_{i}" for i in range(6)]
    pool, config = TilePool(rare_project, names, IDS), small_config(data={"balance_classes": True})
    steps = [BatchMaker(pool, names, (), config).batch(step) for step in range(4)]
    again = BatchMaker(pool, names, (), config)
    assert all(same(again.batch(step), steps[step]) for step in (3, 0, 2, 1))
    other = small_config(seed=1, data={"balance_classes": True})
    assert not same(BatchMaker(pool, names, (), other).batch(0), steps[0])


def test_every_round_of_balanced_crops_means_each_class_once() -> None:
    tiles = {"a": (0, 1), "b": (0,), "c": (0, 5), "d": (5,)}
    balance = ClassBalance(tiles, seed=7)
    drawn = [balance.crop(number) for number in range(60)]
    for first in range(0, 60, 3):
        assert {class_index for _, class_index in drawn[first : first + 3]} == {0, 1, 5}
    assert all(class_index in tiles[name] for name, class_index in drawn)
    holders = Counter(name for name, class_index in drawn if class_index == 0)
    assert max(holders.values()) - min(holders[name] for name in "abc") <= 1
    assert len({tuple(drawn[first : first + 3]) for first in range(0, 60, 3)}) > 4


# --- pixel size -------------------------------------------------------------------------------------------------------


def tile(mpp_um: float | None, name: str = "t") -> Tile:
    return Tile(name, f"images/{name}.png", 40, 40, "0" * 64, mpp_um)


def test_zoom_is_one_for_unknown_and_nearly_equal_pixel_sizes() -> None:
    assert zoom_to_run(0.25, 0.5) == 0.5
    assert zoom_to_run(1.0, 0.5) == 2.0
    assert zoom_to_run(None, 0.5) == zoom_to_run(0.5, None) == zoom_to_run(0.5, 0.5) == 1.0
    assert zoom_to_run(0.2528, 0.25) == 1.0  # scanners of one make
    assert zoom_to_run(0.26, 0.25) == pytest.approx(1.04)


def test_the_run_s_pixel_size_is_the_user_s_else_the_coarser_median() -> None:
    mixed = [tile(0.25), tile(0.25), tile(0.5), tile(0.5), tile(None)]
    assert choose_run_mpp(mixed, None) == 0.5
    assert choose_run_mpp([*mixed, tile(0.25)], None) == 0.25
    assert choose_run_mpp(mixed, 0.4) == 0.4
    assert choose_run_mpp([tile(None)], None) is None
    assert choose_run_mpp([tile(None)], 0.5) == 0.5


def test_tiles_whose_pixel_size_is_too_far_or_missing_are_left_out_by_name() -> None:
    tiles = [tile(0.5, "a"), tile(0.5, "b"), tile(4.0, "far"), tile(None, "unknown")]
    assert choose_run_mpp(tiles, None) == 0.5
    assert left_out(tiles, 0.5) == {"far": "its pixel size is 4 µm/px, and the run works at 0.5 µm/px"}
    assert left_out([tile(0.05, "near")], 0.5).keys() == {"near"}
    assert left_out([tile(2.4, "fits")], 0.5) == {}
    mixed = [*tiles[:2], tile(0.25, "c"), tiles[3]]  # now some tile is resampled, and by how much this one is unknown
    assert left_out(mixed, 0.5).keys() == {"unknown"}
    with pytest.raises(
        ImageError, match=r"far has a pixel size of 4 µm/px, but the run works at 0\.5 µm/px.*0\.1 to 2\.5"
    ):
        check_zoom("far", 4.0, 0.5)
    check_zoom("scan.tif", None, 0.5)
    check_zoom("scan.tif", 2.4, 0.5)


def test_crops_of_mixed_tiles_show_tissue_at_one_scale(tmp_path: Path, small_config: MakeConfig) -> None:
    """The same stripes scanned at 0.5 and at 0.25 um per pixel are equally wide in the batch."""
    for i, width in enumerate((8, 16)):  # pixels of a stripe, 4 um in both
        stripes = np.where(np.arange(256) // width % 2, 220, 60).astype(np.uint8)
        Image.fromarray(np.broadcast_to(stripes[None, :, None], (256, 256, 3)).copy()).save(tmp_path / f"t_{i}.png")
    classes = [TissueClass(c, f"class {c}", "#009e73") for c in (0, 1)]
    project = Project.create(tmp_path / "project", [tmp_path / f"t_{i}.png" for i in range(2)], classes=classes)
    for i in range(2):
        dark = (np.arange(256) // (8, 16)[i] % 2 == 0).astype(np.uint8)
        project.write_label(f"t_{i}", np.broadcast_to(dark, (256, 256)), LabelSource.PAINTED)
    index = json.loads((project.path / "project.json").read_text())
    for entry, mpp in zip(index["tiles"], (0.5, 0.25), strict=True):
        entry["mpp_um"] = mpp
    (project.path / "project.json").write_text(json.dumps(index))
    project = Project.open(project.path)
    names = ("t_0", "t_1")
    augment = {"scale_min": 1.0, "scale_max": 1.0, "rotate": False}
    for mpp, widths in ((0.5, {8}), (0.25, {16}), (None, {8, 16})):
        config = small_config(data={"mpp": mpp, "crop_px": 64, "labeled_batch": 2}, augment=augment)
        maker, seen = BatchMaker(TilePool(project, names, (0, 1)), names, (), config), set()
        for step in range(3):
            batch = maker.batch(step)
            for image, label in zip(batch.images, batch.label, strict=True):
                assert float(((image[0] < 0.5) == (label == 1)).float().mean()) >= 7 / 8  # a mixed pixel per edge
                edges = torch.nonzero(label[0].diff())[:, 0].diff()
                seen |= set(edges.tolist())
        assert seen == widths


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


def test_threads_that_make_batches_for_a_gpu_change_no_other_thread(pool: TilePool, small_config: MakeConfig) -> None:
    def seen_by_new_thread() -> int:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        batches = prefetched(BatchMaker(pool, LABELED, UNLABELED, small_config()), 0, for_gpu=True)
        next(batches)
        batches.close()
        assert (torch.get_num_threads(), seen_by_new_thread()) == (3, 3)
    finally:
        torch.set_num_threads(before)
