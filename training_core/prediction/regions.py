"""Prediction of images of any size in flat memory: read, predicted and written window by window.

A thread reads the next windows while the network works on these, and another one writes what is finished. The answer
is `predict_image`'s, the decoder's part of it: the same windows, the same blend, the same Readout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.compute.device import Compute
from training_core.data.pixel_size import check_zoom, zoom_to_run
from training_core.export.ome_zarr import slide_masks
from training_core.io.regions import Regions, open_regions
from training_core.network.model import UniSemAlign
from training_core.prediction.blend import FinishedBlock, RollingBlend
from training_core.prediction.predictor import Predictor
from training_core.prediction.resampling import Axis, enlarge, shrink
from training_core.prediction.sliding_window import Readout, resampled_size, window_starts
from training_core.settings.schema import InferenceConfig

Pixels = NDArray[np.uint8]
Write = Callable[[int, int, Pixels, Pixels], None]
"""write(top, left, class ids (h, w), confidence (h, w) 0 to 255)"""
Progress = Callable[[int, int], None]
"""progress(windows done, windows in all)"""

STREAM_STRIDE_FRACTION = 0.875
"""Windows of a slide overlap by an eighth: a quarter, as on tiles, costs 1.36 times as much for the same pixels."""
_WINDOWS = {"cpu": 1, "mps": 4, "cuda": 8}
"""How many pass through the network at a time; more make a CPU slower, and fewer leave a GPU waiting. Not more of
smaller windows: those are taken where memory is short."""
_BATCHES_AHEAD = 2
_PARTS_BEHIND = 4


@dataclass(frozen=True)
class Window:
    """Its place in the grid of windows, and (top, left, bottom, right) in the image as the network sees it."""

    row: int
    column: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Grid:
    """The windows of an image: its axes, where the rows and columns of windows begin, and their side."""

    axes: tuple[Axis, Axis]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    side: int

    @property
    def is_resampled(self) -> bool:
        """Whether the network sees another size than the image has."""
        return any(axis.n_in != axis.n_out for axis in self.axes)

    def windows(self) -> Iterator[Window]:
        """Row by row, from the left."""
        height, width = (axis.n_out for axis in self.axes)
        for row, top in enumerate(self.rows):
            for column, left in enumerate(self.columns):
                box = top, left, min(top + self.side, height), min(left + self.side, width)
                yield Window(row, column, box)

    def needed(self, window: Window) -> tuple[int, int, int, int]:
        """The region of the image (top, left, bottom, right) that a window is made of."""
        if not self.is_resampled:
            return window.box
        top, left, bottom, right = window.box
        (y0, y1), (x0, x1) = self.axes[0].needed(top, bottom), self.axes[1].needed(left, right)
        return y0, x0, y1, x1


def make_grid(size: tuple[int, int], scale: float, config: InferenceConfig) -> Grid:
    """The windows of an image (height, width) that is resampled by `scale`, those of `predict_image`."""
    seen, side = resampled_size(size, scale), config.side_px
    rows, columns = (tuple(window_starts(length, side, config.stride_fraction)) for length in seen)
    return Grid((Axis(size[0], seen[0]), Axis(size[1], seen[1])), rows, columns, side)


def stream_image(
    predictor: Predictor,
    path: Path,
    out_path: Path,
    *,
    mpp_um: float | None = None,
    views: int = 1,
    stride_fraction: float | None = STREAM_STRIDE_FRACTION,
    progress: Progress | None = None,
) -> int:
    """Predict an image or slide into the folder `out_path` (NAME.ome.zarr); returns how many pixels it has.

    mpp_um: its micrometers per pixel, where the file does not state it. views: as inference.views. stride_fraction:
    step of the windows as a share of them; None: the run's inference.stride_fraction. Where memory runs out, the
    image is begun anew with smaller windows, and a warning says so.

    Raises
    ------
    ImageError: the file cannot be read, is too large and not tiled, or its pixel size is too far from the run's.
    MemoryLimitError: no window is small enough.
    StorageError: the disk is full or not writable; an older result is untouched.
    """
    changes = {"views": views, "stride_fraction": stride_fraction or predictor.config.inference.stride_fraction}
    config = predictor.config.inference.model_copy(update=changes)
    with open_regions(path) as image:
        mpp_um = mpp_um if mpp_um is not None else image.mpp_um
        check_zoom(str(path), mpp_um, predictor.config.data.mpp)
        readout = predictor.readout.zoomed(zoom_to_run(mpp_um, predictor.config.data.mpp))

        def work(inference: InferenceConfig) -> int:
            with slide_masks(out_path, image.height_px, image.width_px, predictor.classes, mpp_um) as masks:
                stream_regions(
                    predictor.model, image, inference, predictor.compute, readout, predictor.class_ids,
                    masks.write, progress,
                )  # fmt: skip
            return image.height_px * image.width_px

        return predictor.fitting(config, work)


@torch.inference_mode()
def stream_regions(
    model: UniSemAlign,
    image: Regions,
    config: InferenceConfig,
    compute: Compute,
    readout: Readout,
    class_ids: NDArray[np.uint8],
    write: Write,
    progress: Progress | None = None,
) -> None:
    """Predict an open image with a model in evaluation mode; each finished region goes to `write`, in another thread.

    Raises
    ------
    Whatever reading and writing raise.
    """
    grid = make_grid((image.height_px, image.width_px), readout.scale, config)
    blend = RollingBlend(
        (grid.axes[0].n_out, grid.axes[1].n_out), grid.side, grid.rows, grid.columns, int(grid.is_resampled)
    )
    ids = torch.from_numpy(class_ids).to(compute.device)
    n_windows, done = len(grid.rows) * len(grid.columns), 0
    writes: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1, "write") as writer:
        for windows, pixels in _read_ahead(image, grid, compute):
            answers = window_probabilities(model, _as_seen(windows, pixels, grid, compute), config.n_views, compute)
            for window, answer in zip(windows, answers, strict=True):
                part = blend.add(window.row, window.column, answer)
                if (result := _finished(part, grid, readout.temperature, ids)) is not None:
                    writes.append(writer.submit(write, *result))
                while len(writes) > _PARTS_BEHIND:
                    writes.popleft().result()
            done += len(windows)
            if progress is not None:
                progress(done, n_windows)
        while writes:
            writes.popleft().result()


def window_probabilities(model: UniSemAlign, windows: Tensor, views: int, compute: Compute) -> Tensor:
    """The decoder's softmax (B, C, h, w) of RGB windows (B, 3, h, w), uint8 or 0..1 float: the mean over the views."""
    total: Tensor | None = None
    for view in range(views):
        mirrored, turns = divmod(view, 4)
        seen = torch.rot90(windows.flip(-1) if mirrored else windows, turns, (-2, -1)) if view else windows
        with compute.autocast():
            logits = model.decode(model.normalize(seen).to(memory_format=torch.channels_last))
        answer = logits.float().softmax(1)
        if view:
            answer = torch.rot90(answer, -turns, (-2, -1))
            answer = answer.flip(-1) if mirrored else answer
        total = answer if total is None else total.add_(answer)
    assert total is not None
    return total / views if views > 1 else total


