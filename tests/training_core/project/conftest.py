"""A project as version 1 wrote it: its files are spelled out here, and no code of the core takes part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIDE_PX = 96
RUN_ID = "20260101-120000"
INDEX = """{
"spec_version": 1,
"name": "Old tissue",
"created_at": "2026-01-01T12:00:00.000+00:00",
"next_class_id": 3,
"classes": [
  {"id":0,"name":"background","color":"#999999","prompt":"an H&E image of background tissue"},
  {"id":2,"name":"Drüse","color":"#009e73","prompt":""}
],
"val": ["v_1"],
"rejected": {
  "20260101-120000": ["u_2"]
},
"rejected_areas": {
  "u_1": {"pixels":960,"run_id":"20260101-120000"},
  "u_2": {"pixels":9216,"run_id":"20260101-120000"}
},
"labels": {
  "a_1": {"labeled_pixels":3840,"source":"painted","edits":1,"accepted":false,"class_ids":[0,2]},
  "u_1": {"labeled_pixels":1920,"source":"accepted_prediction","edits":1,"accepted":true,"class_ids":[2]},
  "v_1": {"labeled_pixels":9216,"source":"imported","edits":1,"accepted":false,"class_ids":[0,2]}
},
"tiles": [
TILES
]
}
"""
TILE = """\
  {"name":"NAME","path":"PATH","width_px":WIDTH,"height_px":96,"sha256":"SHA","mpp_um":MPP,"path_from_project":FROM}"""
TILES = {
    "a_1": "0.25",
    "u_1": "0.25",
    "u_2": "null",
    "v_1": "0.25",
    "scan A_x00000_y00512": "0.5",
    "scan A_x131072_y00000": "0.5",
    "other_x00000_y00000": "0.5",  # not square
    "third_x00000_y00000": "0.5",  # referenced
    "last_x00000_y00000": "null",
}
HISTORY = """{
 "edits": [
  {
   "source": "SOURCE",
   "at": "2026-01-01T12:00:01.000+00:00",
   "labeled_pixels": PIXELS,
   "run_id": RUN,
   "region": REGION,
   "accepted": null
  }
 ],
 "spec_version": 1
}
"""


def _png(path: Path, pixels: np.ndarray) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


def _label(project: Path, name: str, label: np.ndarray, source: str, run: Any = None, region: Any = None) -> None:
    _png(project / "labels" / f"{name}.png", label)
    text = HISTORY.replace("SOURCE", source).replace("PIXELS", str(int((label != 255).sum())))
    text = text.replace("RUN", json.dumps(run)).replace("REGION", json.dumps(region))
    (project / "labels" / f"{name}.json").write_text(text, encoding="utf-8")


def write_version_1(folder: Path) -> Path:
    project, rng = folder / "old", np.random.default_rng(0)
    lines = []
    for name, mpp in TILES.items():
        width, referenced = 112 if name.startswith("other") else SIDE_PX, name.startswith("third")
        path = folder / "elsewhere" / f"{name}.png" if referenced else project / "images" / f"{name}.png"
        tissue = np.repeat(np.array([(220, 200, 225), (120, 60, 130)], np.uint8), [48, 48], axis=0)
        noise = rng.integers(0, 25, (SIDE_PX, width, 3), dtype=np.uint8)
        data = _png(path, tissue[:, None, :] + noise)
        line = TILE.replace("WIDTH", str(width)).replace("SHA", hashlib.sha256(data).hexdigest()).replace("MPP", mpp)
        line = line.replace("FROM", f'"../elsewhere/{name}.png"' if referenced else "null")
        line = line.replace("PATH", path.as_posix() if referenced else f"images/{name}.png").replace("NAME", name)
        lines.append(line)
    (project / "project.json").write_text(INDEX.replace("TILES", ",\n".join(lines)), encoding="utf-8")
    whole = np.repeat(np.array([0, 2], np.uint8), [48, 48])[:, None].repeat(SIDE_PX, axis=1)
    painted, accepted, rejected = np.full_like(whole, 255), np.full_like(whole, 255), np.zeros_like(whole)
    painted[:20], painted[-20:], accepted[-20:], rejected[:10] = 0, 2, 2, 255
    _label(project, "a_1", painted, "painted")
    _label(project, "u_1", accepted, "accepted_prediction", RUN_ID, "component")
    _label(project, "v_1", whole, "imported", None, "tile")
    _png(project / "accepted" / "u_1.png", accepted)
    _png(project / "rejected" / "u_1.png", rejected)
    _png(project / "rejected" / "u_2.png", np.full_like(whole, 255))
    (project / "settings.json").write_text('{\n "spec_version": 1,\n "data": {\n  "crop_px": 64\n }\n}')
    (project / "rounds").mkdir()
    (project / "rounds" / "001.json").write_text(
        f'{{\n "number": 1,\n "run_id": "{RUN_ID}",\n "at": "2026-01-01T12:00:02.000+00:00",\n "labeled": {{\n'
        '  "a_1": 1,\n  "v_1": 1\n },\n "val": [\n  "v_1"\n ],\n "spec_version": 1\n}\n'
    )
    run = project / "runs" / RUN_ID
    for name in ("a_1", "u_1", "u_2", "v_1"):
        for kind, pixels in (("prediction", whole), ("pseudo_label", whole), ("confidence", whole * 100)):
            _png(run / "predictions" / f"{name}.{kind}.png", pixels)
    (run / "summary.json").write_text(
        f'{{\n "spec_version": 1,\n "run": "{run.as_posix()}",\n "reason": "budget",\n "steps": 3,\n "seconds": 1.5,\n'
        ' "val": {\n  "mDice": 80.0,\n  "mJaccard": 70.0\n },\n "absent_classes": [],\n "peak_rss_bytes": 1000,\n'
        ' "peak_gpu_bytes": null,\n "device": "cpu",\n "precision": "float32"\n}'
    )
    return project


@pytest.fixture(scope="session")
def version_1_in() -> Callable[[Path], Path]:
    """version_1_in(folder): the project folder/old, with labels, an acceptance, rejections, a round and a run."""
    return write_version_1


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """`version_1_in` with the test's own folder."""
    return write_version_1(tmp_path)
