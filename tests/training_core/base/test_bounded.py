"""What a small file may cost is bounded before it is paid, and every refusal is one of ours."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training_core.base.bounded import MAX_YAML_NODES, parse_json, parse_yaml, read_file
from training_core.base.errors import ConfigError, ProjectError, UserError
from training_core.io import write_png
from training_core.project import Project, make_classes
from training_core.project.index import INDEX_NAME
from training_core.project.journal import JOURNAL_NAME, settle
from training_core.project.labels import history_path, read_history
from training_core.project.settings import read_settings
from training_core.settings.files import load, parse_setting

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join(['*' + before] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lists of nine, each of the one before: 9 ** 9 values in half a kilobyte."""
DEEP = 100_000


def test_half_a_kilobyte_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    assert len(LAUGHS) < 600
    (tmp_path / "settings.yaml").write_text(LAUGHS)
    started = time.monotonic()
    with pytest.raises(ConfigError, match="more than 50,000 values"):
        load(tmp_path / "settings.yaml")
    with pytest.raises(ConfigError):
        parse_setting("a.b={" + LAUGHS.strip().replace("\n", ", ") + "}")
    assert time.monotonic() - started < 5


def test_merge_keys_are_counted_too(tmp_path: Path) -> None:
    merges = "a: &a {x: 1}\n" + "".join(
        f"{after}: &{after} {{<<: [{', '.join(['*' + before] * 9)}]}}\n"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.monotonic()
    with pytest.raises(ValueError, match=f"{MAX_YAML_NODES:,}"):
        parse_yaml(merges)
    assert time.monotonic() - started < 5


def test_an_alias_that_is_used_as_people_use_it_is_read() -> None:
    assert parse_yaml("usual: &usual {lr: 0.1}\nother: *usual\n") == {"usual": {"lr": 0.1}, "other": {"lr": 0.1}}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "[" * 60 + "]" * 60,
        "[" * DEEP,
        "a: " + "x" * 30_000,
        "a: " + "9" * 10_000,
        "a: 2020-99-99",
        "? [a]\n: 1",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!binary 'é'",
        "x" * (2**20 + 1),
        "\x00",
    ],
)
def test_yaml_that_is_endless_deep_large_or_odd_raises_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)


def test_deep_json_is_an_error_of_ours_wherever_json_is_read(tmp_path: Path) -> None:
    deep = b"[" * DEEP
    with pytest.raises(ValueError, match="too deeply"):
        parse_json(deep)
    (tmp_path / "settings.json").write_bytes(deep)
    with pytest.raises(UserError):
        read_settings(tmp_path)
    (tmp_path / "project.json").write_bytes(deep)
    with pytest.raises(UserError):
        Project.open(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "project.json")
    with pytest.raises(UserError, match="pipe"):
        Project.open(tmp_path)
    os.mkfifo(tmp_path / "settings.json")
    with pytest.raises(UserError, match="pipe"):
        read_settings(tmp_path)
    with pytest.raises(UserError, match="pipe"):
        load(tmp_path / "settings.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no space
    with pytest.raises(OSError, match="make sense"):
        read_file(path)


FAULTS = {
    "folder": (errno.EISDIR, "move it away, or put a copy of the right file in its place"),
    "pipe": (errno.EINVAL, "move it away, or put a copy of the right file in its place"),
    "too large": (errno.EFBIG, "move it away, or put a copy of the right file in its place"),
    "forbidden": (errno.EACCES, "check the permissions of the file and its folder"),
    "broken drive": (errno.EIO, "check the drive or its connection, and try again"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("what", ["index", "history", "journal"])
def test_of_a_file_that_cannot_be_read_is_said_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, what: str
) -> None:
    write_png(tmp_path / "images" / "a.png", np.zeros((40, 40, 3), np.uint8))
    project = Project.create(tmp_path / "p", [tmp_path / "images"], classes=make_classes(("a", "b")))
    path = {"index": project.path / INDEX_NAME, "history": history_path(project.path, "a"),
            "journal": project.path / JOURNAL_NAME}[what]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    number, help = FAULTS[fault]
    if fault == "folder":
        path.mkdir()
    elif fault == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"{}")
    if fault == "too large":
        os.truncate(path, 1 << 40)  # of which the disk holds two bytes
    elif fault in ("forbidden", "broken drive"):  # as root and without a broken drive, neither can be had
        real = Path.read_bytes

        def read_bytes(asked: Path) -> bytes:
            if asked == path:
                raise OSError(number, os.strerror(number), str(path))
            return real(asked)

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
    read: dict[str, Callable[[], object]] = {
        "index": lambda: Project(project.path).tiles,
        "history": lambda: read_history(project.path, "a"),
        "journal": lambda: settle(project.path),
    }
    with pytest.raises(ProjectError) as caught:
        read[what]()
    assert str(path) in str(caught.value)
    assert f"Try: {help}." in str(caught.value)
