"""Frozen features: the cache, the windows, the light head and its painter."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from training_core.base.errors import ProjectError, WeightsError
from training_core.class_maps.pixel_scores import Confusion
from training_core.compute.device import Compute, choose_compute
from training_core.data.scored_labels import ScoredLabels
from training_core.data.tile_pool import TilePool
from training_core.demo import make_demo, read_truth
from training_core.io import read_mask
from training_core.network.encoders import build_encoder
from training_core.pixel_classifier import encode
from training_core.pixel_classifier.cache import FeatureCache
from training_core.pixel_classifier.encode import Features, View, encode_image, ready
from training_core.pixel_classifier.head import LightHead, sample
from training_core.pixel_classifier.head_predictor import HeadPainter
from training_core.pixel_classifier.store import FeatureStore
from training_core.pixel_classifier.weights_identity import weights_identity
from training_core.project import LabelSource, Project
from training_core.settings.schema import Config, EncoderConfig, resolve

MakeProject = Callable[..., Project]
CPU = Compute(torch.device("cpu"), "float32")
VIEW = View(0.5)


def maps(seed: int = 0, side: int = 8) -> list[Tensor]:
    return [torch.randn(3, side, side, generator=torch.Generator().manual_seed(seed)).half()]


def entries(cache: FeatureCache) -> list[Path]:
    return sorted(cache.folder.glob("*.features"))


class Counted:
    """The bundled encoder, and how often it was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        return bundled()


@cache
def bundled() -> Any:
    return ready(build_encoder(EncoderConfig()), CPU)


def store_of(project: Project, encoder: Callable[[], Any], **config: Any) -> FeatureStore:
    return FeatureStore(project, EncoderConfig(**config), CPU, encoder)


def validation(project: Project) -> ScoredLabels:
    names = project.val_names()
    return ScoredLabels("validation", names, TilePool(project, names, [each.id for each in project.classes]))


def painter_of(project: Project, encoder: Callable[[], Any] = bundled) -> HeadPainter:
    return HeadPainter(project, resolve(), store_of(project, encoder))


# --- the cache --------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    cache, given = FeatureCache(tmp_path), [*maps(), torch.tensor((0.5, 1.0))]
    cache.write("a", given)
    read = cache.read("a")
    assert read is not None
    assert all(torch.equal(one, other) for one, other in zip(read, given, strict=True))
    assert cache.read("b") is None
    assert cache.holds("a")
    assert not cache.holds("b")
    assert "may be deleted" in (cache.folder / "CACHEDIR.TAG").read_text()
    assert (cache.folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, damage: str) -> None:
    cache = FeatureCache(tmp_path)
    cache.write("a", maps())
    (file,) = entries(cache)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"flipped": bytes(content), "cut": bytes(content[:-9]), "empty": b""}[damage])
    assert cache.read("a") is None
    cache.write("a", maps())
    assert cache.read("a") is not None


