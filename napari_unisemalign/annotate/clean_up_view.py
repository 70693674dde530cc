"""Step 4: cleaning up the prediction before it is accepted or exported."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QSpinBox, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, caption
from training_core.base.i18n import tr
from training_core.class_maps.clean_up import CleanUp

_STEPS = (
    ("smooth_px", tr("Smooth"), 4, 200, tr("Bays and bumps of the border narrower than about this are evened out")),
    (
        "max_hole_px",
        tr("Fill holes"),
        100,
        99_999,
        tr("Holes of background up to this size are filled"),
    ),
    ("min_object_px", tr("Specks"), 100, 99_999, tr("Areas below this size go to what surrounds them")),
    ("split_px", tr("Split"), 0, 200, tr("Areas come apart at a waist that is this much narrower on each side")),
)
"""Field of CleanUp, words, value at first, largest value, and what it does, in the order in which it is done."""


class CleanUpView(QWidget):
    """A switch, and under it a number of pixels for each step."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox(tr("Clean up the prediction (numbers in pixels)"), self)
        self.switch.setToolTip(
            tr("What you accept, reject or export is cleaned up like this; the run's own files stay as they are")
        )
        self.spins: dict[str, QSpinBox] = {}
        self._numbers = QWidget(self)
        grid = QGridLayout(self._numbers)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for place, (field, words, value, largest, tip) in enumerate(_STEPS):
            self._add_spin(grid, place, field, words, value, largest, tip)
        self.words = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.switch)
        layout.addWidget(self._numbers)
        layout.addWidget(self.words)
        self._numbers.hide()
        self.switch.toggled.connect(self._on_switch)

    def _add_spin(
        self, grid: QGridLayout, place: int, field: str, words: str, value: int, largest: int, tip: str
    ) -> None:
        """Two of them beside each other."""
        spin, label = QSpinBox(self._numbers), caption(words, self._numbers)
        spin.setRange(0, largest)
        spin.setValue(value)
        spin.setSpecialValueText(tr("off"))
        spin.setKeyboardTracking(False)  # 1 and 12 are not asked for on the way to 120
        for each in (spin, label):
            each.setToolTip(tip)
        label.setBuddy(spin)
        spin.setAccessibleName(words)
        spin.valueChanged.connect(lambda _value: self.changed.emit())
        line, column = divmod(place, 2)
        grid.addWidget(label, line, 2 * column)
        grid.addWidget(spin, line, 2 * column + 1)
        grid.setColumnStretch(2 * column + 1, 1)
        self.spins[field] = spin

    @property
    def value(self) -> CleanUp:
        """What is to be done; nothing while the switch is off."""
        if not self.switch.isChecked():
            return CleanUp()
        return CleanUp(**{field: spin.value() for field, spin in self.spins.items()})

    def set_words(self, text: str) -> None:
        """What the clean-up changes on this tile."""
        self.words.set_text(text)

    def _on_switch(self, on: bool) -> None:
        self._numbers.setVisible(on)
        self.changed.emit()
