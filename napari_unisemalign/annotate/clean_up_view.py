"""Post-processing of the prediction before it is accepted or exported."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_unisemalign.widgets.common import NUMBER_ALONE_STYLE, Hint, body_layout, caption
from training_core.base.i18n import tr
from training_core.class_maps.clean_up import CleanUp, CleanUpUm

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
UM_FIELDS = {
    "smooth_px": "smooth_um",
    "max_hole_px": "max_hole_um2",
    "min_object_px": "min_object_um2",
    "split_px": "split_um",
}
"""The fields of CleanUpUm."""
SHOWN_FOR = 100_000.0
"""The largest number of µm or µm² that can be typed."""


@dataclass
class _Size:
    """One number as it was typed: on the tissue where the pixel size was known, else in pixels."""

    px: int
    um: float | None = None


class CleanUpView(QWidget):
    """A switch, and under it a number for each step: in µm where the tile's pixel size is known, else in pixels."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switch = QCheckBox(tr("Post-process the prediction"), self)
        self.switch.setToolTip(
            tr("What you accept, reject or export is cleaned up like this; the run's own files stay as they are")
        )
        self.spins: dict[str, QDoubleSpinBox] = {}
        self._others: dict[str, QLabel] = {}
        self._sizes = {field: _Size(value) for field, _words, value, _largest, _tip in _STEPS}
        self._most_px = {field: largest for field, _words, _value, largest, _tip in _STEPS}
        self._mpp_um: float | None = None
        self._numbers = QWidget(self)
        grid = QGridLayout(self._numbers)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for place, (field, words, _value, _largest, tip) in enumerate(_STEPS):
            self._add_spin(grid, place, field, words, tip)
        self.words = Hint("", self)
        layout = body_layout(self)
        layout.addWidget(self.switch)
        layout.addWidget(self._numbers)
        layout.addWidget(self.words)
        self._numbers.hide()
        self._show_sizes()
        self.switch.toggled.connect(self._on_switch)

    def _add_spin(self, grid: QGridLayout, place: int, field: str, words: str, tip: str) -> None:
        spin, label = QDoubleSpinBox(self._numbers), caption(words, self._numbers)
        spin.setSpecialValueText(tr("off"))
        spin.setStyleSheet(f"QDoubleSpinBox {{ min-width: 0; }} {NUMBER_ALONE_STYLE}")
        spin.setFixedWidth(spin.fontMetrics().horizontalAdvance(tr("99999.99 µm²")) + 16)
        spin.setKeyboardTracking(False)  # 1 and 12 are not asked for on the way to 120
        for each in (spin, label):
            each.setToolTip(tip)
        label.setBuddy(spin)
        spin.setAccessibleName(words)
        spin.valueChanged.connect(lambda value: self._on_number(field, value))
        other = caption("", self._numbers)
        grid.addWidget(label, place, 0)
        grid.addWidget(spin, place, 1)
        grid.addWidget(other, place, 2)
        grid.setColumnStretch(0, 1)
        self._others[field] = other
        self.spins[field] = spin

    @property
    def is_on(self) -> bool:
        """Whether anything is to be done."""
        return self.switch.isChecked() and any(size.px or size.um for size in self._sizes.values())

    @property
    def value(self) -> CleanUp:
        """What is to be done on the tile on screen; nothing while the switch is off."""
        if not self.switch.isChecked():
            return CleanUp()
        return CleanUp(**{field: size.px for field, size in self._sizes.items()})

    @property
    def on_tissue(self) -> CleanUpUm | None:
        """The same in µm, for tiles of any pixel size; None where the numbers were typed in pixels."""
        sizes = {UM_FIELDS[field]: size.um for field, size in self._sizes.items() if size.um is not None}
        return CleanUpUm(**sizes) if len(sizes) == len(UM_FIELDS) else None

    def reset(self) -> None:
        """Nothing is cleaned up."""
        self.switch.setChecked(False)

    def set_pixel_size(self, mpp_um: float | None) -> None:
        """Ask for sizes on the tissue where pixels have a known size; None: it is not known, and pixels are asked for.

        What was typed on a tile before holds on this one: so many µm, which are other pixels.
        """
        if mpp_um == self._mpp_um:
            return
        self._mpp_um = mpp_um
        if mpp_um is not None:
            for field, size in self._sizes.items():
                if size.um is None:
                    size.um = round(size.px * self._um_per_px(field), 2)
                size.px = self._in_px(field, size.um)
        self._show_sizes()

    def _um_per_px(self, field: str) -> float:
        assert self._mpp_um is not None
        return self._mpp_um**2 if field in AREAS else self._mpp_um

    def _in_px(self, field: str, um: float) -> int:
        return min(round(um / self._um_per_px(field)), self._most_px[field])

    def _show_sizes(self) -> None:
        """Put the numbers into the fields, without telling anybody, and the other unit beside them."""
        for field, spin in self.spins.items():
            size, is_area = self._sizes[field], field in AREAS
            spin.blockSignals(True)
            if self._mpp_um is None:
                spin.setDecimals(0)
                spin.setRange(0, self._most_px[field])
                spin.setSuffix(tr(" px"))
                spin.setValue(size.px)
            else:
                spin.setDecimals(2)
                spin.setRange(0, min(SHOWN_FOR, self._most_px[field] * self._um_per_px(field)))
                spin.setSuffix(tr(" µm²") if is_area else tr(" µm"))
                spin.setValue(size.um or 0.0)
            spin.blockSignals(False)
            self._show_other(field)

    def _show_other(self, field: str) -> None:
        """Beside a size on the tissue, how many pixels of this tile it is; less than one does nothing."""
        size = self._sizes[field]
        words = tr("{count} px").format(count=f"{size.px:,}") if size.um else ""
        if size.um and not size.px:
            words = tr("less than 1 px")
        self._others[field].setText(words if self._mpp_um is not None else "")

    def _on_number(self, field: str, value: float) -> None:
        size = self._sizes[field]
        if self._mpp_um is None:
            size.px, size.um = round(value), None
        else:
            size.um, size.px = value, self._in_px(field, value)
        self._show_other(field)
        self.changed.emit()

    def set_words(self, text: str) -> None:
        """What the clean-up changes on this tile."""
        self.words.set_text(text)

    def _on_switch(self, on: bool) -> None:
        self._numbers.setVisible(on)
        self.changed.emit()
