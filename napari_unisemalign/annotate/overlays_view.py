"""What of the prediction is drawn over the tile, and how."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSlider,
    QWidget,
)

from napari_unisemalign.annotate.class_styles_view import ClassStyles
from napari_unisemalign.annotate.overlay_maps import Comparison
from napari_unisemalign.widgets.common import Hint, body_layout, caption, row, set_available
from training_core.base.i18n import tr
from training_core.class_maps.tile_result import Branch
from training_core.project import TissueClass

TITLES = {
    "prediction": (tr("Prediction"), tr("What the model says about every pixel")),
    "pseudo-label": (
        tr("Training targets"),
        tr(
            tr("Pseudo-labels: where the model is confident enough to teach itself; empty where it is not"),
        ),
    ),
    "confidence": (tr("Confidence map"), tr("The confidence of the model: dark is low, yellow is high")),
    "comparison": (
        tr("Highlight"),
        tr("Highlights in bright cyan the pixels that differ: the places worth a second look before you accept."),
    ),
    "part": (
        tr("Show one branch"),
        tr(
            "What one branch of the model would say by itself: the decoder, which learned from your annotations; the "
            "prototypes, one learned example of each class; or the text prompts of the classes. Their sum makes the "
            "training targets. Computed when you switch it on, which takes some seconds for each tile. Prediction and "
            "training targets are hidden meanwhile."
        ),
    ),
}
PARTS = {
    Branch.TEXT: tr("text"),
    Branch.PROTOTYPES: tr("prototypes"),
    Branch.DECODER: tr("decoder"),
}
COMPARISONS = {
    Comparison.DISAGREEMENT: tr("differences from annotations"),
    Comparison.CHANGES: tr("changes since last round"),
}
FLICKER_TIP = tr(
    "Takes all overlays off the image, and puts them back: going to and fro shows best whether a border is right. "
    "There is a key for it (F1 lists all keys)."
)
OPEN_TIP = tr(
    "Pixels below this confidence are not shown, and accepting leaves them unannotated. At 0 % nothing is hidden."
)


class OverlaysView(QObject):
    """Three widgets of one mind: `display`, `confidence` and `advanced`; the page places them."""

    visible_changed = Signal(str, bool)
    opacity_changed = Signal(str, float)
    comparison_changed = Signal(object)
    """Comparison."""
    part_changed = Signal(object)
    """Branch."""
    below_changed = Signal(float)
    """The confidence, 0 to 1, below which pixels are left open."""
    flicker_clicked = Signal()
    outline_changed = Signal(bool)
    """All classes as borders only, or filled."""
    class_outlined = Signal(int, bool)
    """One class as borders only, or filled."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.switches: dict[str, QCheckBox] = {}
        self.sliders: dict[str, QSlider] = {}
        self._percents: dict[str, QLabel] = {}
        self._setting = False
        self.display, self.confidence, self.advanced = QWidget(), QWidget(), QWidget()
        self._make_display()
        self._make_confidence()
        self._make_advanced()
        self._connect()

    def _make_display(self) -> None:
        box, grid = self.display, _grid()
        self._add_switch(box, grid, 0, "prediction")
        self._add_opacity(box, grid, 0, "prediction")
        self.filled_button = QRadioButton(tr("Filled"), box)
        self.outline_button = QRadioButton(tr("Outline"), box)
        self.filled_button.setToolTip(tr("Fill the predicted regions of every class"))
        self.outline_button.setToolTip(
            tr("Draw the borders of the predicted regions only, so that the tissue stays in sight")
        )
        self._styles = QButtonGroup(box)
        for each in (self.filled_button, self.outline_button):
            self._styles.addButton(each)
        self.filled_button.setChecked(True)
        self.class_styles = ClassStyles(box)
        self.flicker_button = QPushButton(tr("Hide overlays"), box)
        self.flicker_button.setCheckable(True)
        self.flicker_button.setAccessibleName(tr("Hide overlays"))  # also while its words are the way back: checked
        self.hint = Hint("", box)
        layout = body_layout(box)
        layout.addLayout(grid)
        layout.addLayout(row(self.filled_button, self.outline_button, self.flicker_button))
        layout.addWidget(self.class_styles)
        layout.addWidget(self.hint)

    def _make_confidence(self) -> None:
        box, grid = self.confidence, _grid()
        self._add_switch(box, grid, 0, "confidence")
        self._add_opacity(box, grid, 0, "confidence")
        self.below_slider, self._below_percent = self._add_below(box, grid, 1)
        body_layout(box).addLayout(grid)

    def _make_advanced(self) -> None:
        box, grid = self.advanced, _grid()
        self._add_switch(box, grid, 0, "pseudo-label")
        self._add_opacity(box, grid, 0, "pseudo-label")
        self._add_switch(box, grid, 1, "comparison")
        self.comparison_combo = self._add_choice(
            box, grid, 1, "comparison", COMPARISONS, tr("What to highlight on the image")
        )
        self._add_switch(box, grid, 3, "part")
        self.part_combo = self._add_choice(box, grid, 3, "part", PARTS, tr("Which branch of the model to show"))
        self.words, self.part_words = Hint("", box), Hint("", box)
        layout = body_layout(box)
        layout.addLayout(grid)
        layout.addWidget(self.words)
        layout.addWidget(self.part_words)

    def _add_switch(self, box: QWidget, grid: QGridLayout, line: int, role: str) -> None:
        switch = QCheckBox(TITLES[role][0], box)
        switch.toggled.connect(lambda on: self._tell_visible(role, on))
        grid.addWidget(switch, line, 0)
        self.switches[role] = switch

    def _add_opacity(self, box: QWidget, grid: QGridLayout, line: int, role: str) -> None:
        slider, percent = QSlider(Qt.Orientation.Horizontal, box), _percent_label(box)
        title = TITLES[role][0].lower()
        slider.setRange(0, 100)
        slider.setToolTip(tr("How strongly the {overlay} covers the tissue").format(overlay=title))
        slider.setAccessibleName(tr("Opacity of the {overlay}").format(overlay=title))
        slider.valueChanged.connect(lambda value: self._tell_opacity(role, value))
        grid.addWidget(slider, line, 1)
        grid.addWidget(percent, line, 2)
        self.sliders[role], self._percents[role] = slider, percent

    def _add_choice(
        self, box: QWidget, grid: QGridLayout, line: int, role: str, choices: Mapping[Any, str], name: str
    ) -> QComboBox:
        combo = QComboBox(box)
        for value, words in choices.items():
            combo.addItem(words, value)
        combo.setAccessibleName(name)
        combo.setToolTip(TITLES[role][1])
        combo.setMinimumContentsLength(5)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        grid.addWidget(combo, line + 1, 0, 1, 3)
        return combo

    def _add_below(self, box: QWidget, grid: QGridLayout, line: int) -> tuple[QSlider, QLabel]:
        slider, percent = QSlider(Qt.Orientation.Horizontal, box), _percent_label(box)
        label = caption(tr("Hide below"), box, slider)
        label.setToolTip(OPEN_TIP)
        slider.setRange(0, 99)
        slider.setToolTip(OPEN_TIP)
        slider.setAccessibleName(tr("Hide pixels below this confidence; they are left unannotated"))
        percent.setText("0 %")
        grid.addWidget(label, line, 0)
        grid.addWidget(slider, line, 1)
        grid.addWidget(percent, line, 2)
        return slider, percent

    def _connect(self) -> None:
        self.comparison_combo.activated.connect(lambda _index: self.comparison_changed.emit(self.comparison))
        self.part_combo.activated.connect(lambda _index: self.part_changed.emit(self.part))
        self.below_slider.valueChanged.connect(self._tell_below)
        self.flicker_button.clicked.connect(lambda: self.flicker_clicked.emit())
        self.filled_button.clicked.connect(lambda: self.outline_changed.emit(False))
        self.outline_button.clicked.connect(lambda: self.outline_changed.emit(True))
        self.class_styles.toggled.connect(self.class_outlined)

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

    def set_outlined(self, classes: Sequence[TissueClass], outlined: Collection[int]) -> None:
        """Show which classes are outlines; where some are and some are not, neither choice for all is checked."""
        self.class_styles.set_classes(classes, outlined)
        every = bool(outlined) and all(each.id in outlined for each in classes)
        self._styles.setExclusive(False)  # Qt keeps one of an exclusive group checked
        self.filled_button.setChecked(not outlined)
        self.outline_button.setChecked(every)
        self._styles.setExclusive(True)

    def is_shown(self, role: str) -> bool:
        """Whether an overlay is to be seen."""
        return self.switches[role].isChecked()

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

    def show_from_confidence(self, below: float) -> None:
        """Leave open what is below this confidence, 0 to 1."""
        self.below_slider.setValue(round(100 * below))

    def _tell_below(self, value: int) -> None:
        self._below_percent.setText(f"{value} %")
        self.below_changed.emit(value / 100)


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    return grid


def _percent_label(parent: QWidget) -> QLabel:
    percent = QLabel("", parent)
    percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    percent.setMinimumWidth(percent.fontMetrics().horizontalAdvance("100 %") + 6)
    return percent
