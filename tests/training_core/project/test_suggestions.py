"""What a run leaves per tile, and which tiles it says to label next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training_core.cli.main import main
from training_core.demo import make_demo
from training_core.project import LabelSource, Project
from training_core.project.suggestions import suggest
from training_core.project.summaries import TileSummary, add_summary, read_summaries, summarize


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_demo(tmp_path / "project", tiles=8)


def finished_run(project: Project, summaries: list[TileSummary]) -> Path:
    folder = project.path / "runs" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}")
    (folder / "predictions").mkdir()
    for summary in summaries:
        add_summary(folder, summary)
        for kind in ("prediction", "pseudo_label", "confidence"):
            (folder / "predictions" / f"{summary.tile}.{kind}.png").touch()  # nobody looks into them here
    return folder


def test_a_summary_counts_what_is_there() -> None:
    prediction = np.array([[0, 0, 1, 1], [0, 0, 1, 7]], np.uint8)
    confidence = np.array([[255, 255, 255, 100], [255, 100, 255, 0]], np.uint8)
    summary = summarize("a", prediction, confidence, before=np.zeros((2, 4), np.uint8))
    assert summary.classes == {0: 0.5, 1: 0.375, 7: 0.125}
    assert summary.unsure == {0: 0.125, 1: 0.125, 7: 0.125}
    assert summary.unsure_share == 0.375
    assert summary.changed == 0.5
    assert summary.confidence == pytest.approx((5 * 255 + 200) / 8 / 255, abs=1e-4)
    assert summarize("a", prediction, confidence).changed is None
    assert summarize("a", prediction, confidence, before=np.zeros((9, 9), np.uint8)).changed is None


def test_a_torn_line_is_left_out_and_the_later_line_counts(project: Project) -> None:
    folder = finished_run(project, [TileSummary("tile_01", 0.5), TileSummary("tile_01", 0.9, {0: 1.0})])
    with (folder / "tiles.jsonl").open("ab") as file:
        file.write(b'{"tile": "tile_02", "conf')
    assert read_summaries(project.path, folder.name) == {"tile_01": TileSummary("tile_01", 0.9, {0: 1.0})}
    assert read_summaries(project.path, "none") == {}


def test_before_the_first_run_the_list_is_spread_over_the_tiles_without_a_label(project: Project) -> None:
    names = [tile.name for tile in project.tiles if not project.has_label(tile.name)]
    suggested = [s.tile for s in suggest(project, 2)]
    assert len(suggested) == 2
    assert set(suggested) <= set(names)
    assert names.index(suggested[1]) - names.index(suggested[0]) >= len(names) // 2


def test_the_least_sure_tiles_come_first_and_the_classes_in_doubt_take_turns(project: Project) -> None:
    gland = project.classes[1].id
    finished_run(
        project,
        [
            TileSummary("tile_01", 0.9, {0: 1.0}, {0: 0.40}),
            TileSummary("tile_02", 0.9, {0: 1.0}, {0: 0.30, gland: 0.05}),
            TileSummary("real_ihc", 0.9, {0: 1.0}, {gland: 0.20}),
        ],
    )
    assert [s.tile for s in suggest(project)] == ["tile_01", "real_ihc", "tile_02"]
    assert (
        suggest(project)[1].reason
        == f"Low confidence on 20 % of the tile, mostly where it predicts {project.classes[1].name}."
    )
    project.write_label("tile_01", np.zeros((512, 512), np.uint8), LabelSource.PAINTED)
    assert [s.tile for s in suggest(project)] == ["tile_02", "real_ihc"]


def test_sure_tiles_are_not_suggested(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    finished_run(project, [TileSummary("tile_01", 0.99, {0: 1.0}, {0: 0.001})])
    assert main(["project", "suggest", str(project.path)]) == 0
    assert "Nothing to suggest" in capsys.readouterr().out


def test_the_command_gives_json(project: Project, tmp_path: Path) -> None:
    assert main(["project", "suggest", str(project.path), "--limit", "1", "--json", str(tmp_path / "s.json")]) == 0
    (suggestion,) = json.loads((tmp_path / "s.json").read_text())["suggestions"]
    assert suggestion["tile"] == "tile_01"
