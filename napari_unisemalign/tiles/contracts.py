"""What the controllers of this place need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.tiles.pixel_sizes_view import SizeRow
from napari_unisemalign.tiles.standing import Standing, TileDetails
from napari_unisemalign.tiles.tile_order import Sort, TileFilter


class OrderSurface(Protocol):
    """Which tiles are listed, and in which order."""

    @property
    def changed(self) -> Told:
        """Something else was chosen."""

    @property
    def shown(self) -> TileFilter:
        """Which tiles to show."""

    @property
    def sorting(self) -> Sort:
        """What to order them by."""

    @property
    def search(self) -> str:
        """Words that names must have."""

    def set_hint(self, text: str) -> None:
        """Why the list is empty, or nothing."""


class GallerySurface(Protocol):
    """What the rows of the list say."""

    @property
    def order(self) -> OrderSurface:
        """The choices above the list."""

    def set_details(self, details: Mapping[str, TileDetails]) -> None:
        """What the rows say besides the state."""


class TilesSurface(Protocol):
    """The list of tiles."""

    @property
    def tile_chosen(self) -> Told:
        """With the name of a tile to show."""

    @property
    def thumbnail_wanted(self) -> Told:
        """With the name of a tile."""

    @property
    def validation_wanted(self) -> Told:
        """With names of tiles, and whether they are for validation."""

    @property
    def folder_wanted(self) -> Told:
        """With names of tiles whose folder is to be shown."""

    @property
    def remove_wanted(self) -> Told:
        """With names of tiles."""

    def reset(self) -> None:
        """Show all tiles in the project's order."""

    def set_tiles(self, names: Sequence[str], standing_of: Callable[[str], Standing]) -> None:
        """Fill the list."""

    def set_order(self, names: Sequence[str]) -> None:
        """Show these of the tiles, in this order."""

    def set_current(self, name: str | None) -> None:
        """Mark the tile on screen, without telling anybody."""

    def refresh_states(self) -> None:
        """Draw the states again."""

    def refresh_thumbnail(self, name: str) -> None:
        """What is on a tile has changed."""

    def refresh_thumbnails(self) -> None:
        """What is on every tile is shown in other colours."""

    def set_thumbnail(self, name: str, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a tile's thumbnail, (h, w, 3)."""


class SlideSurface(Protocol):
    """The switch that shows the slide around the tile."""

    @property
    def toggled(self) -> Told:
        """With whether it is to be shown."""

    def set_offered(self, on: bool) -> None:
        """Whether the project has slides at all."""

    def set_slide(self, reason: str, words: str) -> None:
        """Allow to show the slide, or say why not; words: which slide it is."""

    def set_shown(self, on: bool) -> None:
        """Whether it is shown, without telling anybody."""


class NewTileSurface(Protocol):
    """The button that adds tiles of the slide."""

    @property
    def add_toggled(self) -> Told:
        """With whether a click on the slide is to add a tile."""

    @property
    def frame_moved(self) -> Told:
        """By a key: with steps to the right and down."""

    @property
    def frame_resized(self) -> Told:
        """By a key: with steps that the frame gets wider and taller."""

    def set_addable(self, reason: str) -> None:
        """Allow to add a tile, or say why not."""

    def set_adding(self, on: bool) -> None:
        """Whether a click adds a tile, and the arrow keys place it; without telling anybody."""


class ProjectSurface(Protocol):
    """The open project, and the ways to another."""

    @property
    def open_clicked(self) -> Told:
        """A project folder is to be asked for."""

    @property
    def recent_chosen(self) -> Told:
        """With the folder of a project."""

    def set_project(self, name: str, path: str) -> None:
        """Name the open project; empty texts for none."""

    def set_recent(self, folders: Sequence[Path], missing: Sequence[Path]) -> None:
        """List recent projects, and say which are not where they were."""

    def set_summary(self, text: str) -> None:
        """How many tiles are in which state, or what goes on."""

    def set_switchable(self, reason: str) -> None:
        """Allow to open another project, or say why not."""

    def set_addable(self, reason: str) -> None:
        """Allow to add images to the open project, or say why not."""


class MakingSurface(Protocol):
    """The ways to a new project, and to more images."""

    @property
    def new_clicked(self) -> Told:
        """A project is to be created."""

    @property
    def add_clicked(self) -> Told:
        """Images are to be added to the open project."""

    @property
    def import_clicked(self) -> Told:
        """Files of annotations are to be imported."""

    @property
    def import_folder_clicked(self) -> Told:
        """A folder of annotations is to be imported."""

    @property
    def sizes_clicked(self) -> Told:
        """With names of tiles whose pixel sizes are looked at first."""

    @property
    def cancel_clicked(self) -> Told:
        """What is being created is not wanted after all."""

    @property
    def sample_clicked(self) -> Told:
        """The sample is to be opened."""

    def set_cancellable(self, shown: bool) -> None:
        """Offer to cancel what is being created."""


class PixelSizesSurface(Protocol):
    """The pixel sizes of many files, to be corrected."""

    @property
    def set_clicked(self) -> Told:
        """With the size that was typed, for the chosen files."""

    @property
    def restore_clicked(self) -> Told:
        """The chosen files are to have what they state."""

    @property
    def unknown_clicked(self) -> Told:
        """The size of the chosen files is not known."""

    def set_rows(self, rows: Sequence[SizeRow]) -> None:
        """Show these; the chosen ones stay chosen."""

    def chosen(self) -> list[str]:
        """The names of the chosen files, from above."""

    def choose(self, names: Sequence[str]) -> None:
        """Choose these, and no others."""

    def allow_unknown(self, allowed: bool) -> None:
        """Whether a size may be said to be not known."""

    def say(self, text: str, *, is_error: bool = False) -> None:
        """What came of a click."""
