"""One training step as a pure function: a batch in, named losses out. docs/method.md explains each term.

Two ways lead to the targets of the unlabelled tiles. Without a teacher (the paper, the released code) the network's own
training pass over the weak views makes them; with a teacher (`best`) the moving average of the network does, and the
student never sees the weak views.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training_core.base.arrays import UNLABELED
from training_core.compute.processes import n_processes, rolled
from training_core.compute.processes import total as over_processes
from training_core.method.batch import Batch, UnlabeledBatch
from training_core.method.losses import (
    class_weights,
    confident_cross_entropy,
    confident_divergence,
    labeled_cross_entropy,
)
from training_core.method.pseudo_label import OUT_OF_REACH, PseudoLabel, Threshold
from training_core.network.alignment import alignment_loss
from training_core.network.model import Output, UniSemAlign
from training_core.settings.schema import Config


@dataclass(frozen=True)
class StepResult:
    """What one training step gives.

    Attributes
    ----------
    total
        The scalar to minimise.
    losses
        Every term, unweighted, by name.
    """

    total: Tensor
    losses: dict[str, Tensor]
    confident_share: float | None
    fused: tuple[Tensor, ...] = ()
    """The fused logits that made targets, in the order they were made, for `verify`."""


@dataclass(frozen=True)
class _View:
    """What is thought of one weak view, (B, H, W): the fused guess, what is known for sure, what is left out."""

    guess: PseudoLabel
    logits: Tensor
    """S_dl (B, C, H, W), the soft target."""
    known: Tensor
    ignored: Tensor

    def rolled(self) -> _View:
        """Each image's neighbour in the batch."""
        guess = PseudoLabel(rolled(self.guess.label), rolled(self.guess.confidence))
        return _View(guess, rolled(self.logits), rolled(self.known), rolled(self.ignored))

    def mixed(self, other: _View, box: Tensor) -> _View:
        """`other` inside the CutMix box, self outside."""
        return _View(
            self.guess.mixed(other.guess, box),
            torch.where(box[:, None], other.logits, self.logits),
            torch.where(box, other.known, self.known),
            torch.where(box, other.ignored, self.ignored),
        )

    @property
    def guessed(self) -> Tensor:
        """Boolean: pixels that count and whose class is not known."""
        return ~self.ignored & (self.known == UNLABELED)

    def hard(self) -> PseudoLabel:
        """The guess, but the user's label, above every threshold, where there is one."""
        has = self.known != UNLABELED
        confidence = self.guess.confidence
        return PseudoLabel(torch.where(has, self.known, self.guess.label), torch.where(has, OUT_OF_REACH, confidence))


@dataclass(frozen=True)
class _Targets:
    """What the unlabelled terms aim at; all (B, H, W) but soft_logits (B, C, H, W)."""

    hard: PseudoLabel
    perturbed: PseudoLabel
    soft_logits: Tensor
    soft_label: Tensor
    """Whose confidence soft_confidence is."""
    soft_confidence: Tensor
    guessed: Tensor
    """Where the soft target counts: a known pixel has a better target than a guess."""
    valid: Tensor
    perturbed_valid: Tensor
    fused: tuple[Tensor, ...]

    def sure(self, threshold: Threshold) -> Tensor:
        """Boolean: guessed pixels whose confidence reaches the threshold."""
        return (self.soft_confidence >= threshold.at(self.soft_label)) & self.guessed


def training_step(
    model: UniSemAlign, teacher: UniSemAlign | None, batch: Batch, threshold: Threshold, config: Config
) -> StepResult:
    """Losses of one batch; updates `threshold` (and batch-norm statistics) but no parameter.

    With several processes, of this one's share of the batch: the losses of all of them add up to those of the batch.
    """
    unlabeled, n = batch.unlabeled, len(batch.images)
    if unlabeled is None:
        losses = _labeled_losses(model, model(batch.images), batch.label, config)
        return StepResult(_weighted(losses, config) / 2, losses, None)
    perturb = config.losses.perturbed > 0
    if teacher is None:
        partner = _partner(model, unlabeled, config)
        # the released code also perturbs the labelled rows; nothing reads those, but the batch statistics see them
        perturb_from = 0 if config.pseudo_label.hard_target == "strong" else n
        first = model(torch.cat([batch.images, unlabeled.weak]), perturb_from=perturb_from if perturb else None)
        strong = model(_cutmix_images(unlabeled))
        targets = _own_targets(model, first.rows(n, None), strong, partner, unlabeled, threshold, config)
        perturbed = first.perturbed[n - perturb_from :] if first.perturbed is not None else None
    else:
        targets = _teacher_targets(teacher, unlabeled, threshold, config)
        first = model(torch.cat([batch.images, _cutmix_images(unlabeled)]), perturb_from=n if perturb else None)
        strong, perturbed = first.rows(n, None), first.perturbed
    losses = _labeled_losses(model, first.rows(0, n), batch.label, config)
    losses |= _unlabeled_losses(strong.logits, perturbed, targets, threshold)
    sure = targets.sure(threshold)
    share = float(over_processes(sure.sum()) / over_processes(targets.guessed.sum()).clamp(min=1))
    return StepResult(_weighted(losses, config) / 2, losses, share, targets.fused)


