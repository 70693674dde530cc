"""A real disk of one megabyte that is full to the last pages: each act is done, or refused in words and not begun."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.acts import ACTS, Act, make
from tests.faults.crash_points import is_hidden, snapshot
from training_core.base.errors import StorageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
PAGE_BYTES = 4096
FREE_PAGES = (0, 2, 5, 12)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def refusal(act: Act, work: Path) -> str:
    """What is said of the act; empty where it was done."""
    try:
        act.do(work)
    except StorageError as error:
        return str(error)
    return ""


def test_on_a_full_disk_every_act_is_done_or_not_begun(disk: Path, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    work, template, filler = disk / "work", tmp_path / "template", disk / "filler"
    make(template)
    for name, act in ACTS.items():
        prepared = tmp_path / name
        shutil.copytree(template, prepared)
        act.prepare(prepared)
        before = snapshot(prepared)
        for pages in FREE_PAGES:
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(prepared, work)
            filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - pages * PAGE_BYTES))
            said = refusal(act, work)
            is_done = not said
            filler.unlink()
            assert is_done or "the disk is full" in said
            where = f"{name}, {pages} free pages"
            assert [path for path in work.rglob("*") if is_hidden(path)] == [], where
            assert is_done or snapshot(work) == before, where
            if not is_done:
                act.do(work)  # when there is space again
            seen["done" if is_done else "refused"] += 1
    assert min(seen["done"], seen["refused"]) > len(ACTS) / 2
