"""What `predict` measures of its results: the areas of each class, for the table beside them."""

from __future__ import annotations

import sys
from pathlib import Path

from training_core.class_maps.predicted import PredictedImage
from training_core.class_maps.predicted_areas import (
    ImageAreas,
    class_areas,
    read_areas,
    result_as_noted,
    write_areas,
)
from training_core.cli._predict_image import PredictJob, mpp_um_of
from training_core.io.regions import open_regions


def measure_image_file(job: PredictJob, path: Path, image: PredictedImage, *, predicted_now: bool) -> ImageAreas:
    """Measure the result of an image, unless that was done.

    Parameters
    ----------
    predicted_now
        Whether the result is new; else what was measured of it counts.
    """
    from training_core.export.predicted_result import open_result  # zarr

    folder: Path = job.args.out
    known = None if predicted_now else read_areas(folder, image.name)
    if known is not None:
        return known
    with open_regions(path, job.answers) as picture:
        mpp_um = mpp_um_of(job, path, picture)
    result, noted = open_result(folder, image.name), result_as_noted(folder, image.name)
    classes, not_predicted_px = class_areas(
        result.ids, result.confidence, job.predictor.classes, go_on=job.queue.measuring
    )
    areas = ImageAreas(image.name, noted, mpp_um, not_predicted_px, classes)
    write_areas(folder, areas)
    return areas


def write_table(folder: Path) -> None:
    """Write the table of all results that are in the folder; says of how many nothing is known."""
    from training_core.export.areas_table import AREAS_NAME, write_areas_table

    if missing := write_areas_table(folder):
        images = "1 image has" if missing == 1 else f"{missing} images have"
        print(f"Note: {images} no row in {AREAS_NAME}: their results were not measured. The command that predicted "
              "them adds the rows.", file=sys.stderr)  # fmt: skip
