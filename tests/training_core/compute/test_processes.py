"""Several processes on one batch: the same losses as one process, and one run folder. Two gloo processes on the CPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_core.compute import processes as distributed
from training_core.messages.events import OverlayReady, RunFinished, StepDone, Validated, parse_event
from training_core.project import LabelSource, Project
from training_core.runs import checkpoint as checkpoints
from training_core.settings.schema import Config

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no torch.distributed")

SHARED: dict[str, Any] = {
    # SGD, because Adam makes of a rounding error in a gradient that is zero (a bias before batch normalisation) a step
    "optimizer": {"name": "sgd", "lr": 0.01, "encoder_lr": 0.01},
    "data": {"crop_px": 64, "labeled_batch": 4, "unlabeled_batch": 2},
    "schedule": {"steps": 5, "validate_every_steps": 2},
    "pseudo_label": {"threshold_start": 0.5, "threshold_momentum": 0.9},
    "inference": {"views": 1, "scale": 1.0},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "teacher": {},
    "per_class": {"pseudo_label": {**SHARED["pseudo_label"], "threshold": "per_class", "mix_partner": "own"}},
    "no_teacher": {"teacher": {"ema_decay": 0.0}, "alignment": {"embedding_dim": 16, "fusion": "learned"}},
}


def start(processes: int, *arguments: object, module: bool = False) -> subprocess.CompletedProcess[str]:
    """Train with the script beside this file, or (module) with the command line."""
    program = ["-m", "training_core"] if module else [str(Path(__file__).with_name("train_process.py"))]
    if processes > 1:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
        program = [*torchrun, *program]
    command = [sys.executable, *program, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


class Runs:
    """Runs of one project, by name."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder = project, folder

    def train(self, config: Config, processes: int, *, stop_after: int = 0, resume: Path | None = None) -> Path:
        before = set(self.project.runs_dir.glob("*"))
        path = self.folder / "config.json"
        path.write_text(config.model_dump_json())
        ended = start(processes, self.project.path, path, stop_after, *([resume] if resume else []))
        assert ended.returncode == 0, ended.stderr
        return resume or next(iter(set(self.project.runs_dir.glob("*")) - before))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, make_project_in: Callable[..., Project]) -> Runs:
    """Five unlabelled tiles, so that the shares hold different ones; one is partly labelled."""
    folder = tmp_path_factory.mktemp("distributed")
    project = make_project_in(folder, labeled=3, unlabeled=5)
    strokes = np.full(project.label("u_1").shape, 255, np.uint8)
    strokes[10:30, 10:40] = 1
    project.write_label("u_1", strokes, LabelSource.PAINTED)
    return Runs(project, folder)


@pytest.fixture(scope="module")
def config_of(small_config: Callable[..., Config]) -> Callable[[str], Config]:
    return lambda variant: small_config(**{**SHARED, **VARIANTS[variant]})


@pytest.fixture(scope="module")
def alone(runs: Runs, config_of: Callable[[str], Config]) -> Path:
    """The run of one process that the others have to equal."""
    return runs.train(config_of("teacher"), 1)


def of(run: Path, kind: type[Any]) -> list[Any]:
    lines = (run / "events.jsonl").read_text().splitlines()
    return [event for line in lines if isinstance(event := parse_event(line), kind)]


def assert_same(ours: Path, theirs: Path) -> None:
    """Every loss of every step, the threshold, and the weights and statistics at the end."""
    steps, expected = of(ours, StepDone), of(theirs, StepDone)
    assert [e.step for e in steps] == [e.step for e in expected] == [1, 2, 3, 4, 5]
    for step, other in zip(steps, expected, strict=True):
        # a pixel whose confidence lies at the threshold may count in one run and not in the other, from step 2 on
        pixel = 1e-6 if step.step == 1 else 3e-4
        for name, loss in step.losses.items():
            counts_pixels = name in ("total", "hard", "soft", "perturbed")
            assert loss == pytest.approx(other.losses[name], abs=pixel if counts_pixels else 2e-5), (step.step, name)
        assert step.threshold == pytest.approx(other.threshold, abs=1e-5)
        assert step.confident_share == pytest.approx(other.confident_share, abs=2e-3)  # of 8192 pixels
    assert any(event.losses["hard"] > 1e-3 for event in expected)  # the pseudo-labels took part
    tensors, others = (checkpoints.open_checkpoint(run, "last").model for run in (ours, theirs))
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        other = others[name].double()
        assert float((tensor.double() - other).abs().max()) <= 3e-3 * float(other.abs().max()) + 1e-5, name


