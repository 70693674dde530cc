"""Out of memory, for real: processes whose address space is limited to little more than they start with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr

from training_core.base.errors import ImageError, MemoryLimitError
from training_core.messages.events import Event, RunFinished, StepDone, Warned, parse_event
from training_core.messages.messenger import Messenger
from training_core.method.batch import Batch
from training_core.method.step import StepResult
from training_core.prediction.out_of_memory import is_out_of_memory
from training_core.prediction.predictor import load_predictor
from training_core.project import Project
from training_core.runs import checkpoint as checkpoints
from training_core.runs.run_folder import read_run
from training_core.settings.schema import Config, resolve
from training_core.training.learner import Learner
from training_core.training.run import Request, train
from training_core.training.smaller_step import smaller_step

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process")

LARGE = {
    "data": {"crop_px": 256, "labeled_batch": 8, "unlabeled_batch": 8},
    "inference": {"scale": 1.0},
}
"""A step of this needs more than 1.5 GB, its smallest version about 0.3 GB."""


@dataclass
class Ended:
    code: int
    out: str
    error: str
    events: list[Event] = field(default_factory=list)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def limited(*arguments: object) -> Ended:
    command = [sys.executable, str(Path(__file__).with_name("limited_memory.py")), *map(str, arguments)]
    # every thread's heap would reserve 64 MB of the address space
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    events = [event for line in process.stdout.splitlines() if (event := parse_event(line)) is not None]
    return Ended(process.returncode, process.stdout, process.stderr, events)


@dataclass
class Squeezed:
    project: Project
    ended: Ended
    config: Config

    @property
    def run(self) -> Path:
        return next(self.project.runs_dir.iterdir())


@pytest.fixture(scope="module")
def squeezed(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Squeezed:
    """A run whose first step is too large by far."""
    folder = tmp_path_factory.mktemp("squeezed")
    project, config = make_project_in(folder), small_config(**LARGE)
    (folder / "config.json").write_text(config.model_dump_json())
    return Squeezed(project, limited("train", project.path, 600, folder / "config.json"), config)


@linux
def test_training_goes_on_with_less_and_says_so(squeezed: Squeezed) -> None:
    ended = squeezed.ended
    assert ended.code == 0, ended.error
    warned = [event.message for event in ended.of(Warned)]
    assert (
        "4 labelled and 4 unlabelled crops per step instead of 8 and 8, and nothing learned so far is lost" in warned[0]
    )
    assert "Close other programs" in warned[0]
    assert [event.step for event in ended.of(StepDone)] == [1, 2, 3]
    assert ended.of(RunFinished)[0].steps == 3
    assert len(list((squeezed.run / "predictions").glob("*.prediction.png"))) == 5
    # written down: for a resumed run, and for whoever asks
    used = read_run(squeezed.run)[0]
    assert used.data.labeled_batch < 8
    assert used.data.unlabeled_batch < 8
    assert used.schedule == squeezed.config.schedule
    first, *_ = json.loads((squeezed.run / "provenance.json").read_text())["changes"]
    assert first["step"] == 0
    assert "instead of 8 and 8" in first["change"]


@linux
def test_the_failed_step_leaves_nothing_behind(squeezed: Squeezed) -> None:
    """The first step that fits gives the losses of a run that began with these sizes, to the last bit."""
    first: StepDone = squeezed.ended.of(StepDone)[0]
    changes = json.loads((squeezed.run / "provenance.json").read_text())["changes"]
    data = squeezed.config.data.model_copy(update=sizes_of(changes[0]["change"]))
    schedule = squeezed.config.schedule.model_copy(update={"steps": 1})
    config = squeezed.config.model_copy(update={"data": data, "schedule": schedule})
    events: list[Event] = []
    train(Request(squeezed.project, config), Messenger(events.append))
    done = next(event for event in events if isinstance(event, StepDone))
    assert (done.losses, done.threshold) == (first.losses, first.threshold)


def sizes_of(change: str) -> dict[str, int]:
    found = re.search(r"with (\d+) labelled and (\d+) unlabelled crops(?:.* crops of (\d+) instead)?", change)
    assert found is not None, change
    names = ("labeled_batch", "unlabeled_batch", "crop_px")
    return {name: int(size) for name, size in zip(names, found.groups(), strict=True) if size is not None}


@pytest.mark.nightly
@linux
def test_where_nothing_fits_the_last_checkpoint_stays(squeezed: Squeezed) -> None:
    run = squeezed.run
    before = (run / "config.json").read_text()
    step = checkpoints.open_checkpoint(run, "last").state["step"]
    ended = limited("train", squeezed.project.path, 100, "-", run)
    assert ended.code == 1
    assert ended.error.startswith("error: there is not enough memory"), ended.error
    assert "Traceback" not in ended.error
    assert ended.of(Warned)
    assert not ended.of(StepDone)
    assert checkpoints.open_checkpoint(run, "last").state["step"] == step
    assert checkpoints.open_checkpoint(run, "last").model
    assert json.loads((run / "config.json").read_text())["data"] == json.loads(before)["data"]


@linux
@pytest.mark.nightly
def test_prediction_takes_smaller_windows(squeezed: Squeezed, tmp_path: Path) -> None:
    pixels = np.tile(squeezed.project.image("u_1"), (12, 12, 1))[:1024, :1024]
    np.save(tmp_path / "image.npy", pixels)
    with_all = load_predictor(squeezed.run).predict(pixels).confidence
    ended = limited("predict", squeezed.run, 220, tmp_path / "image.npy", tmp_path / "out.npy")
    assert ended.code == 0, ended.error
    assert "Not enough memory for windows of 1024 px: windows of 512 px are used instead" in ended.error
    assert int(ended.out) <= 512
    confidence = np.load(tmp_path / "out.npy")
    assert confidence.shape == (1024, 1024)
    assert np.abs(confidence - with_all).mean() < 0.02
    ended = limited("predict", squeezed.run, 12, tmp_path / "image.npy", tmp_path / "none.npy")
    assert ended.code == 1
    assert "not enough memory to predict, even with windows of 256 px" in ended.error
    assert not (tmp_path / "none.npy").exists()


@pytest.mark.nightly
@linux
def test_a_slide_is_begun_anew_with_smaller_windows(squeezed: Squeezed, tmp_path: Path) -> None:
    pixels = np.tile(squeezed.project.image("u_1"), (12, 12, 1))[:1024, :1024]
    tifffile.imwrite(tmp_path / "slide.tif", pixels, photometric="rgb", tile=(256, 256))
    ended = limited("stream", squeezed.run, 220, tmp_path / "slide.tif", tmp_path / "slide.ome.zarr")
    assert ended.code == 0, ended.error
    assert "Not enough memory for windows of 1024 px: windows of 512 px are used instead" in ended.error
    assert int(ended.out) <= 512
    level = zarr.open_array(tmp_path / "slide.ome.zarr" / "0", mode="r")
    assert level.shape[-2:] == (1024, 1024)
    assert np.asarray(level[..., ::64, ::64]).min() > 0  # every part of it was written
    assert {path.name for path in tmp_path.iterdir()} == {"slide.tif", "slide.ome.zarr"}


def test_a_run_in_full_swing_goes_on_as_if_resumed_with_less(
    make_project: Callable[..., Project], small_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory runs out at the end of the third step's backward pass; the rest equals a run resumed after the second."""
    sizes = {"crop_px": 64, "labeled_batch": 4, "unlabeled_batch": 4}
    config = small_config(data=sizes, schedule={"steps": 4, "validate_every_steps": 2})
    project = make_project()

    def steps(config: Config, resume: Path | None = None, stop_after: int | None = None) -> list[StepDone]:
        done: list[StepDone] = []

        def listen(event: Event) -> None:
            if isinstance(event, StepDone):
                done.append(event)
                if event.step == stop_after:
                    messenger.request_stop()

        messenger = Messenger(listen)
        train(Request(project, config, resume), messenger)
        return done

    first = steps(config, stop_after=2)
    (run,) = project.runs_dir.iterdir()
    stored = read_run(run)[0]
    less = stored.data.model_copy(update={"labeled_batch": 2, "unlabeled_batch": 2})
    expected = first + steps(stored.model_copy(update={"data": less}), resume=run)

    learn = Learner.learn

    def failing(self: Learner, batch: Batch, step: int, progress: float) -> StepResult:
        if step != 2 or len(batch.images) == 2:
            return learn(self, batch, step, progress)
        earliest = next(p for p in self.model.encoder.parameters() if p.requires_grad)
        hook = earliest.register_hook(lambda _gradient: torch.empty(1 << 55, dtype=torch.uint8))
        try:
            return learn(self, batch, step, progress)
        finally:
            hook.remove()

    monkeypatch.setattr(Learner, "learn", failing)
    done = steps(config)
    assert [event.step for event in done] == [1, 2, 3, 4]
    assert [(e.losses, e.threshold) for e in done] == [(e.losses, e.threshold) for e in expected]


