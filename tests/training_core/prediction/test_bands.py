"""A slide that is predicted in bands has the bytes of one that is predicted as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from torch import Tensor

from tests.training_core.prediction.test_goes_on import CHUNK_PX, everything, objects
from tests.training_core.prediction.test_regions import predictor_of, write_tiled
from training_core.base.errors import StorageError
from training_core.base.rows import Rows
from training_core.export import ome_zarr
from training_core.network.model import UniSemAlign
from training_core.prediction.bands import begin_in_bands, predict_band
from training_core.prediction.calibration import Readout
from training_core.prediction.engine import OnnxDecoder
from training_core.prediction.predictor import Predictor
from training_core.prediction.regions import stream_image
from training_core.prediction.views import Logits, decoder_logits

TinyModel = Callable[..., UniSemAlign]
HEIGHT, WIDTH = 500, 150
BANDS = [(0, 128), (128, 256), (256, 384), (384, 500)]


class Slide:
    """Predicts a slide; counts windows, and is cut off after so many of them."""

    def __init__(self, predictor: Predictor, path: Path, out: Path) -> None:
        self.predictor, self.path, self.out = predictor, path, out
        self.windows, self._left = 0, -1
        self._decoder, predictor.decoder = predictor.decoder, self._counted
        self.options: dict[str, Any] = {"made_from": "a"}

    def _counted(self, model: UniSemAlign, windows: Tensor) -> Any:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        self.windows += 1
        return self._decoder(model, windows)

    def compute_with(self, decoder: Logits) -> None:
        self._decoder = decoder

    def begin(self, band_px: int = CHUNK_PX, *, anew: bool = False) -> list[Rows]:
        return begin_in_bands(self.predictor, self.path, self.out, band_px, anew=anew, **self.options)

    def band(self, rows: Rows, stop_after: int = -1) -> bool:
        self._left, done = stop_after, False
        with suppress(KeyboardInterrupt):
            done = predict_band(self.predictor, self.path, self.out, rows, **self.options)
        self._left = -1
        return done

    def whole(self, stop_after: int = -1) -> int:
        """Returns how many windows it took."""
        before, self._left = self.windows, stop_after
        with suppress(KeyboardInterrupt):
            stream_image(self.predictor, self.path, self.out, **self.options)
        self._left = -1
        return self.windows - before

    def undisturbed(self) -> tuple[dict[str, bytes], int]:
        """What one process writes at once, and how many windows it takes."""
        count = self.whole()
        content = everything(self.out)
        shutil.rmtree(self.out)
        return content, count


@pytest.fixture
def slide(tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slide:
    monkeypatch.setattr(ome_zarr, "CHUNK_PX", CHUNK_PX)
    write_tiled(tmp_path / "a.tif", HEIGHT, WIDTH, tile=64)
    predictor = predictor_of(tiny_model(3).eval(), window_px=64)
    predictor.readout = Readout(1.0, 1.3, objects())
    return Slide(predictor, tmp_path / "a.tif", tmp_path / "out" / "a.ome.zarr")


@pytest.mark.parametrize(("scale", "stride", "views"), [(1.0, 0.875, 1), (0.8, 0.34, 1), (1.3, 0.8, 2)])
def test_bands_in_any_order_give_the_bytes_of_the_whole(slide: Slide, scale: float, stride: float, views: int) -> None:
    slide.predictor.readout = Readout(scale, 1.3, objects())
    slide.options |= {"stride_fraction": stride, "views": views}
    whole, _ = slide.undisturbed()
    assert slide.begin() == BANDS
    assert [slide.band(BANDS[at]) for at in (2, 0, 3, 1)] == [True] * 4
    assert slide.whole() == 0
    assert everything(slide.out) == whole
    assert [path.name for path in slide.out.parent.iterdir()] == [slide.out.name]


def test_bands_have_the_bytes_of_the_whole_with_onnx_runtime_too(slide: Slide) -> None:
    slide.compute_with(OnnxDecoder(slide.predictor.model, 64))
    whole, _ = slide.undisturbed()
    slide.begin()
    assert [slide.band(BANDS[at]) for at in (3, 1, 0, 2)] == [True] * 4
    assert slide.whole() == 0
    assert everything(slide.out) == whole


def test_a_band_without_memory_is_left_and_the_whole_is_predicted_with_smaller_windows(slide: Slide) -> None:
    def little(model: UniSemAlign, windows: Tensor) -> Any:
        if max(windows.shape) > 256:
            raise MemoryError
        return decoder_logits(model, windows)

    def with_windows(side: int) -> None:
        inference = slide.predictor.config.inference.model_copy(update={"window_px": side})
        slide.predictor.config = slide.predictor.config.model_copy(update={"inference": inference})

    slide.compute_with(little)
    with_windows(256)
    whole, _ = slide.undisturbed()
    with_windows(512)
    assert slide.begin() == BANDS
    with pytest.warns(RuntimeWarning, match="windows of 256 px are used"):
        assert not slide.band(BANDS[1])
    assert slide.whole() > 0
    assert everything(slide.out) == whole


def test_a_band_that_was_cut_off_goes_on_where_it_was(slide: Slide) -> None:
    whole, _ = slide.undisturbed()
    upper, lower = slide.begin(band_px=2 * CHUNK_PX)
    assert slide.band(lower)
    before = slide.windows
    assert not slide.band(upper, stop_after=14)
    assert slide.windows - before == 14
    assert slide.begin(band_px=2 * CHUNK_PX) == [(CHUNK_PX, upper[1])]
    before = slide.windows
    assert slide.band(upper)
    assert slide.windows - before <= 14  # three columns of windows: not those of the first 128 rows
    slide.whole()
    assert everything(slide.out) == whole


def test_one_process_takes_up_what_bands_have_left_and_bands_what_it_has(slide: Slide) -> None:
    whole, count = slide.undisturbed()
    slide.begin()
    assert slide.band(BANDS[1])
    assert slide.band(BANDS[3])
    assert slide.whole(stop_after=10) == 10
    assert slide.begin() == [BANDS[2]]
    assert 0 < slide.whole() < count - 10
    assert everything(slide.out) == whole


@pytest.mark.parametrize("change", ["made_from", "stride_fraction", "mpp_um", "readout", "nothing begun", "damage"])
def test_a_band_that_would_not_fit_is_left(slide: Slide, change: str) -> None:
    whole, _ = slide.undisturbed()
    options, readout = slide.options, slide.predictor.readout
    if change != "nothing begun":
        slide.begin()
    if change == "readout":
        slide.predictor.readout = replace(readout, temperature=1.4)
    elif change == "damage":
        (array,) = slide.out.parent.glob(".unfinished-*/content/0/.zarray")
        array.unlink()
    elif change != "nothing begun":
        slide.options = options | {change: {"made_from": "b", "stride_fraction": 0.5, "mpp_um": 0.4}[change]}
    before = slide.windows
    assert not slide.band(BANDS[1])
    assert slide.windows == before
    slide.options, slide.predictor.readout = options, readout
    slide.whole()
    assert everything(slide.out) == whole


def test_what_earlier_attempts_left_goes_where_the_slide_is_to_be_predicted_again(slide: Slide) -> None:
    slide.begin()
    assert slide.band(BANDS[0])
    assert slide.begin() == BANDS[1:]
    assert slide.begin(anew=True) == BANDS


def test_nothing_is_written_by_two_processes(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training_core.export.unfinished._BAND_WAIT_S", 0.1)
    monkeypatch.setattr("training_core.export.unfinished._WAIT_S", 0.1)
    slide.begin()
    (hidden,) = (path for path in slide.out.parent.glob(".unfinished-*") if path.is_dir())
    busy = "another process is writing it"
    with FileLock(hidden / "rows-128-256.lock"):
        assert slide.band(BANDS[0])
        for forbidden in (lambda: slide.band(BANDS[1]), lambda: slide.band((0, 384)), slide.whole, slide.begin):
            with pytest.raises(StorageError, match=busy):
                forbidden()
    with FileLock(f"{hidden}.lock"), pytest.raises(StorageError, match=busy):
        slide.band(BANDS[1])
    assert slide.begin() == BANDS[1:]  # nothing was lost
