"""A small share of all points from which a disk can fail; `nox -s faults` takes all of them, every night."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.acts import ACTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")


def test_on_a_disk_that_fails_or_lacks_calls_an_act_is_done_or_refused_in_words() -> None:
    command = [sys.executable, "-m", "tests.faults.refusals", "--share", "0.02", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"| {name} |" in done.stdout for name in ACTS)
