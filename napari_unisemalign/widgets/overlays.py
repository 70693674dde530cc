"""Section 4: overlays."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QSlider, QWidget

from napari_unisemalign.widgets.common import Hint, body_layout

TITLES = {
    "prediction": ("Prediction", "What the model says about every pixel"),
    "pseudo-label": ("Pseudo-label", "Where the model is sure enough to teach itself; empty where it is not"),
    "confidence": ("Confidence", "How sure the model is: dark is unsure, yellow is sure"),
}


class OverlaysView(QWidget):
    """A switch and an opacity for each overlay."""

    visible_changed = Signal(str, bool)
    opacity_changed = Signal(str, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switches: dict[str, QCheckBox] = {}
        self.sliders: dict[str, QSlider] = {}
        self._percents: dict[str, QLabel] = {}
        self._setting = False
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        for line, (role, (title, tip)) in enumerate(TITLES.items()):
            self._add_row(grid, line, role, title, tip)
        grid.setColumnStretch(1, 1)
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addLayout(grid)
        layout.addWidget(self.hint)

    def _add_row(self, grid: QGridLayout, line: int, role: str, title: str, tip: str) -> None:
        switch, slider, percent = QCheckBox(title, self), QSlider(Qt.Orientation.Horizontal, self), QLabel("", self)
        switch.setToolTip(tip)
        slider.setRange(0, 100)
        slider.setToolTip(f"Opacity of the {title.lower()}")
        slider.setAccessibleName(f"Opacity of the {title.lower()}")
        percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        percent.setMinimumWidth(percent.fontMetrics().horizontalAdvance("100 %") + 6)
        grid.addWidget(switch, line, 0)
        grid.addWidget(slider, line, 1)
        grid.addWidget(percent, line, 2)
        switch.toggled.connect(lambda on: self._tell_visible(role, on))
        slider.valueChanged.connect(lambda value: self._tell_opacity(role, value))
        self.switches[role], self.sliders[role], self._percents[role] = switch, slider, percent

    def set_overlay(self, role: str, visible: bool, opacity: float) -> None:
        """Show how a layer is shown, without telling anybody."""
        self._setting = True
        self.switches[role].setChecked(visible)
        self.sliders[role].setValue(round(100 * opacity))
        self._percents[role].setText(f"{round(100 * opacity)} %")
        self._setting = False

    def set_available(self, reason: str) -> None:
        """Enable the rows, or say why there is nothing to show."""
        for role, (_, tip) in TITLES.items():
            self.switches[role].setEnabled(not reason)
            self.switches[role].setToolTip(reason or tip)
            self.sliders[role].setEnabled(not reason)
        self.hint.set_text(reason)

    def _tell_visible(self, role: str, visible: bool) -> None:
        if not self._setting:
            self.visible_changed.emit(role, visible)

    def _tell_opacity(self, role: str, value: int) -> None:
        self._percents[role].setText(f"{value} %")
        if not self._setting:
            self.opacity_changed.emit(role, value / 100)
