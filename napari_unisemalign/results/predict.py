"""Predicts slides and images with the project's latest run: the command `predict`, with a queue that can be paused."""

from __future__ import annotations

from pathlib import Path

from napari_unisemalign.app import availability
from napari_unisemalign.app.command_line import LAST_WAIT_MS, Arguments, as_text, program
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import Ending, TrainerProcess
from napari_unisemalign.results.contracts import PredictSurface
from napari_unisemalign.widgets.chart import duration
from training_core.base.addresses import path_or_address
from training_core.base.errors import EXIT_INTERRUPTED, EXIT_PARTLY, EXIT_USER_ERROR
from training_core.base.i18n import ntr, tr
from training_core.messages.events import Event, FileFailed, FilePredicted, Pause, Resume, RunFailed, Status, Stop
from training_core.project import Project

_ENDINGS = (0, EXIT_PARTLY, EXIT_INTERRUPTED, EXIT_USER_ERROR)
"""Exit codes of which the events have told."""


class PredictController:
    """Between the queue on the page and the process that works it off."""

    def __init__(self, context: Context, view: PredictSurface) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view = view
        self._process = TrainerProcess(context.owner, "prediction")
        self._files: tuple[Path, ...] = ()
        self._paused = False
        self._predicted: list[FilePredicted] = []
        self._failed: list[FileFailed] = []
        self._outcome = ""
        self._connect()
        self._refresh()

    def _connect(self) -> None:
        view, session = self._view, self._session
        view.files_clicked.connect(self.choose_files)
        view.folder_clicked.connect(self.choose_folder)
        view.slides_clicked.connect(self.choose_slides)
        view.browse_clicked.connect(self.browse)
        view.predict_clicked.connect(self.predict)
        view.pause_clicked.connect(self.pause_or_resume)
        view.stop_clicked.connect(self.stop_queue)
        view.copy_clicked.connect(self.copy)
        view.open_clicked.connect(self.open)
        self._process.event_received.connect(self._on_event)
        self._process.ended.connect(self._on_end)
        session.project_changed.connect(self._on_project)
        session.training_changed.connect(self._refresh)
        session.states_changed.connect(self._refresh)

    @guarded
    def choose_files(self) -> None:
        """Ask for slides and images."""
        chosen = self._context.dialogs.files_to_predict(str(Path.home()))
        if chosen:
            self._take(chosen)

    @guarded
    def choose_folder(self) -> None:
        """Ask for a folder of them."""
        chosen = self._context.dialogs.folder_to_predict(str(Path.home()))
        if chosen is not None:
            self._take((chosen,))

    @guarded
    def choose_slides(self) -> None:
        """Take the slides of the project, with the pixel size that was set for those that state none."""
        project = self._session.project
        slides = project.slides() if project is not None else []
        missing = [name for name, _, path in slides if path is None]
        if missing:
            words = ntr("{count} slide is not where it was, and is left out: {names}.",
                        "{count} slides are not where they were, and are left out: {names}.", len(missing))  # fmt: skip
            self.reporter.warning(words.format(count=len(missing), names=", ".join(missing)))
        there = [(source, path) for _, source, path in slides if path is not None]
        if not there:
            return
        sizes = {source.mpp_um for source, _ in there if source.file_mpp is None and source.mpp_um is not None}
        if len(sizes) == 1:
            self._view.set_mpp(sizes.pop())
        self._take(tuple(path for _, path in there))

    def _take(self, files: tuple[Path, ...]) -> None:
        self._files, self._outcome = files, ""
        self._view.set_files(files)
        self._refresh()

    @guarded
    def browse(self) -> None:
        """Ask where the predictions are written."""
        chosen = self._context.dialogs.folder_for_predictions(self._view.out or str(Path.home()))
        if chosen is not None:
            self._view.set_out(str(chosen))

    @guarded
    def predict(self) -> None:
        """Start the queue, or go on with one that was stopped."""
        arguments = self._arguments()
        if arguments is None or self._process.running:
            return
        self._predicted, self._failed, self._paused, self._outcome = [], [], False, ""
        self._view.set_results(())
        self._process.start([*program(arguments), "--events", "-", "--background"])
        self._view.set_progress(0.0)
        self._view.set_hint(tr("Loading the network …"))
        self._refresh()

    @guarded
    def pause_or_resume(self) -> None:
        """Wait with the next window of the file, or go on."""
        self._paused = not self._paused
        self._process.send(Pause() if self._paused else Resume())
        self._refresh()

    @guarded
    def stop_queue(self) -> None:
        """End the process; what is finished stays."""
        self._process.send(Stop())

    @guarded
    def copy(self) -> None:
        """Copy the command that does it."""
        arguments = self._arguments()
        if arguments is not None:
            self._view.copy(as_text(arguments))
            self.reporter.info(tr("Copied the command. Paste it into a terminal."))

    @guarded
    def open(self) -> None:
        """Show the chosen file with its prediction in a window of its own."""
        from napari_unisemalign.results.open_prediction import open_prediction  # brings zarr: not at every start

        chosen = self._view.result
        if 0 <= chosen < len(self._predicted):
            found = self._predicted[chosen]
            note = open_prediction(path_or_address(found.file), Path(found.result))
            if note:
                self.reporter.info(note)

    def stop(self) -> None:
        """The window goes: end the process; finished files stay, and the same queue goes on with the rest."""
        if self._process.running:
            self._process.send(Stop())
            if not self._process.wait(LAST_WAIT_MS):
                self._process.kill()
                self._process.wait(LAST_WAIT_MS)

    def _arguments(self) -> Arguments | None:
        project = self._session.project
        run_id = None if project is None else project.latest_run_id()
        if project is None or run_id is None or not self._files:
            return None
        out = self._view.out or str(_proposed(project))
        mpp = () if self._view.mpp_um is None else ("--missing-mpp", f"{self._view.mpp_um:g}")
        objects = ("--objects", "geojson") if self._view.with_objects else ()
        return ("predict", str(project.runs_dir / run_id), *map(str, self._files), "-o", out, *mpp, *objects)

    def _on_event(self, event: Event) -> None:
        match event:
            case Status():
                if event.done is not None:
                    self._view.set_progress(event.done)
                left = "" if event.eta_s is None else tr("{time} left").format(time=duration(event.eta_s))
                self._view.set_hint(" · ".join(filter(None, (event.message, left, self._so_far()))))
            case FilePredicted():
                self._predicted.append(event)
                self._view.set_results([_in_words(each) for each in self._predicted])
            case FileFailed():
                self._failed.append(event)
            case RunFailed():
                self.reporter.error(event.message)
                self._outcome = event.message

    def _so_far(self) -> str:
        done = ntr("{count} file finished", "{count} files finished", len(self._predicted))
        failed = tr("{count} not possible")
        said = [done.format(count=len(self._predicted))] if self._predicted else []
        return ", ".join([*said, failed.format(count=len(self._failed))] if self._failed else said)

    @guarded
    def _on_end(self, ending: Ending) -> None:
        self._paused = False
        self._view.set_progress(None)
        if ending.exit_code not in _ENDINGS or ending.crashed or not ending.started:
            self.reporter.error(ending.in_words(), ending.details)
        if ending.exit_code in (0, EXIT_PARTLY):
            self._outcome = self._finished()
        elif ending.exit_code == EXIT_USER_ERROR and not self._outcome:  # before there was anybody to tell an event
            self.reporter.error(ending.details.rpartition("error: ")[2].strip(), ending.details)
        elif ending.exit_code == EXIT_INTERRUPTED:
            stopped = tr("Stopped. Predict continues with the files that are not finished.")
            self._outcome = " ".join(filter(None, (stopped, self._so_far())))
        if self._failed:
            words = ntr("{count} file could not be predicted:", "{count} files could not be predicted:",
                        len(self._failed)).format(count=len(self._failed))  # fmt: skip
            lines = [f"{Path(each.file).name}: {each.message}" for each in self._failed]
            self.reporter.error("\n".join([words, *lines]))
        self._refresh()

    def _finished(self) -> str:
        there = sum(each.was_there for each in self._predicted)
        count = len(self._predicted) - there
        words = ntr("Predicted {count} file.", "Predicted {count} files.", count).format(count=count)
        said = [words]
        if there:
            already = ntr("{count} was predicted already.", "{count} were predicted already.", there)
            said.append(already.format(count=there))
        where = Path(self._predicted[-1].result).parent if self._predicted else None
        if where is not None:
            said.append(tr("The results are in {folder}; areas.csv has areas and counts.").format(folder=where))
        return " ".join(said)

    def _on_project(self, project: Project | None) -> None:
        self.stop()
        self._files, self._predicted, self._failed, self._outcome = (), [], [], ""
        self._view.set_files(())
        self._view.set_results(())
        self._view.set_out(str(_proposed(project)) if project is not None else "")
        self._refresh()

    def _refresh(self, _change: object = None) -> None:
        running, project = self._process.running, self._session.project
        self._view.offer_slides(project is not None and bool(project.index.files))
        reason = tr("Files are being predicted.") if running else availability.why_no_model(self._session)
        if not reason and not self._files:
            reason = tr("Choose slides or images first.")
        self._view.set_available(reason, is_running=running, is_paused=self._paused)
        if not running:
            self._view.set_hint(self._outcome or reason)


def _in_words(found: FilePredicted) -> str:
    """Name, number of objects, and what was left out."""
    said = [f"{name} {count:,}" for name, count in found.objects.items()]
    if found.left_out:
        said.append(tr("{share} is glass, not predicted").format(share=f"{found.left_out:.0%}"))
    name = Path(found.file).name
    return f"{name} ({', '.join(said)})" if said else name


def _proposed(project: Project) -> Path:
    return project.path.with_name(f"{project.path.name}-predictions")
