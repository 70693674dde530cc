"""Step 4: overlays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QPushButton, QSlider, QWidget

from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.widgets.common import Hint, body_layout, set_available
from training_core.base.i18n import tr
from training_core.class_maps.tile_result import Branch

TITLES = {
    "prediction": (tr("Prediction"), tr("What the model says about every pixel")),
    "pseudo-label": (
        tr("Pseudo-label"),
        tr("Where the model is sure enough to teach itself; empty where it is not"),
    ),
    "confidence": (tr("Confidence"), tr("How sure the model is: dark is unsure, yellow is sure")),
    "comparison": (
        tr("Mark"),
        tr("Marks in bright cyan the pixels that differ: the places worth a second look before you accept."),
    ),
    "part": (
        tr("Only"),
        tr(
            "What one part of the model would say by itself: the decoder, which learned from your labels; the "
            "prototypes, one learned example of each class; or the text prompts of the classes. Their sum makes the "
            "pseudo-labels. Found out when you switch it on, which takes some seconds for each tile. Prediction and "
            "pseudo-label are hidden meanwhile."
        ),
    ),
}
PARTS = {
    Branch.TEXT: tr("the text prompts"),
    Branch.PROTOTYPES: tr("the prototypes"),
    Branch.DECODER: tr("the decoder"),
}
COMPARISONS = {
    Comparison.DISAGREEMENT: tr("what disagrees with the labels"),
    Comparison.CHANGES: tr("what changed since the last round"),
}
FLICKER_TIP = tr(
    "Takes all overlays off the image, and puts them back: going to and fro shows best whether a border is right. "
    "There is a key for it (F1 lists all keys)."
)
OPEN_TIP = tr(
    "Pixels that the model is less sure of are left open: they are not shown, and accepting leaves them unlabelled. "
    "At 0 % nothing is left open."
)


class OverlaysView(QWidget):
    """A switch for each overlay with its opacity or what it is to show, and from which confidence on to show."""

    visible_changed = Signal(str, bool)
    opacity_changed = Signal(str, float)
    comparison_changed = Signal(object)
    """Comparison."""
    part_changed = Signal(object)
    """Branch."""
    below_changed = Signal(float)
    """The confidence, 0 to 1, below which pixels are left open."""
    flicker_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.switches: dict[str, QCheckBox] = {}
        self.sliders: dict[str, QSlider] = {}
        self._percents: dict[str, QLabel] = {}
        self._setting = False
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        for line, role in enumerate(TITLES):
            self._add_switch(line, role)
        for line, role in enumerate(("prediction", "pseudo-label", "confidence")):
            self._add_opacity(line, role)
        self.comparison_combo = self._add_choice(3, "comparison", COMPARISONS, tr("What to mark on the image"))
        self.part_combo = self._add_choice(4, "part", PARTS, tr("Which part of the model to ask"))
        self.below_slider, self._below_percent = self._add_below(5)
        self._grid.setColumnStretch(1, 1)
        self.flicker_button = QPushButton(tr("Hide overlays"), self)
        self.flicker_button.setCheckable(True)
        self.words, self.part_words = Hint("", self), Hint("", self)
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.addLayout(self._grid)
        layout.addWidget(self.flicker_button)
        layout.addWidget(self.words)
        layout.addWidget(self.part_words)
        layout.addWidget(self.hint)
        self._connect()

    def _add_switch(self, line: int, role: str) -> None:
        switch = QCheckBox(TITLES[role][0], self)
        switch.toggled.connect(lambda on: self._tell_visible(role, on))
        self._grid.addWidget(switch, line, 0)
        self.switches[role] = switch

    def _add_opacity(self, line: int, role: str) -> None:
        slider, percent = QSlider(Qt.Orientation.Horizontal, self), self._percent_label()
        title = TITLES[role][0].lower()
        slider.setRange(0, 100)
        slider.setToolTip(tr("How strongly the {overlay} covers the tissue").format(overlay=title))
        slider.setAccessibleName(tr("Opacity of the {overlay}").format(overlay=title))
        slider.valueChanged.connect(lambda value: self._tell_opacity(role, value))
        self._grid.addWidget(slider, line, 1)
        self._grid.addWidget(percent, line, 2)
        self.sliders[role], self._percents[role] = slider, percent

    def _add_choice(self, line: int, role: str, choices: Mapping[Any, str], name: str) -> QComboBox:
        combo = QComboBox(self)
        for value, words in choices.items():
            combo.addItem(words, value)
        combo.setAccessibleName(name)
        combo.setToolTip(TITLES[role][1])
        self._grid.addWidget(combo, line, 1, 1, 2)
        return combo

    def _add_below(self, line: int) -> tuple[QSlider, QLabel]:
        slider, percent = QSlider(Qt.Orientation.Horizontal, self), self._percent_label()
        caption = QLabel(tr("Open below"), self)
        caption.setStyleSheet("padding: 0; margin: 0;")
        caption.setBuddy(slider)
        caption.setToolTip(OPEN_TIP)
        slider.setRange(0, 99)
        slider.setToolTip(OPEN_TIP)
        slider.setAccessibleName(tr("Leave pixels open below this confidence"))
        percent.setText("0 %")
        self._grid.addWidget(caption, line, 0)
        self._grid.addWidget(slider, line, 1)
        self._grid.addWidget(percent, line, 2)
        return slider, percent

    def _percent_label(self) -> QLabel:
        percent = QLabel("", self)
        percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        percent.setMinimumWidth(percent.fontMetrics().horizontalAdvance("100 %") + 6)
        return percent

    def _connect(self) -> None:
        self.comparison_combo.activated.connect(lambda _index: self.comparison_changed.emit(self.comparison))
        self.part_combo.activated.connect(lambda _index: self.part_changed.emit(self.part))
        self.below_slider.valueChanged.connect(self._tell_below)
        self.flicker_button.clicked.connect(lambda: self.flicker_clicked.emit())

    @property
    def comparison(self) -> Comparison:
        """What to mark."""
        return Comparison(self.comparison_combo.currentData())

    @property
    def part(self) -> Branch:
        """Which part of the fused logits to show."""
        return Branch(self.part_combo.currentData())

    @property
    def below(self) -> float:
        """The confidence, 0 to 1, below which pixels are left open."""
        return self.below_slider.value() / 100

    def set_confusion(self, words: str) -> None:
        """Offer to mark a cell of the confusion matrix, and choose that; no words: take the offer away."""
        combo = self.comparison_combo
        place = combo.findData(Comparison.CONFUSION)
        if place >= 0:
            combo.removeItem(place)
        if words:
            widest = max(combo.fontMetrics().horizontalAdvance(combo.itemText(row)) for row in range(combo.count()))
            short = combo.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, widest)
            combo.addItem(short, Comparison.CONFUSION)  # a longer one would widen the whole panel
            combo.setItemData(combo.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
            combo.setCurrentIndex(combo.count() - 1)

    def set_overlay(self, role: str, visible: bool, opacity: float) -> None:
        """Show how a layer is shown, without telling anybody."""
        self._setting = True
        self.switches[role].setChecked(visible)
        if role in self.sliders:
            self.sliders[role].setValue(round(100 * opacity))
            self._percents[role].setText(f"{round(100 * opacity)} %")
        self._setting = False

    def set_flickered(self, hidden: bool) -> None:
        """Whether the overlays are off the image for a moment."""
        self.flicker_button.setChecked(hidden)
        self.flicker_button.setText(tr("Show overlays") if hidden else tr("Hide overlays"))

    def set_words(self, words: str) -> None:
        """What the marked and the open pixels are, with numbers."""
        self.words.set_text(words)

    def set_part_words(self, words: str) -> None:
        """How far one part agrees, or why it is not to be seen."""
        self.part_words.set_text(words)

    def set_available(self, reason: str) -> None:
        """Enable the rows, or say why there is nothing to show."""
        for role, (_, tip) in TITLES.items():
            set_available(self.switches[role], reason, tip)
        for part in (*self.sliders.values(), self.comparison_combo, self.part_combo, self.below_slider):
            part.setEnabled(not reason)
        set_available(self.flicker_button, reason, FLICKER_TIP)
        self.hint.set_text(reason)

    def _tell_visible(self, role: str, visible: bool) -> None:
        if not self._setting:
            self.visible_changed.emit(role, visible)

    def _tell_opacity(self, role: str, value: int) -> None:
        self._percents[role].setText(f"{value} %")
        if not self._setting:
            self.opacity_changed.emit(role, value / 100)

    def _tell_below(self, value: int) -> None:
        self._below_percent.setText(f"{value} %")
        self.below_changed.emit(value / 100)
