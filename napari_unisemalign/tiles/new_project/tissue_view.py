"""A small picture of a slide with what would be cut from it, and a sentence about it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import Hint
from training_core.base.arrays import Rgb8
from training_core.base.i18n import tr


class TissueView(QWidget):
    """Hidden where there is no slide."""

    chosen = Signal(int)
    """The number of the slide to look at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture = QLabel(self)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.slides = QComboBox(self)
        self.slides.setAccessibleName(tr("Slide to look at"))
        self.slides.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.words = Hint(parent=self)
        beside = QVBoxLayout()
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.slides)
        beside.addWidget(self.words)
        beside.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.picture)
        layout.addLayout(beside, 1)
        self.slides.activated.connect(lambda number: self.chosen.emit(number))
        self.set_slides(())

    def set_slides(self, names: Sequence[str]) -> None:
        """Which slides there are; none hides all of it."""
        self.slides.clear()
        self.slides.addItems(list(names))
        self.slides.setVisible(len(names) > 1)
        self.setVisible(bool(names))

    def show_cut(self, picture: Rgb8 | None, words: str) -> None:
        """Show a picture (h, w, 3) and a sentence; None for no picture."""
        self.picture.setVisible(picture is not None)
        if picture is not None:
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            self.picture.setPixmap(QPixmap.fromImage(image))
            self.picture.setAccessibleName(words)
        self.words.set_text(words)
