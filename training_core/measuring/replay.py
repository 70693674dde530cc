"""Replays a recorded run of the released code and measures how far ours is from it.

A golden folder holds cfg.yaml, initial_state, batches, final_state and eval_forward (.safetensors), and scalars.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training_core.base.arrays import UNLABELED
from training_core.base.bounded import read_json
from training_core.base.errors import CheckpointError
from training_core.compute.device import choose_compute
from training_core.method.batch import Batch, UnlabeledBatch
from training_core.method.pseudo_label import Threshold
from training_core.method.step import training_step
from training_core.network.model import UniSemAlign, placed
from training_core.network.released_names import build_released, our_names, read_released_config
from training_core.network.weight_files import Tensors
from training_core.settings.schema import Config, RuntimeConfig
from training_core.training.optimizer import build_optimizer, set_lr
from training_core.training.schedule import lr_factor

_LABELED_TERMS = {"prototype": "pixel_proto_ce", "text": "pixel_text_ce", "align": "proto_text_align"}


@dataclass
class Differences:
    """The largest absolute difference seen, by quantity."""

    largest: dict[str, float] = field(default_factory=dict)

    def add(self, quantity: str, ours: Tensor | float, theirs: Tensor | float) -> None:
        """Compare; another shape, or a value that is no number, is infinitely far."""
        a, b = torch.as_tensor(ours).cpu().double(), torch.as_tensor(theirs).double()
        comparable = a.shape == b.shape and not bool((a - b).isnan().any())
        difference = float((a - b).abs().max()) if comparable else float("inf")
        self.largest[quantity] = max(self.largest.get(quantity, 0.0), difference)


def verify(folder: Path, device: str = "cpu") -> Differences:
    """Replay every recorded step in float32 on `device` (auto, cpu, cuda, mps).

    Raises
    ------
    CheckpointError
        A file of the folder is missing or damaged.
    DeviceError
        This machine does not have the device.
    """
    compute = choose_compute(RuntimeConfig.model_validate({"device": device, "precision": "float32"}))
    config, n_classes = read_released_config(folder / "cfg.yaml")
    initial, batches, scalars = _tensors(folder, "initial_state"), _tensors(folder, "batches"), _scalars(folder)
    model = build_released(config, n_classes, _model_part(initial))
    _set_head(model, initial)
    for module in model.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0  # the recording ran without chance
    model = placed(model, compute)
    differences = Differences()
    _replay(model, config, batches, scalars, differences)
    _compare_state(model, _tensors(folder, "final_state"), differences)
    _compare_forward(model, _tensors(folder, "eval_forward"), differences)
    return differences


def _replay(
    model: UniSemAlign, config: Config, batches: Tensors, scalars: dict[str, Any], differences: Differences
) -> None:
    pseudo = config.pseudo_label
    threshold = Threshold(pseudo.threshold_start, pseudo.threshold_momentum)
    optimizer = build_optimizer(model, config.optimizer)
    calls = 0
    for step in range(scalars["steps"]):
        set_lr(optimizer, lr_factor(max(0, step - 1) / scalars["steps"], step, config.optimizer))
        for group, rate in zip(optimizer.param_groups, scalars["lr"][step], strict=True):
            differences.add("learning rate", group["lr"], rate)
        model.train()
        batch = _batch(batches, step).to(_device(model))
        result = training_step(model, None, batch, threshold, config)
        optimizer.zero_grad(set_to_none=True)
        result.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        differences.add("total loss", result.total.detach(), scalars["losses_total"][step])
        for ours, theirs in _LABELED_TERMS.items():
            differences.add(f"{ours} loss", result.losses[ours].detach(), scalars["labelled_losses"][step][theirs])
        differences.add("threshold", threshold.value, scalars["threshold"][step])
        for fused in result.fused:
            differences.add("fused logits", fused, batches[f"fuse{calls}.fused_logits"])
            calls += 1


def _batch(batches: Tensors, step: int) -> Batch:
    """A recorded batch; its images are normalised already."""

    def get(name: str) -> Tensor:
        return batches[f"step{step}.{name}"]

    unlabeled = UnlabeledBatch(
        weak=get("image_weak"),
        strong=get("image_strong"),
        known=torch.full_like(get("ignore_mask"), UNLABELED),
        ignored=get("ignore_mask") == UNLABELED,
        box=get("cutmix_box") == 1,
        mix_weak=get("mix_image_weak"),
        mix_strong=get("mix_image_strong"),
        mix_known=torch.full_like(get("ignore_mask"), UNLABELED),
        mix_ignored=get("mix_ignore_mask") == UNLABELED,
    )
    return Batch(get("image_labelled"), get("mask_labelled"), unlabeled)


def _model_part(state: Tensors) -> Tensors:
    return our_names({name.removeprefix("model."): t for name, t in state.items() if name.startswith("model.")})


def _set_head(model: UniSemAlign, state: Tensors) -> None:
    heads = {"prototypes.vectors": state["head.prototypes"], "text.vectors": state["head.text_emb"]}
    model.load_state_dict(heads, strict=False)


def _compare_state(model: UniSemAlign, final: Tensors, differences: Differences) -> None:
    state = model.state_dict()
    for name, theirs in _model_part(final).items():
        kind = "batch-norm statistics" if name.rsplit(".", 1)[-1] in _BUFFERS else "parameters"
        differences.add(kind, state[name], theirs)
    differences.add("prototypes", state["prototypes.vectors"], final["head.prototypes"])
    differences.add("text vectors", state["text.vectors"], final["head.text_emb"])


_BUFFERS = {"running_mean", "running_var", "num_batches_tracked"}


def _device(model: UniSemAlign) -> torch.device:
    return next(model.parameters()).device


@torch.inference_mode()
def _compare_forward(model: UniSemAlign, recorded: Tensors, differences: Differences) -> None:
    output = model.eval()(recorded["image"].to(_device(model)))
    differences.add("logits in evaluation", output.logits, recorded["logits"])
    differences.add("pixel features in evaluation", output.embedding, recorded["pixel_features"])


class _Recorded(dict[str, Any]):
    """What a file of the folder holds; asking for what it lacks is the folder's fault."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise CheckpointError(f"{self.path} has no {key}", _NEEDED, "record the run again, or take another folder")


def _tensors(folder: Path, name: str) -> Tensors:
    path = folder / f"{name}.safetensors"
    try:
        return _Recorded(path, load_file(path))
    except (OSError, SafetensorError) as error:
        raise _missing(path) from error


def _scalars(folder: Path) -> dict[str, Any]:
    path = folder / "scalars.json"
    try:
        return _Recorded(path, read_json(path))
    except (OSError, ValueError, TypeError) as error:
        raise _missing(path) from error


_NEEDED = "a folder with cfg.yaml, scalars.json and the four .safetensors files of a recorded run"


def _missing(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is missing or damaged", _NEEDED, "check the path")
