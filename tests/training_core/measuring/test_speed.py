"""`bench` measures the real thing and says what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_core.cli.main import main
from training_core.measuring.speed.step import PRESETS
from training_core.settings.schema import resolve
from training_core.settings.variants import layered

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


def test_the_first_overlay_of_both_rounds_is_timed_and_scored(tmp_path: Path) -> None:
    file = tmp_path / "overlay.json"
    assert main(["bench", "first-overlay", "--repeats", "1", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["source"] == "quick_start"
    assert result["seconds_to_first_overlay"] > 0.1
    assert result["seconds_to_first_overlay_round_two"] > 0.1
    assert result["mdice"] >= 75


def test_a_stroke_with_live_is_timed(tmp_path: Path) -> None:
    file = tmp_path / "live.json"
    assert main(["bench", "live", "--repeats", "2", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["repeats"] == 2
    assert 0 < result["seconds_to_refreshed_overlay"] < result["seconds_to_first_answer"]
    assert result["peak_rss_bytes"] > 300e6  # of the process with torch, not of the one that waits


def test_live_without_an_answer_is_an_error_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--repeats", "1", "--set", "encoder.name=nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err


def test_a_training_without_overlay_is_an_error_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "first-overlay", "--repeats", "1", "--set", "encoder.name=nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err


def test_prediction_is_measured_beside_the_bare_network(tmp_path: Path) -> None:
    file = tmp_path / "predict.json"
    small = ["--set", "inference.window_px=128", "--side-px", "300", "--repeats", "1"]
    assert main(["bench", "predict", *small, "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert 0 < result["mpx_per_s"] < result["network_mpx_per_s"]
    assert result["share_of_bare"] == pytest.approx(result["network_mpx_per_s"] / result["bare_mpx_per_s"])
