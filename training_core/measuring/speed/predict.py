"""`bench predict`: a large image through the streamed prediction, beside the bare network on tensors that are ready."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from torch import Tensor

from training_core.base.arrays import Rgb8
from training_core.compute.device import choose_compute, settings_kept
from training_core.demo.tissue import draw_glands
from training_core.io.regions import open_regions
from training_core.measuring.speed.measure import record, spread, timed
from training_core.network.encoders import completed
from training_core.network.fold_batchnorm import fold
from training_core.network.model import UniSemAlign, build_model, placed
from training_core.prediction.calibration import Readout
from training_core.prediction.engine import Engine
from training_core.prediction.predictor import Predictor
from training_core.prediction.regions import STREAM_STRIDE_FRACTION, stream_image, windows_of
from training_core.prediction.views import view_probabilities
from training_core.project import make_classes
from training_core.settings.schema import Config

_TILE_PX = 512
_GLASS = 242
_CLASSES = ("background", "gland")


@settings_kept()
def bench_predict(
    config: Config, *, side_px: int, repeats: int, engine: str = "auto", glass: float = 0.0
) -> dict[str, Any]:
    """Megapixels of image per second, reading and writing included, at the image's own scale, in one view.

    network: the same time, but pixels counted as often as windows overlap them. bare: the network as it is trained, on
    windows that lie ready, nothing read, blended or written; folded: the same with its normalisations folded away, as
    it predicts; both with PyTorch. share_of_bare: network over bare. The encoder has its weights, the decoder random
    ones, which takes as long. All are measured in turns.

    Parameters
    ----------
    glass
        Share of the image, 0 to 1, that is glass, from the bottom: then it is a slide, and windows of glass are not
        predicted. left_out is the share that is not; of network, only what is predicted counts.
    """
    trained, predictor = _predictor(config, fold_it=False), _predictor(config, fold_it=True)
    side, used = predictor.config.inference.side_px, predictor.use_engine(Engine(engine))
    grid_config = predictor.config.inference.model_copy(update={"stride_fraction": STREAM_STRIDE_FRACTION})
    whole, bare, folded = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.tif"
        _write_image(image, side_px, glass=glass)
        with open_regions(image) as opened:
            chosen = windows_of(opened, grid_config, predictor.readout, with_glass=False)
        windows = [chosen.grid.window(*place) for place in np.argwhere(chosen.windows).tolist()]
        network_px = sum((bottom - top) * (right - left) for top, left, bottom, right in windows)
        _bare_seconds(trained, side)
        for number in range(repeats):
            bare.append(side * side / 1e6 / _bare_seconds(trained, side))
            folded.append(side * side / 1e6 / _bare_seconds(predictor, side))
            started = time.perf_counter()
            stream_image(predictor, image, Path(folder) / f"{number}.ome.zarr")
            whole.append(time.perf_counter() - started)
    figures = {
        "side_px": side_px,
        "left_out": chosen.share_left_out,
        **spread("mpx_per_s", [side_px**2 / 1e6 / seconds for seconds in whole]),
        **spread("network_mpx_per_s", [network_px / 1e6 / seconds for seconds in whole]),
        **spread("bare_mpx_per_s", bare),
        **spread("folded_mpx_per_s", folded),
        **spread("share_of_bare", [network_px / 1e6 / s / b for s, b in zip(whole, bare, strict=True)]),
        "engine": used.value,
        "precision": predictor.compute.precision,
        "encoder": predictor.config.encoder.name,
    }
    return record("predict", figures)


def _predictor(config: Config, *, fold_it: bool) -> Predictor:
    classes, config = make_classes(_CLASSES), completed(config)
    torch.manual_seed(config.seed)
    compute = choose_compute(config.runtime)
    model = build_model(config, classes).eval()
    if fold_it:
        fold(model)
    model = placed(model, compute)
    return Predictor(model, config, classes, compute, 0.9, Readout())


@settings_kept()
def bench_around_network(config: Config, *, side_px: int, repeats: int) -> dict[str, Any]:
    """As `bench_predict`, with the network replaced by an identity: reading, blending and writing alone.

    The image is compressed as JPEG, as slides are.

    cpu_s_per_mpx: processor time of all threads, which other programs on the machine change less.
    """
    predictor = _predictor(config, fold_it=True)
    predictor.decoder, predictor.engine = _identity, Engine.TORCH
    seconds, cpu_seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.tif"
        _write_image(image, side_px, "jpeg")
        for number in range(repeats):
            started, cpu_started = time.perf_counter(), time.process_time()
            stream_image(predictor, image, Path(folder) / f"{number}.ome.zarr")
            seconds.append(time.perf_counter() - started)
            cpu_seconds.append(time.process_time() - cpu_started)
    figures = {
        "side_px": side_px,
        **spread("mpx_per_s", [side_px**2 / 1e6 / each for each in seconds]),
        **spread("cpu_s_per_mpx", [each / side_px**2 * 1e6 for each in cpu_seconds]),
        "network": "identity",
    }
    return record("predict", figures)


def _identity(_: UniSemAlign, windows: Tensor) -> Sequence[Tensor]:
    """The first channels of the windows as the logits of the classes."""
    return (windows[:, : len(_CLASSES)].contiguous(),)


@torch.inference_mode()
def _bare_seconds(predictor: Predictor, side: int) -> float:
    """Seconds of one window through the network, the median of a few."""
    window = torch.rand(1, 3, side, side, device=predictor.compute.device)

    def one() -> None:
        view_probabilities(predictor.model, window, 1, predictor.compute).cpu()

    return sorted(timed(one, warm_up=1, repeats=5))[2]


def _write_image(path: Path, side_px: int, compression: str = "zlib", glass: float = 0.0) -> None:
    """A tiled TIFF of synthetic tissue, never whole in memory; with glass it has a second level, as a slide has."""
    tiles = [draw_glands(0, number).picture for number in range(4)]
    empty = np.full_like(tiles[0], _GLASS)

    def content(length: int) -> Iterator[Rgb8]:
        rows = -(-length // _TILE_PX)
        n_tissue = round(rows * (1 - glass)) * rows
        yield from itertools.islice(itertools.cycle(tiles), n_tissue)
        yield from itertools.repeat(empty, rows * rows - n_tissue)

    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for level in range(2 if glass else 1):
            length = side_px >> level
            writer.write(
                content(length),
                shape=(length, length, 3),
                dtype=np.uint8,
                tile=(_TILE_PX, _TILE_PX),
                photometric="rgb",
                compression=compression,
                subifds=1 if glass and not level else 0,
                subfiletype=min(level, 1),
            )
