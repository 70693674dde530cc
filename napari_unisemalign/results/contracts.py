"""What the controllers of this place need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from napari_unisemalign.app.contracts import Told
from napari_unisemalign.app.training_curves import Past
from napari_unisemalign.results.areas import TileAreas
from napari_unisemalign.results.confusion_matrix import Matrix
from napari_unisemalign.results.rounds import RoundAreas
from training_core.class_maps.clean_up import CleanUp, CleanUpUm
from training_core.export import Content
from training_core.export.values import Values
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
    def copy_clicked(self) -> Told:
        """The command line is wanted."""

    @property
    def content_changed(self) -> Told:
        """Something else is to be written."""

    @property
    def format_changed(self) -> Told:
        """It is to be written in another format."""

    @property
    def content(self) -> Content:
        """What to write."""

    @property
    def format(self) -> str:
        """The masks' file ending."""

    @property
    def values(self) -> Values:
        """What masks hold for each class."""

    @property
    def folder(self) -> str:
        """Where to, as typed."""

    def set_folder(self, folder: str) -> None:
        """Propose a folder."""

    def set_values_available(self, reason: str) -> None:
        """Allow to choose the values, or say why not."""

    def set_available(self, reason: str) -> None:
        """Allow to write, or say why not."""

    def set_hint(self, text: str) -> None:
        """Say what is left out, or what was written."""

    def set_command(self, reason: str) -> None:
        """Allow to copy the command line, or say why not."""

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""


class ShareSurface(Protocol):
    """Where the model is written."""

    @property
    def share_clicked(self) -> Told:
        """The model is wanted."""

    @property
    def browse_clicked(self) -> Told:
        """The place of the folder is to be asked for."""

    @property
    def copy_clicked(self) -> Told:
        """The command line is wanted."""

    @property
    def folder(self) -> str:
        """Where to, as typed."""

    @property
    def with_graph(self) -> bool:
        """Whether an ONNX graph is wanted too."""

    def set_folder(self, folder: str) -> None:
        """Propose a folder."""

    def set_available(self, reason: str) -> None:
        """Allow to write and to copy, or say why not."""

    def set_hint(self, text: str) -> None:
        """Say what is written, and what is left out."""

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""


class PredictSurface(Protocol):
    """The queue of slides and images."""

    @property
    def files_clicked(self) -> Told:
        """Files are to be asked for."""

    @property
    def folder_clicked(self) -> Told:
        """A folder of them is to be asked for."""

    @property
    def slides_clicked(self) -> Told:
        """The slides of the project are to be taken."""

    @property
    def browse_clicked(self) -> Told:
        """The folder of the results is to be asked for."""

    @property
    def predict_clicked(self) -> Told:
        """The queue is to be begun."""

    @property
    def pause_clicked(self) -> Told:
        """It is to wait, or to go on."""

    @property
    def stop_clicked(self) -> Told:
        """It is to end."""

    @property
    def copy_clicked(self) -> Told:
        """The command line is wanted."""

    @property
    def open_clicked(self) -> Told:
        """The chosen result is to be shown."""

    @property
    def mpp_um(self) -> float | None:
        """The pixel size of all files; None: as they state it."""

    @property
    def out(self) -> str:
        """Where to, as typed."""

    @property
    def with_objects(self) -> bool:
        """Whether the outlines of the objects are wanted too."""

    @property
    def result(self) -> int:
        """Which of the results is chosen; -1: none."""

    def set_mpp(self, mpp_um: float) -> None:
        """Propose the pixel size of files that state none."""

    def offer_slides(self, on: bool) -> None:
        """Whether the project has slides."""

    def set_out(self, folder: str) -> None:
        """Propose a folder."""

    def set_files(self, files: Sequence[Path]) -> None:
        """Name what is predicted."""

    def set_available(self, reason: str, *, is_running: bool, is_paused: bool) -> None:
        """Which buttons can be pressed, or why not."""

    def set_progress(self, share: float | None) -> None:
        """How much is predicted, 0 to 1; None: nothing goes on."""

    def set_hint(self, text: str) -> None:
        """Say what goes on, or what came of it."""

    def set_results(self, names: Sequence[str]) -> None:
        """The finished files."""

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""


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


class ConfusionSurface(Protocol):
    """The confusion matrix, and the tiles of the cell that is chosen in it."""

    @property
    def cell_chosen(self) -> Told:
        """With the cell."""

    @property
    def tile_chosen(self) -> Told:
        """With the name of the tile that is to be shown."""

    def set_matrix(self, shown: Matrix | None, why_none: str) -> None:
        """Show a matrix, or say why there is none."""

    def set_chosen(self, words: str, tiles: Sequence[tuple[str, str]]) -> None:
        """What the chosen cell says, and its tiles with what is said of each; empty for no cell."""

    def set_current(self, tile: str | None) -> None:
        """Mark the tile on screen, without telling anybody."""

    def set_marked(self, words: str) -> None:
        """What of the cell is marked on the tile on screen, or why nothing is."""


class HoldOutSurface(Protocol):
    """Why no validation tile measures a round, with the offer to hold some out."""

    @property
    def clicked(self) -> Told:
        """The offer is taken."""

    def set_unmeasured(self, text: str, offer: str, tip: str = "") -> None:
        """Why nothing, or too little, measures a round, and what is offered; empty texts for nothing."""


class RoundsSurface(Protocol):
    """The rounds side by side."""

    @property
    def wanted(self) -> Told:
        """The predictions of the rounds are to be measured."""

    @property
    def save_clicked(self) -> Told:
        """The table is to be written."""

    def set_rounds(self, rounds: Sequence[Past], areas: RoundAreas, classes: Sequence[TissueClass], hint: str) -> None:
        """Show these; hint: what the numbers are of, and what they leave out."""

    def set_available(self, reason: str) -> None:
        """Allow to measure and to write, or say why not."""
