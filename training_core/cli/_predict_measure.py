"""What `predict` writes of its finished results: the areas of each class in a table, and the outlines of objects."""

from __future__ import annotations

import sys
from contextlib import nullcontext, suppress
from pathlib import Path

from training_core.base.errors import UnwritableFileError
from training_core.class_maps.predicted import PredictedImage
from training_core.class_maps.predicted_areas import (
    ImageAreas,
    class_areas,
    earlier_areas,
    file_as_noted,
    read_areas,
    result_as_noted,
    write_areas,
)
from training_core.cli._predict_image import PredictJob, mpp_um_of
from training_core.io.regions import open_regions


def measure_image_file(job: PredictJob, path: Path, image: PredictedImage, *, predicted_now: bool) -> ImageAreas:
    """Measure the result of an image, and write the outlines of its objects, as far as that was not done.

    Outlines that were written of an earlier result are written again: none is left that does not fit its result.

    Parameters
    ----------
    predicted_now
        Whether the result is new; else what was measured of it counts.

    Raises
    ------
    MaskError
        The result is damaged.
    UnwritableFileError
        There is a file in the place of the outlines that was not written here, or was changed since.
    """
    folder = Path(job.args.out)
    outlines = folder / f"{image.name}.geojson"
    has_outlines = _is_ours(outlines, earlier_areas(folder, image.name))
    wants_outlines = job.args.objects is not None or has_outlines
    in_the_way = wants_outlines and not has_outlines and outlines.exists()
    areas = None if predicted_now else read_areas(folder, image.name)
    if areas is None or (wants_outlines and not has_outlines and not in_the_way):
        areas = _measured(job, path, image.name, outlines if wants_outlines and not in_the_way else None)
        write_areas(folder, areas)
    if in_the_way:
        raise UnwritableFileError(
            f"{outlines} is there already, and is not as this command writes it",
            "a place for the outlines of the objects",
            "move it, delete it, or choose another folder for the predictions",
        )
    return areas


def _measured(job: PredictJob, path: Path, name: str, outlines: Path | None) -> ImageAreas:
    """What there is of each class; the objects go into a file while they are counted."""
    from training_core.export.predicted_objects import ObjectsOf, objects_file  # shapely
    from training_core.export.predicted_result import open_result  # zarr

    with open_regions(path, job.answers) as picture:
        of = ObjectsOf(name, job.run, mpp_um_of(job, path, picture), picture.corner_px)
    result, noted = open_result(job.args.out, name), result_as_noted(job.args.out, name)
    file = objects_file(outlines, of, result.confidence) if outlines else nullcontext(lambda *_: None)
    with file as write:
        classes, not_predicted_px = class_areas(
            result.ids, result.confidence, job.predictor.classes, go_on=job.queue.measuring, objects=write
        )
    return ImageAreas(name, noted, of.mpp_um, not_predicted_px, classes, file_as_noted(outlines) if outlines else "")


def _is_ours(outlines: Path, areas: ImageAreas | None) -> bool:
    """Whether the file is as it was written beside an earlier result."""
    with suppress(OSError):
        return areas is not None and areas.outlines == file_as_noted(outlines)
    return False


def write_table(folder: Path) -> None:
    """Write the table of all results that are in the folder; says of how many nothing is known."""
    from training_core.export.areas_table import AREAS_NAME, write_areas_table

    if missing := write_areas_table(folder):
        images = "1 image has" if missing == 1 else f"{missing} images have"
        print(f"Note: {images} no row in {AREAS_NAME}: their results were not measured. The command that predicted "
              "them adds the rows.", file=sys.stderr)  # fmt: skip
