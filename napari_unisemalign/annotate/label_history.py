"""Earlier versions of the annotations of the tile on screen: shown, and restored as a step that can be undone."""

from __future__ import annotations

from datetime import datetime

from napari_unisemalign.annotate.undo import UndoController
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import run_while_painting
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.session import Session
from training_core.base.i18n import ntr, tr
from training_core.class_maps.label_picture import change_picture
from training_core.project import LabelSource
from training_core.project.label_versions import LabelVersion

_PICTURE_PX = 316
_SOURCES = {
    LabelSource.PAINTED: tr("painted"),
    LabelSource.CORRECTED: tr("corrected"),
    LabelSource.IMPORTED: tr("imported"),
    LabelSource.ACCEPTED_PREDICTION: tr("prediction accepted"),
    LabelSource.ACCEPTED_PSEUDO_LABEL: tr("pseudo-label accepted"),
    LabelSource.UNDONE: tr("undone, redone or restored"),
    LabelSource.CLASS_REMOVED: tr("a class removed"),
}


class LabelHistoryController:
    """Answers the action."""

    def __init__(self, context: Context, labels: LabelsController, undo: UndoController) -> None:
        self._context, self._labels, self._undo = context, labels, undo
        self._session, self.reporter = context.session, context.reporter

    @guarded
    def show(self) -> None:
        """Ask for a version, and restore it."""
        project, name = self._session.project, self._session.tile
        if project is None or name is None or not self._labels.flush():
            return
        versions = run_while_painting(lambda: project.label_versions(name))
        if not versions:
            self.reporter.info(tr("The annotations of {tile} have no earlier versions.").format(tile=name))
            return
        image, now, classes = self._context.pictures.get(project, name), project.label(name), project.classes

        def picture(place: int) -> U8:
            then = project.label_version(name, versions[place].number).label
            return change_picture(image, now, then, classes, _PICTURE_PX)

        words = [_in_words(each) for each in versions]
        why_not = availability.why_not_change(self._session)
        place = self._context.dialogs.label_history(name, words, picture, why_not)
        if place is not None and not why_not and self._session.tile == name:
            self._restore(name, versions[place])

    def _restore(self, name: str, version: LabelVersion) -> None:
        project = self._session.project
        assert project is not None
        back = project.label_version(name, version.number)
        partly = version.accepted and project.is_partly_accepted(name)
        self._undo.put_back(back.label, version.accepted, partly, tr("a restored version"))
        if back.without_class:
            words = ntr(
                "{count} pixel was of a class that the project no longer has, and is unannotated now.",
                "{count} pixels were of classes that the project no longer has, and are unannotated now.",
                back.without_class,
            )
            self.reporter.warning(words.format(count=f"{back.without_class:,}"))


def why_no_history(session: Session) -> str:
    """There is a history of a tile on the screen."""
    return "" if session.project is not None and session.tile is not None else availability.NO_PROJECT


def _in_words(version: LabelVersion) -> str:
    if version.path is None:
        return tr("Before anything was annotated")
    moment = tr("at an unknown time")
    if version.at is not None:
        moment = f"{datetime.fromisoformat(version.at).astimezone():%Y-%m-%d %H:%M:%S}"
    if version.conflict is not None:
        words = tr("{moment}: changed elsewhere at the same time ({name})")
        return words.format(moment=moment, name=version.conflict)
    if version.edit is None:
        return moment
    words = ntr("{moment}: {source}, {count} pixel", "{moment}: {source}, {count} pixels", version.edit.labeled_pixels)
    source, count = _SOURCES[version.edit.source], f"{version.edit.labeled_pixels:,}"
    return words.format(moment=moment, source=source, count=count)
