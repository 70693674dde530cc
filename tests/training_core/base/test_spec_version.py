"""What a version in a file comes to: brought up to date step by step, refused when newer, named when it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from training_core.base.errors import CheckpointError, ProjectError, UserError
from training_core.base.spec_version import FileFormat

PLAIN = FileFormat(version=1, error=CheckpointError)
THIRD = FileFormat(
    version=3,
    error=ProjectError,
    migrations={1: lambda old: {**old, "steps": [1]}, 2: lambda old: {**old, "steps": [*old["steps"], 2]}},
)


@pytest.mark.parametrize(("version", "steps"), [(1, [1, 2]), (2, [0, 2]), (3, [0])])
def test_an_older_file_goes_through_every_step_and_todays_through_none(version: int, steps: list[int]) -> None:
    given = {"spec_version": version, "steps": [0]}
    assert THIRD.up_to_date(given, "x.json") == {"spec_version": 3, "steps": steps}
    assert given == {"spec_version": version, "steps": [0]}
    if version == 3:
        assert THIRD.up_to_date(given, "x.json") is given


def test_without_a_version_it_is_the_first() -> None:
    assert THIRD.up_to_date({}, "x.json") == {"spec_version": 3, "steps": [1, 2]}
    assert PLAIN.up_to_date({"a": 1}, "x.json") == {"a": 1}


def test_a_newer_one_is_refused_in_words() -> None:
    with pytest.raises(ProjectError) as caught:
        THIRD.up_to_date({"spec_version": 4}, Path("folder", "x.json"))
    assert str(Path("folder", "x.json")) in caught.value.given
    assert "spec_version = 4" in caught.value.given
    assert "newer" in caught.value.given
    assert caught.value.needed == "spec_version 3 or older"
    assert "pip install --upgrade napari-unisemalign" in caught.value.hint


@pytest.mark.parametrize("version", [0, -1, True, "1", 1.0, None, [1]])
def test_what_is_no_version_is_named(version: Any) -> None:
    with pytest.raises(UserError, match="a whole number from 1 to 3") as caught:
        THIRD.up_to_date({"spec_version": version}, "x.json")
    assert f"spec_version = {version!r}" in str(caught.value)


def test_bytes_of_a_newer_file_are_refused_and_all_others_pass() -> None:
    with pytest.raises(CheckpointError, match="newer"):
        PLAIN.refuse_newer(json.dumps({"spec_version": 2}).encode(), "x.json")
    for data in (b"", b"{", b"[]", b'{"spec_version": 1}', b'{"spec_version": "2"}', b"\xff", b"{}"):
        PLAIN.refuse_newer(data, "x.json")