def test_two_processes_train_as_one_with_the_summed_batch(
    runs: Runs, alone: Path, config_of: Callable[[str], Config]
) -> None:
    together = runs.train(config_of("teacher"), 2)
    assert_same(together, alone)
    # one process wrote: no event, checkpoint or prediction is there twice
    assert len(of(together, Validated)) == len(of(alone, Validated)) == 3
    assert len(of(together, RunFinished)) == 1
    for folder in ("checkpoints", "predictions"):
        assert names_in(together / folder) == names_in(alone / folder)
    ours, theirs = (json.loads((run / "summary.json").read_text()) for run in (together, alone))
    assert ours["val"] == pytest.approx(theirs["val"], abs=0.1)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.nightly
@pytest.mark.parametrize("variant", ["per_class", "no_teacher"])
def test_in_every_way_to_make_targets(runs: Runs, config_of: Callable[[str], Config], variant: str) -> None:
    config = config_of(variant)
    assert_same(runs.train(config, 2), runs.train(config, 1))


@pytest.mark.nightly
@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_a_stopped_run_goes_on_with_another_number_of_processes(
    runs: Runs, alone: Path, config_of: Callable[[str], Config], first: int, then: int
) -> None:
    """Of two processes only the second one hears the stop, and both end after the same step."""
    run = runs.train(config_of("teacher"), first, stop_after=3)
    assert [event.step for event in of(run, StepDone)] == [1, 2, 3]
    assert checkpoints.open_checkpoint(run, "last").state["step"] == 3
    assert of(run, RunFinished)[-1].reason == "stopped"
    runs.train(config_of("teacher"), then, resume=run)
    assert_same(run, alone)


@pytest.mark.nightly
def test_the_command_line(runs: Runs, small_settings: Path) -> None:
    before = set(runs.project.runs_dir.iterdir())
    out = runs.folder / "result.json"
    arguments = ("train", runs.project.path, "--config", small_settings, "--show", "u_2", "--json", out)
    ended = start(2, *arguments, module=True)
    assert ended.returncode == 0, ended.stderr
    (run,) = set(runs.project.runs_dir.iterdir()) - before
    assert json.loads(out.read_text()) == json.loads((run / "summary.json").read_text())
    assert ended.stdout.count("\ntime: ") == 1
    assert len(of(run, StepDone)) == 3
    assert of(run, OverlayReady)[-1].tile == "u_2"
    # prediction: every process its share of the images
    images = runs.project.path.parent / "images"
    predicted = start(2, "predict", run, images, "-o", runs.folder / "out", module=True)
    assert predicted.returncode == 0, predicted.stderr
    assert re.findall(r"Wrote the predictions of (\d+) images .*, with 2 processes", predicted.stdout) == ["9"]
    assert len(list((runs.folder / "out").glob("*.prediction.png"))) == 9


@pytest.mark.nightly
def test_a_batch_that_cannot_be_shared_is_refused(runs: Runs, small_settings: Path) -> None:
    before = set(runs.project.runs_dir.iterdir())
    arguments = ("train", runs.project.path, "--config", small_settings, "--set", "data.labeled_batch=3")
    ended = start(2, *arguments, module=True)
    assert ended.returncode != 0
    assert "data.labeled_batch = 3 cannot be shared evenly by 2 processes. Needed: a multiple of 2" in ended.stderr
    assert set(runs.project.runs_dir.iterdir()) == before


def test_one_process_does_nothing_of_it() -> None:
    value, model = torch.arange(3.0), torch.nn.BatchNorm2d(2)
    assert distributed.total(value) is value
    assert distributed.maximum(value) is value
    assert distributed.rolled(value).tolist() == [2, 0, 1]
    assert distributed.told_by_first("x") == "x"
    assert (distributed.n_processes(), distributed.rank(), distributed.largest(2.0)) == (1, 0, 2.0)
    distributed.share_statistics(model)
    assert type(model) is torch.nn.BatchNorm2d
