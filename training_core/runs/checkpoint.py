"""Checkpoints: safetensors and JSON, everything that is needed to go on as if nothing had happened.

RUN/checkpoints/NAME holds model.safetensors (what predicts), training.safetensors (the student, the optimiser's
tensors, the random states) and state.json. A checkpoint is written beside its place and renamed;
RUN/checkpoints/index.json, written last, says which one is the best and which the last, so a crash at any moment
leaves a whole one.

A frozen encoder is left out: it comes from the same weights again, and licences of pathology encoders forbid passing
it on.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from training_core.base.bounded import read_json
from training_core.base.busy import checkpoint_writing
from training_core.base.errors import CheckpointError, writing
from training_core.base.safe_paths import check_name, within
from training_core.base.spec_version import FileFormat
from training_core.io import atomic_write
from training_core.io.atomic import sync_file, sync_folder
from training_core.network.model import UniSemAlign
from training_core.network.weight_files import Tensors

STATE_FORMAT = FileFormat(version=1, error=CheckpointError)


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint on disk."""

    path: Path

    @property
    def model(self) -> Tensors:
        """Weights that predict, on the CPU."""
        return read_tensors(self.path / "model.safetensors")

    @property
    def training(self) -> Tensors:
        """Student, optimiser and random states, on the CPU."""
        return read_tensors(self.path / "training.safetensors")

    @property
    def state(self) -> dict[str, Any]:
        """Step, elapsed seconds, threshold, optimiser scalars, validation figures."""
        path = self.path / "state.json"
        return STATE_FORMAT.up_to_date(_read_object(path), path)


def save(run_dir: Path, model: Tensors, training: Tensors, state: dict[str, Any], *, is_best: bool) -> None:
    """Write a checkpoint named after its step, make it the last one (and the best), remove those no longer named.

    Raises
    ------
    StorageError
        The disk is full or not writable; the earlier checkpoints stay.
    """
    folder = within(run_dir, "checkpoints", error=CheckpointError)
    name = _new_name(folder, state["step"])
    partial = folder / f".{name}.partial"
    with writing(folder), checkpoint_writing():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            write_tensors(partial / "model.safetensors", model)
            write_tensors(partial / "training.safetensors", training)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        atomic_write(partial / "state.json", json.dumps(state, indent=1).encode())
        for file in partial.iterdir():
            _fsync(file)
        sync_folder(partial)
        os.replace(partial, folder / name)
        sync_folder(folder)
        index = _index(run_dir)
        index["last"] = name
        if is_best or "best" not in index:
            index["best"] = name
        atomic_write(folder / "index.json", json.dumps(index).encode())
        for old in folder.iterdir():
            if old.is_dir() and old.name not in index.values():
                shutil.rmtree(old, ignore_errors=True)


def _new_name(folder: Path, step: int) -> str:
    """A name that no checkpoint has: one that is named in index.json is never replaced, not even by the same step."""
    name, number = f"step_{step:06d}", 1
    while (folder / name).exists():
        number += 1
        name = f"step_{step:06d}-{number}"
    return name


def open_checkpoint(run_dir: Path, which: str = "best") -> Checkpoint:
    """The `best` or `last` checkpoint of a run.

    Raises
    ------
    CheckpointError
        There is none, or its files are gone.
    """
    name = _index(run_dir).get(which)
    folder = None if name is None else within(run_dir, "checkpoints", name, error=CheckpointError)
    if folder is None or not within(folder, "model.safetensors", error=CheckpointError).is_file():
        raise CheckpointError(
            f"{run_dir} has no {which} checkpoint",
            "a run folder with checkpoints/index.json and the checkpoint that it names",
            "choose a run that has reached its first validation, or train again",
        )
    return Checkpoint(folder)


def write_state(checkpoint: Checkpoint, state: dict[str, Any]) -> None:
    """Replace the figures of a checkpoint; its weights stay.

    Raises
    ------
    StorageError
        The disk is full or not writable; the earlier figures stay.
    """
    with writing(checkpoint.path):
        atomic_write(checkpoint.path / "state.json", json.dumps(state, indent=1).encode())


def saved_tensors(model: UniSemAlign) -> Tensors:
    """The state of `model` without the frozen, pretrained part of its encoder."""
    left_out = _left_out(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in left_out}


def load_tensors(model: UniSemAlign, tensors: Tensors, source: Path) -> None:
    """Put saved tensors into `model`.

    Raises
    ------
    CheckpointError
        Names or shapes do not fit the model.
    """
    expected = {name: t.shape for name, t in model.state_dict().items() if name not in _left_out(model)}
    given = {name: t.shape for name, t in tensors.items()}
    wrong = sorted(name for name in expected.keys() | given.keys() if expected.get(name) != given.get(name))
    if wrong:
        raise CheckpointError(
            f"{source} does not fit this network: {len(wrong)} tensors differ, first {wrong[0]}",
            "a checkpoint of the same encoder, decoder and classes",
            "use the config.json of the run that the checkpoint comes from",
        )
    model.load_state_dict(tensors, strict=False)


def _left_out(model: UniSemAlign) -> frozenset[str]:
    """Names of the frozen encoder's own tensors, where they can be had again from its weights.

    Not by requires_grad: a teacher's parameters, the trained projections of a frozen ViT among them, never ask for one.
    """
    if not model.encoder_is_external:
        return frozenset()
    return frozenset(name for name in model.state_dict() if name.startswith("encoder.trunk."))


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write a safetensors file.

    Raises
    ------
    OSError
        The disk is full or not writable.
    """
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:  # hides the operating system's error number
        raise OSError(_error_number(error), str(error)) from error


def read_tensors(path: Path) -> Tensors:
    """The tensors of a file, on the CPU.

    Raises
    ------
    CheckpointError
        It is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} is missing or damaged", "a complete checkpoint", "use another run, or train again")


def _index(run_dir: Path) -> dict[str, str]:
    path = run_dir / "checkpoints" / "index.json"
    if not path.exists():
        return {}
    index = _read_object(path)
    if not all(isinstance(name, str) for name in index.values()):
        raise _damaged(path)
    for name in index.values():
        check_name(name, path, CheckpointError)
    return index


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _error_number(error: SafetensorError) -> int:
    """safetensors reports `... (os error 28)` as text."""
    _, _, tail = str(error).partition("os error ")
    digits = tail.split(")")[0].strip()
    return int(digits) if digits.isdigit() else 0


def _fsync(path: Path) -> None:
    with path.open("r+b") as file:  # Windows syncs only what may be written
        sync_file(file.fileno())


def rng_state(device: torch.device) -> Tensors:
    """The random generators' states, by name."""
    states = {"rng.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["rng.cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["rng.mps"] = torch.mps.get_rng_state()
    return states


def restore_rng_state(tensors: Tensors, device: torch.device) -> None:
    """Put the generators back; those of a device that is not used now are left."""
    torch.set_rng_state(tensors["rng.cpu"])
    if device.type == "cuda" and "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"], device)
    if device.type == "mps" and "rng.mps" in tensors:
        torch.mps.set_rng_state(tensors["rng.mps"])
