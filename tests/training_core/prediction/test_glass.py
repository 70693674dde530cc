"""Windows of a slide that show nothing but glass are not predicted: what is left out, what stays, and what it saves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import torch.nn.functional as F
import zarr
from numpy.typing import NDArray

from tests.training_core.prediction.test_regions import CLASSES, CPU, IDS, predictor_of
from training_core.base.arrays import BoolMask, Rgb8
from training_core.export import ome_zarr
from training_core.io.opening import open_levels
from training_core.io.regions import ArrayRegions
from training_core.io.tissue import glass
from training_core.network.model import UniSemAlign
from training_core.prediction.bands import begin_in_bands, predict_band
from training_core.prediction.calibration import Readout
from training_core.prediction.glass import choose_windows
from training_core.prediction.grid import make_grid
from training_core.prediction.regions import stream_image
from training_core.prediction.sliding_window import predict_regions
from training_core.prediction.views import view_probabilities
from training_core.settings.schema import InferenceConfig

TinyModel = Callable[..., UniSemAlign]
GLASS, TISSUE = (242, 241, 243), (180, 90, 160)


class Scanned(ArrayRegions):
    """A slide in memory that says where it is glass."""

    is_slide = True

    def __init__(self, pixels: Rgb8, is_glass: BoolMask) -> None:
        super().__init__(pixels)
        self._is_glass = is_glass
        self.read_px = 0

    def glass(self) -> BoolMask:
        return self._is_glass

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        self.read_px += (bottom - top) * (right - left)
        return super().read(top, left, bottom, right)


def slide_with_islands(seed: int, height: int = 500, width: int = 430) -> tuple[Rgb8, BoolMask]:
    """Pixels, and where they are glass: all but a few islands."""
    chance = np.random.default_rng(seed)
    is_glass = np.ones((height, width), bool)
    for _ in range(int(chance.integers(1, 5))):
        top, left = chance.integers(0, (height, width))
        is_glass[top : top + chance.integers(5, 120), left : left + chance.integers(5, 120)] = False
    pixels = chance.integers(0, 256, (height, width, 3), np.uint8)
    pixels[is_glass] = 240
    return pixels, is_glass


@torch.inference_mode()
def plainly(
    model: UniSemAlign, pixels: Rgb8, is_glass: BoolMask, config: InferenceConfig, scale: float
) -> NDArray[np.float32]:
    """Weights of the classes (C, H, W), 0 where no window is predicted: each window by itself, from the whole image."""
    height, width = (max(32, round(side * scale)) for side in pixels.shape[:2])
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    seen = F.interpolate(image, size=(height, width), mode="bilinear", antialias=True) if scale != 1 else image
    seen = seen.round().clamp(0, 255).to(torch.uint8)
    grid, sums = make_grid(pixels.shape[:2], scale, config), torch.zeros(3, height, width)
    for top, left, bottom, right in grid.windows():
        y0, x0, y1, x1 = grid.needed((top, left, bottom, right))
        if (~is_glass[y0:y1, x0:x1]).mean() < 0.001:
            continue
        ramp = [torch.minimum(torch.arange(n) + 0.5, n - torch.arange(n) - 0.5) for n in (bottom - top, right - left)]
        found = view_probabilities(model, seen[..., top:bottom, left:right], config.n_views, CPU)[0][0]
        sums[:, top:bottom, left:right] += found * ramp[0][:, None] * ramp[1]
    back = F.interpolate(sums[None], size=pixels.shape[:2], mode="bilinear") if scale != 1 else sums[None]
    return np.asarray(back[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("scale", "stride"), [(1.0, 0.875), (1.0, 0.4), (0.7, 0.875)])
def test_what_is_predicted_is_what_its_own_windows_say(
    tiny_model: TinyModel, seed: int, scale: float, stride: float
) -> None:
    """Where several overlap as their weights say, by a second implementation that knows no blocks."""
    pixels, is_glass = slide_with_islands(seed)
    model, slide = tiny_model(3).eval(), Scanned(pixels, is_glass)
    config = InferenceConfig(window_px=64, stride_fraction=stride, views=1)
    grid = make_grid(pixels.shape[:2], scale, config)
    chosen = choose_windows(grid, slide, with_glass=False)
    found, times = np.zeros((3, *pixels.shape[:2]), np.float32), np.zeros(pixels.shape[:2], int)
    steps: list[tuple[int, int]] = []

    def told(done: int, total: int) -> None:
        steps.append((done, total))

    for top, left, (weights,) in predict_regions(model, slide, config, CPU, scale, progress=told, chosen=chosen):
        place = slice(top, top + weights.shape[1]), slice(left, left + weights.shape[2])
        times[place] += 1
        if len(weights):
            found[:, *place] = weights
    assert (times == 1).all()
    count = int(chosen.windows.sum())
    assert 0 < count < len(grid.rows) * len(grid.columns)
    assert steps == [(done + 1, count) for done in range(count)]
    expected = plainly(model, pixels, is_glass, config, scale)
    there = expected.sum(0) > 0
    if scale == 1:
        np.testing.assert_array_equal(found.sum(0) > 0, there)
        assert chosen.share_left_out == pytest.approx((~there).mean())
    else:  # within a pixel of where nothing is any more, the one that is nearest may count for nothing
        there &= found.sum(0) > 0
        assert (found.sum(0) > 0).sum() == pytest.approx(there.sum(), rel=0.02)
    assert not there[is_glass].all()
    shares, wanted = (each[:, there] / each[:, there].sum(0) for each in (found, expected))
    assert np.abs(shares - wanted).max() < 2e-3 if scale != 1 else 1e-5
    assert slide.read_px <= (64 / scale + 6) ** 2 * count


def test_of_a_slide_of_tissue_alone_nothing_is_left_out() -> None:
    pixels, _ = slide_with_islands(1)
    config = InferenceConfig(window_px=64, stride_fraction=0.875, views=1)
    grid, slide = make_grid(pixels.shape[:2], 1.0, config), Scanned(pixels, np.zeros(pixels.shape[:2], bool))
    chosen = choose_windows(grid, slide, with_glass=False)
    assert chosen.windows.all()
    assert chosen.share_left_out == 0


def write_slide(path: Path, pixels: Rgb8) -> Path:
    """A TIFF of two levels, which makes it a slide."""
    with tifffile.TiffWriter(path) as writer:
        options: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64)}
        writer.write(pixels, subifds=1, resolution=(20_000, 20_000), resolutionunit="CENTIMETER", **options)
        writer.write(pixels[::2, ::2], subfiletype=1, **options)
    return path


def biopsy() -> Rgb8:
    """Mostly glass: an island of stained tissue, and a pale, thin strand that leads away from it."""
    pixels = np.empty((700, 600, 3), np.uint8)
    noise = np.random.default_rng(0).integers(-2, 3, pixels.shape)
    pixels[:] = np.array(GLASS) + noise
    pixels[40:150, 60:200] = np.array(TISSUE) + 10 * noise[40:150, 60:200]
    pixels[150:330, 120:124] = np.array((236, 222, 232)) + noise[150:330, 120:124]
    return pixels


def test_a_file_has_255_where_only_glass_is_and_all_else_as_with_glass(tiny_model: TinyModel, tmp_path: Path) -> None:
    path = write_slide(tmp_path / "slide.tif", biopsy())
    predictor, shares = predictor_of(tiny_model(3).eval(), window_px=64), list[float]()
    predictor.readout = Readout()
    maps = {}
    for with_glass in (False, True):
        out = tmp_path / f"{with_glass}.ome.zarr"
        stream_image(predictor, path, out, with_glass=with_glass, leaves_out=shares.append)
        root = zarr.open_group(out, mode="r")
        maps[with_glass] = np.asarray(root["labels/prediction/0"]), np.asarray(root["0"])
    (ids, confidence), (all_ids, all_confidence) = maps[False], maps[True]
    left_out = ids == 255
    assert not (all_ids == 255).any()
    assert (confidence[left_out] == 0).all()
    assert set(np.unique(ids)) <= {*IDS, 255}
    assert not left_out[40:150, 60:200].any()
    assert not left_out[150:330, 120:124].any()
    assert left_out[400:].all()
    assert shares == [pytest.approx(left_out.mean())]
    assert 0.6 < left_out.mean() < 0.9
    # windows of 64 px, 56 px apart: what lies 64 px inside what is predicted is reached by predicted windows alone
    inside = np.zeros_like(left_out)
    inside[70:120, 100:160] = True
    np.testing.assert_array_equal(ids[inside], all_ids[inside])
    np.testing.assert_array_equal(confidence[inside], all_confidence[inside])


def test_bands_have_the_bytes_of_the_whole(
    tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ome_zarr, "CHUNK_PX", 128)
    path = write_slide(tmp_path / "slide.tif", biopsy())
    predictor, out = predictor_of(tiny_model(3).eval(), window_px=64), tmp_path / "bands.ome.zarr"
    stream_image(predictor, path, tmp_path / "whole.ome.zarr")
    bands = begin_in_bands(predictor, path, out, 128, made_from="a")
    assert [stop for _, stop in bands] == [128, 256, 384, 512, 640, 700]
    for rows in reversed(bands):
        assert predict_band(predictor, path, out, rows, made_from="a")
    stream_image(predictor, path, out, made_from="a")
    content = [
        {each.relative_to(folder): each.read_bytes() for each in folder.rglob("*") if each.is_file()}
        for folder in (out, tmp_path / "whole.ome.zarr")
    ]
    assert content[0] == content[1]
    assert len(predictor.classes) == len(CLASSES)


def share_of_glass(path: Path, pixels: Rgb8) -> float:
    with open_levels(write_slide(path, pixels)) as levels:
        return float(glass(levels).mean())


def test_what_is_surely_glass(tmp_path: Path) -> None:
    """Tinted glass is; pale tissue, grey tissue and a slide without any stain are not."""
    pixels = np.full((400, 400, 3), GLASS, np.uint8)
    pixels[:100] = TISSUE
    path = tmp_path / "slide.tif"
    assert share_of_glass(path, pixels) == 0.75
    pixels[100:] = (240, 226, 229)  # a saturation of 0.058
    assert share_of_glass(path, pixels) == 0.75
    pixels[200:], pixels[100:200] = GLASS, (240, 224, 232)  # a stroma with a saturation of 0.067
    assert share_of_glass(path, pixels) == 0.5
    pixels[100:200] = (190, 190, 190)  # without stain, such as a tattoo, or a fold
    assert share_of_glass(path, pixels) == 0.5
    pixels[300:] = 0  # not scanned
    assert share_of_glass(path, pixels) == 0.5
    grey = np.random.default_rng(0).integers(60, 250, (400, 400, 1), np.uint8)
    assert share_of_glass(path, np.repeat(grey, 3, 2)) == 0
    assert share_of_glass(path, np.full((400, 400, 3), GLASS, np.uint8)) == 0