def _read_ahead(image: Regions, grid: Grid, compute: Compute) -> Iterator[tuple[Sequence[Window], list[Pixels]]]:
    """Batches of windows with the pixels they are made of, some of them read before they are asked for."""
    size, windows_left = _WINDOWS[compute.device.type], grid.windows()

    def read(windows: Sequence[Window]) -> tuple[Sequence[Window], list[Pixels]]:
        return windows, [image.read(*grid.needed(window)) for window in windows]

    ahead: deque[Future[tuple[Sequence[Window], list[Pixels]]]] = deque()
    with ThreadPoolExecutor(1, "read") as reader:
        while windows := tuple(islice(windows_left, size)):
            ahead.append(reader.submit(read, windows))
            if len(ahead) > _BATCHES_AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _as_seen(windows: Sequence[Window], pixels: list[Pixels], grid: Grid, compute: Compute) -> Tensor:
    """The windows (B, 3, h, w) as the network sees them, on its device."""
    if not grid.is_resampled:
        return torch.from_numpy(np.stack(pixels)).to(compute.device).permute(0, 3, 1, 2)
    seen = []
    for window, part in zip(windows, pixels, strict=True):
        top, left, _, _ = grid.needed(window)
        values = torch.from_numpy(np.ascontiguousarray(part)).to(compute.device)
        seen.append(shrink(values, (top, left), grid.axes, window.box))
    return torch.stack(seen).permute(0, 3, 1, 2)


def _finished(
    part: FinishedBlock, grid: Grid, temperature: float, ids: Tensor
) -> tuple[int, int, Pixels, Pixels] | None:
    """Corner, class ids and confidence of the image's pixels that a part completes; None: there are none."""
    values = part.values
    (top, bottom), (left, right) = part.rows, part.columns
    if grid.is_resampled:
        (top, bottom), (left, right) = (
            (axis.done(start) if start else 0, axis.done(stop))
            for axis, (start, stop) in zip(grid.axes, (part.rows, part.columns), strict=True)
        )
        if top == bottom or left == right:
            return None
        values = enlarge(values, part.origin, grid.axes, (top, left, bottom, right))
    if temperature != 1:
        values = values.clamp(min=1e-12).pow_(1 / temperature)
    highest, label = values.max(0)
    confidence = (highest / values.sum(0)).mul_(255).round_()
    labels = ids[label]
    return top, left, labels.cpu().numpy(), confidence.to(torch.uint8).cpu().numpy()
