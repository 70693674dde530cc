"""Tiles leave a project: their images stay, their annotations are put aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training_core.base.errors import ProjectError
from training_core.cli.main import main
from training_core.io import read_mask, write_png
from training_core.project import LabelSource, Project, TileState, make_classes
from training_core.project.runs import predicting_runs
from training_core.project.summaries import add_summary, newest_summaries, summarize


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        write_png(folder / f"tile_{number}.png", np.full((40, 40, 3), 60 * number, np.uint8))
    return folder


def test_a_removed_tile_leaves_nothing_behind_but_its_files(tmp_path: Path, images: Path) -> None:
    project = Project.create(tmp_path / "project", [images], classes=make_classes(("background", "gland")))
    label = np.full((40, 40), 255, np.uint8)
    label[5:9, 5:9] = 1
    for name in ("tile_0", "tile_1"):
        project.write_label(name, label, LabelSource.PAINTED)
        project.use_for_validation(name, True)
    project.reject_area("tile_1", label == 255, "run")
    project.reject("tile_1", "run")
    image = project.image_path("tile_1")
    before = image.read_bytes()

    moved = project.remove_tiles(["tile_1"])

    again = Project.open(project.path)
    assert [tile.name for tile in again.tiles] == ["tile_0", "tile_2"]
    assert again.val_names() == ("tile_0",)
    assert again.has_label("tile_0")
    assert "tile_1" not in (project.path / "project.json").read_text("utf-8")
    assert image.read_bytes() == before
    assert {path.name for path in images.iterdir()} == {"tile_0.png", "tile_1.png", "tile_2.png"}
    (png,) = (path for path in moved if path.parent.name == "labels" and path.suffix == ".png")
    assert (read_mask(png) == label).all()
    assert not (project.path / "labels" / "tile_1.png").exists()


def test_another_image_of_the_same_name_has_no_prediction_of_the_removed_one(tmp_path: Path, images: Path) -> None:
    project = Project.create(tmp_path / "project", [images], classes=make_classes(("background", "gland")))
    run = project.runs_dir / "20260101-000000"
    for name in ("tile_0", "tile_1"):
        for kind in ("prediction", "pseudo_label", "confidence"):
            write_png(run / "predictions" / f"{name}.{kind}.png", np.ones((40, 40), np.uint8))
        add_summary(run, summarize(name, np.ones((40, 40), np.uint8), np.ones((40, 40), np.uint8), None))
    (run / "summary.json").write_text("{}")
    assert set(predicting_runs(project.path)) == {"tile_0", "tile_1"}
    moved = project.remove_tiles(["tile_1"])
    assert {path.name for path in moved} == {f"tile_1.{k}.png" for k in ("prediction", "pseudo_label", "confidence")}
    other = tmp_path / "other"
    other.mkdir()
    write_png(other / "tile_1.png", np.full((40, 40, 3), 9, np.uint8))
    assert main(["project", "add", str(project.path), "--images", str(other)]) == 0
    again = Project.open(project.path)
    assert again.prediction("tile_1") is None
    assert again.prediction("tile_0") is not None
    assert again.state("tile_1") is TileState.UNLABELED
    assert set(newest_summaries(project.path)) == {"tile_0"}


def test_an_unknown_tile_and_the_last_one_are_not_removed(tmp_path: Path, images: Path) -> None:
    project = Project.create(tmp_path / "project", [images], classes=make_classes(("background", "gland")))
    for names, needed in ((["tile_9"], "names of tiles"), (["tile_0", "tile_1", "tile_2"], "at least one tile")):
        with pytest.raises(ProjectError, match=needed):
            project.remove_tiles(names)
    assert len(project.tiles) == 3
