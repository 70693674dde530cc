"""Predicting slides and images with the trained model: the queue, how far it is, and its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_unisemalign.widgets.command_button import CommandButton, flowing
from napari_unisemalign.widgets.common import Hint, body_layout, caption, set_available
from training_core.base.i18n import tr

STEPS = 1000


class PredictView(QWidget):
    """What is predicted, where to, and what came of it."""

    files_clicked = Signal()
    folder_clicked = Signal()
    slides_clicked = Signal()
    browse_clicked = Signal()
    predict_clicked = Signal()
    pause_clicked = Signal()
    stop_clicked = Signal()
    copy_clicked = Signal()
    open_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_fields()
        self._lay_out()
        for button, signal in (
            (self.files_button, self.files_clicked),
            (self.folder_button, self.folder_clicked),
            (self.slides_button, self.slides_clicked),
            (self.browse_button, self.browse_clicked),
            (self.predict_button, self.predict_clicked),
            (self.pause_button, self.pause_clicked),
            (self.stop_button, self.stop_clicked),
            (self.copy_button, self.copy_clicked),
            (self.open_button, self.open_clicked),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self.set_files(())
        self.set_progress(None)
        self.set_results(())

    def _make_fields(self) -> None:
        self.chosen = Hint("", self)
        self.files_button = QPushButton(tr("Choose files…"), self)
        self.files_button.setToolTip(tr("Choose slides and images to predict"))
        self.folder_button = QPushButton(tr("Choose a folder…"), self)
        self.folder_button.setToolTip(tr("Predict all slides and images of a folder"))
        self.slides_button = QPushButton(tr("Slides of the project"), self)
        self.slides_button.setToolTip(tr("Predict the slides that the tiles of this project were cut from"))
        self.mpp_spin = QDoubleSpinBox(self)
        self.mpp_spin.setRange(0.0, 20.0)
        self.mpp_spin.setDecimals(4)
        self.mpp_spin.setSingleStep(0.05)
        self.mpp_spin.setSpecialValueText(tr("from the files"))
        self.mpp_spin.setToolTip(tr("Pixel size in µm/px of the files that state none"))
        self.out_edit = QLineEdit(self)
        self.out_edit.setPlaceholderText(tr("Folder for the predictions"))
        self.out_edit.setAccessibleName(tr("Folder for the predictions"))
        self.browse_button = QPushButton(tr("Choose…"), self)
        self.browse_button.setAccessibleName(tr("Choose the folder for the predictions"))
        self.browse_button.setToolTip(tr("Choose the folder for the predictions"))
        self.objects_box = QCheckBox(tr("Objects for QuPath (GeoJSON)"), self)
        self.objects_box.setToolTip(
            tr("Write the outlines of the objects of each file too, also of files that are predicted already")
        )
        self.predict_button = QPushButton(tr("Predict"), self)
        self.pause_button = QPushButton(tr("Pause"), self)
        self.pause_button.setAccessibleName(tr("Pause or resume the prediction of files"))
        self.stop_button = QPushButton(tr("Stop"), self)
        self.stop_button.setAccessibleName(tr("Stop the prediction of files"))
        self.copy_button = CommandButton(tr("Copy the prediction as a command"), self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, STEPS)
        self.bar.setAccessibleName(tr("How much of the files is predicted"))
        self.hint = Hint("", self)
        self.results_combo = QComboBox(self)
        self.results_combo.setMinimumContentsLength(12)
        self.results_combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.results_combo.setAccessibleName(tr("Finished predictions"))
        self.results_combo.setToolTip(tr("The file that is opened with its prediction"))
        self.open_button = QPushButton(tr("Open in a new window"), self)

    def _lay_out(self) -> None:
        size, folder = QHBoxLayout(), QHBoxLayout()  # no grid: the longer caption would leave the folder no room
        size.addWidget(caption(tr("Pixel size (µm/px)"), self, self.mpp_spin))
        size.addWidget(self.mpp_spin, 1)
        folder.addWidget(caption(tr("Folder"), self, self.out_edit))
        folder.addWidget(self.out_edit, 1)
        folder.addWidget(self.browse_button)
        layout = body_layout(self)
        layout.addLayout(flowing(self.files_button, self.folder_button, self.slides_button))
        layout.addWidget(self.chosen)
        layout.addLayout(size)
        layout.addLayout(folder)
        layout.addWidget(self.objects_box)
        layout.addLayout(flowing(self.predict_button, self.copy_button))
        layout.addLayout(flowing(self.pause_button, self.stop_button))
        layout.addWidget(self.bar)
        layout.addWidget(self.hint)
        layout.addWidget(self.results_combo)
        layout.addWidget(self.open_button)

    @property
    def mpp_um(self) -> float | None:
        """The pixel size of files that state none; None: not given."""
        return self.mpp_spin.value() or None

    @property
    def out(self) -> str:
        """Where to, as typed."""
        return self.out_edit.text().strip()

    @property
    def with_objects(self) -> bool:
        """Whether the outlines of the objects are wanted too."""
        return bool(self.objects_box.isChecked())

    @property
    def result(self) -> int:
        """Which of the results is chosen; -1: none."""
        return int(self.results_combo.currentIndex())

    def set_mpp(self, mpp_um: float) -> None:
        """Propose the pixel size of files that state none."""
        self.mpp_spin.setValue(mpp_um)

    def offer_slides(self, on: bool) -> None:
        """Whether the project has slides."""
        self.slides_button.setVisible(on)

    def set_out(self, folder: str) -> None:
        """Propose a folder."""
        self.out_edit.setText(folder)
        self.out_edit.setToolTip(folder)

    def set_files(self, files: Sequence[Path]) -> None:
        """Name what is predicted."""
        if not files:
            self.chosen.set_text(tr("No slides or images are chosen."))
            return
        shown = ", ".join(each.name for each in files[:3]) + (" …" if len(files) > 3 else "")
        self.chosen.set_text(tr("{count} chosen: {names}").format(count=len(files), names=shown))
        self.chosen.setToolTip("\n".join(map(str, files[:50])))

    def set_available(self, reason: str, *, is_running: bool, is_paused: bool) -> None:
        """Which buttons can be pressed, or why not."""
        about = tr("Predict in the background; files that are predicted already are not predicted again")
        set_available(self.predict_button, reason, about)
        self.copy_button.set_reason("" if is_running else reason)
        for button in (self.pause_button, self.stop_button):
            button.setVisible(is_running)
        self.stop_button.setToolTip(tr("End now; finished files stay, and Predict continues with the others"))
        self.pause_button.setToolTip(tr("Wait without using the processor, or continue"))
        self.pause_button.setText(tr("Resume") if is_paused else tr("Pause"))
        fields = (self.out_edit, self.mpp_spin, self.objects_box)
        for each in (self.files_button, self.folder_button, self.slides_button, self.browse_button, *fields):
            each.setEnabled(not is_running)

    def set_progress(self, share: float | None) -> None:
        """How much is predicted, 0 to 1; None: nothing goes on."""
        self.bar.setVisible(share is not None)
        self.bar.setValue(round(STEPS * (share or 0.0)))

    def set_hint(self, text: str) -> None:
        """What goes on, or what came of it."""
        self.hint.set_text(text)

    def set_results(self, names: Sequence[str]) -> None:
        """The finished files, newest last and chosen."""
        self.results_combo.clear()
        self.results_combo.addItems(list(names))
        self.results_combo.setCurrentIndex(len(names) - 1)
        for each in (self.results_combo, self.open_button):
            each.setVisible(bool(names))
        set_available(self.open_button, "", tr("Show the file with its prediction in another napari window"))

    def copy(self, text: str) -> None:
        """Put a command line on the clipboard."""
        self.copy_button.copy(text)
