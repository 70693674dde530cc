"""Local weight files: read them safely, unwrap them, and load them only where every tensor fits.

Reads .safetensors, and .pth, .pt, .bin and .ckpt through `torch.load(weights_only=True)`, which runs no code from the
file. Training programs nest their weights (`{"state_dict": {"module.backbone.blocks...": ...}}`): the nesting is
unwrapped here, and the prefix is found by comparing with the names the model expects, never guessed from a list.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training_core.base.errors import WeightsError
from training_core.base.ignored_warnings import ignored_warnings

Tensors = dict[str, Tensor]
"""A state dict: tensors by name."""

TORCH_ENDINGS = (".pth", ".pt", ".bin", ".ckpt")
ENDINGS = (".safetensors", *TORCH_ENDINGS)

# Where training programs put a model inside their checkpoint. Teachers before students: they are the published ones.
_NESTINGS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "teacher",
    "model_ema",
    "ema",
    "model",
    "module",
    "net",
    "student",
)


@dataclass(frozen=True)
class Need:
    """Which file is wanted and how to get it; the second and third part of every `WeightsError`."""

    file: str
    hint: str


def read_weights(path: Path, need: Need) -> dict[str, Tensor]:
    """The named tensors of a weight file, out of any nesting, on the CPU (those of .pth files mapped, not yet read).

    Raises
    ------
    WeightsError
        No such file, an unknown ending, a damaged file, or a file without named tensors.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder", need.file, f"choose the file inside the folder; {need.hint}")
    if not path.is_file():
        raise WeightsError(f"there is no file {path}", need.file, f"check the path; {need.hint}")
    if path.suffix.lower() not in ENDINGS:
        raise WeightsError(f"{path} does not end in {', '.join(ENDINGS)}", need.file, need.hint)
    try:
        content = load_file(path) if path.suffix.lower() == ".safetensors" else _torch_load(path)
    except PermissionError as error:
        raise WeightsError(f"{path} cannot be read", f"read permission for {path}", "change its permissions") from error
    # What torch raises for files that are cut off, are web pages or are something else altogether.
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        struct.error,
    ) as error:
        raise WeightsError(f"{path} {_what_is_wrong(path)}", need.file, need.hint) from error
    return _named_tensors(content, path, need)


def strip_prefix(weights: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The tensors under the prefix (also none) that holds most of the `expected` names, with that prefix cut off.

    Tensors outside the prefix are left out. Without a single match, everything is returned as it is.
    """
    votes: Counter[str] = Counter()
    by_last_part: dict[str, list[str]] = {}
    for key in weights:
        by_last_part.setdefault(key.rpartition(".")[2], []).append(key)
    for name in expected:
        for key in by_last_part.get(name.rpartition(".")[2], ()):
            if key == name or key.endswith("." + name):
                votes[key.removesuffix(name)] += 1
    if not votes:
        return dict(weights)
    prefix = min(votes, key=lambda candidate: (-votes[candidate], len(candidate)))
    return {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path, need: Need) -> None:
    """Load `weights` (from `path`, prefix already cut) into `module`; further tensors in the file are ignored.

    A module made on the meta device gets tensors of its own, in float32; any other keeps its device and type.

    Raises
    ------
    WeightsError
        A tensor is missing or has another shape; the module is unchanged.
    """
    expected: dict[str, Tensor] = module.state_dict()
    fitting = {}
    for name, target in expected.items():
        if name not in weights and name.endswith("num_batches_tracked"):  # older files do not have this counter
            fitting[name] = torch.zeros((), dtype=target.dtype)
            continue
        if name not in weights:
            missing = sum(key not in weights for key in expected)
            given = f"{path} lacks {missing} of {len(expected)} tensors, {name} among them (it has {_some(weights)})"
            raise WeightsError(given, need.file, f"{need.hint}, or choose the model that the file was made for")
        check_shape(name, weights[name], target, path, need)
        fitting[name] = weights[name]
    on_meta = any(target.is_meta for target in expected.values())
    if on_meta:
        fitting = {name: tensor.to(expected[name].dtype, copy=True) for name, tensor in fitting.items()}
    module.load_state_dict(fitting, assign=on_meta)


def refuse_extra(
    weights: Mapping[str, Tensor], expected: Collection[str], path: Path, need: Need, *, also: Collection[str] = ()
) -> None:
    """Raise a WeightsError where the file has more inside a part than the model: it was made for another model.

    Parts are the first words of the names (`blocks` in blocks.0.attn...): those of `expected`, and `also` those that a
    near relative would have. Tensors of other parts, such as a head or another tower, may be there.
    """
    parts = {name.partition(".")[0] for name in expected}.union(also)
    extra = [name for name in weights if name.partition(".")[0] in parts and name not in expected]
    if extra:
        raise WeightsError(
            f"{path} has {_some(extra)}, which this model does not have",
            need.file,
            f"{need.hint}, or choose the model that the file was made for",
        )


def check_shape(name: str, tensor: Tensor, target: Tensor, path: Path, need: Need) -> None:
    """Raise a WeightsError where the tensor of the file has another shape than the model's."""
    if tensor.shape != target.shape:
        raise WeightsError(
            f"{path} has {name} of shape {_shape(tensor)}",
            f"shape {_shape(target)}: {need.file}",
            f"{need.hint}, or choose the model that the file was made for",
        )


def _torch_load(path: Path) -> Any:
    # torch announces a TorchScript archive, which it then refuses with an error that is explained below, and
    # pickle protocols other than its own, which do no harm.
    with ignored_warnings(UserWarning):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))


def _what_is_wrong(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "is empty"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the weights themselves"
    if head.lstrip().lower().startswith((b"<html", b"<!doctype")):
        return "is a web page, not weights (typical of a download without access)"
    if path.suffix.lower() in TORCH_ENDINGS and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            return "is a TorchScript archive, not a state dict"
        return "contains Python objects besides tensors, which could run code, so it is not opened"
    return "is damaged or is not a weight file"


def _named_tensors(content: Any, path: Path, need: Need) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _NESTINGS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path} holds a {type(content).__name__}, not a state dict (names to tensors)", need.file, need.hint
        )
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if not tensors:
        raise WeightsError(f"{path} holds no named tensors (it has {_some(content)})", need.file, need.hint)
    return tensors


def _some(names: Collection[Any]) -> str:
    shown = ", ".join(str(name) for name in list(names)[:3])
    return f"{shown} ..." if len(names) > 3 else shown or "nothing"


def _shape(tensor: Tensor) -> str:
    return " x ".join(str(side) for side in tensor.shape) or "a single number"
