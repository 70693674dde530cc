"""Areas drawn in other programs: which image of the project they are of, on which tiles, and of which class."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely

from training_core.base.arrays import UNLABELED
from training_core.base.attempts import Attempts
from training_core.base.errors import MaskError, ProjectError
from training_core.io.drawings import DRAWING_SUFFIXES, DrawnArea, DrawnImage, is_drawing, read_drawings
from training_core.io.outlines import taken_from
from training_core.project.drawn_classes import Meaning
from training_core.project.images import image_names
from training_core.project.inputs.matching import match_masks
from training_core.project.project import Project
from training_core.project.records import Tile, TissueClass
from training_core.project.runs import natural_key


class AreaOfClass(NamedTuple):
    """An area with its class id, or 255 for not labelled."""

    class_id: int
    area: shapely.Geometry


@dataclass(frozen=True)
class TileDrawing:
    """The areas on one tile, in its pixels.

    Attributes
    ----------
    complete
        Within these everything is annotated: what no area covers is the class of the rest.
    areas
        What is of which class.
    """

    tile: Tile
    complete: list[shapely.Geometry] = field(default_factory=list)
    areas: list[AreaOfClass] = field(default_factory=list)


@dataclass
class Drawings:
    """What files of drawn areas would label.

    Attributes
    ----------
    tiles
        What lies on each tile, by its name.
    new_classes
        What the project does not have yet and gets with the labels.
    images
        The file of each image.
    areas
        How many areas there are of each class of the project, 255 for not labelled.
    left_out
        How many there are of what labels nothing, by kind: "points", "lines", "areas outside the tiles" ...
    not_labelled
        Names in the files that mean that nothing is known there, such as QuPath's "Ignore*".
    predicted
        How many areas a run of this program predicted.
    """

    tiles: dict[str, TileDrawing] = field(default_factory=dict)
    new_classes: Sequence[TissueClass] = ()
    images: dict[str, Path] = field(default_factory=dict)
    areas: Counter[int] = field(default_factory=Counter)
    complete: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    not_labelled: set[str] = field(default_factory=set)
    predicted: int = 0


def look_at(
    project: Project,
    files: Sequence[Path],
    meaning: Meaning,
    *,
    add_classes: bool = False,
    image: str | None = None,
    offset: tuple[float, float] = (0.0, 0.0),
    attempts: Attempts | None = None,
) -> Drawings:
    """What the areas in these files would label.

    Parameters
    ----------
    add_classes
        Whether names that mean nothing here become classes of the project, in the colours of their program.
    image
        The image that a single file is of, where its name does not say so.
    offset
        Where the image begins in the coordinates of the files.
    attempts
        Keeps what is wrong with files, which are then left out; None: the first bad file is raised.

    Raises
    ------
    MaskError
        A file that cannot be used or that is of no image of the project.
    ProjectError
        A class that the project does not have, or areas without a class, with how many there are.
    """
    attempts = attempts or Attempts(strict=True)
    drawn = read_files(files, attempts)
    return look_at_drawn(
        project, drawn, meaning, add_classes=add_classes, image=image, offset=offset, attempts=attempts
    )


def read_files(files: Sequence[Path], attempts: Attempts) -> list[DrawnImage]:
    """The areas of these files and OME-Zarr folders, and of those inside of other folders, image by image.

    Raises
    ------
    MaskError
        No file can be used; with strict attempts the first that cannot.
    """
    drawn: list[DrawnImage] = []
    for path in _files_in(files):
        with attempts.each(path.name, counts=False):
            drawn += read_drawings(path)
    if not drawn:
        attempts.raise_if_none()
    return drawn


def _files_in(paths: Sequence[Path]) -> list[Path]:
    """These files and OME-Zarr folders, and those inside of other folders; each once."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir() or is_drawing(path):
            files.append(path)
            continue
        inside = [each for each in path.iterdir() if is_drawing(each)]
        inside = [each for each in inside if each.name != "classes.json" and not each.name.startswith(".")]
        if not inside:
            needed = f"files ending in {', '.join(sorted(DRAWING_SUFFIXES))}, or OME-Zarr folders"
            raise MaskError(f"the folder {path} has no file of annotations", needed, "check the path")
        files += sorted(inside, key=lambda each: natural_key(each.name))
    return list(dict.fromkeys(files))


def look_at_drawn(
    project: Project,
    drawn: Sequence[DrawnImage],
    meaning: Meaning,
    *,
    add_classes: bool = False,
    image: str | None = None,
    offset: tuple[float, float] = (0.0, 0.0),
    attempts: Attempts,
) -> Drawings:
    """As `look_at`, of files that are read already."""
    if image is not None:
        if len(drawn) > 1:
            given = f"{len(drawn)} images have annotations in the files, and one image is named"
            raise ProjectError(given, "one file of one image", "give one file, or name the files after the images")
        drawn = [dataclasses.replace(each, image=image) for each in drawn]
    tiles = _tiles_by_image(project)
    matched = list(_matched(drawn, tiles, attempts))
    attempts.raise_if_none()
    areas = [area for each, _ in matched for area in each.areas]
    found = Drawings()
    if add_classes:
        meaning, found.new_classes = meaning.with_added(project.index, areas)
    meaning.check(areas)
    for each, name in matched:
        found.images[name] = each.path
        found.left_out.update(each.left_out)
        corner = _corner(project, tiles[name][0][0], name) if each.counts_as_qupath else (0, 0)
        _place(found, each, tiles[name], meaning, (offset[0] + corner[0], offset[1] + corner[1]))
    return found


