"""What a small file may cost is bounded before it is paid, and every refusal is one of ours."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from training_core.base.bounded import MAX_YAML_NODES, parse_json, parse_yaml, read_file
from training_core.base.errors import ConfigError, UserError
from training_core.project import Project
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
