"""Why a button cannot work right now, in one sentence each; an empty string when it can.

The views show the sentence as the tooltip of the disabled button, and as the hint of an empty section.
"""

from __future__ import annotations

from napari_unisemalign.app.session import Session
from napari_unisemalign.app.tile_overlays import OverlaySource
from napari_unisemalign.app.training_state import Phase
from training_core.base.i18n import tr
from training_core.project.classes import object_class_ids
from training_core.settings.schema import Config

NO_PROJECT = tr("Open a project first.")
READ_ONLY = tr("This window can only look at the project. Open the project again to change it.")
MIN_LABELED_TILES = Config().data.min_labeled_tiles


def why_not_change(session: Session) -> str:
    """A project that was opened to look at, or that another window has taken over, stays as it is."""
    return READ_ONLY if session.project is not None and session.project.read_only else ""


def why_not_train(session: Session) -> str:
    """Training needs a project, a few labelled tiles and no training that runs already."""
    if session.project is None:
        return tr("Open a project and paint a few tiles to train on.")
    if session.project.read_only:
        return READ_ONLY
    if session.training.active:
        return tr("Training is running already.")
    done, least = (
        len(session.project.labeled_names()),
        session.settings.get("data.min_labeled_tiles", MIN_LABELED_TILES),
    )
    if done < least:
        words = tr("Paint every class on at least {count} tiles first ({done} done): a few strokes are enough.")
        return words.format(count=least, done=done)
    return ""


def why_not_stop(session: Session) -> str:
    """Stopping needs a training that runs and was not told yet."""
    if session.training.phase is Phase.STOPPING:
        return tr("Stopping already: what was learned is being saved.")
    return "" if session.training.active else tr("No training is running.")


def why_not_pause(session: Session) -> str:
    """A training that runs can pause, and one that pauses can go on."""
    phase = session.training.phase
    return "" if phase in (Phase.RUNNING, Phase.PAUSED) else why_not_stop(session)


def why_not_live(session: Session) -> str:
    """The live preview needs a project."""
    return "" if session.project is not None else NO_PROJECT


def why_not_switch_project(session: Session) -> str:
    """Another project can only be opened when no training runs on this one."""
    return tr("Stop the training before you open another project.") if session.training.active else ""


def why_not_add(session: Session) -> str:
    """Images and annotations are added to an open project that no training is reading."""
    if session.project is None:
        return NO_PROJECT
    if session.project.read_only:
        return READ_ONLY
    if session.training.active:
        return tr(
            "Images and annotations can be added when the training has ended: it knows only what it started with."
        )
    return ""


def why_no_overlays(session: Session) -> str:
    """There is something to overlay when a run has predicted the tile on screen."""
    if session.project is None or session.tile is None:
        return tr("Open a project and train on it to see predictions here.")
    if session.overlays(session.tile) is not None:
        return ""
    stored = session.project.prediction(session.tile)
    if stored is not None and session.is_rejected(session.tile, stored.run_id):
        return tr("You rejected the prediction of this tile. Clear the rejection under Regions, or train again.")
    if session.training.active:
        return tr("The first overlay of this tile comes as soon as the training has made one.")
    if session.project.latest_run_id() is not None:
        return tr("No training has predicted this tile: press “Predict them” below Start training, or train again.")
    return tr("No predictions yet. Paint a few tiles, then press Start training.")


def why_no_other_overlays(session: Session) -> str:
    """There are two overlays of a tile while the network's has come beside the pixel classifier's."""
    if session.has_other_overlays(session.tile):
        return ""
    return tr("There is only one prediction of this tile: two are there while training, where both have shown theirs.")


def why_no_parts(session: Session) -> str:
    """The parts of the fused logits can be asked of a network that has finished its training."""
    reason = why_no_overlays(session)
    if reason:
        return reason
    overlays = session.overlays(session.tile) if session.tile is not None else None
    if session.is_painted(session.tile):
        return tr("The live preview comes from the pixel classifier, which has no branches. Train to see them.")
    if overlays is not None and overlays.live:
        return tr("The branches can be shown when the training has ended.")
    return ""


def why_not_accept(session: Session) -> str:
    """Accepting needs overlays of the tile on screen."""
    if session.project is None:
        return tr("Open a project and train; then accept what is right and correct the rest.")
    return why_not_change(session) or why_no_overlays(session)


def why_not_accept_area(session: Session, drawn: bool) -> str:
    """Accepting an area needs overlays and a drawn shape."""
    return why_not_accept(session) or ("" if drawn else tr("Press Draw region and outline what you mean."))


def why_not_reject(session: Session) -> str:
    """Rejecting needs a prediction of a finished run: one that is still training changes by itself."""
    reason = why_not_accept(session)
    if reason:
        return reason
    if session.training.active:
        return tr("The prediction still changes: wait until the training has ended, or stop it.")
    if session.is_painted(session.tile):
        return tr("The live preview changes with every stroke: paint over what is wrong, or train.")
    return ""


def why_not_select_object(session: Session) -> str:
    """Objects are there on a tile, of classes that are made of them."""
    if session.project is None or session.tile is None:
        return NO_PROJECT
    if not object_class_ids(session.classes()):
        return tr("No class is made of objects. Say so of one under Classes.")
    return ""


def why_not_take_back(session: Session) -> str:
    """Something of the tile on screen must be rejected."""
    project, name = session.project, session.tile
    if project is None or name is None:
        return NO_PROJECT
    if project.read_only:
        return READ_ONLY
    return "" if session.rejected_pixels(name) else tr("Nothing of this tile is rejected.")


def why_no_next(session: Session) -> str:
    """There must be another tile."""
    if session.project is None:
        return NO_PROJECT
    return "" if session.has_other_tile else tr("There is no other tile.")


def why_not_remove_class(session: Session) -> str:
    """A project keeps at least one class; the one to remove must be chosen."""
    if session.project is None:
        return NO_PROJECT
    if session.project.read_only:
        return READ_ONLY
    if session.training.active:
        return tr("Classes cannot be removed while training runs.")
    if session.class_id is None:
        return tr("Choose the class to remove.")
    return "" if len(session.classes()) > 1 else tr("A project needs at least one class.")


def why_not_export(session: Session, content: str) -> str:
    """Exporting needs something to write: labels, predictions, or either."""
    project = session.project
    if project is None:
        return tr("Open a project to export its masks.")
    has_labels = any(project.has_label(name) for name in session.tile_names())
    has_predictions = project.latest_run_id() is not None
    if content == "labels" and not has_labels:
        return tr("Nothing is annotated yet. Paint a tile or accept a prediction first.")
    if content == "predictions" and not has_predictions:
        return tr("There are no predictions yet. Train first.")
    if not has_labels and not has_predictions:
        return tr("There is nothing to export yet. Paint a tile or train first.")
    return ""


def why_no_model(session: Session) -> str:
    """Sharing the trained network, and predicting with it, needs a finished run."""
    if session.project is None:
        return NO_PROJECT
    return "" if session.project.latest_run_id() is not None else tr("There is no trained network yet. Train first.")


def source_words(source: OverlaySource) -> str:
    """The source's name as users read it."""
    return "prediction" if source is OverlaySource.PREDICTION else "pseudo-label"
