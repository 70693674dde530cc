"""The text tower of any open_clip model, frozen, with learnable context vectors in each class's prompt.

Source: CoOp (Zhou et al., IJCV 2022, arXiv 2109.01134), as used by UniSemAlign (docs/method.md): per class a prompt
[BOS][v_1 ... v_M][class words][EOT] goes through the tower; a learnable linear layer takes its output to D.
C classes, M context vectors, L tokens, W the tower's width, E its output width.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import open_clip
import torch
from torch import Tensor, nn

from training_core.errors import ConfigError, WeightsError
from training_core.text.base import NamedClass, TextBranch
from training_core.weights import Need, load_weights, read_weights, refuse_extra, strip_prefix

_CONTEXT_STD = 0.02  # CoOp's
_NO_VISION = {"layers": 1, "width": 8, "head_width": 8, "patch_size": 8, "image_size": 8}
_NO_DECODER = {"layers": 1, "width": 8, "heads": 1, "attn_pooler_heads": 1}


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

    The tower runs its own forward, so its mask, pooling (EOT state, or CoCa's appended class token), final norm and
    projection are exactly those it was trained with; only the token embeddings at the context places are replaced.
    """

    def __init__(self, tower: nn.Module, ids: Tensor, context_tokens: int) -> None:
        super().__init__()
        self.context_tokens = context_tokens
        self.tower = tower.requires_grad_(False).eval()
        ids = ids[:, : _crop(tower, ids)]
        self.register_buffer("ids", ids)
        with torch.no_grad():
            embeddings = cast(nn.Module, tower.token_embedding)(ids)
        tower.token_embedding = _Constant(embeddings)  # the rest of the vocabulary is not needed

    @property
    def embeddings(self) -> Tensor:
        """Token embeddings of the prompts, (C, L, W)."""
        return cast(Tensor, cast(nn.Module, self.tower.token_embedding).value)

    def forward(self, context: Tensor) -> Tensor:
        """The tower's text features (C, E) with `context` (C, M, W) in its places."""
        after = 1 + self.context_tokens

        def insert(module: nn.Module, inputs: object, embeddings: Tensor) -> Tensor:
            return torch.cat([embeddings[:, :1], context, embeddings[:, after:]], dim=1)

        hook = cast(nn.Module, self.tower.token_embedding).register_forward_hook(insert)
        try:
            features = self.tower(self.ids)
        finally:
            hook.remove()
        return cast(Tensor, features[0] if isinstance(features, tuple) else features)  # CoCa adds its tokens


def load_open_clip_text(
    model_name: str, weights_path: Path | None, classes: Sequence[NamedClass], *, context_tokens: int, dim: int
) -> OpenClipText:
    """The text branch of an open_clip model whose weights are in a local file; nothing is downloaded.

    A class's words are its prompt, or its name where the prompt is empty.

    Raises
    ------
    ConfigError: open_clip has no such model, or a prompt is too long. WeightsError: no file was given, the weights do
    not fit, or the tower is one of the transformers package, which is not supported yet.
    """
    need = Need(
        f"an open_clip checkpoint of {model_name}",
        f"download the open_clip weights of {model_name} and set text.weights_path to the file "
        "(open_clip_model.safetensors or open_clip_pytorch_model.bin)",
    )
    config = _model_config(model_name)
    if weights_path is None:
        raise WeightsError("text.encoder is open_clip, but no text.weights_path is given", need.file, need.hint)
    text_config = config["text_cfg"]
    if text_config.get("hf_model_name") or text_config.get("hf_tokenizer_name"):
        raise WeightsError(
            f"the text side of {model_name} needs the transformers package, which is not supported yet",
            "an open_clip model with CLIP's own tokenizer",
            "text.model_name = ViT-B-16 or coca_ViT-B-32, or text.encoder = learned",
        )
    tokenizer = open_clip.get_tokenizer(model_name)
    weights = read_weights(weights_path, need)
    tower = _create_tower(model_name, config)
    weights = strip_prefix(weights, tower.state_dict().keys())
    refuse_extra(weights, tower.state_dict().keys(), weights_path, need, also=("cls_emb",))
    load_weights(tower, weights, weights_path, need)
    ids = prompt_ids(tokenizer, classes, context_tokens, cast(int, tower.context_length))
    return OpenClipText(PromptTower(tower, ids, context_tokens), dim)


