"""A few seeded kills and strokes; `nox -s kills` takes 200 of the trainer, 100 of the window and 10,000 strokes."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and kills by SIGKILL")


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_training_that_is_killed_loses_nothing() -> None:
    assert "2 kills" in run("tests.faults.trainer_kills", "--tries", "2", "--seed", "1")


def test_four_writers_of_one_tile_lose_no_stroke() -> None:
    assert "200 strokes by 4 writers of one tile: 0 losses" in run("tests.faults.writers", "--strokes", "200")
