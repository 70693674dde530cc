"""What each action runs, and why it cannot run now: `actions/catalogue.py` by id, for the controllers of one window.

A button for the same thing calls the same method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from napari_unisemalign.actions.catalogue import PAINTING_KEYS, paint_action_id
from napari_unisemalign.annotate.accept_plan import Deed
from napari_unisemalign.annotate.label_history import why_no_history
from napari_unisemalign.app import availability
from napari_unisemalign.app.session import Session
from napari_unisemalign.window import Controller
from training_core.base.i18n import tr

Reason = Callable[[Controller], str | None]


@dataclass(frozen=True)
class Handler:
    """What runs, and what may be in the way."""

    why_not: Reason
    """A sentence why it is not possible now; None or empty when it is. Asked often, so it must be quick."""
    run: Callable[[Controller], None]


def perform(action_id: str, window: Controller) -> bool:
    """Do it, or say why it is not possible now; returns whether it was done."""
    handler = HANDLERS[action_id]
    reason = handler.why_not(window)
    if reason:
        window.context.reporter.info(reason)
        return False
    handler.run(window)
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
    return tr("There is no class number {number}: add one first.").format(number=index + 1)


def _in_session(reason: Callable[[Session], str | None]) -> Reason:
    return lambda window: reason(window.session)


def _paint_with(index: int) -> Handler:
    return Handler(
        lambda window: _no_class(window, index),
        lambda window: window.classes.paint_with(window.session.classes()[index].id),
    )


def _no_accept_next(window: Controller) -> str | None:
    if window.new_tile.is_on or window.modes.is_drawing:
        return ""
    return window.selection.why_none() if window.selection.pointing else availability.why_not_accept(window.session)


def _accept_next(window: Controller) -> None:
    """Enter closes what is being drawn; only where nothing is, it accepts, and no more than a click means now."""
    if window.new_tile.add_framed() or window.modes.finish_drawing():
        return
    if window.selection.pointing:
        window.object_review.accept()
    else:
        window.correction.accept_next()


def _leave(window: Controller) -> None:
    """The tour lies over everything else."""
    if window.tour.stop is not None:
        window.tour.leave()
    elif not window.new_tile.leave():
        window.modes.leave()


def _no_objects(window: Controller) -> str:
    return window.selection.why_none()


def _no_stroke(window: Controller) -> str | None:
    return window.painting.why_no_stroke()


def _no_stroke_or_prediction(window: Controller) -> str | None:
    return window.painting.why_no_stroke() or window.painting.why_no_prediction()


_no_switch = _in_session(availability.why_not_switch_project)
_no_accept = _in_session(availability.why_not_accept)
_no_reject = _in_session(availability.why_not_reject)
_no_stop = _in_session(availability.why_not_stop)

HANDLERS: dict[str, Handler] = {
    "open-project": Handler(_no_switch, lambda window: window.tiles.choose_project()),
    "new-project": Handler(_no_switch, lambda window: window.making.make_project()),
    "add-images": Handler(_in_session(availability.why_not_add), lambda window: window.making.add_images()),
    "import-annotations": Handler(
        _in_session(availability.why_not_add), lambda window: window.making.choose_annotations()
    ),
    "import-annotation-folder": Handler(
        _in_session(availability.why_not_add), lambda window: window.making.choose_annotation_folder()
    ),
    "pixel-sizes": Handler(_no_project, lambda window: window.making.correct_pixel_sizes()),
    "open-sample": Handler(_no_switch, lambda window: window.making.open_sample()),
    "tour": Handler(_always, lambda window: window.tour.start()),
    "napari-docks": Handler(_always, lambda window: window.docks.toggle_napari()),
    "report-problem": Handler(_always, lambda window: window.report.save()),
    "show-keys": Handler(_always, lambda window: window.keys.show()),
    "previous-tile": Handler(lambda window: _no_neighbor(window, -1), lambda window: window.tiles.previous()),
    "next-tile": Handler(lambda window: _no_neighbor(window, 1), lambda window: window.tiles.next()),
    **{paint_action_id(index): _paint_with(index) for index in range(len(PAINTING_KEYS))},
    "leave-mode": Handler(_always, _leave),
    "erase": Handler(_no_project, lambda window: window.layers.activate_labels("erase")),
    "undo": Handler(lambda window: window.undo.why_not_undo(), lambda window: window.undo.undo()),
    "redo": Handler(lambda window: window.undo.why_not_redo(), lambda window: window.undo.redo()),
    "label-history": Handler(_in_session(why_no_history), lambda window: window.history.show()),
    "show-slide": Handler(lambda window: window.slide.why_not(), lambda window: window.slide.toggle()),
    "add-tile": Handler(lambda window: window.new_tile.why_not(), lambda window: window.new_tile.toggle()),
    "add-tile-here": Handler(lambda window: window.new_tile.why_not(), lambda window: window.new_tile.add_in_view()),
    "fill-outline": Handler(_no_stroke, lambda window: window.painting.fill()),
    "grow-stroke": Handler(_no_stroke_or_prediction, lambda window: window.painting.grow()),
    "snap-stroke": Handler(_no_stroke_or_prediction, lambda window: window.painting.snap()),
    "start-training": Handler(_in_session(availability.why_not_train), lambda window: window.training.start()),
    "stop-training": Handler(_no_stop, lambda window: window.training.stop()),
    "pause-training": Handler(
        _in_session(availability.why_not_pause), lambda window: window.run_controls.pause_or_resume()
    ),
    "discard-training": Handler(_no_stop, lambda window: window.run_controls.discard()),
    "live-preview": Handler(_in_session(availability.why_not_live), lambda window: window.live.toggle()),
    "flicker-overlays": Handler(
        _in_session(availability.why_no_overlays), lambda window: window.overlays.flicker.toggle()
    ),
    "accept-next": Handler(_no_accept_next, _accept_next),
    "other-overlay": Handler(
        _in_session(availability.why_no_other_overlays), lambda window: window.session.show_other_overlays()
    ),
    "accept-tile": Handler(_no_accept, lambda window: window.correction.accept_tile()),
    "reject-tile": Handler(_no_reject, lambda window: window.correction.reject()),
    "accept-by-click": Handler(_no_accept, lambda window: window.correction.areas.toggle_pointing(Deed.ACCEPT)),
    "reject-by-click": Handler(_no_reject, lambda window: window.correction.areas.toggle_pointing(Deed.REJECT)),
    "draw-area": Handler(_no_accept, lambda window: window.correction.areas.toggle_drawing()),
    "select-objects": Handler(
        _in_session(availability.why_not_select_object), lambda window: window.selection.toggle()
    ),
    "next-object": Handler(
        lambda window: window.object_review.why_not(), lambda window: window.object_review.show_next()
    ),
    "accept-object": Handler(_no_objects, lambda window: window.object_review.accept()),
    "reject-object": Handler(_no_objects, lambda window: window.object_review.reject()),
    "delete-object": Handler(_no_objects, lambda window: window.object_edits.delete()),
    "merge-objects": Handler(_no_objects, lambda window: window.object_edits.merge()),
    "split-objects": Handler(lambda window: window.object_split.why_not(), lambda window: window.object_split.toggle()),
    "take-back-rejections": Handler(
        _in_session(availability.why_not_take_back), lambda window: window.correction.take_back()
    ),
    "next-to-review": Handler(_in_session(availability.why_no_next), lambda window: window.correction.show_next()),
}
