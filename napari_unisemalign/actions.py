"""Everything that a key, a menu or the command palette can do: one table, from which all of them are made.

To add one: an entry in `ACTIONS`, at its place in the menu, such as

    Action("flicker", tr("Flicker the overlay"), "Alt-F", Menu.REVIEW,
           lambda window: availability.why_no_overlays(window.session), lambda window: window.overlays.flicker()),

then `python -m napari_unisemalign.manifest`, which writes the command and its menu entry into napari.yaml. Nothing
else is needed: key, menu, palette, and the sheet of keys follow. `why_not` says in a sentence why it is not possible
now, and nothing when it is; it is asked often, so it must be quick. A button for the same thing calls the same method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from napari_unisemalign import availability
from napari_unisemalign.review import Deed
from training_core.base.i18n import tr

if TYPE_CHECKING:
    from napari_unisemalign.controller import Controller

PAINTING_KEYS = "123456789"
"""One for each of the first classes in the list."""


class Menu(Enum):
    """Where an action stands in napari's own menus; the value is that of the parent menu, "" for none."""

    PROJECT = "napari/file/io_utilities"
    PAINT = "napari/layers/annotate"
    TRAIN = "napari/layers/segment"
    REVIEW = "napari/layers/classify"
    NONE = ""


@dataclass(frozen=True)
class Action:
    """One thing to do, without an argument."""

    id: str
    """Never changes: what the user's own keys are stored under, such as "next-tile"."""
    title: str
    """What a menu says: a verb first, no full stop."""
    key: str
    """The key at first, in napari's notation ("Alt-N"); empty for none."""
    menu: Menu
    why_not: Callable[[Controller], str | None]
    """A sentence why it is not possible now; None or empty when it is."""
    run: Callable[[Controller], None]


def perform(action: Action, window: Controller) -> bool:
    """Do it, or say why it is not possible now; returns whether it was done."""
    reason = action.why_not(window)
    if reason:
        window.context.reporter.info(reason)
        return False
    action.run(window)
    return True


def _always(_window: Controller) -> None:
    return None


def _no_project(window: Controller) -> str:
    return "" if window.session.project is not None else availability.NO_PROJECT


def _no_neighbor(window: Controller, step: int) -> str:
    if _no_project(window) or window.session.neighbor(step) is not None:
        return _no_project(window)
    return tr("This is the last tile of the list.") if step > 0 else tr("This is the first tile of the list.")


def _no_class(window: Controller, index: int) -> str:
    if _no_project(window) or index < len(window.session.classes()):
        return _no_project(window)
    return tr("There is no class number {number}: add one in step 2.").format(number=index + 1)


def paint_action_id(index: int) -> str:
    """The id of the action that paints with the class at this place of the list."""
    return f"paint-class-{index + 1}"


def _paint_with(index: int) -> Action:
    return Action(
        paint_action_id(index),
        tr("Paint with class {number}").format(number=index + 1),
        PAINTING_KEYS[index],
        Menu.NONE,
        lambda window: _no_class(window, index),
        lambda window: window.classes.paint_with(window.session.classes()[index].id),
    )


