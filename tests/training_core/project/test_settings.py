"""A project's own settings: what is kept, and that real trainings from the command line have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training_core.base.errors import ConfigError
from training_core.cli.main import main
from training_core.project import Project
from training_core.project.settings import SETTINGS_NAME, read_settings, write_settings

MakeProject = Callable[..., Project]
SMALL = {
    "data.crop_px": 64, "data.labeled_batch": 2, "data.unlabeled_batch": 2, "schedule.steps": 2,
    "schedule.validate_every_steps": 2, "schedule.quick_start": False, "alignment.embedding_dim": 16,
    "runtime.device": "cpu", "runtime.precision": "float32",
}  # fmt: skip


def test_only_what_differs_from_the_default_is_kept(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == {}
    kept = write_settings(tmp_path, {"data.crop_px": 64, "optimizer.lr": 1e-3, "encoder.taps": [1, 4]})
    assert kept == {"data.crop_px": 64, "encoder.taps": [1, 4]} == read_settings(tmp_path)
    assert json.loads((tmp_path / SETTINGS_NAME).read_text()) == {
        "spec_version": 1, "data": {"crop_px": 64}, "encoder": {"taps": [1, 4]},
    }  # fmt: skip
    assert write_settings(tmp_path, {"data.crop_px": 256}) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["project.lock"]


def test_the_default_is_that_of_the_variant(tmp_path: Path) -> None:
    kept = write_settings(tmp_path, {"variant": "paper", "optimizer.name": "sgd", "optimizer.lr": 1e-3})
    assert kept == {"variant": "paper", "optimizer.lr": 1e-3}


def test_what_is_not_allowed_changes_nothing(tmp_path: Path) -> None:
    write_settings(tmp_path, {"data.crop_px": 64})
    for values in ({"data.crop_px": 3}, {"data.crop": 64}, {"pseudo_label.hard_target": "strong"}):
        with pytest.raises(ConfigError):
            write_settings(tmp_path, values)
        assert read_settings(tmp_path) == {"data.crop_px": 64}
    for damage in ('{"data": ', "[]", '{"data": {"crop_px": 3}}'):
        (tmp_path / SETTINGS_NAME).write_text(damage)
        with pytest.raises(ConfigError, match=SETTINGS_NAME):
            read_settings(tmp_path)


def trained(project: Project, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration and the first event of a really trained run."""
    before = set(project.run_ids())
    assert main(["train", str(project.path), *arguments]) == 0
    (run_id,) = set(project.run_ids()) - before
    folder = project.runs_dir / run_id
    events = (folder / "events.jsonl").read_text().splitlines()
    return json.loads((folder / "config.json").read_text()), json.loads(events[0])


def test_train_has_them_says_so_and_other_settings_go_before(
    make_project: MakeProject, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    write_settings(project.path, SMALL)
    config, started = trained(project)
    assert (config["data"]["crop_px"], config["schedule"]["steps"]) == (64, 2)
    assert set(started["project_settings"]) >= {"data.crop_px = 64", "schedule.quick_start = false"}
    assert "Settings from the project: data.crop_px = 64, " in capsys.readouterr().err
    file = tmp_path / "more.yaml"
    file.write_text("{data: {crop_px: 48}, alignment: {embedding_dim: 24}}")
    config, started = trained(project, "--config", str(file), "--set", "data.crop_px=32")
    assert (config["data"]["crop_px"], config["alignment"]["embedding_dim"]) == (32, 24)
    assert config["schedule"]["steps"] == 2
    assert not [each for each in started["project_settings"] if each.startswith(("data.crop_px", "alignment"))]


def test_a_damaged_file_is_an_error_that_names_it(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    (project.path / SETTINGS_NAME).write_text('{"data": {"crop_px": 3}}')
    assert main(["train", str(project.path)]) == 2
    assert f"{SETTINGS_NAME} has data.crop_px = 3" in capsys.readouterr().err
    assert not project.run_ids()
