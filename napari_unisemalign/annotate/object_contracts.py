"""What the controllers of objects need of their view, and all that they may touch: no widget."""

from __future__ import annotations

from typing import Protocol

from napari_unisemalign.app.contracts import Told


class ObjectsSurface(Protocol):
    """Objects, to be selected and then accepted, rejected, deleted, merged or split, and reviewed one by one."""

    @property
    def select_toggled(self) -> Told:
        """With whether a click on the image is to select an object."""

    @property
    def next_clicked(self) -> Told:
        """The next object to review is to come."""

    @property
    def accept_clicked(self) -> Told:
        """The selected objects are right."""

    @property
    def reject_clicked(self) -> Told:
        """The selected objects are wrong."""

    @property
    def delete_clicked(self) -> Told:
        """The selected objects are to be no annotations."""

    @property
    def merge_clicked(self) -> Told:
        """The selected objects are one."""

    @property
    def split_toggled(self) -> Told:
        """With whether a line is to be drawn that splits objects."""

    def set_modes(self, *, selecting: bool, splitting: bool) -> None:
        """Show what the mouse does on the image."""

    def set_words(self, text: str) -> None:
        """What is selected; empty for nothing."""

    def set_left(self, text: str) -> None:
        """What is left to review; empty while nothing is reviewed."""

    def set_available(self, select_reason: str, review_reason: str, edit_reason: str, split_reason: str) -> None:
        """Allow to select, to review, to change what is selected and to split, or say why not."""
