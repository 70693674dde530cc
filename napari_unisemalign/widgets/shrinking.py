"""A scroll area that is as high as what it holds where there is room, and scrolls where there is not."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget


class ShrinkingArea(QScrollArea):
    """Asks for the height of its content, at most `most_px`, and makes do with `least_px`.

    So a low screen never pushes what lies below it, such as *Start training*, off its edge.
    """

    def __init__(
        self, content: QWidget, *, least_px: int, most_px: int = 16_000, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._least_px, self._most_px = least_px, most_px
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.setWidget(content)
        for part in (content, *content.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)):
            part.installEventFilter(self)
        self.verticalScrollBar().rangeChanged.connect(self._let_tab_in)
        self._let_tab_in()

    def sizeHint(self) -> QSize:  # noqa: D102
        return self._at_most(self._most_px)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return self._at_most(self._least_px)

    def resizeEvent(self, event: object) -> None:  # noqa: D102
        super().resizeEvent(event)
        self.updateGeometry()  # another width takes another number of lines

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        elif watched is not self.widget() and event.type() == QEvent.Type.Show:
            self._make_room()
        return bool(super().eventFilter(watched, event))

    def _make_room(self) -> None:
        """At once, as without a scroll area: what appears can be pressed."""
        self.updateGeometry()
        layout = self.parentWidget().layout()
        if layout is not None:
            layout.activate()

    def _at_most(self, height: int) -> QSize:
        frame = 2 * self.frameWidth()  # napari's style sheet gives it one
        content, width = self.widget(), max(1, self.width() - frame)
        whole = content.heightForWidth(width) if content.hasHeightForWidth() else content.sizeHint().height()
        return QSize(1, min(whole, height) + frame)

    def _let_tab_in(self) -> None:
        """Only where there is something to scroll."""
        scrolls = self.verticalScrollBar().maximum() > 0
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if scrolls else Qt.FocusPolicy.NoFocus)
