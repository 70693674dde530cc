"""A file for whoever looks for the cause of a problem: versions, settings, the last events and a picture of the panel.

Names and paths are taken out: of the project, its tiles and its files, of the user and of the computer.
"""

from __future__ import annotations

import getpass
import json
import platform
import re
import zipfile
from pathlib import Path

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.shell.contracts import ReportSurface
from napari_unisemalign.shell.details_view import versions
from training_core.base.i18n import tr
from training_core.project import Project

EVENTS_KEPT = 300
_PATH = re.compile(r"(?:[A-Za-z]:[\\/]|/|\\\\|~/)[^\s\"',;:)\]}>]*[^\s\"',;:)\]}>.]")
_SHORTEST = 3
"""A shorter name, such as "a", stands in every text."""


class Names:
    """What must not be told, and what stands in its place."""

    def __init__(self, project: Project | None) -> None:
        self._words: dict[str, str] = {}
        if project is not None:
            for number, tile in enumerate(project.tiles, start=1):
                self._add(tile.name, f"tile-{number}")
                self._add(Path(tile.path).stem, f"tile-{number}")
                self._add(tile.case or "", "CASE")
            for number, name in enumerate(project.index.files, start=1):
                self._add(name, f"slide-{number}")
            for number, each in enumerate(project.classes, start=1):
                self._add(each.name, f"class-{number}")
                self._add(each.prompt, f"prompt-{number}")
            self._add(project.name, "PROJECT")
            self._add(project.path.name, "PROJECT")
        self._add(getpass.getuser(), "USER")
        self._add(Path.home().name, "USER")
        self._add(platform.node(), "COMPUTER")

    def _add(self, name: str, word: str) -> None:
        if len(name) >= _SHORTEST:
            self._words.setdefault(name, word)

    def out_of(self, text: str) -> str:
        """The text without names and paths."""
        text = _PATH.sub("PATH", text)
        for name in sorted(self._words, key=len, reverse=True):  # tile_10 before tile_1
            text = re.sub(re.escape(name), self._words[name], text, flags=re.IGNORECASE)
        return text

    def are_in(self, text: str) -> bool:
        """Whether the text tells one of them."""
        return self.out_of(text) != text


class ReportController:
    """Writes the file where the user wants it; nothing is sent anywhere."""

    def __init__(self, context: Context, view: ReportSurface) -> None:
        self._context, self._session, self.reporter, self._view = context, context.session, context.reporter, view

    @guarded
    def save(self) -> None:
        """Ask where, and write."""
        path = self._context.dialogs.report_file(str(Path.home() / "unisemalign-problem.zip"))
        if path is None:
            return
        names = Names(self._session.project)
        parts = {"report.txt": self._text(names).encode(), "panel.png": self._view.picture(names.are_in)}
        events = names.out_of(_last_events(self._session.project))
        if events:
            parts["events.jsonl"] = events.encode()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in parts.items():
                file.writestr(name, content)
        words = tr(
            "Wrote {path}: versions, settings, last events and a screenshot of the panel, without names and paths."
        )
        self.reporter.info(words.format(path=path))

    def _text(self, names: Names) -> str:
        project, training = self._session.project, self._session.training
        message, details = self._view.said
        said = [versions(), ""]
        if project is not None:
            said += [
                f"tiles: {len(project.tiles)}, classes: {len(project.classes)}, rounds: {len(project.rounds())}",
                f"settings: {json.dumps(self._session.settings, default=str)}",
            ]
        said += [
            f"training: {training.phase}, {training.progress:.0%}, {training.device}, {training.message}",
            f"failure: {training.failure}",
            f"message: {message}",
            f"details: {details}",
        ]
        return names.out_of("\n".join(said)) + "\n"


def _last_events(project: Project | None) -> str:
    """Of the newest run, also of one that did not finish."""
    run_ids = project.run_ids() if project is not None else ()
    if project is None or not run_ids:
        return ""
    try:
        lines = (project.runs_dir / run_ids[-1] / "events.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-EVENTS_KEPT:]) + "\n"
