"""From an image to class ids and confidence, window by window.

Whatever is predicted goes this way:

image -> windows (`grid`, `resampling`) -> views (`views`: the network's softmax, averaged over turns and mirror images)
-> blend (`blend`: overlaps added up) -> the image's own pixels (`resampling`) -> calibration (`calibration`:
temperature) -> class ids and confidence -> of a whole image, objects apart (`object_readout`).

`predict_regions` goes as far as the image's pixels and gives each region as it is finished. An image in memory is those
regions put together (`predict_image`), a slide is those regions written to a file (`regions.stream_image`).

Source: UniSemAlign (arXiv 2604.09169), evaluation: window 256, stride two thirds, softmax summed, argmax.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from training_core.base.arrays import ClassIds, Rgb8
from training_core.base.rows import Rows
from training_core.class_maps.object_readout import separate
from training_core.class_maps.tile_result import Branch, TileResult
from training_core.compute.device import Compute
from training_core.io.regions import ArrayRegions, Regions
from training_core.network.model import UniSemAlign
from training_core.prediction import views
from training_core.prediction.blend import FinishedBlock, RollingBlend
from training_core.prediction.calibration import Readout, class_and_confidence
from training_core.prediction.glass import Chosen, everything
from training_core.prediction.grid import Grid, make_grid
from training_core.prediction.resampling import Box, enlarge, shrink
from training_core.settings.schema import InferenceConfig

Progress = Callable[[int, int], None]
"""progress(windows done, of how many)"""
PredictedRegion = tuple[int, int, Sequence[Tensor]]
"""Top and left of finished pixels and, for each kind of logits, the weights of the classes there (C, h, w):
probabilities up to rounding, which `calibration.class_and_confidence` takes care of. Where glass is left out: up to a
factor, 0 where nothing was predicted, and (0, h, w) of a region without anything else."""
_Place = tuple[int, int]
"""Row and column of a window."""
Item = TypeVar("Item")
Result = TypeVar("Result")

_WINDOWS_AT_ONCE = {"cpu": 1, "mps": 4, "cuda": 8}
"""How many pass through the network at a time; more make a CPU slower, and fewer leave a GPU waiting. Not more of
smaller windows: those are taken where memory is short."""
_BATCHES_AHEAD = 2


def predict_image(
    model: UniSemAlign,
    image: Rgb8,
    config: InferenceConfig,
    compute: Compute,
    readout: Readout = Readout(),
    progress: Progress | None = None,
) -> TileResult:
    """Prediction of an image in memory by a model in evaluation mode, on the image's own pixel grid."""
    logits = views.decoder_and_fused_logits
    regions = predict_regions(model, ArrayRegions(image), config, compute, readout.scale, logits, progress)

    def maps(decoder: Tensor, fused: Tensor) -> Sequence[Tensor]:
        return *readout.class_and_confidence(decoder), *class_and_confidence(fused)

    prediction, *others = (each.numpy() for each in _put_together(image, regions, maps))
    return TileResult(separate(prediction, readout.objects or (), readout.ground), *others)


def predict_branches(
    model: UniSemAlign, image: Rgb8, config: InferenceConfig, compute: Compute, scale: float = 1.0
) -> dict[Branch, ClassIds]:
    """Class indices (H, W) that each term of the fused logits says alone; a branch that is off is left out."""
    regions = predict_regions(model, ArrayRegions(image), config, compute, scale, views.branch_logits)
    whole = _put_together(image, regions, lambda *weights: [class_and_confidence(each)[0] for each in weights])
    return {branch: each.numpy() for branch, each in zip(views.branches(model), whole, strict=True)}


def predict_probabilities(
    model: UniSemAlign,
    image: Rgb8,
    config: InferenceConfig,
    compute: Compute,
    scale: float = 1.0,
    progress: Progress | None = None,
) -> Tensor:
    """The decoder's class probabilities (C, H, W), on the CPU, before any temperature."""
    regions = predict_regions(model, ArrayRegions(image), config, compute, scale, progress=progress)
    return _put_together(image, regions, lambda weights: [weights / weights.sum(0)])[0]


@torch.inference_mode()
def _put_together(
    image: Rgb8, regions: Iterable[PredictedRegion], maps: Callable[..., Sequence[Tensor]]
) -> list[Tensor]:
    """What `maps` makes of each region's weights, (..., h, w): whole, on the CPU."""
    whole: list[Tensor] = []
    for top, left, weights in regions:
        found = maps(*weights)
        whole = whole or [torch.empty((*each.shape[:-2], *image.shape[:2]), dtype=each.dtype) for each in found]
        for into, each in zip(whole, found, strict=True):
            into[..., top : top + each.shape[-2], left : left + each.shape[-1]].copy_(each)
    return whole


