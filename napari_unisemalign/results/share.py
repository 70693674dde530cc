"""Shares the model of the project's latest run: the command `share`, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from napari_unisemalign.app import availability
from napari_unisemalign.app.command_line import Arguments, CommandProcess, as_text
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import STDERR_KEPT_CHARS
from napari_unisemalign.results.contracts import ShareSurface
from training_core.base.errors import EXIT_USER_ERROR
from training_core.base.i18n import tr
from training_core.project import Project


class ShareController:
    """Between the button and the command."""

    def __init__(self, context: Context, view: ShareSurface) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view = view
        self._process = CommandProcess(context.owner)
        self._outcome = ""
        view.share_clicked.connect(self.share)
        view.browse_clicked.connect(self.browse)
        view.copy_clicked.connect(self.copy)
        self._session.project_changed.connect(self._on_project)
        self._session.states_changed.connect(self._refresh)
        self._session.training_changed.connect(self._refresh)
        self._refresh()

    @guarded
    def browse(self) -> None:
        """Ask where the folder is made; its name is that of the project."""
        project = self._session.project
        chosen = self._context.dialogs.export_folder(self._view.folder or str(Path.home()))
        if chosen is not None and project is not None:
            self._view.set_folder(str(_free(chosen / f"{project.name}-model")))

    @guarded
    def share(self) -> None:
        """Write the model."""
        arguments = self._arguments()
        if arguments is None or self._process.running:
            return
        self._outcome = ""
        self._process.start(arguments, self._on_end)
        self._refresh()

    @guarded
    def copy(self) -> None:
        """Copy the command that does it."""
        arguments = self._arguments()
        if arguments is not None:
            self._view.copy(as_text(arguments))
            self.reporter.info(tr("Copied the command. Paste it into a terminal."))

    def stop(self) -> None:
        """End the process, which leaves nothing half written under the name of the folder."""
        self._process.stop()

    def _arguments(self) -> Arguments | None:
        project = self._session.project
        run_id = None if project is None else project.latest_run_id()
        if project is None or run_id is None:
            return None
        folder = Path(self._view.folder).expanduser() if self._view.folder else _proposed(project)
        graph = ("--onnx",) if self._view.with_graph else ()
        return ("share", str(project.runs_dir / run_id), "-o", str(folder), *graph)

    @guarded
    def _on_end(self, exit_code: int, out: str, err: str) -> None:
        if exit_code == 0:
            self._outcome = out.strip()
        else:
            told = err.rpartition("error: ")[2].strip() if exit_code == EXIT_USER_ERROR else ""
            words = told or tr("The model could not be shared. If that happens again, send us the details.")
            self.reporter.error(words, err[-STDERR_KEPT_CHARS:])
        self._refresh()

    def _on_project(self, project: Project | None) -> None:
        self._process.stop()
        self._outcome = ""
        self._view.set_folder(str(_proposed(project)) if project is not None else "")
        self._refresh()

    def _refresh(self, _change: object = None) -> None:
        project = self._session.project
        if self._process.running:
            self._view.set_available(tr("The model is being written."))
            self._view.set_hint(tr("Writing the model, which takes some seconds …"))
            return
        reason = availability.why_no_model(self._session)
        self._view.set_available(reason)
        run_id = None if project is None else project.latest_run_id()
        about = tr("The best weights of run {run}, without names of tiles and without images.").format(run=run_id)
        self._view.set_hint(reason or self._outcome or about)


def _proposed(project: Project) -> Path:
    return _free(project.path.with_name(f"{project.path.name}-model"))


def _free(folder: Path) -> Path:
    """The folder, or the first numbered one of that name that is not there."""
    found, number = folder, 1
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
