"""Says where no validation tile measures the rounds, or one that comes from a model, and holds tiles out on request."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.results.contracts import HoldOutSurface
from training_core.base.errors import ProjectError
from training_core.base.i18n import ntr, tr
from training_core.project import Project
from training_core.project.cases import case_of, draw_validation

HELD_OUT_SHARE = 0.2
"""Of the annotated tiles, what is offered to be held out for validation."""
NAMES_SHOWN = 3


class HoldOutController:
    """Between the project's validation tiles and the views that show scores."""

    def __init__(self, context: Context, views: Sequence[HoldOutSurface], labels: LabelsController) -> None:
        self._session, self.reporter = context.session, context.reporter
        self._views, self._labels = tuple(views), labels
        for view in self._views:
            view.clicked.connect(self.hold_out)
        session = self._session
        for signal in (session.states_changed, session.training_changed, session.project_changed):
            signal.connect(self._refresh)
        self._was_active: bool | None = None
        self._refresh()

    @guarded
    def hold_out(self) -> None:
        """Draw annotated tiles for validation, whole cases only."""
        project = self._session.project
        if project is not None and not self._session.training.active and self._labels.flush():
            drawn = self._drawn(project)
            self._session.model.set_val([*project.index.val, *drawn])
            words = tr("Held out for validation: {names}. The next training is measured.")
            self.reporter.info(words.format(names=", ".join(drawn)))

    def _refresh(self, change: object = None) -> None:
        active = self._session.training.active
        if change is self._session.training and active and self._was_active:
            return  # a training says something many times a second
        self._was_active = active
        text, offer, tip = self._judged()
        for view in self._views:
            view.set_unmeasured(text, offer, tip)

    def _judged(self) -> tuple[str, str, str]:
        """What is said, what the button offers, and the names of all that is spoken of."""
        project = self._session.project
        if project is None or self._session.training.active:
            return "", "", ""
        val = project.val_names()
        accepted = [name for name in val if project.is_accepted(name)]
        if accepted:
            words = ntr(
                "The label of the validation tile {names} was accepted from a prediction, so its Dice is too high.",
                "The labels of the validation tiles {names} were accepted from a prediction, so their Dice is too "
                "high.",
                len(accepted),
            )
            return words.format(names=_listed(accepted)), "", ", ".join(accepted)
        if val or not project.labeled_names():
            return "", "", ""
        drawn = self._drawn(project)
        words = ntr("Hold out {count} of {total} tiles", "Hold out {count} of {total} tiles", len(drawn))
        offer = words.format(count=len(drawn), total=len(project.labeled_names())) if drawn else ""
        return (
            tr("No annotated tile is held out for validation, so that no Dice says how good a round is."),
            offer,
            ", ".join(drawn),
        )

    def _drawn(self, project: Project) -> tuple[str, ...]:
        """The annotated tiles that would be held out; none where too few would be left to learn from."""
        names = project.labeled_names()
        known = {name: case for name in names if (case := case_of(project.tile(name))) is not None}
        try:
            drawn = draw_validation(names, known, HELD_OUT_SHARE)
        except ProjectError:  # all of one case
            return ()
        least = self._session.settings.get("data.min_labeled_tiles", availability.MIN_LABELED_TILES)
        return drawn if len(names) - len(drawn) >= least else ()


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - NAMES_SHOWN
    more = [tr("{count} more").format(count=rest)] if rest > 0 else []
    return ", ".join([*names[:NAMES_SHOWN], *more])
