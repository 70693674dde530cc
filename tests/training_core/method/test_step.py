"""One training step against a plain account of the paper's, the released code's and our own rules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.method.batch import Batch, UnlabeledBatch
from training_core.method.pseudo_label import Threshold
from training_core.method.step import StepResult, training_step
from training_core.network.model import UniSemAlign
from training_core.settings.schema import Config, resolve

Array = NDArray[Any]
MakeModel = Callable[..., UniSemAlign]

C, N, PX = 5, 2, 24
START, MOMENTUM = 0.5, 0.9
"""Below what the networks here are sure of at some pixels, above it at others."""
PROTOTYPE, TEXT, SCALE = 1.5, 1.0, 2.0
"""Large, so that no branch is lost in rounding."""


def config_for(variant: str, **changes: Any) -> Config:
    settings: dict[str, Any] = {
        "variant": variant,
        "alignment": {"embedding_dim": 8, "prototype_weight": PROTOTYPE, "text_weight": TEXT, "logit_scale": SCALE},
        "pseudo_label": {"threshold_start": START, "threshold_momentum": MOMENTUM},
    }
    for section, values in changes.items():
        settings[section] = {**settings.get(section, {}), **values}
    return resolve(settings)


def make_batch(*, own_partners: bool, seed: int = 0) -> Batch:
    """Random images; labels with gaps; a part of the first unlabelled tile known, a part of the second ignored."""
    g = torch.Generator().manual_seed(seed)

    def images() -> Tensor:
        return torch.randn(N, 3, PX, PX, generator=g)

    label = torch.randint(C, (N, PX, PX), generator=g)
    label[0, :, :10] = 255
    known = torch.full((N, PX, PX), 255)
    known[0, 4:12, 4:12] = 3
    ignored = torch.zeros(N, PX, PX, dtype=torch.bool)
    ignored[1, :6] = True
    box = torch.zeros(N, PX, PX, dtype=torch.bool)
    box[0, 8:20, 8:16] = True
    box[1, :12, 2:9] = True
    unlabeled = UnlabeledBatch(weak=images(), strong=images(), known=known, ignored=ignored, box=box)
    if own_partners:
        mix_ignored = torch.zeros(N, PX, PX, dtype=torch.bool)
        mix_ignored[0, 10:13] = True
        mix_known = torch.full((N, PX, PX), 255)
        mix_known[:, 6:14, 5:12] = 2
        partners = {"mix_known": mix_known, "mix_ignored": mix_ignored}
        unlabeled = replace(unlabeled, mix_weak=images(), mix_strong=images(), **partners)
    return Batch(images(), label, unlabeled)


@pytest.fixture
def decided(tiny_model: MakeModel) -> MakeModel:
    """`tiny_model` with logits as far apart, and batch statistics as settled, as those of a trained network."""

    def make(*args: Any, **kwargs: Any) -> UniSemAlign:
        model = tiny_model(*args, **kwargs)
        with torch.no_grad():
            model.decoder.classifier.weight.mul_(8)
            generator = torch.Generator().manual_seed(9)
            for _ in range(30):
                model.train()(torch.randn(2, 3, PX, PX, generator=generator))
        return model

    return make


# --- the plain account ------------------------------------------------------------------------------------------------


def softmax(logits: Array) -> Array:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def pick(values: Array, label: Array) -> Array:
    """values[b, label[b, y, x], y, x]."""
    return np.asarray(np.take_along_axis(values, label[:, None], axis=1)[:, 0])


def cross_entropy(logits: Array, label: Array, counted: Array, of: Array) -> float:
    safe = np.where(counted, label, 0)
    return float((-np.log(pick(softmax(logits), safe)) * counted).sum() / of.sum())


def kl(logits: Array, target_logits: Array, counted: Array, of: Array) -> float:
    p, q = softmax(target_logits), softmax(logits)
    return float(((p * (np.log(p) - np.log(q))).sum(1) * counted).sum() / of.sum())


def new_threshold(label: Array, confidence: Array, ignored: Array) -> float:
    maxima = []
    for c in range(C):
        where = (label == c) & ~ignored
        if where.any():
            maxima.append(confidence[where].max())
    return float(MOMENTUM * START + (1 - MOMENTUM) * np.mean(maxima))


@dataclass
class View:
    """Decoder logits and fused logits of one pass, and what they say."""

    logits: Array
    fused: Array

    @property
    def label(self) -> Array:
        return np.asarray(self.fused.argmax(1))

    @property
    def confidence(self) -> Array:
        return np.asarray(softmax(self.fused).max(1))


def view(model: UniSemAlign, output: Any, rows: slice) -> View:
    with torch.no_grad():
        similar = model.similarities(output)
        assert similar.prototype is not None
        assert similar.text is not None
        fused = output.logits + PROTOTYPE * similar.prototype + TEXT * similar.text
    return View(output.logits.detach().double().numpy()[rows], fused.double().numpy()[rows])


def labeled_losses(model: UniSemAlign, output: Any, label: Tensor) -> dict[str, float]:
    with torch.no_grad():
        similar = model.similarities(output)
        assert model.prototypes is not None
        assert model.text is not None
        p, t = (v.double().numpy() for v in (model.prototypes(), model.text()))
    y = label.numpy()
    known = y != 255
    assert similar.prototype is not None
    assert similar.text is not None
    maps = {
        "labeled": output.logits.detach(),
        "prototype": SCALE * similar.prototype.detach(),
        "text": SCALE * similar.text.detach(),
    }
    losses = {name: cross_entropy(values[:N].double().numpy(), y, known, known) for name, values in maps.items()}
    unit = [v / np.sqrt((v**2).sum(1, keepdims=True)) for v in (p, t)]
    losses["align"] = float(((unit[0] - unit[1]) ** 2).mean())
    return losses


@dataclass
class Account:
    """What a step should give."""

    losses: dict[str, float]
    threshold: float
    share: float


def mixed_images(u: UnlabeledBatch) -> Tensor:
    out = u.strong.clone()
    for b in range(N):
        source = u.mix_strong[b] if u.mix_strong is not None else u.strong[b - 1]
        out[b, :, u.box[b]] = source[:, u.box[b]]
    return out


def plain_best(student: UniSemAlign, teacher: UniSemAlign, batch: Batch) -> Account:
    u = batch.unlabeled
    assert u is not None
    known, ignored, box = u.known.numpy(), u.ignored.numpy(), u.box.numpy()
    with torch.no_grad():
        weak = view(teacher, teacher(u.weak), slice(None))
        output = student(torch.cat([batch.images, mixed_images(u)]), perturb_from=N)
    tau = new_threshold(weak.label, weak.confidence, ignored | (known != 255))  # only guesses move the threshold
    guesses = (weak.label, weak.confidence, weak.logits, known, ignored)
    others = tuple(np.roll(a, 1, axis=0) for a in guesses)  # the partner is the tile before it in the batch
    if u.mix_weak is not None:
        assert u.mix_ignored is not None
        assert u.mix_known is not None
        with torch.no_grad():
            partner = view(teacher, teacher(u.mix_weak), slice(None))
        others = (partner.label, partner.confidence, partner.logits, u.mix_known.numpy(), u.mix_ignored.numpy())
    label, confidence, logits, known, ignore = mixed(guesses, others, box)
    hard, sure = np.where(known != 255, known, label), np.where(known != 255, 1.0, confidence)
    assert 0.05 < (sure[box] >= tau).mean() < 0.95
    strong, perturbed = output.logits[N:].double().numpy(), output.perturbed.double().numpy()
    counted, guessed = (sure >= tau) & ~ignore, ~ignore & (known == 255)
    losses = labeled_losses(student, output, batch.label) | {
        "hard": cross_entropy(strong, hard, counted, ~ignore),
        "soft": kl(strong, logits, (confidence >= tau) & guessed, ~ignore),  # a known pixel needs no guess as target
        "perturbed": cross_entropy(perturbed, hard, counted, ~ignore),
    }
    return Account(losses, tau, float((confidence >= tau)[guessed].mean()))


def mixed(ours: tuple[Array, ...], theirs: tuple[Array, ...], box: Array) -> tuple[Array, ...]:
    """`theirs` inside the box, for (N, H, W) and (N, C, H, W) alike."""
    return tuple(np.where(box[:, None] if a.ndim == 4 else box, b, a) for a, b in zip(ours, theirs, strict=True))


def plain_own(model: UniSemAlign, batch: Batch, *, released: bool) -> Account:
    """The network is its own teacher. released: golden/README.md, term by term; else the paper."""
    u = batch.unlabeled
    assert u is not None
    assert u.mix_weak is not None
    assert u.mix_ignored is not None
    assert u.mix_known is not None
    known, ignored, box = u.known.numpy(), u.ignored.numpy(), u.box.numpy()
    with torch.no_grad():
        partner = view(model.eval(), model(u.mix_weak), slice(None))
        model.train()
        start = 0 if released else N
        first = model(torch.cat([batch.images, u.weak]), perturb_from=start)
        second = model(mixed_images(u))
    weak, strong = view(model, first, slice(N, None)), view(model, second, slice(None))
    perturbed = first.perturbed.double().numpy()[-N:]
    ignore = np.where(box, u.mix_ignored.numpy(), ignored)
    if released:
        partner_confidence = softmax(partner.logits).max(1)
        sure = np.where(box, partner_confidence, weak.confidence)
        tau = new_threshold(weak.logits.argmax(1), sure, ignore)
        hard, hard_sure, soft_logits = strong.label, strong.confidence, weak.logits
        weak_label, weak_sure, guessed = weak.label, weak.confidence, ~ignore
    else:
        weak_label = np.where(known != 255, known, weak.label)
        weak_sure = np.where(known != 255, 1.0, weak.confidence)
        tau = new_threshold(weak.label, weak.confidence, ignored | (known != 255))
        theirs = (partner.label, partner.confidence, partner.logits, u.mix_known.numpy())
        label, sure, soft_logits, mix_known = mixed((weak.label, weak.confidence, weak.logits, known), theirs, box)
        hard = np.where(mix_known != 255, mix_known, label)
        hard_sure = np.where(mix_known != 255, 1.0, sure)
        guessed = ~ignore & (mix_known == 255)
    assert 0.05 < (sure[box] >= tau).mean() < 0.95
    losses = labeled_losses(model, first, batch.label) | {
        "hard": cross_entropy(strong.logits, hard, (hard_sure >= tau) & ~ignore, ~ignore),
        "soft": kl(strong.logits, soft_logits, (sure >= tau) & guessed, ~ignore),
        "perturbed": cross_entropy(perturbed, weak_label, (weak_sure >= tau) & ~ignored, ~ignored),
    }
    return Account(losses, tau, float((sure >= tau)[guessed].mean()))


# --- comparisons ------------------------------------------------------------------------------------------------------


def check(result: StepResult, threshold: Threshold, account: Account, config: Config) -> None:
    ours = {name: float(loss.detach()) for name, loss in result.losses.items()}
    assert ours == pytest.approx(account.losses, abs=2e-5)
    assert threshold.value == pytest.approx(account.threshold, abs=1e-6)
    assert result.confident_share == pytest.approx(account.share, abs=2 / (N * PX * PX))
    assert 0.05 < account.share < 0.95  # else the threshold decides nothing here
    weights = config.losses
    total = (
        weights.labeled * ours["labeled"]
        + weights.alignment * (ours["prototype"] + ours["text"] + ours["align"])
        + weights.hard * ours["hard"]
        + weights.soft * ours["soft"]
        + weights.perturbed * ours["perturbed"]
    ) / 2
    assert float(result.total.detach()) == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize("own_partners", [False, True])
def test_step_with_a_teacher(decided: MakeModel, own_partners: bool) -> None:
    config = config_for("best")
    student = decided(C, alignment=config.alignment, dropout=False)
    teacher = decided(C, alignment=config.alignment, seed=1).eval()
    batch = make_batch(own_partners=own_partners)
    account = plain_best(copy.deepcopy(student).train(), teacher, batch)
    threshold = Threshold(START, MOMENTUM)
    check(training_step(student.train(), teacher, batch, threshold, config), threshold, account, config)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_step_without_a_teacher(decided: MakeModel, variant: str) -> None:
    config = config_for(variant)
    model = decided(C, alignment=config.alignment, dropout=False)
    batch = make_batch(own_partners=True)
    account = plain_own(copy.deepcopy(model), batch, released=variant == "released")
    threshold = Threshold(START, MOMENTUM)
    check(training_step(model.train(), None, batch, threshold, config), threshold, account, config)


def test_weights_of_the_variants() -> None:
    assert config_for("paper").losses.model_dump() == {
        "labeled": 1.0, "hard": 0.5, "soft": 0.25, "perturbed": 0.25, "alignment": 1.0, "balance": 0.0
    }  # fmt: skip
    assert config_for("released").losses.model_dump() == {
        "labeled": 0.5, "hard": 0.25, "soft": 0.25, "perturbed": 0.25, "alignment": 1.0, "balance": 0.0
    }  # fmt: skip


def test_hard_target_is_the_strong_view_s_own_in_released_and_the_weak_one_s_in_paper(decided: MakeModel) -> None:
    """Every pixel confident: the strong view's own argmax is the cheapest target that there is."""
    batch = make_batch(own_partners=True)
    u = batch.unlabeled
    assert u is not None
    hard, own = {}, {}
    for variant in ("paper", "released"):
        weights = {"prototype_weight": 0.0, "text_weight": 0.0}
        config = config_for(variant, alignment=weights)
        model = decided(C, alignment=config.alignment, dropout=False).train()
        with torch.no_grad():
            strong = copy.deepcopy(model)(mixed_images(u)).logits.double().numpy()
        valid = ~np.where(u.box, u.mix_ignored, u.ignored)
        own[variant] = cross_entropy(strong, strong.argmax(1), valid, valid)
        result = training_step(model, None, batch, Threshold(0.0, 1.0), config)
        hard[variant] = float(result.losses["hard"].detach())
    assert hard["released"] == pytest.approx(own["released"], abs=1e-5)
    assert hard["paper"] > own["paper"] + 0.05