@torch.inference_mode()
def predict_regions(
    model: UniSemAlign,
    image: Regions,
    config: InferenceConfig,
    compute: Compute,
    scale: float = 1.0,
    logits: views.Logits = views.decoder_logits,
    progress: Progress | None = None,
    rows: Rows | None = None,
    chosen: Chosen | None = None,
) -> Iterator[PredictedRegion]:
    """The regions of an open image as they are finished, each pixel once, on the device of a model in evaluation mode.

    Nothing is held that is as large as the image, but for a band as wide as it. What reading raises goes through.

    Parameters
    ----------
    rows
        The image's rows of pixels that are wanted; on the CPU they have the same bits as those of all. None: all.
    chosen
        Which windows are predicted; None: all.
    """
    grid = make_grid((image.height_px, image.width_px), scale, config)
    chosen = chosen or everything(grid)
    start, stop = rows or (0, image.height_px)
    row, last = grid.row_at(start), grid.row_at(stop - 1)
    first = grid.first_needed(row)
    blend = RollingBlend(grid.size, grid.side, grid.rows, grid.columns, grid.margin, first)
    done, total = int(chosen.windows[:first].sum()), int(chosen.windows.sum())

    def read(batch: Sequence[_Place]) -> list[tuple[_Place, Rgb8 | None]]:
        return [
            (place, image.read(*grid.needed(grid.window(*place))) if chosen.windows[place] else None) for place in batch
        ]

    for batch in in_a_thread(read, _batches(chosen, first, last, compute), _BATCHES_AHEAD):
        shown = [_as_seen(grid.window(*place), pixels, grid, compute) for place, pixels in batch if pixels is not None]
        found = iter(_probabilities(model, shown, config, compute, logits))
        for place, pixels in batch:
            is_reached = bool(chosen.blocks[place])
            block = blend.pass_over(is_reached=is_reached) if pixels is None else blend.add(next(found))
            if place[0] >= row and (region := _on_the_image(block, place, grid)) is not None:
                yield from _within(region, start, stop)
        done += len(shown)
        if progress is not None and shown:
            progress(done, total)


def _batches(chosen: Chosen, first_row: int, last_row: int, compute: Compute) -> Iterator[list[_Place]]:
    """The windows of these rows in order, cut where so many are predicted as pass through the network at a time."""
    batch, count = list[_Place](), 0
    for place in product(range(first_row, last_row + 1), range(len(chosen.grid.columns))):
        batch.append(place)
        count += bool(chosen.windows[place])
        if count == _WINDOWS_AT_ONCE[compute.device.type]:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _probabilities(
    model: UniSemAlign, windows: Sequence[Tensor], config: InferenceConfig, compute: Compute, logits: views.Logits
) -> Iterable[Tensor]:
    """Of each window (h, w, 3) what `view_probabilities` gives."""
    if not windows:
        return ()
    seen = torch.stack(list(windows)) if len(windows) > 1 else windows[0].unsqueeze(0)
    return views.view_probabilities(model, seen.permute(0, 3, 1, 2), config.n_views, compute, logits)


def _within(region: PredictedRegion, start: int, stop: int) -> Iterator[PredictedRegion]:
    """What of a region lies in these rows of the image; nothing, where none of it does."""
    top, left, weights = region
    bottom = top + weights[0].shape[-2]
    if start <= top and bottom <= stop:
        yield region
    elif max(start, top) < min(stop, bottom):
        part = slice(max(start - top, 0), stop - top)
        yield top + part.start, left, [each[..., part, :] for each in weights]


def in_a_thread(work: Callable[[Item], Result], items: Iterable[Item], n_ahead: int) -> Iterator[Result]:
    """`work` of each item, in order, by another thread, which may be `n_ahead` items ahead of what is asked for."""
    ahead: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for item in items:
            ahead.append(thread.submit(work, item))
            if len(ahead) > n_ahead:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _as_seen(window: Box, pixels: Rgb8, grid: Grid, compute: Compute) -> Tensor:
    """A window (h, w, 3) as the network sees it, on its device."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).to(compute.device)
    top, left, _, _ = grid.needed(window)
    return shrink(values, (top, left), grid.axes, window) if grid.is_resampled else values


def _on_the_image(block: FinishedBlock | None, place: _Place, grid: Grid) -> PredictedRegion | None:
    """The image's pixels that are finished with a window; None: there are none."""
    top, left, bottom, right = grid.finished(*place)
    if top == bottom or left == right:
        return None
    if block is None:
        return top, left, [torch.empty(0, bottom - top, right - left)]
    if not grid.is_resampled:
        return top, left, tuple(block.values)
    return top, left, [enlarge(each, block.origin, grid.axes, (top, left, bottom, right)) for each in block.values]
