"""Step 3: the chart, what it shows, and its table."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.train.contracts import Plot
from napari_unisemalign.widgets.chart import ChartView, Series
from napari_unisemalign.widgets.common import SPACING, Hint, row
from training_core.base.i18n import tr

PLOTS = (
    (Plot.DICE, tr("Dice per class")),
    (Plot.LOSSES, tr("Losses")),
    (Plot.PSEUDO_LABELS, tr("Pseudo-labels")),
)


class TrainingChart(QWidget):
    """A choice, the curves, and their legend; nothing while there is no curve."""

    plot_changed = Signal()
    save_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot_combo = QComboBox(self)
        for plot, words in PLOTS:
            self.plot_combo.addItem(words, plot)
        self.plot_combo.setAccessibleName(tr("What the chart shows"))
        self.save_button = QPushButton(tr("Export (CSV)…"), self)
        self.save_button.setToolTip(tr("All curves of this project's rounds as a CSV file, for a spreadsheet"))
        self.view = ChartView(self)
        self.legend = Hint("", self)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.note = Hint("", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        # the names of the plots are longer than a narrow panel has room for; the list that unfolds shows them whole
        self.plot_combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.plot_combo.setMinimumContentsLength(6)
        choice = row(self.plot_combo, self.save_button, stretch=False)
        choice.setStretch(0, 1)
        layout.addLayout(choice)
        layout.addWidget(self.view)
        layout.addWidget(self.legend)
        layout.addWidget(self.note)
        self.plot_combo.currentIndexChanged.connect(lambda _index: self.plot_changed.emit())
        self.save_button.clicked.connect(lambda: self.save_clicked.emit())
        self.hide()

    @property
    def plot(self) -> Plot:
        """What is to be shown."""
        return Plot(self.plot_combo.currentData())

    def set_shown(self, shown: bool) -> None:
        """Whether there is any curve."""
        self.setVisible(shown)

    def show_curves(self, series: Sequence[Series], *, note: str) -> None:
        """Draw these; note: what one has to know to read them."""
        losses = self.plot is Plot.LOSSES
        self.view.set_series(series, unit="" if losses else " %", limits=None if losses else (0.0, 100.0))
        self.legend.set_text(self.view.legend())
        self.note.set_text(note)
