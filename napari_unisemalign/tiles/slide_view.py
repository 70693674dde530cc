"""The switch that shows the slide around the tile, and what slide that is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, set_available
from training_core.base.i18n import tr

TIP = tr(
    "The tissue around the tile, as context while you paint; only the tile itself can be annotated. The outlines are "
    "the slide's other tiles, blue where annotated: a double-click opens one. There is a key for it (F1 lists all "
    "keys)."
)


class SlideView(QWidget):
    """Shown in projects with slides only."""

    toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox(tr("Slide around the tile"), self)
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.switch)
        layout.addWidget(self.hint)
        self.switch.clicked.connect(lambda on: self.toggled.emit(on))
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
