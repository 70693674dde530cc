"""What the rounds of a project found, side by side: areas and regions of each class, validation Dice. Without Qt."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from napari_unisemalign.app.training_curves import Past
from napari_unisemalign.results.areas import TileAreas, Unit, measured, total
from training_core.base.errors import UserError
from training_core.io import read_mask
from training_core.project import Project, TissueClass
from training_core.project.classes import without_removed

COLUMNS = (
    "round",
    "run",
    "validation_dice_percent",
    "validation_tiles",
    "tiles",
    "class",
    "percent",
    "area_um2",
    "area_mm2",
    "objects",
)


@dataclass(frozen=True)
class RoundAreas:
    """The predictions of some rounds on the same tiles.

    Attributes
    ----------
    tiles
        The names of the tiles that every round has predicted: the sums of different tiles cannot be compared.
    by_run
        What is on them, by run.
    left_out
        How many tiles of the project are not among them.
    failed
        Tiles with a prediction that could not be read.
    """

    tiles: tuple[str, ...]
    by_run: Mapping[str, tuple[TileAreas, ...]] = field(default_factory=dict)
    left_out: int = 0
    failed: tuple[str, ...] = ()

    def value(self, run_id: str, class_id: int, unit: Unit) -> float | None:
        """One number of the table; None where it is not known."""
        areas = self.by_run.get(run_id, ())
        return total(areas, class_id, unit) if areas else None


NOT_MEASURED = RoundAreas(())


def read_rounds(project: Project, run_ids: Sequence[str], go_on: Callable[[], bool]) -> RoundAreas:
    """Measure the predictions of these runs.

    go_on: asked before each tile; False gives up, with what there is.
    """
    sizes = {tile.name: tile.mpp_um for tile in project.tiles}
    found: dict[str, list[TileAreas]] = {run_id: [] for run_id in run_ids}
    names, failed, left_out = [], [], 0
    for name, mpp_um in sizes.items():
        if not go_on():
            break
        stored = [project.prediction(name, run_id) for run_id in run_ids]
        if not all(stored):
            left_out += 1
            continue
        try:
            areas = [measured(name, without_removed(read_mask(each.prediction), project.classes), mpp_um)
                     for each in stored if each is not None]  # fmt: skip
        except UserError:
            failed.append(name)
            continue
        names.append(name)
        for run_id, each in zip(run_ids, areas, strict=True):
            found[run_id].append(each)
    return RoundAreas(tuple(names), {key: tuple(each) for key, each in found.items()}, left_out, tuple(failed))


def as_csv(rounds: Sequence[Past], areas: RoundAreas, classes: Sequence[TissueClass]) -> str:
    """A table with a line for each round and class; what is not known is empty."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in rounds:
        dice = each.curves.score
        scored = ("", "") if dice is None else (f"{dice:.6g}", each.curves.dice_tiles or "")
        for tissue in classes:
            units = (Unit.PERCENT, Unit.UM2, Unit.MM2, Unit.OBJECTS)
            values = (areas.value(each.run_id, tissue.id, unit) for unit in units)
            numbers = ["" if value is None else f"{value:.6g}" for value in values]
            writer.writerow((each.number, each.run_id, *scored, len(areas.tiles), tissue.name, *numbers))
    return table.getvalue()