def prompt_ids(tokenizer: Any, classes: Sequence[NamedClass], context_tokens: int, context_length: int) -> Tensor:
    """Token ids (C, context_length) of [BOS] x ... x [class words][EOT], padded with 0; each x holds a place.

    Raises
    ------
    ConfigError: a class's words do not fit; names the class.
    """
    room = context_length - 2 - context_tokens
    place = tokenizer.encode("x")[0]
    ids = torch.zeros(len(classes), context_length, dtype=torch.long)
    for row, tissue in zip(ids, classes, strict=True):
        words = tokenizer.encode(tissue.prompt.strip() or tissue.name.replace("_", " "))
        if len(words) > room:
            raise ConfigError(
                f"the text prompt of class {tissue.name} has {len(words)} tokens",
                f"at most {room}: the text model reads {context_length}, of which 2 mark start and end and "
                f"{context_tokens} are context",
                f"shorten the prompt of {tissue.name}",
            )
        tokens = [tokenizer.sot_token_id, *[place] * context_tokens, *words, tokenizer.eot_token_id]
        row[: len(tokens)] = torch.tensor(tokens)
    return ids


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


def _model_config(model_name: str) -> dict[str, Any]:
    names = open_clip.list_models()
    if model_name not in names:
        close = difflib.get_close_matches(model_name, names, n=3)
        raise ConfigError(
            f"the configuration has text.model_name = {model_name}, which open_clip does not know",
            "a name that `open_clip.list_models()` lists",
            f"text.model_name = {' or '.join(close)}" if close else "text.model_name = ViT-B-32",
        )
    return cast("dict[str, Any]", open_clip.get_model_config(model_name))


def _create_tower(model_name: str, config: dict[str, Any]) -> nn.Module:
    """The model's text tower, weights still random; the rest of the model is made tiny and dropped."""
    parts: dict[str, Any] = {"vision_cfg": _NO_VISION}
    if "multimodal_cfg" in config:
        parts["multimodal_cfg"] = config["multimodal_cfg"] | _NO_DECODER
    with _without_warning("No pretrained weights loaded"):
        model = open_clip.create_model(model_name, pretrained=None, force_custom_text=True, **parts)
    return cast(nn.Module, model.text)


def _crop(tower: Any, ids: Tensor) -> int:
    """Cut the tower to the tokens that matter; how many of `ids`' columns it reads now.

    Under a causal mask nothing after EOT reaches the EOT state. CoCa's class token stands after all others and reads
    those that its mask lets through: the words and, by the mask's construction, the first padding; it keeps its place.
    """
    reads_class_token = tower.cls_emb is not None
    if tower.attn_mask is None or not (reads_class_token or tower.pool_type in ("argmax", "eos")):
        return ids.shape[1]
    end = int(ids.argmax(dim=1).max())  # EOT is the highest id of CLIP's vocabulary
    longest = end + 1 + int(reads_class_token)
    length = min(longest, ids.shape[1])
    positions = tower.positional_embedding.detach()
    kept = torch.cat([positions[:length], positions[-1:]]) if reads_class_token else positions[:length]
    tower.positional_embedding = nn.Parameter(kept.clone(), requires_grad=False)
    tower.attn_mask = tower.attn_mask[: len(kept), : len(kept)].clone()
    return length


@contextmanager
def _without_warning(start: str) -> Iterator[None]:
    """Keep open_clip from warning that weights are random; they come from the file a moment later."""

    def keep(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(start)

    logger = logging.getLogger()
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)