def test_without_unlabelled_tiles_only_the_labelled_terms_remain(decided: MakeModel) -> None:
    config = config_for("best")
    model = decided(C, alignment=config.alignment, dropout=False).train()
    batch = replace(make_batch(own_partners=False), unlabeled=None)
    with torch.no_grad():
        reference = copy.deepcopy(model)
        expected = labeled_losses(reference, reference(batch.images), batch.label)
    threshold = Threshold(START, MOMENTUM)
    result = training_step(model, None, batch, threshold, config)
    assert {n: float(v.detach()) for n, v in result.losses.items()} == pytest.approx(expected, abs=1e-5)
    assert float(result.total.detach()) == pytest.approx(sum(expected.values()) / 2, abs=1e-5)
    assert result.confident_share is None
    assert threshold.value == START


def test_branches_can_be_switched_off(decided: MakeModel) -> None:
    config = config_for("best", alignment={"use_prototypes": False, "use_text": False}, losses={"perturbed": 0.0})
    student = decided(C, alignment=config.alignment, dropout=False).train()
    teacher = decided(C, alignment=config.alignment, seed=1).eval()
    result = training_step(student, teacher, make_batch(own_partners=False), Threshold(START, MOMENTUM), config)
    assert set(result.losses) == {"labeled", "hard", "soft"}
    assert student.prototypes is None
    assert torch.equal(result.fused[0], teacher(make_batch(own_partners=False).unlabeled.weak).logits)  # type: ignore[union-attr]


