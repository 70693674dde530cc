"""DINOv2 files of the `transformers` library (Phikon-v2, Hibou) under the names that timm's ViTs have.

Source: transformers' Dinov2Model and Dinov2WithRegistersModel. The numbers stay the same: query, key and value are one
layer in timm, and where there are registers timm adds the class token's position embedding to the token itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_MARK = "embeddings.patch_embeddings.projection.weight"

_RENAMED = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "mlp.weights_in": "mlp.fc1",  # SwiGLU
    "mlp.weights_out": "mlp.fc2",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_QKV = tuple(f"attention.attention.{which}" for which in ("query", "key", "value"))


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by timm's names; those of any other kind of file as they are.

    The mask token, which is for pretraining only, and heads are dropped.

    Raises
    ------
    KeyError
        A query without its key and value.
    RuntimeError
        Tensors that do not go together.
    """
    mark = next((name for name in weights if name.endswith(_MARK)), None)
    if mark is None:
        return dict(weights)
    prefix = mark.removesuffix(_MARK)
    result = {}
    for full, tensor in weights.items():
        name = full.removeprefix(prefix)
        layer = _LAYER.match(name)
        block = f"blocks.{layer[1]}." if layer else ""
        own = name[layer.end() :] if layer else name
        stem, _, kind = own.rpartition(".")
        if stem == _QKV[0]:
            start = full.removesuffix(own)
            result[f"{block}attn.qkv.{kind}"] = torch.cat([weights[f"{start}{part}.{kind}"] for part in _QKV])
        elif own in _RENAMED:
            result[block + _RENAMED[own]] = tensor
        elif stem in _RENAMED:
            result[f"{block}{_RENAMED[stem]}.{kind}"] = tensor
    if "reg_token" in result:
        positions = result["pos_embed"]
        result["cls_token"] = result["cls_token"] + positions[:, :1]
        result["pos_embed"] = positions[:, 1:]
    return result
