"""`bench` measures the real thing and says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_core.bench.step import PRESETS
from training_core.cli import main
from training_core.config import resolve
from training_core.presets import layered

SMALL = ["--set", "encoder.pretrained=false", "--set", "data.crop_px=64", "--warm-up", "0", "--repeats", "2"]


@pytest.mark.parametrize(
    ("options", "way", "variant"),
    [
        (["--encoder", "resnet18"], "ours", "best"),
        (["--encoder", "vit_tiny_patch16_224", "--as-released"], "as released", "released"),
    ],
)
def test_a_step_is_measured_both_ways(tmp_path: Path, options: list[str], way: str, variant: str) -> None:
    file = tmp_path / "step.json"
    assert main(["bench", "step", *options, *SMALL, "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert (result["way"], result["variant"], result["repeats"]) == (way, variant, 2)
    assert 0 < result["seconds_per_step_min"] <= result["seconds_per_step"] <= result["seconds_per_step_max"]
    assert result["peak_rss_bytes"] > 100e6
    assert result["versions"]["torch"]
    if variant == "released":
        assert result["precision"] == "float32"


def test_the_preset_has_the_released_shapes() -> None:
    config = resolve(PRESETS["released-vitl"])
    released = resolve(layered(PRESETS["released-vitl"], {"variant": "released"}))
    assert config.encoder == released.encoder
    assert config.decoder == released.decoder
    assert (config.data.labeled_batch, config.data.unlabeled_batch, config.data.crop_px) == (4, 4, 256)


def test_a_project_of_many_tiles_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "project.json"
    assert main(["bench", "project", "--tiles", "50", "--repeats", "1", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["tiles"] == 50
    for what in ("open", "states", "suggestions"):
        for when in ("before", "after"):
            assert result[f"seconds_to_{what}_{when}_a_run"] > 0