def _weighted(losses: dict[str, Tensor], config: Config) -> Tensor:
    weights = config.losses.model_dump(exclude={"balance"})
    for name in ("prototype", "text", "align", "fusion"):
        weights[name] = config.losses.alignment
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def _labeled_losses(model: UniSemAlign, output: Output, label: Tensor, config: Config) -> dict[str, Tensor]:
    """CE of the decoder, of both similarity maps, of fused logits with learned weights; prototypes near text."""
    weight = class_weights(label, model.n_classes, config.losses.balance or 0.0)
    losses = {"labeled": labeled_cross_entropy(output.logits, label, weight)}
    similar, scale = model.similarities(output), config.alignment.logit_scale
    if similar.prototype is not None:
        losses["prototype"] = labeled_cross_entropy(scale * similar.prototype, label, weight)
    if similar.text is not None:
        losses["text"] = labeled_cross_entropy(scale * similar.text, label, weight)
    if model.fusion_weights is not None:
        losses["fusion"] = labeled_cross_entropy(model.fused(output, similar), label, weight)
    if model.prototypes is not None and model.text is not None:
        # of no image: every process has the same, and they are added up
        losses["align"] = alignment_loss(model.prototypes(), model.text(), config.alignment.loss) / n_processes()
    return losses


def _unlabeled_losses(
    strong: Tensor, perturbed: Tensor | None, targets: _Targets, threshold: Threshold
) -> dict[str, Tensor]:
    hard, valid = targets.hard, targets.valid
    losses = {
        "hard": confident_cross_entropy(strong, hard.label, hard.confidence >= threshold.at(hard.label), valid),
        "soft": confident_divergence(strong, targets.soft_logits, targets.sure(threshold), valid),
    }
    if perturbed is not None:
        aim = targets.perturbed
        losses["perturbed"] = confident_cross_entropy(
            perturbed, aim.label, aim.confidence >= threshold.at(aim.label), targets.perturbed_valid
        )
    return losses


@torch.no_grad()
def _partner(judge: UniSemAlign, unlabeled: UnlabeledBatch, config: Config) -> _View | None:
    """The view of CutMix partners of their own, by `judge` in evaluation mode; None: the batch is rolled instead."""
    if unlabeled.mix_weak is None:
        return None
    assert unlabeled.mix_known is not None
    assert unlabeled.mix_ignored is not None
    was_training = judge.training
    output = judge.eval()(unlabeled.mix_weak)
    judge.train(was_training)
    released = config.pseudo_label.hard_target == "strong"
    guess = PseudoLabel.of(output.logits if released else judge.fused(output))
    return _View(guess, output.logits, unlabeled.mix_known, unlabeled.mix_ignored)


@torch.no_grad()
def _own_targets(
    model: UniSemAlign,
    weak: Output,
    strong: Output,
    partner: _View | None,
    unlabeled: UnlabeledBatch,
    threshold: Threshold,
    config: Config,
) -> _Targets:
    """Targets from the network itself. hard_target = 'strong' is the released code, to the letter; 'weak' the paper."""
    fused_weak = model.fused(weak)
    view = _View(PseudoLabel.of(fused_weak), weak.logits, unlabeled.known, unlabeled.ignored)
    if config.pseudo_label.hard_target == "weak":
        return _mixed_targets(view, partner, fused_weak, unlabeled.box, threshold, model.n_classes)
    assert partner is not None
    fused = (model.fused(strong), fused_weak)
    mixed = view.mixed(partner, unlabeled.box)
    threshold.update(weak.logits.argmax(dim=1), mixed.guess.confidence, mixed.ignored, model.n_classes)
    valid = ~mixed.ignored
    return _Targets(
        hard=PseudoLabel.of(fused[0]),
        perturbed=view.guess,
        soft_logits=weak.logits,
        soft_label=mixed.guess.label,
        soft_confidence=mixed.guess.confidence,
        guessed=valid,
        valid=valid,
        perturbed_valid=~view.ignored,
        fused=fused,
    )


@torch.no_grad()
def _teacher_targets(teacher: UniSemAlign, unlabeled: UnlabeledBatch, threshold: Threshold, config: Config) -> _Targets:
    """Targets from the moving average of the network, in evaluation mode."""
    weak = teacher(unlabeled.weak)
    fused = teacher.fused(weak)
    view = _View(PseudoLabel.of(fused), weak.logits, unlabeled.known, unlabeled.ignored)
    partner = _partner(teacher, unlabeled, config)
    targets = _mixed_targets(view, partner, fused, unlabeled.box, threshold, teacher.n_classes)
    # the student sees only the strong views, so its perturbed pass is over those
    return replace(targets, perturbed=targets.hard, perturbed_valid=targets.valid)


def _mixed_targets(
    view: _View, partner: _View | None, fused: Tensor, box: Tensor, threshold: Threshold, n_classes: int
) -> _Targets:
    """The weak views' pseudo-labels, CutMixed as the strong images are. Only guesses move the threshold."""
    threshold.update(view.guess.label, view.guess.confidence, ~view.guessed, n_classes)
    mixed = view.mixed(partner if partner is not None else view.rolled(), box)
    return _Targets(
        hard=mixed.hard(),
        perturbed=view.hard(),
        soft_logits=mixed.logits,
        soft_label=mixed.guess.label,
        soft_confidence=mixed.guess.confidence,
        guessed=mixed.guessed,
        valid=~mixed.ignored,
        perturbed_valid=~view.ignored,
        fused=(fused,),
    )


def _cutmix_images(unlabeled: UnlabeledBatch) -> Tensor:
    """The strong views with the partner's pixels inside the box. Source: Yun et al. 2019 (arXiv 1905.04899)."""
    other = rolled(unlabeled.strong) if unlabeled.mix_strong is None else unlabeled.mix_strong
    return torch.where(unlabeled.box[:, None], other, unlabeled.strong)
