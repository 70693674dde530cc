"""What `predict` writes of its finished results: the areas of each class in a table, and their objects."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from training_core.export.predicted_objects import ObjectFormat

_OBJECT_ENDINGS: Mapping[ObjectFormat, str] = {"geojson": ".geojson", "csv": ".objects.csv"}
"""Of the files of objects, after the name of the image."""


def measure_image_file(job: PredictJob, path: Path, image: PredictedImage, *, predicted_now: bool) -> ImageAreas:
    """Measure the result of an image, and write the files of its objects, as far as that was not done.

    Files that were written of an earlier result are written again: none is left that does not fit its result.

    Parameters
    ----------
    predicted_now
        Whether the result is new; else what was measured of it counts.

    Raises
    ------
    MaskError
        The result is damaged.
    UnwritableFileError
        There is a file in the place of one of objects that was not written here, or was changed since.
    """
    folder = Path(job.args.out)
    files = {kind: folder / (image.name + ending) for kind, ending in _OBJECT_ENDINGS.items()}
    ours = _written_before(files, earlier_areas(folder, image.name))
    wanted = {kind: file for kind, file in files.items() if kind in ours or kind in (job.args.objects or ())}
    in_the_way = [file for kind, file in wanted.items() if kind not in ours and file.exists()]
    to_write = {kind: file for kind, file in wanted.items() if file not in in_the_way}
    areas = None if predicted_now else read_areas(folder, image.name)
    if areas is None or to_write.keys() - ours:
        areas = _measured(job, path, image.name, to_write)
        write_areas(folder, areas)
    if in_the_way:
        raise UnwritableFileError(
            f"{' and '.join(map(str, in_the_way))} is there already, and is not as this command writes it",
            "a place for the objects",
            "move it, delete it, or choose another folder for the predictions",
        )
    return areas


def _measured(job: PredictJob, path: Path, name: str, files: Mapping[ObjectFormat, Path]) -> ImageAreas:
    """What there is of each class; the objects go into files while they are counted."""
    from training_core.export.predicted_objects import ObjectsOf, objects_files  # shapely
    from training_core.export.predicted_result import open_result  # zarr

    with open_regions(path, job.answers) as picture:
        of = ObjectsOf(name, job.run, mpp_um_of(job, path, picture), picture.corner_px)
    result, noted = open_result(job.args.out, name), result_as_noted(job.args.out, name)
    with objects_files(files, of, result.confidence) if files else nullcontext(lambda *_: None) as write:
        classes, not_predicted_px = class_areas(
            result.ids, result.confidence, job.predictor.classes, go_on=job.queue.measuring, objects=write
        )
    written = {file.name: file_as_noted(file) for file in files.values()}
    return ImageAreas(name, noted, of.mpp_um, not_predicted_px, classes, written)


def _written_before(files: Mapping[ObjectFormat, Path], areas: ImageAreas | None) -> set[ObjectFormat]:
    """Which of the files are as they were written beside an earlier result."""
    found: set[ObjectFormat] = set()
    for kind, file in files.items() if areas is not None else ():
        with suppress(OSError):
            if areas is not None and areas.object_files.get(file.name) == file_as_noted(file):
                found.add(kind)
    return found


def write_table(folder: Path) -> None:
    """Write the table of all results that are in the folder; says of how many nothing is known."""
    from training_core.export.areas_table import AREAS_NAME, write_areas_table

    if missing := write_areas_table(folder):
        images = "1 image has" if missing == 1 else f"{missing} images have"
        print(f"Note: {images} no row in {AREAS_NAME}: their results were not measured. The command that predicted "
              "them adds the rows.", file=sys.stderr)  # fmt: skip
