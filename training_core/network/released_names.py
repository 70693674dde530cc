"""The released UniSemAlign code's tensors under our names, so that its checkpoints and recorded steps can be read.

Its checkpoints hold encoder and decoder only; prototypes and text vectors were never saved (docs/method.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm

from training_core.base.bounded import MAX_YAML_BYTES, parse_yaml, read_file
from training_core.base.errors import CheckpointError
from training_core.network.decoders import build_decoder
from training_core.network.encoders import fine_tuning_of, vit_encoder
from training_core.network.model import UniSemAlign
from training_core.network.text import LearnedText
from training_core.network.weight_files import Tensors
from training_core.settings.schema import Config, resolve

_RENAMED = (
    ("backbone.uni._uni.", "encoder.trunk."),
    ("backbone.uni.proj_", "encoder.proj_"),
    ("head.", "decoder.head."),
    ("reduce.", "decoder.reduce."),
    ("fuse.", "decoder.fuse."),
    ("classifier.", "decoder.classifier."),
    ("proj.", "embedding."),
)


def our_names(tensors: Tensors) -> Tensors:
    """The released model's tensors by our names; those of blocks that nothing reads are kept for the caller to drop.

    Raises
    ------
    CheckpointError
        A name that the released model does not have.
    """
    renamed = {}
    for name, tensor in tensors.items():
        bare = name.removeprefix("module.")
        new = next((ours + bare[len(theirs) :] for theirs, ours in _RENAMED if bare.startswith(theirs)), None)
        if new is None:
            raise CheckpointError(
                f"the checkpoint has a tensor {name}, which the released UniSemAlign model with UNI does not have",
                "a checkpoint of the released code with `backbone: uni`",
                "check which program wrote the file",
            )
        renamed[new] = tensor
    return renamed


def read_released_config(path: Path) -> tuple[Config, int]:
    """The released code's cfg.yaml as (our configuration, number of classes).

    Raises
    ------
    CheckpointError
        The file is missing or is not such a configuration.
    """
    try:
        released: dict[str, Any] = parse_yaml(read_file(path, MAX_YAML_BYTES).decode())
        uni = released["uni"]
        settings = {
            "variant": "released",
            "encoder": {
                "name": "uni",
                "taps": [uni["stage_low"], uni["stage_high"]],
                "low_channels": uni["low_channels"],
                "high_channels": uni["out_channels"],
                "fine_tune": "frozen" if uni["freeze_backbone"] else "whole",
            },
            "decoder": {"dilations": released["dilations"]},
            "pseudo_label": {"threshold_start": released["thresh_init"]},
            "optimizer": {"encoder_lr": released["lr"], "lr": released["lr"] * released["lr_multi"]},
            "data": {"labeled_batch": released["batch_size"], "unlabeled_batch": released["batch_size"]},
        }
        n_classes = int(released["nclass"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is missing or is not a configuration of the released code",
            "the cfg.yaml that the released code was run with",
            "copy it beside the checkpoint",
        ) from error
    return resolve(settings, source=str(path)), n_classes


def build_released(config: Config, n_classes: int, tensors: Tensors) -> UniSemAlign:
    """The released network for these model tensors (our names), loaded with them; its ViT's size is read off them.

    Raises
    ------
    CheckpointError
        The tensors do not fit together.
    """
    try:
        width = tensors["encoder.trunk.pos_embed"].shape[-1]
        depth = 1 + max(int(name.split(".")[3]) for name in tensors if name.startswith("encoder.trunk.blocks."))
        patch = tensors["encoder.trunk.patch_embed.proj.weight"].shape[-1]
        trunk: Any = timm.create_model(
            "vit_large_patch16_224",
            pretrained=False,
            num_classes=0,
            init_values=1e-5,
            dynamic_img_size=True,
            embed_dim=width,
            depth=depth,
            patch_size=patch,
            num_heads=max(3, width // 64),  # 64 per head in every ViT since ViT-Ti, which has 3 heads
        )
        encoder_config = config.encoder
        encoder = vit_encoder(
            trunk,
            encoder_config.taps or (2, 9),
            encoder_config.low_channels,
            encoder_config.high_channels or 2048,
            fine_tuning=fine_tuning_of(encoder_config),
        )
        decoder = build_decoder(config.decoder, encoder.channels, encoder.strides, n_classes)
        text = LearnedText(n_classes, config.alignment.embedding_dim)
        model = UniSemAlign(encoder, decoder, n_classes=n_classes, alignment=config.alignment, text=text)
        load_released(model, tensors)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise CheckpointError(
            f"the released model's tensors do not fit its configuration ({error})",
            "a checkpoint and the cfg.yaml it was trained with",
            "check that both files come from one run",
        ) from error
    return model


def load_released(model: UniSemAlign, tensors: Tensors) -> None:
    """Load the released model's tensors (our names); ViT blocks after the deeper tap, which ours has not, are dropped.

    Raises
    ------
    KeyError
        A tensor of the encoder, decoder or pixel embedding is missing.
    RuntimeError
        A shape differs.
    """
    parts = ("encoder.", "decoder.", "embedding.")
    expected = [name for name in model.state_dict() if name.startswith(parts)]
    model.load_state_dict({name: tensors[name] for name in expected}, strict=False)
