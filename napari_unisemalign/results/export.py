"""Export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from napari_unisemalign.app import availability
from napari_unisemalign.app.command_line import Arguments, as_text
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.failures import failure_lines, list_failures
from napari_unisemalign.app.labels import LabelsController
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.results.contracts import CleaningChoice, ExportSurface
from training_core.base.attempts import Attempts
from training_core.base.i18n import ntr, tr
from training_core.class_maps.clean_up import CleanUp
from training_core.export import FORMATS, export_masks, exported_twice, without_mask
from training_core.export.values import Values
from training_core.project import Project


class ExportController:
    """Writes masks in the background."""

    def __init__(
        self, context: Context, view: ExportSurface, cleanup: CleaningChoice, labels: LabelsController
    ) -> None:
        self._context, self._labels = context, labels
        self._session, self.reporter = context.session, context.reporter
        self._view, self._cleanup = view, cleanup
        self._busy, self._outcome = False, ""
        self._written = self._view.content
        """What the outcome is of."""
        self._view.export_clicked.connect(self.export)
        self._view.browse_clicked.connect(self.browse)
        self._view.content_changed.connect(self._refresh)
        self._view.format_changed.connect(self._refresh)
        self._view.copy_clicked.connect(self.copy)
        session = self._session
        session.project_changed.connect(self._on_project)
        session.states_changed.connect(self._refresh)
        session.training_changed.connect(self._refresh)
        self._refresh()

    @guarded
    def browse(self) -> None:
        """Ask for the folder."""
        chosen = self._context.dialogs.export_folder(self._view.folder or str(Path.home()))
        if chosen is not None:
            self._view.set_folder(str(chosen))

    @guarded
    def copy(self) -> None:
        """Copy the command that exports the same."""
        project = self._session.project
        if project is None:
            return
        content = self._view.content
        if content != "labels" and self._cleanup.is_on and self._cleanup.on_tissue is not None:
            words = tr(
                "Post-processing in µm has no option in a terminal. Type its sizes in pixels to copy the command."
            )
            self.reporter.info(words)
            return
        cleaning = self._cleanup.value if content != "labels" and self._cleanup.is_on else CleanUp()
        arguments = export_arguments(
            project, self._folder(project), self._view.format, content, cleaning, self._values()
        )
        self._view.copy(as_text(arguments))
        self.reporter.info(tr("Copied the command. Paste it into a terminal."))

    def _folder(self, project: Project) -> Path:
        return Path(self._view.folder).expanduser() if self._view.folder else project.path / "export"

    def _values(self) -> Values:
        """As chosen, where the format has values."""
        return self._view.values if FORMATS[self._view.format].is_mask else "ids"

    @guarded
    def export(self) -> None:
        """Save the strokes, then write the masks."""
        project = self._session.project
        if project is None or not self._labels.flush():
            return
        folder = self._folder(project)
        content, file_format, values = self._view.content, self._view.format, self._values()
        attempts, removed = Attempts(), Counter[str]()
        is_cleaned = content != "labels" and self._cleanup.is_on
        cleaning = self._cleanup.value if is_cleaned else CleanUp()
        cleaning_um = self._cleanup.on_tissue if is_cleaned else None
        self._set_busy(True)

        def write() -> int:
            export_masks(
                project,
                folder,
                format=file_format,
                content=content,
                values=values,
                cleaning=cleaning,
                cleaning_um=cleaning_um,
                attempts=attempts,
                removed=removed,
            )
            return len(exported_twice(project, file_format, content))

        self._context.background.run(
            write,
            lambda twice: self._on_written(folder, file_format, attempts, removed, twice, is_cleaned=is_cleaned),
            lambda error: self.reporter.error(error, details="\n".join(failure_lines(attempts.failed))),
            always=lambda: self._set_busy(False),
        )

    def _on_written(
        self,
        folder: Path,
        file_format: str,
        attempts: Attempts,
        removed: Counter[str],
        twice: int,
        *,
        is_cleaned: bool,
    ) -> None:
        there = len(attempts.kept)
        count = len(attempts.done) - there
        words = tr("Wrote {count} masks and the list of classes to {folder}.")
        if is_cleaned:
            words = tr("Wrote {count} post-processed masks and the list of classes to {folder}.")
        if FORMATS[file_format].holds == "objects":
            words = ntr(
                "Wrote {count} file of objects and the list of classes to {folder}.",
                "Wrote {count} files of objects and the list of classes to {folder}.",
                count,
            )
        elif FORMATS[file_format].holds == "overlays":
            words = ntr(
                "Wrote {count} overlay and the list of classes to {folder}.",
                "Wrote {count} overlays and the list of classes to {folder}.",
                count,
            )
        if is_cleaned and not FORMATS[file_format].is_mask:
            words += " " + tr("Predictions are post-processed.")
        sentences = [words.format(count=f"{count:,}", folder=folder)]
        if there:
            same = ntr(
                "{count} was there already and is the same.", "{count} were there already and are the same.", there
            )
            sentences.append(same.format(count=f"{there:,}"))
        if removed:
            lost = ntr(
                "{pixels} px of {count} tile are unannotated: they were predicted as a class that is removed.",
                "{pixels} px of {count} tiles are unannotated: they were predicted as a class that is removed.",
                len(removed),
            )
            sentences.append(lost.format(pixels=f"{removed.total():,}", count=len(removed)))
        self._written = self._view.content
        if twice:
            words = tr("{count} tiles overlap another of their slide; objects there are written once for each.")
            sentences.append(words.format(count=f"{twice:,}"))
        self._outcome = " ".join(filter(None, (*sentences, self._left_out())))
        self._refresh()
        words = ntr(
            "{count} tile could not be exported. Once it is mended, export again:",
            "{count} tiles could not be exported. Once they are mended, export again:",
            len(attempts.failed),
        )
        list_failures(self.reporter, words, attempts.failed)

    def _left_out(self) -> str:
        """How many tiles the export has nothing of, and why, as a sentence; empty where it has something of all."""
        project = self._session.project
        if project is None:
            return ""
        count, total = len(without_mask(project, self._view.content)), len(project.tiles)
        words = {
            "labels": ntr(
                "{count} of {total} tiles is left out: it has no annotation.",
                "{count} of {total} tiles are left out: they have no annotation.",
                count,
            ),
            "predictions": ntr(
                "{count} of {total} tiles is left out: it has no prediction.",
                "{count} of {total} tiles are left out: they have no prediction.",
                count,
            ),
            "merged": ntr(
                "{count} of {total} tiles is left out: it has neither an annotation nor a prediction.",
                "{count} of {total} tiles are left out: they have neither an annotation nor a prediction.",
                count,
            ),
        }[self._view.content]
        return words.format(count=f"{count:,}", total=f"{total:,}") if count else ""

    def _on_project(self, project: Project | None) -> None:
        self._view.set_folder(str(project.path / "export") if project else "")
        self._outcome = ""
        self._refresh()

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        if busy:
            self._outcome = ""
        self._refresh()

    def _refresh(self, _change: object = None) -> None:
        has_values = FORMATS[self._view.format].is_mask
        self._view.set_values_available("" if has_values else tr("Files of this format have no values."))
        if self._busy:
            self._view.set_available(tr("Masks are being written."))
            self._view.set_hint(tr("Writing masks …"))
        else:
            reason = availability.why_not_export(self._session, self._view.content)
            self._view.set_available(reason)
            self._view.set_command(reason)
            outcome = self._outcome if self._view.content == self._written else ""
            self._view.set_hint(reason or outcome or self._left_out())


def export_arguments(
    project: Project, folder: Path, file_format: str, content: str, cleaning: CleanUp, values: Values = "ids"
) -> Arguments:
    """What follows `python -m training_core` to export the same."""
    sizes = {
        "--smooth": cleaning.smooth_px,
        "--fill-holes": cleaning.max_hole_px,
        "--min-object": cleaning.min_object_px,
        "--split": cleaning.split_px,
    }
    options = [part for option, size in sizes.items() if size for part in (option, str(size))]
    if values != "ids":
        options = ["--values", values, *options]
    return ("export", str(project.path), "--format", file_format, "--content", content, "-o", str(folder), *options)
