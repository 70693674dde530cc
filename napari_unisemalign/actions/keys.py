"""Binds the actions' keys in the window, and shows the sheet on which they are listed and changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari.settings import get_settings
from napari.utils.action_manager import action_manager

from napari_unisemalign.actions.catalogue import ACTIONS, BY_ID, PAINTING_KEYS, Menu, paint_action_id
from napari_unisemalign.actions.contracts import KeysSheetSurface, WindowKeysSurface
from napari_unisemalign.actions.keys_view import KeyRow
from napari_unisemalign.actions.shortcuts import Shortcuts, canonical, shown
from napari_unisemalign.app.context import Context
from napari_unisemalign.app.notify import in_lines
from training_core.base.errors import UserError
from training_core.base.i18n import tr

NAPARI_ACTIONS = (
    "napari:hold_for_pan_zoom",
    "napari:activate_labels_paint_mode",
    "napari:activate_labels_erase_mode",
    "napari:activate_labels_fill_mode",
    "napari:activate_labels_polygon_mode",
    "napari:decrease_brush_size",
    "napari:increase_brush_size",
    "napari:reset_view",
    "napari:toggle_selected_visibility",
)
"""What somebody who paints needs of napari's own keys."""


GROUPS = {
    Menu.PROJECT: tr("Project and window"),
    Menu.PAINT: tr("Tiles and painting"),
    Menu.NONE: tr("Tiles and painting"),
    Menu.TRAIN: tr("Training"),
    Menu.REVIEW: tr("Review"),
}
"""The headings of the sheet, by the menus in which the actions stand."""


class KeysController:
    """The keys as they are set, the sheet that shows them, and where they are dead because a menu has them too."""

    def __init__(
        self,
        context: Context,
        window_keys: WindowKeysSurface,
        make_sheet: Callable[[], KeysSheetSurface],
        tell: Callable[[Sequence[str]], None],
    ) -> None:
        """make_sheet: makes another sheet, out of sight. tell: takes the keys of the classes."""
        self._reporter, self._tell = context.reporter, tell
        self._window_keys, self._make_sheet = window_keys, make_sheet
        self._dialog: KeysSheetSurface | None = None
        self._shortcuts = Shortcuts()
        self._keys, problems = self._shortcuts.keys()
        self._tell_classes()
        self._shortcuts.on_change(self._on_changed)
        self._window_keys.set_keys(self._keys)
        if problems:
            self._reporter.warning("\n".join(problems))

    def on_docked(self) -> None:
        """The panel is in its window by now: listen there, and say which keys its menus have."""
        self._window_keys.bind()
        problems = self._clashes()
        if problems:
            self._reporter.warning("\n".join(problems))

    def close(self) -> None:
        """Listen to no key any more."""
        self._window_keys.close()
        self._shortcuts.forget()
        if self._dialog is not None:
            self._dialog.close()

    def show(self) -> None:
        """Show the sheet of keys."""
        if self._dialog is None:
            dialog = self._make_sheet()
            dialog.key_wanted.connect(self._assign)
            dialog.reset_wanted.connect(self._reset)
            dialog.destroyed.connect(self._on_closed)
            self._dialog = dialog
            self._fill()
        self._dialog.present()

    @property
    def dialog(self) -> KeysSheetSurface | None:
        """The sheet, while it is open."""
        return self._dialog

    def _on_closed(self, _object: object = None) -> None:
        self._dialog = None

    def _assign(self, action_id: str, key: str) -> None:
        self._change(
            lambda: self._shortcuts.assign(action_id, key, self._window_keys.menu_keys()), tr("The key is changed.")
        )

    def _reset(self) -> None:
        self._change(self._shortcuts.reset, tr("Every command has its default key."))

    def _change(self, change: Callable[[], None], done: str) -> None:
        assert self._dialog is not None
        try:
            change()
        except UserError as error:
            self._dialog.say(in_lines(error))
        else:
            self._dialog.say(done)

    def _on_changed(self) -> None:
        """Changed on the sheet, in napari's preferences, or in another window."""
        self._keys, problems = self._shortcuts.keys()
        problems = (*problems, *self._clashes())
        self._tell_classes()
        self._window_keys.set_keys(self._keys)
        if self._dialog is not None:
            self._fill()
            self._dialog.say("\n".join(problems))
        elif problems:
            self._reporter.warning("\n".join(problems))

    def _tell_classes(self) -> None:
        self._tell([shown(self._keys[paint_action_id(index)]) for index in range(len(PAINTING_KEYS))])

    def _clashes(self) -> tuple[str, ...]:
        """Our keys that a menu of napari has too, in sentences: Qt then does neither."""
        text = tr("{key} does nothing: it is both “{title}” and napari's “{other}”. Press F1 to choose another.")
        taken = self._window_keys.menu_keys()
        return tuple(
            text.format(key=shown(key), other=taken[key], title=BY_ID[action_id].title)
            for action_id, key in self._keys.items()
            if key in taken
        )

    def _fill(self) -> None:
        assert self._dialog is not None
        ours = [
            KeyRow(action.id, action.title, shown(self._keys[action.id]), GROUPS[action.menu]) for action in ACTIONS
        ]
        taken = set(self._keys.values())
        self._dialog.set_rows([*ours, *(row for row in _napari_rows(taken) if row.key)])


def _napari_rows(taken: set[str]) -> list[KeyRow]:
    """napari's own keys, without those that stand for one of our actions while our layers are active."""
    rows = []
    for name in NAPARI_ACTIONS:
        action = action_manager._actions.get(name)
        keys = [canonical(str(key)) for key in get_settings().shortcuts.shortcuts.get(name, [])]
        if action is not None:
            own = ", ".join(shown(key) for key in keys if key not in taken)
            rows.append(KeyRow("", action.description, own, tr("napari's own")))
    return rows
