"""The next round goes on from the one before: its best weights, where the network is the same.

Classes may have come or gone meanwhile. What belongs to a class (its row of the classifier, its prototype, its text
vectors) is taken by the class's id; a new class starts as in a first round.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training_core.base.errors import UserError
from training_core.network.model import UniSemAlign
from training_core.project import Project, TissueClass
from training_core.runs.checkpoint import Checkpoint, open_checkpoint, saved_tensors
from training_core.runs.run_folder import read_run
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


def _frozen_parts(config: Config) -> object:
    """What the trained tensors were trained beside, and which need not be in the checkpoint."""
    encoder, text = config.encoder, config.text
    return (
        (encoder.name, encoder.weights_path, encoder.pretrained, encoder.taps, encoder.fine_tune, encoder.detail),
        (text.encoder, text.model_name, text.pretrained, text.weights_path) if config.alignment.use_text else None,
    )


def _fitting(
    ours: dict[str, Tensor], theirs: dict[str, Tensor], our_ids: Sequence[int], their_ids: Sequence[int]
) -> dict[str, Tensor] | None:
    """Our tensors with theirs in place, rows of a class by its id; None: the two networks differ."""
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
