"""The next round starts as the one before ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_core.cli.benchmark import _config as benchmark_config
from training_core.cli.main import build_parser
from training_core.io import read_mask
from training_core.messages.events import Event, RunStarted, Status, Validated
from training_core.messages.messenger import Messenger
from training_core.network.model import build_model
from training_core.project import Project, TissueClass
from training_core.runs.checkpoint import open_checkpoint
from training_core.runs.run_folder import read_run
from training_core.settings.schema import Config, resolve
from training_core.training.run import Request, train
from training_core.training.warm_start import start_from

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]


def run(project: Project, config: Config, **request: Any) -> list[Event]:
    messenger, events = Messenger(), []
    messenger.listener = events.append
    train(Request(project, config, **request), messenger)
    return events


def run_dir(events: list[Event]) -> Path:
    return next(Path(event.run_dir) for event in events if isinstance(event, RunStarted))


def provenance(events: list[Event]) -> dict[str, Any]:
    return dict(json.loads((run_dir(events) / "provenance.json").read_text()))


def validated(events: list[Event]) -> list[Validated]:
    return [event for event in events if isinstance(event, Validated)]


def warm(small_config: MakeConfig, **schedule: Any) -> Config:
    return small_config(schedule={"warm_start": True, **schedule}, inference={"views": 1})


def test_the_second_round_starts_where_the_first_ended(make_project: MakeProject, small_config: MakeConfig) -> None:
    project, config = make_project(), warm(small_config)
    first = run(project, config)
    assert [event.step for event in validated(first)] == [2, 3]
    assert "started_from" not in provenance(first)

    second = run(project, config)

    assert provenance(second)["started_from"] == run_dir(first).name
    assert f"Starting from the weights of run {run_dir(first).name}" in [
        e.message for e in second if isinstance(e, Status)
    ]
    start, best = validated(second)[0], next(e for e in reversed(validated(first)) if e.is_best)
    assert start.step == 0
    assert start.mdice == pytest.approx(best.mdice)
    assert start.dice_by_class == pytest.approx(best.dice_by_class)


def test_a_round_that_only_spoils_ends_as_it_started(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    first = run(project, warm(small_config))
    config = small_config(
        schedule={"warm_start": True}, inference={"views": 1}, optimizer={"lr": 0.3, "encoder_lr": 0.3}
    )
    second = run(project, config)
    best = open_checkpoint(run_dir(second), "best")
    assert best.state["step"] == 0
    name = project.tiles[0].name
    masks = [read_mask(run_dir(events) / "predictions" / f"{name}.prediction.png") for events in (first, second)]
    assert np.array_equal(*masks)


def test_a_resumed_round_does_not_start_again(make_project: MakeProject, small_config: MakeConfig) -> None:
    project, config = make_project(), warm(small_config)
    run(project, config)
    second = run(project, config)
    longer = config.model_copy(update={"schedule": config.schedule.model_copy(update={"steps": 5})})
    resumed = run(project, longer, resume=run_dir(second))
    assert [event.step for event in validated(resumed)] == [4, 5]
    assert open_checkpoint(run_dir(second), "last").state["is_warm"]


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder": {"name": "deeplabv3plus"}},
        {"alignment": {"use_text": False}},
        {"alignment": {"embedding_dim": 24}},
        {"encoder": {"fine_tune": "frozen"}},
    ],
)
def test_another_network_starts_afresh(
    changes: dict[str, Any], make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    run(project, warm(small_config))
    events = run(project, small_config(schedule={"warm_start": True}, **changes))
    assert "started_from" not in provenance(events)
    assert validated(events)[0].step > 0


def test_a_damaged_earlier_run_costs_the_warm_start_not_the_round(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    first = run(project, warm(small_config))
    (open_checkpoint(run_dir(first), "best").path / "model.safetensors").write_bytes(b"no tensors")
    assert "started_from" not in provenance(run(project, warm(small_config)))


def test_what_belongs_to_a_class_goes_by_its_id(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(ids=(0, 3))
    first = run(project, warm(small_config))
    theirs = open_checkpoint(run_dir(first), "best").model
    config, _, _ = read_run(run_dir(first))
    classes = [TissueClass(5, "new", "#112233"), TissueClass(3, "class 3", "#445566")]
    torch.manual_seed(7)
    model = build_model(config, classes)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    assert start_from(model, project, run_dir(first).name, config, classes) is not None

    after = model.state_dict()
    for name in ("decoder.classifier.weight", "decoder.classifier.bias", "prototypes.vectors", "text.vectors"):
        assert torch.equal(after[name][1], theirs[name][1]), name  # class 3 is the second in both
        assert torch.equal(after[name][0], before[name][0]), name  # class 5 is new
    assert torch.equal(after["decoder.stages.0.0.weight"], theirs["decoder.stages.0.0.weight"])
    assert not torch.equal(after["decoder.stages.0.0.weight"], before["decoder.stages.0.0.weight"])


def test_the_papers_variants_and_benchmarks_start_afresh(tmp_path: Path) -> None:
    assert resolve({}).schedule.warm_start
    for variant in ("paper", "released"):
        assert not resolve({"variant": variant}).schedule.warm_start
    args = build_parser().parse_args(["benchmark", "demo", "--set", "schedule.warm_start=true"])
    config = benchmark_config(args)
    assert not config.schedule.warm_start
    assert not config.schedule.quick_start
