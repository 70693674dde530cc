"""No network is used unless a weight was asked for, and none with --offline: each connection is an error here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest

from training_core.cli.main import main
from training_core.project import Project

ROOT = Path(__file__).parents[3]
# Python itself imports this file at its start. Asking for an address counts as well as connecting to one.
NO_NETWORK = """
import socket, sys

def refuse(*arguments, **options):
    sys.stderr.write(f"NETWORK {arguments[-1]}\\n")
    sys.stderr.flush()
    raise OSError("the network is taken away")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command in a process without network and without any downloaded weights."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_NETWORK)
    environment = {key: value for key, value in os.environ.items() if "OFFLINE" not in key}
    environment |= {
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "site"), str(ROOT))),
        "HF_HOME": str(tmp_path / "hub"),
    }

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "training_core", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)

    return call


def test_a_training_with_the_bundled_encoder_asks_no_network(
    make_project: Callable[..., Project], small_settings: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    project = make_project()
    done = run("train", str(project.path), "--config", str(small_settings), "--set", "schedule.steps=1")
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr
    assert project.latest_run_id() is not None


@pytest.mark.nightly
def test_weights_that_are_asked_for_are_looked_for_in_the_network_but_not_offline(
    make_project: Callable[..., Project], small_settings: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    train = ("train", str(make_project().path), "--config", str(small_settings), "--set", "encoder.name=uni")
    asked = run(*train)
    assert asked.returncode == 2
    assert "NETWORK" in asked.stderr  # so the trap works
    offline = run("--offline", *train)
    assert offline.returncode == 2
    assert "NETWORK" not in offline.stderr
    assert "offline mode is on" in offline.stderr
    assert "Traceback" not in offline.stderr


@pytest.mark.parametrize("before", [None, "1"])
def test_a_process_that_calls_a_command_keeps_its_own_network(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if before is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, before)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", before is not None)
    for arguments, code in ((("project", "info", str(make_project().path)), 0), (("evaluate", "nothing-here"), 2)):
        assert main(["--offline", *arguments]) == code
        assert [os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")] == [before, before]
        assert huggingface_hub.constants.HF_HUB_OFFLINE is (before is not None)
