"""A button for each class: whether predictions fill its regions or draw their borders, as its square shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QToolButton, QWidget
from superqt import QFlowLayout

from napari_unisemalign.widgets.colors import EDGE_ALPHA, HOVER_ALPHA, veil
from napari_unisemalign.widgets.common import caption
from napari_unisemalign.widgets.swatch import swatch
from training_core.base.i18n import tr
from training_core.project import TissueClass

SIDE_PX = 26
_STYLE = f"""
QToolButton {{ border: 1px solid {veil(EDGE_ALPHA)}; border-radius: 3px; padding: 2px; }}
QToolButton:hover {{ background-color: {veil(HOVER_ALPHA)}; }}
QToolButton:focus {{ border: 2px solid palette(text); padding: 1px; }}
"""


class ClassStyles(QWidget):
    """In as many lines as they need; nothing of a project with a single class, where the choice for all does."""

    toggled = Signal(int, bool)
    """A class's id, and whether it is to be an outline."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[int, QToolButton] = {}
        self._flow = QFlowLayout(self)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setHorizontalSpacing(4)
        self._flow.setVerticalSpacing(4)
        words = caption(tr("Outline only:"), self)
        words.setFixedHeight(SIDE_PX)  # the flow puts everything at the top of its line
        self._flow.addWidget(words)

    def set_classes(self, classes: Sequence[TissueClass], outlined: Collection[int]) -> None:
        """Show these classes; `outlined` are the ids of those that are drawn as borders."""
        for gone in self.buttons.keys() - {each.id for each in classes}:
            button = self.buttons.pop(gone)
            self._flow.removeWidget(button)
            button.hide()
            button.deleteLater()
        for each in classes:
            button = self.buttons.get(each.id) or self._button(each.id)
            is_outlined = each.id in outlined
            button.setChecked(is_outlined)
            button.setIcon(swatch(each.color, outlined=is_outlined))
            words = tr("Fill {name} in predictions") if is_outlined else tr("Draw only the borders of {name}")
            button.setToolTip(words.format(name=each.name))
            button.setAccessibleName(tr("Draw only the borders of {name}").format(name=each.name))  # checked: it is so
        self.setVisible(len(classes) > 1)

    def _button(self, class_id: int) -> QToolButton:
        button = QToolButton(self)
        button.setCheckable(True)
        button.setFixedSize(SIDE_PX, SIDE_PX)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setStyleSheet(_STYLE)
        button.clicked.connect(lambda on: self.toggled.emit(class_id, on))
        self.buttons[class_id] = button
        self._flow.addWidget(button)
        button.show()
        return button
