"""Views of a window: the same tissue turned and mirrored, each through the network, their class probabilities averaged.

Second stop on the way from an image to class ids (see `sliding_window`). The caller chooses which logits it wants; the
fused ones and those of a single branch cost more than the decoder's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from training_core.class_maps.tile_result import Branch
from training_core.compute.device import Compute
from training_core.network.model import Output, UniSemAlign

Logits = Callable[[UniSemAlign, Tensor], Sequence[Tensor]]
"""Of normalised windows (B, 3, h, w): K kinds of logits, (B, C, h, w) each."""


def decoder_logits(model: UniSemAlign, windows: Tensor) -> Sequence[Tensor]:
    """The decoder's alone."""
    return (model.decode(windows),)


def decoder_and_fused_logits(model: UniSemAlign, windows: Tensor) -> Sequence[Tensor]:
    """The decoder's and the fused ones."""
    output = model(windows)
    return output.logits, torch.cat([model.fused(one) for one in _one_by_one(output)])


def branch_logits(model: UniSemAlign, windows: Tensor) -> Sequence[Tensor]:
    """One for each of `branches(model)`."""
    output = model(windows)
    similar = [model.similarities(one) for one in _one_by_one(output)]
    prototypes = [one.prototype for one in similar if one.prototype is not None]
    text = [one.text for one in similar if one.text is not None]
    return output.logits, *(torch.cat(maps) for maps in (prototypes, text) if maps)


def branches(model: UniSemAlign) -> tuple[Branch, ...]:
    """The terms of the model's fused logits, in the order of `branch_logits`."""
    terms = {Branch.DECODER: model.decoder, Branch.PROTOTYPES: model.prototypes, Branch.TEXT: model.text}
    return tuple(branch for branch, term in terms.items() if term is not None)


def view_probabilities(
    model: UniSemAlign, windows: Tensor, views: int, compute: Compute, logits: Logits = decoder_logits
) -> Tensor:
    """Softmax (B, K, C, h, w) of these logits of RGB windows (B, 3, h, w), uint8 or 0..1 float: the mean of the views.

    The first `views` quarter turns, then those of the mirror image.
    """
    total: Tensor | None = None
    for view in range(views):
        mirrored, turns = divmod(view, 4)
        seen = torch.rot90(windows.flip(-1) if mirrored else windows, turns, (-2, -1)) if view else windows
        with compute.autocast():
            wanted = logits(model, model.normalize(seen).to(memory_format=torch.channels_last))
        probabilities = [each.float().softmax(1) for each in wanted]
        answer = torch.stack(probabilities, 1) if len(probabilities) > 1 else probabilities[0].unsqueeze(1)
        if view:
            answer = torch.rot90(answer, -turns, (-2, -1))
            answer = answer.flip(-1) if mirrored else answer
        total = answer if total is None else total.add_(answer)
    assert total is not None
    return total / views if views > 1 else total


def _one_by_one(output: Output) -> list[Output]:
    """Window by window: an embedding at full resolution is far larger than all else."""
    return [output.rows(index, index + 1) for index in range(len(output.logits))]
