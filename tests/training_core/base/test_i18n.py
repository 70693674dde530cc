"""What a run says goes through the catalogue: in a language that puts brackets around all texts, none is without."""

from __future__ import annotations

import ast
import gettext
from collections.abc import Callable
from pathlib import Path

import pytest

import training_core
from training_core.base import i18n
from training_core.base.i18n import ntr, tr
from training_core.messages.events import Event, Status, Warned
from training_core.messages.messenger import Messenger
from training_core.project import Project
from training_core.settings.schema import Config
from training_core.training.run import Request, train


class Brackets(gettext.NullTranslations):
    """A language."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def test_without_a_catalogue_the_words_are_english() -> None:
    assert tr("Next") == "Next"
    assert ntr("{count} tile", "{count} tiles", 1) == "{count} tile"
    assert ntr("{count} tile", "{count} tiles", 2) == "{count} tiles"


def test_in_another_language_a_run_says_nothing_in_english(
    make_project: Callable[..., Project], small_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "_catalogue", Brackets())
    events: list[Event] = []
    project = make_project(val=0)
    train(Request(project, small_config(schedule={"quick_start": True}), show="u_1"), Messenger(events.append))
    said = [event.message for event in events if isinstance(event, Status | Warned)]
    assert sum("Predicting tile" in text for text in said) == 4
    assert any("No validation tile" in text for text in said)
    assert [text for text in said if not (text.startswith("⟦") and text.endswith("⟧"))] == []


def plain_messages(source: str) -> list[str]:
    """The literals that are sent in events without `tr`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    sends = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in ("send", "_warn")]
    given = [each for call in sends for each in (*call.args, *(k.value for k in call.keywords if k.arg == "message"))]
    return [ast.unparse(each) for each in given if isinstance(each, ast.JoinedStr) or _is_text(each)]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_no_event_is_sent_with_words_that_no_catalogue_holds() -> None:
    source = 'm.send(Status, message="No"); m.send(Status, message=f"{n} no"); m.send(Status, message=tr("Yes"))'
    assert plain_messages(source) == ["'No'", "f'{n} no'"]
    folder = Path(training_core.__file__).parent
    found = {path.name: plain_messages(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
    assert {name: texts for name, texts in found.items() if texts} == {}