# --- who learns -------------------------------------------------------------------------------------------------------


def gradients(model: UniSemAlign) -> dict[str, float]:
    return {name: float(p.grad.abs().sum()) if p.grad is not None else 0.0 for name, p in model.named_parameters()}


@pytest.mark.parametrize("trainable", [True, False])
def test_gradients_reach_what_is_trained_and_nothing_else(decided: MakeModel, trainable: bool) -> None:
    config = config_for("best")
    student = decided(C, alignment=config.alignment, trainable=trainable).train()
    teacher = decided(C, alignment=config.alignment, seed=1).requires_grad_(False).eval()
    statistics = {n: b.clone() for n, b in teacher.named_buffers()}
    result = training_step(student, teacher, make_batch(own_partners=False), Threshold(START, MOMENTUM), config)
    result.total.backward()
    grads = gradients(student)
    encoder = {n: g for n, g in grads.items() if n.startswith("encoder.")}
    assert encoder
    if trainable:
        assert sum(encoder.values()) > 0
        assert all(g > 0 for n, g in encoder.items() if n.endswith("weight"))
    else:
        assert not any(encoder.values())
        assert not any(p.requires_grad for p in student.encoder.parameters())
    for name in ("prototypes.vectors", "text.vectors", "embedding.0.weight", "decoder.classifier.weight"):
        assert grads[name] > 0, name
    assert not any(gradients(teacher).values())
    assert all(torch.equal(b, statistics[n]) for n, b in teacher.named_buffers())


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_without_a_teacher_targets_get_no_gradient(decided: MakeModel, variant: str) -> None:
    """Only labelled and unlabelled predictions are pulled: with weights for the hard term alone, the prototypes, which
    reach that term through the targets, get nothing."""
    only_hard = {"labeled": 0.0, "hard": 1.0, "soft": 0.0, "perturbed": 0.0, "alignment": 0.0}
    config = config_for(variant, losses=only_hard)
    model = decided(C, alignment=config.alignment).train()
    training_step(model, None, make_batch(own_partners=True), Threshold(START, MOMENTUM), config).total.backward()
    grads = gradients(model)
    assert grads["prototypes.vectors"] == grads["text.vectors"] == 0
    assert grads["decoder.classifier.weight"] > 0


