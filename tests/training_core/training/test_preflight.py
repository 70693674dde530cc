"""What is too little to train on: said in words, and nothing of the project is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.io import read_mask
from training_core.project import LabelSource, Project, TissueClass
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config
from training_core.training.preflight import cautions, check_ready, settle

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]


def contents(folder: Path) -> dict[str, str]:
    """Every file's hash, every folder, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def bare(project: Project, tmp_path: Path, ids: tuple[int, ...] = (0, 1)) -> Project:
    """A project of the same pictures without any label."""
    classes = [TissueClass(i, f"class {i}", "#009e73") for i in ids]
    return Project.create(tmp_path / "bare", [tmp_path / "images"], classes=classes)


def no_label(make_project: MakeProject, tmp_path: Path) -> Project:
    return bare(make_project(), tmp_path)


def one_labelled_tile(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=1, unlabeled=3)


def only_validation_labelled(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=0, unlabeled=3, val=2)


def labels_of_one_class(make_project: MakeProject, tmp_path: Path) -> Project:
    project = bare(make_project(), tmp_path)
    for name in ("a_1", "a_2", "u_1"):
        project.write_label(name, np.full((96, 96), 1, np.uint8), LabelSource.PAINTED)
    return project


def one_class(make_project: MakeProject, tmp_path: Path) -> Project:
    project = bare(make_project(), tmp_path, ids=(0,))
    for name in ("a_1", "a_2"):
        project.write_label(name, np.zeros((96, 96), np.uint8), LabelSource.PAINTED)
    return project


def no_unlabelled_image(make_project: MakeProject, tmp_path: Path) -> Project:
    return make_project(labeled=3, unlabeled=0)


CASES: list[tuple[Any, str, str]] = [
    (no_label, "0 of 5 tiles are annotated", "at least 2 annotated tiles"),
    (one_labelled_tile, "1 of 5 tiles are annotated", "data.min_labeled_tiles = 1"),
    (only_validation_labelled, "the 2 validation tiles do not count", "at least 2 annotated tiles"),
    (labels_of_one_class, "only class 1 is annotated", "at least 2 classes"),
    (one_class, "the project has 1 class (class 0)", "at least 2 classes"),
    (no_unlabelled_image, "no unannotated tile", "--supervised-only"),
]


