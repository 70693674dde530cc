"""Which weights a network began with, as one hash: the same for the same numbers, whichever file they came from."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn


def weights_sha256(module: nn.Module) -> str:
    """SHA-256 over name, type, shape and bytes of each tensor of a module, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_as_bytes(tensor))
    return digest.hexdigest()


def _as_bytes(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