# --- what counts as out of memory, and what is made smaller -----------------------------------------------------------


def raised(action: Callable[[], object]) -> BaseException:
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_what_counts_as_out_of_memory() -> None:
    def behind_another() -> None:
        try:
            np.empty(1 << 55, np.uint8)
        except MemoryError as error:
            raise ImageError("an image cannot be read", "a whole file", "another one") from error

    assert is_out_of_memory(raised(lambda: torch.empty(1 << 55, dtype=torch.uint8)))
    assert is_out_of_memory(raised(lambda: np.empty(1 << 55, np.uint8)))
    assert is_out_of_memory(raised(behind_another))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, other: 1.00 GB)"))
    assert not is_out_of_memory(raised(lambda: torch.zeros(2) + torch.zeros(3)))
    assert not is_out_of_memory(raised(lambda: int("x")))
    # said already
    assert not is_out_of_memory(MemoryLimitError("no memory", "more", "buy some"))


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({}, [(3, 2, 256), (1, 2, 256), (1, 2, 192), (1, 2, 128)]),
        ({"pseudo_label": {"mix_partner": "own"}}, [(3, 2, 256), (1, 1, 256), (1, 1, 192), (1, 1, 128)]),
        ({"variant": "paper"}, [(3, 2, 256), (1, 2, 256), (1, 2, 192), (1, 2, 128)]),
        ({"pseudo_label": {"enabled": False}}, [(3, 4, 256), (2, 4, 256), (2, 4, 192), (2, 4, 128)]),
    ],
    ids=["teacher", "partners of their own", "no teacher", "labelled only"],
)
def test_sizes_fall_as_far_as_the_method_allows(settings: dict[str, Any], sizes: list[tuple[int, int, int]]) -> None:
    config = resolve({**settings, "data": {"crop_px": 256, "labeled_batch": 6, "unlabeled_batch": 4}})
    seen = []
    while (smaller := smaller_step(config, 32)) is not None:
        config = resolve(smaller.model_dump(mode="json"))  # a resumed run may have it
        seen.append((config.data.labeled_batch, config.data.unlabeled_batch, config.data.crop_px))
    assert seen == sizes


def test_crops_stay_multiples_of_what_the_encoder_divides_by() -> None:
    config = resolve({"data": {"crop_px": 448, "labeled_batch": 1, "unlabeled_batch": 2}})
    seen = []
    while (smaller := smaller_step(config, 14)) is not None:
        config = smaller
        seen.append(config.data.crop_px)
    assert seen == [336, 252, 182, 128]  # the last is the floor, and padded inside
