"""The separate objects of a project's tiles: numbered in images, measured in a table, and plotted.

An object is a connected area (edges touch) of one class made of objects, or what a numbered mask says is one. They are
measured by scikit-image's `regionprops`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training_core.base.arrays import ClassIds
from training_core.base.attempts import Attempts
from training_core.base.errors import ProjectError
from training_core.base.progress import ReportProgress
from training_core.base.safe_paths import within
from training_core.class_maps.clean_up import CleanUp
from training_core.export.content import Content, check_export_folder, tile_mask
from training_core.export.crossing import Part, same_objects
from training_core.export.object_numbers import known_objects, number_objects
from training_core.export.object_plot import plot_objects
from training_core.export.object_tables import SLIDE_COLUMNS, TILE_COLUMNS, slide_rows, tile_rows
from training_core.io import atomic_write, encode_numbers, read_mask
from training_core.project import Project, Tile
from training_core.project.classes import object_class_ids

OBJECTS_NAME, TILES_NAME, SLIDES_NAME, PLOT_STEM = "objects.csv", "tiles.csv", "slides.csv", "objects"
PlotFormat = Literal["png", "svg", "pdf"]
PLOT_FORMATS: tuple[PlotFormat, ...] = get_args(PlotFormat)
_ENDING = "objects.tif"


@dataclass(frozen=True)
class MeasuredObject:
    """One object; lengths and areas on the tissue are None where the pixel size of the tile is not known.

    Attributes
    ----------
    number
        Its value in NAME.objects.tif.
    x_px
        Column of the centroid, from the centre of the tile's first pixel.
    y_px
        Its row, in the same way.
    perimeter_px
        As scikit-image's `perimeter` estimates it.
    roundness
        4 pi area / perimeter^2: 1 for a disc, less for what is not round, at most 1.
    confidence
        Mean confidence of the prediction in its pixels, 0 to 1; None where the tile has no prediction.
    at_edge
        Whether it touches the edge of the tile, and so may be cut.
    slide_object
        The same number for all parts of an object that crosses the edges of tiles that touch on a slide; None: this is
        all of it, as far as the tiles show.
    """

    tile: str
    number: int
    class_id: int
    class_name: str
    area_px: int
    area_um2: float | None
    perimeter_px: float
    perimeter_um: float | None
    roundness: float | None
    x_px: float
    y_px: float
    confidence: float | None
    at_edge: bool
    slide_object: int | None = None


def measure_objects(
    tile: str,
    numbers: NDArray[np.int32],
    ids: ClassIds,
    names: dict[int, str],
    mpp_um: float | None,
    confidence: NDArray[np.uint8] | None = None,
) -> list[MeasuredObject]:
    """The objects of a tile, by number.

    Parameters
    ----------
    numbers
        Objects (H, W), 0 elsewhere.
    ids
        Class ids (H, W).
    names
        Of the classes, by id.
    mpp_um
        Pixel size in µm/px; None: not known.
    confidence
        (H, W), 255 for certain.
    """
    from skimage.measure import regionprops

    measured = []
    for region in regionprops(numbers, confidence):  # type: ignore[no-untyped-call]
        area, perimeter = int(region.area), float(region.perimeter)
        class_id = int(ids[tuple(region.coords[0])])
        top, left, bottom, right = region.bbox
        measured.append(
            MeasuredObject(
                tile,
                int(region.label),
                class_id,
                names[class_id],
                area,
                area * mpp_um**2 if mpp_um is not None else None,
                perimeter,
                perimeter * mpp_um if mpp_um is not None else None,
                min(1.0, 4 * math.pi * area / perimeter**2) if perimeter else None,  # a single pixel has none
                float(region.centroid[1]),
                float(region.centroid[0]),
                float(region.intensity_mean) / 255 if confidence is not None else None,
                top == 0 or left == 0 or bottom == ids.shape[0] or right == ids.shape[1],
            )
        )
    return measured


def export_objects(
    project: Project,
    out: Path,
    *,
    content: Content = "merged",
    cleaning: CleanUp | None = None,
    plot: PlotFormat = "png",
    attempts: Attempts | None = None,
    progress: ReportProgress | None = None,
) -> list[MeasuredObject]:
    """Write OUT/NAME.objects.tif per tile, and OUT/objects.csv, OUT/tiles.csv and a plot of all; returns the objects.

    The images hold 0 for no object, else its number in the table, in 16 bits where they suffice, else in 32. tiles.csv
    has a row per tile and class, with the number of objects and their areas; OUT/slides.csv, where tiles were cut from
    slides, a row per slide and class.

    Parameters
    ----------
    content
        What is taken of a tile, as in `export_masks`.
    cleaning
        What is cleaned up in predictions.
    plot
        File format of OUT/objects.png, .svg or .pdf.
    attempts
        Keeps what is wrong with tiles, which are then left out; None: the first damaged one is raised.

    Raises
    ------
    ProjectError
        No class is made of objects, no tile has anything of this content, or OUT holds the project's own files.
    MaskError
        A label or prediction is damaged.
    StorageError
        The disk is full or not writable.
    """
    check_export_folder(project, out)
    object_classes = object_class_ids(project.classes)
    if not object_classes:
        given = "no class of the project is made of objects"
        raise ProjectError(given, "a class whose areas are objects, such as glands", "add a class, or name one so")
    attempts = attempts or Attempts(strict=True)
    names = {each.id: each.name for each in project.classes}
    objects: list[MeasuredObject] = []
    parts: list[Part] = []
    tiles: list[Tile] = []
    for done, tile in enumerate(project.tiles, start=1):
        with attempts.each(tile.name, counts=False):
            ids = tile_mask(project, tile.name, content, cleaning or CleanUp())
            if ids is None:
                continue
            known = known_objects(project, tile.name) if content != "predictions" else None
            numbers = number_objects(ids, object_classes, known)
            confidence = confidence_of(project, tile.name)
            found = measure_objects(tile.name, numbers, ids, names, tile.mpp_um, confidence)
            atomic_write(within(out, f"{tile.name}.{_ENDING}"), encode_numbers(numbers, tile.mpp_um))
            objects += found
            parts += _parts(tile, numbers, found)
            tiles.append(tile)
            attempts.done.append(tile.name)
        if progress is not None:
            progress(done, len(project.tiles), tile.name)
    attempts.raise_if_none()
    objects = _with_slide_objects(objects, parts)
    if not tiles:
        raise ProjectError(f"no tile has {content}", "annotations or predictions", "annotate a tile, or train first")
    classes = [(each, names[each]) for each in object_classes]
    atomic_write(out / OBJECTS_NAME, csv_bytes([f.name for f in fields(MeasuredObject)], map(astuple, objects)))
    atomic_write(out / TILES_NAME, csv_bytes(TILE_COLUMNS, tile_rows(tiles, classes, objects)))
    if of_slides := slide_rows(tiles, classes, objects):
        atomic_write(out / SLIDES_NAME, csv_bytes(SLIDE_COLUMNS, of_slides))
    title = f"{project.name}: objects of {_CONTENT_WORDS[content]}, {len(tiles)} tile{'s' * (len(tiles) != 1)}"
    styles = {each.id: (each.name, each.color) for each in project.classes if each.id in object_classes}
    picture = plot_objects(objects, [each.name for each in tiles], styles, title=title, file_format=plot)
    atomic_write(out / f"{PLOT_STEM}.{plot}", picture)
    return objects


def _parts(tile: Tile, numbers: NDArray[np.int32], found: Sequence[MeasuredObject]) -> list[Part]:
    places = ndimage.find_objects(numbers)
    parts = []
    for each in found:
        rows, columns = places[each.number - 1]
        parts.append(Part(tile, each.class_id, numbers[rows, columns] == each.number, columns.start, rows.start))
    return parts


def _with_slide_objects(objects: Sequence[MeasuredObject], parts: Sequence[Part]) -> list[MeasuredObject]:
    """The same with a number for the parts of each object that edges of tiles cut; `parts` are theirs."""
    cut = [number for number, part in enumerate(parts) if part.is_cut]
    numbered = list(objects)
    for whole, group in enumerate(same_objects([parts[number] for number in cut]), start=1):
        for number in group:
            numbered[cut[number]] = replace(numbered[cut[number]], slide_object=whole)
    return numbered


_CONTENT_WORDS = {
    "labels": "annotations",
    "predictions": "predictions",
    "merged": "annotations, and predictions where there are none",
}


def confidence_of(project: Project, name: str) -> NDArray[np.uint8] | None:
    """The confidence (H, W) of a tile's newest prediction."""
    prediction = project.prediction(name)
    return None if prediction is None else read_mask(prediction.confidence)


def csv_bytes(header: Sequence[str], rows: Iterable[tuple[object, ...]]) -> bytes:
    """UTF-8 with a byte order mark, which Excel needs for names beyond ASCII; None is an empty cell."""
    return "".encode("utf-8-sig") + b"".join(map(csv_row, (tuple(header), *rows)))


def csv_row(values: tuple[object, ...]) -> bytes:
    """A row of such a table, by itself."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else int(value) if isinstance(value, bool) else value
