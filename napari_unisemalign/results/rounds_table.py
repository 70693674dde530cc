"""Shows the rounds as soon as they are known, and measures their predictions when it is asked to, in a thread."""

from __future__ import annotations

from napari_unisemalign.app import availability
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.results.contracts import RoundsSurface
from napari_unisemalign.results.rounds import NOT_MEASURED, RoundAreas, as_csv, read_rounds
from training_core.base.i18n import ntr, tr
from training_core.io import atomic_write
from training_core.project import Project


class RoundsController:
    """Between the table, the rounds that the session knows, and their predictions."""

    def __init__(self, context: Context, view: RoundsSurface) -> None:
        self._context, self._session, self.reporter = context, context.session, context.reporter
        self._view = view
        self._areas = NOT_MEASURED
        self._busy = False
        view.wanted.connect(self.measure)
        view.save_clicked.connect(self.save)
        session = self._session
        session.past_changed.connect(self._on_rounds)
        session.project_changed.connect(self._on_rounds)
        session.classes_changed.connect(self._show)
        self._on_rounds()

    @guarded
    def measure(self) -> None:
        """Measure the predictions of every round."""
        project, rounds = self._session.project, self._session.past
        if project is None or not rounds or self._busy:
            return
        self._busy = True
        self._view.set_available(tr("The predictions are being measured."))

        def is_wanted() -> bool:
            return self._session.project is project and self._session.past is rounds

        def done(areas: RoundAreas) -> None:
            if is_wanted():
                self._areas = areas
                self._show()

        run_ids = [each.run_id for each in rounds]
        self._context.background.run(
            lambda: read_rounds(project, run_ids, is_wanted), done, self.reporter.error, always=self._free
        )

    @guarded
    def save(self) -> None:
        """Write the table."""
        project = self._session.project
        if project is None:
            return
        path = self._context.dialogs.table_file(str(project.path / "rounds.csv"))
        if path is not None:
            atomic_write(path, as_csv(self._session.past, self._areas, project.classes).encode())
            self.reporter.info(tr("Saved the rounds to {path}.").format(path=path))

    def _on_rounds(self, _change: object = None) -> None:
        self._areas = NOT_MEASURED
        self._show()
        self._free()

    def _show(self, _change: object = None) -> None:
        project, rounds = self._session.project, self._session.past
        self._view.set_rounds(rounds, self._areas, self._session.classes(), self._words(project))

    def _free(self) -> None:
        self._busy = False
        self._view.set_available("" if self._session.project is not None else availability.NO_PROJECT)

    def _words(self, project: Project | None) -> str:
        """What the numbers are of, and what they leave out."""
        if project is None:
            return ""
        rounds, areas = self._session.past, self._areas
        if not rounds:
            return tr("The rounds appear here when a training has ended.")
        said = []
        known = {each.run_id for each in rounds}
        gone = [str(each.number) for each in project.rounds() if each.run_id not in known]
        if gone:
            words = ntr(
                "Round {numbers} is left out: its folder is gone.",
                "Rounds {numbers} are left out: their folders are gone.",
                len(gone),
            )
            said.append(words.format(numbers=", ".join(gone)))
        if areas is not NOT_MEASURED:
            said += self._measured_words(areas)
        return " ".join(said)

    @staticmethod
    def _measured_words(areas: RoundAreas) -> list[str]:
        count = len(areas.tiles)
        if not count:
            return [tr("No tile has a prediction by every round, so that nothing can be compared.")]
        words = ntr("Predictions of {count} tile.", "Predictions of the same {count} tiles in every round.", count)
        said = [words.format(count=f"{count:,}")]
        if areas.left_out:
            words = ntr(
                "{count} tile is left out: not every round predicted it.",
                "{count} tiles are left out: not every round predicted them.",
                areas.left_out,
            )
            said.append(words.format(count=f"{areas.left_out:,}"))
        if areas.failed:
            said.append(tr("Could not be read: {tiles}.").format(tiles=", ".join(areas.failed)))
        first = next(iter(areas.by_run.values()), ())
        unsized = sum(each.mpp_um is None for each in first)
        if unsized:
            words = ntr(
                "{count} tile has no pixel size (MPP), so there is no area in µm².",
                "{count} tiles have no pixel size (MPP), so there is no area in µm².",
                unsized,
            )
            said.append(words.format(count=unsized))
        return said
