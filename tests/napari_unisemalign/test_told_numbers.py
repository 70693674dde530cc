"""What is not predicted is counted and can be predicted; what nothing measures is said, with an offer."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from napari_unisemalign.train import run_controls
from training_core.project import LabelSource, Project

RUN = "20260101-000000"
# In place of the trainer, which takes a model minutes: it predicts tile_03 and tile_04 of the run and says so. It waits
# until each was seen: events that come together are shown once.
STAND_IN = """
import sys, shutil, time
from pathlib import Path
from training_core.messages.events import *
folder = Path(sys.argv[1])
def say(kind, **values): print(kind(run_id="20260101-000000", **values).model_dump_json(), flush=True)
say(RunStarted, run_dir="", device="cpu", precision="float32", encoder="", class_ids=(0, 1), n_labeled=2, n_unlabeled=2,
    n_val=0, total_steps=None)
for place, name in enumerate(("tile_03", "tile_04")):
    say(Status, message=f"Predicting tile {place + 1} of 2", done=0.5 + place / 4, eta_s=1.0)
    for kind in ("prediction", "pseudo_label", "confidence"):
        shutil.copy(folder / f"tile_01.{kind}.png", folder / f"{name}.{kind}.png")
    waited = time.monotonic()
    while not (folder / f"seen_{0.5 + place / 4}").exists() and time.monotonic() - waited < 60:
        time.sleep(0.05)
say(RunFinished, run_dir="", reason="stopped", steps=3, seconds=1.0, mdice=None, mjaccard=None)
"""


def test_tiles_without_a_prediction_are_counted_predicted_by_a_button_and_named_by_an_export(
    window: Any, project: Project, truths: dict[str, np.ndarray], add_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _viewer, driver, _answers = window
    add_run(project, RUN, {name: truths[name] for name in ("tile_01", "tile_02")})
    project.add_round(RUN)
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.ACCEPTED_PREDICTION, run_id=RUN, region="tile")
    folder = project.runs_dir / RUN / "predictions"
    asked: list[Any] = []

    def command(path: Any, run_id: str, **options: Any) -> list[str]:
        asked.append((path, run_id, options["keep"]))
        return [sys.executable, "-c", STAND_IN, str(folder)]

    monkeypatch.setattr(run_controls, "resume_command", command)
    driver.panel.controller.open_project(project.path)
    panel, controls = driver.panel, driver.panel.train.controls
    words = "2 of 4 tiles have no prediction."
    assert controls.missing_text.text() == words
    assert words in panel.status.text.text()  # and not that every tile is reviewed
    view = panel.export
    view.content_combo.setCurrentIndex(view.content_combo.findData("predictions"))
    assert view.hint.text() == "2 of 4 tiles are left out: they have no prediction."
    driver.export(project.path / "masks", "predictions")
    assert view.hint.text().endswith("2 of 4 tiles are left out: they have no prediction.")
    progress: list[float] = []

    def see(training: Any) -> None:
        progress.append(training.progress)
        (folder / f"seen_{training.progress}").touch()

    driver.session.training_changed.connect(see)
    driver.click(controls.predict_button)
    driver.wait(lambda: not driver.session.training.active and bool(progress), "the end")
    assert asked == [(project.path, RUN, True)]
    assert {0.5, 0.75} <= set(progress)  # the bar moves while tiles are predicted
    assert [each.run_id for each in project.rounds()] == [RUN]  # nothing new was learned
    assert not controls.predict_button.isVisibleTo(controls)
    assert project.to_review() == ("tile_03", "tile_04")
    words = panel.status.text
    assert words.text() == "The predictions are complete. 2 tiles wait for review."
    driver.show_tile("tile_03")
    driver.click(panel.correct.accept_tile_button)  # what was said of the training counts what waits now
    driver.wait(lambda: words.text() == "The predictions are complete. 1 tile waits for review.", "the new count")
    driver.click(panel.painting.undo_button)
    driver.wait(lambda: words.text() == "The predictions are complete. 2 tiles wait for review.", "the former one")
    assert not view.hint.text().startswith("2 of 4")


def test_without_validation_tiles_holding_some_out_is_offered_and_accepted_ones_are_named(
    window: Any, project: Project, truths: dict[str, np.ndarray]
) -> None:
    _viewer, driver, _answers = window
    label = np.full((96, 96), 255, np.uint8)
    label[:20], label[50:70] = 0, 1
    for name in truths:
        project.write_label(name, label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    controls = driver.panel.train.controls.hold_out
    assert "no Dice says how good a round is" in controls.words.text()
    assert controls.button.text() == "Hold out 1 of 4 tiles"
    driver.click(controls.button)
    (held_out,) = project.val_names()
    assert controls.words.text() == ""
    assert not controls.button.isVisibleTo(controls)
    project.write_label(held_out, truths[held_out], LabelSource.ACCEPTED_PREDICTION, run_id=RUN)
    driver.session.states_changed.emit()
    assert controls.words.text() == (
        f"The label of the validation tile {held_out} was accepted from a prediction, so its Dice is too high."
    )


def test_the_classes_say_whether_training_reads_their_prompts(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    hint = driver.panel.classes.hint
    assert "Training does not read the text prompts: that takes a text encoder" in hint.text()
    driver.session.set_settings({"text.encoder": "conch"})
    assert "Training reads the text prompts with conch." in hint.text()
    driver.session.set_settings({"text.encoder": "conch", "alignment.use_text": False})
    assert "Training does not read the text prompts: alignment.use_text is off" in hint.text()
