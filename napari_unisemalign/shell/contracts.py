"""What the controllers of the frame need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from typing import Protocol

from napari_unisemalign.app.contracts import Told


class TileBarSurface(Protocol):
    """The tile on screen, with a way to its neighbours."""

    @property
    def previous_clicked(self) -> Told:
        """The tile before is to come."""

    @property
    def next_clicked(self) -> Told:
        """The tile after is to come."""

    def set_tile(self, text: str, all_of_it: str = "") -> None:
        """Name the tile and its place; an empty text for none."""

    def set_neighbors(self, has_previous: bool, has_next: bool) -> None:
        """Where there is a tile to go to."""


class StatusSurface(Protocol):
    """The one sentence that says what goes on, or what to do."""

    def set_status(self, text: str, details: str, progress: float | None) -> None:
        """text: what goes on, or what to do. details: device and time left. progress: 0 to 1, None for none."""


class GuideSurface(Protocol):
    """What is in sight whichever page is open."""

    @property
    def tile_bar(self) -> TileBarSurface:
        """The tile on screen."""

    @property
    def status(self) -> StatusSurface:
        """What goes on."""

    def set_project(self, name: str) -> None:
        """Name the open project; an empty text for none."""
