"""A tenth of all points at which an act can be cut off; `nox -s faults` takes all of them, every night."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.acts import ACTS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")
GROUPS = 4
CARELESS = """
from pathlib import Path
from tests.faults import crash_points
from tests.faults.acts import ACTS, Act

def careless(work: Path) -> None:
    for name in ("t_0", "t_2"):
        for ending in ("png", "json"):
            (work / "project" / "labels" / f"{name}.{ending}").write_bytes(b"")

ACTS["write carelessly"] = Act(careless)
print(len(crash_points.run(1.0, 1, lambda name: name == "write carelessly")["write carelessly"].losses))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("group", range(GROUPS))
def test_an_act_that_is_cut_off_anywhere_is_done_or_not_begun(group: int) -> None:
    names = list(ACTS)[group::GROUPS]
    done = run("-m", "tests.faults.crash_points", "--share", "0.1", "--seed", "1", "--acts", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"| {name} |" in done.stdout for name in names)


def test_an_act_that_writes_carelessly_is_found_out() -> None:
    done = run("-c", CARELESS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3  # labels cut short, and histories that say otherwise than their labels
