"""What the controllers of this place need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.results.areas import TileAreas
from training_core.class_maps.clean_up import CleanUp, CleanUpUm
from training_core.export import Content
from training_core.project import TissueClass


class ExportSurface(Protocol):
    """What to write, in which format, where."""

    @property
    def export_clicked(self) -> Told:
        """The masks are wanted."""

    @property
    def browse_clicked(self) -> Told:
        """The folder is to be asked for."""

    @property
    def content_changed(self) -> Told:
        """Something else is to be written."""

    @property
    def content(self) -> Content:
        """What to write."""

    @property
    def format(self) -> str:
        """The masks' file ending."""

    @property
    def folder(self) -> str:
        """Where to, as typed."""

    def set_folder(self, folder: str) -> None:
        """Propose a folder."""

    def set_available(self, reason: str) -> None:
        """Allow to write, or say why not."""

    def set_hint(self, text: str) -> None:
        """Say what is left out, or what was written."""


class CleaningChoice(Protocol):
    """How predictions are post-processed."""

    @property
    def is_on(self) -> bool:
        """Whether anything is to be done."""

    @property
    def value(self) -> CleanUp:
        """As it is set now, for the tile on screen."""

    @property
    def on_tissue(self) -> CleanUpUm | None:
        """The same for tiles of any pixel size; None where it was typed in pixels."""


class AreasSurface(Protocol):
    """The table of areas."""

    @property
    def wanted(self) -> Told:
        """To measure, or to measure again."""

    @property
    def save_clicked(self) -> Told:
        """The table is to be written."""

    @property
    def objects_clicked(self) -> Told:
        """The objects are to be measured and written."""

    @property
    def tile_chosen(self) -> Told:
        """With the name of a tile to show."""

    def set_areas(self, areas: Sequence[TileAreas], classes: Sequence[TissueClass], hint: str) -> None:
        """Show these numbers, and a sentence about them."""

    def set_outdated(self) -> None:
        """The numbers are of annotations or predictions that have changed since."""

    def set_available(self, reason: str) -> None:
        """Allow measuring, or say why not."""
