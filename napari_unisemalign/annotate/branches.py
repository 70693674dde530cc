"""One part of the fused logits over the tile on screen, found out by a process when somebody wants to see it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QProcess

from napari_unisemalign.annotate.branch_files import TileParts, agreement_in_words
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import OverlaysSurface
from napari_unisemalign.app import availability
from napari_unisemalign.app.background import Background
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.layer_values import PART, PREDICTION, PSEUDO_LABEL, ROLE_KEY, U8
from napari_unisemalign.app.notify import guarded
from napari_unisemalign.app.process import STDERR_KEPT_CHARS, child_environment
from training_core.base.errors import EXIT_USER_ERROR, UserError
from training_core.base.i18n import tr
from training_core.class_maps.tile_result import Branch

LAST_WAIT_MS = 3000


class PartsController:
    """Shows what one part says as long as its switch is on. One process at a time; what it finds is kept."""

    def __init__(self, context: Context, view: OverlaysSurface, overlays: OverlaysController) -> None:
        self._overlays = overlays
        self._session, self._layers, self.reporter = context.session, context.layers, context.reporter
        self._view = view
        self._background = Background(context.owner)
        self._process = QProcess(context.owner)
        self._process.setProcessEnvironment(child_environment())
        self._process.finished.connect(self._on_finished)
        self._process.errorOccurred.connect(self._on_error)
        self._making: TileParts | None = None
        self._failed: TileParts | None = None
        """Not tried again before the user asks again."""
        self._shown: tuple[TileParts, Branch] | None = None
        self._set_aside: tuple[str, ...] = ()
        """Overlays that gave way to the part, and come back after it."""
        session = self._session
        self._view.part_changed.connect(self._ask_again)
        self._view.visible_changed.connect(self._on_switch)
        session.tile_changed.connect(self._ask_again)
        for signal in (session.project_changed, session.overlays_changed, session.training_changed):
            signal.connect(self._refresh)
        context.connections.listen(context.viewer.layers.events.inserted, self._on_layer)

    def stop(self) -> None:
        """End the process, which has nothing to lose."""
        self._making = None  # its end is not to be told of
        self._process.kill()
        self._process.waitForFinished(LAST_WAIT_MS)

    def _on_layer(self, event: Any) -> None:
        if event.value.metadata.get(ROLE_KEY) == PART:
            event.value.events.visible.connect(self._ask_again)
            self._shown = None

    def _on_switch(self, role: str, on: bool) -> None:
        """The part is seen alone: two veils of the same colors over each other could not be told apart."""
        if role != PART:
            return
        layers = {each: self._layers.get(each) for each in (PREDICTION, PSEUDO_LABEL)}
        if on:
            self._set_aside = tuple(each for each, layer in layers.items() if layer is not None and layer.visible)
        for each in self._set_aside:
            layer = layers[each]
            if layer is not None:
                layer.visible = not on
        if not on:
            self._set_aside = ()

    def _ask_again(self, _change: object = None) -> None:
        self._failed = None
        self._refresh()

    @guarded
    def _refresh(self, _change: object = None) -> None:
        """Show what is asked for where it is known, else find it out, or say why that is not possible."""
        layer = self._layers.get(PART)
        if layer is None or not layer.visible:
            self._clear("")
            return
        reason = availability.why_no_parts(self._session)
        parts = None if reason else self._parts()
        if parts is None:
            self._clear(reason)
        elif parts.is_there:
            self._read(parts, self._view.part)
        elif parts != self._failed:
            self._clear(tr("Asking the trained network, which takes some seconds …"))
            self._make(parts)

    def _parts(self) -> TileParts | None:
        project, name = self._session.project, self._session.tile
        overlays = None if name is None else self._session.overlays(name)
        if project is None or name is None or overlays is None:
            return None
        return TileParts(project, name, overlays.run_id)

    def _clear(self, words: str) -> None:
        self._shown = None
        self._layers.clear_overlay(PART)
        self._view.set_part_words(words)

    # --- known already ------------------------------------------------------------------------------------------------

    def _read(self, parts: TileParts, part: Branch) -> None:
        if self._shown == (parts, part):
            return
        if self._shown is None or self._shown[0] != parts:
            self._clear("")  # the former tile's
        self._shown = parts, part

        def done(ids: U8 | None) -> None:
            if self._shown == (parts, part):
                self._show(part, ids)

        self._background.run(lambda: parts.read(part), done, self._give_up)

    def _show(self, part: Branch, ids: U8 | None) -> None:
        if ids is None:
            self._layers.clear_overlay(PART)
            words = {
                Branch.PROTOTYPES: tr("This round was trained without prototypes: they say nothing."),
                Branch.TEXT: tr("This round was trained without text prompts: they say nothing."),
            }
            self._view.set_part_words(words.get(part, ""))
            return
        self._layers.show_overlay(PART, ids, self._session.classes())
        tile = self._session.tile
        prediction = None if tile is None else self._overlays.shown_prediction(tile)
        self._view.set_part_words(agreement_in_words(part, ids, prediction))

    def _give_up(self, error: UserError) -> None:
        self._clear(tr("The result of this branch cannot be read."))
        self.reporter.error(error)

    # --- to be found out ----------------------------------------------------------------------------------------------

    def _make(self, parts: TileParts) -> None:
        """Start the process; where one runs, the next `_refresh` starts another when it has ended."""
        if self._making is None:
            command = parts.command()
            self._making = parts
            self._process.start(command[0], command[1:])

    def _on_finished(self, exit_code: int, _status: object = None) -> None:
        told = bytes(self._process.readAllStandardError().data()).decode("utf-8", errors="replace")
        words = told.rpartition("error: ")[2].strip() if exit_code == EXIT_USER_ERROR else ""
        self._end(exit_code != 0, told[-STDERR_KEPT_CHARS:], words)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._end(True, self._process.errorString())

    @guarded
    def _end(self, failed: bool, details: str, words: str = "") -> None:
        made, self._making = self._making, None
        if made is None:
            return
        if failed:
            self._failed = made
            if made == self._parts():
                self._clear(tr("The trained network could not be asked."))
            words = words or tr("The trained network could not be asked. If that happens again, send us the details.")
            self.reporter.error(words, details)
        self._refresh()
