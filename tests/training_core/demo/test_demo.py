"""The sample project: deterministic, varied, with its truth apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.demo import compartments, make_demo, read_truth
from training_core.demo.compartments import BACKGROUND, FAT, LYMPHOCYTES, NECROSIS, STROMA, draw_compartments
from training_core.demo.strokes import paint_strokes
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


@pytest.mark.nightly
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


# --- compartments: something to measure on ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_demo(tmp_path_factory.mktemp("demo") / "compartments", tiles=12, kind="compartments", painted=4)


def test_compartments_have_seven_classes_three_sizes_and_two_pixel_sizes(measured: Project) -> None:
    assert [c.name for c in measured.classes] == list(compartments.CLASS_NAMES)
    assert len(measured.tiles) == 12  # all drawn: a real picture would have no truth
    assert {(t.width_px, t.height_px, t.mpp_um) for t in measured.tiles} == {
        (512, 512, 0.5),
        (560, 448, 0.5),
        (640, 640, 0.25),
    }
    for tile in measured.tiles:
        assert read_truth(measured, tile.name).shape == (tile.height_px, tile.width_px)
    assert measured.labeled_names() == ("tile_01", "tile_02", "tile_03", "tile_04")
    for name in measured.val_names():
        assert np.array_equal(measured.label(name), read_truth(measured, name))


def test_every_class_is_in_training_and_in_validation_and_necrosis_is_rare(measured: Project) -> None:
    for names in (measured.labeled_names(), measured.val_names()):
        counts = sum(np.bincount(read_truth(measured, name).ravel(), minlength=7) for name in names)
        shares = counts / np.sum(counts)
        assert (shares > 0.001).all()
        assert shares[NECROSIS] < 0.05
        assert shares[LYMPHOCYTES] < 0.1


def test_no_class_is_found_by_its_colour_alone(measured: Project) -> None:
    """Nearest mean colour, learned from the truth of the training tiles, fails on validation tiles."""

    def pixels(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        colors = np.concatenate([measured.image(name)[::4, ::4].reshape(-1, 3) for name in names]).astype(float)
        return colors, np.concatenate([read_truth(measured, name)[::4, ::4].ravel() for name in names])

    colors, truth = pixels(tuple(t.name for t in measured.tiles[:6]))
    means = np.stack([colors[truth == c].mean(axis=0) for c in range(7)])
    colors, truth = pixels(measured.val_names())
    guess = ((colors[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    dice = [2 * ((guess == c) & (truth == c)).sum() / ((guess == c).sum() + (truth == c).sum()) for c in range(7)]
    assert np.mean(dice) < 0.45
    assert max(dice) < 0.8


def test_glass_fat_and_stroma_are_where_the_picture_says(measured: Project) -> None:
    white = {c: [] for c in (BACKGROUND, FAT, STROMA)}
    for tile in measured.tiles:
        bright = measured.image(tile.name).min(axis=2) > 205
        truth = read_truth(measured, tile.name)
        for c, shares in white.items():
            if (truth == c).mean() > 0.02:
                shares.append(bright[truth == c].mean())
    assert min(white[BACKGROUND]) > 0.75
    assert 0.4 < np.mean(white[FAT]) < 0.95  # cells are white, their walls are not
    assert max(white[STROMA]) < 0.4


def test_compartments_depend_on_seed_and_number_only() -> None:
    one, again, other = draw_compartments(3, 5), draw_compartments(3, 5), draw_compartments(4, 5)
    assert np.array_equal(one.picture, again.picture)
    assert np.array_equal(one.truth, again.truth)
    assert not np.array_equal(one.picture, other.picture)


def test_strokes_are_few_true_and_of_every_class(measured: Project) -> None:
    for name in measured.labeled_names():
        label, truth = measured.label(name), read_truth(measured, name)
        painted = label != 255
        assert np.array_equal(label[painted], truth[painted])
        assert set(label[painted]) == set(truth.ravel())
        assert 0.003 < painted.mean() < 0.04


def test_strokes_fit_into_small_places() -> None:
    truth = np.zeros((64, 64), np.uint8)
    truth[30:33, 40:43] = 9
    label = paint_strokes(np.random.default_rng(0), truth, per_class=2, length_px=20, radius_px=4)
    assert set(label[label == truth]) == {0, 9}
    assert (label[label != 255] == truth[label != 255]).all()


def test_the_command_makes_compartments_with_painted_tiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["demo", str(tmp_path / "d"), "--kind", "compartments", "--tiles", "4"]
    assert main([*command, "--painted", "3"]) == 2
    assert "3 annotated tiles" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()
    assert main([*command, "--painted", "2"]) == 0
    assert len(Project.open(tmp_path / "d").labeled_names()) == 2
