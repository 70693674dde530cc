"""The whole loop in a real window with real clicks, a real trainer and the real sample project.

Label two tiles, train, watch the overlay change, accept a tile, correct it, export, train round two from the
corrected labels.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.app.layer_values import LABELS, NAMES, PREDICTION
from napari_unisemalign.app.training_state import Phase
from training_core.demo import read_truth
from training_core.io import read_mask
from training_core.project import LabelSource, Project, TileState

pytestmark = pytest.mark.binding

MINUTES = 0.5


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_label_train_overlay_accept_correct_export_and_train_again(window: Any, tmp_path: Any) -> None:
    viewer, driver, answers = window
    panel = driver.panel
    with driver.watching():
        driver.click(panel.project.sample_button)
        driver.wait(lambda: driver.session.project is not None, "the sample project", 300.0)
        project = driver.session.project
        assert len(project.tiles) >= 40

        # label: a few strokes on two tiles, saved by themselves
        for name in ("tile_01", "tile_02"):
            driver.show_tile(name)
            driver.paint_strokes(read_truth(project, name))
            share = project.labeled_pixels(name) / driver.label().size
            assert 0.005 < share < 0.3
            assert project.label_edits(name)[-1].source is LabelSource.PAINTED
        driver.show_tile("tile_03")
        viewer.scene.camera.zoom = 1.25

        # train: the overlay of the tile on screen comes before the first step, and stays until the network's is as good
        driver.start_training(MINUTES)
        first = driver.wait_for_new_overlay(None)
        driver.wait(lambda: bool(driver.session.curves.loss), "the first step", 300.0)
        assert driver.session.training.phase is Phase.RUNNING
        assert first.shape == driver.label().shape
        assert (driver.label() == 255).all()  # overlays are no labels
        assert viewer.layers.selection.active is viewer.layers[NAMES[LABELS]]
        assert viewer.scene.camera.zoom == 1.25
        assert " left" in panel.status.details.toolTip()
        driver.show_tile("tile_04")  # the trainer follows to another tile
        driver.wait_for_new_overlay(None)
        first_run = driver.wait_trained(MINUTES)
        assert panel.train.chart.view.series
        assert "wait for review" in panel.train.status.text()
        assert project.states()["tile_05"] is TileState.PREDICTED
        assert [each.run_id for each in project.rounds()] == [first_run]

        # accept a tile, then correct it
        driver.show_tile("tile_03")
        prediction = driver.prediction()
        np.testing.assert_array_equal(prediction, read_mask(project.prediction("tile_03").prediction))
        # whoever scores best has the last word: after so short a training it may still be the first overlay's maker
        made_by = _summary(project, first_run)["predictions"]["made_by"]
        assert (prediction != first).any() == (made_by == "network")
        assert viewer.layers[NAMES[PREDICTION]].visible
        driver.click(panel.correct.accept_tile_button)
        np.testing.assert_array_equal(driver.label(), prediction)
        assert driver.correct(read_truth(project, "tile_03")) > 0
        corrected = driver.label()
        assert (corrected != prediction).any()
        edits = project.label_edits("tile_03")
        assert [edit.source for edit in edits][:2] == [LabelSource.ACCEPTED_PREDICTION, LabelSource.CORRECTED]
        assert edits[0].run_id == first_run

        # export: the file's pixels are the layer's, less one, and 255 where nothing is labelled
        masks = driver.export(tmp_path / "masks")
        assert {"tile_01.png", "tile_02.png", "tile_03.png"} <= {path.name for path in masks}
        values = viewer.layers[NAMES[LABELS]].data
        expected = np.where(values == 0, 255, values.astype(int) - 1)
        np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "tile_03.png"), expected)
        driver.show_tile("tile_01")
        values = viewer.layers[NAMES[LABELS]].data
        expected = np.where(values == 0, 255, values.astype(int) - 1)
        assert (expected == 255).any()
        np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "tile_01.png"), expected)

        # round two learns from the corrected tile
        driver.start_training(MINUTES / 2)
        second_run = driver.wait_trained(MINUTES / 2)
        assert second_run != first_run
        assert _labeled_in(project, first_run) == {"tile_01", "tile_02"}
        assert _labeled_in(project, second_run) == {"tile_01", "tile_02", "tile_03"}
        assert [each.run_id for each in project.rounds()] == [first_run, second_run]
        assert project.rounds()[-1].labeled["tile_03"] == len(project.label_edits("tile_03"))
    np.testing.assert_array_equal(project.label("tile_03"), corrected)
    # a training this short may end below the pixel classifier, and has to say so; nothing else is said
    assert not panel.messages.text or panel.messages.text.startswith("The predictions of the tiles come from ")
    assert answers.asked == []
    assert "torch" not in sys.modules  # all of it was done by the other process


def _summary(project: Project, run_id: str) -> dict[str, Any]:
    return json.loads((project.runs_dir / run_id / "summary.json").read_text())


def _labeled_in(project: Project, run_id: str) -> set[str]:
    """The labelled tiles that a run says it learned from."""
    provenance = json.loads((project.runs_dir / run_id / "provenance.json").read_text())
    return set(provenance["tiles"]["labeled"])
