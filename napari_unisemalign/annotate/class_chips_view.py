"""The classes as chips, always in sight: a click or a key paints with one, its eye shows or hides it in predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget
from superqt import QFlowLayout

from napari_unisemalign.annotate.classes_view import ClassRow
from napari_unisemalign.widgets.colors import ACCENT, EDGE_ALPHA, HOVER_ALPHA, veil
from napari_unisemalign.widgets.common import verbatim
from napari_unisemalign.widgets.swatch import swatch
from training_core.base.i18n import tr

NAME_PX = 110
"""A longer name is cut in the middle; the tooltip has all of it."""
_STYLE = f"""
QToolButton {{ border: 1px solid {veil(EDGE_ALPHA)}; border-radius: 3px; padding: 2px 4px; }}
QToolButton:hover {{ background-color: {veil(HOVER_ALPHA)}; }}
QToolButton:checked {{ border: 2px solid {ACCENT}; padding: 1px 3px; font-weight: 600; }}
QToolButton:focus {{ border: 2px solid palette(text); padding: 1px 3px; }}
"""


class ClassChip(QWidget):
    """One class: the button that paints with it, and its eye."""

    def __init__(self, row: ClassRow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.row = row
        self.button, self.eye = QToolButton(self), QToolButton(self)
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setIcon(swatch(row.color))
        name = self.button.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideMiddle, NAME_PX)
        self.button.setText(verbatim(f"{row.key} {name}".strip()))
        words = tr("Paint with {name}").format(name=row.name)
        self.button.setToolTip(f"{words} ({row.key})" if row.key else words)
        self.button.setAccessibleName(words)
        self.eye.setCheckable(True)
        self.eye.setAccessibleName(tr("Show {name} in predictions").format(name=row.name))  # checked or not says which
        self.eye.setFixedWidth(24)
        for each in (self.button, self.eye):
            each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            each.setStyleSheet(_STYLE)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.button)
        layout.addWidget(self.eye)

    def _draw_eye(self) -> None:
        self.eye.setIcon(eye(self.eye.isChecked(), self.palette().color(QPalette.ColorRole.WindowText)))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: D102
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._draw_eye()  # in the ink of the new theme

    def set_outlined(self, outlined: bool) -> None:
        """Draw the square as predictions draw the class."""
        self.button.setIcon(swatch(self.row.color, outlined=outlined))

    def set_shown(self, shown: bool) -> None:
        """Draw the eye open or shut."""
        self.eye.setChecked(shown)
        self._draw_eye()
        words = tr("Hide {name} in predictions") if shown else tr("Show {name} in predictions")
        self.eye.setToolTip(words.format(name=self.row.name))


class ClassChips(QWidget):
    """All classes, the eraser and a plus, in as many lines as they need."""

    class_chosen = Signal(int)
    shown_toggled = Signal(int, bool)
    """A class is to be seen in predictions, or not."""
    erase_clicked = Signal(bool)
    add_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chips: dict[int, ClassChip] = {}
        self.eraser = QToolButton(self)
        self.eraser.setCheckable(True)
        self.eraser.setToolTip(tr("Erase to unannotated, which is not the same as background"))
        self.add_button = QToolButton(self)
        self.add_button.setText("+")
        self.add_button.setToolTip(tr("Add a class of tissue"))
        self.add_button.setAccessibleName(tr("Add a class of tissue"))
        for each in (self.eraser, self.add_button):
            each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            each.setStyleSheet(_STYLE)
        self.eraser.clicked.connect(lambda on: self.erase_clicked.emit(on))
        self.add_button.clicked.connect(lambda: self.add_clicked.emit())
        self._flow = QFlowLayout(self)
        self._flow.setContentsMargins(10, 2, 4, 0)
        self._flow.setHorizontalSpacing(4)
        self._flow.setVerticalSpacing(4)
        self._flow.addWidget(self.eraser)
        self._flow.addWidget(self.add_button)
        self.set_erase_key("")

    def set_classes(
        self, rows: Sequence[ClassRow], shown: Collection[int], outlined: Collection[int] = frozenset()
    ) -> None:
        """Show these classes; `shown` are the ids of those that predictions show, `outlined` of those as borders."""
        if [chip.row for chip in self.chips.values()] != list(rows):
            self._fill(rows)
        for class_id, chip in self.chips.items():
            chip.set_shown(class_id in shown)
            chip.set_outlined(class_id in outlined)

    def _fill(self, rows: Sequence[ClassRow]) -> None:
        for chip in self.chips.values():
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._flow.removeWidget(self.eraser)
        self._flow.removeWidget(self.add_button)
        self.chips = {each.id: self._chip(each) for each in rows}
        for widget in (*self.chips.values(), self.eraser, self.add_button):
            self._flow.addWidget(widget)

    def _chip(self, row: ClassRow) -> ClassChip:
        chip = ClassChip(row, self)
        chip.button.clicked.connect(lambda: self._choose(row.id))
        chip.eye.clicked.connect(lambda on: self.shown_toggled.emit(row.id, on))
        chip.show()
        return chip

    def _choose(self, class_id: int) -> None:
        self.set_current(class_id)  # pressed once more, it stays chosen
        self.class_chosen.emit(class_id)

    def set_current(self, class_id: int | None) -> None:
        """Mark the class that is painted with, without telling anybody."""
        for each, chip in self.chips.items():
            chip.button.setChecked(each == class_id)

    def set_erasing(self, erasing: bool) -> None:
        """Whether the brush erases."""
        self.eraser.setChecked(erasing)

    def set_erase_key(self, key: str) -> None:
        """Name the eraser with its key."""
        self.eraser.setText(f"{key} {tr('eraser')}".strip())
        self.eraser.setAccessibleName(tr("Eraser"))

    def set_available(self, paint_reason: str, add_reason: str) -> None:
        """Enable painting and adding, or say why not."""
        self.eraser.setEnabled(not paint_reason)
        self.add_button.setEnabled(not add_reason)
        self.add_button.setToolTip(add_reason or tr("Add a class of tissue"))


def eye(is_open: bool, color: QColor) -> QIcon:
    """An eye, struck out when it is shut."""
    size = QSize(32, 32)
    pixmap = QPixmap(size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = QColor(color)
    ink.setAlpha(255 if is_open else 130)
    painter.setPen(QPen(ink, 2.5))
    painter.drawEllipse(QRectF(3, 9, 26, 14))
    painter.setBrush(ink)
    painter.drawEllipse(QPointF(16, 16), 4, 4)
    if not is_open:
        painter.drawLine(5, 27, 27, 5)
    painter.end()
    return QIcon(pixmap)
