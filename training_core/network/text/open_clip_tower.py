"""A frozen text tower of open_clip's kinds, with learnable context vectors in each class's prompt.

Source: CoOp (Zhou et al., IJCV 2022, arXiv 2109.01134), as used by UniSemAlign (docs/method.md): per class a prompt
[BOS][v_1 ... v_M][class words][EOT] goes through the tower; a learnable linear layer takes its output to D.
C classes, M context vectors, L tokens, W the tower's width, E its output width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from training_core.network.text.base import TextBranch
from training_core.network.text.tokens import Prompts

_CONTEXT_STD = 0.02  # CoOp's


class OpenClipText(TextBranch):
    """T (C, D) from the prompts' tower outputs.

    Trained and saved: `context` (C, M, W), one set per class, and `projection` (E to D). The tower is kept outside the
    module tree: it is not trained, not saved, and shared by copies of this branch (a teacher's, for example).
    """

    def __init__(self, prompts: PromptTower, dim: int) -> None:
        super().__init__()
        self._frozen = _Frozen(prompts)
        n_classes, _, width = prompts.embeddings.shape
        self.context = nn.Parameter(torch.randn(n_classes, prompts.context_tokens, width) * _CONTEXT_STD)
        with torch.no_grad():
            output_width = prompts(self.context).shape[1]
        self.projection = nn.Linear(output_width, dim)

    def tower_output(self) -> Tensor:
        """The tower's own text features of the prompts, (C, E)."""
        return cast(Tensor, self._frozen.prompts(self.context))

    def forward(self) -> Tensor:
        """T, (C, D), in float32 also under autocast."""
        with torch.autocast(self.context.device.type, enabled=False):
            return cast(Tensor, self.projection(self.tower_output()))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        cast(Any, self._frozen.prompts)._apply(fn)  # .to(device) has to reach the tower too
        cast(Any, super())._apply(fn, recurse)
        return self


class PromptTower(nn.Module):
    """A frozen open_clip text tower, and the prompts of the classes as token ids (C, L) with M places for context.

    The tower, open_clip's TextTransformer or its HFTextEncoder around a transformers model, runs its own forward, so
    its mask, pooling (EOT state, CoCa's appended class token, BERT's first token), final norm and projection are
    exactly those it was trained with; only the token embeddings at the context places are replaced.
    """

    def __init__(self, tower: nn.Module, prompts: Prompts) -> None:
        super().__init__()
        self.context_tokens = prompts.places
        self._start = prompts.start
        self.tower = tower.requires_grad_(False).eval()
        ids = prompts.ids[:, : _crop(tower, prompts)]
        self.register_buffer("ids", ids)
        with torch.no_grad():
            embeddings = token_embedding(tower)(ids)
        _set_token_embedding(tower, _Constant(embeddings))  # the rest of the vocabulary is not needed

    @property
    def embeddings(self) -> Tensor:
        """Token embeddings of the prompts, (C, L, W)."""
        return cast(Tensor, token_embedding(self.tower).value)

    def forward(self, context: Tensor) -> Tensor:
        """The tower's text features (C, E) with `context` (C, M, W) in its places."""
        start, end = self._start, self._start + self.context_tokens

        def insert(module: nn.Module, inputs: object, embeddings: Tensor) -> Tensor:
            return torch.cat([embeddings[:, :start], context, embeddings[:, end:]], dim=1)

        hook = token_embedding(self.tower).register_forward_hook(insert)
        try:
            features = self.tower(self.ids)
        finally:
            hook.remove()
        return cast(Tensor, features[0] if isinstance(features, tuple) else features)  # CoCa adds its tokens


class _Frozen:
    """Holds the tower where nn.Module does not look for submodules; a deep copy shares it, since nothing changes it."""

    def __init__(self, prompts: PromptTower) -> None:
        self.prompts = prompts

    def __deepcopy__(self, memo: dict[int, Any]) -> _Frozen:
        return self


class _Constant(nn.Module):
    """Stands in for the token embedding: always the prompts' embeddings, (C, L, W)."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, ids: Tensor) -> Tensor:
        return cast(Tensor, self.value)


def token_embedding(tower: nn.Module) -> nn.Module:
    """The part of the tower that looks token ids (C, L) up, to (C, L, W)."""
    inner = getattr(tower, "transformer", None)
    if hasattr(inner, "get_input_embeddings"):  # open_clip's HFTextEncoder
        return cast(nn.Module, cast(Any, inner).get_input_embeddings())
    return cast(nn.Module, tower.token_embedding)


def _set_token_embedding(tower: Any, module: nn.Module) -> None:
    if hasattr(tower.transformer, "set_input_embeddings"):
        tower.transformer.set_input_embeddings(module)
    else:
        tower.token_embedding = module


def _crop(tower: Any, prompts: Prompts) -> int:
    """Cut the tower to the tokens that matter; how many columns of the ids it reads now.

    Under a causal mask nothing after EOT reaches the EOT state; a transformers model masks its padding. CoCa's class
    token stands after all others and reads those that its mask lets through: the words and, by the mask's construction,
    the first padding; it keeps its place.
    """
    if hasattr(tower.transformer, "get_input_embeddings"):
        return prompts.used
    reads_class_token = tower.cls_emb is not None
    if tower.attn_mask is None or not (reads_class_token or tower.pool_type in ("argmax", "eos")):
        return prompts.ids.shape[1]
    length = min(prompts.used + int(reads_class_token), prompts.ids.shape[1])
    positions = tower.positional_embedding.detach()
    kept = torch.cat([positions[:length], positions[-1:]]) if reads_class_token else positions[:length]
    tower.positional_embedding = nn.Parameter(kept.clone(), requires_grad=False)
    tower.attn_mask = tower.attn_mask[: len(kept), : len(kept)].clone()
    return length