ACTIONS: tuple[Action, ...] = (
    Action(
        "open-project", tr("Open a project …"), "", Menu.PROJECT,
        lambda window: availability.why_not_switch_project(window.session),
        lambda window: window.tiles.choose_project(),
    ),
    Action(
        "new-project", tr("Make a project from images …"), "", Menu.PROJECT,
        lambda window: availability.why_not_switch_project(window.session),
        lambda window: window.tiles.make_project(),
    ),
    Action(
        "open-sample", tr("Try the sample project"), "", Menu.PROJECT,
        lambda window: availability.why_not_switch_project(window.session),
        lambda window: window.tiles.open_sample(),
    ),
    Action("tour", tr("Show me around"), "", Menu.PROJECT, _always, lambda window: window.tour.start()),
    Action("show-keys", tr("Show and change the keys"), "F1", Menu.PROJECT, _always, lambda window: window.keys.show()),
    Action(
        "previous-tile", tr("Show the previous tile"), "PageUp", Menu.PAINT,
        lambda window: _no_neighbor(window, -1), lambda window: window.tiles.previous(),
    ),
    Action(
        "next-tile", tr("Show the next tile"), "PageDown", Menu.PAINT,
        lambda window: _no_neighbor(window, 1), lambda window: window.tiles.next(),
    ),
    *(_paint_with(index) for index in range(len(PAINTING_KEYS))),
    Action(
        "erase", tr("Erase to not labelled"), "0", Menu.PAINT,
        _no_project, lambda window: window.layers.activate_labels("erase"),
    ),
    Action(
        "undo", tr("Undo"), "Control-Z", Menu.PAINT,
        lambda window: window.undo.why_not_undo(), lambda window: window.undo.undo(),
    ),
    Action(
        "redo", tr("Redo"), "Control-Shift-Z", Menu.PAINT,
        lambda window: window.undo.why_not_redo(), lambda window: window.undo.redo(),
    ),
    Action(
        "fill-outline", tr("Fill what the last stroke closes around"), "Alt-O", Menu.PAINT,
        lambda window: window.painting.why_no_stroke(), lambda window: window.painting.fill(),
    ),
    Action(
        "grow-stroke", tr("Grow the last stroke over the predicted area"), "Alt-G", Menu.PAINT,
        lambda window: window.painting.why_no_stroke() or window.painting.why_no_prediction(),
        lambda window: window.painting.grow(),
    ),
    Action(
        "snap-stroke", tr("Snap the last stroke to the predicted boundary"), "Alt-S", Menu.PAINT,
        lambda window: window.painting.why_no_stroke() or window.painting.why_no_prediction(),
        lambda window: window.painting.snap(),
    ),
    Action(
        "start-training", tr("Start training"), "Alt-T", Menu.TRAIN,
        lambda window: availability.why_not_train(window.session), lambda window: window.training.start(),
    ),
    Action(
        "stop-training", tr("Stop training and keep what was learned"), "", Menu.TRAIN,
        lambda window: availability.why_not_stop(window.session), lambda window: window.training.stop(),
    ),
    Action(
        "pause-training", tr("Pause or resume training"), "", Menu.TRAIN,
        lambda window: availability.why_not_pause(window.session), lambda window: window.run_controls.pause_or_resume(),
    ),
    Action(
        "discard-training", tr("Stop training and discard it"), "", Menu.TRAIN,
        lambda window: availability.why_not_stop(window.session), lambda window: window.run_controls.discard(),
    ),
    Action(
        "flicker-overlays", tr("Hide the overlays, or show them again"), "H", Menu.REVIEW,
        lambda window: availability.why_no_overlays(window.session), lambda window: window.overlays.flicker.toggle(),
    ),
    Action(
        "accept-tile", tr("Accept the whole tile"), "Alt-A", Menu.REVIEW,
        lambda window: availability.why_not_accept(window.session), lambda window: window.correction.accept_tile(),
    ),
    Action(
        "reject-tile", tr("Reject the prediction of this tile"), "Alt-R", Menu.REVIEW,
        lambda window: availability.why_not_reject(window.session), lambda window: window.correction.reject(),
    ),
    Action(
        "accept-by-click", tr("Accept areas by click"), "Alt-C", Menu.REVIEW,
        lambda window: availability.why_not_accept(window.session),
        lambda window: window.correction.areas.toggle_pointing(Deed.ACCEPT),
    ),
    Action(
        "reject-by-click", tr("Reject areas by click"), "Alt-X", Menu.REVIEW,
        lambda window: availability.why_not_reject(window.session),
        lambda window: window.correction.areas.toggle_pointing(Deed.REJECT),
    ),
    Action(
        "draw-area", tr("Draw an area to accept or reject"), "Alt-D", Menu.REVIEW,
        lambda window: availability.why_not_accept(window.session),
        lambda window: window.correction.areas.toggle_drawing(),
    ),
    Action(
        "take-back-rejections", tr("Take back what is rejected of this tile"), "", Menu.REVIEW,
        lambda window: availability.why_not_take_back(window.session), lambda window: window.correction.take_back(),
    ),
    Action(
        "next-to-review", tr("Show the next tile to review"), "Alt-N", Menu.REVIEW,
        lambda window: availability.why_no_next(window.session), lambda window: window.correction.show_next(),
    ),
)  # fmt: skip
"""In the order of the menu."""

BY_ID = {action.id: action for action in ACTIONS}
