"""What a training tells over time: gathered from its events, read again from its folder, written as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from training_core.base.i18n import ntr, tr
from training_core.messages.events import (
    Event,
    MeasuredOn,
    RunFinished,
    RunStarted,
    Status,
    StepDone,
    Validated,
    parse_event,
)
from training_core.project import Project, TissueClass

MAX_POINTS = 2000
"""Of one curve; a longer one loses every second point of its past, which no screen could show."""

CurvePoint = tuple[float, float]
"""Elapsed seconds, value."""


@dataclass
class Curves:
    """The curves of one training. Dice, threshold and the share of confident pixels are in percent.

    Only the Dice on validation tiles is kept. That on training tiles says how well the network knows them, and held-out
    annotations are too few: they may decide which prediction is used, but they measure no training.
    """

    losses: dict[str, list[CurvePoint]] = field(default_factory=dict)
    """By the names of `StepDone.losses`; "total" is the weighted sum."""
    dice: list[CurvePoint] = field(default_factory=list)
    """The mean over the classes; the last point of a run that has finished is the figure of its round."""
    dice_by_class: dict[int, list[CurvePoint]] = field(default_factory=dict)
    n_val: int | None = None
    """The validation tiles that the run said it has; None: it has said nothing yet."""
    measured_on: MeasuredOn | None = None
    """What the validations of now score; None: there was none yet."""
    dice_tiles: int | None = None
    """On how many validation tiles; None: not known."""
    earlier_dice: list[tuple[int | None, list[CurvePoint]]] = field(default_factory=list)
    """The same on other tiles, before the run was resumed: (how many, points), never one line with `dice`."""
    threshold: list[CurvePoint] = field(default_factory=list)
    confident: list[CurvePoint] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    """When each tile was begun to be predicted in the end, in elapsed seconds of the process, and when the last was."""
    _steps_ended_s: float | None = None
    """When the last step was done, in elapsed seconds of the process; None: it has done none."""
    _before_s: float = 0.0
    """A run that was resumed counts its seconds anew; this much came before."""
    _last_s: float = 0.0

    @property
    def loss(self) -> list[CurvePoint]:
        """The total loss."""
        return self.losses.get("total", [])

    @property
    def is_unmeasured(self) -> bool:
        """Whether nothing says how good the training is: it has no validation tile."""
        return self.n_val == 0 or self.measured_on not in (None, "validation")

    @property
    def score(self) -> float | None:
        """The one figure of the training, wherever it is shown; None: it has none."""
        return self.dice[-1][1] if self.dice and not self.is_unmeasured else None

    @property
    def score_in_words(self) -> str:
        """Such as "validation Dice 81.0 % (3 tiles)"; empty where there is none."""
        return dice_in_words(self.score, self.dice_tiles) if self.score is not None else ""

    @property
    def seconds_per_tile(self) -> float | None:
        """What came after the last step, comparing and predicting, took for each tile; None: that is not known."""
        count = len(self.predicted) - 1
        if count <= 0:
            return None
        began_s = self.predicted[0] if self._steps_ended_s is None else self._steps_ended_s
        return (self.predicted[-1] - began_s) / count

    def add(self, event: Event) -> bool:
        """Take in an event; False where it says nothing of a curve."""
        self._time_predictions(event)
        if isinstance(event, RunStarted):
            self.n_val = event.n_val
        if isinstance(event, RunFinished):
            if event.mdice is None or self.score is None:
                return False
            self.dice.append((max(self._last_s, self.dice[-1][0]), event.mdice))  # as the tiles were predicted
            return True
        if not isinstance(event, StepDone | Validated):
            return False
        if event.elapsed_s + self._before_s < self._last_s:
            self._before_s = self._last_s - event.elapsed_s
        now = self._last_s = event.elapsed_s + self._before_s
        if isinstance(event, StepDone):
            self._add_step(now, event)
        else:
            self._add_validation(now, event)
        return True

    def _time_predictions(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.predicted, self._steps_ended_s = [], None  # a run that is resumed counts its seconds anew
        elif isinstance(event, StepDone):
            self._steps_ended_s = event.elapsed_s
        elif (isinstance(event, Status) and event.done is not None) or (
            isinstance(event, RunFinished) and self.predicted
        ):
            self.predicted.append(event.elapsed_s)

    def _add_step(self, now: float, event: StepDone) -> None:
        losses = {"total": sum(event.losses.values()), **event.losses}
        for name, value in losses.items():
            _append(self.losses.setdefault(name, []), now, value)
        if event.threshold is not None:
            _append(self.threshold, now, 100 * event.threshold)
        if event.confident_share is not None:
            _append(self.confident, now, 100 * event.confident_share)

    def _add_validation(self, now: float, event: Validated) -> None:
        if (event.measured_on, event.n_tiles) != (self.measured_on, self.dice_tiles):
            if self.dice:
                self.earlier_dice.append((self.dice_tiles, self.dice))
            self.dice, self.dice_by_class = [], {}
        self.measured_on, self.dice_tiles = event.measured_on, event.n_tiles
        if event.measured_on != "validation":
            return
        if event.mdice is not None:
            self.dice.append((now, event.mdice))
        for class_id, value in event.dice_by_class.items():
            self.dice_by_class.setdefault(class_id, []).append((now, value))


@dataclass(frozen=True)
class Past:
    """A finished round's curves."""

    number: int
    """Of the round, from 1."""
    run_id: str
    curves: Curves


