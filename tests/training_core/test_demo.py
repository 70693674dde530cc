"""The sample project: deterministic, varied, with its truth apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from training_core.cli import main
from training_core.demo import make_demo, read_truth
from training_core.errors import ProjectError
from training_core.project import Project

TILES = 9


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_demo(tmp_path_factory.mktemp("demo") / "sample", tiles=TILES)


def digest(project: Project) -> dict[str, str]:
    return {tile.name: hashlib.sha256(project.image(tile.name).tobytes()).hexdigest() for tile in project.tiles}


def test_what_is_in_it(sample: Project) -> None:
    assert [tile.name for tile in sample.tiles][:2] == ["tile_01", "tile_02"]
    assert len(sample.tiles) == TILES + 1
    assert {(tile.width_px, tile.height_px) for tile in sample.tiles} == {(512, 512)}
    assert [c.name for c in sample.classes] == ["background", "gland"]
    assert sample.labeled_names() == ()  # the user starts by painting
    assert len(sample.val_names()) == 6
    for name in sample.val_names():
        assert np.array_equal(sample.label(name), read_truth(sample, name))


def test_the_truth_is_of_both_classes_and_never_a_label_of_training(sample: Project) -> None:
    shares = [read_truth(sample, f"tile_{n:02d}").mean() for n in range(1, TILES + 1)]
    assert all(0.03 < share < 0.8 for share in shares)
    assert not any(sample.has_label(name) for name in sample.unlabeled_names())


def test_tiles_are_stained_and_focused_differently(sample: Project) -> None:
    images = [sample.image(f"tile_{n:02d}").astype(float) for n in range(1, TILES + 1)]
    means = np.array([image.mean(axis=(0, 1)) for image in images])
    assert means.std(axis=0).max() > 5
    sharpness = [np.abs(np.diff(image, axis=0)).mean() for image in images]
    assert max(sharpness) / min(sharpness) > 1.3


def test_the_brightest_pixels_are_not_the_glands(sample: Project) -> None:
    """No threshold on one color channel finds the glands: there is something to learn."""
    best = 0.0
    images = np.concatenate([sample.image(f"tile_{n:02d}").reshape(-1, 3) for n in range(1, TILES + 1)])
    truth = np.concatenate([read_truth(sample, f"tile_{n:02d}").ravel() for n in range(1, TILES + 1)]) == 1
    for channel in range(3):
        for cut in range(20, 250, 10):
            for guess in (images[:, channel] > cut, images[:, channel] <= cut):
                best = max(best, 2 * (guess & truth).sum() / (guess.sum() + truth.sum()))
    assert best < 0.85


def test_the_same_seed_is_the_same_tissue(sample: Project, tmp_path: Path) -> None:
    again = make_demo(tmp_path / "again", tiles=8)
    other = make_demo(tmp_path / "other", tiles=8, seed=1)
    first, second, third = digest(sample), digest(again), digest(other)
    assert all(second[f"tile_{n:02d}"] == first[f"tile_{n:02d}"] for n in range(1, 9))
    assert all(third[f"tile_{n:02d}"] != first[f"tile_{n:02d}"] for n in range(1, 9))


def test_the_command_makes_forty_tiles_by_default(tmp_path: Path) -> None:
    assert main(["demo", str(tmp_path / "d"), "--json", str(tmp_path / "d.json")]) == 0
    assert json.loads((tmp_path / "d.json").read_text())["tiles"] >= 40
    assert len(Project.open(tmp_path / "d").tiles) >= 41  # and the real one
    assert (tmp_path / "d" / "truth" / "tile_01.png").is_file()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ProjectError):
        make_demo(tmp_path, tiles=8)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]
