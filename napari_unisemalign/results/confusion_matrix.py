"""The confusion matrix of the newest finished run, in numbers and in words, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unisemalign.widgets.colors import NEUTRAL
from training_core.base.bounded import read_json
from training_core.base.i18n import ntr, tr
from training_core.class_maps.confusion_file import RunConfusion, pooled, read_confusion
from training_core.project import Project, TissueClass


@dataclass(frozen=True)
class MatrixClass:
    """A row and a column: a class as the project has it now, or as the run had it if it was removed since."""

    id: int
    name: str
    color: str


@dataclass(frozen=True)
class Cell:
    """The pixels that are annotated as one class and predicted as another, or as the same."""

    truth: int
    """A class id, as `predicted`."""
    predicted: int
    pixels: int
    share: float | None
    """Of the pixels annotated as `truth`, 0 to 1; None where there are none."""
    tiles: tuple[tuple[str, int], ...]
    """The tiles with such pixels and how many each has, most first."""
    words: str
    """Such as "Lumen predicted as stroma: 12 % of lumen, 34,567 px on 3 tiles"."""

    @property
    def text(self) -> str:
        """The percentage, as short as it can be."""
        if self.share is None:
            return "–"
        percent = 100 * self.share
        if 0 < percent < 0.5:
            return "<1"
        return ">99" if 99.5 <= percent < 100 else f"{percent:.0f}"

    @property
    def is_confusion(self) -> bool:
        """Whether the prediction is wrong here; else the cell is on the diagonal."""
        return self.truth != self.predicted


@dataclass(frozen=True)
class Matrix:
    """A row for each annotated class, a column for each predicted one, in the same order."""

    run_id: str
    classes: tuple[MatrixClass, ...]
    cells: tuple[tuple[Cell, ...], ...]
    caption: str
    """Of which round it is, and what it counts."""

    def cell(self, truth: int, predicted: int) -> Cell | None:
        """The cell of two class ids; None where the run had no such class."""
        found = (cell for row in self.cells for cell in row if (cell.truth, cell.predicted) == (truth, predicted))
        return next(found, None)


@dataclass(frozen=True)
class Found:
    """What the newest finished run left: a record, or why there is none."""

    run_id: str | None
    round_number: int | None
    record: RunConfusion | None
    has_validation: bool


def find(project: Project) -> Found:
    """Look at the newest finished run.

    Raises
    ------
    CheckpointError, ProjectError: a file is damaged, or of a newer version.
    """
    run_id = project.latest_run_id()
    if run_id is None:
        return Found(None, None, None, has_validation=False)
    number = next((each.number for each in project.rounds() if each.run_id == run_id), None)
    record = read_confusion(project.runs_dir / run_id)
    return Found(run_id, number, record, has_validation=record is not None or _has_scores(project, run_id))


def _has_scores(project: Project, run_id: str) -> bool:
    """Whether the run's summary has a score on validation tiles."""
    try:
        summary = read_json(project.runs_dir / run_id / "summary.json")
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.get("val") is not None


def why_none(found: Found) -> str:
    """Why there is no matrix to be shown, and what to do; empty where there is one."""
    if found.run_id is None:
        return tr("The confusion matrix appears here when a training with validation tiles has ended.")
    if not found.has_validation:
        return tr(
            "No confusion matrix: the last training had no validation tiles. Right-click annotated tiles to "
            "use them for validation; the next training then has one."
        )
    if found.record is None:
        return tr("No confusion matrix: the last training was made by an earlier version. The next one has it.")
    if not found.record.tiles:
        return tr(
            "No confusion matrix: the last training was stopped before it had predicted a validation tile. The next "
            "one has it."
        )
    return ""


def matrix(found: Found, classes: Sequence[TissueClass]) -> Matrix | None:
    """What is to be shown; None where `why_none` says why not. classes: those of the project now."""
    record = found.record
    if record is None or found.run_id is None or not record.tiles:
        return None
    now = {each.id: each for each in classes}
    shown = tuple(
        MatrixClass(each.id, now[each.id].name, now[each.id].color)
        if each.id in now
        else MatrixClass(each.id, tr("{name} (removed)").format(name=each.name), NEUTRAL)
        for each in record.classes
    )
    cells = tuple(tuple(_cell(record, shown, row, column) for column in range(len(shown))) for row in range(len(shown)))
    return Matrix(found.run_id, shown, cells, _caption(found, record))


def _cell(record: RunConfusion, classes: tuple[MatrixClass, ...], row: int, column: int) -> Cell:
    total = int(pooled([record.counts], len(classes))[row].sum())
    pixels = record.counts[row][column]
    here = [(each.tile, each.counts[row][column]) for each in record.tiles if each.counts[row][column]]
    here.sort(key=lambda each: -each[1])
    share = pixels / total if total else None
    truth, predicted = classes[row], classes[column]
    words = _words(truth.name, predicted.name, pixels, share, len(here))
    return Cell(truth.id, predicted.id, pixels, share, tuple(here), words)


def _words(truth: str, predicted: str, pixels: int, share: float | None, n_tiles: int) -> str:
    if share is None:
        return tr("No pixel of the validation tiles is annotated as {truth}.").format(truth=truth)
    where = ntr("on {count} tile", "on {count} tiles", n_tiles).format(count=n_tiles)
    words = tr("{truth} predicted as {predicted}: {percent} of {of_truth}, {pixels} px {where}")
    return words.format(
        truth=truth[:1].upper() + truth[1:],
        predicted=predicted,
        percent=_percent(share),
        of_truth=truth,
        pixels=f"{pixels:,}",
        where=where,
    )


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.5:
        return tr("less than 1 %")
    return tr("more than 99 %") if 99.5 <= percent < 100 else f"{percent:.0f} %"


def _caption(found: Found, record: RunConfusion) -> str:
    words = ntr("on {count} validation tile", "on {count} validation tiles", len(record.tiles))
    tiles = words.format(count=len(record.tiles))
    if record.not_predicted:
        left_out = tr("without {count} that the training did not predict")
        tiles = f"{tiles} ({left_out.format(count=len(record.not_predicted))})"
    if found.round_number is not None:
        return tr("Round {number}, {tiles}.").format(number=found.round_number, tiles=tiles)
    return tr("Last training, {tiles}.").format(tiles=tiles)
