"""The actions' keys. The user changes them in napari's own preferences or on the sheet of keys; napari keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.settings import get_plugin_settings
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtGui import QKeySequence

from napari_unisemalign.actions.catalogue import ACTIONS, BY_ID, PLUGIN, Action, function_name
from training_core.base.errors import ConfigError
from training_core.base.i18n import tr

SECTION = "keys"
"""The name of the group of settings in the manifest."""


_QT_NAMES = {
    "PgUp": "PageUp",
    "PgDown": "PageDown",
    "Esc": "Escape",
    "Return": "Enter",
    "Del": "Delete",
    "Ins": "Insert",
}
"""What Qt calls keys, and what napari calls them."""


def canonical(key: str) -> str:
    """A key as napari writes it ("Alt-T" becomes "Alt+T"); empty for none, and for what napari knows no key for.

    key: as napari or as Qt writes it, in English.
    """
    key = key.strip()
    for qt, napari in _QT_NAMES.items():
        if key == qt or key.endswith((f"+{qt}", f"-{qt}")):
            key = key.removesuffix(qt) + napari
    written = str(coerce_keybinding(key)) if key else ""
    return "" if written.endswith("+") else written


def sequence(key: str) -> QKeySequence:
    """A key in napari's notation as Qt's."""
    for qt, napari in _QT_NAMES.items():
        if key == napari or key.endswith(f"+{napari}"):
            key = key.removesuffix(napari) + qt
    return QKeySequence(key)


def shown(key: str) -> str:
    """A key as this system writes it."""
    return sequence(key).toString(QKeySequence.SequenceFormat.NativeText)


class Shortcuts:
    """Which key does what: one for an action at most, and one action for a key."""

    def __init__(self) -> None:
        try:
            self._stored: Any = getattr(get_plugin_settings(PLUGIN), SECTION)
        except (KeyError, AttributeError):  # started from a source folder: napari has not read this manifest
            self._stored = None
        self._told: list[Callable[[object], None]] = []

    @property
    def are_kept(self) -> bool:
        """Whether a changed key is remembered."""
        return self._stored is not None

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call this when a key is changed, wherever that is done."""

        def tell(_event: object) -> None:
            changed()

        if self._stored is not None:
            self._stored.events.connect(tell)
            self._told.append(tell)

    def forget(self) -> None:
        """Tell nobody of changed keys any more: napari's settings outlive every window."""
        for tell in self._told:
            self._stored.events.disconnect(tell)
        self._told.clear()

    def keys(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """The key of each action by its id, empty for none; and what is wrong with what was stored, in sentences."""
        keys: dict[str, str] = {}
        problems: list[str] = []
        owners: dict[str, Action] = {}
        for action in ACTIONS:
            wish = self._wish(action)
            key = canonical(wish)
            if wish.strip() and not key:
                key = canonical(action.key)
                text = tr("{wish} is not a key; “{title}” keeps {key}. Press F1 to choose another.")
                problems.append(text.format(wish=wish, title=action.title, key=key or tr("no key")))
            if key in owners:
                text = tr(
                    "{key} is used for “{first}” and for “{second}”, which has no key now. Press F1 to change it."
                )
                problems.append(text.format(key=key, first=owners[key].title, second=action.title))
                key = ""
            if key:
                owners[key] = action
            keys[action.id] = key
        return keys, tuple(problems)

    def assign(self, action_id: str, key: str, taken: Mapping[str, str]) -> None:
        """Give an action this key, or none with an empty text.

        Parameters
        ----------
        taken
            Keys that it cannot have, with what they do.

        Raises
        ------
        ConfigError
            It is not a key, another action or `taken` has it, or keys are not kept here.
        """
        wanted = canonical(key)
        if key.strip() and not wanted:
            raise ConfigError(tr("there is no key {key}").format(key=key), _NEEDED, tr("press another"))
        if wanted in taken:
            given = tr("{key} is a key of napari's menu, “{title}”").format(key=wanted, title=taken[wanted])
            raise ConfigError(given, tr("a key that is free"), tr("press another"))
        owner = next((each for each, its_key in self.keys()[0].items() if wanted and its_key == wanted), action_id)
        if owner != action_id:
            given = tr("{key} is the key of “{title}”").format(key=wanted, title=BY_ID[owner].title)
            raise ConfigError(given, tr("a key that is free"), tr("press another, or take the key from that one first"))
        self._store({action_id: wanted})

    def reset(self) -> None:
        """Give every action the key that it had at first."""
        self._store({action.id: action.key for action in ACTIONS})

    def _wish(self, action: Action) -> str:
        return action.key if self._stored is None else str(getattr(self._stored, function_name(action.id)))

    def _store(self, keys: Mapping[str, str]) -> None:
        if self._stored is None:
            given = tr("napari does not list this plugin, so that it cannot keep its settings")
            raise ConfigError(
                given, tr("an installed plugin"), tr("pip install . in the plugin's folder, then restart")
            )
        for action_id, key in keys.items():
            setattr(self._stored, function_name(action_id), key)


_NEEDED = tr("one key, alone or with Ctrl, Alt, Shift")