def _corner(project: Project, tile: Tile, image: str) -> tuple[int, int]:
    """Where an image begins as QuPath counts: the slide of a tile may do so elsewhere, the tile itself does not."""
    slide = project.source_file(tile.name)
    return (0, 0) if slide is None or image == tile.name else slide.corner_px


def _tiles_by_image(project: Project) -> dict[str, list[tuple[Tile, float, float, float]]]:
    """By the name of an image: its tiles, each with scale and corner on it. A tile of a slide is an image, too."""
    names = image_names(project)
    found: dict[str, list[tuple[Tile, float, float, float]]] = {}
    for tile in project.tiles:
        place = tile.place
        if place is not None and place.scale is not None:
            found.setdefault(names[tile.name], []).append((tile, place.scale, place.x_px, place.y_px))
    for tile in project.tiles:
        found.setdefault(tile.name, [(tile, 1.0, 0.0, 0.0)])
    return found


def _matched(drawn: Sequence[DrawnImage], names: Iterable[str], attempts: Attempts) -> Iterator[tuple[DrawnImage, str]]:
    """Each file with the name of its image, found as masks are."""
    known = list(names)
    by_name: dict[str, list[DrawnImage]] = {}
    for each in drawn:
        by_name.setdefault(each.image, []).append(each)
    matches = match_masks(known, [Path(f"{name}.json") for name in by_name])
    image_of = {match.mask.stem: name for name, match in matches.found.items()}
    for name, several in by_name.items():
        for each in several:
            with attempts.each(each.path.name):
                if len(several) > 1:
                    given = f"{several[0].path} and {several[1].path} are both of the image {name}"
                    raise MaskError(given, "one file of annotations for each image", "join them, or leave one out")
                if name not in image_of:
                    raise _no_image(each, known)
                yield each, image_of[name]


def _no_image(drawn: DrawnImage, known: Sequence[str]) -> MaskError:
    given = f"{drawn.path} is of an image {drawn.image}, which the project does not have"
    needed = "annotations of an image or slide of the project" + (f", such as {known[0]}" if known else "")
    hint = f"name the file after its image, for example {known[0]}{drawn.path.suffix}" if known else "add the image"
    return MaskError(given, needed, hint, terminal=f"{hint}, or say which image it is: --image NAME")


def _place(
    found: Drawings,
    drawn: DrawnImage,
    tiles: Sequence[tuple[Tile, float, float, float]],
    meaning: Meaning,
    offset: tuple[float, float],
) -> None:
    """Put the areas of an image on its tiles."""
    _check_size(drawn, tiles)
    chosen: list[tuple[DrawnArea, int | None]] = []
    for area in drawn.areas:
        is_complete, class_id = meaning.of(area)
        if class_id is None and not is_complete:
            found.left_out[f"areas of {area.class_name}" if area.class_name else "areas without a class"] += 1
            continue
        chosen.append((area, None if is_complete else class_id))
    used: set[int] = set()
    bounds = shapely.bounds([area.area for area, _ in chosen]).reshape(-1, 4) - np.tile(offset, 2)
    for tile, scale, x, y in tiles:
        right, bottom = x + scale * tile.width_px, y + scale * tile.height_px
        meets = (bounds[:, 2] > x) & (bounds[:, 3] > y) & (bounds[:, 0] < right) & (bounds[:, 1] < bottom)
        for number in np.flatnonzero(meets).tolist():
            area, class_id = chosen[number]
            own = taken_from(area.area, scale, x + offset[0], y + offset[1])
            drawing = found.tiles.setdefault(tile.name, TileDrawing(tile))
            if class_id is None:
                drawing.complete.append(own)
            else:
                drawing.areas.append(AreaOfClass(class_id, own))
            used.add(number)
    for number, (area, class_id) in enumerate(chosen):
        if number not in used:
            found.left_out["areas outside the tiles"] += 1
        elif class_id is None:
            found.complete += 1
        else:
            found.areas[class_id] += 1
            found.predicted += area.predicted_by is not None
            if class_id == UNLABELED:
                found.not_labelled.add(area.class_name)


def _check_size(drawn: DrawnImage, tiles: Sequence[tuple[Tile, float, float, float]]) -> None:
    """A file that says how large its image is must be of an image of that size."""
    (tile, scale, x, y), *others = tiles
    needed = (tile.width_px, tile.height_px)
    is_whole = not others and (scale, x, y) == (1.0, 0.0, 0.0)
    if is_whole and drawn.size_px is not None and drawn.size_px != needed:
        given = f"{drawn.path} is of an image of {drawn.size_px[0]} x {drawn.size_px[1]} px"
        hint = "annotate the image that the project has, or import that one"
        raise MaskError(given, f"the size of {tile.name}, {needed[0]} x {needed[1]} px", hint)
