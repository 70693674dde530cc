"""The switch that shows the slide around the tile, what slide that is, and the button that adds a tile of it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QWidget

from napari_unisemalign.actions.window_keys import WindowKeys
from napari_unisemalign.widgets.common import Hint, body_layout, set_available
from training_core.base.i18n import tr

TIP = tr(
    "The tissue around the tile, as context while you paint; only the tile itself can be annotated. The outlines are "
    "the slide's other tiles, blue where annotated: a double-click opens one. There is a key for it (F1 lists all "
    "keys)."
)
ADD_TIP = tr(
    "Then click on the slide: a tile of the usual size is added there; or drag a rectangle of your own. Or place it "
    "with the arrow keys: Shift changes its size, Enter adds it. Esc leaves. There are keys for it, and for a tile in "
    "the middle of what you see (F1 lists all keys)."
)
_DIRECTIONS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
_ARROWS = {key: key for direction in _DIRECTIONS for key in (direction, f"Shift+{direction}")}


class SlideView(QWidget):
    """Shown in projects with slides only."""

    toggled = Signal(bool)
    add_toggled = Signal(bool)
    frame_moved = Signal(int, int)
    frame_resized = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox(tr("Slide around the tile"), self)
        self.hint = Hint("", self)
        self.add_button = QPushButton(tr("Add a tile of the slide"), self)
        self.add_button.setCheckable(True)
        layout = body_layout(self)
        layout.addWidget(self.switch)
        layout.addWidget(self.hint)
        layout.addWidget(self.add_button)
        self.switch.clicked.connect(lambda on: self.toggled.emit(on))
        self.add_button.clicked.connect(lambda on: self.add_toggled.emit(on))
        self._arrows = WindowKeys(self, self._on_arrow, repeats=True)
        self.set_offered(False)

    def set_offered(self, on: bool) -> None:
        """Whether the project has slides at all."""
        self.setVisible(on)

    def set_slide(self, reason: str, words: str) -> None:
        """Allow to show the slide, or say why not; words: which slide it is."""
        set_available(self.switch, reason, TIP)
        self.hint.set_text(reason or words)

    def set_shown(self, on: bool) -> None:
        """Whether it is shown, without telling anybody."""
        self.switch.setChecked(on)

    def set_addable(self, reason: str) -> None:
        """Allow to add a tile, or say why not."""
        set_available(self.add_button, reason, ADD_TIP)

    def set_adding(self, on: bool) -> None:
        """Whether a click adds a tile, without telling anybody; meanwhile the arrow keys place it."""
        self.add_button.setChecked(on)
        self._arrows.set_keys(_ARROWS if on else {})
        if on:
            self.add_button.clearFocus()  # Enter adds the tile, and does not press the button again

    def _on_arrow(self, key: str) -> None:
        *shift, direction = key.split("+")
        (self.frame_resized if shift else self.frame_moved).emit(*_DIRECTIONS[direction])
