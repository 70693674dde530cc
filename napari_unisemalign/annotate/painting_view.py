"""The brush, undo and redo, and help with the last stroke."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QSlider, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, caption, row, set_available
from napari_unisemalign.widgets.events import is_by_keyboard
from training_core.base.i18n import tr

MAX_BRUSH_PX = 200
"""A brush may be larger in napari's own controls; the slider then stands at its end."""


FILL, GROW, SNAP = "fill", "grow", "snap"
"""The tools for the last stroke."""


class PaintingView(QWidget):
    """Buttons; what they act on is the last stroke."""

    brush_changed = Signal(int)
    """Its diameter in pixels of the tile."""
    erase_clicked = Signal(bool)
    """To erase from now on, or to paint again."""
    pointed = Signal(str)
    """The mouse or the Tab key came to one of the tools; empty when it left."""
    undo_clicked = Signal()
    redo_clicked = Signal()
    fill_clicked = Signal()
    grow_clicked = Signal()
    snap_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._erase_tip = ""
        self._mpp_um: float | None = None
        self.undo_button = QPushButton(tr("Undo"), self)
        self.redo_button = QPushButton(tr("Redo"), self)
        self.fill_button = QPushButton(tr("Fill outline"), self)
        self.fill_button.setAccessibleName(tr("Fill what the last stroke closes around"))
        self.grow_button = QPushButton(tr("Expand to prediction"), self)
        self.grow_button.setAccessibleName(tr("Expand the last stroke to the predicted region"))
        self.snap_button = QPushButton(tr("Snap to edge"), self)
        self.snap_button.setAccessibleName(tr("Snap the last stroke to the predicted edge"))
        self.brush_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.brush_slider.setRange(1, MAX_BRUSH_PX)
        self.brush_slider.setAccessibleName(tr("Size of the brush, in pixels"))
        self.brush_words = QLabel("", self)
        self.brush_words.setMinimumWidth(48)
        self.erase_button = QPushButton(tr("Eraser"), self)
        self.erase_button.setCheckable(True)
        layout = body_layout(self)
        brush = row(caption(tr("Brush"), self, self.brush_slider), self.brush_slider, self.brush_words, stretch=False)
        brush.setStretch(1, 1)
        brush.addWidget(self.erase_button)
        layout.addLayout(brush)
        layout.addLayout(row(self.undo_button, self.redo_button))
        self.saved = Hint("", self)
        layout.addWidget(caption(tr("Last stroke"), self))
        layout.addLayout(row(self.fill_button, self.snap_button))
        layout.addWidget(self.grow_button)
        layout.addWidget(self.saved)
        self._tools = {self.fill_button: FILL, self.grow_button: GROW, self.snap_button: SNAP}
        for button in self._tools:
            button.installEventFilter(self)
        self.brush_slider.valueChanged.connect(self._on_brush)
        self.erase_button.clicked.connect(lambda checked: self.erase_clicked.emit(checked))
        self.undo_button.clicked.connect(lambda: self.undo_clicked.emit())
        self.redo_button.clicked.connect(lambda: self.redo_clicked.emit())
        self.fill_button.clicked.connect(lambda: self.fill_clicked.emit())
        self.grow_button.clicked.connect(lambda: self.grow_clicked.emit())
        self.snap_button.clicked.connect(lambda: self.snap_clicked.emit())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell which tool is pointed at, by mouse or by keyboard."""
        if event is not None and isinstance(watched, QPushButton) and watched in self._tools:
            kind = event.type()
            if kind == QEvent.Type.Enter or (kind == QEvent.Type.FocusIn and is_by_keyboard(event)):
                self.pointed.emit(self._tools[watched])
            elif kind in (QEvent.Type.Leave, QEvent.Type.FocusOut):
                self.pointed.emit("")
        return super().eventFilter(watched, event)

    def set_brush(self, size_px: int | None, erasing: bool, mpp_um: float | None = None) -> None:
        """Show the brush as it is, without telling anybody; None: there is nothing to paint on.

        mpp_um: the size of a pixel, where it is known.
        """
        self._mpp_um = mpp_um
        reason = tr("Open a project and show a tile first.") if size_px is None else ""
        self.brush_slider.setEnabled(not reason)
        self.brush_slider.setToolTip(reason or tr("Size of the brush, in pixels of the tile"))
        set_available(self.erase_button, reason, self._erase_tip)
        self.erase_button.setChecked(erasing)
        if size_px is not None:
            self.brush_slider.blockSignals(True)
            self.brush_slider.setValue(size_px)
            self.brush_slider.blockSignals(False)
            self._say_size(size_px)

    def set_erase_key(self, key: str, tip: str) -> None:
        """Show the eraser's key on its button."""
        self.erase_button.setText(tr("Eraser ({key})").format(key=key) if key else tr("Eraser"))
        self._erase_tip = tip
        if self.erase_button.isEnabled():
            self.erase_button.setToolTip(tip)

    def _say_size(self, size_px: int) -> None:
        if self._mpp_um is None:
            self.brush_words.setText(tr("{size} px").format(size=size_px))
        else:
            self.brush_words.setText(tr("{size} µm").format(size=f"{size_px * self._mpp_um:.3g}"))

    def _on_brush(self, size_px: int) -> None:
        self._say_size(size_px)
        self.brush_changed.emit(size_px)

    def set_undo(self, reason: str, tip: str) -> None:
        """Enable the undo button with this tooltip, or say why not."""
        set_available(self.undo_button, reason, tip)

    def set_redo(self, reason: str, tip: str) -> None:
        """Enable the redo button with this tooltip, or say why not."""
        set_available(self.redo_button, reason, tip)

    def set_saved(self, text: str) -> None:
        """Whether the strokes are on the disk."""
        self.saved.set_text(text)

    def set_help(self, no_stroke: str, no_prediction: str) -> None:
        """Enable the help with the last stroke, or say why there is none to help with."""
        set_available(self.fill_button, no_stroke, tr("Draw an outline first: what it closes around gets its class"))
        set_available(
            self.grow_button,
            no_stroke or no_prediction,
            tr("Touch a predicted region first: all of it gets the stroke's class"),
        )
        set_available(
            self.snap_button,
            no_stroke or no_prediction,
            tr("The stroke's edge moves to the predicted boundary nearby, by at most half the brush"),
        )
