"""How long to train: by name, or in minutes."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from napari_unisemalign.widgets.common import NUMBER_ALONE_STYLE, row
from training_core.base.i18n import tr
from training_core.settings.variants import PRESET_MINUTES

DEFAULT = "balanced"
SPIN_PX = 66
_STYLE = f"""
QDoubleSpinBox {{ min-width: {SPIN_PX}px; max-width: {SPIN_PX}px; padding: 1px 3px; margin: 0; }}
{NUMBER_ALONE_STYLE}
"""


class TrainTime(QWidget):
    """A choice of times by name beside the minutes; each follows the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset_combo = QComboBox(self)
        words = {"quick": tr("Quick"), "balanced": tr("Balanced"), "thorough": tr("Thorough")}
        for name, minutes in PRESET_MINUTES.items():
            self.preset_combo.addItem(words[name], minutes)
        self.preset_combo.addItem(tr("Own time"))
        self.preset_combo.setToolTip(
            tr("Quick for a first look, Balanced for every round, Thorough for the last one; or type your own minutes.")
        )
        self.minutes_spin = QDoubleSpinBox(self)
        self.minutes_spin.setRange(0.1, 240.0)
        self.minutes_spin.setDecimals(1)
        self.minutes_spin.setSuffix(tr(" min"))
        self.minutes_spin.setStyleSheet(_STYLE)
        self.preset_combo.setMinimumContentsLength(7)
        self.preset_combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.minutes_spin.setToolTip(tr("How long to train. Longer is better, up to about half an hour."))
        self.minutes_spin.setAccessibleName(tr("Minutes to train"))
        self.preset_combo.setAccessibleName(tr("How long to train"))
        self.setLayout(row(self.preset_combo, self.minutes_spin, stretch=False))
        self.preset_combo.activated.connect(self._take_preset)
        self.minutes_spin.valueChanged.connect(self._name_minutes)
        self.minutes_spin.setValue(PRESET_MINUTES[DEFAULT])

    def _take_preset(self, _index: int) -> None:
        minutes = self.preset_combo.currentData()
        if minutes is not None:
            self.minutes_spin.setValue(minutes)
        else:  # the user's turn: type
            self.minutes_spin.setFocus()
            self.minutes_spin.selectAll()

    def _name_minutes(self, minutes: float) -> None:
        index = self.preset_combo.findData(minutes)
        self.preset_combo.setCurrentIndex(index if index >= 0 else self.preset_combo.count() - 1)
