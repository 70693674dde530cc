"""Which encoders there are and whose weights are on this machine, asked of a process: the answer imports torch."""

from __future__ import annotations

import json
import sys
from html import escape
from typing import Any

from qtpy.QtCore import QObject, QProcess, Signal

from napari_unisemalign.app.process import child_environment
from napari_unisemalign.widgets.colors import ACCENT_LIGHT
from training_core.base.i18n import tr

_LAST_WAIT_MS = 2000


class EncoderList(QObject):
    """Asks `python -m training_core encoders`; the answer takes seconds and comes as `listed`."""

    listed = Signal(object)
    """What `encoders --json` writes, a dict."""
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        parent.destroyed.connect(self._abandon)

    def ask(self) -> None:
        """Start the process, unless it is at work."""
        if self._process is not None:
            return
        process = QProcess()
        process.setProcessEnvironment(child_environment())
        process.finished.connect(self._on_finished)
        self._process = process
        process.start(sys.executable, ["-m", "training_core", "encoders", "--json", "-"])

    def _on_finished(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            answer = json.loads(bytes(process.readAllStandardOutput().data()))
        except ValueError:
            self.failed.emit(bytes(process.readAllStandardError().data()).decode("utf-8", errors="replace"))
        else:
            self.listed.emit(answer)
        process.deleteLater()

    def _abandon(self, _parent: object = None) -> None:
        """The window has gone, and nobody waits any more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.waitForFinished(_LAST_WAIT_MS)


def about(encoder: dict[str, Any]) -> str:
    """Rich text: title, licence, who may have the weights and where, whether they are here."""
    gated = str(encoder["access"]).startswith("gated")
    page = escape(str(encoder["page"] or ""))
    link = f'<a style="color: {ACCENT_LIGHT}" href="{page}">{page.removeprefix("https://")}</a>'
    access = tr("Gated: ask for access at {page}.") if gated else tr("Open: {page}.")
    here = tr("Weights are on this machine.") if encoder["local_file"] else _not_here(gated)
    licence = tr("Licence: {licence}.").format(licence=escape(str(encoder["license"])))
    return f"{escape(str(encoder['title']))}. {licence}<br>{access.format(page=link)}<br>{here}"


def short(encoder: dict[str, Any]) -> str:
    """A few words for a list."""
    gated = tr("gated") if str(encoder["access"]).startswith("gated") else tr("open")
    here = tr("weights here") if encoder["local_file"] else tr("weights not here")
    return f"{encoder['key']} \N{EN DASH} {encoder['license']}, {gated}, {here}"


def _not_here(gated: bool) -> str:
    if gated:
        return tr("Weights are not on this machine: with access they are downloaded, or set encoder.weights_path.")
    return tr("Weights are not on this machine: the training downloads them.")