@pytest.mark.parametrize(("make", "given", "needed"), CASES, ids=[case[0].__name__ for case in CASES])
def test_too_little_is_exit_code_two_one_line_and_an_untouched_project(
    make: Callable[[MakeProject, Path], Project],
    given: str,
    needed: str,
    make_project: MakeProject,
    small_config: MakeConfig,
    small_settings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = make(make_project, tmp_path)
    before = contents(project.path)
    assert main(["train", str(project.path), "--config", str(small_settings)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert given in err
    assert needed in err
    assert contents(project.path) == before
    with pytest.raises(ProjectError, match=r"Needed:.*Try:"):
        check_ready(project, small_config())


def test_enough(make_project: MakeProject, small_config: MakeConfig) -> None:
    split = check_ready(make_project(), small_config())
    assert (split.labeled, split.unlabeled, split.val) == (("a_1", "a_2"), ("u_1", "u_2"), ("v_1",))


def test_labelled_tiles_only_needs_no_unlabelled_ones(make_project: MakeProject, small_config: MakeConfig) -> None:
    split = check_ready(make_project(unlabeled=0), small_config(pseudo_label={"enabled": False}))
    assert split.unlabeled == ()
    split = check_ready(make_project(name="other"), small_config(pseudo_label={"enabled": False}))
    assert split.unlabeled == ()


def test_one_labelled_tile_is_enough_when_asked_for(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(labeled=1)
    assert check_ready(project, small_config(data={"min_labeled_tiles": 1})).labeled == ("a_1",)


def test_tiles_whose_picture_is_gone_do_not_count(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(labeled=3)
    project.image_path("a_1").unlink()
    project.image_path("v_1").unlink()
    split = check_ready(project, small_config())
    assert (split.labeled, split.val) == (("a_2", "a_3"), ())
    project.image_path("a_2").unlink()
    with pytest.raises(ProjectError, match="1 of 6 tiles"):
        check_ready(project, small_config())


def test_label_files_that_are_gone_are_an_error_not_a_crash(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    for name in ("a_1", "a_2"):
        path = project.path / "labels" / f"{name}.png"
        assert read_mask(path).shape == (96, 96)
        path.unlink()
    with pytest.raises(ProjectError, match="the label files are empty or missing"):
        check_ready(project, small_config())


# --- what the tiles decide, and what the user should know -------------------------------------------------------------


def with_mpp(project: Project, **mpp_um: float | None) -> Project:
    """The project with these tiles' pixel sizes, as if they came from several scanners."""
    file = project.path / "project.json"
    index = json.loads(file.read_text())
    for entry in index["tiles"]:
        entry["mpp_um"] = mpp_um.get(entry["name"], entry["mpp_um"])
    file.write_text(json.dumps(index))
    return Project.open(project.path)


def notes(project: Project, config: Config) -> list[str]:
    split = check_ready(project, config)
    return list(cautions(project, split, settle(project, split, config)))


def test_two_classes_on_fully_labelled_tiles_are_sampled_as_ever(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project, config = make_project(), small_config()
    settled = settle(project, check_ready(project, config), config)
    augment = {"scale_min": 0.4, "scale_max": 1.2, "exchange_stains": False}
    expected = small_config(data={"balance_classes": False}, losses={"balance": 0.0}, augment=augment)
    assert settled == expected
    assert notes(project, config) == []


def test_more_classes_or_partial_labels_are_balanced_unless_the_user_or_the_variant_says_no(
    make_project_in: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    def balanced(project: Project, config: Config) -> bool | None:
        return settle(project, check_ready(project, config), config).data.balance_classes

    three = make_project_in(tmp_path / "three", ids=(0, 1, 5))
    partial = make_project_in(tmp_path / "partial")
    label = partial.label("a_1")
    label[:4] = 255
    partial.write_label("a_1", label, LabelSource.PAINTED)
    for project in (three, partial):
        assert balanced(project, small_config()) is True
        assert balanced(project, small_config(data={"balance_classes": False})) is False
        assert balanced(project, small_config(variant="paper")) is False
        assert balanced(project, small_config(variant="released")) is False


def test_where_most_tiles_show_one_class_stains_are_exchanged_and_it_is_said(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project, config = make_project(), small_config()
    names = check_ready(project, config).labeled
    assert len(names) == 2

    def exchanged(config: Config) -> bool | None:
        return settle(project, check_ready(project, config), config).augment.exchange_stains

    for number, name in enumerate(names):  # each shows another class, and nothing else
        label = project.label(name)
        label[label != np.unique(label)[number]] = 255
        assert exchanged(config) is False  # one of the two is not most
        project.write_label(name, label, LabelSource.PAINTED)
    assert exchanged(config) is True
    for no in (small_config(augment={"exchange_stains": False}), small_config(variant="paper")):
        assert exchanged(no) is False
    (said,) = [note for note in notes(project, config) if "single class" in note]
    assert said.startswith("2 of 2 annotated tiles show a single class each. They are learned in the stainings of")


def test_mixed_pixel_sizes_are_settled_said_and_those_unknown_are_left_out(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = with_mpp(make_project(), a_1=0.25, a_2=0.5, u_1=0.5, v_1=0.25)
    config = small_config()
    assert settle(project, check_ready(project, config), config).data.mpp == 0.5
    left, resampled = notes(project, config)
    assert left.startswith("1 tile is left out because of its pixel size: u_2: its pixel size is not known")
    assert "0.25 to 0.5 µm/px" in resampled
    assert "works at 0.5 µm/px; 2 of 4 tiles" in resampled
    assert check_ready(project, config) == Split(("a_1", "a_2"), ("u_1",), ("v_1",))
    assert "works at 0.4 µm/px; 4 of 4 tiles" in notes(project, small_config(data={"mpp": 0.4}))[1]


def test_equal_and_unknown_pixel_sizes_need_no_words(
    make_project_in: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    config = small_config()
    unknown = make_project_in(tmp_path / "unknown")
    assert settle(unknown, check_ready(unknown, config), config).data.mpp is None
    assert notes(unknown, config) == []
    equal = with_mpp(make_project_in(tmp_path / "equal"), a_1=0.5, a_2=0.5, u_1=0.5)
    assert settle(equal, check_ready(equal, config), config).data.mpp == 0.5
    assert notes(equal, config) == []  # nothing is resampled


def test_a_pixel_size_too_far_from_the_others_leaves_that_tile_out_and_the_others_train(
    make_project: MakeProject, small_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = with_mpp(make_project(), a_1=0.5, a_2=0.5, u_1=0.5, u_2=8.0)
    assert main(["train", str(project.path), "--config", str(small_settings), "--show", "u_2"]) == 0
    told = "".join(capsys.readouterr())
    assert "u_2: its pixel size is 8 µm/px, and the run works at 0.5 µm/px" in told
    run_id = str(project.latest_run_id())
    assert [tile.name for tile in project.tiles if project.prediction(tile.name, run_id)] == [
        "a_1",
        "a_2",
        "u_1",
        "v_1",
    ]


def test_too_few_tiles_for_their_pixel_size_is_said(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = with_mpp(make_project(), a_1=0.5, a_2=8.0, u_1=0.5, u_2=0.5, v_1=0.5)
    with pytest.raises(ProjectError, match=r"1 tile is left out because of the pixel size \(a_2: its pixel size is 8 "):
        check_ready(project, small_config())


def test_a_class_without_labels_is_allowed_and_named(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    project.add_class("necrosis")
    (learned,) = notes(project, small_config())
    assert "Nothing is annotated as necrosis yet" in learned
    assert "without a text encoder" in learned
    assert learned.endswith("left out of the scores.")
    tower = {"encoder": "open_clip", "weights_path": "tower.safetensors"}
    (prompted,) = notes(project, small_config(text=tower))
    assert prompted == (
        "Nothing is annotated as necrosis yet: the class is trained from its text prompt only. "
        "It is left out of the scores."
    )
    (unused,) = notes(project, small_config(text=tower, alignment={"use_text": False}))
    assert "without a text encoder" in unused


def test_a_class_that_validation_lacks_or_training_lacks_is_told_apart(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project(ids=(0, 1, 2), val=1)
    for names, expected in ((["v_1"], ["No validation tile has annotations of class 2."]), (["a_1", "a_2"], [])):
        for name in names:
            label = project.label(name)
            label[label == 2] = 255
            project.write_label(name, label, LabelSource.PAINTED)
        if expected:
            assert notes(project, small_config()) == [f"{expected[0]} It is left out of the scores."]
    label = project.label("v_1")
    label[0, 0] = 2
    project.write_label("v_1", label, LabelSource.PAINTED)
    (learned,) = notes(project, small_config())
    assert "Nothing is annotated as class 2 yet" in learned
    assert "left out" not in learned  # it is measured, on the validation tile


def test_large_structures_are_looked_at_from_farther_away_unless_the_user_or_the_variant_says_otherwise(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    def scales(**changes: Any) -> tuple[float | None, float | None]:
        config = small_config(**changes)
        settled = settle(project, check_ready(project, config), config).augment
        return settled.scale_min, settled.scale_max

    project = make_project()
    for name in ("a_1", "a_2", "v_1"):  # 96 x 96 px, and crops of 64 px
        label = np.zeros((96, 96), np.uint8)
        label[:60, :60] = 1
        project.write_label(name, label, LabelSource.PAINTED)
    # a crop shows at most the tile, 96 px: 64 / 96 = 0.667, nearest to the usual 0.693
    assert scales() == pytest.approx((0.4, 1.2))
    # 32 / 96 = 0.333, half of the usual
    assert scales(data={"crop_px": 32}) == pytest.approx((0.2, 0.6))
    assert scales(data={"crop_px": 32}, augment={"scale_min": 0.5, "scale_max": 2.0}) == (0.5, 2.0)
    assert scales(data={"crop_px": 32}, augment={"scale_max": 1.0}) == (0.4, 1.0)
    assert scales(data={"crop_px": 32}, variant="paper") == (0.5, 2.0)
