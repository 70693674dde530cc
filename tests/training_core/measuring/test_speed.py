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
        pytest.param(
            ["--encoder", "vit_tiny_patch16_224", "--as-released"], "as released", "released", marks=pytest.mark.nightly
        ),
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


@pytest.mark.nightly
def test_the_first_overlay_of_both_rounds_is_timed_and_scored(tmp_path: Path) -> None:
    file = tmp_path / "overlay.json"
    assert main(["bench", "first-overlay", "--repeats", "1", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["source"] == "quick_start"
    assert result["seconds_to_first_overlay"] > 0.1
    assert result["seconds_to_first_overlay_round_two"] > 0.1
    assert result["mdice"] >= 75


@pytest.mark.nightly
def test_a_stroke_with_live_is_timed(tmp_path: Path) -> None:
    file = tmp_path / "live.json"
    assert main(["bench", "live", "--repeats", "2", "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["repeats"] == 2
    assert 0 < result["seconds_to_refreshed_overlay"] < result["seconds_to_first_answer"]
    assert result["peak_rss_bytes"] > 300e6  # of the process with torch, not of the one that waits


@pytest.mark.nightly
def test_live_without_an_answer_is_an_error_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--repeats", "1", "--set", "encoder.name=nonesuch"]) == 2
    assert "nonesuch" in capsys.readouterr().err


@pytest.mark.nightly
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


def test_of_a_slide_with_glass_only_what_is_predicted_counts_for_the_network(tmp_path: Path) -> None:
    file = tmp_path / "predict.json"
    small = ["--set", "inference.window_px=128", "--side-px", "1024", "--repeats", "1", "--glass", "0.5"]
    assert main(["bench", "predict", *small, "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert 0.3 < result["left_out"] <= 0.5
    overlap = (1 / 0.875) ** 2  # windows overlap by an eighth or a little more
    assert result["network_mpx_per_s"] / result["mpx_per_s"] == pytest.approx(
        (1 - result["left_out"]) * overlap, rel=0.2
    )
    assert main(["bench", "predict", "--glass", "1"]) == 2


def test_what_is_around_the_network_is_measured_without_it(tmp_path: Path) -> None:
    file = tmp_path / "predict.json"
    small = ["--set", "inference.window_px=256", "--side-px", "600", "--repeats", "2"]
    assert main(["bench", "predict", "--without-network", *small, "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["network"] == "identity"
    assert result["mpx_per_s"] > 0
    assert 0 < result["cpu_s_per_mpx_min"] <= result["cpu_s_per_mpx"] <= result["cpu_s_per_mpx_max"]


def recorded(folder: Path, *events: tuple[float, str, dict[str, object]]) -> Path:
    """A run's folder with these events, each a time, a kind and its fields; from the start at 10 s to the end."""
    start = {"run_dir": "", "device": "cpu", "precision": "float32", "encoder": "", "class_ids": [0, 1]}
    start |= {"n_labeled": 2, "n_unlabeled": 2, "n_val": 0, "total_steps": None}
    end = {"run_dir": "", "reason": "budget", "steps": 3, "seconds": 90.0, "mdice": None, "mjaccard": None}
    lines = [(10.0, "run_started", start), *events, (110.0, "run_finished", end)]
    folder.mkdir()
    text = [json.dumps({"run_id": "r", "elapsed_s": at, "kind": kind, **rest}) for at, kind, rest in lines]
    (folder / "events.jsonl").write_text("\n".join(text) + "\n")
    return folder


def status(at: float, eta_s: float, done: float) -> tuple[float, str, dict[str, object]]:
    return at, "status", {"message": "", "eta_s": eta_s, "done": done}


def test_estimates_of_the_time_left_are_compared_with_the_end(tmp_path: Path) -> None:
    """Of 100 s: told at 10, 30, 50 and 90 s; their ends are 50 too late, 30 too early, right and 20 too late."""
    run = recorded(
        tmp_path / "run", status(20, 140, 0.06), status(40, 40, 0.4), status(60, 50, 0.4), status(100, 30, 0.5)
    )
    file = tmp_path / "left.json"
    assert main(["bench", "time-left", str(run), "--json", str(file)]) == 0
    result = json.loads(file.read_text())
    assert result["seconds"] == 100
    assert result["estimates_after_the_first_tenth"] == 3  # the first is told at the tenth itself
    assert result["percent_of_them_within_a_fifth"] == 67
    assert result["median_percent_off"] == 20
    assert (result["worst_percent_off"], result["worst_at_percent_of_the_time"]) == (-30, 30)
    assert result["seconds_that_the_bar_stood_still"] == 20  # from 40 to 60


def test_a_run_that_paused_or_has_no_events_tells_nothing_of_the_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorded(tmp_path / "run", status(40, 40, 0.4), (50.0, "paused", {"step": 1}))
    assert main(["bench", "time-left", str(run)]) == 2
    assert "neither paused nor resumed" in capsys.readouterr().err
    assert main(["bench", "time-left", str(tmp_path)]) == 2
    assert "has no events.jsonl" in capsys.readouterr().err
