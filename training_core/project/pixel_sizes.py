"""Looking at and correcting the pixel sizes of a project: of whole files, and of slides with their tiles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from statistics import median_high

from training_core.base.errors import ProjectError
from training_core.io.pixel_size import PixelSize, check_credible
from training_core.project.file_records import FilePixelSize, PixelSizeSource, SourceFile
from training_core.project.index import Index
from training_core.project.inputs.overview import UNUSUAL_FACTOR
from training_core.project.project import Project
from training_core.project.records import Tile


@dataclass(frozen=True)
class PixelSizeOf:
    """The pixel size of a tile that is a whole file, or of a slide.

    Attributes
    ----------
    tiles
        Of a slide, the tiles that were cut from it; None: it is a tile.
    mpp_um
        What is used, in µm/px; None: not known.
    set_by
        Who says so.
    file_mpp
        What the file states.
    is_unusual
        Whether it is more than a factor of 3 from the others'.
    """

    name: str
    tiles: tuple[str, ...] | None
    mpp_um: float | None
    set_by: PixelSizeSource
    file_mpp: FilePixelSize | None
    is_unusual: bool = False


def pixel_sizes(index: Index) -> tuple[PixelSizeOf, ...]:
    """Slides first, then the tiles that are whole files or differ from their slide, in the project's order."""
    rows = [
        PixelSizeOf(name, _tiles_of(index, name), file.mpp_um, file.mpp_set_by, file.file_mpp)
        for name, file in index.files.items()
    ]
    alone = (tile for tile in index.tiles if _differs(index, tile))
    rows += [PixelSizeOf(tile.name, None, tile.mpp_um, tile.mpp_set_by, tile.file_mpp) for tile in alone]
    usual = {kind: _usual([row for row in rows if (row.tiles is None) == kind]) for kind in (False, True)}
    return tuple(replace(row, is_unusual=_is_unusual(row.mpp_um, usual[row.tiles is None])) for row in rows)


def set_pixel_size(project: Project, names: Sequence[str], mpp_um: float | None) -> tuple[str, ...]:
    """Set the pixel size in µm/px of these tiles and slides, for good; the tiles of a slide change with it.

    Parameters
    ----------
    names
        Names of tiles and slides, in which * stands for anything.
    mpp_um
        None: it is not known.

    Returns
    -------
    tuple of str
        The tiles whose pixel size changed.

    Raises
    ------
    ConfigError
        Not a pixel size that a microscope gives.
    ProjectError
        A name that nothing has, or a slide of which it is not known how its tiles were cut.
    StorageError
        The disk is full or not writable.
    """
    check_credible(mpp_um)
    by = PixelSizeSource.NONE if mpp_um is None else PixelSizeSource.USER
    return _change(project, names, lambda _stated: (mpp_um, by))


def restore_pixel_size(project: Project, names: Sequence[str]) -> tuple[str, ...]:
    """Use again what the files of these tiles and slides state, as `set_pixel_size`; it raises what that raises."""
    return _change(project, names, _as_stated)


def _as_stated(stated: FilePixelSize | None) -> tuple[float | None, PixelSizeSource]:
    if stated is None:
        return None, PixelSizeSource.NONE
    usable = PixelSize(stated.x_um, stated.y_um or stated.x_um, stated.stated_in or "").usable_um
    return usable, PixelSizeSource.NONE if usable is None else PixelSizeSource.FILE


Choose = Callable[[FilePixelSize | None], tuple[float | None, PixelSizeSource]]
"""From what a file states to what is used, and who says so."""


def _change(project: Project, names: Sequence[str], choose: Choose) -> tuple[str, ...]:
    with project.changing() as change:
        index = change.index
        slides, tiles = _found(index, names)
        files = dict(index.files)
        new = {tile.name: _with(tile, *choose(tile.file_mpp)) for tile in index.tiles if tile.name in tiles}
        for name in slides:
            mpp_um, by = choose(files[name].file_mpp)
            cut = [tile for tile in index.tiles if tile.place is not None and tile.place.file == name]
            new.update({tile.name: _recut(tile, files[name], mpp_um, by) for tile in cut})
            files[name] = replace(files[name], mpp_um=mpp_um, mpp_set_by=by)
        changed = tuple(tile.name for tile in index.tiles if tile.name in new and new[tile.name] != tile)
        change.index = replace(index, tiles=tuple(new.get(tile.name, tile) for tile in index.tiles), files=files)
    return changed


def _with(tile: Tile, mpp_um: float | None, by: PixelSizeSource) -> Tile:
    return replace(tile, mpp_um=mpp_um, mpp_set_by=by)


def _recut(tile: Tile, slide: SourceFile, mpp_um: float | None, by: PixelSizeSource) -> Tile:
    """A tile of a slide whose pixels are of another size than was thought: the tile shows as many of them as before."""
    assert tile.place is not None
    scale = tile.place.scale
    if scale is None and tile.mpp_um is not None and slide.mpp_um is not None:
        scale = tile.mpp_um / slide.mpp_um
    if scale is None and mpp_um is not None:
        given = f"of slide {tile.place.file} it is not known at what scale its tiles were cut"
        raise ProjectError(given, "the pixel size of its tiles", f'set it for "{tile.place.file}_x*" instead')
    return _with(tile, None if mpp_um is None or scale is None else mpp_um * scale, by)


def is_named(name: str, pattern: str) -> bool:
    """Whether a name is this one, or one that fits where * stands for anything."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    return name == pattern or re.fullmatch(expression, name, re.DOTALL) is not None


def _found(index: Index, names: Iterable[str]) -> tuple[set[str], set[str]]:
    """The slides and the tiles that are meant; a slide's own name means the slide."""
    slides: set[str] = set()
    tiles: set[str] = set()
    all_tiles = [tile.name for tile in index.tiles]
    for name in names:
        meant_slides = {each for each in index.files if is_named(each, name)}
        meant = {each for each in all_tiles if is_named(each, name)}
        meant -= {tile for slide in meant_slides for tile in _tiles_of(index, slide)}
        if not meant and not meant_slides:
            close = get_close_matches(name, [*index.files, *all_tiles], n=1)
            hint = f"{close[0]}, the closest name" if close else "check the spelling; * stands for anything"
            raise ProjectError(f"the project has no tile or slide {name}", "the name of a tile or slide", hint)
        slides |= meant_slides
        tiles |= meant
    return slides, tiles


def _differs(index: Index, tile: Tile) -> bool:
    """Whether its pixel size does not follow from a slide's."""
    if tile.place is None:
        return True
    slide_um, scale = index.files[tile.place.file].mpp_um, tile.place.scale
    if slide_um is None or scale is None or tile.mpp_um is None:
        return tile.mpp_set_by is PixelSizeSource.USER
    return not math.isclose(tile.mpp_um, slide_um * scale, rel_tol=0.01)


def _tiles_of(index: Index, slide: str) -> tuple[str, ...]:
    return tuple(tile.name for tile in index.tiles if tile.place is not None and tile.place.file == slide)


def _usual(rows: Iterable[PixelSizeOf]) -> float | None:
    known = [row.mpp_um for row in rows if row.mpp_um is not None]
    return median_high(known) if known else None


def _is_unusual(mpp_um: float | None, usual: float | None) -> bool:
    if mpp_um is None or usual is None:
        return False
    return not 1 / UNUSUAL_FACTOR <= mpp_um / usual <= UNUSUAL_FACTOR
