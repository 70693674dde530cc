"""Sharing the model and predicting files from the window, with a network that was really trained, and the commands."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
import tifffile
from qtpy.QtGui import QGuiApplication

from napari_unisemalign.app.command_line import as_text
from napari_unisemalign.results import open_prediction
from napari_unisemalign.shell.pages import Place
from tests.cases.ome_zarr_images import RGB_CHANNELS, write_ome_zarr
from training_core.cli.main import build_parser, main
from training_core.export.ome_zarr import slide_masks
from training_core.io import read_mask
from training_core.project import LabelSource, Project, TissueClass

WAIT_S = 300.0
SETTINGS = (
    "data.crop_px=64", "data.labeled_batch=2", "data.unlabeled_batch=2", "schedule.steps=2",
    "schedule.quick_start=false", "alignment.embedding_dim=16", "runtime.device=cpu",
)  # fmt: skip


def copied() -> list[str]:
    """The arguments of the command on the clipboard, as the command line itself reads them."""
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[:3] == ["python", "-m", "training_core"]
    build_parser().parse_args(words[3:])
    return words[3:]


@pytest.fixture
def trained(project: Project, truths: dict[str, np.ndarray]) -> Project:
    for name in ("tile_01", "tile_02"):
        project.write_label(name, truths[name], LabelSource.PAINTED)
    chosen = [word for each in SETTINGS for word in ("--set", each)]
    command = [sys.executable, "-m", "training_core", "train", str(project.path), *chosen]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return project


def open_fold(driver: Any, body: Any) -> None:
    """Show a fold of the page of results."""
    driver.open_place(Place.RESULTS)
    fold = body.parentWidget()
    while not hasattr(fold, "set_open"):
        fold = fold.parentWidget()
    fold.set_open(True)


@pytest.mark.nightly  # four processes that load torch
def test_a_network_is_shared_predicts_a_queue_and_the_result_is_opened(
    window: Any, trained: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    controller, share, predict = driver.panel.controller, driver.panel.share, driver.panel.predict
    controller.open_project(trained.path)
    run_dir = trained.runs_dir / str(trained.latest_run_id())
    files = [tmp_path / f"{name}.tif" for name in ("one", "broken", "two")]
    for seed, path in enumerate(files):
        tifffile.imwrite(path, np.random.default_rng(seed).integers(0, 256, (96, 120, 3), np.uint8))
    files[1].write_bytes(files[1].read_bytes()[:5000])
    with driver.watching():
        open_fold(driver, share)
        share.set_folder(str(tmp_path / "model"))
        driver.click(share.copy_button)
        assert copied() == ["share", str(run_dir), "-o", str(tmp_path / "model")]
        driver.click(share.share_button)
        driver.wait(lambda: "Wrote the model" in share.hint.text(), "the model", WAIT_S)
        assert json.loads((tmp_path / "model" / "model.json").read_text())["origin"]["run"] == run_dir.name

        open_fold(driver, predict)
        assert not predict.predict_button.isEnabled()
        answers.files = tuple(files)
        driver.click(predict.files_button)
        predict.set_out(str(tmp_path / "out"))
        predict.mpp_spin.setValue(0.5)
        driver.click(predict.copy_button)
        assert copied()[-2:] == ["--missing-mpp", "0.5"]  # files that state their own keep it
        predict.mpp_spin.setValue(0)
        driver.click(predict.objects_box)
        driver.click(predict.copy_button)
        command = copied()
        out = ["-o", str(tmp_path / "out"), "--objects", "geojson"]
        assert command == ["predict", str(run_dir), *map(str, files), *out]
        driver.click(predict.predict_button)
        driver.wait(lambda: "The results are in" in predict.hint.text(), "the queue", WAIT_S)
        assert "Predicted 2 files." in predict.hint.text()
        first, line = driver.panel.messages.text.splitlines()
        assert first == "1 file could not be predicted:"
        assert line.startswith("broken.tif: ")
        driver.panel.messages.close_button.click()
        before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
        # what was copied does the same, and finds it done; in a process of its own, as torch cannot follow OpenGL
        again = subprocess.run([sys.executable, "-m", "training_core", *command], capture_output=True, check=False)
        assert again.returncode == 3
        assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")} == before

        table = (tmp_path / "out" / "areas.csv").read_text(encoding="utf-8-sig").splitlines()
        assert [line.split(",")[0] for line in table[1:]] == ["one"] * 2 + ["two"] * 2
        features = json.loads((tmp_path / "out" / "two.geojson").read_bytes())["features"]
        counts = Counter(each["properties"]["classification"]["name"] for each in features)
        glands = counts["gland"]
        assert predict.results_combo.itemText(1) == f"two.tif (gland {glands:,})"
        driver.click(predict.open_button)
    windows = napari._qt.qt_main_window._QtMainWindow._instances
    (viewer,) = [each._qt_viewer.viewer for each in windows if each._qt_viewer.viewer.title == "two.tif"]
    mask = read_mask(tmp_path / "out" / "two.prediction.png")
    np.testing.assert_array_equal(np.asarray(viewer.layers["Prediction"].data), mask + 1)
    np.testing.assert_array_equal(np.asarray(viewer.layers["two.tif"].data), tifffile.imread(files[2]))
    viewer.close()


@pytest.mark.nightly
def test_a_run_without_weights_is_said_and_nothing_hangs(
    window: Any, predicted_project: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    predict = driver.panel.predict
    answers.files = (tmp_path / "one.tif",)
    tifffile.imwrite(answers.files[0], np.zeros((96, 120, 3), np.uint8))
    open_fold(driver, predict)
    driver.click(predict.files_button)
    driver.click(predict.predict_button)
    assert not predict.predict_button.isEnabled()
    assert predict.stop_button.isVisible()
    driver.wait(lambda: bool(driver.panel.messages.text), "the message", WAIT_S)
    driver.wait(predict.predict_button.isEnabled, "the end of the process", WAIT_S)
    assert "is not a run folder" in driver.panel.messages.text
    assert not predict.stop_button.isVisible()


def test_the_objects_are_part_of_the_command(window: Any, predicted_project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    driver.panel.controller.open_project(predicted_project.path)
    predict = driver.panel.predict
    answers.files = (tmp_path / "one.tif",)
    open_fold(driver, predict)
    driver.click(predict.files_button)
    driver.click(predict.copy_button)
    assert "--objects" not in copied()
    driver.click(predict.objects_box)
    driver.click(predict.copy_button)
    assert copied()[-2:] == ["--objects", "geojson"]


def test_what_cannot_be_done_says_why(window: Any, project: Project) -> None:
    _viewer, driver, _answers = window
    share, predict = driver.panel.share, driver.panel.predict
    for button in (share.share_button, share.copy_button, predict.predict_button, predict.copy_button):
        assert button.toolTip() == "Open a project first."
    driver.panel.controller.open_project(project.path)
    for button in (share.share_button, share.copy_button, predict.predict_button, predict.copy_button):
        assert not button.isEnabled()
        assert button.toolTip() == "There is no trained network yet. Train first."


def test_the_command_of_an_export_writes_the_same_files(
    window: Any, predicted_project: Project, tmp_path: Path
) -> None:
    _viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    view = driver.panel.export
    with driver.watching():
        by_button = driver.export(tmp_path / "a", "predictions", "palette-png")
        view.set_folder(str(tmp_path / "b c"))
        driver.click(view.copy_button)
        assert main(copied()) == 0
    by_command = sorted((tmp_path / "b c").glob("*.png"))
    assert [path.name for path in by_command] == sorted(path.name for path in by_button)
    assert len(by_command) > 0
    for ours, theirs in zip(sorted(by_button), by_command, strict=True):
        assert ours.read_bytes() == theirs.read_bytes()


def test_names_with_spaces_and_quotes_come_back_from_the_command() -> None:
    arguments = ("predict", "/runs/a b", "it's.tif", "-o", "/out $HOME")
    assert shlex.split(as_text(arguments))[3:] == list(arguments)


@pytest.mark.parametrize("kind", ["tiff", "zarr", "other", "missing"])
def test_a_large_slide_of_any_format_opens_under_its_prediction(
    make_napari_viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any, kind: str
) -> None:
    monkeypatch.setattr(open_prediction, "_WHOLE_UP_TO_PX", 0)
    monkeypatch.setattr(napari, "Viewer", lambda title: make_napari_viewer(title=title, show=True))
    pixels = np.random.default_rng(0).integers(0, 256, (600, 700, 3), np.uint8)
    slide = tmp_path / ("slide.zarr" if kind == "zarr" else "slide.tif")
    if kind == "zarr":
        write_ome_zarr(slide, [pixels.transpose(2, 0, 1)], omero=RGB_CHANNELS)
    elif kind != "missing":
        shown = pixels[:300] if kind == "other" else pixels
        tifffile.imwrite(slide, shown, tile=(256, 256), photometric="rgb")
    ids = (pixels[..., 0] > 127).astype(np.uint8)
    out = tmp_path / "slide.ome.zarr"
    with slide_masks(out, 600, 700, [TissueClass(0, "a", "#112233"), TissueClass(1, "b", "#445566")], 0.5) as masks:
        masks.writer(0, len(ids))(0, 0, ids, np.zeros_like(ids))
    note = open_prediction.open_prediction(slide, out)
    viewer = napari.current_viewer()
    assert viewer is not None
    np.testing.assert_array_equal(np.asarray(viewer.layers["Prediction"].data), ids + 1)
    if kind in ("other", "missing"):
        assert note == "slide.tif itself cannot be shown here, only its prediction."
        assert len(viewer.layers) == 1
        return
    assert note == ""
    viewer.layers["Prediction"].visible = False
    level = viewer.layers[slide.name].data[0]
    qtbot.waitUntil(lambda: np.array_equal(level[:600, :700], pixels), timeout=300_000)

    def is_drawn() -> bool:
        seen = viewer.screenshot(flash=False)[..., :3].astype(int)
        return bool(seen[seen.shape[0] // 2 - 40 :][:80, seen.shape[1] // 2 - 40 :][:, :80].std() > 20)

    qtbot.waitUntil(is_drawn, timeout=300_000)
