"""The open project, evented: who changes it does so here, and hears of nobody else; who shows it listens here.

A change is told once it is made; one that fails raises and tells nothing. What a thread has changed is told by the
methods whose names end in `_changed_outside`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psygnal import Signal

from training_core.project import Project, TissueClass


class ProjectModel:
    """A project, or none, and four signals."""

    states_changed = Signal()
    """Tiles may have another state: a stroke was saved, a prediction came or was rejected."""
    classes_changed = Signal()
    label_saved = Signal(str)
    """Name of the tile whose label was just written."""
    overlays_changed = Signal(str)
    """Name of the tile with other overlays."""

    def __init__(self) -> None:
        self.project: Project | None = None

    def _opened(self) -> Project:
        assert self.project is not None
        return self.project

    # --- tiles --------------------------------------------------------------------------------------------------------

    def use_for_validation(self, names: Sequence[str], on: bool) -> None:
        """Use annotated tiles for validation, or for training again."""
        self._opened().use_for_validation(names, on)
        self.states_changed.emit()

    def set_val(self, names: Sequence[str]) -> None:
        """These tiles are for validation, and no others."""
        self._opened().set_val(names)
        self.states_changed.emit()

    # --- classes ------------------------------------------------------------------------------------------------------

    def add_class(self, name: str) -> TissueClass:
        """One more class."""
        added = self._opened().add_class(name)
        self.classes_changed.emit()
        return added

    def update_class(self, class_id: int, **changes: Any) -> None:
        """Another name, colour or prompt. What is refused is told too: it must vanish from where it was typed.

        Raises
        ------
        UserError: it is not allowed.
        """
        try:
            self._opened().update_class(class_id, **changes)
        finally:
            self.classes_changed.emit()

    # --- what threads and processes have changed ----------------------------------------------------------------------

    def tiles_changed_outside(self) -> None:
        """Tiles have come, gone, or have another pixel size."""
        self.states_changed.emit()

    def access_changed(self) -> None:
        """The project can be changed no longer, or again."""
        self.states_changed.emit()

    def classes_changed_outside(self) -> None:
        """There are other classes, in another project perhaps."""
        self.classes_changed.emit()

    def label_changed_outside(self, name: str) -> None:
        """A label was written. That is told first: the live preview begins while the lists are brought up to date."""
        self.label_saved.emit(name)
        self.states_changed.emit()

    def rejections_changed_outside(self, names: Sequence[str]) -> None:
        """Of these tiles something else is rejected: decided, or written."""
        if names:
            self.states_changed.emit()
        for name in names:
            self.overlays_changed.emit(name)

    def labels_changed_outside(self, shown: str | None) -> None:
        """All labels may be other ones; `shown` is the tile on screen."""
        if shown is not None:
            self.label_saved.emit(shown)
        self.states_changed.emit()

    def runs_changed_outside(self, shown: str | None) -> None:
        """A run was finished or forgotten, and with it predictions of any tile; `shown` is the tile on screen."""
        self.states_changed.emit()
        if shown is not None:
            self.overlays_changed.emit(shown)

    def overlays_changed_outside(self, name: str) -> None:
        """A process has made overlays of this tile, or they are shown otherwise."""
        self.overlays_changed.emit(name)
