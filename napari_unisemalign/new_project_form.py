"""Checks the form for a new project while it is filled in: files are read in a thread, and every field has its word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QTimer

from napari_unisemalign.background import Cancelled
from napari_unisemalign.latest import Latest
from napari_unisemalign.widgets.new_project import NewProject, NewProjectDialog, Note
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.io.pixel_size import CREDIBLE_MPP_UM
from training_core.project import TissueClass, make_classes
from training_core.project.classes import classes_of_values, propose_values
from training_core.project.inspect_inputs import FoundImages, FoundMasks, inspect_images, inspect_masks

TYPING_MS = 300
"""So long nothing may be typed before files are looked at."""


class NewProjectForm:
    """The logic of one `NewProjectDialog`."""

    def __init__(self, dialog: NewProjectDialog, images: Sequence[Path] = ()) -> None:
        self.dialog = dialog
        self._images: FoundImages | None = None
        self._masks: FoundMasks | None = None
        self._closed = False
        self._look_at_images = Latest(dialog, lambda error: self._refuse(dialog.images_note, error))
        self._look_at_masks = Latest(dialog, lambda error: self._refuse(dialog.masks_note, error))
        self._images_timer, self._masks_timer = self._timer(self._ask_images), self._timer(self._ask_masks)
        dialog.images_changed.connect(self._on_images)
        dialog.masks_changed.connect(self._on_masks)
        dialog.changed.connect(self.refresh)
        dialog.finished.connect(self._close)
        if images:
            dialog.set_images(images)
        self.refresh()

    @property
    def is_settled(self) -> bool:
        """Whether all that is filled in has been looked at."""
        waiting = self._images_timer.isActive() or self._masks_timer.isActive()
        return not waiting and not self._look_at_images.busy and not self._look_at_masks.busy

    def value(self) -> NewProject:
        """What was filled in; only where the form says that it is ready.

        Raises
        ------
        UserError: it is not.
        """
        dialog, folder = self.dialog, self.dialog.folder()
        assert folder is not None
        classes, values = self._classes()
        mpp_um = self._mpp_um()
        masks = dialog.masks() if self._masks is not None else None
        return NewProject(
            dialog.images(), folder, classes, masks, values if masks else None, mpp_um, dialog.slide_options(mpp_um)
        )

    def refresh(self) -> None:
        """Say what is missing or wrong, field by field."""
        dialog = self.dialog
        reasons = [
            "" if self._images is not None else tr("Choose images that can be read."),
            "" if dialog.masks() is None or self._masks is not None else tr("Choose other masks, or none."),
            self._check(dialog.classes_note, self._classes),
            self._check(dialog.mpp_note, self._mpp_um),
            self._check(dialog.folder_note, self._folder),
        ]
        if not self.is_settled:
            reasons.insert(0, tr("The files are still being looked at."))
        dialog.set_ready(next(filter(None, reasons), ""))

    def _check(self, note: Note, ask: object) -> str:
        """Ask a field for its value; what is wrong with it stands below it, and is returned."""
        assert callable(ask)
        try:
            ask()
        except UserError as error:
            words = in_a_sentence(error)
            note.say(words, is_error=True)
            return words
        note.say("")
        return ""

    def _classes(self) -> tuple[tuple[TissueClass, ...], dict[int, int]]:
        if self._masks is not None:
            return classes_of_values(self.dialog.values_table.values())
        return make_classes(self.dialog.class_names()), {}

    def _mpp_um(self) -> float | None:
        text = self.dialog.mpp_edit.text().strip().replace(",", ".")
        unsized = self._images.unsized if self._images is not None else ()
        if not text and unsized:
            raise UserError(
                tr("The slide {slide} has no pixel size (MPP) in its metadata").format(slide=unsized[0].name),
                tr("its µm per pixel"),
                tr("type it here: usually 0.25 for a 40x scan and 0.5 for 20x"),
            )
        if not text:
            return None
        low, high = CREDIBLE_MPP_UM
        try:
            mpp_um = float(text)
        except ValueError:
            mpp_um = 0.0
        if not low <= mpp_um <= high:
            needed = tr("a number from {low} to {high}").format(low=low, high=high)
            raise UserError(
                tr("The pixel size is “{text}”").format(text=text),
                needed,
                tr("type a number such as 0.5 (20x) or 0.25 (40x), or leave it empty"),
            )
        return mpp_um

    def _folder(self) -> Path:
        folder = self.dialog.folder()
        if folder is None:
            raise UserError(tr("No project folder is named"), tr("a new or empty folder"), tr("name one"))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            given = tr("{folder} is there already and is not empty").format(folder=folder)
            raise UserError(given, tr("a new or empty folder"), tr("choose another name, or open that project"))
        return folder

    # --- files -------------------------------------------------------------------------------------------------------

    def _on_images(self) -> None:
        self._images = None
        self.dialog.images_note.say("")
        self._images_timer.start(TYPING_MS)
        self._on_masks()

    def _on_masks(self) -> None:
        self._masks = None
        self.dialog.masks_note.say("")
        self.dialog.show_masks(False)
        self._masks_timer.start(TYPING_MS)
        self.refresh()

    def _ask_images(self) -> None:
        paths = self.dialog.images()
        if paths:
            self._look_at_images.ask(lambda: inspect_images(paths), self._show_images)
        else:
            self._look_at_images.drop()
        self.refresh()

    def _ask_masks(self) -> None:
        folder, paths = self.dialog.masks(), self.dialog.images()
        if folder is not None and paths:
            self.dialog.masks_note.say(tr("Looking at the masks …"))
            self._look_at_masks.ask(lambda: inspect_masks(folder, paths, self._go_on), self._show_masks)
        else:
            self._look_at_masks.drop()
        self.refresh()

    def _show_images(self, found: FoundImages) -> None:
        self._images = found
        parts = []
        if found.images:
            words = ntr("{count} image", "{count} images", len(found.images))
            parts.append(words.format(count=f"{len(found.images):,}"))
        if found.slides:
            words = ntr("{count} slide, cut into tiles", "{count} slides, cut into tiles", len(found.slides))
            parts.append(words.format(count=f"{len(found.slides):,}"))
        if found.images:
            stated = tr("the files state {mpp} µm per pixel").format(mpp=f"{found.mpp_um:.3g}") if found.mpp_um else ""
            parts.append(stated or tr("the files state no pixel size"))
        self.dialog.images_note.say(", ".join(parts) + ".")
        self.dialog.show_slides(bool(found.slides))
        self.refresh()

    def _show_masks(self, found: FoundMasks) -> None:
        self._masks = found
        words = ntr("{count} image has a mask.", "{count} images have a mask.", found.matched)
        self.dialog.masks_note.say(words.format(count=f"{found.matched:,}") + " " + tr("Name what its values mean:"))
        self.dialog.values_table.set_values(propose_values(found.values, self.dialog.class_names()))
        self.dialog.show_masks(True)
        self.refresh()

    def _refuse(self, note: Note, error: UserError) -> None:
        note.say(in_a_sentence(error), is_error=True)
        self.refresh()

    def _go_on(self, _done: int, _total: int, _text: str) -> None:
        """Called in the thread before every mask."""
        if self._closed:
            raise Cancelled

    def _close(self, _result: int) -> None:
        self._closed = True

    def _timer(self, call: object) -> QTimer:
        assert callable(call)
        timer = QTimer(self.dialog)
        timer.setSingleShot(True)
        timer.timeout.connect(call)
        return timer


def in_a_sentence(error: UserError) -> str:
    """An error beside its field: what is wrong, and what to do."""
    return f"{error.given[:1].upper()}{error.given[1:]}. {error.hint[:1].upper()}{error.hint[1:]}."
