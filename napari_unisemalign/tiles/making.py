"""Makes projects in the background, and adds images to the one that is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_unisemalign.app import availability
from napari_unisemalign.app.background import Cancelled, run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import ImportChoice
from napari_unisemalign.app.failures import failure_lines, list_failures
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.user_folders import sample_folder
from napari_unisemalign.tiles.contracts import MakingSurface
from napari_unisemalign.tiles.imported_words import imported_words
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.attempts import Attempts, Failure
from training_core.base.i18n import ntr, tr
from training_core.demo import make_demo
from training_core.io.drawings import DrawnImage
from training_core.project import Project
from training_core.project.additions import Added, add_files
from training_core.project.drawing_labels import ImportedDrawings, import_drawings
from training_core.project.drawings import Drawings, look_at_drawn, read_files
from training_core.project.drawn_classes import Meaning, class_of_rest


class MakingController:
    """One thing at a time is made; it can be cancelled."""

    def __init__(self, context: Context, view: MakingSurface, tiles: TilesController, labels: LabelsController) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view, self._tiles, self._labels = view, tiles, labels
        self._cancelled = False
        self._words_when_cancelled = ""
        """What is left when it was cancelled, once it was."""
        view.new_clicked.connect(lambda: self.make_project())
        view.add_clicked.connect(lambda: self.add_images())
        view.import_clicked.connect(self.choose_annotations)
        view.import_folder_clicked.connect(self.choose_annotation_folder)
        view.sizes_clicked.connect(lambda names: self.correct_pixel_sizes(names))
        view.cancel_clicked.connect(self.cancel)
        view.sample_clicked.connect(self.open_sample)

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
                attempts=attempts,
                progress=self._tell_progress,
                **asked.options(),
            ),
            lambda project: self._open(project, attempts.failed),
            attempts,
        )

    @guarded
    def add_images(self, images: Sequence[Path] = ()) -> None:
        """Ask what is added to the open project, `images` filled in; add it in the background."""
        project = self._session.project
        reason = self._tiles.busy or availability.why_not_add(self._session)
        if project is None or reason:
            self.reporter.warning(reason)
            return
        asked = self._context.dialogs.add_images(project, images)
        if asked is None or not self._labels.flush():  # a label must not be written over strokes that wait
            return
        attempts = Attempts()
        self._make(
            tr("Adding images"),
            lambda: add_files(
                project, asked.images, attempts=attempts, progress=self._tell_progress, **asked.options()
            ),
            lambda added: self._show_added(project, added, attempts.failed),
            attempts,
            tr("Cancelled: nothing was added."),
        )

    @guarded
    def choose_annotations(self) -> None:
        """Ask for files of annotations, and import them."""
        chosen = self._context.dialogs.annotation_files(str(Path.home()))
        if chosen:
            self.import_drawings(chosen)

    @guarded
    def choose_annotation_folder(self) -> None:
        """Ask for a folder of annotations, and import what lies in it."""
        chosen = self._context.dialogs.annotation_folder(str(Path.home()))
        if chosen is not None:
            self.import_drawings((chosen,))

    @guarded
    def import_drawings(self, paths: Sequence[Path]) -> None:
        """Take over annotations that were drawn in other programs, once it is said what their classes are."""
        project = self._session.project
        reason = self._tiles.busy or availability.why_not_add(self._session)
        if project is None or reason:
            self.reporter.warning(reason)
            return
        attempts = Attempts()
        self._make(
            tr("Reading annotations"),
            lambda: read_files(paths, attempts),
            lambda drawn: self._ask_classes(project, drawn, attempts),
            attempts,
            tr("Cancelled: nothing was imported."),
        )

    def _ask_classes(self, project: Project, drawn: Sequence[DrawnImage], attempts: Attempts) -> None:
        found = Meaning(project.classes).found(area for each in drawn for area in each.areas)
        asked = self._context.dialogs.import_classes(found, project.classes) if found else ImportChoice()
        if asked is not None and self._session.project is project and self._labels.flush():
            self._bring(project, drawn, asked, attempts)

    def _bring(self, project: Project, drawn: Sequence[DrawnImage], asked: ImportChoice, attempts: Attempts) -> None:
        meaning = Meaning(project.classes, asked.given, asked.unclassified)

        def bring() -> tuple[Drawings, ImportedDrawings]:
            drawings = look_at_drawn(project, drawn, meaning, add_classes=True, attempts=attempts)
            rest = class_of_rest(project.classes) if drawings.complete else None
            if self._cancelled:
                raise Cancelled
            return drawings, import_drawings(project, drawings, rest, replace=asked.replace)

        self._make(
            tr("Importing annotations"),
            bring,
            lambda done: self._show_imported(project, done[0], done[1], attempts.failed),
            attempts,
            tr("Cancelled: nothing was imported."),
        )

    @guarded
    def correct_pixel_sizes(self, names: Sequence[str] = ()) -> None:
        """Show the pixel sizes of the open project, those of `names` chosen, to be corrected."""
        project = self._session.project
        if project is not None and self._context.dialogs.pixel_sizes(project, names):
            self._session.model.tiles_changed_outside()

    def open_sample(self, folder: Path | None = None) -> None:
        """Open the sample project; it is made the first time."""
        path = folder or sample_folder()
        if (path / "project.json").exists():
            self._tiles.open_project(path)
            return
        self._make(
            tr("Making the sample project"),
            lambda: make_demo(path, progress=self._tell_progress),
            lambda project: self._open(project, ()),
        )

    def make_sample_now(self, folder: Path) -> None:
        """Make the sample project before returning; the panel tells how far it is, and takes no clicks.

        Raises
        ------
        UserError: it could not be made.
        """
        self._tiles.set_busy(tr("Making the sample project …"))
        try:
            run_while_painting(lambda: make_demo(folder, progress=self._tell_progress))
        finally:
            self._tiles.set_busy("")

    def cancel(self) -> None:
        """Make it not after all; nothing of it is left."""
        self._cancelled = True
        self._view.set_cancellable(False)

    def _make(
        self,
        what: str,
        make: Callable[[], Any],
        done: Callable[[Any], None],
        attempts: Attempts | None = None,
        cancelled: str = tr("Cancelled: no project was made, and nothing is left of it."),
    ) -> None:
        failed = attempts.failed if attempts is not None else []

        def always() -> None:
            self._tiles.set_busy("")
            self._view.set_cancellable(False)
            if self._words_when_cancelled:
                self.reporter.info(self._words_when_cancelled)

        def made() -> Any:
            try:
                return make()
            except Cancelled:
                self._words_when_cancelled = cancelled
                raise

        self._cancelled, self._words_when_cancelled = False, ""
        self._tiles.set_busy(f"{what} …")
        self._view.set_cancellable(True)
        self._context.background.run(
            made,
            done,
            lambda error: self.reporter.error(error, details="\n".join(failure_lines(failed))),
            always=always,
        )

    def _open(self, project: Project, failed: Sequence[Failure]) -> None:
        self._tiles.open_project(project.path)
        words = ntr(
            "{count} file could not be used; the project was made of the others:",
            "{count} files could not be used; the project was made of the others:",
            len(failed),
        )
        list_failures(self.reporter, words, failed)

    def _show_added(self, project: Project, added: Added, failed: Sequence[Failure]) -> None:
        if self._session.project is project:
            if self._session.tile in added.labels:
                self._labels.read_again()
            self._tiles.read_tiles_again()
        self.reporter.info(" ".join(_added_words(added)))
        words = ntr(
            "{count} file could not be used; the others are in the project:",
            "{count} files could not be used; the others are in the project:",
            len(failed),
        )
        list_failures(self.reporter, words, failed)

    def _show_imported(
        self, project: Project, drawings: Drawings, imported: ImportedDrawings, failed: Sequence[Failure]
    ) -> None:
        if self._session.project is project:
            if self._session.tile in imported.labelled:
                self._labels.read_again()
            self._tiles.read_tiles_again()
        self.reporter.info(" ".join(imported_words(drawings, imported)))
        words = ntr(
            "{count} file could not be used; the annotations of the others are imported:",
            "{count} files could not be used; the annotations of the others are imported:",
            len(failed),
        )
        list_failures(self.reporter, words, failed)

    def _tell_progress(self, done: int, total: int, text: str) -> None:
        """Called in the background thread, before every tile."""
        if self._cancelled:
            raise Cancelled
        words = tr("{done} of {total}: {text} …").format(done=done, total=total, text=text)
        self._context.background.post(lambda: self._tiles.set_busy(words) if self._tiles.busy else None)


def _added_words(added: Added) -> list[str]:
    counts = (
        (added.tiles, ntr("{count} image was added.", "{count} images were added.", len(added.tiles))),
        (
            added.labels,
            ntr(
                "{count} tile that was there got annotations from its mask.",
                "{count} tiles that were there got annotations from their masks.",
                len(added.labels),
            ),
        ),
        (
            added.already,
            ntr(
                "{count} was in the project already and stays as it is.",
                "{count} were in the project already and stay as they are.",
                len(added.already),
            ),
        ),
    )
    said = [words.format(count=f"{len(names):,}") for names, words in counts if names]
    return said or [tr("Nothing was added.")]
