"""The project, its list of tiles, and the tile on screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import Access
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.last_view import last_view
from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.tiles.contracts import ProjectSurface, TilesSurface
from napari_unisemalign.tiles.project_view import EMPTY
from napari_unisemalign.tiles.recent import recent_projects, remember
from napari_unisemalign.tiles.sharing import Sharing
from napari_unisemalign.tiles.standing import STATE_WORDS, Standing
from napari_unisemalign.tiles.thumbnails import small_image
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.project import Project, TileState
from training_core.project.cloud_copies import cloud_copies, copies_in_words
from training_core.project.index import INDEX_NAME

STATE_ORDER = (
    TileState.ACCEPTED,
    TileState.PARTLY_ACCEPTED,
    TileState.LABELED,
    TileState.PREDICTED,
    TileState.UNLABELED,
)


class TilesController:
    """Opens projects and puts tiles on the screen."""

    def __init__(self, context: Context, view: TilesSurface, project: ProjectSurface, labels: LabelsController) -> None:
        self._context, self._labels = context, labels
        self._session, self.reporter = context.session, context.reporter
        self._view, self._project_view = view, project
        self.sharing = Sharing(context, labels)
        self._states: dict[str, TileState] = {}
        self._validation: tuple[str, ...] = ()
        self._busy = ""
        view, session = self._view, self._session
        project.open_clicked.connect(self.choose_project)
        project.recent_chosen.connect(lambda folder: self.open_recent(Path(folder)))
        view.tile_chosen.connect(self.show)
        view.thumbnail_wanted.connect(self._load_thumbnail)
        view.validation_wanted.connect(self.use_for_validation)
        view.folder_wanted.connect(self.show_in_folder)
        view.remove_wanted.connect(self.remove)
        session.states_changed.connect(self._refresh_states)
        session.label_saved.connect(view.refresh_thumbnail)
        session.overlays_changed.connect(view.refresh_thumbnail)
        session.classes_changed.connect(view.refresh_thumbnails)
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
        if (folder / INDEX_NAME).is_file():
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
        self._context.layers.show_tile(image, label, project.classes, project.tile(name).mpp_um)
        self._labels.watch(name)
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
    def use_for_validation(self, names: Sequence[str], on: bool) -> None:
        """Use annotated tiles for validation, or for training again."""
        if self._session.project is not None:
            self._session.model.use_for_validation(names, on)

    def show_in_folder(self, names: Sequence[str]) -> None:
        """Open the folder of the first of these tiles' images in the system's file manager."""
        project = self._session.project
        if project is not None and names:
            folder = project.image_path(names[0]).parent
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
                self.reporter.info(tr("The image is in {folder}.").format(folder=folder))

    @guarded
    def remove(self, names: Sequence[str]) -> None:
        """Take tiles out of the project, after a question. No image is deleted."""
        project = self._session.project
        reason = tr("Wait until the training has ended: it uses these tiles.") if self._session.training.active else ""
        if project is None or reason:
            self.reporter.info(reason or availability.NO_PROJECT)
            return
        question = ntr(
            "Remove {name} from the project? No image is deleted; its annotations are moved to the folder “removed”.",
            "Remove {count} tiles from the project? No image is deleted; their annotations are moved to the folder "
            "“removed”.",
            len(names),
        )
        words = question.format(name=names[0], count=len(names))
        if not self._context.dialogs.confirm(tr("Remove tiles"), words, tr("Remove")) or not self._labels.flush():
            return
        staying = [name for name in (*self._session.listed, *self._session.tile_names()) if name not in names]
        if staying and self._session.tile in names:
            self.show(staying[0])
        project.remove_tiles(names)
        self._session.undo.clear()  # its steps may be of tiles that are gone
        self.read_tiles_again()

    def read_tiles_again(self) -> None:
        """The project has other tiles than before: list them; what is on screen stays."""
        self._session.project_tiles_changed()
        self._refresh_states()
        self._view.set_tiles(self._session.listed, self._standing_of)
        self._view.set_current(self._session.tile)
        self._session.model.tiles_changed_outside()

    def set_busy(self, text: str) -> None:
        """What is being made, which keeps other projects from being opened; no text: nothing is any more."""
        self._busy = text
        self._refresh_available()
        self._refresh_summary()

    @property
    def busy(self) -> str:
        """What is being made, in words."""
        return self._busy

    def _open(self, path: Path) -> None:
        reason = availability.why_not_switch_project(self._session)
        if reason:
            self.reporter.warning(reason)
            return
        opened = self._admitted(path)
        if opened is None:
            return
        project, access = opened
        self._labels.release()
        self._context.layers.clear()
        self._session.set_project(project)
        self.sharing.opened(project, access)
        self._project_view.set_project(project.name, str(project.path))
        self._view.reset()
        remember(project.path)
        self._refresh_recent()
        self._refresh_states()
        self._view.set_tiles(self._session.tile_names(), self._standing_of)
        if project.migration is not None:
            self.reporter.info(project.migration.message)
        copies = cloud_copies(project.path, self._session.tile_names())
        if copies:
            self.reporter.warning(copies_in_words(copies))
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
            left = last_view(project.path).tile
            self.show(left if left in present else present[0])

    def _admitted(self, path: Path) -> tuple[Project, Access] | None:
        """The project, when all is saved of the one before and nobody who has it open stands against it."""
        folder = path.parent if path.name == INDEX_NAME else path
        access = self.sharing.admit(folder.absolute()) if (folder / INDEX_NAME).is_file() else Access.BESIDE
        if access is None:
            return None
        try:
            project = Project.open(path, read_only=access is Access.READ_ONLY)
            if self._labels.flush():
                return project, access
        except UserError:
            self.sharing.withdraw()
            raise
        self.sharing.withdraw()
        return None

    def _refresh_recent(self) -> None:
        self._project_view.set_recent(*recent_projects())

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
            self._project_view.set_summary(self._busy or EMPTY)
            return
        counts = Counter(self._states.values())
        part = tr("{count} {state}")
        parts = ", ".join(
            part.format(count=counts[state], state=STATE_WORDS[state]) for state in STATE_ORDER if counts[state]
        )
        self._project_view.set_summary(tr("{count} tiles: {parts}").format(count=len(self._states), parts=parts))

    def _on_listed(self) -> None:
        self._view.set_order(self._session.listed)
        self._view.set_current(self._session.tile)

    def _refresh_available(self, _training: object = None) -> None:
        reason = self._busy or availability.why_not_switch_project(self._session)
        self._project_view.set_switchable(reason)
        self._project_view.set_addable(self._busy or availability.why_not_add(self._session))

    def _load_thumbnail(self, name: str) -> None:
        project = self._session.project
        if project is None:
            return

        def done(pixels: U8) -> None:
            if self._session.project is project:
                self._view.set_thumbnail(name, pixels)

        overlays = self._session.overlays(name)
        prediction = overlays.prediction if overlays is not None else None
        # A tile whose image is missing stays a grey square; showing it says why.
        self._context.thumbnails.run(lambda: small_image(project, name, prediction), done, lambda _error: None)
