"""The next round goes on from the one before, or a first one from a shared model, where the network is the same.

Classes may have come or gone meanwhile. What belongs to a class (its row of the classifier, its prototype, its text
vectors) is taken by the class's id; a new class starts as in a first round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from training_core.base.errors import CheckpointError, UserError
from training_core.base.i18n import tr
from training_core.network.model import UniSemAlign
from training_core.project import Project, TissueClass
from training_core.runs.checkpoint import Checkpoint, open_checkpoint, saved_tensors
from training_core.runs.run_folder import read_run
from training_core.runs.trained_model import TrainedModel
from training_core.settings.schema import Config

_PER_CLASS = frozenset(
    {"decoder.classifier.weight", "decoder.classifier.bias", "prototypes.vectors", "text.vectors", "text.context"}
)
"""Tensors with a row for each class; all others are the same whatever the classes are."""


def start_from(
    model: UniSemAlign, project: Project, run_id: str, config: Config, classes: Sequence[TissueClass]
) -> Checkpoint | None:
    """Put the best weights of a finished run into `model`; None, and nothing changed: it had another network.

    Another network: another encoder or other weights of it, or tensors of other names or shapes.
    """
    run_dir = project.runs_dir / run_id
    try:
        theirs, their_classes, _ = read_run(run_dir)
        checkpoint = open_checkpoint(run_dir, "best")
        tensors = checkpoint.model
    except UserError:  # of an earlier version, or damaged: a round that starts afresh is no worse than a first one
        return None
    if _frozen_parts(theirs) != _frozen_parts(config):
        return None
    taken = _fitting(saved_tensors(model), tensors, [c.id for c in classes], [c.id for c in their_classes])
    if taken is None:
        return None
    model.load_state_dict(taken, strict=False)
    return checkpoint


def network_settings(trained: TrainedModel, *, with_pixel_size: bool) -> dict[str, Any]:
    """The settings that a run needs to start from these weights, nested: the network, and the size of its pixels."""
    config = trained.config
    # A shared model names no files of its maker's computer; those that the project names stay.
    same = {
        "encoder": _but_empty_paths(config.encoder.model_dump(mode="json", exclude={"offline"})),
        "decoder": config.decoder.model_dump(mode="json"),
        "alignment": config.alignment.model_dump(mode="json"),
        "text": _but_empty_paths(config.text.model_dump(mode="json", exclude={"offline"})),
    }
    return same | ({"data": {"mpp": config.data.mpp}} if with_pixel_size and config.data.mpp is not None else {})


def _but_empty_paths(section: dict[str, Any]) -> dict[str, Any]:
    """The settings of a section; paths that are not set stay as the project has them, unless no file may be read."""
    if section.get("pretrained") is False:
        return section
    return {key: value for key, value in section.items() if not (key.endswith("_path") and value is None)}


def start_from_model(model: UniSemAlign, trained: TrainedModel, classes: Sequence[TissueClass]) -> tuple[str, ...]:
    """Put the weights of another project's run, or of a shared model, into `model`; returns what did not fit.

    Classes are matched by name. Those of the project that the other one lacks start as in a first round.

    Raises
    ------
    CheckpointError
        It had another network, or none of its classes is in the project.
    """
    ours, theirs = _names(classes), _names(trained.classes)
    if not set(ours) & set(theirs):
        raise CheckpointError(
            f"{trained.folder} has the classes {', '.join(c.name for c in trained.classes)}, none of which the project "
            "has",
            f"a model with at least one of {', '.join(c.name for c in classes)}",
            "choose another model, or name the classes of the project as the model does",
        )
    trained.check_encoder(model)
    taken = _fitting(saved_tensors(model), trained.tensors, ours, theirs)
    if taken is None:
        raise CheckpointError(
            f"{trained.folder} has another network than these settings make",
            f"its settings: encoder {trained.config.encoder.name}, decoder {trained.config.decoder.name}",
            "leave the settings of encoder, decoder, alignment and text as the model has them",
        )
    model.load_state_dict(taken, strict=False)
    new = [c.name for c, name in zip(classes, ours, strict=True) if name not in theirs]
    unused = [c.name for c, name in zip(trained.classes, theirs, strict=True) if name not in ours]
    notes = []
    if new:
        notes.append(tr("The model does not know {classes}; that starts from nothing.").format(classes=", ".join(new)))
    if unused:
        words = tr("The project does not have {classes}, which the model knows; that is left out.")
        notes.append(words.format(classes=", ".join(unused)))
    return tuple(notes)


def _names(classes: Sequence[TissueClass]) -> list[str]:
    return [each.name.strip().casefold() for each in classes]


def _frozen_parts(config: Config) -> object:
    """What the trained tensors were trained beside, and which need not be in the checkpoint."""
    encoder, text = config.encoder, config.text
    return (
        (encoder.name, encoder.weights_path, encoder.pretrained, encoder.taps, encoder.fine_tune, encoder.detail),
        (text.encoder, text.model_name, text.pretrained, text.weights_path) if config.alignment.use_text else None,
    )


def _fitting(
    ours: dict[str, Tensor], theirs: dict[str, Tensor], our_ids: Sequence[int | str], their_ids: Sequence[int | str]
) -> dict[str, Tensor] | None:
    """Our tensors with theirs in place, rows of a class by its id or name; None: the two networks differ."""
    if ours.keys() != theirs.keys():
        return None
    rows = [(ours_at, their_ids.index(i)) for ours_at, i in enumerate(our_ids) if i in their_ids]
    taken = {}
    for name, own in ours.items():
        other = theirs[name]
        if name not in _PER_CLASS:
            if own.shape != other.shape:
                return None
            taken[name] = other
        elif own.shape[1:] != other.shape[1:] or len(own) != len(our_ids) or len(other) != len(their_ids):
            return None
        else:
            mixed = own.detach().clone()
            to, of = (torch.tensor([pair[side] for pair in rows], dtype=torch.long) for side in (0, 1))
            mixed[to.to(mixed.device)] = other[of].to(mixed)
            taken[name] = mixed
    return taken
