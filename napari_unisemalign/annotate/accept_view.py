"""Step 4: accept, reject and correct."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QPushButton, QSpinBox, QWidget

from napari_unisemalign.app.session import OverlaySource
from napari_unisemalign.widgets.common import Hint, body_layout, caption, primary, row, set_available
from training_core.base.i18n import tr

_BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


_NO_BUTTONS = "QSpinBox::up-button, QSpinBox::down-button { width: 0; }"
"""Not ButtonSymbols.NoButtons: with it, Qt 6.11.3 and napari's style sheet leave no room for the number."""


class CorrectView(QWidget):
    """What to accept or reject, and how much of it: a row for each part, a column for each of the two."""

    source_changed = Signal(object)
    """OverlaySource."""
    accept_tile_clicked = Signal()
    draw_area_toggled = Signal(bool)
    accept_area_clicked = Signal()
    accept_sure_clicked = Signal()
    reject_area_clicked = Signal()
    click_mode_toggled = Signal(bool)
    reject_click_mode_toggled = Signal(bool)
    undo_clicked = Signal()
    redo_clicked = Signal()
    reject_clicked = Signal()
    take_back_clicked = Signal()
    next_clicked = Signal()
    pointed = Signal(object)
    """The button that the mouse or the Tab key came to, or None when it left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.source_combo = QComboBox(self)
        self.source_combo.addItem(tr("prediction (every pixel)"), OverlaySource.PREDICTION)
        self.source_combo.addItem(tr("pseudo-label (only where sure)"), OverlaySource.PSEUDO_LABEL)
        self.source_combo.setAccessibleName(tr("What to accept or reject"))
        self.accept_tile_button = primary(self._button(tr("Accept"), tr("Accept the whole tile")))
        self.reject_button = self._button(tr("Reject"), tr("Reject the whole tile"))
        self.draw_area_button = self._button(tr("Draw area"), tr("Draw an area to accept or reject"), is_mode=True)
        self.accept_area_button = self._button(tr("Accept"), tr("Accept the drawn area"))
        self.reject_area_button = self._button(tr("Reject"), tr("Reject the drawn area"))
        self.click_button = self._button(tr("Accept"), tr("Accept areas by click"), is_mode=True)
        self.reject_click_button = self._button(tr("Reject"), tr("Reject areas by click"), is_mode=True)
        self.confidence_spin = QSpinBox(self)
        self.confidence_spin.setRange(1, 100)
        self.confidence_spin.setValue(90)
        self.confidence_spin.setSuffix(tr(" %"))
        self.confidence_spin.setStyleSheet(_NO_BUTTONS)
        self.confidence_spin.setAccessibleName(tr("Confidence from which on to accept"))
        self.accept_sure_button = self._button(tr("Accept"), tr("Accept from this confidence on"))
        self.undo_button = self._button(tr("Undo"), tr("Undo"))
        self.redo_button = self._button(tr("Redo"), tr("Redo"))
        self.take_back_button = self._button(tr("Take back rejections"), tr("Take back rejections"))
        self.next_button = self._button(tr("Next tile to review"), tr("Next tile to review"))
        self.replace_check = QCheckBox(tr("Also replace what is painted"), self)
        self.preview = Hint("", self)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.preview.setMinimumHeight(3 * self.preview.fontMetrics().lineSpacing())  # so that no button moves
        self.preview.show()
        self.hint = Hint("", self)
        self.saved = Hint("", self)
        self._lay_out()
        self._connect()

    def _button(self, text: str, name: str, *, is_mode: bool = False) -> QPushButton:
        button = QPushButton(text, self)
        button.setAccessibleName(name)
        button.setCheckable(is_mode)
        return button

    def _lay_out(self) -> None:
        layout = body_layout(self)
        source = row(caption(tr("From the"), self), stretch=False)
        source.addWidget(self.source_combo, 1)
        layout.addLayout(source)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for line, parts in enumerate(
            (
                (caption(tr("Whole tile"), self), self.accept_tile_button, self.reject_button),
                (self.draw_area_button, self.accept_area_button, self.reject_area_button),
                (caption(tr("By click"), self), self.click_button, self.reject_click_button),
            )
        ):
            for column, part in enumerate(parts):
                grid.addWidget(part, line, column)
        sure = row(caption(tr("Sure from"), self), stretch=False)
        sure.addWidget(self.confidence_spin, 1)
        grid.addLayout(sure, 3, 0)
        grid.addWidget(self.accept_sure_button, 3, 1)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        layout.addLayout(grid)
        layout.addWidget(self.preview)
        layout.addWidget(self.replace_check)
        layout.addLayout(row(self.undo_button, self.redo_button, self.take_back_button))
        layout.addWidget(self.next_button)
        layout.addWidget(self.hint)
        layout.addWidget(self.saved)

    def _connect(self) -> None:
        self.source_combo.currentIndexChanged.connect(lambda _index: self.source_changed.emit(self.source))
        self.accept_tile_button.clicked.connect(lambda: self.accept_tile_clicked.emit())
        self.draw_area_button.clicked.connect(lambda on: self.draw_area_toggled.emit(on))
        self.accept_sure_button.clicked.connect(lambda: self.accept_sure_clicked.emit())
        self.confidence_spin.valueChanged.connect(lambda _value: self.pointed.emit(self.accept_sure_button))
        self.accept_area_button.clicked.connect(lambda: self.accept_area_clicked.emit())
        self.reject_area_button.clicked.connect(lambda: self.reject_area_clicked.emit())
        self.click_button.clicked.connect(lambda on: self.click_mode_toggled.emit(on))
        self.reject_click_button.clicked.connect(lambda on: self.reject_click_mode_toggled.emit(on))
        self.undo_button.clicked.connect(lambda: self.undo_clicked.emit())
        self.redo_button.clicked.connect(lambda: self.redo_clicked.emit())
        self.reject_button.clicked.connect(lambda: self.reject_clicked.emit())
        self.take_back_button.clicked.connect(lambda: self.take_back_clicked.emit())
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.replace_check.setToolTip(
            tr(
                "Off: accepting fills what is not labelled and replaces what was accepted before, never what you "
                "painted. On: it replaces that too, and asks first."
            )
        )
        for part in (
            self.accept_tile_button,
            self.reject_button,
            self.accept_area_button,
            self.reject_area_button,
            self.confidence_spin,
            self.accept_sure_button,
        ):
            part.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell which button is pointed at, by mouse or by keyboard."""
        if event is not None:
            kind, part = event.type(), self.accept_sure_button if watched is self.confidence_spin else watched
            if kind == QEvent.Type.Enter or (kind == QEvent.Type.FocusIn and event.reason() in _BY_KEYBOARD):
                self.pointed.emit(part)
            elif kind in (QEvent.Type.Leave, QEvent.Type.FocusOut):
                self.pointed.emit(None)
        return super().eventFilter(watched, event)

    @property
    def source(self) -> OverlaySource:
        """What is accepted."""
        return OverlaySource(self.source_combo.currentData())

    @property
    def confidence(self) -> float:
        """From which confidence on `accept_sure_clicked` accepts, 0 to 1."""
        return float(self.confidence_spin.value() / 100)

    @property
    def overwrite(self) -> bool:
        """Whether accepting may replace what was painted."""
        return self.replace_check.isChecked()

    def set_available(self, accept_reason: str, area_reason: str, reject_reason: str, next_reason: str) -> None:
        """Enable the buttons, or say why not."""
        set_available(
            self.accept_tile_button, accept_reason, tr("Make labels of it wherever you have not painted yourself")
        )
        sure_tip = tr("Accept every pixel that the model is at least this sure of; the rest stays open for you")
        set_available(self.accept_sure_button, accept_reason, sure_tip)
        self.confidence_spin.setEnabled(not accept_reason)
        self.confidence_spin.setToolTip(accept_reason or sure_tip)
        set_available(self.draw_area_button, accept_reason, tr("Outline the part to accept or reject, on the image"))
        set_available(self.accept_area_button, area_reason, tr("Accept only what lies inside the drawn outline"))
        set_available(
            self.click_button, accept_reason, tr("Then click on the image: the connected area there is accepted")
        )
        set_available(
            self.reject_button,
            reject_reason,
            tr("Put this prediction aside; the next training learns nothing from its guesses here. Labels stay"),
        )
        set_available(
            self.reject_area_button,
            reject_reason or area_reason,
            tr("It is wrong inside the outline: the next training learns nothing from its guesses there"),
        )
        set_available(
            self.reject_click_button,
            reject_reason,
            tr("Then click on an area that is wrong: the next training ignores it. Click again to take that back"),
        )
        set_available(self.next_button, next_reason, tr("Go to the next tile with a prediction that waits for review"))
        self.source_combo.setEnabled(not accept_reason)
        self.source_combo.setToolTip(accept_reason)
        self.replace_check.setEnabled(not accept_reason)

    def set_undo(self, reason: str, tip: str) -> None:
        """Enable the undo button with this tooltip, or say why not."""
        set_available(self.undo_button, reason, tip)

    def set_redo(self, reason: str, tip: str) -> None:
        """Enable the redo button with this tooltip, or say why not."""
        set_available(self.redo_button, reason, tip)

    def set_take_back(self, reason: str) -> None:
        """Enable the button that takes rejections back, or say why not."""
        tip = tr("Nothing of this tile is rejected any longer; a prediction that was put aside is shown again")
        set_available(self.take_back_button, reason, tip)

    def set_modes(self, *, drawing: bool, accepting: bool, rejecting: bool) -> None:
        """Show which way of pointing at areas is under way."""
        self.draw_area_button.setChecked(drawing)
        self.click_button.setChecked(accepting)
        self.reject_click_button.setChecked(rejecting)

    def set_preview(self, text: str) -> None:
        """What the button that is pointed at would do."""
        self.preview.setText(text)

    def set_hint(self, text: str) -> None:
        """The sentence that says what to do or what was done."""
        self.hint.set_text(text)

    def set_saved(self, text: str) -> None:
        """Whether the strokes are on the disk."""
        self.saved.set_text(text)
