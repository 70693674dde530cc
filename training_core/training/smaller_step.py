"""What happens when the memory of the device, or of the machine, does not hold a training step: less is tried.

A smaller batch is taken rather than the same one in parts: batch normalisation would see the parts anyway, and the
rest of the step (CutMix partners, one threshold for all images) stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training_core.base.errors import MemoryLimitError
from training_core.base.i18n import tr
from training_core.method.pseudo_label import Threshold
from training_core.prediction.out_of_memory import release
from training_core.runs.checkpoint import restore_rng_state, rng_state
from training_core.settings.schema import Config

MIN_CROP_PX = 128
"""No crop is made smaller than this by itself; a network that sees less tissue than this at once learns little."""


@dataclass(frozen=True)
class Moment:
    """What a step changes before its weights move: buffers (batch-norm statistics), threshold, chance.

    Put back, a step can be made again as if it had never begun. The weights, the optimiser's state and the teacher
    change after all that needs much memory, and are not part of it.
    """

    model: nn.Module
    threshold: Threshold
    device: torch.device
    buffers: list[Tensor]
    level: tuple[float, list[float]]
    chance: dict[str, Tensor]
    oldest: Tensor

    @classmethod
    def of(cls, model: nn.Module, threshold: Threshold, device: torch.device) -> Moment:
        """As it is now."""
        buffers = [buffer.clone() for buffer in model.buffers()]
        level = (threshold.value, list(threshold.class_means))
        oldest = torch.zeros((), requires_grad=True) * 1
        return cls(model, threshold, device, buffers, level, rng_state(device), oldest)

    def restore(self) -> None:
        """As it was then, without gradients; what the step held is given back."""
        for now, then in zip(self.model.buffers(), self.buffers, strict=True):
            now.copy_(then)
        self.threshold.value, self.threshold.class_means = self.level[0], list(self.level[1])
        restore_rng_state(self.chance, self.device)
        self.model.zero_grad(set_to_none=True)
        # Where a backward pass fails, PyTorch keeps the nodes that it had not come to, with all tensors that they
        # saved, in a queue of this thread. It lets go of them on its way to an older node.
        self.oldest.backward()  # type: ignore[no-untyped-call]
        release(self.device)


def smaller_step(config: Config, multiple_px: int) -> Config | None:
    """The configuration with half the batch, or where that is as small as the method allows, a crop of 3/4.

    A pass of batch normalisation needs two images, and CutMix a partner. Returns None where nothing is left to make
    smaller.

    Parameters
    ----------
    multiple_px
        What the encoder divides the crop's sides by.
    """
    data, labels = config.data, config.pseudo_label
    alone = labels.enabled and config.teacher.ema_decay > 0 and labels.mix_partner == "own"
    least = (1 if labels.enabled else 2, 1 if alone else 2)
    now = (data.labeled_batch, data.unlabeled_batch if labels.enabled else least[1])
    halved = tuple(min(n, max(floor, n // 2)) for n, floor in zip(now, least, strict=True))
    if halved != now:
        update = {"labeled_batch": halved[0]} | ({"unlabeled_batch": halved[1]} if labels.enabled else {})
    elif (crop := max(MIN_CROP_PX, data.crop_px * 3 // 4 // multiple_px * multiple_px)) < data.crop_px:
        update = {"crop_px": crop}
    else:
        return None
    return config.model_copy(update={"data": data.model_copy(update=update)})


def step_changed(before: Config, after: Config) -> str:
    """The sentence that tells of one `smaller_step`, or of several."""
    old, new, both = before.data, after.data, after.pseudo_label.enabled
    changes = []
    if (old.labeled_batch, old.unlabeled_batch) != (new.labeled_batch, new.unlabeled_batch):
        words = tr("{now} labelled crops per step instead of {then}")
        if both:
            words = tr(
                "{now} labelled and {now_unlabeled} unlabelled crops per step instead of {then} and {then_unlabeled}"
            )
        changes.append(
            words.format(
                now=new.labeled_batch,
                then=old.labeled_batch,
                now_unlabeled=new.unlabeled_batch,
                then_unlabeled=old.unlabeled_batch,
            )
        )
    if old.crop_px != new.crop_px:
        changes.append(tr("crops of {now} instead of {then} px").format(now=new.crop_px, then=old.crop_px))
    return tr(
        "Not enough memory for a training step: training continues with {changes}, and nothing learned so far "
        "is lost. Close other programs before the next run, or choose a smaller encoder."
    ).format(changes=tr(" and ").join(changes))


def no_smaller_step(config: Config, words: str) -> MemoryLimitError:
    """Even the smallest step did not fit.

    Parameters
    ----------
    words
        What the library said that asked for memory.
    """
    data = config.data
    return MemoryLimitError(
        f"there is not enough memory for a training step, even of {data.labeled_batch} labelled crops of "
        f"{data.crop_px} px ({words.splitlines()[0][:200]})",
        "memory for one training step",
        "close other programs, choose a smaller encoder (encoder.name) or train on a machine with more memory; "
        "earlier checkpoints are kept",
    )
