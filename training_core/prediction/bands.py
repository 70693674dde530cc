"""A slide predicted in bands of rows by several processes, with the bits of one: `regions.stream_image` finishes it.

One process begins the result; any number predict bands of it, each with the rows of windows above that reach into it.
At last `stream_image` with the same parameters finds all rows there, or predicts what is missing, separates objects of
the whole slide and gives the result its name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from training_core.base.rows import Rows, cut_rows
from training_core.export.ome_zarr import band_masks, begin_bands
from training_core.io.inspection import UNASKED, Answers
from training_core.io.regions import Regions, open_regions
from training_core.prediction.calibration import Readout
from training_core.prediction.predictor import Predictor
from training_core.prediction.regions import STREAM_STRIDE_FRACTION, made_from_all, predict_missing, windows_of
from training_core.settings.schema import InferenceConfig

Result = TypeVar("Result")


def begin_in_bands(
    predictor: Predictor,
    path: Path,
    out_path: Path,
    band_px: int,
    *,
    made_from: str,
    anew: bool = False,
    mpp_um: float | None = None,
    views: int = 1,
    stride_fraction: float | None = STREAM_STRIDE_FRACTION,
    answers: Answers = UNASKED,
    with_glass: bool = False,
) -> list[Rows]:
    """Begin the result of a slide; returns the bands that are missing.

    The parameters are those of `stream_image`, and so are the errors.

    Parameters
    ----------
    band_px
        Rows of pixels of a band, a multiple of `ome_zarr.CHUNK_PX`.
    anew
        Whether what earlier attempts left is removed.
    """

    def begin(image: Regions, key: str, inference: InferenceConfig, readout: Readout) -> tuple[Rows, ...]:
        return begin_bands(out_path, image.height_px, image.width_px, key, anew=anew)

    missing = _on_image(begin, predictor, path, mpp_um, views, stride_fraction, answers, made_from, with_glass)
    return [piece for rows in missing for piece in cut_rows(rows, band_px)]


def predict_band(
    predictor: Predictor,
    path: Path,
    out_path: Path,
    rows: Rows,
    *,
    made_from: str,
    mpp_um: float | None = None,
    views: int = 1,
    stride_fraction: float | None = STREAM_STRIDE_FRACTION,
    answers: Answers = UNASKED,
    with_glass: bool = False,
) -> bool:
    """Predict a band that `begin_in_bands` returned; whether it is there now.

    It is not where this process would give other bits, as it has another engine or too little memory for the windows
    that the result was begun with. It raises what `stream_image` raises.
    """

    def predict(image: Regions, key: str, inference: InferenceConfig, readout: Readout) -> bool:
        with band_masks(out_path, image.height_px, image.width_px, key, rows) as masks:
            if masks is not None:
                chosen = windows_of(image, inference, readout, with_glass=with_glass)
                predict_missing(predictor, image, masks, inference, readout, chosen)
            return masks is not None

    return _on_image(predict, predictor, path, mpp_um, views, stride_fraction, answers, made_from, with_glass)


def _on_image(
    work: Callable[[Regions, str, InferenceConfig, Readout], Result],
    predictor: Predictor,
    path: Path,
    mpp_um: float | None,
    views: int,
    stride_fraction: float | None,
    answers: Answers,
    made_from: str,
    with_glass: bool,
) -> Result:
    """What `work` gives for the open image, all that its result depends on, and how the network is used."""
    with open_regions(path, answers) as image:
        mpp_um = mpp_um if mpp_um is not None else image.mpp_um
        return predictor.fitting(
            lambda inference, readout: work(
                image,
                made_from_all(made_from, inference, readout, mpp_um, with_glass=with_glass),
                inference,
                readout,
            ),
            mpp_um,
            str(path),
            views=views,
            stride_fraction=stride_fraction,
        )
