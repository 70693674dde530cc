"""`bench step`: one training step of the real trainer on drawn tiles, and the same work done the released way."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import timm
import torch

from training_core.compute.device import choose_compute, settings_kept
from training_core.data.tile_pool import TilePool
from training_core.demo import make_demo
from training_core.measuring.speed.measure import record, spread, timed
from training_core.messages.messenger import Messenger
from training_core.network.encoders import Encoder, VitEncoder, completed
from training_core.network.encoders.registry import find_spec
from training_core.network.model import build_model
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config, EncoderConfig
from training_core.training.trainer import Trainer

PRESETS: dict[str, dict[str, Any]] = {
    "released-vitl": {
        "encoder": {
            "name": "uni",
            "pretrained": False,
            "fine_tune": "frozen",
            "taps": [2, 9],
            "detail": "none",
            "low_channels": 256,
            "high_channels": 2048,
        },
        "decoder": {"name": "deeplabv3plus"},
        "data": {"crop_px": 256, "labeled_batch": 4, "unlabeled_batch": 4},
    }
}
"""Shapes to measure at. released-vitl: the released code's, a UNI-shaped ViT-L/16 and DeepLabV3+ 256 / 2048 wide."""

_TILES = 18
_LABELED = 4


@settings_kept()
def bench_step(config: Config, *, as_released: bool, warm_up: int, repeats: int) -> dict[str, Any]:
    """Seconds per step of training (loading, all passes, optimiser, teacher) with this configuration.

    Parameters
    ----------
    as_released
        Whether every block of a ViT runs, also those that nothing reads, in PyTorch's own memory layout.
    """
    config = completed(config)
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(Path(folder), config, as_released=as_released)
        seconds = timed(trainer.take_step, warm_up=warm_up, repeats=repeats)
        trainer.close()
    work = {
        "precision": trainer.compute.precision,
        "way": "as released" if as_released else "ours",
        "variant": config.variant,
        "encoder": config.encoder.name,
    }
    return record("step", {**spread("seconds_per_step", seconds), **work})


def _trainer(folder: Path, config: Config, *, as_released: bool) -> Trainer:
    project = make_demo(folder / "project", tiles=_TILES)
    labeled = tuple(tile.name for tile in project.tiles if project.has_label(tile.name))[:_LABELED]
    split = Split(labeled, tuple(tile.name for tile in project.tiles if tile.name not in labeled), ())
    torch.manual_seed(config.seed)
    pool = TilePool(project, split.labeled, [c.id for c in project.classes])
    model, compute = build_model(config, project.classes), choose_compute(config.runtime)
    if as_released:
        compute = replace(compute, memory_format=torch.contiguous_format)
        _keep_every_block(model.encoder, config.encoder)
    return Trainer(model, config, pool, split, project, folder, compute, Messenger())


def _keep_every_block(encoder: Encoder, config: EncoderConfig) -> None:
    """A ViT of the same shape that runs to its end, whatever is read from it; with random weights."""
    if isinstance(encoder, VitEncoder):
        spec = find_spec(config.name)
        whole = timm.create_model(spec.timm_name, **{**spec.options, "dynamic_img_size": True, "num_classes": 0})
        encoder.trunk = whole.requires_grad_(False).eval()
