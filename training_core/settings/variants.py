"""What `variant` stands for: the defaults in which the paper, the released code and our best differ.

docs/method.md says where each value comes from. And what a training time that is chosen by name stands for.
"""

from __future__ import annotations

from typing import Any

_PAPER: dict[str, Any] = {
    "encoder": {"fine_tune": "frozen", "taps": [2, 9], "high_channels": 2048, "detail": "none"},
    "decoder": {"name": "deeplabv3plus"},
    "alignment": {"logit_scale": 1.0},
    "losses": {"labeled": 1.0, "hard": 0.5, "soft": 0.25, "perturbed": 0.25, "alignment": 1.0, "balance": 0.0},
    "pseudo_label": {"hard_target": "weak", "mix_partner": "own", "leave_out_unreliable": False},
    "augment": {"scale_min": 0.5, "scale_max": 2.0, "rotate": False, "stain_jitter": 0.0, "exchange_stains": False},
    "data": {"balance_classes": False, "context_px": 0},
    "optimizer": {
        "name": "sgd",
        "encoder_lr": 0.001,
        "lr": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "poly_power": 0.9,
    },
    "teacher": {"ema_decay": 0.0},
    "schedule": {"epochs": 80, "quick_start": False, "warm_start": False},
    "inference": {
        "window_px": 256,
        "stride_fraction": 2 / 3,
        "scale": 1.0,
        "foreground_weight": 1.0,
        "views": 1,
        "objects": "connected",
    },
    "runtime": {"precision": "float32"},
}

_RELEASED: dict[str, Any] = {
    **_PAPER,
    "losses": {"labeled": 0.5, "hard": 0.25, "soft": 0.25, "perturbed": 0.25, "alignment": 1.0, "balance": 0.0},
    "pseudo_label": {"hard_target": "strong", "mix_partner": "own", "leave_out_unreliable": False},
    "alignment": {"logit_scale": 1.0, "upsample": "features"},
}

VARIANTS: dict[str, dict[str, Any]] = {"best": {}, "paper": _PAPER, "released": _RELEASED}

PRESET_MINUTES: dict[str, float] = {"quick": 2.0, "balanced": 5.0, "thorough": 20.0}
"""How long to train, by name: one choice for the window and for `train --preset`."""


def layered(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """`merged`, but a budget in `top` replaces one of another kind in `base`."""
    schedule = top.get("schedule")
    if isinstance(schedule, dict) and schedule.keys() & {"steps", "epochs", "minutes"}:
        base = merged(base, {"schedule": {"epochs": None, "minutes": None}})
    return merged(base, top)


def merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Nested values of `top` over those of `base`; neither is changed."""
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