def _append(points: list[CurvePoint], now: float, value: float) -> None:
    points.append((now, value))
    if len(points) > MAX_POINTS:
        del points[1:-1:2]


def read_past(project: Project) -> tuple[Past, ...]:
    """The rounds of a project whose runs are still there, oldest first; lines that are damaged are left out."""
    return tuple(
        Past(each.number, each.run_id, curves)
        for each in project.rounds()
        if (curves := read_run(project, each.run_id)) is not None
    )


def read_run(project: Project, run_id: str) -> Curves | None:
    """The curves of a run so far; None where it has no events."""
    path, curves = project.runs_dir / run_id / "events.jsonl", Curves()
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                event = parse_event(line)
                if event is not None:
                    curves.add(event)
    except OSError:
        return None
    return curves


def as_csv(rounds: Iterable[tuple[str, Curves]], classes: Sequence[TissueClass]) -> str:
    """A table with the columns round, curve, seconds, value; rounds: (name, curves)."""
    names = {each.id: each.name for each in classes}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("round", "curve", "seconds", "value"))
    for name, curves in rounds:
        by_class = {f"Dice %, {names.get(key, f'class {key}')}": each for key, each in curves.dice_by_class.items()}
        losses = {f"loss, {key}": each for key, each in curves.losses.items()}
        columns = {
            **{_dice_column(tiles): points for tiles, points in curves.earlier_dice},
            _dice_column(curves.dice_tiles): curves.dice,
            **by_class,
            **losses,
            "threshold %": curves.threshold,
            "confident pixels %": curves.confident,
        }
        for curve, points in columns.items():
            table.writerows((name, curve, f"{seconds:.3f}", f"{value:.6g}") for seconds, value in points)
    return text.getvalue()


def dice_in_words(dice: float, tiles: int | None) -> str:
    """What a Dice in percent is called wherever it is shown, such as "validation Dice 81.0 % (3 tiles)"."""
    words = tr("validation Dice {dice:.1f} %").format(dice=dice).replace(" %", "\u00a0%")  # in one line
    return words if tiles is None else f"{words} ({count_of_tiles(tiles)})"


def count_of_tiles(tiles: int) -> str:
    """Such as "3 tiles"."""
    return ntr("{count} tile", "{count} tiles", tiles).format(count=tiles)


def _dice_column(tiles: int | None) -> str:
    on = "validation tiles" if tiles is None else f"{tiles} validation tiles"
    return f"mean Dice %, {on}"
