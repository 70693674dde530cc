"""On a graphics card: the same learning as on a CPU, and what only happens there. Skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from torch import nn

from training_core.io import read_mask
from training_core.measuring.replay import verify
from training_core.messages.events import Event, OverlayReady, RunFinished, RunStarted, StepDone, Warned, parse_event
from training_core.messages.messenger import Messenger
from training_core.network.encoders import completed
from training_core.prediction.predictor import load_predictor
from training_core.prediction.regions import stream_image
from training_core.project import LabelSource, Project
from training_core.settings.schema import Config
from training_core.training.run import Request, train

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]

HERE = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
pytestmark = pytest.mark.skipif(HERE is None, reason="needs a graphics card that PyTorch can use")
cuda = pytest.mark.skipif(HERE != "cuda", reason="needs an NVIDIA card")


def run(project: Project, config: Config, **request: Any) -> list[Event]:
    events: list[Event] = []
    train(Request(project, config, **request), Messenger(events.append))
    return events


def of(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def on(device: str | None, precision: str = "float32") -> dict[str, Any]:
    return {"runtime": {"device": device, "precision": precision}}


# --- the same as on a CPU ---------------------------------------------------------------------------------------------


def test_recorded_steps_are_reproduced(request: pytest.FixtureRequest) -> None:
    """float32 there is float32, not TF32, which is wrong by 1e-3 and more."""
    shared_dir: Path = request.getfixturevalue("shared_dir")  # not asked for, and so not missed, without a card
    largest = verify(shared_dir / "golden" / "released_step", str(HERE)).largest
    assert max(largest.values()) <= 1e-4, largest


def test_float32_training_gives_the_cpu_s_losses(
    make_project: MakeProject, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nn.Dropout2d, "forward", lambda self, maps: maps)  # chance is another one on each device
    project = make_project()
    there, here = (of(StepDone, run(project, small_config(**on(device)))) for device in ("cpu", HERE))
    assert len(here) == 3
    for ours, theirs in zip(here, there, strict=True):
        assert ours.losses == pytest.approx(theirs.losses, rel=2e-2, abs=2e-3)
        assert ours.threshold == pytest.approx(theirs.threshold, abs=2e-3)


def test_a_run_made_there_predicts_the_same_on_a_cpu(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    project = make_project()
    finished = of(RunFinished, run(project, small_config(**on(HERE))))[0]
    image = np.tile(project.image("u_1"), (6, 5, 1))
    tifffile.imwrite(tmp_path / "image.tif", image, photometric="rgb", tile=(128, 128))
    answers = []
    for device in ("cpu", HERE):
        predictor = load_predictor(Path(finished.run_dir), device)
        windows = predictor.config.inference.model_copy(update={"window_px": 256})
        predictor.config = predictor.config.model_copy(update={"inference": windows})
        stream_image(predictor, tmp_path / "image.tif", tmp_path / f"{device}.ome.zarr")
        masks = zarr.open_group(tmp_path / f"{device}.ome.zarr", mode="r")
        answers.append(np.asarray(masks["labels/prediction/0"]))
    assert answers[0].shape == image.shape[:2]
    assert (answers[0] != answers[1]).mean() < 1e-3


# --- as users run it --------------------------------------------------------------------------------------------------


def test_the_command_trains_shows_resumes_and_predicts_there(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(labeled=3, unlabeled=3, val=1)
    settings = ("data.crop_px=64", "schedule.steps=12", "schedule.validate_every_steps=4", "data.unlabeled_batch=2")
    options = [option for setting in settings for option in ("--set", setting)]

    def command(*arguments: object) -> list[Event]:
        line = [sys.executable, "-m", "training_core", *map(str, arguments)]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stderr
        return [event for each in ended.stdout.splitlines() if (event := parse_event(each)) is not None]

    events = command("train", project.path, "--events", "-", "--show", "u_1", "--device", HERE, *options)
    started = of(RunStarted, events)[0]
    assert started.device == HERE
    assert not of(Warned, events) or "memory" not in of(Warned, events)[0].message
    assert of(OverlayReady, events)[0].source == "quick_start"
    assert len(of(StepDone, events)) == 12
    if HERE == "cuda":
        assert of(StepDone, events)[-1].gpu_memory_bytes > 1e6
    run_id = Path(started.run_dir).name
    more = command("train", project.path, "--events", "-", "--resume", run_id, "--set", "schedule.steps=14")
    assert [event.step for event in of(StepDone, more)] == [13, 14]
    for device in (HERE, "cpu"):
        command(
            "predict", started.run_dir, project.path.parent / "images", "-o", tmp_path / str(device), "--device", device
        )
    masks = [read_mask(next((tmp_path / str(device)).rglob("u_2*.png"))) for device in (HERE, "cpu")]
    assert (masks[0] != masks[1]).mean() < 0.05  # bfloat16 there


@pytest.fixture
def live(make_project: MakeProject) -> Iterator[tuple[Project, subprocess.Popen[str]]]:
    project = make_project()
    line = [sys.executable, "-m", "training_core", "live", str(project.path), "--set", f"runtime.device={HERE}"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield project, process
        process.kill()


def test_live_answers_a_stroke(live: tuple[Project, subprocess.Popen[str]]) -> None:
    project, process = live
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(2):
        label = project.label("u_1")
        label[:40] = 1
        project.write_label("u_1", label, LabelSource.PAINTED)
        process.stdin.write(json.dumps({"command": "show", "tile": "u_1"}) + "\n")
        answer = next(e for line in process.stdout if isinstance(e := parse_event(line), OverlayReady))
        assert (read_mask(Path(answer.prediction))[:40] == 1).mean() > 0.8


@pytest.mark.parametrize("fine_tune", ["frozen", "last_blocks", "lora"])
def test_a_vit_trains_there(make_project: MakeProject, small_config: MakeConfig, fine_tune: str) -> None:
    """A plain ViT with the bundled network for detail, in what the device computes fast."""
    encoder = {"name": "vit_tiny_patch16_224", "pretrained": False, "fine_tune": fine_tune}
    config = completed(small_config(encoder=encoder, **on(HERE, "auto")))
    events = run(make_project(), config)
    assert len(of(StepDone, events)) == 3
    assert all(np.isfinite(list(step.losses.values())).all() for step in of(StepDone, events))
    assert of(RunFinished, events)


# --- little memory ----------------------------------------------------------------------------------------------------


@pytest.fixture
def little_memory() -> Iterator[Callable[[int], None]]:
    """little_memory(MB): no more than this is left on the card for the rest of the test."""

    def leave(mb: int) -> None:
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mb * 1e6) / whole)

    yield leave
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@cuda
def test_training_goes_on_with_less(
    make_project: MakeProject, small_config: MakeConfig, little_memory: Callable[[int], None]
) -> None:
    large = {"crop_px": 256, "labeled_batch": 16, "unlabeled_batch": 16}
    little_memory(1200)
    events = run(make_project(), small_config(data=large, **on("cuda")))
    assert "crops a step instead of 16 and 16; nothing that was learned is lost" in of(Warned, events)[0].message
    assert [event.step for event in of(StepDone, events)] == [1, 2, 3]
    assert of(RunFinished, events)


@cuda
def test_prediction_takes_smaller_windows(
    make_project: MakeProject, small_config: MakeConfig, little_memory: Callable[[int], None], tmp_path: Path
) -> None:
    finished = of(RunFinished, run(make_project(), small_config(**on("cuda"))))[0]
    image = np.random.default_rng(0).integers(0, 256, (3000, 3000, 3), np.uint8)
    tifffile.imwrite(tmp_path / "image.tif", image, photometric="rgb", tile=(512, 512))
    predictor = load_predictor(Path(finished.run_dir), "cuda")
    little_memory(900)
    with pytest.warns(RuntimeWarning, match="not enough memory to predict in windows of 1024 px"):
        assert stream_image(predictor, tmp_path / "image.tif", tmp_path / "out.ome.zarr") == 9_000_000
    assert predictor.config.inference.window_px is not None
    assert predictor.config.inference.window_px < 1024
