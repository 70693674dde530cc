"""What has to be answered before files become a project: a row for each question, a choice for each answer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QButtonGroup, QFrame, QRadioButton, QScrollArea, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import Hint, verbatim
from training_core.base.arrays import Rgb8

ICON_PX = 56
_MAX_HEIGHT_PX = 300


@dataclass(frozen=True)
class Option:
    """One answer: its words, and what the files look like with it."""

    words: str
    image: Rgb8 | None = None


@dataclass(frozen=True)
class QuestionRow:
    """A question about several files, asked once."""

    key: Hashable
    words: str
    options: tuple[Option, ...]
    tip: str = ""
    chosen: int | None = None


class ImportQuestions(QScrollArea):
    """The questions, one below the other; nothing is chosen before somebody chooses."""

    answered = Signal(object, int)
    """The question's key, and the number of the answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the answers take the focus, and are scrolled to
        self._rows: tuple[QuestionRow, ...] = ()
        self.buttons: dict[Hashable, tuple[QRadioButton, ...]] = {}
        self.hide()

    def set_rows(self, rows: Sequence[QuestionRow]) -> None:
        """Show these questions; rows that are there already are left alone, so that the keyboard stays where it is."""
        if [_face(row) for row in rows] == [_face(row) for row in self._rows]:
            return
        self._rows, self.buttons = tuple(rows), {}
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for row in rows:
            self._add(row, body, layout)
        layout.addStretch(1)
        self.setWidget(body)
        self.setVisible(bool(rows))
        self._fit()

    def resizeEvent(self, event: object) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as the rows need at this width, so that what stands below gets the rest."""
        layout = self.widget().layout() if self.widget() is not None else None
        if layout is not None:
            width = self.viewport().width()
            height = layout.heightForWidth(width) if layout.hasHeightForWidth() else layout.sizeHint().height()
            self.setFixedHeight(min(_MAX_HEIGHT_PX, height + 6))

    def _add(self, row: QuestionRow, body: QWidget, layout: QVBoxLayout) -> None:
        words = Hint(row.words, body)
        words.setToolTip(row.tip)
        layout.addWidget(words)
        group = QButtonGroup(body)
        buttons = []
        for number, option in enumerate(row.options):
            button = QRadioButton(verbatim(option.words), body)
            button.setAccessibleDescription(row.words)
            if option.image is not None:
                button.setIcon(QIcon(_pixmap(option.image)))
                button.setIconSize(QSize(ICON_PX, ICON_PX))
            button.setChecked(number == row.chosen)
            button.clicked.connect(lambda _on=False, key=row.key, number=number: self.answered.emit(key, number))
            group.addButton(button)
            layout.addWidget(button)
            buttons.append(button)
        self.buttons[row.key] = tuple(buttons)


def _face(row: QuestionRow) -> tuple[Hashable, str, tuple[tuple[str, bool], ...]]:
    """What of a row is drawn; which answer is chosen, the buttons know."""
    return row.key, row.words, tuple((option.words, option.image is None) for option in row.options)


def _pixmap(pixels: Rgb8) -> QPixmap:
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy())