def test_a_step_changes_no_parameter_and_leaves_the_network_in_training_mode(decided: MakeModel) -> None:
    config = config_for("paper")
    model = decided(C, alignment=config.alignment).train()
    before = {n: p.clone() for n, p in model.named_parameters()}
    training_step(model, None, make_batch(own_partners=True), Threshold(START, MOMENTUM), config)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    assert model.training  # the pass over the CutMix partners is in evaluation mode


def test_the_partners_pass_leaves_batch_statistics_alone(decided: MakeModel) -> None:
    """Two labelled-plus-weak and strong passes are counted, the partners' is not."""
    config = config_for("paper")
    model = decided(C, alignment=config.alignment).train()

    def counts() -> set[int]:
        return {int(b) for n, b in model.named_buffers() if n.endswith("num_batches_tracked")}

    (before,) = counts()
    training_step(model, None, make_batch(own_partners=True), Threshold(START, MOMENTUM), config)
    assert counts() == {before + 2}


# --- what the user said and what is padding ---------------------------------------------------------------------------


def losses_of(decided: MakeModel, batch: Batch, config: Config) -> tuple[dict[str, float], float]:
    student = decided(C, alignment=config.alignment, dropout=False).train()
    teacher = decided(C, alignment=config.alignment, seed=1).eval()
    threshold = Threshold(START, MOMENTUM)
    result = training_step(student, teacher, batch, threshold, config)
    return {name: float(loss.detach()) for name, loss in result.losses.items()}, threshold.value


