"""Accept, reject and correct: a head that is always in sight, and the ways to accept or reject less than a tile."""

from __future__ import annotations

from enum import StrEnum

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QPushButton, QSpinBox, QWidget

from napari_unisemalign.app.tile_overlays import OverlaySource
from napari_unisemalign.widgets.common import (
    NUMBER_ALONE_STYLE,
    Hint,
    body_layout,
    caption,
    primary,
    row,
    set_available,
)
from napari_unisemalign.widgets.events import is_by_keyboard
from training_core.base.i18n import tr

PREVIEW_LINES = 2

USUAL_CONFIDENCE = 90
"""In percent, from which on all is accepted that the model is sure of."""


class PointedAt(StrEnum):
    """What a button does to what is shown; its effect is drawn while somebody points at it."""

    ACCEPT_TILE = "accept_tile"
    REJECT_TILE = "reject_tile"
    ACCEPT_AREA = "accept_area"
    REJECT_AREA = "reject_area"
    ACCEPT_SURE = "accept_sure"


def _button(text: str, name: str, parent: QWidget, *, is_mode: bool = False) -> QPushButton:
    button = QPushButton(text, parent)
    button.setAccessibleName(name)
    button.setCheckable(is_mode)
    return button


class CorrectView(QObject):
    """Three widgets of one mind: `head`, `regions` and `confidence_box`; the page places them."""

    source_changed = Signal(object)
    """OverlaySource."""
    accept_next_clicked = Signal()
    """Accept the whole tile and show the next one to review."""
    accept_tile_clicked = Signal()
    draw_area_toggled = Signal(bool)
    accept_area_clicked = Signal()
    accept_sure_clicked = Signal()
    reject_area_clicked = Signal()
    click_mode_toggled = Signal(bool)
    reject_click_mode_toggled = Signal(bool)
    reject_clicked = Signal()
    take_back_clicked = Signal()
    next_clicked = Signal()
    options_changed = Signal()
    """What Accept takes is set in another way here."""
    reset_options_clicked = Signal()
    overwrite_toggled = Signal()
    pointed = Signal(object)
    """`PointedAt`, when the mouse or the Tab key came to a button, or None when it left."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.head, self.regions, self.confidence_box = QWidget(), QWidget(), QWidget()
        self._make_head()
        self._make_regions()
        self._make_confidence()
        self._connect()

    def _make_head(self) -> None:
        head = self.head
        self.accept_next_button = primary(
            _button(tr("Accept && next"), tr("Accept the whole tile and show the next"), head)
        )
        self.reject_button = _button(tr("Reject"), tr("Reject the whole tile"), head)
        self.next_button = _button(tr("Next"), tr("Next tile to review"), head)
        self.preview, self.hint = Hint("", head), Hint("", head)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.preview.setMinimumHeight(PREVIEW_LINES * self.preview.fontMetrics().lineSpacing() + 4)  # no button moves
        self.preview.show()
        self.options = Hint("", head)
        self.reset_options_button = QPushButton(tr("Restore defaults"), head)
        self.reset_options_button.setToolTip(
            tr("Accept takes every pixel of the prediction, and keeps what you painted")
        )
        layout = body_layout(head)
        layout.addWidget(self.options)
        layout.addWidget(self.reset_options_button)
        self.set_options("")
        buttons = row(self.accept_next_button, self.reject_button, self.next_button, stretch=False)
        for column, share in enumerate((3, 2, 2)):
            buttons.setStretch(column, share)
        layout.addLayout(buttons)
        layout.addWidget(self.hint)  # right below the buttons: the line of the preview is empty where there is a hint
        layout.addWidget(self.preview)

    def _make_regions(self) -> None:
        regions = self.regions
        self.source_combo = QComboBox(regions)
        self.source_combo.addItem(tr("prediction (all pixels)"), OverlaySource.PREDICTION)
        self.source_combo.addItem(tr("confident pixels only"), OverlaySource.PSEUDO_LABEL)
        self.source_combo.setAccessibleName(tr("What to accept or reject"))
        self.source_combo.setMinimumContentsLength(8)
        self.source_combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.accept_tile_button = _button(tr("Accept"), tr("Accept the whole tile"), regions)
        self.draw_area_button = _button(
            tr("Draw region"), tr("Draw a region to accept or reject"), regions, is_mode=True
        )
        self.accept_area_button = _button(tr("Accept"), tr("Accept the drawn region"), regions)
        self.reject_area_button = _button(tr("Reject"), tr("Reject the drawn region"), regions)
        self.click_button = _button(tr("Accept"), tr("Accept regions by click"), regions, is_mode=True)
        self.reject_click_button = _button(tr("Reject"), tr("Reject regions by click"), regions, is_mode=True)
        self.replace_check = QCheckBox(tr("Overwrite my annotations"), regions)
        self.take_back_button = _button(tr("Clear rejections"), tr("Clear rejections"), regions)
        layout = body_layout(regions)
        source = row(caption(tr("Accept from"), regions), stretch=False)
        source.addWidget(self.source_combo, 1)
        layout.addLayout(source)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for line, parts in enumerate(
            (
                (caption(tr("Whole tile"), regions), self.accept_tile_button),
                (self.draw_area_button, self.accept_area_button, self.reject_area_button),
                (caption(tr("Click regions"), regions), self.click_button, self.reject_click_button),
            )
        ):
            for column, part in enumerate(parts):
                grid.addWidget(part, line, column)
        for column in range(3):
            grid.setColumnStretch(column, 1)
        layout.addLayout(grid)
        layout.addWidget(self.replace_check)
        layout.addWidget(self.take_back_button)

    def _make_confidence(self) -> None:
        box = self.confidence_box
        self.confidence_spin = QSpinBox(box)
        self.confidence_spin.setRange(1, 100)
        self.confidence_spin.setValue(USUAL_CONFIDENCE)
        self.confidence_spin.setSuffix(tr(" %"))
        self.confidence_spin.setStyleSheet(NUMBER_ALONE_STYLE)
        self.confidence_spin.setAccessibleName(tr("Confidence from which on to accept"))
        self.accept_sure_button = _button(tr("Accept"), tr("Accept from this confidence on"), box)
        layout = body_layout(box)
        line = row(caption(tr("Confidence ≥"), box), self.confidence_spin, self.accept_sure_button, stretch=False)
        line.setStretch(2, 1)
        layout.addLayout(line)

    def _connect(self) -> None:
        self.source_combo.currentIndexChanged.connect(lambda _index: self.source_changed.emit(self.source))
        self.accept_next_button.clicked.connect(lambda: self.accept_next_clicked.emit())
        self.source_combo.currentIndexChanged.connect(lambda _index: self.options_changed.emit())
        self.replace_check.toggled.connect(lambda _on: self.options_changed.emit())
        self.replace_check.toggled.connect(lambda _on: self.overwrite_toggled.emit())
        self.confidence_spin.valueChanged.connect(lambda _value: self.options_changed.emit())
        self.reset_options_button.clicked.connect(lambda: self.reset_options_clicked.emit())
        self.accept_tile_button.clicked.connect(lambda: self.accept_tile_clicked.emit())
        self.draw_area_button.clicked.connect(lambda on: self.draw_area_toggled.emit(on))
        self.accept_sure_button.clicked.connect(lambda: self.accept_sure_clicked.emit())
        self.confidence_spin.valueChanged.connect(lambda _value: self.pointed.emit(PointedAt.ACCEPT_SURE))
        self.accept_area_button.clicked.connect(lambda: self.accept_area_clicked.emit())
        self.reject_area_button.clicked.connect(lambda: self.reject_area_clicked.emit())
        self.click_button.clicked.connect(lambda on: self.click_mode_toggled.emit(on))
        self.reject_click_button.clicked.connect(lambda on: self.reject_click_mode_toggled.emit(on))
        self.reject_button.clicked.connect(lambda: self.reject_clicked.emit())
        self.take_back_button.clicked.connect(lambda: self.take_back_clicked.emit())
        self.next_button.clicked.connect(lambda: self.next_clicked.emit())
        self.replace_check.setToolTip(
            tr(
                "Off: accepting fills what is unannotated and replaces what was accepted before, never what you "
                "painted. On: it replaces that too, and asks first."
            )
        )
        self._previewed: dict[QObject, PointedAt] = {
            self.accept_next_button: PointedAt.ACCEPT_TILE,
            self.accept_tile_button: PointedAt.ACCEPT_TILE,
            self.reject_button: PointedAt.REJECT_TILE,
            self.accept_area_button: PointedAt.ACCEPT_AREA,
            self.reject_area_button: PointedAt.REJECT_AREA,
            self.confidence_spin: PointedAt.ACCEPT_SURE,
            self.accept_sure_button: PointedAt.ACCEPT_SURE,
        }
        for part in self._previewed:
            part.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell which button is pointed at, by mouse or by keyboard."""
        if event is not None:
            kind = event.type()
            if kind == QEvent.Type.Enter or (kind == QEvent.Type.FocusIn and is_by_keyboard(event)):
                self.pointed.emit(self._previewed.get(watched) if watched is not None else None)
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
            self.accept_tile_button, accept_reason, tr("Make annotations of it wherever you have not painted yourself")
        )
        set_available(
            self.accept_next_button,
            accept_reason,
            tr("Make annotations of it wherever you have not painted yourself, and show the next tile to review"),
        )
        sure_tip = tr("Accept every pixel that the model is at least this sure of; the rest stays open for you")
        set_available(self.accept_sure_button, accept_reason, sure_tip)
        self.confidence_spin.setEnabled(not accept_reason)
        self.confidence_spin.setToolTip(accept_reason or sure_tip)
        set_available(self.draw_area_button, accept_reason, tr("Outline the region to accept or reject, on the image"))
        set_available(self.accept_area_button, area_reason, tr("Accept only what lies inside the drawn outline"))
        set_available(
            self.click_button, accept_reason, tr("Then click on the image: the connected region there is accepted")
        )
        set_available(
            self.reject_button,
            reject_reason,
            tr("Put this prediction aside; the next training learns nothing from its guesses here. Annotations stay"),
        )
        set_available(
            self.reject_area_button,
            reject_reason or area_reason,
            tr("It is wrong inside the outline: the next training learns nothing from its guesses there"),
        )
        set_available(
            self.reject_click_button,
            reject_reason,
            tr("Then click a region that is wrong: the next training ignores it. A second click undoes that"),
        )
        set_available(self.next_button, next_reason, tr("Go to the next tile with a prediction that waits for review"))
        self.source_combo.setEnabled(not accept_reason)
        self.source_combo.setToolTip(accept_reason)
        self.replace_check.setEnabled(not accept_reason)

    def set_take_back(self, reason: str) -> None:
        """Enable the button that takes rejections back, or say why not."""
        tip = tr("Nothing of this tile is rejected any longer; a prediction that was put aside is shown again")
        set_available(self.take_back_button, reason, tip)

    def set_modes(self, *, drawing: bool, accepting: bool, rejecting: bool) -> None:
        """Show which way of pointing at areas is under way."""
        self.draw_area_button.setChecked(drawing)
        self.click_button.setChecked(accepting)
        self.reject_click_button.setChecked(rejecting)

    @property
    def is_usual_confidence(self) -> bool:
        """Whether nobody has changed from which confidence on all is accepted."""
        return bool(self.confidence_spin.value() == USUAL_CONFIDENCE)

    def set_options(self, text: str) -> None:
        """What Accept takes otherwise than by default, with a button that restores it; nothing where it does not."""
        self.options.set_text(text)
        self.reset_options_button.setVisible(bool(text))

    def reset_options(self) -> None:
        """Accept takes what it takes by default."""
        self.source_combo.setCurrentIndex(0)
        self.replace_check.setChecked(False)
        self.confidence_spin.setValue(USUAL_CONFIDENCE)

    def set_preview(self, text: str) -> None:
        """What the button that is pointed at would do."""
        self.preview.setText(text)

    def set_hint(self, text: str) -> None:
        """The sentence that says what to do or what was done."""
        self.hint.set_text(text)
