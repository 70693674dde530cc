"""From the configuration to a text branch: the tower's weights and tokenizer, from local files or the hub."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import open_clip
from torch import nn

from training_core.base.errors import ConfigError, WeightsError
from training_core.network.text.base import NamedClass
from training_core.network.text.convert import to_open_clip
from training_core.network.text.open_clip_tower import OpenClipText, PromptTower, token_embedding
from training_core.network.text.registry import TOWERS, TextFile, TextTower, open_clip_tower
from training_core.network.text.tokens import (
    Prompts,
    Tokenizer,
    clip_tokenizer,
    json_tokenizer,
    prompts,
    transformers_tokenizer,
)
from training_core.network.weight_files import load_weights, read_weights, refuse_extra, strip_prefix
from training_core.settings.schema import TextConfig

_NO_VISION = {"layers": 1, "width": 8, "head_width": 8, "patch_size": 8, "image_size": 8}


def load_tower_text(config: TextConfig, classes: Sequence[NamedClass], dim: int) -> OpenClipText:
    """The text branch of a published tower: vectors of width `dim` for these classes.

    Files come from the configuration's paths, else from the hub's local cache, else from the hub, where huggingface_hub
    uses the user's token; config.offline (or HF_HUB_OFFLINE=1) forbids the last. The weights are the last download.

    Raises
    ------
    ConfigError
        An unknown model, settings that do not go together, a prompt that is too long.
    WeightsError
        Weights, tokenizer or a package are missing, access is refused, or the files do not fit.
    """
    tower = _tower(config)
    if tower.uses_transformers and importlib.util.find_spec("transformers") is None:
        raise WeightsError(
            f"the text encoder of {tower.weights.model} needs the transformers package, which is not installed",
            "the transformers package",
            'pip install "napari-unisemalign[text]", or another text.encoder',
        )
    path, need = _local(config.weights_path), tower.weights.need
    weights = read_weights(path, need) if path is not None else None
    words = prompts(_tokenizer(tower, config), classes, config.context_tokens, tower.context_length)
    module = _create(tower, offline=config.offline)
    if path is None or weights is None:
        path = tower.weights.fetch(offline=config.offline)
        weights = read_weights(path, need)
    expected = module.state_dict().keys()
    weights = strip_prefix(to_open_clip(weights), expected)
    refuse_extra(weights, expected, path, need, also=("cls_emb",))
    load_weights(module, weights, path, need)
    _check_vocabulary(module, words, tower, config)
    return OpenClipText(PromptTower(module, words), dim)


def _tower(config: TextConfig) -> TextTower:
    if config.encoder != "open_clip":
        if config.pretrained is not None:
            raise ConfigError(
                f"the configuration has text.pretrained = {config.pretrained} and text.encoder = {config.encoder}",
                "text.pretrained only beside text.encoder = open_clip",
                "remove text.pretrained",
            )
        tower = TOWERS[config.encoder]
    else:
        tower = open_clip_tower(config.model_name, config.pretrained)
        if config.weights_path is None and config.pretrained is None:
            tags = open_clip.list_pretrained_tags_by_model(config.model_name)
            raise WeightsError(
                "text.encoder is open_clip, but neither text.weights_path nor text.pretrained is given",
                f"weights of {config.model_name}: a local file, or the name of published weights",
                f"set text.weights_path to an open_clip checkpoint of {config.model_name} (open_clip_model.safetensors "
                "or open_clip_pytorch_model.bin)"
                + (f", or text.pretrained to one of {', '.join(tags)}, to download them from the hub" if tags else ""),
            )
    if config.tokenizer_path is not None and tower.tokenizer is None:
        raise ConfigError(
            f"the configuration has text.tokenizer_path = {config.tokenizer_path}",
            f"no tokenizer path: open_clip includes the tokenizer of {tower.weights.model}",
            "remove text.tokenizer_path",
        )
    return tower


def _local(path: str | None) -> Path | None:
    return Path(path).expanduser() if path is not None else None


def _tokenizer(tower: TextTower, config: TextConfig) -> Tokenizer:
    if tower.tokenizer is not None:
        path = _local(config.tokenizer_path) or tower.tokenizer.fetch(offline=config.offline)
        return json_tokenizer(path, tower.tokenizer.need)
    name = tower.config["text_cfg"].get("hf_tokenizer_name")
    if not name:
        return clip_tokenizer(open_clip.get_tokenizer(tower.model_name))
    try:
        try:
            found = open_clip.get_tokenizer(tower.model_name, local_files_only=True)
        except (OSError, ValueError):  # what transformers raises for files that are not in the cache
            found = open_clip.get_tokenizer(tower.model_name, local_files_only=config.offline)
    # As with weights: errors of several libraries, and one way out.
    except Exception as error:
        raise WeightsError(
            f"the tokenizer of {tower.weights.model} could not be loaded ({type(error).__name__})",
            f"the tokenizer {name} in the local Hugging Face cache, or internet access",
            f"run `hf download {name} --include '*.json' --include '*.model' --include '*.txt'` with internet access",
        ) from error
    return transformers_tokenizer(found)


def _create(tower: TextTower, *, offline: bool) -> nn.Module:
    """The tower, weights still random; the image side is made tiny and dropped."""
    text: dict[str, Any] = dict(tower.config["text_cfg"])
    with TemporaryDirectory() as folder:  # transformers reads a configuration from a folder only
        if tower.transformer:
            (Path(folder) / "config.json").write_text(json.dumps(dict(tower.transformer)), encoding="utf-8")
            text["hf_model_name"] = folder
        elif (name := text.get("hf_model_name")) and not Path(name).is_dir():
            source = TextFile(name, name, ("config.json",), setting=None, holds="layout")
            text["hf_model_name"] = str(source.fetch(offline=offline).parent)
        text["hf_model_pretrained"] = False  # its weights are in the tower's own file
        quick_gelu = bool(tower.config.get("quick_gelu", False))
        model = open_clip.CustomTextCLIP(tower.config["embed_dim"], _NO_VISION, text, quick_gelu=quick_gelu)
    return cast(nn.Module, model.text)


def _check_vocabulary(module: nn.Module, words: Prompts, tower: TextTower, config: TextConfig) -> None:
    """A tokenizer of another model may have more tokens than the tower has embeddings."""
    table = cast(nn.Embedding, token_embedding(module))
    largest = int(words.ids.max())
    if largest >= table.num_embeddings:
        raise WeightsError(
            f"the tokenizer {config.tokenizer_path or 'that was found'} gives token {largest}, "
            f"but {tower.weights.model} has {table.num_embeddings} tokens",
            tower.tokenizer.need.file if tower.tokenizer is not None else "the model's own tokenizer",
            tower.tokenizer.need.hint if tower.tokenizer is not None else "choose the model that the weights belong to",
        )
