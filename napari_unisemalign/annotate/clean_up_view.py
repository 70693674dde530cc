"""Post-processing of the prediction before it is accepted or exported."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QSpinBox, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout, caption
from training_core.base.i18n import tr
from training_core.class_maps.clean_up import CleanUp

_STEPS = (
    (
        "smooth_px",
        tr("Smooth borders"),
        4,
        200,
        tr("Bays and bumps narrower than about this are evened out"),
    ),
    (
        "max_hole_px",
        tr("Fill holes"),
        100,
        99_999,
        tr("Holes of background up to this size are filled"),
    ),
    ("min_object_px", tr("Remove small objects"), 100, 99_999, tr("Objects below this size go to what surrounds them")),
    (
        "split_px",
        tr("Separate touching objects"),
        0,
        200,
        tr("Cuts at a waist that is this much narrower on each side"),
    ),
)
"""Field of CleanUp, words, value at first, largest value, and what it does, in the order in which it is done."""

AREAS = ("max_hole_px", "min_object_px")
"""Fields that count the pixels of an area."""

_NO_BUTTONS = "QSpinBox { min-width: 0; } QSpinBox::up-button, QSpinBox::down-button { width: 0; }"


class CleanUpView(QWidget):
    """A switch, and under it a number of pixels for each step."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox(tr("Post-process the prediction"), self)
        self.switch.setToolTip(
            tr("What you accept, reject or export is cleaned up like this; the run's own files stay as they are")
        )
        self.spins: dict[str, QSpinBox] = {}
        self._sizes: dict[str, QLabel] = {}
        self._mpp_um: float | None = None
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
        spin, label = QSpinBox(self._numbers), caption(words, self._numbers)
        spin.setRange(0, largest)
        spin.setValue(value)
        spin.setSpecialValueText(tr("off"))
        spin.setSuffix(tr(" px"))
        spin.setStyleSheet(_NO_BUTTONS)
        spin.setFixedWidth(spin.fontMetrics().horizontalAdvance(f"{largest}{spin.suffix()}") + 16)
        spin.setKeyboardTracking(False)  # 1 and 12 are not asked for on the way to 120
        for each in (spin, label):
            each.setToolTip(tip)
        label.setBuddy(spin)
        spin.setAccessibleName(words)
        spin.valueChanged.connect(lambda _value: self._on_number())
        size = caption("", self._numbers)
        grid.addWidget(label, place, 0)
        grid.addWidget(spin, place, 1)
        grid.addWidget(size, place, 2)
        grid.setColumnStretch(0, 1)
        self._sizes[field] = size
        self.spins[field] = spin

    @property
    def value(self) -> CleanUp:
        """What is to be done; nothing while the switch is off."""
        if not self.switch.isChecked():
            return CleanUp()
        return CleanUp(**{field: spin.value() for field, spin in self.spins.items()})

    def reset(self) -> None:
        """Nothing is cleaned up."""
        self.switch.setChecked(False)

    def set_pixel_size(self, mpp_um: float | None) -> None:
        """Show beside each number what it is on the tissue; None: the tile has no pixel size."""
        self._mpp_um = mpp_um
        self._show_sizes()

    def _show_sizes(self) -> None:
        for field, label in self._sizes.items():
            pixels, is_area = self.spins[field].value(), field in AREAS
            if self._mpp_um is None or not pixels:
                label.setText("")
            elif is_area:
                label.setText(tr("{size} µm²").format(size=f"{pixels * self._mpp_um**2:,.3g}"))
            else:
                label.setText(tr("{size} µm").format(size=f"{pixels * self._mpp_um:,.3g}"))

    def _on_number(self) -> None:
        self._show_sizes()
        self.changed.emit()

    def set_words(self, text: str) -> None:
        """What the clean-up changes on this tile."""
        self.words.set_text(text)

    def _on_switch(self, on: bool) -> None:
        self._numbers.setVisible(on)
        self.changed.emit()
