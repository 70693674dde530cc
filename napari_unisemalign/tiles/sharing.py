"""Others who have the project open: who they are is said on opening, and one window can take it over from another."""

from __future__ import annotations

from pathlib import Path

from napari_unisemalign.app.context import Context
from napari_unisemalign.app.dialogs import Access
from napari_unisemalign.app.labels import LabelsController
from training_core.base.i18n import ntr, tr
from training_core.project import Project
from training_core.project.presence import Opener, Presence


class Sharing:
    """Lets a project in, beside others who have it open, and leaves it to who takes it over."""

    def __init__(self, context: Context, labels: LabelsController) -> None:
        self._session, self._layers = context.session, context.layers
        self._context, self._labels = context, labels
        self._presence: Presence | None = None
        self._coming: Presence | None = None
        self._known: frozenset[str] = frozenset()
        """Keys of the others who were told of."""
        self._session.project_changed.connect(self._on_project)

    def admit(self, folder: Path) -> Access | None:
        """How the project in a folder is to be opened; None: not at all. Call `opened` or `withdraw` next."""
        self._coming = Presence(folder, "window")
        others = self._coming.others()
        if self._presence is not None:  # the same project once more in this window
            others = tuple(each for each in others if each.key != self._presence.me.key)
        self._known = frozenset(each.key for each in others)
        windows = tuple(each for each in others if each.kind == "window")
        access: Access | None = Access.BESIDE
        if windows:
            access = self._context.dialogs.open_beside(tuple(each.in_words() for each in windows))
        if access is None:
            self.withdraw()
        elif access is Access.TAKE_OVER:
            self._coming.take_over(windows)
        self._tell([each for each in others if each.kind == "training"])
        return access

    def withdraw(self) -> None:
        """The project that was about to be opened is not."""
        if self._coming is not None:
            self._coming.leave()
            self._coming = None

    def opened(self, project: Project, access: Access) -> None:
        """It is open; call this before its first tile is shown."""
        self.leave()
        self._presence, self._coming = self._coming, None
        self._layers.set_read_only(project.read_only)
        if access is Access.TAKE_OVER:
            words = tr(
                "The other window leaves the project to this one within seconds, or when its training has ended."
            )
            self._context.reporter.info(words)

    def look(self) -> tuple[Opener, ...]:
        """Who else has the project open; to be called in a thread."""
        presence = self._presence
        return () if presence is None else presence.others()

    def follow(self, others: tuple[Opener, ...]) -> None:
        """Say who has come, and leave the project to who has asked for it."""
        project, presence = self._session.project, self._presence
        if project is None or presence is None:
            return
        taker = presence.taken_over_by(others)
        if taker is not None and not project.read_only and not self._session.training.active:
            self._give_up(project, taker)
        self._tell([each for each in others if each.key not in self._known and each is not taker])
        self._known = frozenset(each.key for each in others)

    def leave(self) -> None:
        """The project is not open here any more."""
        if self._presence is not None:
            self._presence.leave()
            self._presence = None

    stop = leave
    """For closing."""

    def _give_up(self, project: Project, taker: Opener) -> None:
        if not self._labels.flush():
            return  # what cannot be saved stays changeable; it is asked again
        project.read_only = True
        self._layers.set_read_only(True)
        self._session.undo.clear()
        self._session.model.access_changed()
        words = tr("{who} has taken over the project. Here it can only be looked at; open it again to change it.")
        self._context.reporter.warning(words.format(who=taker.in_words()))

    def _tell(self, others: list[Opener]) -> None:
        if not others:
            return
        words = ntr(
            "The project is open elsewhere too: {who}. Strokes of both are kept.",
            "The project is open elsewhere too: {who}. Strokes of all are kept.",
            len(others),
        )
        self._context.reporter.info(words.format(who="; ".join(each.in_words() for each in others)))

    def _on_project(self, project: Project | None) -> None:
        if project is None:
            self.leave()
            self._layers.set_read_only(False)
