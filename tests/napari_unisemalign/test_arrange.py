from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_unisemalign.tiles.tile_order import Sort, TileFacts, TileFilter, arrange, gather
from training_core.project import LabelSource, Project, TileState
from training_core.project.summaries import TileSummary, add_summary

TILES = (
    TileFacts("tile_10", TileState.PREDICTED, confidence=0.9, changed=0.02),
    TileFacts("Tile_2", TileState.LABELED, confidence=0.5),
    TileFacts("node_1", TileState.UNLABELED, is_rejected=True, confidence=0.6, changed=0.4),
    TileFacts("node_3", TileState.ACCEPTED, is_full=True),
)


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (Sort.PROJECT, ["tile_10", "Tile_2", "node_1", "node_3"]),
        (Sort.NAME, ["node_1", "node_3", "Tile_2", "tile_10"]),
        (Sort.STATE, ["tile_10", "node_1", "Tile_2", "node_3"]),
        (Sort.CONFIDENCE, ["Tile_2", "node_1", "tile_10", "node_3"]),
        (Sort.CHANGE, ["node_1", "tile_10", "Tile_2", "node_3"]),
        (Sort.SUGGESTED, ["node_1", "tile_10", "Tile_2", "node_3"]),
    ],
)
def test_sorting(sort: Sort, names: list[str]) -> None:
    assert list(arrange(TILES, sort, suggested=("node_1", "tile_10"))) == names


@pytest.mark.parametrize(
    ("show", "names"),
    [
        (TileFilter.ALL, ["tile_10", "Tile_2", "node_1", "node_3"]),
        (TileFilter.NOT_LABELED, ["tile_10", "node_1"]),
        (TileFilter.LABELED, ["Tile_2", "node_3"]),
        (TileFilter.PARTLY, ["Tile_2"]),
        (TileFilter.ACCEPTED, ["node_3"]),
        (TileFilter.REJECTED, ["node_1"]),
        (TileFilter.SUGGESTED, ["tile_10"]),
    ],
)
def test_filtering(show: TileFilter, names: list[str]) -> None:
    assert list(arrange(TILES, show=show, suggested=("tile_10",))) == names


@pytest.mark.parametrize(
    ("search", "names"),
    [("TILE", ["tile_10", "Tile_2"]), (" 1 node ", ["node_1"]), ("nothing", []), ("  ", [t.name for t in TILES])],
)
def test_searching(search: str, names: list[str]) -> None:
    assert list(arrange(TILES, search=search)) == names


def test_facts_come_from_the_index_and_the_latest_run(
    project: Project, truths: dict[str, np.ndarray], add_run: Callable[..., None]
) -> None:
    add_run(project, "20260101-000000", truths)
    add_summary(
        project.runs_dir / "20260101-000000", TileSummary("tile_02", 0.8, {0: 0.75, 1: 0.25}, {1: 0.1}, changed=0.05)
    )
    part = np.full((96, 96), 255, np.uint8)
    part[:9] = 1
    project.write_label("tile_01", part, LabelSource.PAINTED)
    project.write_label("tile_04", truths["tile_04"], LabelSource.ACCEPTED_PREDICTION)
    project.reject("tile_03", "20260101-000000")
    facts = gather(project)
    assert list(facts) == ["tile_01", "tile_02", "tile_03", "tile_04"]
    assert facts["tile_01"] == TileFacts("tile_01", TileState.LABELED, waits=True, is_predicted=True)
    assert facts["tile_02"] == TileFacts(
        "tile_02",
        TileState.PREDICTED,
        waits=True,
        is_predicted=True,
        confidence=0.8,
        changed=0.05,
        classes={0: 0.75, 1: 0.25},
    )
    assert not facts["tile_03"].waits
    assert not facts["tile_04"].waits
    assert facts["tile_03"].is_rejected
    assert (facts["tile_04"].state, facts["tile_04"].is_full) == (TileState.ACCEPTED, True)