def test_the_least_recently_used_leave(tmp_path: Path) -> None:
    size = 16_000
    FeatureCache(tmp_path).write("a", maps(side=51))  # about `size` bytes each
    cache = FeatureCache(tmp_path, max_bytes=4 * size)
    for age, key in ((4, "a"), (3, "b"), (2, "c")):
        cache.write(key, maps(side=51))
        path = cache._path(key)
        os.utime(path, (path.stat().st_mtime - 100 * age,) * 2)
    trace = cache.folder / ".0123456789abcdef.tmp"
    trace.write_bytes(bytes(size // 2))
    os.utime(trace, (1, 1))
    assert cache.read("a") is not None  # used: now the youngest
    cache.write("d", maps(side=51))
    assert [key for key in "abcd" if cache.holds(key)] == ["a", "c", "d"]
    assert not trace.exists()
    assert sum(path.stat().st_size for path in entries(cache)) <= 4 * size


def test_a_full_disk_costs_the_cache_not_the_work(mount_disk: Callable[[str], Path]) -> None:
    cache = FeatureCache(mount_disk("64k"))
    cache.write("a", maps(side=200))
    assert cache.read("a") is None
    assert not list(cache.folder.glob(".*.tmp"))


# --- from pictures to features ----------------------------------------------------------------------------------------


def test_windows_give_what_the_whole_picture_gives(tiny_model: Callable[..., Any], monkeypatch: Any) -> None:
    encoder = ready(tiny_model().encoder, CPU)
    image = np.random.default_rng(0).integers(0, 256, (150, 203, 3), np.uint8)
    whole = encode_image(encoder, image, View(1.0), CPU)
    assert [each.shape for each in whole.maps] == [(8, 76, 104), (12, 38, 52), (16, 19, 26)]
    assert whole.extent == (150 / 152, 203 / 208)
    monkeypatch.setattr(encode, "WINDOW_PX", 64)
    for one, other in zip(encode_image(encoder, image, View(1.0), CPU).maps, whole.maps, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-3)


def test_the_bundled_pyramid_is_kept_up_to_stride_16() -> None:
    features = encode_image(bundled(), np.zeros((128, 96, 3), np.uint8), View(1.0), CPU)
    assert [tuple(each.shape) for each in features.maps] == [(16, 64, 48), (24, 32, 24), (40, 16, 12), (112, 8, 6)]
    assert {each.dtype for each in features.maps} == {torch.float16}
    kept = Features.from_tensors(features.tensors())
    assert kept.extent == features.extent
    assert kept.nbytes == features.nbytes


def test_another_staining_is_another_picture_and_always_the_same() -> None:
    image = np.random.default_rng(0).integers(90, 220, (64, 64, 3), np.uint8)
    plain, one, again, two = (encode_image(bundled(), image, View(1.0, stain), CPU).maps[0] for stain in (0, 1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(plain, one)
    assert not torch.equal(one, two)


def test_the_store_encodes_once_and_another_process_not_at_all(make_project: MakeProject) -> None:
    project, encoder = make_project(), Counted()
    store = store_of(project, encoder)
    first = store.get("a_1", VIEW)
    assert store.get("a_1", VIEW) is first
    assert encoder.calls == 1
    for name, view in (("a_2", VIEW), ("a_1", View(0.25)), ("a_1", View(0.5, 1))):
        assert not store.has(name, view)
        store.get(name, view)
    assert encoder.calls == 4
    later = store_of(Project.open(project.path), encoder)
    assert later.has("a_1", VIEW)
    for one, two in zip(later.get("a_1", VIEW).maps, first.maps, strict=True):
        assert torch.equal(one, two)
    assert encoder.calls == 4
    for path in (project.path / "cache" / "features").iterdir():
        path.write_bytes(b"damaged")
    damaged = store_of(project, encoder)
    assert torch.equal(damaged.get("a_1", VIEW).maps[0], first.maps[0])
    assert encoder.calls == 5


def test_other_weights_have_other_features(tmp_path: Path) -> None:
    weights, notes = tmp_path / "w.pth", tmp_path / "notes"
    weights.write_bytes(b"one")
    config = EncoderConfig(weights_path=str(weights))
    known = {weights_identity(config, notes), weights_identity(EncoderConfig(), notes)}
    weights.write_bytes(b"another")
    known.add(weights_identity(config, notes))
    weights.unlink()
    known.add(weights_identity(config, notes))  # who builds the encoder will say that there is no file
    assert len(known) == 4
    assert weights_identity(EncoderConfig(pretrained=False), notes) is None
    (note,) = notes.iterdir()
    before = weights_identity(EncoderConfig(), notes)
    note.write_bytes(b"damaged")
    assert weights_identity(EncoderConfig(), notes) == before


def test_random_weights_are_never_kept(make_project: MakeProject) -> None:
    project, encoder = make_project(), Counted()
    store_of(project, encoder, pretrained=False).get("a_1", VIEW)
    assert not (project.path / "cache" / "features").exists()


# --- the head ---------------------------------------------------------------------------------------------------------


def test_samples_lie_where_the_pixels_are() -> None:
    """Maps that hold their own place: a picture of 40 x 30 px, padded to 48 x 32, at strides 2 and 8."""
    ramps = []
    for stride in (2, 8):
        rows = torch.arange(48 // stride).add(0.5).mul(stride)[:, None].expand(-1, 32 // stride)
        columns = torch.arange(32 // stride).add(0.5).mul(stride).expand(48 // stride, -1)
        ramps.append(torch.stack((rows, columns)).half())
    features = Features(tuple(ramps), (40 / 48, 30 / 32))
    pixels = np.array([(10, 20), (25, 7)])
    expected = torch.from_numpy(pixels + 0.5).repeat(1, 2)
    torch.testing.assert_close(sample([features], pixels, (40, 30)).double(), expected, atol=0.02, rtol=0)


def test_the_head_says_of_pixels_what_it_learned_of_samples() -> None:
    generator = torch.Generator().manual_seed(1)
    field = torch.randn(2, 12, 12, generator=generator).half()
    features = Features((field, torch.randn(5, 6, 6, generator=generator).half()), (1.0, 1.0))
    size = (48, 48)
    places = np.argwhere(np.ones(size, bool))
    values = sample([features], places, size)
    truth = values[:, 0] > values[:, 1]
    rare = places[truth.numpy()][::50]  # a few of one class, many of the other: both count the same
    state = torch.get_rng_state()
    head = LightHead([values[~truth], sample([features], rare, size)])
    assert torch.equal(torch.get_rng_state(), state)
    answer = head.probabilities([features], size)
    assert answer.shape == (2, *size)
    torch.testing.assert_close(answer.sum(0), torch.ones(size))
    assert float((answer.argmax(0).flatten() == truth).double().mean()) > 0.9
    again = LightHead([values[~truth], sample([features], rare, size)]).probabilities([features], size)
    assert torch.equal(again, answer)


# --- on a project -----------------------------------------------------------------------------------------------------


def test_the_painter_learns_and_paints_class_ids(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(ids=(0, 3, 7))
    painter = painter_of(project)
    assert painter.fit("u_1") is False
    assert painter.n_tiles == 2
    paths = painter.paint("u_1", tmp_path / "out", threshold=0.7)
    prediction, confidence = read_mask(paths["prediction"]), read_mask(paths["confidence"])
    truth = read_mask(tmp_path / "masks" / "u_1.png")
    assert set(np.unique(prediction)) <= {0, 3, 7}
    assert (prediction == truth).mean() > 0.7
    unsure = read_mask(paths["pseudo_label"]) == 255
    assert unsure[confidence < 178].all()  # 0.7 is 178.5
    assert not unsure[confidence > 179].any()
    scores = painter.score(validation(project))
    assert scores is not None
    assert scores.mdice > 60
    assert set(scores.dice) == {0, 3, 7}


def test_a_class_that_nobody_painted_is_not_predicted_but_scored(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(ids=(0, 3, 7))
    for name in ("a_1", "a_2"):
        label = project.label(name)
        label[label == 3] = 255
        project.write_label(name, label, LabelSource.PAINTED)
    painter = painter_of(project)
    painter.fit("a_1")
    assert set(np.unique(read_mask(painter.paint("u_1", tmp_path / "out", 0.7)["prediction"]))) == {0, 7}
    scores = painter.score(validation(project))
    assert scores is not None
    assert scores.dice[3] == 0


def test_it_is_fitted_again_only_when_a_label_has_changed(make_project: MakeProject) -> None:
    project = make_project()
    painter = painter_of(project)
    painter.fit("u_1")
    head = painter._head
    painter.fit("u_2")
    assert painter._head is head
    label = project.label("u_1")
    label[:20, :20] = 1
    project.write_label("u_1", label, LabelSource.PAINTED)
    painter.fit("u_1")
    assert painter._head is not head
    assert painter.n_tiles == 3
    project.write_label("u_1", np.full_like(label, 255), LabelSource.PAINTED)
    painter.fit("u_1")
    assert painter.n_tiles == 2


def test_what_the_labels_lack_is_said(make_project: MakeProject) -> None:
    project = make_project()
    labels = {name: project.label(name) for name in ("a_1", "a_2")}
    for name, label in labels.items():
        project.write_label(name, np.where(label == 1, label, 255), LabelSource.PAINTED)
    with pytest.raises(ProjectError, match=r"only class 1 is annotated"):
        painter_of(project).fit("u_1")
    for name, label in labels.items():
        project.write_label(name, np.full_like(label, 255), LabelSource.PAINTED)
    with pytest.raises(ProjectError, match="no tile is annotated for training yet"):
        painter_of(project).fit("u_1")


def test_many_new_tiles_are_learned_a_few_at_a_time_the_shown_one_first(make_project: MakeProject) -> None:
    project = make_project(labeled=11, unlabeled=1)
    painter = painter_of(project)
    assert painter.fit("a_11") is True
    assert painter.n_tiles == 8
    assert "a_11" in painter._samples
    assert painter.fit("a_11") is False
    assert painter.n_tiles == 11
    assert painter_of(project).fit("u_1") is False  # all of them are in the cache by now
    (project.path / "labels" / "a_3.png").unlink()  # by hand: nothing is labelled there any more
    assert painter.fit("u_1") is False
    assert not painter._samples["a_3"].by_class


def test_missing_weights_are_the_users_to_mend(make_project: MakeProject) -> None:
    project = make_project()
    config = EncoderConfig(weights_path=str(project.path / "absent.pth"))
    store = FeatureStore(project, config, CPU, lambda: build_encoder(config))
    with pytest.raises(WeightsError, match=r"no file .*absent\.pth"):
        store.get("a_1", VIEW)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, pytest.param(7, marks=pytest.mark.nightly)])
def test_strokes_on_two_tiles_of_the_sample_are_enough(tmp_path: Path, seed: int) -> None:
    """The bar that the first overlay has to pass: pooled mDice of all tiles nobody painted on."""
    project = make_demo(tmp_path / "demo", tiles=18, painted=2, seed=seed)
    config: Config = resolve()
    compute = choose_compute(config.runtime)
    painter = HeadPainter(project, config, FeatureStore(project, config.encoder, compute, bundled))
    painter.fit("tile_03")
    confusion = Confusion((0, 1))
    for name in (f"tile_{number:02d}" for number in range(3, 19)):
        paths = painter.paint(name, tmp_path / "out", 0.7)
        confusion.add(read_truth(project, name), read_mask(paths["prediction"]))
    scores = confusion.scores()
    assert scores is not None
    assert scores.mdice >= 75
