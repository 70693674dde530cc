"""A curve of a few hundred points, drawn with QPainter: no plotting library to load, on every Qt binding."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

Points = Sequence[tuple[float, float]]


class CurveView(QWidget):
    """One curve over time with its title, its last value, and the ends of both axes."""

    def __init__(
        self, title: str, color: str, *, unit: str = "", low: float = 0.0, high: float | None = None,
        dots: bool = False, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._title, self._color, self._unit = title, QColor(color), unit
        self._low, self._high, self._dots = low, high, dots
        self._points: tuple[tuple[float, float], ...] = ()
        self.setMinimumSize(100, 96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(160, 96)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """What is drawn: (elapsed seconds, value)."""
        return self._points

    def set_title(self, title: str) -> None:
        """Name the curve."""
        self._title = title
        self.update()

    def set_points(self, points: Points) -> None:
        """Draw these points: (elapsed seconds, value)."""
        self._points = tuple(points)
        last = f"{self._points[-1][1]:.3g}{self._unit}" if self._points else "no value yet"
        self.setAccessibleName(f"{self._title}: {last}")
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        quiet = QColor(text)
        quiet.setAlpha(150)
        font = painter.font()
        line_px = painter.fontMetrics().height()
        plot = QRectF(4, line_px + 5, self.width() - 8, self.height() - 2 * line_px - 10)
        painter.setPen(text)
        painter.drawText(QRectF(4, 1, plot.width(), line_px + 2), Qt.AlignmentFlag.AlignLeft, self._title)
        if self._points:
            font.setBold(True)
            painter.setFont(font)
            value = f"{self._points[-1][1]:.3g}{self._unit}"
            painter.drawText(QRectF(4, 1, plot.width(), line_px + 2), Qt.AlignmentFlag.AlignRight, value)
            font.setBold(False)
            painter.setFont(font)
        self._draw_frame(painter, plot, quiet)
        self._draw_curve(painter, plot)
        painter.setPen(quiet)
        below = QRectF(plot.left(), plot.bottom() + 2, plot.width(), line_px)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{self._bottom():g} to {self._top():.3g}{self._unit}")
        if self._points:
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, duration(self._points[-1][0]))
        painter.end()

    def _draw_frame(self, painter: QPainter, plot: QRectF, quiet: QColor) -> None:
        grid = QColor(quiet)
        grid.setAlpha(60)
        painter.setPen(QPen(grid, 1))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))

    def _draw_curve(self, painter: QPainter, plot: QRectF) -> None:
        if not self._points:
            return
        bottom, top = self._bottom(), self._top()
        span_s = max(self._points[-1][0], 1e-9)
        positions = [
            QPointF(
                plot.left() + elapsed_s / span_s * plot.width(),
                plot.bottom() - min(max((value - bottom) / (top - bottom), 0.0), 1.0) * plot.height(),
            )
            for elapsed_s, value in self._points
        ]
        painter.setPen(QPen(self._color, 1.8))
        painter.drawPolyline(QPolygonF(positions))
        if self._dots or len(positions) == 1:
            painter.setBrush(self._color)
            for position in positions:
                painter.drawEllipse(position, 2.5, 2.5)

    def _bottom(self) -> float:
        return self._low

    def _top(self) -> float:
        if self._high is not None:
            return self._high
        return max((value for _, value in self._points), default=1.0) or 1.0


def duration(seconds: float) -> str:
    """A time in words: "45 s", "3 min 20 s", "1 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
