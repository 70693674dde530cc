"""Corrects pixel sizes: those of a project, for good, and those of files that are to become tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.tiles.contracts import PixelSizesSurface
from napari_unisemalign.tiles.pixel_sizes_view import SizeRow
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.base.printable import printable
from training_core.io.pixel_size import CREDIBLE_MPP_UM
from training_core.project import Project
from training_core.project.file_records import PixelSizeSource
from training_core.project.inputs.overview import GIVEN, SET, UNUSUAL_FACTOR, Becomes, InputFile
from training_core.project.pixel_sizes import PixelSizeOf, pixel_sizes, restore_pixel_size, set_pixel_size

SET_BY = {
    PixelSizeSource.FILE: tr("the file"),
    PixelSizeSource.USER: tr("you, for this file"),
    PixelSizeSource.PROJECT: tr("you, for all without one"),
    PixelSizeSource.NONE: tr("nobody"),
}
STATED_IN = {
    "ome_xml": "OME-XML",
    "aperio": "Aperio",
    "imagej": "ImageJ",
    "tiff_tags": tr("TIFF tags"),
    "png_phys": tr("PNG header"),
    "jpeg_density": tr("JPEG header"),
    "bmp_header": tr("BMP header"),
    "jpeg2000_resolution": tr("JPEG 2000 header"),
    "dicom": "DICOM",
    "hamamatsu": "Hamamatsu",
    "mirax": "MIRAX",
    "sakura": "Sakura",
    "zeiss": "Zeiss",
}
"""Where a file states it; another source is shown by its own name."""


def typed_pixel_size(text: str) -> float | None:
    """The pixel size in µm/px that was typed; None: none was.

    Raises
    ------
    UserError
        No number, or none that a microscope gives.
    """
    text = text.strip().replace(",", ".")
    if not text:
        return None
    low, high = CREDIBLE_MPP_UM
    try:
        mpp_um = float(text)
    except ValueError:
        mpp_um = 0.0
    if not low <= mpp_um <= high:
        needed = tr("a number from {low} to {high}").format(low=low, high=high)
        hint = tr("type a number such as 0.5 (20x) or 0.25 (40x), or leave it empty")
        raise UserError(tr("The pixel size is “{text}”").format(text=text), needed, hint)
    return mpp_um


class Sizes(Protocol):
    """What the table shows and changes."""

    can_be_unknown: bool

    def rows(self) -> list[SizeRow]:
        """Every file."""

    def set(self, names: Sequence[str], mpp_um: float | None) -> int:
        """Use this for these files, whatever they state; None: it is not known. Returns how many tiles changed."""

    def restore(self, names: Sequence[str]) -> int:
        """Use what they state again. Returns how many tiles changed."""


class SizesOfProject:
    """The tiles and slides of a project; every change is kept at once."""

    can_be_unknown = True

    def __init__(self, project: Project) -> None:
        self._project = project
        self.has_changed = False

    def rows(self) -> list[SizeRow]:
        """Slides first, then the tiles."""
        return [_row_of(each) for each in pixel_sizes(self._project.index)]

    def rows_of(self, tiles: Sequence[str]) -> list[str]:
        """The rows that these tiles stand in: the size of a slide's tile follows from the slide's."""
        wanted = set(tiles)
        every = pixel_sizes(self._project.index)
        return [each.name for each in every if each.name in wanted or wanted & set(each.tiles or ())]

    def set(self, names: Sequence[str], mpp_um: float | None) -> int:
        """Use this for these tiles and slides; the tiles of a slide change with it."""
        return self._changed(set_pixel_size(self._project, names, mpp_um))

    def restore(self, names: Sequence[str]) -> int:
        """Use what the files state again."""
        return self._changed(restore_pixel_size(self._project, names))

    def _changed(self, tiles: Sequence[str]) -> int:
        self.has_changed = self.has_changed or bool(tiles)
        return len(tiles)


class SizesOfFiles:
    """Files that are to become tiles: `own` holds what was set for single ones, by name."""

    can_be_unknown = False

    def __init__(self, files: Sequence[InputFile], own: Mapping[str, float]) -> None:
        self._files = [each for each in files if each.becomes in (Becomes.TILE, Becomes.SLIDE)]
        self.own = dict(own)

    def rows(self) -> list[SizeRow]:
        """Every image and slide."""
        return [self._row(each) for each in self._files]

    def set(self, names: Sequence[str], mpp_um: float | None) -> int:
        """Use this for these files."""
        assert mpp_um is not None
        self.own.update(dict.fromkeys(names, mpp_um))
        return len(names)

    def restore(self, names: Sequence[str]) -> int:
        """Use what the files state."""
        return len([self.own.pop(name) for name in names if name in self.own])

    def _row(self, file: InputFile) -> SizeRow:
        own_um = self.own.get(file.name)
        stated = None if file.facts is None else file.facts.pixel_size
        file_um = file.mpp_um if file.mpp_from not in (GIVEN, SET) else None if stated is None else stated.usable_um
        used_um = own_um if own_um is not None else file_um
        by = PixelSizeSource.USER if own_um is not None else PixelSizeSource.FILE
        return SizeRow(
            file.name,
            _size(used_um),
            SET_BY[by if used_um is not None else PixelSizeSource.NONE],
            _stated(None if stated is None else stated.x_um, "" if stated is None else stated.stated_in),
            used_um is not None,
            _unusual() if file.is_unusual else "",
        )


class PixelSizes:
    """Between the table of sizes and what it changes."""

    def __init__(self, view: PixelSizesSurface, sizes: Sizes) -> None:
        self._view, self._sizes = view, sizes
        view.allow_unknown(sizes.can_be_unknown)
        view.set_clicked.connect(self._set)
        view.restore_clicked.connect(lambda: self._change(lambda names: sizes.restore(names)))
        view.unknown_clicked.connect(lambda: self._change(lambda names: sizes.set(names, None)))
        view.set_rows(sizes.rows())

    def choose(self, names: Sequence[str]) -> None:
        """Choose these at first."""
        self._view.choose(names)

    def _set(self, text: str) -> None:
        try:
            mpp_um = typed_pixel_size(text)
        except UserError as error:
            self._view.say(in_a_sentence(error), is_error=True)
            return
        self._change(lambda names: self._sizes.set(names, mpp_um))

    def _change(self, change: Callable[[Sequence[str]], int]) -> None:
        try:
            count = change(self._view.chosen())
        except UserError as error:
            self._view.say(in_a_sentence(error), is_error=True)
            return
        self._view.set_rows(self._sizes.rows())
        words = ntr("Changed: {count} tile or file.", "Changed: {count} tiles or files.", count)
        self._view.say(words.format(count=f"{count:,}"))


def _row_of(size: PixelSizeOf) -> SizeRow:
    stated = size.file_mpp
    name = size.name
    return SizeRow(
        name,
        _size(size.mpp_um),
        SET_BY[size.set_by],
        _stated(None if stated is None else stated.x_um, "" if stated is None else stated.stated_in or ""),
        size.mpp_um is not None,
        _unusual() if size.is_unusual else "",
    )


def _size(mpp_um: float | None) -> str:
    return tr("not known") if mpp_um is None else tr("{mpp} µm/px").format(mpp=f"{mpp_um:.4g}")


def _stated(mpp_um: float | None, where: str) -> str:
    if mpp_um is None:
        return tr("nothing")
    source = STATED_IN.get(where, printable(where.replace("_", " ")))
    return f"{_size(mpp_um)} ({source})" if source else _size(mpp_um)


def _unusual() -> str:
    return tr("More than a factor of {factor:g} from the others").format(factor=UNUSUAL_FACTOR)
