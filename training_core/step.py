"""One training step as a pure function: a batch in, named losses out. docs/method.md explains each term.

Two ways lead to the targets of the unlabelled tiles. Without a teacher (the paper, the released code) the network's own
training pass over the weak views makes them; with a teacher (`best`) the moving average of the network does, and the
student never sees the weak views.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training_core.alignment import alignment_loss
from training_core.batch import Batch, UnlabeledBatch
from training_core.config import Config
from training_core.losses import IGNORE, confident_cross_entropy, confident_divergence, labeled_cross_entropy
from training_core.model import Output, UniSemAlign
from training_core.pseudo_label import PseudoLabel, Threshold


@dataclass(frozen=True)
class StepResult:
    """total: the scalar to minimise; losses: every term, unweighted, by name."""

    total: Tensor
    losses: dict[str, Tensor]
    confident_share: float | None
    fused: tuple[Tensor, ...] = ()
    """The fused logits that made targets, in the order they were made, for `verify`."""


@dataclass(frozen=True)
class _Targets:
    """What the unlabelled terms aim at; all (B, H, W) but weak_logits (B, C, H, W)."""

    hard: PseudoLabel
    perturbed: PseudoLabel
    soft_logits: Tensor
    soft_confidence: Tensor
    valid: Tensor
    perturbed_valid: Tensor
    fused: tuple[Tensor, ...]


def training_step(
    model: UniSemAlign, teacher: UniSemAlign | None, batch: Batch, threshold: Threshold, config: Config
) -> StepResult:
    """Losses of one batch; updates `threshold` (and batch-norm statistics) but no parameter."""
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
        targets = _teacher_targets(teacher, unlabeled, threshold)
        first = model(torch.cat([batch.images, _cutmix_images(unlabeled)]), perturb_from=n if perturb else None)
        strong, perturbed = first.rows(n, None), first.perturbed
    losses = _labeled_losses(model, first.rows(0, n), batch.label, config)
    losses |= _unlabeled_losses(strong.logits, perturbed, targets, threshold.value)
    share = float((targets.hard.confidence >= threshold.value).float().mean())
    return StepResult(_weighted(losses, config) / 2, losses, share, targets.fused)


def _weighted(losses: dict[str, Tensor], config: Config) -> Tensor:
    weights = config.losses.model_dump()
    for name in ("prototype", "text", "align"):
        weights[name] = config.losses.alignment
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def _labeled_losses(model: UniSemAlign, output: Output, label: Tensor, config: Config) -> dict[str, Tensor]:
    """CE of the decoder, of both similarity maps, and the alignment of prototypes with text."""
    losses = {"labeled": labeled_cross_entropy(output.logits, label)}
    similar, scale = model.similarities(output), config.alignment.logit_scale
    if similar.prototype is not None:
        losses["prototype"] = labeled_cross_entropy(scale * similar.prototype, label)
    if similar.text is not None:
        losses["text"] = labeled_cross_entropy(scale * similar.text, label)
    if model.prototypes is not None and model.text is not None:
        losses["align"] = alignment_loss(model.prototypes(), model.text(), config.alignment.loss)
    return losses


def _unlabeled_losses(strong: Tensor, perturbed: Tensor | None, targets: _Targets, tau: float) -> dict[str, Tensor]:
    hard, valid = targets.hard, targets.valid
    losses = {
        "hard": confident_cross_entropy(strong, hard.label, hard.confidence >= tau, valid),
        "soft": confident_divergence(strong, targets.soft_logits, targets.soft_confidence >= tau, valid),
    }
    if perturbed is not None:
        aim = targets.perturbed
        losses["perturbed"] = confident_cross_entropy(
            perturbed, aim.label, aim.confidence >= tau, targets.perturbed_valid
        )
    return losses


@torch.no_grad()
def _partner(model: UniSemAlign, unlabeled: UnlabeledBatch, config: Config) -> tuple[PseudoLabel, Tensor] | None:
    """Pseudo-label and decoder logits of CutMix partners of their own, from a pass in evaluation mode."""
    if unlabeled.mix_weak is None:
        return None
    model.eval()
    output = model(unlabeled.mix_weak)
    model.train()
    released = config.pseudo_label.hard_target == "strong"
    return PseudoLabel.of(output.logits if released else model.fused(output)), output.logits


@torch.no_grad()
def _own_targets(
    model: UniSemAlign,
    weak: Output,
    strong: Output,
    partner: tuple[PseudoLabel, Tensor] | None,
    unlabeled: UnlabeledBatch,
    threshold: Threshold,
    config: Config,
) -> _Targets:
    """Targets from the network itself. hard_target = 'strong' is the released code, to the letter; 'weak' the paper."""
    ignored = unlabeled.ignored
    box = unlabeled.box
    if config.pseudo_label.hard_target == "strong":
        assert partner is not None
        assert unlabeled.mix_ignored is not None
        fused = (model.fused(strong), model.fused(weak))
        from_strong, from_weak = PseudoLabel.of(fused[0]), PseudoLabel.of(fused[1])
        mixed, mixed_ignored = from_weak.mixed(partner[0], box), torch.where(box, unlabeled.mix_ignored, ignored)
        threshold.update(weak.logits.argmax(dim=1), mixed.confidence, mixed_ignored, model.n_classes)
        return _Targets(from_strong, from_weak, weak.logits, mixed.confidence, ~mixed_ignored, ~ignored, fused)
    fused_weak = model.fused(weak)
    from_weak = _with_known(PseudoLabel.of(fused_weak), unlabeled.known)
    return _mixed_targets(from_weak, weak.logits, partner, unlabeled, (fused_weak,), threshold, model.n_classes)


@torch.no_grad()
def _teacher_targets(teacher: UniSemAlign, unlabeled: UnlabeledBatch, threshold: Threshold) -> _Targets:
    """Targets from the moving average of the network, in evaluation mode."""
    weak = teacher(unlabeled.weak)
    fused = teacher.fused(weak)
    from_weak = _with_known(PseudoLabel.of(fused), unlabeled.known)
    partner = None
    if unlabeled.mix_weak is not None:
        other = teacher(unlabeled.mix_weak)
        partner = (PseudoLabel.of(teacher.fused(other)), other.logits)
    targets = _mixed_targets(from_weak, weak.logits, partner, unlabeled, (fused,), threshold, teacher.n_classes)
    # the student sees only the strong views, so its perturbed pass is over those
    return _Targets(
        targets.hard, targets.hard, targets.soft_logits, targets.soft_confidence, targets.valid, targets.valid, (fused,)
    )


def _mixed_targets(
    weak: PseudoLabel,
    weak_logits: Tensor,
    partner: tuple[PseudoLabel, Tensor] | None,
    unlabeled: UnlabeledBatch,
    fused: tuple[Tensor, ...],
    threshold: Threshold,
    n_classes: int,
) -> _Targets:
    """The weak views' pseudo-labels, CutMixed as the strong images are."""
    ignored, box = unlabeled.ignored, unlabeled.box
    threshold.update(weak.label, weak.confidence, ignored, n_classes)
    if partner is None or unlabeled.mix_ignored is None:
        other = PseudoLabel(weak.label.roll(1, 0), weak.confidence.roll(1, 0))
        other_logits, other_ignored = weak_logits.roll(1, 0), ignored.roll(1, 0)
    else:
        (other, other_logits), other_ignored = partner, unlabeled.mix_ignored
    hard = weak.mixed(other, box)
    soft = torch.where(box[:, None], other_logits, weak_logits)
    valid = ~torch.where(box, other_ignored, ignored)
    return _Targets(hard, weak, soft, hard.confidence, valid, ~ignored, fused)


def _with_known(pseudo: PseudoLabel, known: Tensor) -> PseudoLabel:
    """Where the user has labelled a pixel, her label stands, with full confidence."""
    has = known != IGNORE
    return PseudoLabel(
        torch.where(has, known, pseudo.label), torch.where(has, torch.ones_like(pseudo.confidence), pseudo.confidence)
    )


def _cutmix_images(unlabeled: UnlabeledBatch) -> Tensor:
    """The strong views with the partner's pixels inside the box. Source: Yun et al. 2019 (arXiv 1905.04899)."""
    other = unlabeled.strong.roll(1, 0) if unlabeled.mix_strong is None else unlabeled.mix_strong
    return torch.where(unlabeled.box[:, None], other, unlabeled.strong)
