"""The help of every command: it fits 80 columns, shows the defaults, and its examples are command lines."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from training_core.cli.main import build_parser

COLUMNS = 80


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands, however deep."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from commands(each)


PARSERS = {each.prog.removeprefix("python -m ").strip(): each for each in commands(build_parser())}
WITH_EXAMPLES = ("training_core train", "training_core predict", "training_core project new")


def examples(epilog: str) -> list[list[str]]:
    """The command lines after "examples:", without "python -m training_core"."""
    lines = [shlex.split(line) for line in epilog.replace("\\\n", " ").splitlines()[1:]]
    assert all(line[:3] == ["python", "-m", "training_core"] for line in lines)
    return [line[3:] for line in lines]


@pytest.mark.parametrize("name", PARSERS)
def test_help_fits_a_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    usage, _blank, text = PARSERS[name].format_help().partition("\n\n")
    assert usage.startswith("usage: ")
    assert max(map(len, text.splitlines())) <= COLUMNS


@pytest.mark.parametrize("name", PARSERS)
def test_every_command_and_option_is_explained(name: str) -> None:
    parser = PARSERS[name]
    assert parser.description
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            assert action.help, action.dest


@pytest.mark.parametrize("name", PARSERS)
def test_defaults_are_shown(name: str) -> None:
    parser = PARSERS[name]
    in_title = {
        id(each) for group in parser._action_groups if "default" in (group.title or "") for each in group._group_actions
    }
    for action in parser._actions:
        if (
            action.option_strings
            and action.default not in (None, False, [], argparse.SUPPRESS)
            and id(action) not in in_title
        ):
            shown = re.search(r"\(default: ([^\s),]+)|(\w+): [^;]*\(default\)", action.help or "")
            assert shown is not None, action.dest
            value = shown[1] or shown[2]
            assert type(action.default)(value) == action.default, action.dest


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_command_lines(name: str) -> None:
    lines = examples(PARSERS[name].epilog or "")
    assert len(lines) >= 3
    for line in lines:
        assert " ".join(["training_core", *line]).startswith(name + " ")
        build_parser().parse_args(line)
