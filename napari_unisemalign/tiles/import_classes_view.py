"""The question before annotations of another program are imported: what is each of their classes here?"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_unisemalign.app.dialogs import ImportChoice
from napari_unisemalign.widgets.common import Hint, verbatim
from napari_unisemalign.widgets.deliberate import DeliberateDialog
from napari_unisemalign.widgets.swatch import swatch
from training_core.base.i18n import ntr, tr
from training_core.project import TissueClass
from training_core.project.drawn_classes import COMPLETE, LEAVE_OUT, NOT_LABELLED, FoundClass

_OPEN, _NEW = "", "new class"
_LONGEST, _LINE_PX, _LINES_SHOWN = 32, 36, 9


class ImportClassesDialog(DeliberateDialog):
    """A line for each class of the files. What is named like a class of the project is that; the rest is asked."""

    def __init__(
        self, found: Sequence[FoundClass], classes: Sequence[TissueClass], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Import annotations"))
        self.setMinimumWidth(600)
        self._found = tuple(found)
        self.combos = [self._combo(each, classes) for each in self._found]
        self.replace_box = QCheckBox(tr("Replace what is annotated already"), self)
        self.replace_box.setToolTip(tr("Otherwise it stays as it is, and how much stays is said afterwards"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, parent=self)
        self.import_button = self.buttons.addButton(tr("Import"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel_button = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
        self.cancel_button.setText(tr("Cancel"))
        self.hint = Hint("", self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(Hint(tr("What are the classes of these annotations in the project?"), self))
        layout.addWidget(self._lines())
        layout.addWidget(self.replace_box)
        layout.addWidget(self.hint)
        layout.addWidget(self.buttons)
        for combo in self.combos:
            combo.currentIndexChanged.connect(lambda _index: self._refresh())
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._refresh()

    def value(self) -> ImportChoice:
        """What is chosen."""
        chosen = {each.name: str(combo.currentData()) for each, combo in zip(self._found, self.combos, strict=True)}
        unclassified = chosen.pop("", None)
        given = {name: target for name, target in chosen.items() if target not in (_NEW, COMPLETE)}
        return ImportChoice(given, unclassified, self.replace_box.isChecked())

    def _lines(self) -> QWidget:
        """All lines, which scroll where a file has many classes."""
        inner = QWidget(self)
        grid = QGridLayout(inner)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for row, (each, combo) in enumerate(zip(self._found, self.combos, strict=True)):
            label = QLabel(verbatim(_shown(each)), inner)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setBuddy(combo)
            label.setToolTip(f"<qt>{escape(each.name)}</qt>" if len(each.name) > _LONGEST else "")
            grid.addWidget(label, row, 0)
            grid.addWidget(combo, row, 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes from line to line
        area.setWidget(inner)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumHeight(_LINE_PX * min(_LINES_SHOWN, len(self._found)))
        return area

    def _combo(self, each: FoundClass, classes: Sequence[TissueClass]) -> QComboBox:
        combo = QComboBox(self)
        combo.setMinimumContentsLength(16)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setAccessibleName(
            tr("What {name} is").format(name=each.name) if each.name else tr("What areas without a class are")
        )
        if each.target is None:
            combo.addItem(tr("Choose…"), _OPEN)
        if each.target == COMPLETE:
            combo.addItem(tr("Completely annotated"), COMPLETE)
            combo.setToolTip(tr("What no other area covers there becomes the background"))
        for known in classes:
            combo.addItem(swatch(known.color), known.name, known.name)
        if each.target is None and each.name:
            combo.addItem(tr("New class of this name"), _NEW)
        combo.addItem(tr("Unannotated"), NOT_LABELLED)
        combo.addItem(tr("Leave out"), LEAVE_OUT)
        combo.setCurrentIndex(max(0, combo.findData(each.target if each.target is not None else _OPEN)))
        return combo

    def _refresh(self) -> None:
        left = sum(combo.currentData() == _OPEN for combo in self.combos)
        words = ntr("Choose what {count} class is.", "Choose what {count} classes are.", left).format(count=left)
        self.hint.set_text(words if left else "")
        self.import_button.setEnabled(not left)
        self.import_button.setToolTip(words if left else "")


def _shown(each: FoundClass) -> str:
    name = each.name or tr("(no class)")
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    words = ntr("{name}: {count} area", "{name}: {count} areas", each.areas)
    return words.format(name=short, count=f"{each.areas:,}")
