"""Prediction of an image or slide into a file, in flat memory: read, predicted and written region by region.

The regions are `sliding_window.predict_regions`', calibrated as `predict_image` does it: the same bits as the image in
memory with the same settings. Another thread writes what is finished while the network works on the next windows. In
the end objects come apart in the file, block by block, as they do in memory.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training_core.base.arrays import UNLABELED, ClassIds, Confidence8
from training_core.base.errors import writing
from training_core.class_maps.clean_up import CleanUp
from training_core.class_maps.streamed_readout import LARGEST_AREA_MPX, clean_up_stored, separate_stored
from training_core.export.ome_zarr import SlideMasks, WriteRegion, slide_masks
from training_core.io.inspection import UNASKED, Answers
from training_core.io.regions import Regions, open_regions
from training_core.prediction.calibration import Readout
from training_core.prediction.glass import Chosen, choose_windows
from training_core.prediction.grid import make_grid
from training_core.prediction.predictor import Predictor
from training_core.prediction.sliding_window import PredictedRegion, Progress, in_a_thread, predict_regions
from training_core.project.classes import background_ids
from training_core.settings.schema import InferenceConfig

STREAM_STRIDE_FRACTION = 0.875
"""Windows of a slide overlap by an eighth: a quarter, as on tiles, costs 1.36 times as much for the same pixels."""
_REGIONS_BEHIND = 4
NO_CLEAN_UP = CleanUp()
PredictedMaps = tuple[int, int, ClassIds, Confidence8]
"""Top, left, class ids and confidence of a region."""


def stream_image(
    predictor: Predictor,
    path: Path,
    out_path: Path,
    *,
    mpp_um: float | None = None,
    views: int = 1,
    stride_fraction: float | None = STREAM_STRIDE_FRACTION,
    progress: Progress | None = None,
    answers: Answers = UNASKED,
    cleaning: CleanUp = NO_CLEAN_UP,
    made_from: str | None = None,
    goes_on: Callable[[int], None] = lambda rows: None,
    with_glass: bool = False,
    leaves_out: Callable[[float], None] = lambda share: None,
) -> int:
    """Predict an image or slide into the folder `out_path` (NAME.ome.zarr); returns how many pixels it has.

    Where memory runs out, the image is begun anew with smaller windows, and a warning says so. Another one says where
    objects may be joined, in areas too large to separate. An attempt that was interrupted goes on where it was.

    Parameters
    ----------
    mpp_um
        Pixel size in µm/px of the image, where its file does not state it.
    views
        How many predictions are averaged, as in `inference.views`.
    stride_fraction
        Step of the windows as a share of their side; None for the run's `inference.stride_fraction`.
    answers
        How the file is read where it can be read in more than one way.
    cleaning
        What is done to the class ids in the end, as `clean_up` does it.
    made_from
        What the result depends on beside the parameters: which image and weights. What an interrupted attempt has
        left of anything else is not taken up; None: nothing is.
    goes_on
        Called with how many rows of pixels an interrupted attempt has left.
    with_glass
        Whether a slide is predicted where it shows nothing but glass, too; else it has 255 for the class there, and a
        confidence of 0.
    leaves_out
        Called with the share of the slide that is left out, 0 to 1, where something is.

    Raises
    ------
    ImageError
        The file cannot be read, has an open question, is too large and not tiled, or
        its pixel size is too far from the run's.
    MemoryLimitError
        No window is small enough.
    StorageError
        The disk is full or not writable; an older result is untouched.
    """
    with open_regions(path, answers) as image:
        mpp_um = mpp_um if mpp_um is not None else image.mpp_um

        def work(inference: InferenceConfig, readout: Readout) -> int:
            height, width = image.height_px, image.width_px
            key = made_from and made_from_all(made_from, inference, readout, mpp_um, with_glass=with_glass)
            with slide_masks(out_path, height, width, predictor.classes, mpp_um, key) as masks:
                if rows_there := height - sum(stop - start for start, stop in masks.missing):
                    goes_on(rows_there)
                chosen = windows_of(image, inference, readout, with_glass=with_glass)
                if not chosen.windows.all():
                    leaves_out(chosen.share_left_out)
                predict_missing(predictor, image, masks, inference, readout, chosen, progress)
                if readout.objects or not cleaning.is_nothing:
                    _separate(masks, readout, predictor, cleaning, path)
            return height * width

        return predictor.fitting(work, mpp_um, str(path), views=views, stride_fraction=stride_fraction)


def made_from_all(
    made_from: str, inference: InferenceConfig, readout: Readout, mpp_um: float | None, *, with_glass: bool
) -> str:
    """All that a result depends on: image and weights, `made_from`, and how the network is used."""
    return json.dumps([made_from, inference.model_dump(mode="json"), repr(readout), mpp_um, with_glass])


def windows_of(image: Regions, inference: InferenceConfig, readout: Readout, *, with_glass: bool) -> Chosen:
    """Which windows of an open image are predicted.

    Raises
    ------
    ImageError
        The slide is damaged.
    """
    grid = make_grid((image.height_px, image.width_px), readout.scale, inference)
    return choose_windows(grid, image, with_glass=with_glass)


def predict_missing(
    predictor: Predictor,
    image: Regions,
    masks: SlideMasks,
    inference: InferenceConfig,
    readout: Readout,
    chosen: Chosen,
    progress: Progress | None = None,
) -> None:
    """Predict the rows of pixels that the masks miss."""
    model, compute, decoder = predictor.model, predictor.compute, predictor.decoder
    for rows in masks.missing:
        regions = predict_regions(model, image, inference, compute, readout.scale, decoder, progress, rows, chosen)
        _write(_maps(regions, readout, torch.from_numpy(predictor.class_ids)), masks.writer(*rows))


def _write(maps: Iterable[PredictedMaps], write: WriteRegion) -> None:
    for _ in in_a_thread(lambda region: write(*region), maps, _REGIONS_BEHIND):
        pass


def _separate(masks: SlideMasks, readout: Readout, predictor: Predictor, cleaning: CleanUp, path: Path) -> None:
    """Objects come apart as the run reads them, and are cleaned up as the user wants it."""
    class_ids, background = predictor.class_ids, background_ids(predictor.classes)
    objects = [replace(each, class_index=int(class_ids[each.class_index])) for each in readout.objects or ()]
    with writing(path), masks.changing() as (labels, scratch):
        too_large = separate_stored(labels, scratch, objects, int(class_ids[readout.ground]))
        too_large += clean_up_stored(labels, scratch, cleaning, class_ids.tolist(), background)
    if too_large:
        areas = "1 connected area was" if too_large == 1 else f"{too_large} connected areas were"
        said = f"{path.name}: {areas} not separated into objects, being larger than {LARGEST_AREA_MPX} megapixels"
        warnings.warn(said, RuntimeWarning, stacklevel=2)


@torch.inference_mode()
def _maps(regions: Iterable[PredictedRegion], readout: Readout, class_ids: Tensor) -> Iterator[PredictedMaps]:
    are_indices = bool((class_ids == torch.arange(len(class_ids))).all())
    for top, left, (weights,) in regions:
        if not len(weights):
            nothing = [np.broadcast_to(np.uint8(value), weights.shape[1:]) for value in (UNLABELED, 0)]
            yield top, left, nothing[0], nothing[1]
            continue
        unseen = weights.sum(0) == 0
        label, confidence = readout.class_and_confidence(weights)
        ids = (label if are_indices else class_ids.to(label.device)[label.int()]).masked_fill_(unseen, UNLABELED)
        confidence.masked_fill_(unseen, 0)
        yield top, left, ids.cpu().numpy(), confidence.mul_(255).round_().to(torch.uint8).cpu().numpy()
