"""What the code shows to users has none of the words in test_words.BANNED: help, messages, errors, settings, results.

The texts are read from the source, so that one in a branch that no test runs is found too.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from training_core.base import errors

ROOT = Path(__file__).parent.parent
words = runpy.run_path(str(Path(__file__).with_name("test_words.py")))  # its list is the only one
banned_in: Callable[[str], list[str]] = words["banned_in"]
PACKAGES = ("training_core", "napari_unisemalign")
_STYLE_SHEET = re.compile(r"^\s*[A-Z][\w:#, -]*\{[^}]*:", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")

ERRORS = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, errors.UserError)}
ARGPARSE = {"add_argument", "add_argument_group", "add_parser", "add_subparsers", "ArgumentParser", "_Parser"}
SHOWN_BY_ARGPARSE = {"help", "description", "epilog", "title", "metavar"}


def texts_in(source: str) -> Iterator[tuple[int, str]]:
    """Every text of a module that a user may read: its line, and the text with `{}` for what is put in.

    Of calls that show a text: each string, single words too, also through a name that is given one in this module. Of
    the rest: each string of several words but docstrings, since messages also go through helpers.
    """
    tree = ast.parse(source)
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    assigned = _assigned(tree)
    seen: set[int] = set()
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        for shown in _shown(call):
            named = [
                value for name in ast.walk(shown) if isinstance(name, ast.Name) for value in assigned.get(name.id, ())
            ]
            for string in (text for each in (shown, *named) for text in _strings(each)):
                if id(string) not in seen:
                    seen.add(id(string))
                    yield string.lineno, _as_read(string)
    for string in _strings(tree):
        text = _as_read(string)
        if id(string) not in seen | docstrings and " " in text.strip():
            yield string.lineno, text


def _assigned(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name is given, anywhere in the module."""
    found: dict[str, list[ast.expr]] = {}
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign):
            for target in each.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                for name in names:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(each.value)
    return found


def _shown(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that a user reads."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    keywords = {each.arg: each.value for each in call.keywords}
    if name in ("tr", "ntr", "print", "error") or name in ERRORS:  # error: the class that a reader of files was given
        yield from (*call.args, *keywords.values())
    elif name in ARGPARSE:
        yield from (value for key, value in keywords.items() if key in SHOWN_BY_ARGPARSE)
        if name == "add_argument_group":
            yield from call.args
    elif name == "Field" and "description" in keywords:
        yield keywords["description"]


def _strings(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The strings in an expression; one with values put in as a whole."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def _as_read(string: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(string, ast.Constant):
        text = str(string.value)
    else:
        text = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in string.values)
    return "" if _STYLE_SHEET.match(text) else _TAG.sub(" ", text)


def words_in(package: str) -> list[str]:
    """What to correct in a package, each with its place."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {word} in {text!r}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in texts_in(path.read_text(encoding="utf-8"))
        for word in banned_in(text)
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_text_of_the_code_has_a_banned_word(package: str) -> None:
    assert words_in(package) == []


PLACES = (
    'tr("a WORD")',
    'text = tr("a {count} WORD here").format(count=3)',
    'ntr("a WORD", "many", 2)',
    'ntr("one", "many WORD", 2)',
    'parser.add_argument("--x", help="a WORD")',
    'parser.add_argument("--x", help=f"a WORD of {size}")',
    'parser.add_argument("x", metavar="WORD")',
    'parser = commands.add_parser("x", help="a WORD")',
    'parser = commands.add_parser("x", description="one line, "\n    "a WORD")',
    'parser = commands.add_parser("x", epilog="""examples:\n  a WORD""")',
    'parser.add_argument_group("WORD")',
    'commands = parser.add_subparsers(title="WORD")',
    'parser = _Parser(description="a WORD")',
    'raise UserError("a WORD", "needed", "hint")',
    'raise UserError("given", "WORD", "hint")',
    'raise UserError("given", "needed", hint="WORD")',
    'raise errors.MaskError("given", f"a WORD of {size} px", "hint")',
    'raise ProjectError("given", "WORD" if left else "needed", "hint")',
    'hint = "WORD"\nraise ImageError("given", "needed", hint)',
    'given, needed = "given", "WORD"\nraise ConfigError(given, needed, "hint")',
    'raise error(f"{path} is a WORD", "needed", "hint")',
    'lr: float = Field(1e-3, gt=0, description="a WORD")',
    'print(f"{count} of a WORD")',
    'self._say("a WORD")',
)


@pytest.mark.parametrize("source", PLACES)
@pytest.mark.parametrize("word", ["painter", "whoever", "color"])
def test_a_planted_word_is_found(source: str, word: str) -> None:
    assert [found for _line, text in texts_in(source) for found in banned_in(text)] == []
    planted = source.replace("WORD", word)
    (found,) = [found for _line, text in texts_in(planted) for found in banned_in(text)]
    assert found.startswith(word)


def test_a_planted_word_is_found_in_a_module_of_the_program() -> None:
    path = ROOT / "training_core" / "cli" / "train.py"
    source = path.read_text(encoding="utf-8")
    planted = source.replace('help="train for N minutes"', 'help="train for so many minutes"')
    assert planted != source
    lines = {line for line, text in texts_in(planted) if banned_in(text)}
    assert lines == {source[: source.index('help="train for N minutes"')].count("\n") + 1}


@pytest.mark.parametrize(
    "source",
    [
        '"""A painter."""',
        'def run():\n    """A painter."""\n',
        "x = 1  # a painter",
        'columns = {"color": 1, "labeled": 2}',
        'parser.add_argument("--labeled", dest="labeled", help="annotated")',
        'tr("{painter} and `painter`")',
        'STYLE = "QLabel:hover { color: red; }"',
        "tr(\"<a style='color: red'>name</a>\")",
    ],
)
def test_what_users_do_not_read_is_left_alone(source: str) -> None:
    assert [found for _line, text in texts_in(source) for found in banned_in(text)] == []


def test_the_scan_reads_the_whole_core() -> None:
    texts = [
        text for path in (ROOT / "training_core").rglob("*.py") for _line, text in texts_in(path.read_text("utf-8"))
    ]
    assert len(texts) > 1000
    assert len(words["BANNED"]) > 20
