"""Crops of tiles on slides go on beyond the tile's edge with what the slide has there, unlabelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError
from training_core.data.batches import BatchMaker
from training_core.data.tile_pool import TilePool
from training_core.io.slides import SlideOptions
from training_core.io.surroundings import Around
from training_core.project import LabelSource, Project, make_classes
from training_core.settings.files import load
from training_core.settings.schema import Config

MakeConfig = Callable[..., Config]
SIDE, TILE = 600, 200
PLAIN = {"stain_jitter": 0.0, "scale_min": 1.0, "scale_max": 1.0, "rotate": False}


def slide_pixels() -> NDArray[np.uint8]:
    """Red says the column, green the row, so that every pixel tells where it is."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return np.dstack([columns // 3, rows // 3, 90 + 0 * rows]).astype(np.uint8)


def make_project(folder: Path, mpp_um: float = 0.5) -> Project:
    """The slide in nine tiles at 0.5 µm/px; that in the middle is annotated: all of class 0."""
    size: dict[str, Any] = {"resolution": (10_000 / mpp_um,) * 2, "resolutionunit": "CENTIMETER"}
    path = folder / "scan.svs"
    tifffile.imwrite(path, slide_pixels(), photometric="rgb", tile=(128, 128), metadata=None, **size)
    cut = SlideOptions(tile_px=round(TILE * mpp_um / 0.5), tile_mpp_um=0.5, min_tissue=0)
    project = Project.create(folder / "p", [path], classes=make_classes(("background", "gland")), slides=cut)
    name = "scan_x00200_y00200"
    tile = project.tile(name)
    project.write_label(name, np.zeros((tile.height_px, tile.width_px), np.uint8), LabelSource.PAINTED)
    return project


def test_around_a_tile_lie_the_pixels_of_its_slide(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    middle = project.surrounded("scan_x00200_y00200", 128)
    assert middle.around == Around(128, 128, 128, 128)
    np.testing.assert_array_equal(middle.pixels, slide_pixels()[72:528, 72:528])
    corner = project.surrounded("scan_x00000_y00400", 128)
    assert corner.around == Around(top=128, left=0, bottom=0, right=128)
    np.testing.assert_array_equal(corner.pixels, slide_pixels()[272:600, 0:328])


def test_what_lies_around_is_resampled_as_the_tile_is(tmp_path: Path) -> None:
    project = make_project(tmp_path, mpp_um=0.25)  # two pixels of the slide are one of the tile
    middle = project.surrounded("scan_x00200_y00200", 40)
    assert middle.around == Around(40, 40, 40, 40)
    assert middle.pixels.shape == (180, 180, 3)
    np.testing.assert_array_equal(middle.pixels[40:140, 40:140], project.image("scan_x00200_y00200"))
    expected = slide_pixels()[120:480, 120:480].astype(float).reshape(180, 2, 180, 2, 3).mean((1, 3))
    assert np.abs(middle.pixels - expected).max() <= 1


def batches(project: Project, config: Config, context_px: int) -> list[Any]:
    unlabeled = [tile.name for tile in project.tiles if not project.has_label(tile.name)]
    pool = TilePool(project, ["scan_x00200_y00200"], (0, 1), context_px=context_px)
    maker = BatchMaker(pool, ["scan_x00200_y00200"], unlabeled, config)
    return [maker.batch(step) for step in range(25)]


def test_crops_reach_past_the_border_with_real_pixels_and_no_label(tmp_path: Path, small_config: MakeConfig) -> None:
    config = small_config(augment=PLAIN, data={"crop_px": 256, "context_px": 128, "balance_classes": False})
    project = make_project(tmp_path)
    reached = dict.fromkeys(("left", "right", "top", "bottom"), 0.0)
    for batch in batches(project, config, 128):
        for image, label in zip(batch.images, batch.label, strict=True):
            columns, rows = image[0] * 255 * 3, image[1] * 255 * 3  # to 3 px
            beyond = torch.maximum(torch.maximum(200 - columns, columns - 397), torch.maximum(200 - rows, rows - 397))
            assert (label[beyond > 3] == UNLABELED).all()
            assert (label[beyond < -3] == 0).all()
            assert len(columns.unique()) >= 256 // 3, "mirrored"
            reached["left"] = max(reached["left"], 200 - float(columns.min()))
            reached["right"] = max(reached["right"], float(columns.max()) - 399)
            reached["top"] = max(reached["top"], 200 - float(rows.min()))
            reached["bottom"] = max(reached["bottom"], float(rows.max()) - 399)
    assert min(reached.values()) > 110
    assert max(reached.values()) <= 130


def test_at_least_half_of_a_crop_is_the_tile(tmp_path: Path, small_config: MakeConfig) -> None:
    config = small_config(augment=PLAIN, data={"crop_px": 64, "context_px": 128, "balance_classes": False})
    shares = [
        float(((label == 0).float().mean(0) > 0).float().mean())
        for batch in batches(make_project(tmp_path), config, 128)
        for label in batch.label
    ]
    assert min(shares) >= 0.5
    assert min(shares) < 0.7


def test_pseudo_labels_may_be_learned_around_but_nothing_is_known_there(
    tmp_path: Path, small_config: MakeConfig
) -> None:
    config = small_config(augment=PLAIN, data={"crop_px": 256, "context_px": 128})
    for batch in batches(make_project(tmp_path), config, 128)[:5]:
        assert batch.unlabeled is not None
        assert (batch.unlabeled.known == UNLABELED).all()
        assert not batch.unlabeled.ignored.any()


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_published_variants_read_no_slide(tmp_path: Path, variant: str) -> None:
    config = load(settings={"variant": variant})
    assert config.data.context_px == 0
    project = make_project(tmp_path)
    with_slide = batches(project, config, config.data.context_px)
    (tmp_path / "scan.svs").unlink()
    without = batches(project, config, config.data.context_px)
    for one, other in zip(with_slide[:4], without[:4], strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.label, other.label)


def test_a_slide_that_goes_is_told_once_and_training_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    pool = TilePool(project, ["scan_x00200_y00200"], (0, 1), context_px=128)
    assert pool.surrounded("scan_x00000_y00000").around == Around(0, 0, 128, 128)
    (tmp_path / "scan.svs").write_bytes(b"II*\0 no more")
    assert pool.surrounded("scan_x00200_y00200").around == Around()
    assert pool.surrounded("scan_x00000_y00000").around == Around(0, 0, 128, 128)
    assert list(pool.newly_lost()) == ["scan_x00200_y00200"]
    assert pool.newly_lost() == {}


def test_a_slide_of_another_size_is_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    tifffile.imwrite(tmp_path / "scan.svs", slide_pixels()[:400], photometric="rgb", tile=(128, 128))
    with pytest.raises(ProjectError, match="is now 600 x 400 px"):
        project.surrounded("scan_x00200_y00200", 128)
