"""What of a slide is tissue, and what it would be cut into, before it is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.io import tissue
from training_core.io.opening import open_levels
from training_core.io.slides import Slide, SlideOptions

SIDE = 1024


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    """Stained are the upper left quarter, and beside it a strip 64 px wide and 256 px high."""
    pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    pixels[:512, :512] = (180, 90, 160)
    pixels[:256, 512:576] = (180, 90, 160)
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}  # 0.25 µm/px
    tifffile.imwrite(tmp_path / "scan.svs", pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)
    return tmp_path / "scan.svs"


def test_a_plan_counts_what_is_cut_and_what_is_left_out(slide: Path) -> None:
    cut = {"tile_px": 128, "tile_mpp_um": 0.5}  # 256 px of the slide: 4 x 4 places
    with Slide(slide, SlideOptions(**cut, min_tissue=0.5)) as opened:
        plan = opened.plan()
    assert [(tile.x_px, tile.y_px) for tile in plan.tiles] == [(0, 0), (256, 0), (0, 256), (256, 256)]
    assert (plan.too_little, plan.too_many, plan.most_tissue) == (1, 0, 1.0)  # the strip fills a quarter of its place
    assert plan.tissue.mean() == (512 * 512 + 64 * 256) / SIDE**2
    with Slide(slide, SlideOptions(**cut, min_tissue=0.25, max_tiles=3)) as opened:
        plan = opened.plan()
    assert (len(plan.tiles), plan.too_little, plan.too_many) == (3, 0, 2)


def test_pale_tissue_is_found_with_a_lower_saturation(slide: Path) -> None:
    pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    pixels[:, :512] = (200, 194, 200)  # saturation 0.03, below what is taken for tissue unasked
    pixels[:, 960:] = (180, 90, 160)  # saturation 0.5
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(slide, pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)
    shares = {}
    for least in (None, 0.025, 0.6):
        with Slide(slide, SlideOptions(tile_px=128, tile_mpp_um=0.5, min_tissue=0, min_saturation=least)) as opened:
            plan = opened.plan()
        shares[least] = plan.tissue.mean()
        assert 0.04 <= plan.saturation <= 0.1 if least is None else plan.saturation == least
    assert shares == {None: 1 / 16, 0.025: 9 / 16, 0.6: 0}


def test_an_overview_read_in_bands_is_that_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = np.random.default_rng(3).integers(0, 256, (47, 71, 3)).astype(np.uint8)
    pixels = np.kron(fields, np.ones((32, 32, 1), np.uint8))  # 1504 x 2272 px
    tifffile.imwrite(tmp_path / "scan.tif", pixels, photometric="rgb", tile=(128, 128))
    monkeypatch.setattr(tissue, "_BAND_PIXELS", 200_000)
    with open_levels(tmp_path / "scan.tif") as levels:
        small = tissue.overview(levels)
    whole = np.asarray(Image.fromarray(pixels).resize((1024, 678), Image.Resampling.BOX))
    assert small.shape == whole.shape
    assert np.abs(small.astype(int) - whole).max() <= 1