def with_unlabeled(batch: Batch, **changes: Any) -> Batch:
    assert batch.unlabeled is not None
    return replace(batch, unlabeled=replace(batch.unlabeled, **changes))


def test_known_labels_count_whatever_the_confidence(decided: MakeModel) -> None:
    """With a threshold that no guess reaches, only the known pixels are a target: all of them, with their label."""
    config = config_for("best")
    batch = make_batch(own_partners=False)
    nothing = torch.zeros(N, PX, PX, dtype=torch.bool)
    batch = with_unlabeled(batch, box=nothing, ignored=nothing)
    assert batch.unlabeled is not None
    student = decided(C, alignment=config.alignment, dropout=False).train()
    teacher = decided(C, alignment=config.alignment, seed=1).eval()
    with torch.no_grad():
        strong = copy.deepcopy(student)(torch.cat([batch.images, batch.unlabeled.strong]), perturb_from=N).logits[N:]
    result = training_step(student, teacher, batch, Threshold(0.999, 1.0), config)
    has = (batch.unlabeled.known != 255).numpy()
    expected = cross_entropy(strong.double().numpy(), batch.unlabeled.known.numpy(), has, np.ones_like(has))
    assert expected > 0
    assert float(result.losses["hard"].detach()) == pytest.approx(expected, abs=1e-5)
    assert result.confident_share == 0.0  # the share is of the guesses


def test_another_known_label_is_another_target(decided: MakeModel) -> None:
    config = config_for("best")
    batch = make_batch(own_partners=False)
    assert batch.unlabeled is not None
    other = torch.where(batch.unlabeled.known == 3, 1, batch.unlabeled.known)
    losses, _ = losses_of(decided, batch, config)
    changed, _ = losses_of(decided, with_unlabeled(batch, known=other), config)
    assert abs(losses["hard"] - changed["hard"]) > 1e-3
    assert abs(losses["perturbed"] - changed["perturbed"]) > 1e-3


