"""The report of a problem holds what helps, and no name and no path."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from napari_unisemalign.shell.report import Names
from training_core.project import Project
from training_core.project.settings import write_settings


def test_a_report_has_versions_settings_events_and_a_picture_without_names(
    window: Any, predicted_project: Project, tmp_path: Path
) -> None:
    _viewer, driver, answers = window
    run = predicted_project.runs_dir / "20260101-000000"
    told = {"kind": "overlay_ready", "tile": "tile_02", "prediction": str(run / "overlays" / "tile_02.png")}
    (run / "events.jsonl").write_text(json.dumps(told) + "\n")
    write_settings(predicted_project.path, {"seed": 77})
    driver.panel.controller.open_project(predicted_project.path)
    driver.panel.controller.context.reporter.error(f"{predicted_project.path}/labels/tile_01.png is damaged")
    assert driver.panel.perform("report-problem")  # the user thinks better of it
    answers.folder = tmp_path
    assert driver.panel.perform("report-problem")
    with zipfile.ZipFile(tmp_path / "problem.zip") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    assert set(parts) == {"report.txt", "panel.png", "events.jsonl"}
    report, events = parts["report.txt"].decode(), parts["events.jsonl"].decode()
    assert "napari" in report
    assert '"seed": 77' in report
    assert "tiles: 4" in report
    assert "PATH is damaged" in report
    assert json.loads(events) == {"kind": "overlay_ready", "tile": "tile-2", "prediction": "PATH"}
    for secret in ("tile_0", "gland", str(tmp_path), tmp_path.name):
        assert secret not in report + events
    image = np.asarray(Image.open(io.BytesIO(parts["panel.png"])).convert("RGB"))
    place = driver.panel.head.tile_bar.name
    corner = place.mapTo(driver.panel, place.rect().center())
    scale = image.shape[1] / driver.panel.width()
    around = image[round(corner.y() * scale) - 3 : round(corner.y() * scale) + 3, round(corner.x() * scale)]
    assert (around == 0x88).all()  # the tile's name is painted over, in a grey


def test_names_are_taken_out_whole_and_paths_of_every_system(predicted_project: Project) -> None:
    names = Names(predicted_project)
    text = names.out_of("C:\\\\data\\\\x.png, /home/me/y.tif: tile_01 and TILE_02, see ~/z.svs.")
    assert text == "PATH, PATH: tile-1 and tile-2, see PATH."
