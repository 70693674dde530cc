"""What the controllers of this place need of their views, and all that they may touch: no widget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from napari_unisemalign.annotate.classes_view import ClassRow
from napari_unisemalign.app.contracts import Told


class ClassesSurface(Protocol):
    """The classes, to be named, coloured, described, added and removed."""

    @property
    def class_chosen(self) -> Told:
        """With the id of the class to paint with."""

    @property
    def name_edited(self) -> Told:
        """With the id of a class and its new name."""

    @property
    def prompt_edited(self) -> Told:
        """With the id of a class and its new text prompt."""

    @property
    def color_clicked(self) -> Told:
        """With the id of the class that is to have another colour."""

    @property
    def objects_toggled(self) -> Told:
        """With the id of a class, and whether it is made of objects."""

    @property
    def add_clicked(self) -> Told:
        """Another class is wanted."""

    @property
    def remove_clicked(self) -> Told:
        """The chosen class is to go."""

    def set_classes(self, rows: Sequence[ClassRow]) -> None:
        """Show these classes."""

    def set_current(self, class_id: int | None) -> None:
        """Mark the class that is painted with, without telling anybody."""

    def set_available(self, add_reason: str, remove_reason: str, hint: str) -> None:
        """Allow to add and to remove, or say why not; hint: how to work with the list."""

    def set_busy(self, text: str) -> None:
        """What goes on, while nothing can be clicked; an empty text for nothing."""

    def edit_name(self, class_id: int) -> None:
        """Let the name of this class be typed."""


class ChipsSurface(Protocol):
    """The classes to paint with and to see in predictions, and the eraser."""

    @property
    def class_chosen(self) -> Told:
        """With the id of the class to paint with."""

    @property
    def shown_toggled(self) -> Told:
        """With the id of a class, and whether predictions show it."""

    @property
    def erase_clicked(self) -> Told:
        """With whether the brush is to erase."""

    @property
    def add_clicked(self) -> Told:
        """Another class is wanted."""

    def set_classes(
        self, rows: Sequence[ClassRow], shown: Collection[int], outlined: Collection[int] = frozenset()
    ) -> None:
        """Show these classes; `shown` are the ids of those that predictions show, `outlined` of those as borders."""

    def set_current(self, class_id: int | None) -> None:
        """Mark the class that is painted with, without telling anybody."""

    def set_erasing(self, erasing: bool) -> None:
        """Whether the brush erases."""

    def set_erase_key(self, key: str) -> None:
        """Name the eraser with its key."""

    def set_available(self, paint_reason: str, add_reason: str) -> None:
        """Allow to paint and to add, or say why not."""


class PaintingSurface(Protocol):
    """The brush, undo, and help with the last stroke."""

    @property
    def brush_changed(self) -> Told:
        """With the size of the brush in pixels."""

    @property
    def erase_clicked(self) -> Told:
        """With whether the brush is to erase."""

    @property
    def pointed(self) -> Told:
        """With the name of the tool that is pointed at; empty for none."""

    @property
    def undo_clicked(self) -> Told:
        """The last step is to be undone."""

    @property
    def redo_clicked(self) -> Told:
        """The step that was undone last is to be done."""

    @property
    def fill_clicked(self) -> Told:
        """The outline is to be filled."""

    @property
    def grow_clicked(self) -> Told:
        """The stroke is to be expanded to the prediction."""

    @property
    def snap_clicked(self) -> Told:
        """The stroke is to be snapped to the edge."""

    def set_brush(self, size_px: int | None, erasing: bool, mpp_um: float | None = None) -> None:
        """Show the brush; size_px: None where nothing can be painted on."""

    def set_erase_key(self, key: str, tip: str) -> None:
        """Name the eraser with its key."""

    def set_undo(self, reason: str, tip: str) -> None:
        """Allow to undo, or say why not; tip: what it would undo."""

    def set_redo(self, reason: str, tip: str) -> None:
        """Allow to redo, or say why not; tip: what it would redo."""

    def set_help(self, no_stroke: str, no_prediction: str) -> None:
        """Allow help with the last stroke, or say why there is none."""
