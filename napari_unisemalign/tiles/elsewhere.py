"""What another window or a command changes in the open project shows here within seconds."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QTimer

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.tiles.tiles import TilesController
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.project import Project
from training_core.project.index import Index
from training_core.project.presence import Opener

EVERY_MS = 2000


@dataclass(frozen=True)
class _Seen:
    """A project as it was looked at."""

    project: Project
    changes: int
    index: Index
    others: tuple[Opener, ...] = ()


class ElsewhereController:
    """Looks at project.json in a thread, and follows what others have changed in it."""

    def __init__(self, context: Context, tiles: TilesController, labels: LabelsController) -> None:
        self._context, self._tiles, self._labels = context, tiles, labels
        self._session, self.reporter = context.session, context.reporter
        self._seen: _Seen | None = None
        self._timer = QTimer(context.owner)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)
        self._session.project_changed.connect(self._on_project)

    def look(self) -> None:
        """Look now, and again later."""
        project = self._session.project
        if project is None:
            return
        self._context.thumbnails.run(
            lambda: _Seen(project, project.changes_elsewhere, project.index, self._tiles.sharing.look()),
            self._follow,
            self._unreadable,
            always=lambda: self._timer.start(EVERY_MS),
        )

    def _on_project(self, project: Project | None) -> None:
        self._seen = None
        self._timer.stop()
        if project is not None:
            self._seen = _Seen(project, project.changes_elsewhere, project.index)
            self._timer.start(EVERY_MS)

    def _unreadable(self, _error: UserError) -> None:
        """Whoever reads or saves next says it."""

    def _follow(self, now: _Seen) -> None:
        before, self._seen = self._seen, now
        if now.project is self._session.project:
            self._tiles.sharing.follow(now.others)
        if before is None or now.project is not self._session.project or now.changes == before.changes:
            return
        tile = self._session.tile
        if now.index.tiles != before.index.tiles:
            remaining = self._session.tile_names()
            if tile is not None and tile not in remaining:
                self._tiles.show(remaining[0])
            self._tiles.read_tiles_again()
        if now.index.classes != before.index.classes:
            self._follow_classes(before.index, now.index)
        if self._session.tile == tile and tile not in self._labels.unsaved_names():
            self._labels.read_again()
        else:
            self._labels.save_soon()  # what others did comes with it
            self._session.model.labels_changed_outside(None)

    def _follow_classes(self, before: Index, now: Index) -> None:
        self._session.model.classes_changed_outside()
        ids = [each.id for each in now.classes]
        if self._session.class_id not in ids:
            self._session.set_class(ids[0])
        gone = ", ".join(each.name for each in before.classes if each.id not in ids)
        words = tr("Another window or command removed the class {names}.")
        if not gone:
            words = tr("Another window or command changed the classes: {names}.")
        self.reporter.warning(words.format(names=gone or ", ".join(each.name for each in now.classes)))
