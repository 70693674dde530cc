"""A curve of a few hundred points, drawn with QPainter: no plotting library to load, on every Qt binding."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_unisemalign.i18n import tr

Points = Sequence[tuple[float, float]]


class CurveView(QWidget):
    """One curve over time with its title, its last value, and the ends of both axes."""

    def __init__(
        self, title: str, color: str, *, unit: str = "", limits: tuple[float, float] | None = None,
        dots: bool = False, parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._title, self._color, self._unit = title, QColor(color), unit
        self._limits, self._dots = limits, dots
        self._span_s: tuple[float, float] | None = None
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

    def set_span(self, span_s: tuple[float, float] | None) -> None:
        """The ends of the time axis in seconds; None: those of the points."""
        self._span_s = span_s

    def set_points(self, points: Points) -> None:
        """Draw these points: (elapsed seconds, value)."""
        self._points = tuple(points)
        last = f"{self._points[-1][1]:.3g}{self._unit}" if self._points else tr("no value yet")
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
        bottom, top = self._values()
        below = QRectF(plot.left(), plot.bottom() + 2, plot.width(), line_px)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{bottom:.3g} to {top:.3g}{self._unit}")
        if self._points:
            first_s, last_s = self._times()
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, duration(last_s - first_s))
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
        bottom, top = self._values()
        first_s, last_s = self._times()
        span_s = max(last_s - first_s, 1e-9)
        positions = [
            QPointF(
                plot.left() + max(elapsed_s - first_s, 0.0) / span_s * plot.width(),
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

    def _times(self) -> tuple[float, float]:
        return self._span_s or (self._points[0][0], self._points[-1][0])

    def _values(self) -> tuple[float, float]:
        """The ends of the value axis: fixed ones, or those of the points, apart from each other."""
        if self._limits is not None:
            return self._limits
        values = [value for _, value in self._points] or [0.0]
        bottom, top = min(values), max(values)
        return (bottom, top) if top > bottom else (bottom, bottom + 1.0)


def duration(seconds: float) -> str:
    """A time in words: "45 s", "3 min 20 s", "1 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
