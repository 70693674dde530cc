"""The foot and the tile bar, without a window: one sentence for what goes on, with the counts of now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import call, create_autospec

import numpy as np
import pytest

from napari_unisemalign.shell.contracts import HeadSurface, StatusSurface, TileBarSurface
from napari_unisemalign.shell.headers import GuideController
from napari_unisemalign.tiles.tiles import TilesController
from tests.napari_unisemalign.without_window import bare_context, slot
from training_core.messages.events import RunStarted, StepDone
from training_core.project import LabelSource, Project

RUN = "20260103-000000"


@pytest.fixture
def context(qapp: Any) -> Any:
    return bare_context()


@pytest.fixture
def head() -> Any:
    return create_autospec(HeadSurface, instance=True)


@pytest.fixture
def tile_bar() -> Any:
    return create_autospec(TileBarSurface, instance=True)


@pytest.fixture
def status() -> Any:
    return create_autospec(StatusSurface, instance=True)


@pytest.fixture
def tiles() -> Any:
    return create_autospec(TilesController, instance=True)


@pytest.fixture(autouse=True)
def guide(context: Any, head: Any, tile_bar: Any, status: Any, tiles: Any) -> GuideController:
    return GuideController(context, head, tile_bar, status, tiles)


def test_the_foot_says_what_to_do_and_counts_what_waits_now(
    context: Any, head: Any, status: Any, project: Project, truths: dict[str, np.ndarray], add_run: Callable[..., None]
) -> None:
    session, status = context.session, status.set_status
    assert status.call_args == call("Open a project, create one from your images, or try the sample.", "", None)
    session.set_project(project)
    assert head.set_project.call_args == call("project")
    assert "at least 2 tiles first (0 done)" in status.call_args.args[0]
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    session.model.labels_changed_outside(None)
    assert status.call_args == call("Enough is painted: press Start training.", "", None)

    session.begin_training()
    session.apply(
        RunStarted(
            run_id=RUN, run_dir="", device="cpu", precision="float32", encoder="", class_ids=(0, 1), n_labeled=2,
            n_unlabeled=2, n_val=0, total_steps=None,
        )
    )  # fmt: skip
    step = {"losses": {"total": 1.0}, "threshold": None, "confident_share": None, "elapsed_s": 4.0}
    session.apply(StepDone(run_id=RUN, step=3, progress=0.41, eta_s=80.0, **step))
    words = "Training on 2 annotated tiles, 2 without annotations and 0 for validation (CPU)."
    assert status.call_args == call(words, "CPU, 41 % done, 1 min 20 s left", 0.41)

    add_run(project, RUN, {name: truths[name] for name in ("tile_01", "tile_02", "tile_03")})
    session.end_training("Finished after 68 steps.")
    session.model.runs_changed_outside(None)
    left = "1 of 4 tiles has no prediction."
    assert status.call_args == call(f"Finished after 68 steps. 1 tile waits for review. {left}", "", None)
    project.write_label("tile_03", truths["tile_03"], LabelSource.ACCEPTED_PREDICTION, run_id=RUN, region="tile")
    session.model.label_changed_outside("tile_03")
    assert status.call_args == call(f"Finished after 68 steps. {left}", "", None)


def test_the_tile_bar_names_the_tile_and_leads_to_its_neighbours(
    context: Any, tile_bar: Any, tiles: Any, project: Project
) -> None:
    assert tile_bar.set_tile.call_args == call("")
    context.session.set_project(project)
    context.session.set_tile("tile_04")
    assert tile_bar.set_tile.call_args == call("tile_04  4/4", "tile_04 (4 of 4) – unannotated")
    assert tile_bar.set_neighbors.call_args == call(True, False)
    slot(tile_bar.previous_clicked)()
    tiles.previous.assert_called_once_with()
