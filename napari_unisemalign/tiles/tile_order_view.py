"""Above the list of tiles: which of them it shows, in which order, and what to label next."""

from __future__ import annotations

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QWidget

from napari_unisemalign.tiles.tile_order import Sort, TileFilter
from napari_unisemalign.widgets.common import Hint, body_layout
from training_core.base.i18n import tr

TYPING_PAUSE_MS = 200

SHOWN = (
    (TileFilter.ALL, tr("All tiles")),
    (TileFilter.TO_REVIEW, tr("To review")),
    (TileFilter.NOT_LABELED, tr("Unannotated")),
    (TileFilter.PARTLY, tr("Partly annotated")),
    (TileFilter.LABELED, tr("Annotated")),
    (TileFilter.ACCEPTED, tr("Accepted")),
    (TileFilter.REJECTED, tr("Rejected")),
    (TileFilter.VALIDATION, tr("For validation")),
    (TileFilter.UNPREDICTED, tr("Without a prediction")),
    (TileFilter.SUGGESTED, tr("Suggested")),
)
SORTED = (
    (Sort.PROJECT, tr("project order")),
    (Sort.NAME, tr("by name")),
    (Sort.STATE, tr("to review first")),
    (Sort.CONFIDENCE, tr("low confidence first")),
    (Sort.CHANGE, tr("changed first")),
    (Sort.SUGGESTED, tr("most useful first")),
)


class OrderView(QWidget):
    """Two choices, a search and a button."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.show_combo = _combo(SHOWN, tr("Which tiles to show"), self)
        self.sort_combo = _combo(SORTED, tr("In which order"), self)
        self.search_edit = QLineEdit(self)
        self.search_edit.setPlaceholderText(tr("Search names"))
        self.search_edit.setAccessibleName(tr("Search names"))
        self.search_edit.setClearButtonEnabled(True)
        self.suggest_button = QPushButton(tr("Suggest"), self)
        self.suggest_button.setCheckable(True)
        self.suggest_button.setAccessibleName(tr("Suggest tiles to annotate"))
        self.suggest_button.setToolTip(
            tr("Show only the tiles where an annotation would help most, the most useful first, each with the reason")
        )
        self.hint = Hint("", self)
        layout = body_layout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for part in (self.show_combo, self.sort_combo, self.search_edit, self.suggest_button):
            layout.addWidget(part)
        layout.addWidget(self.hint)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_PAUSE_MS)
        self._typing.timeout.connect(lambda: self.changed.emit())
        self.search_edit.textChanged.connect(lambda _text: self._typing.start())
        for combo in (self.show_combo, self.sort_combo):
            combo.currentIndexChanged.connect(self._on_chosen)
        self.suggest_button.clicked.connect(self._on_suggest)

    @property
    def shown(self) -> TileFilter:
        """Which tiles to show."""
        return TileFilter(self.show_combo.currentData())

    @property
    def sorting(self) -> Sort:
        """What to order them by."""
        return Sort(self.sort_combo.currentData())

    @property
    def search(self) -> str:
        """Words that names must have."""
        return self.search_edit.text()

    def reset(self) -> None:
        """All tiles in the project's order, without telling anybody."""
        self._choose(TileFilter.ALL, Sort.PROJECT)
        self.search_edit.blockSignals(True)
        self.search_edit.clear()
        self.search_edit.blockSignals(False)
        self._typing.stop()
        self.hint.set_text("")

    def set_hint(self, text: str) -> None:
        """Why the list is empty, or nothing."""
        self.hint.set_text(text)

    def _on_chosen(self, _index: int) -> None:
        self.suggest_button.setChecked(self.shown is TileFilter.SUGGESTED)
        self.changed.emit()

    def _on_suggest(self, on: bool) -> None:
        self._choose(*((TileFilter.SUGGESTED, Sort.SUGGESTED) if on else (TileFilter.ALL, Sort.PROJECT)))
        self.changed.emit()

    def _choose(self, shown: TileFilter, sorting: Sort) -> None:
        for combo, value in ((self.show_combo, shown), (self.sort_combo, sorting)):
            combo.blockSignals(True)
            combo.setCurrentIndex(combo.findData(value))
            combo.blockSignals(False)
        self.suggest_button.setChecked(shown is TileFilter.SUGGESTED)


def _combo(choices: tuple[tuple[TileFilter | Sort, str], ...], name: str, parent: QWidget) -> QComboBox:
    combo = QComboBox(parent)
    for value, words in choices:
        combo.addItem(words, value)
    combo.setAccessibleName(name)
    combo.setMinimumContentsLength(8)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return combo
