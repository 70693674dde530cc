"""The curves of the training of now, or of the last one, beside those of earlier rounds."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.training_curves import Curves, Past, as_csv, count_of_tiles, read_past
from napari_unisemalign.app.training_state import Training
from napari_unisemalign.train.contracts import ChartSurface, Plot
from napari_unisemalign.widgets.chart import Series
from napari_unisemalign.widgets.colors import BLUE, GREEN, NEUTRAL, OLIVE, ORANGE, PURPLE, SKY, VERMILION
from training_core.base.i18n import tr
from training_core.io import atomic_write

REDRAW_MS = 300
EARLIER_SHOWN = 5
LOSSES = {
    "total": (tr("total"), None),
    "labeled": (tr("annotated pixels"), BLUE),
    "hard": (tr("pseudo-labels"), VERMILION),
    "soft": (tr("soft pseudo-labels"), ORANGE),
    "perturbed": (tr("perturbed features"), SKY),
    "prototype": (tr("prototypes"), GREEN),
    "text": (tr("text"), PURPLE),
    "align": (tr("alignment"), OLIVE),
}
"""By the names that the trainer gives them: words, and a colour that the colour-blind can tell from the others."""


class ChartController:
    """Draws a few times a second at most, whatever the pace of the training."""

    def __init__(self, context: Context, view: ChartSurface) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view = view
        self._latest = Latest(context.owner, context.reporter.error)
        self._was_active = False
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.draw)
        session = self._session
        for signal in (session.curves_changed, session.classes_changed):
            signal.connect(self._draw_soon)
        session.project_changed.connect(self._read)
        session.training_changed.connect(self._on_training)
        self._view.plot_changed.connect(self.draw)
        self._view.save_clicked.connect(self.save)

    def draw(self) -> None:
        """Draw now."""
        current, past = self._current_and_past()
        has_curves = bool(current.losses or current.dice or past)
        self._view.set_shown(has_curves)
        if not has_curves:
            return
        plot = self._view.plot
        if plot is Plot.LOSSES:
            series = _losses(current)
        elif plot is Plot.PSEUDO_LABELS:
            series = _pseudo_labels(current)
        else:
            series = [*_dice(current, {each.id: (each.name, each.color) for each in self._session.classes()})]
            series += [
                Series(tr("round {number}").format(number=each.number), None, each.curves.dice, faint=True)
                for each in past[-EARLIER_SHOWN:]
                if not current.is_unmeasured  # beside them the training of now would look as if it had a Dice
            ]
        self._view.show_curves(series, note=_note(plot, current))

    @guarded
    def save(self) -> None:
        """Write all curves where the user says."""
        project = self._session.project
        if project is None:
            return
        path = self._context.dialogs.table_file(str(project.path / "curves.csv"))
        if path is None:
            return
        current, past = self._current_and_past()
        rounds = [(str(each.number), each.curves) for each in past]
        number = str(past[-1].number + 1 if past else 1)
        text = as_csv([*rounds, (number, current)], self._session.classes())
        self._context.background.run(
            lambda: atomic_write(Path(path), text.encode()),
            lambda _done: self.reporter.info(tr("Saved the curves to {path}.").format(path=path)),
            self.reporter.error,
        )

    def _current_and_past(self) -> tuple[Curves, tuple[Past, ...]]:
        """The training of now and the rounds before; without one since the project was opened, the last round."""
        current, run_id = self._session.curves, self._session.training.run_id
        if current.losses or current.dice:
            return current, tuple(each for each in self._session.past if each.run_id != run_id)
        return (self._session.past[-1].curves, self._session.past[:-1]) if self._session.past else (current, ())

    def _on_training(self, training: Training) -> None:
        if self._was_active and not training.active:
            self._read()
        self._was_active = training.active

    def _read(self, _project: object = None) -> None:
        """Read the finished rounds again; a long run's events take a moment."""
        project = self._session.project
        self._session.set_past(())
        self.draw()
        if project is None:
            self._latest.drop()
            return
        self._latest.ask(lambda: read_past(project), self._on_read)

    def _on_read(self, past: tuple[Past, ...]) -> None:
        self._session.set_past(past)
        self._session.set_pace(past[-1].curves.seconds_per_tile if past else None)
        self.draw()

    def _draw_soon(self, _change: object = None) -> None:
        if not self._timer.isActive():
            self._timer.start(REDRAW_MS)


def _dice(curves: Curves, classes: dict[int, tuple[str, str]]) -> list[Series]:
    each_class = [
        Series(*classes[class_id], points, dots=True)
        for class_id, points in curves.dice_by_class.items()
        if class_id in classes  # a class that was removed since has no name and no colour
    ]
    earlier = [Series(_mean(tiles), None, points, faint=True) for tiles, points in curves.earlier_dice]
    if curves.is_unmeasured:
        return []
    return [Series(_mean(curves.dice_tiles), None, curves.dice, dots=True), *each_class, *earlier]


def _mean(tiles: int | None) -> str:
    """The name of a curve."""
    if tiles is None:
        return tr("mean validation Dice")
    return tr("mean validation Dice ({tiles})").format(tiles=count_of_tiles(tiles))


def _losses(curves: Curves) -> list[Series]:
    known = [Series(*LOSSES[name], curves.losses[name]) for name in LOSSES if name in curves.losses]
    return known + [Series(name, NEUTRAL, points) for name, points in curves.losses.items() if name not in LOSSES]


def _pseudo_labels(curves: Curves) -> list[Series]:
    return [
        Series(tr("threshold of confidence"), ORANGE, curves.threshold),
        Series(tr("pixels above it"), SKY, curves.confident),
    ]


def _note(plot: Plot, curves: Curves) -> str:
    if plot is Plot.DICE and curves.is_unmeasured:
        return tr("No validation tile: nothing measures this training. Hold out annotated tiles, below Start training.")
    if plot is Plot.DICE and not curves.dice:
        return tr("The first Dice comes with the first validation.")
    if plot is Plot.PSEUDO_LABELS and not curves.threshold:
        return tr("This training uses annotated tiles only: there are no pseudo-labels.")
    return ""
