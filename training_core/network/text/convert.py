"""Names of text tower weights as other programs write them, to open_clip's."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_LAYER = re.compile(r"text_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_PARTS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
_OUTSIDE = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}


def to_open_clip(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights, under open_clip's names where they have those of transformers' CLIPModel (PLIP's file does).

    That model keeps query, key and value apart and the projection (E, W) transposed. Its image side is left out. Files
    of older transformers hold a BERT's position_ids too, which are the numbers 0, 1, 2 ... and no weights.
    """
    if "text_model.final_layer_norm.weight" not in weights:
        return {name: tensor for name, tensor in weights.items() if not name.endswith("embeddings.position_ids")}
    converted = {ours: weights[theirs] for theirs, ours in _OUTSIDE.items() if theirs in weights}
    if "text_projection.weight" in weights:
        converted["text_projection"] = weights["text_projection.weight"].T
    for name, tensor in weights.items():
        match = _LAYER.fullmatch(name)
        if match is None:
            continue
        layer, part, kind = match.groups()
        block = f"transformer.resblocks.{layer}"
        if part in _PARTS:
            converted[f"{block}.{_PARTS[part]}.{kind}"] = tensor
        elif part == "self_attn.q_proj":
            qkv = [weights[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            converted[f"{block}.attn.in_proj_{kind}"] = torch.cat(qkv)
    return converted
