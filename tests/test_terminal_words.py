"""Errors name options only in the words for a terminal: the window, which has none, shows the same errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from training_core.base.attempts import Attempts
from training_core.base.errors import MaskError, UserError
from training_core.cli.main import main
from training_core.io.inspection import MaskQuestionError, Question, RaisedQuestion
from training_core.io.inspection.questions import choice

ROOT = Path(__file__).parents[1]
TERMINAL = re.compile(r"(?<![\w-])--[a-z][a-z-]*|python -m training_core")
ONLY_IN_A_TERMINAL = {
    "training_core/project/class_text.py": "reads the text of the option --classes",
    "training_core/project/project_tiles.py": "builds a command line",
    "training_core/settings/files.py --set": "reads the text of the option --set",
    "training_core/network/text/load.py": "a command of Hugging Face, which no window replaces",
    "training_core/base/spec_version.py": "a command of pip, which no window replaces",
    "training_core/settings/schema.py": "the description of a setting in config files",
    "training_core/sharing/card.py": "the model card, a file with command lines for those who get the model",
    "training_core/io/inspection/questions.py --": "builds the name of an option",
}
"""Files, or files and what a text begins with, and why the window never shows it."""


def core_files() -> Iterator[Path]:
    for path in sorted((ROOT / "training_core").rglob("*.py")):
        if not {"cli", "measuring"} & set(path.relative_to(ROOT).parts):
            yield path


def texts_outside_terminal_words(tree: ast.AST) -> Iterator[str]:
    """Every literal text that is neither a docstring nor given or bound as words for a terminal."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if _is_skipped(node):
            skipped.update(id(each) for each in ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def _is_skipped(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.keyword(arg="terminal"):
            return True
        case ast.Assign(targets=[ast.Name(id="terminal" | "_IN_TERMINAL")]):
            return True
    return False


def offences(path: str, source: str) -> list[str]:
    found = [text for text in texts_outside_terminal_words(ast.parse(source)) if TERMINAL.search(text)]
    if path in ONLY_IN_A_TERMINAL:
        return []
    excused = [key.partition(" ")[2] for key in ONLY_IN_A_TERMINAL if key.startswith(f"{path} ")]
    return [text for text in found if not any(text.startswith(start) for start in excused)]


@pytest.mark.parametrize("path", list(core_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_of_the_core_names_an_option_but_in_words_for_a_terminal(path: Path) -> None:
    assert offences(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "is_wrong"),
    [
        ('raise UserError("a", "b", "add --mpp 0.5")', True),
        ('raise UserError("a", "b", f"add --mpp {x}")', True),
        ('hint = "run python -m training_core"', True),
        ('raise UserError("a", "b", "give it", terminal="add --mpp 0.5")', False),
        ('terminal = "add --mpp"', False),
        ('"""The option --mpp."""', False),
        ('raise UserError("scan--1.png is damaged", "b", "c")', False),
    ],
)
def test_the_search_finds_them(source: str, is_wrong: bool) -> None:
    assert bool(offences("training_core/x.py", source)) == is_wrong


def test_texts_of_the_window_name_no_option() -> None:
    wrong = []
    for path in sorted((ROOT / "napari_unisemalign").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("tr", "ntr"):
                texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                wrong += [text for text in texts if isinstance(text, str) and TERMINAL.search(text)]
    assert wrong == []


def test_a_terminal_gets_the_option_and_everybody_else_the_hint(capsys: pytest.CaptureFixture[str]) -> None:
    error = UserError("a is b", "c", "give it", terminal="add --c")
    assert str(error) == "a is b. Needed: c. Try: give it."
    assert error.in_terminal == "a is b. Needed: c. Try: add --c."
    assert UserError("a is b", "c", "give it").in_terminal == "a is b. Needed: c. Try: give it."
    assert main(["project", "info", "/nowhere"]) == 2
    assert "python -m training_core project new" in capsys.readouterr().err


def test_the_first_of_several_failures_keeps_its_words_and_its_kind() -> None:
    """A question about a file is raised from a path, not from words, which once broke the sum of several."""
    raised = RaisedQuestion(Question.ALPHA, "has 4 channels", (choice("left-out", "left out", alpha="left_out"),))
    attempts = Attempts()
    for name in ("a", "b"):
        with attempts.each(name):
            raise MaskQuestionError(Path(f"{name}.png"), (raised,))
    with pytest.raises(MaskError, match=r"none of 2 files could be used; the first: a\.png has 4 channels") as caught:
        attempts.raise_if_none()
    assert "--alpha left-out" in caught.value.in_terminal
    assert "--" not in str(caught.value)
