"""Something that needs a decision: a sentence, and a button for each way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_unisemalign.widgets.colors import WARNING
from napari_unisemalign.widgets.common import SPACING, Hint

Way = tuple[str, Callable[[], None]]
"""The words of a button, and what it does."""
MOST_WAYS = 3


class Notice(QWidget):
    """Stays as long as what it speaks of is so; nothing closes it but that."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ways: tuple[Way, ...] = ()
        self.words = Hint("", self)
        self.buttons = tuple(QPushButton(self) for _ in range(MOST_WAYS))
        row = QHBoxLayout()
        row.setSpacing(SPACING)
        for place, button in enumerate(self.buttons):
            row.addWidget(button)
            button.clicked.connect(lambda _checked=False, place=place: self._ways[place][1]())
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(SPACING)
        layout.addWidget(self.words)
        layout.addLayout(row)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("unisemalign_notice")
        self.setStyleSheet(f"#unisemalign_notice {{ border-left: 4px solid {WARNING}; border-radius: 2px; }}")
        self.hide()

    def show_notice(self, words: str, ways: Sequence[Way] = ()) -> None:
        """Say this and offer these ways out; no words: there is nothing to say."""
        self._ways = tuple(ways)
        self.words.set_text(words)
        for button, way in zip(self.buttons, [*self._ways, *[None] * MOST_WAYS], strict=False):
            button.setVisible(way is not None)
            if way is not None:
                button.setText(way[0])
        self.setVisible(bool(words))
