"""Errors that other processes are told of."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

import training_core.io.inspection  # the kinds of error that it adds
import training_core.project  # noqa: F401
from training_core.base.errors import UserError


def kinds(of: type[UserError] = UserError) -> Iterator[type[UserError]]:
    yield of
    for each in of.__subclasses__():
        yield from kinds(each)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_in_another_process(kind: type[UserError]) -> None:
    error = kind.__new__(kind)  # kinds are made from different things
    UserError.__init__(error, "image a.png is empty", "pixels", "save it again", terminal="leave out a.png")
    error.path = Path("a.png")  # type: ignore[attr-defined]
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is kind
    assert str(found) == str(error) == "image a.png is empty. Needed: pixels. Try: save it again."
    assert found.in_terminal == "image a.png is empty. Needed: pixels. Try: leave out a.png."
    assert vars(found) == vars(error)