def test_what_is_ignored_takes_part_in_nothing(decided: MakeModel) -> None:
    """A label known inside the ignored rows, where it would otherwise be a target, changes no loss and no threshold."""
    config = config_for("best")
    batch = make_batch(own_partners=False)
    assert batch.unlabeled is not None
    ignored = torch.zeros(N, PX, PX, dtype=torch.bool)
    ignored[:, :6] = True
    known = batch.unlabeled.known.clone()
    known[:, :6] = 4
    plain = with_unlabeled(batch, ignored=ignored)
    assert losses_of(decided, plain, config) == losses_of(
        decided, with_unlabeled(batch, ignored=ignored, known=known), config
    )
    counted, _ = losses_of(decided, with_unlabeled(batch, ignored=~ignored & ignored, known=known), config)
    assert counted["hard"] != losses_of(decided, plain, config)[0]["hard"]


def test_all_ignored_and_nothing_labelled_is_a_step_of_zero_losses(decided: MakeModel) -> None:
    config = config_for("best")
    batch = make_batch(own_partners=False)
    batch = with_unlabeled(batch, ignored=torch.ones(N, PX, PX, dtype=torch.bool))
    batch = replace(batch, label=torch.full_like(batch.label, 255))
    losses, threshold = losses_of(decided, batch, config)
    align = losses.pop("align")
    assert set(losses.values()) == {0.0}
    assert align > 0
    assert threshold == START


# --- ablations by configuration ---------------------------------------------------------------------------------------


def test_each_branch_can_be_left_out(tiny_model: MakeModel) -> None:
    for prototypes, text in ((False, True), (True, False), (False, False)):
        config = config_for("best", alignment={"use_prototypes": prototypes, "use_text": text})
        model = tiny_model(C, alignment=config.alignment).train()
        losses = training_step(
            model, copy.deepcopy(model), make_batch(own_partners=False), Threshold(START, MOMENTUM), config
        ).losses
        expected = {"labeled", "hard", "soft", "perturbed"}
        expected |= ({"prototype"} if prototypes else set()) | ({"text"} if text else set())
        assert set(losses) == expected


def test_learned_fusion_starts_as_the_fixed_one_and_learns_from_labels_alone(decided: MakeModel) -> None:
    fixed = config_for("best", alignment={"prototype_weight": 0.3, "text_weight": 0.2})
    learned = config_for("best", alignment={"prototype_weight": 0.3, "text_weight": 0.2, "fusion": "learned"})
    models = [decided(C, alignment=config.alignment).eval() for config in (fixed, learned)]
    models[1].load_state_dict(models[0].state_dict(), strict=False)
    images = make_batch(own_partners=False).images
    with torch.no_grad():
        before = [model.fused(model(images)) for model in models]
    torch.testing.assert_close(before[0], before[1], atol=1e-5, rtol=0)

    model = models[1]
    batch = make_batch(own_partners=False)
    result = training_step(model, copy.deepcopy(model), batch, Threshold(START, MOMENTUM), learned)
    rest = [p for name, p in model.named_parameters() if not name.startswith("fusion_weights")]
    assert model.fusion_weights is not None
    fusion_only = torch.autograd.grad(result.losses["fusion"], [model.fusion_weights.weight, *rest], allow_unused=True)
    assert fusion_only[0].abs().max() > 0
    assert all(g is None for g in fusion_only[1:])  # the decoder does not learn to lean on the fusion


def test_per_class_thresholds_let_more_of_a_hard_class_through(decided: MakeModel) -> None:
    """The same guesses, with the bar of one class lowered: more confident pixels and another hard loss."""
    config = config_for("best", pseudo_label={"threshold": "per_class"})
    model = decided(C, alignment=config.alignment).eval()
    shares = []
    for means in ([0.9] * C, [0.9] * (C - 1) + [0.1], [0.1] * (C - 1) + [0.9]):
        threshold = Threshold(0.9, 1.0, "per_class", C)
        threshold.class_means = means
        result = training_step(model, copy.deepcopy(model), make_batch(own_partners=False), threshold, config)
        shares.append((result.confident_share, float(result.losses["hard"].detach())))
    assert shares[0][0] is not None
    assert shares[2][0] is not None
    assert shares[0][0] < shares[2][0]
    assert shares[0][1] != shares[2][1]
