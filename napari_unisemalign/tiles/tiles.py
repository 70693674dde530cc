"""The project, its list of tiles, and the tile on screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_unisemalign.app import availability
from napari_unisemalign.app.background import Cancelled, run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layers import U8
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.user_folders import sample_folder
from napari_unisemalign.tiles.new_project.import_words import failure_lines
from napari_unisemalign.tiles.recent import recent_projects, remember
from napari_unisemalign.tiles.tile_list_view import STATE_WORDS, Standing
from napari_unisemalign.tiles.tiles_view import EMPTY, TilesView
from training_core.base.attempts import Attempts, Failure
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.demo import make_demo
from training_core.project import Project, TileState

FAILURES_SHOWN = 5
"""So many files that could not be used are named in the panel."""
STATE_ORDER = (TileState.ACCEPTED, TileState.LABELED, TileState.PREDICTED, TileState.UNLABELED)


class TilesController:
    """Opens projects and puts tiles on the screen."""

    def __init__(self, context: Context, view: TilesView, labels: LabelsController) -> None:
        self._context, self._labels = context, labels
        self._session, self.reporter = context.session, context.reporter
        self._view = view
        self._states: dict[str, TileState] = {}
        self._validation: tuple[str, ...] = ()
        self._busy = ""
        self._cancelled = self._left_off = False
        view, session = self._view, self._session
        view.open_clicked.connect(self.choose_project)
        view.new_clicked.connect(lambda: self.make_project())
        view.cancel_clicked.connect(self.cancel_making)
        view.sample_clicked.connect(self.open_sample)
        view.recent.chosen.connect(lambda folder: self.open_recent(Path(folder)))
        view.tile_chosen.connect(self.show)
        view.thumbnail_wanted.connect(self._load_thumbnail)
        view.validation_toggled.connect(self.toggle_validation)
        session.states_changed.connect(self._refresh_states)
        session.listed_changed.connect(self._on_listed)
        session.training_changed.connect(self._refresh_available)
        self._refresh_available()
        self._refresh_recent()

    @guarded
    def choose_project(self) -> None:
        """Ask for a folder and open it."""
        project = self._session.project
        start = str(project.path.parent) if project else str(Path.home())
        path = self._context.dialogs.project_folder(start)
        if path is not None:
            self._open(path)

    def open_recent(self, folder: Path) -> None:
        """Open one of the recent projects, if it is still there."""
        if (folder / "project.json").is_file():
            self.open_project(folder)
        else:
            words = tr("The project {folder} is not there any more, and was taken off the list of recent ones.")
            self.reporter.warning(words.format(folder=folder))
        self._refresh_recent()

    @guarded
    def open_project(self, path: Path) -> None:
        """Open a project folder."""
        self._open(path)

    @guarded
    def make_project(self, images: Sequence[Path] = ()) -> None:
        """Ask what the project is made of, `images` filled in; make it in the background, open it."""
        asked = self._context.dialogs.new_project(images)
        if asked is None:
            return
        attempts = Attempts()
        self._make(
            tr("Making the project"),
            lambda: Project.create(
                asked.folder,
                asked.images,
                classes=asked.classes,
                masks=asked.masks,
                mask_values=asked.mask_values,
                mpp_um=asked.mpp_um,
                slides=asked.slides,
                answers=asked.answers,
                attempts=attempts,
                progress=self._tell_progress,
            ),
            attempts,
        )

    def open_sample(self, folder: Path | None = None) -> None:
        """Open the sample project; it is made the first time."""
        path = folder or sample_folder()
        if (path / "project.json").exists():
            self.open_project(path)
        else:
            self._make(tr("Making the sample project"), lambda: make_demo(path, progress=self._tell_progress))

    def make_sample_now(self, folder: Path) -> None:
        """Make the sample project before returning; the panel tells how far it is, and takes no clicks.

        Raises
        ------
        UserError: it could not be made.
        """
        self._set_busy(tr("Making the sample project …"))
        try:
            run_while_painting(lambda: make_demo(folder, progress=self._tell_progress))
        finally:
            self._set_busy("")

    @guarded
    def show(self, name: str) -> None:
        """Put a tile on the screen; strokes on the former one are saved first."""
        project = self._session.project
        if project is None or name == self._session.tile:
            return
        self._labels.leave()
        try:
            image, label = self._context.pictures.get(project, name), self._labels.load(name)
        except UserError:
            self._view.set_current(self._session.tile)
            raise
        layer = self._context.layers.show_tile(image, label, project.classes)
        self._labels.watch(name, layer)
        self._context.viewer.title = f"{name} – {project.name}"
        self._session.set_tile(name)
        self._view.set_current(name)
        for neighbor in filter(None, (self._session.neighbor(1), self._session.neighbor(-1))):
            self._context.pictures.read_ahead(project, neighbor)

    def previous(self) -> None:
        """Show the tile before this one, where there is one."""
        self._step(-1)

    def next(self) -> None:
        """Show the tile after this one, where there is one."""
        self._step(1)

    @guarded
    def toggle_validation(self, name: str) -> None:
        """Use a labelled tile for validation, or for training again."""
        project = self._session.project
        if project is not None:
            project.use_for_validation(name, name not in self._validation)
            self._session.states_changed.emit()

    def _open(self, path: Path) -> None:
        reason = availability.why_not_switch_project(self._session)
        if reason:
            self.reporter.warning(reason)
            return
        project = Project.open(path)
        if not self._labels.flush():
            return
        self._labels.release()
        self._context.layers.clear()
        self._session.set_project(project)
        self._view.set_project(project.name, str(project.path))
        remember(project.path)
        self._refresh_recent()
        self._refresh_states()
        self._view.set_tiles(self._session.tile_names(), self._standing_of)
        if project.migration is not None:
            self.reporter.info(project.migration.message)
        missing = set(project.missing_images())
        if missing:
            first = sorted(missing)[0]
            words = tr(
                "{missing} of {all} images are not where they were, the first is {first}. "
                "Put them back, or move the project together with its images."
            )
            self.reporter.warning(words.format(missing=len(missing), all=len(project.tiles), first=first))
        present = [name for name in self._session.tile_names() if name not in missing]
        if present:
            self.show(present[0])

    def cancel_making(self) -> None:
        """Make no project after all; nothing of it is left."""
        self._cancelled = True
        self._view.set_cancellable(False)

    def _make(self, what: str, make: Callable[[], Project], attempts: Attempts | None = None) -> None:
        failed = attempts.failed if attempts is not None else []

        def done(project: Project) -> None:
            self.open_project(project.path)
            self._list_failed(failed)

        self._cancelled = self._left_off = False
        self._set_busy(f"{what} …")
        self._view.set_cancellable(True)
        self._context.background.run(
            make,
            done,
            lambda error: self.reporter.error(error, details="\n".join(failure_lines(failed))),
            always=self._made,
        )

    def _list_failed(self, failed: Sequence[Failure]) -> None:
        """Name the files that are not in the project, and why; all of them stand in the details."""
        if not failed:
            return
        words = ntr(
            "{count} file could not be used; the project was made of the others:",
            "{count} files could not be used; the project was made of the others:",
            len(failed),
        )
        lines = failure_lines(failed)
        rest = len(lines) - FAILURES_SHOWN
        more = [tr("… and {count} more, in the details").format(count=f"{rest:,}")] if rest > 0 else []
        text = "\n".join([words.format(count=f"{len(failed):,}"), *lines[:FAILURES_SHOWN], *more])
        self.reporter.warning(text, details="\n".join(lines))

    def _made(self) -> None:
        self._set_busy("")
        self._view.set_cancellable(False)
        if self._left_off:
            self.reporter.info(tr("Cancelled: no project was made, and nothing is left of it."))

    def _tell_progress(self, done: int, total: int, text: str) -> None:
        """Called in the background thread, before every tile."""
        if self._cancelled:
            self._left_off = True
            raise Cancelled
        words = tr("{done} of {total}: {text} …")
        self._context.background.post(
            lambda: self._set_busy(words.format(done=done, total=total, text=text)) if self._busy else None
        )

    def _set_busy(self, text: str) -> None:
        self._busy = text
        self._refresh_available()
        self._refresh_summary()

    def _refresh_recent(self) -> None:
        self._view.recent.set_projects(*recent_projects())

    def _step(self, step: int) -> None:
        name = self._session.neighbor(step)
        if name is not None:
            self.show(name)

    def _standing_of(self, name: str) -> Standing:
        return Standing(self._states.get(name, TileState.UNLABELED), name in self._validation)

    def _refresh_states(self) -> None:
        project = self._session.project
        self._states = project.states() if project else {}
        self._validation = project.val_names() if project else ()
        self._view.refresh_states()
        self._refresh_summary()

    def _refresh_summary(self) -> None:
        if self._busy or self._session.project is None:
            self._view.set_summary(self._busy or EMPTY)
            return
        counts = Counter(self._states.values())
        part = tr("{count} {state}")
        parts = ", ".join(
            part.format(count=counts[state], state=STATE_WORDS[state]) for state in STATE_ORDER if counts[state]
        )
        self._view.set_summary(tr("{count} tiles: {parts}").format(count=len(self._states), parts=parts))

    def _on_listed(self) -> None:
        self._view.set_order(self._session.listed)
        self._view.set_current(self._session.tile)

    def _refresh_available(self, _training: object = None) -> None:
        reason = self._busy or availability.why_not_switch_project(self._session)
        self._view.set_switchable(reason)

    def _load_thumbnail(self, name: str) -> None:
        project = self._session.project
        if project is None:
            return

        def done(pixels: U8) -> None:
            if self._session.project is project:
                self._view.set_thumbnail(name, pixels)

        # A tile whose image is missing stays a grey square; showing it says why.
        self._context.thumbnails.run(lambda: project.thumbnail(name), done, lambda _error: None)
