"""What the controllers of the frame need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.shell.pages import Place


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


class HeadSurface(Protocol):
    """The head of the panel, in sight whichever page is open."""

    def set_project(self, name: str) -> None:
        """Name the open project; an empty text for none."""


class TourTarget(StrEnum):
    """What the tour points at."""

    TILES = "tiles"
    CLASSES = "classes"
    START = "start"
    STATUS = "status"
    PREDICTION = "prediction"
    ACCEPT = "accept"
    EXPORT = "export"


class TourSurface(Protocol):
    """The card that explains."""

    @property
    def next_clicked(self) -> Told:
        """The next stop is to come."""

    @property
    def back_clicked(self) -> Told:
        """The stop before is to come again."""

    @property
    def left(self) -> Told:
        """The tour is to end."""

    def show_stop(self, number: int, count: int, title: str, text: str) -> None:
        """Show one stop of the tour, `number` of `count`."""

    def take_focus(self) -> None:
        """Let Enter go on from here."""

    def hide(self) -> object:
        """The tour is over."""


class PointingSurface(Protocol):
    """What the tour is about."""

    def point_at(self, target: TourTarget | None) -> None:
        """Bring this into sight and put a frame around it; None takes the frame away."""


class ReportSurface(Protocol):
    """What of the panel goes into a report."""

    @property
    def said(self) -> tuple[str, str]:
        """The message that is shown, and its details."""

    def picture(self, tells: Callable[[str], bool]) -> bytes:
        """The panel as PNG. tells: whether a text must not be seen, so that it is painted over."""


class PlacesSurface(Protocol):
    """The pages of the panel."""

    @property
    def shown(self) -> Told:
        """Another page is in sight."""

    @property
    def place(self) -> Place:
        """What is in sight."""

    def show_place(self, place: Place) -> None:
        """Put a page in sight."""


class DocksSurface(Protocol):
    """What stands around the image."""

    @property
    def docked(self) -> Told:
        """The panel is in the main window."""

    @property
    def undocked(self) -> Told:
        """The panel has left the main window for good."""

    @property
    def has_tiles(self) -> bool:
        """Whether the tiles have a dock."""

    @property
    def napari_is_folded(self) -> bool:
        """Whether napari's own docks are hidden by us."""

    def dock_tiles(self) -> None:
        """Give the tiles a dock, out of sight, if they have none."""

    def release_tiles(self) -> None:
        """Take the dock of the tiles away."""

    def show_tiles(self) -> None:
        """Bring the tiles into sight, and share the width with the image."""

    def hide_tiles(self) -> None:
        """Take the tiles out of sight."""

    def fold_napari(self) -> None:
        """Hide napari's own docks."""

    def unfold_napari(self) -> None:
        """Bring back of napari's docks what was hidden."""


class ClosingSurface(Protocol):
    """The main window's and the dock's closing."""

    @property
    def left(self) -> Told:
        """The dock was closed, and the window stays."""

    @property
    def is_left(self) -> bool:
        """Whether the panel is in no dock."""

    def ask_first(self, may_close: Callable[[], bool], closed: Callable[[], None]) -> None:
        """Let the window close only where `may_close` says so; closed: called where nothing can keep it."""

    def close_window(self) -> None:
        """Have the window closed; that is asked about as any closing."""

    def dock_again(self) -> None:
        """Put the panel back as it was."""

    def let_go(self) -> None:
        """Let the window close without being asked."""

    def delete(self) -> None:
        """The panel is not needed any more."""


class DropsSurface(Protocol):
    """The panel as a place where files are dropped."""

    @property
    def dropped(self) -> Told:
        """With the paths."""


class DockingSurface(Protocol):
    """The dock that the panel is in."""

    @property
    def docked(self) -> Told:
        """The panel comes into a window."""


class CanvasSurface(Protocol):
    """The image as a place where files are dropped."""

    @property
    def project_dropped(self) -> Told:
        """With the folder of a project."""

    @property
    def slides_dropped(self) -> Told:
        """With the paths of slides; of everything else napari hears."""

    def watch(self) -> None:
        """Look out for what is dropped, from when the panel is in its window."""

    def close(self) -> None:
        """Look out no longer."""


class OpenedSurface(Protocol):
    """The offer to take what napari has opened."""

    @property
    def opened_clicked(self) -> Told:
        """It is taken."""

    def set_opened(self, words: str) -> None:
        """The words of the offer; empty where nothing fits."""
