"""Everything that a key, a menu or the command palette can do, as data; `handlers.py` has what each of them runs.

To add one: an entry in `ACTIONS`, at its place in the menu, such as

    Action("flicker", tr("Flicker the overlay"), "Alt-F", Menu.REVIEW),

one in `handlers.HANDLERS` under the same id, then `python -m napari_unisemalign.manifest`, which writes the command
and its menu entry into napari.yaml. Nothing else is needed: key, menu, palette, and the sheet of keys follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from training_core.base.i18n import tr

PLUGIN = "napari-unisemalign"
"""The plugin's name in its manifest."""

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


def function_name(action_id: str) -> str:
    """The name that stands for an action in `commands.py`, in the manifest and in napari's settings."""
    return action_id.replace("-", "_")


def paint_action_id(index: int) -> str:
    """The id of the action that paints with the class at this place of the list."""
    return f"paint-class-{index + 1}"


def _paint_with(index: int) -> Action:
    title = tr("Paint with class {number}").format(number=index + 1)
    return Action(paint_action_id(index), title, PAINTING_KEYS[index], Menu.NONE)


ACTIONS: tuple[Action, ...] = (
    Action("open-project", tr("Open project…"), "", Menu.PROJECT),
    Action("new-project", tr("New project…"), "", Menu.PROJECT),
    Action("add-images", tr("Add images to the project…"), "", Menu.PROJECT),
    Action("import-annotations", tr("Import annotations…"), "", Menu.PROJECT),
    Action("import-annotation-folder", tr("Import a folder of annotations…"), "", Menu.PROJECT),
    Action("pixel-sizes", tr("Show and correct pixel sizes…"), "", Menu.PROJECT),
    Action("open-sample", tr("Open sample"), "", Menu.PROJECT),
    Action("tour", tr("Show me around"), "", Menu.PROJECT),
    Action("napari-docks", tr("Show or hide napari's layer list and controls"), "F4", Menu.PROJECT),
    Action("report-problem", tr("Report a problem …"), "", Menu.PROJECT),
    Action("show-keys", tr("Show and change the keys"), "F1", Menu.PROJECT),
    Action("previous-tile", tr("Show the previous tile"), "PageUp", Menu.PAINT),
    Action("next-tile", tr("Show the next tile"), "PageDown", Menu.PAINT),
    *map(_paint_with, range(len(PAINTING_KEYS))),
    Action("leave-mode", tr("Leave the mode: painting, drawing, pointing"), "Escape", Menu.NONE),
    Action("erase", tr("Erase to unannotated"), "0", Menu.PAINT),
    Action("undo", tr("Undo"), "Control-Z", Menu.PAINT),
    Action("redo", tr("Redo"), "Control-Shift-Z", Menu.PAINT),
    Action("label-history", tr("Show the tile's history and restore a version…"), "", Menu.PAINT),
    Action("show-slide", tr("Show or hide the slide around the tile"), "Alt-U", Menu.PAINT),
    Action("add-tile", tr("Add a tile of the slide by a click or a rectangle"), "Alt-I", Menu.PAINT),
    Action("add-tile-here", tr("Add a tile of the slide in the middle of the view"), "Alt-Shift-I", Menu.PAINT),
    Action("fill-outline", tr("Fill what the last stroke closes around"), "Alt-O", Menu.PAINT),
    Action("grow-stroke", tr("Expand the last stroke to the predicted region"), "Alt-G", Menu.PAINT),
    Action("snap-stroke", tr("Snap the last stroke to the predicted edge"), "Alt-B", Menu.PAINT),
    Action("start-training", tr("Start training"), "Alt-T", Menu.TRAIN),
    Action("stop-training", tr("Finish the training now"), "", Menu.TRAIN),
    Action("pause-training", tr("Pause or resume training"), "", Menu.TRAIN),
    Action("discard-training", tr("Discard this round"), "", Menu.TRAIN),
    Action("live-preview", tr("Switch the live preview on or off"), "Alt-E", Menu.REVIEW),
    Action("flicker-overlays", tr("Hide the overlays, or show them again"), "H", Menu.REVIEW),
    Action("other-overlay", tr("Switch between the network's overlay and the first one"), "Alt-Q", Menu.REVIEW),
    Action("accept-next", tr("Accept the tile and show the next"), "Enter", Menu.REVIEW),
    Action("accept-tile", tr("Accept the whole tile"), "Alt-A", Menu.REVIEW),
    Action("reject-tile", tr("Reject the prediction of this tile"), "Alt-R", Menu.REVIEW),
    Action("accept-by-click", tr("Accept regions by click"), "Alt-K", Menu.REVIEW),
    Action("reject-by-click", tr("Reject regions by click"), "Alt-X", Menu.REVIEW),
    Action("draw-area", tr("Draw a region to accept or reject"), "Alt-D", Menu.REVIEW),
    Action("select-objects", tr("Select objects by click"), "Alt-J", Menu.REVIEW),
    Action("next-object", tr("Show the next object to review, least certain first"), "J", Menu.REVIEW),
    Action("accept-object", tr("Accept the selected objects"), "Y", Menu.REVIEW),
    Action("reject-object", tr("Reject the selected objects"), "N", Menu.REVIEW),
    Action("delete-object", tr("Delete the selected objects from the annotations"), "Shift-Delete", Menu.REVIEW),
    Action("merge-objects", tr("Merge the selected objects, or one with the nearest"), "G", Menu.REVIEW),
    Action("split-objects", tr("Split objects along a line"), "K", Menu.REVIEW),
    Action("take-back-rejections", tr("Clear the rejections of this tile"), "", Menu.REVIEW),
    Action("next-to-review", tr("Show the next tile to review"), "Alt-N", Menu.REVIEW),
)
"""In the order of the menu."""

BY_ID = {action.id: action for action in ACTIONS}
