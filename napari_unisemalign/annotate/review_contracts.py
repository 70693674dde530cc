"""What the controllers of reviewing need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.app.contracts import Told
from napari_unisemalign.app.tile_overlays import OverlaySource
from training_core.class_maps.clean_up import CleanUp
from training_core.class_maps.tile_result import Branch
from training_core.project import TissueClass


class OverlaysSurface(Protocol):
    """Which maps are drawn over the tile, and how."""

    @property
    def visible_changed(self) -> Told:
        """With an overlay, and whether it is to be seen."""

    @property
    def opacity_changed(self) -> Told:
        """With an overlay and its opacity, 0 to 1."""

    @property
    def comparison_changed(self) -> Told:
        """Something else is to be highlighted."""

    @property
    def part_changed(self) -> Told:
        """Another branch is to be shown."""

    @property
    def below_changed(self) -> Told:
        """With the confidence, 0 to 1, below which pixels are left open."""

    @property
    def flicker_clicked(self) -> Told:
        """All overlays are to be hidden, or to come back."""

    @property
    def outline_changed(self) -> Told:
        """With whether all classes are to be outlines."""

    @property
    def class_outlined(self) -> Told:
        """With the id of a class, and whether it is to be an outline."""

    @property
    def comparison(self) -> Comparison:
        """What to highlight."""

    @property
    def part(self) -> Branch:
        """Which branch to show."""

    @property
    def below(self) -> float:
        """The confidence, 0 to 1, below which pixels are left open."""

    def is_shown(self, role: str) -> bool:
        """Whether an overlay is to be seen."""

    def set_overlay(self, role: str, visible: bool, opacity: float) -> None:
        """Show how an overlay is drawn, without telling anybody."""

    def set_outlined(self, classes: Sequence[TissueClass], outlined: Collection[int]) -> None:
        """Show which classes are outlines."""

    def set_confusion(self, words: str) -> None:
        """Offer to highlight a cell of the confusion matrix, and choose that; no words: take the offer away."""

    def set_flickered(self, hidden: bool) -> None:
        """Whether the overlays are off the image for a moment."""

    def set_words(self, words: str) -> None:
        """What the highlighted and the open pixels are, with numbers."""

    def set_part_words(self, words: str) -> None:
        """How far a branch agrees, or why it is not to be seen."""

    def set_available(self, reason: str) -> None:
        """Allow to choose, or say why there is nothing to show."""

    def show_from_confidence(self, below: float) -> None:
        """Leave open what is below this confidence, 0 to 1."""


class CleanUpSurface(Protocol):
    """How predictions are post-processed."""

    @property
    def changed(self) -> Told:
        """They are to be post-processed in another way."""

    @property
    def value(self) -> CleanUp:
        """As it is set now, for the tile on screen."""

    def set_pixel_size(self, mpp_um: float | None) -> None:
        """The tile on screen has pixels of this size; None: that is not known."""

    def set_words(self, text: str) -> None:
        """What it changes of the tile on screen."""

    def reset(self) -> None:
        """Change nothing."""


class CorrectSurface(Protocol):
    """Accepting and rejecting, of a tile or less."""

    @property
    def accept_next_clicked(self) -> Told:
        """The tile is right, and the next is to come."""

    @property
    def accept_tile_clicked(self) -> Told:
        """The tile is right."""

    @property
    def accept_sure_clicked(self) -> Told:
        """What is confident enough is right."""

    @property
    def accept_area_clicked(self) -> Told:
        """What lies inside the outline is right."""

    @property
    def reject_area_clicked(self) -> Told:
        """What lies inside the outline is wrong."""

    @property
    def reject_clicked(self) -> Told:
        """The prediction is wrong."""

    @property
    def take_back_clicked(self) -> Told:
        """Nothing of the tile is to be rejected any longer."""

    @property
    def next_clicked(self) -> Told:
        """The next tile to review is to come."""

    @property
    def draw_area_toggled(self) -> Told:
        """With whether an outline is to be drawn."""

    @property
    def click_mode_toggled(self) -> Told:
        """With whether a click on the image is to accept."""

    @property
    def reject_click_mode_toggled(self) -> Told:
        """With whether a click on the image is to reject."""

    @property
    def options_changed(self) -> Told:
        """Accept is to take something else."""

    @property
    def reset_options_clicked(self) -> Told:
        """Accept is to take what it takes by default."""

    @property
    def overwrite_toggled(self) -> Told:
        """Accept is to replace annotations, or no longer."""

    @property
    def pointed(self) -> Told:
        """With the `PointedAt` of the button that the mouse or the Tab key came to; None when it left."""

    @property
    def source(self) -> OverlaySource:
        """What is accepted."""

    @property
    def confidence(self) -> float:
        """What is confident enough, 0 to 1."""

    @property
    def is_usual_confidence(self) -> bool:
        """Whether that is as by default."""

    @property
    def overwrite(self) -> bool:
        """Whether Accept replaces annotations."""

    def set_available(self, accept_reason: str, area_reason: str, reject_reason: str, next_reason: str) -> None:
        """Allow to accept, to accept or reject an outline, to reject and to go on, or say why not."""

    def set_take_back(self, reason: str) -> None:
        """Allow to clear rejections, or say why not."""

    def set_modes(self, *, drawing: bool, accepting: bool, rejecting: bool) -> None:
        """Show which way of pointing at areas is under way."""

    def set_options(self, text: str) -> None:
        """What Accept takes otherwise than by default; empty where it does not."""

    def reset_options(self) -> None:
        """Accept takes what it takes by default."""

    def set_preview(self, text: str) -> None:
        """What the button that is pointed at would do."""

    def set_hint(self, text: str) -> None:
        """What to do, or what was done."""
