"""Budgets, learning rates and the optimiser's two groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from training_core.network.model import UniSemAlign
from training_core.settings.schema import OptimizerConfig, ScheduleConfig
from training_core.training.optimizer import build_optimizer, set_lr
from training_core.training.schedule import Budget, lr_factor


def test_budget_in_steps() -> None:
    budget = Budget(ScheduleConfig(steps=40), steps_per_epoch=7)
    assert budget.total_steps == 40
    assert budget.progress(10, 1e9) == 0.25
    assert budget.progress(50, 0) == 1


def test_budget_in_epochs_wins_over_steps() -> None:
    budget = Budget(ScheduleConfig(steps=40, epochs=3), steps_per_epoch=7)
    assert budget.total_steps == 21
    assert budget.progress(7, 0) == pytest.approx(1 / 3)


def test_budget_in_minutes_wins_over_both_and_counts_no_steps() -> None:
    budget = Budget(ScheduleConfig(steps=1, epochs=1, minutes=0.5), steps_per_epoch=7)
    assert budget.total_steps is None
    assert budget.progress(1000, 15) == 0.5
    assert budget.progress(0, 31) == 1


def test_lr_factor_is_the_paper_s_polynomial() -> None:
    config = OptimizerConfig(poly_power=0.9)
    for progress in (0.0, 0.3, 0.99):
        assert lr_factor(progress, 5, config) == pytest.approx((1 - progress) ** 0.9)
    assert lr_factor(1.0, 5, config) == 0


def test_warm_up_rises_linearly_to_the_polynomial() -> None:
    config = OptimizerConfig(poly_power=1.0, warmup_steps=4)
    factors = [lr_factor(0.5, step, config) for step in range(6)]
    assert factors == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("trainable", [True, False])
def test_every_trained_parameter_is_in_one_group(
    tiny_model: Callable[..., UniSemAlign], name: str, trainable: bool
) -> None:
    model = tiny_model(trainable=trainable)
    config = OptimizerConfig.model_validate({"name": name, "encoder_lr": 0.01, "lr": 0.1, "weight_decay": 0.03})
    optimizer = build_optimizer(model, config)
    encoder, rest = optimizer.param_groups
    assert (encoder["lr"], rest["lr"]) == (0.01, 0.1)
    assert encoder["weight_decay"] == rest["weight_decay"] == 0.03
    names = {id(p): n for n, p in model.named_parameters()}
    grouped = [[names[id(p)] for p in group["params"]] for group in (encoder, rest)]
    assert all(n.startswith("encoder.") for n in grouped[0])
    assert not any(n.startswith("encoder.") for n in grouped[1])
    assert sorted(grouped[0] + grouped[1]) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    assert bool(grouped[0]) == trainable
    assert {"prototypes.vectors", "text.vectors"} <= set(grouped[1])


def test_set_lr_scales_the_base_rates_and_does_not_pile_up(tiny_model: Callable[..., UniSemAlign]) -> None:
    optimizer = build_optimizer(tiny_model(), OptimizerConfig(encoder_lr=0.01, lr=0.1))
    set_lr(optimizer, 0.5)
    set_lr(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.005, 0.05])


def test_sgd_step_by_hand(tiny_model: Callable[..., UniSemAlign]) -> None:
    """Momentum 0.9 and weight decay on top of the gradient, as torch documents SGD, at each group's rate."""
    model = tiny_model()
    config = OptimizerConfig(name="sgd", encoder_lr=0.01, lr=0.1, momentum=0.9, weight_decay=0.5)
    optimizer = build_optimizer(model, config)
    assert model.prototypes is not None
    weights = {"prototypes": (model.prototypes.vectors, 0.1)}
    weights["encoder"] = (next(model.encoder.parameters()), 0.01)
    for parameter, rate in weights.values():
        value, velocity = parameter.detach().clone(), torch.zeros_like(parameter)
        for step in range(2):
            gradient = torch.full_like(parameter, 1.0 + step)
            optimizer.zero_grad()
            parameter.grad = gradient.clone()
            optimizer.step()
            velocity = 0.9 * velocity + gradient + 0.5 * value
            value = value - rate * velocity
            torch.testing.assert_close(parameter.detach(), value)
