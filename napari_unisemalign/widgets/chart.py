"""Curves over time in one frame, drawn with QPainter: no plotting library to load, on every Qt binding."""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from training_core.base.i18n import tr

ChartPoint = tuple[float, float]
HEIGHT_PX = 130


@dataclass(frozen=True)
class Series:
    """One curve: its name, "#rrggbb" or None for the colour of text, and its points (elapsed seconds, value)."""

    name: str
    color: str | None
    points: Sequence[ChartPoint]
    faint: bool = False
    """Of an earlier round: dashed and pale."""
    dots: bool = False
    """Few points: each is marked."""


class ChartView(QWidget):
    """Several curves with the ends of both axes; under the mouse the values of that moment."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.series: tuple[Series, ...] = ()
        """What is drawn."""
        self._unit = ""
        self._limits: tuple[float, float] | None = None
        self._seconds: float | None = None
        """The moment under the mouse."""
        self.setMinimumSize(120, HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(260, HEIGHT_PX)

    def set_series(self, series: Sequence[Series], *, unit: str, limits: tuple[float, float] | None = None) -> None:
        """Draw these curves. limits: the ends of the value axis; None: those of the curves."""
        self.series = tuple(each for each in series if each.points)
        self._unit, self._limits = unit, limits
        self.setAccessibleName("; ".join(self._in_words(each, each.points[-1][1]) for each in self.series))
        self.update()

    def legend(self) -> str:
        """The names with their colours and last values, as rich text."""
        parts = []
        for each in self.series:
            line = "╌" if each.faint else "━"
            words = html.escape(self._in_words(each, each.points[-1][1])).replace(" ", "&nbsp;")
            style = f' style="color:{each.color}"' if each.color else ""  # without one it follows the theme
            parts.append(f"<span{style}>{line}</span>&nbsp;{words}")
        return " &nbsp; ".join(parts)

    def _in_words(self, series: Series, value: float) -> str:
        number = f"{value:.1f}" if self._unit else f"{value:.3g}"  # a percentage as the status line says it
        return f"{series.name} {number}{self._unit}"

    # --- under the mouse ----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: D102
        if event is None or not self.series:
            return
        plot, (first, last) = self._plot(), self._times()
        share = min(max((event.pos().x() - plot.left()) / plot.width(), 0.0), 1.0)
        self._seconds = first + share * (last - first)
        QToolTip.showText(self.mapToGlobal(event.pos()), self.values_at(self._seconds), self)
        self.update()

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: D102
        self._seconds = None
        self.update()
        super().leaveEvent(event)

    def values_at(self, seconds: float) -> str:
        """The time, and the value of every curve nearest to it, a line each."""
        lines = [duration(seconds)]
        for each in self.series:
            times = [at for at, _ in each.points]
            after = min(bisect_left(times, seconds), len(times) - 1)
            nearest = after if not after or times[after] - seconds <= seconds - times[after - 1] else after - 1
            lines.append(self._in_words(each, each.points[nearest][1]))
        return "\n".join(lines)

    # --- drawing ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        quiet = QColor(self.palette().color(QPalette.ColorRole.WindowText))
        quiet.setAlpha(150)
        plot = self._plot()
        self._draw_frame(painter, plot, quiet)
        for each in sorted(self.series, key=lambda each: not each.faint):  # earlier rounds lie below
            self._draw(painter, plot, each)
        if self._seconds is not None and self.series:
            painter.setPen(QPen(quiet, 1))
            x = self._place(plot, (self._seconds, 0.0)).x()
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.end()

    def _plot(self) -> QRectF:
        line_px = self.fontMetrics().height()
        return QRectF(4, 4, self.width() - 8, self.height() - line_px - 10)

    def _draw_frame(self, painter: QPainter, plot: QRectF, quiet: QColor) -> None:
        grid = QColor(quiet)
        grid.setAlpha(60)
        painter.setPen(QPen(grid, 1))
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - share * plot.height()
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setPen(quiet)
        bottom, top = self._values()
        below = QRectF(plot.left(), plot.bottom() + 3, plot.width(), self.fontMetrics().height())
        span = tr("{bottom} to {top}").format(bottom=f"{bottom:.3g}", top=f"{top:.3g}{self._unit}")
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, span)
        if self.series:
            first, last = self._times()
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, duration(last - first))

    def _draw(self, painter: QPainter, plot: QRectF, series: Series) -> None:
        color = QColor(series.color) if series.color else self.palette().color(QPalette.ColorRole.WindowText)
        color.setAlpha(110 if series.faint else 255)
        style = Qt.PenStyle.DashLine if series.faint else Qt.PenStyle.SolidLine
        painter.setPen(QPen(color, 1.2 if series.faint else 1.8, style))
        step = max(1, len(series.points) // max(1, round(plot.width())))  # more than one a pixel cannot be seen
        positions = [self._place(plot, point) for point in (*series.points[:-1:step], series.points[-1])]
        painter.drawPolyline(QPolygonF(positions))
        if series.dots or len(positions) == 1:
            painter.setBrush(color)
            for position in positions:
                painter.drawEllipse(position, 2.2, 2.2)

    def _place(self, plot: QRectF, point: ChartPoint) -> QPointF:
        (first, last), (bottom, top) = self._times(), self._values()
        right = (point[0] - first) / max(last - first, 1e-9)
        up = min(max((point[1] - bottom) / (top - bottom), 0.0), 1.0)
        return QPointF(plot.left() + right * plot.width(), plot.bottom() - up * plot.height())

    def _times(self) -> tuple[float, float]:
        """From the start of the training to the last point of all."""
        return 0.0, max(each.points[-1][0] for each in self.series)

    def _values(self) -> tuple[float, float]:
        if self._limits is not None:
            return self._limits
        values = [value for each in self.series for _, value in each.points] or [0.0]
        bottom, top = min(values), max(values)
        return (bottom, top) if top > bottom else (bottom, bottom + 1.0)


def duration(seconds: float) -> str:
    """A time in words: "45 s", "3 min 20 s", "1 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return tr("{s} s").format(s=whole)
    if whole < 3600:
        return tr("{min} min {s} s").format(min=whole // 60, s=f"{whole % 60:02d}")
    return tr("{h} h {min} min").format(h=whole // 3600, min=f"{whole % 3600 // 60:02d}")
