"""Who has a project open: real processes, one of them killed, and files that somebody else has left there."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from training_core.base.errors import ProjectError
from training_core.project import LabelSource, Project, make_classes
from training_core.project import presence as presence_module
from training_core.project.presence import Presence

ROOT = Path(__file__).parents[3]
ENTER = """
import sys
from pathlib import Path
from training_core.project.presence import Presence
presence = Presence(Path(sys.argv[1]), "window")
print("there", flush=True)
sys.stdin.readline()
presence.leave()
"""


@contextmanager
def opened_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", ENTER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def here(folder: Path) -> Iterator[Presence]:
    presence = Presence(folder, "window")
    yield presence
    presence.leave()


def test_a_second_process_says_who_it_is_and_goes_with_its_file(here: Presence, folder: Path) -> None:
    assert here.others() == ()
    with opened_elsewhere(folder) as process:
        (other,) = here.others()
        assert (other.process, other.kind) == (process.pid, "window")
        words = other.in_words()
        assert f"process {process.pid}" in words
        assert platform.node() in words
        assert time.strftime("%Y-%m-%d") in words
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait(30)
        assert here.others() == ()
    assert len(list((folder / "open").iterdir())) == 1


def test_a_killed_process_is_in_nobodys_way_and_its_file_goes(here: Presence, folder: Path) -> None:
    with opened_elsewhere(folder) as process:
        assert len(here.others()) == 1
        process.kill()
        process.wait(30)
        assert here.others() == ()
    assert len(list((folder / "open").iterdir())) == 1


def write(folder: Path, age_s: float, **changes: object) -> Path:
    """The file of a window on another computer that touched it so long ago."""
    record: dict[str, object] = {
        "key": "0123456789abcdef",
        "kind": "window",
        "user": "anna",
        "host": "lab-3",
        "machine": "another",
    }
    record |= {"process": 4711, "born": 1.0, "since": "2026-01-02T03:04:05+00:00", "takes_over": [], "spec_version": 1}
    path = folder / "open" / "0123456789abcdef.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record | changes))
    moment = time.time() - age_s
    os.utime(path, (moment, moment))
    return path


def test_another_computer_counts_as_long_as_it_touches_its_file(here: Presence, folder: Path) -> None:
    path = write(folder, 5)
    assert [each.user for each in here.others()] == ["anna"]
    write(folder, 120)
    assert here.others() == ()
    assert path.exists()  # it may be asleep
    write(folder, 3 * 24 * 3600)
    assert here.others() == ()
    assert not path.exists()


def test_the_clock_of_this_computer_does_not_matter(
    here: Presence, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, 5)
    monkeypatch.setattr(presence_module.time, "time", lambda: 4_000_000_000.0)
    assert [each.user for each in here.others()] == ["anna"]


def test_a_copy_of_an_open_project_is_not_open(here: Presence, folder: Path, tmp_path: Path) -> None:
    with opened_elsewhere(folder):
        shutil.copytree(folder, tmp_path / "copy")
        for path in (tmp_path / "copy" / "open").iterdir():
            moment = time.time() - 120
            os.utime(path, (moment, moment))
        copy = Presence(tmp_path / "copy", "window")
        assert copy.others() == ()
        copy.leave()


@pytest.mark.parametrize(
    "changes",
    [{"user": "a" * 5000}, {"key": "../../../x"}, {"process": "4711"}, {"spec_version": 2}, {"more": 1}],
)
def test_a_file_that_is_none_of_ours_is_passed_over(here: Presence, folder: Path, changes: dict[str, object]) -> None:
    write(folder, 5, **changes)
    assert here.others() == ()


def test_line_breaks_in_a_name_stay_in_the_line(here: Presence, folder: Path) -> None:
    write(folder, 5, user="anna\n\x1b[31m")
    (other,) = here.others()
    assert other.in_words().startswith("anna%0A%1B[31m on lab-3 (window, process 4711), since 2026-01-0")


def test_a_link_out_of_the_project_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "open").symlink_to(tmp_path / "elsewhere")
    presence = Presence(folder, "window")
    assert presence.others() == ()
    presence.leave()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_who_is_to_leave_learns_who_took_over(here: Presence, folder: Path) -> None:
    second = Presence(folder, "window")
    assert here.taken_over_by(here.others()) is None
    second.take_over(second.others())
    taker = here.taken_over_by(here.others())
    assert taker is not None
    assert taker.key != here.others()[0].takes_over[0]
    assert second.taken_over_by(second.others()) is None
    second.leave()


def test_one_whose_file_was_removed_while_it_slept_comes_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_module, "BEAT_S", 0.05)
    sleeper, other = Presence(folder, "window"), Presence(folder, "training")
    next(path for path in (folder / "open").iterdir() if path.stem != other.me.key).unlink()
    deadline = time.monotonic() + 60
    while not other.others():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for each in (sleeper, other):
        each.leave()


def test_a_project_opened_to_look_at_refuses_every_change(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    made = Project.create(tmp_path / "project", [tmp_path / "a.png"], classes=make_classes(("x", "y")))
    before = {path: path.read_bytes() for path in made.path.rglob("*") if path.is_file()}
    project = Project.open(made.path, read_only=True)
    for change in (
        lambda: project.write_label("a", project.label("a") * 0, LabelSource.PAINTED),
        lambda: project.add_class("z"),
        lambda: project.set_val(["a"]),
    ):
        with pytest.raises(ProjectError, match="opened to look at only"):
            change()
    assert {path: path.read_bytes() for path in made.path.rglob("*") if path.is_file()} == before
    project.read_only = False
    project.add_class("z")


def test_who_died_before_the_server_s_clock_was_set_back_is_not_there(here: Presence, folder: Path) -> None:
    path = write(folder, -365 * 24 * 3600)  # touched a year from now
    assert here.others() == ()
    assert not path.exists()  # who lives makes the file again within seconds
    write(folder, -5)
    assert [each.user for each in here.others()] == ["anna"]
