"""Reference pages that are read from the program while building: its commands and its settings.

A page holds a marker, which is replaced by Markdown before the page is parsed: `<!-- commands -->` by every command of
`python -m training_core` with its arguments, `<!-- settings -->` by every field of the settings' schema.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

from training_core.cli.main import build_parser
from training_core.settings.form_fields import Setting, all_settings, flat, section_descriptions, value_text
from training_core.settings.schema import Config, resolve
from training_core.settings.variants import VARIANTS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

os.environ["COLUMNS"] = "84"  # argparse wraps a command's usage line to this


def commands() -> str:
    """Every command: its usage, what it does, its arguments."""
    return "\n\n".join(_commands(build_parser()))


def settings() -> str:
    """Every setting by section: type and range, its default in each variant, what it is."""
    defaults = {name: flat(resolve({"variant": name}).model_dump()) for name in VARIANTS}
    sections: dict[str, list[Setting]] = {}
    for setting in all_settings():
        sections.setdefault(setting.section, []).append(setting)
    about = {"": str(Config.__doc__), **section_descriptions()}
    return "\n\n".join(_section(name, about[name], rows, defaults) for name, rows in sections.items())


MARKERS: dict[str, Callable[[], str]] = {"<!-- commands -->": commands, "<!-- settings -->": settings}


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}


def _fill(app: Sphinx, docname: str, source: list[str]) -> None:
    for marker, make in MARKERS.items():
        if marker in source[0]:
            source[0] = source[0].replace(marker, make())


def _commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield _command(command, name)
                yield from _commands(command)


def _command(parser: argparse.ArgumentParser, name: str) -> str:
    level = "#" * len(parser.prog.split()[2:])  # python -m training_core project new: one deeper than project
    words = " ".join(parser.prog.split()[3:])
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    blocks = [f"{level} {words}", _escaped(parser.description or ""), f"```text\n{usage}\n```"]
    arguments = [_argument(action) for action in parser._actions if action.help != argparse.SUPPRESS]
    arguments = [row for row in arguments if row]
    if arguments:
        blocks.append(_table(("argument", "what it is"), arguments))
    return "\n\n".join(filter(None, blocks))


def _argument(action: argparse.Action) -> tuple[str, str] | None:
    if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
        return None
    value = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    if action.choices is not None and action.metavar is None:
        value = "{" + ",".join(str(each) for each in action.choices) + "}"
    value = " ".join(value) if isinstance(value, tuple) else str(value)
    if not action.option_strings:
        shown = value
    else:
        shown = ", ".join(action.option_strings) + (f" {value}" if action.nargs != 0 else "")
    fields: dict[str, Any] = {**vars(action), "prog": "python -m training_core"}
    return f"`{shown}`", _escaped((action.help or "") % fields)


def _section(name: str, about: str, rows: Sequence[Setting], defaults: dict[str, dict[str, Any]]) -> str:
    heading = f"## {name}\n\n{_escaped(about)}" if name else "## Top level"
    header = ("setting", "type", "default", "what it is")
    table = [
        (
            f"`{row.key}`",
            _type_text(row),
            _defaults({variant: _value(values.get(row.key)) for variant, values in defaults.items()}),
            _escaped(row.description),
        )
        for row in rows
    ]
    return f"{heading}\n\n{_table(header, table)}"


def _type_text(setting: Setting) -> str:
    kind = f"{len(get_args(setting.annotation))} numbers" if setting.kind == "numbers" else setting.kind
    if setting.choices:
        kind = ", ".join(f"`{value_text(each)}`" for each in setting.choices)
    return ", ".join(filter(None, [kind, setting.bounds]))


def _defaults(by_variant: dict[str, str]) -> str:
    """One value where the variants agree."""
    if len(set(by_variant.values())) == 1:
        return next(iter(by_variant.values()))
    return "<br>".join(f"{variant}: {value}" for variant, value in by_variant.items())


def _value(value: Any) -> str:
    return "-" if value is None else f"`{value_text(value)}`"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _escaped(text: str) -> str:
    """Plain text as Markdown: what stands in backquotes stays code, nothing else is markup."""
    pieces = text.split("`")
    for number in range(0, len(pieces), 2):
        for character in "\\*_<>[]":
            pieces[number] = pieces[number].replace(character, f"\\{character}")
    return "`".join(pieces)
