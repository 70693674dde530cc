"""The one configuration of a run: strict, frozen, versioned, units in the names.

The window's form, the CLI and the run folder all use this model. Unknown keys and wrong types are errors that
name the key, the value and what is allowed. `variant` picks the defaults; whatever the user sets wins over them,
and the run folder records the resolved values, so a run never depends on what a later version's preset says.
"""

from __future__ import annotations

import json
import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.base.errors import ConfigError
from training_core.base.spec_version import FileFormat
from training_core.settings.explain import explain
from training_core.settings.variants import VARIANTS, layered

FORMAT = FileFormat(version=1, error=ConfigError)


class _Section(BaseModel):
    # no inf, no nan: config.json could not hold them
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class EncoderConfig(_Section):
    """The pathology (or ImageNet) network that reads the pixels."""

    name: str = Field(
        "efficientnet_lite0",
        description="a name listed by `python -m training_core encoders`, or any timm model name",
    )
    weights_path: str | None = Field(
        None, description="local weight file (.safetensors, .pth, .bin); None: the default source"
    )
    pretrained: bool = Field(True, description="False: random weights, for tests and benchmarks")
    offline: bool = Field(False, description="True: never download weights")
    fine_tune: Literal["frozen", "last_blocks", "lora", "whole"] | None = Field(
        None,
        description="what is trained of the encoder; None: nothing of a ViT, all of an encoder with a "
        "pyramid of feature maps",
    )
    last_blocks: int = Field(2, ge=1, description="for fine_tune = last_blocks: number of ViT blocks or pyramid stages")
    lora_rank: int = Field(
        8, ge=1, description="for fine_tune = lora: rank of the adapters in the attention layers of a ViT"
    )
    taps: tuple[int, int] | None = Field(
        None,
        description="ViT only: blocks, counted from 0, whose tokens are the low and high features; None: "
        "the encoder's default",
    )
    low_channels: int = Field(
        256, ge=1, description="ViT only: channels of the low features after their 1x1 projection"
    )
    high_channels: int | None = Field(
        None, ge=1, description="ViT only: channels of the high features; None: 256 with detail, else 2048"
    )
    detail: Literal["efficientnet_lite0", "convolutions", "none"] = Field(
        "efficientnet_lite0",
        description="ViT only: trained beside it for detail finer than its patches: the bundled network up to "
        "stride 16, or three convolutions",
    )


class TextConfig(_Section):
    """Where the class text vectors come from."""

    encoder: Literal["learned", "conch", "biomedclip", "plip", "quiltnet_b32", "quiltnet_b16", "open_clip"] = Field(
        "learned", description="learned vectors, or a frozen text encoder: a published one, or any of open_clip"
    )
    model_name: str = Field("ViT-B-32", description="open_clip only: name of the model")
    pretrained: str | None = Field(
        None, description="open_clip only: name of the published weights, such as laion2b_s34b_b79k"
    )
    weights_path: str | None = Field(
        None, description="local weight file; None: the local Hugging Face cache, else a download"
    )
    tokenizer_path: str | None = Field(
        None,
        description="conch, biomedclip: local tokenizer file (JSON); None: from the conch package or the "
        "Hugging Face hub",
    )
    offline: bool = Field(False, description="True: never download weights")
    context_tokens: int = Field(4, ge=0, le=8, description="learned context vectors per class (CoOp)")


class DecoderConfig(_Section):
    """What turns feature maps into class logits."""

    name: Literal["auto", "deeplabv3plus", "unet"] = Field(
        "auto", description="auto: unet if the encoder has a pyramid of feature maps, else deeplabv3plus"
    )
    dilations: tuple[int, int, int] = Field(
        (12, 24, 36), description="deeplabv3plus: dilation rates of the atrous convolutions"
    )


class AlignmentConfig(_Section):
    """The shared space of pixels, prototypes and text, and how their similarities are fused."""

    embedding_dim: int = Field(
        256, ge=8, description="D, the dimension of the space shared by pixels, prototypes and text"
    )
    use_prototypes: bool = Field(True, description="compare pixels with a prototype per class")
    use_text: bool = Field(True, description="compare pixels with a text vector per class")
    loss: Literal["mse", "cosine", "kl", "none"] = Field(
        "mse", description="loss that draws prototypes and text vectors together"
    )
    prototype_weight: float = Field(0.1, ge=0, description="weight of the prototype similarities in the fused logits")
    text_weight: float = Field(0.1, ge=0, description="weight of the text similarities in the fused logits")
    fusion: Literal["fixed", "learned"] = Field(
        "fixed",
        description="fixed weights, or weights learned from the embedding of each pixel, starting at the fixed ones",
    )
    logit_scale: float = Field(
        1.0, gt=0, description="factor on the cosine similarities before the softmax of their loss"
    )
    upsample: Literal["cosines", "features"] = Field(
        "cosines",
        description="what is upsampled to full resolution: cosine similarities, or features, as in the released code",
    )


class LossConfig(_Section):
    """Weights of the terms of the objective (docs/method.md)."""

    labeled: float = Field(1.0, ge=0, description="weight of the loss on labelled tiles")
    hard: float = Field(0.5, ge=0, description="weight of the loss on the classes of the pseudo-labels")
    soft: float = Field(0.25, ge=0, description="weight of the loss on the class probabilities of the pseudo-labels")
    perturbed: float = Field(0.25, ge=0, description="weight of the loss on pseudo-labels with perturbed features")
    alignment: float = Field(1.0, ge=0, description="weight of the prototype, text and alignment losses")
    balance: float | None = Field(
        None,
        ge=0,
        le=1,
        description="class balance in the loss on labelled tiles: 0, each pixel counts equally; 1, each class; "
        "None: 1 if crops are balanced (data.balance_classes)",
    )


class PseudoLabelConfig(_Section):
    """How the unlabelled tiles get their targets."""

    enabled: bool = Field(True, description="False: train on the labelled tiles only")
    hard_target: Literal["weak", "strong"] = Field("weak", description="view whose fused prediction is the hard target")
    mix_partner: Literal["batch", "own"] = Field(
        "batch", description="CutMix partners: the next image of the batch, or other tiles"
    )
    threshold: Literal["class_max", "mean", "per_class", "fixed"] = Field(
        "class_max",
        description="how the threshold adapts: to the largest or the mean confidence of the "
        "classes, separately per class, or not at all",
    )
    threshold_start: float = Field(
        0.7, ge=0, le=1, description="confidence from which a pixel enters the pseudo-label, at the start of training"
    )
    leave_out_unreliable: bool = Field(
        True,
        description="ignore the pseudo-labels of a class while fewer than half of its confident pixels are right "
        "on the validation tiles (without any: on held-out annotations)",
    )
    threshold_momentum: float = Field(0.999, ge=0, le=1, description="how slowly the threshold adapts; 1: not at all")


USUAL_SCALES = (0.4, 1.2)
"""Smallest and largest scale of a crop where nothing says otherwise."""


class AugmentConfig(_Section):
    """How the views of a tile are varied."""

    scale_min: float | None = Field(
        None, gt=0, description="smallest scale of a crop; 1: unchanged; None: 0.4, or less where structures are large"
    )
    scale_max: float | None = Field(
        None, gt=0, description="largest scale of a crop; 1: unchanged; None: 1.2, or less where structures are large"
    )
    rotate: bool = Field(True, description="quarter turns and vertical flips, in addition to horizontal flips")
    color_jitter_labeled: float = Field(
        0.0, ge=0, le=1, description="strength of colour jitter on labelled tiles, 0 to 1"
    )
    stain_jitter: float = Field(
        0.5, ge=0, le=1, description="strength of stain variation on labelled and strong views, 0 to 1"
    )
    exchange_stains: bool | None = Field(
        None,
        description="stain labelled views as other tiles are; None: where most annotated tiles show one class only",
    )

    @property
    def scales(self) -> tuple[float, float]:
        """The smallest and largest scale of a crop; the usual ones where neither settings nor tiles have decided."""
        low, high = USUAL_SCALES
        return self.scale_min or min(low, self.scale_max or low), self.scale_max or max(high, self.scale_min or high)

    @property
    def middle_scale(self) -> float:
        """Half of the crops are larger, half smaller."""
        low, high = self.scales
        return math.sqrt(low * high)


class OptimizerConfig(_Section):
    """Optimiser and learning rates."""

    name: Literal["sgd", "adamw"] = Field("adamw", description="optimisation algorithm")
    encoder_lr: float = Field(5e-4, gt=0, description="learning rate of the encoder")
    lr: float = Field(1e-3, gt=0, description="learning rate of everything else")
    momentum: float = Field(
        0.9, ge=0, lt=1, description="sgd only: share of the previous update that is added to the next"
    )
    weight_decay: float = Field(1e-4, ge=0, description="strength of the weight decay")
    poly_power: float = Field(0.9, gt=0, description="decay of the learning rate: (1 - progress) to this power")
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises at the start of training")


class ScheduleConfig(_Section):
    """How long to train: minutes before epochs before steps, whichever is set first."""

    steps: int = Field(400, ge=1, description="updates of the weights")
    epochs: int | None = Field(
        None, ge=1, description="passes over the unlabelled tiles, or over the labelled ones if there are no others"
    )
    minutes: float | None = Field(
        None, gt=0, description="training time in minutes; a time chosen beside Start overrides it"
    )
    validate_every_steps: int = Field(50, ge=1, description="steps between two validations")
    warm_start: bool = Field(
        True, description="start from the best weights of the project's latest finished run, if it has the same network"
    )
    quick_start: bool = Field(
        True,
        description="show the first overlays from the pixel classifier, and keep its predictions until the network "
        "scores as well; without validation tiles, some annotations are held out to compare them",
    )


class DataConfig(_Section):
    """Crops and batches."""

    crop_px: int = Field(256, ge=32, description="side of the square crops, in px")
    context_px: int = Field(
        128,
        ge=0,
        le=1024,
        description="how far crops reach past the edge of a tile into its slide, in px of the tile, unlabelled there; "
        "0: the tissue is mirrored, as of tiles without a slide",
    )
    labeled_batch: int = Field(4, ge=1, description="labelled crops per step")
    unlabeled_batch: int = Field(4, ge=1, description="unlabelled crops per step")
    min_labeled_tiles: int = Field(2, ge=1, description="smallest number of labelled tiles with which training starts")
    mpp: float | None = Field(
        None,
        ge=0.02,
        le=20,
        description="pixel size in µm/px that tiles are resampled to; None: the median of the tiles",
    )
    balance_classes: bool | None = Field(
        None,
        description="sample labelled crops so that each class occurs equally often; None: with more than two "
        "classes or partial labels",
    )


class TeacherConfig(_Section):
    """The moving average of the network that makes pseudo-labels and predicts."""

    ema_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="how slowly the teacher follows the network; 0: the network is its own teacher, as in the paper",
    )


WINDOW_PX = 1024
"""Side of the sliding window where none is set."""
VIEWS = 4
"""Views that are averaged where their number is not set."""


class InferenceConfig(_Section):
    """The sliding window."""

    window_px: int | None = Field(
        None,
        ge=32,
        description="side of the sliding window, in px; None: 1024, or 512 for a ViT, whose "
        "attention slows down with larger windows",
    )
    stride_fraction: float = Field(
        0.75, gt=0, le=1, description="step of the sliding window, as a fraction of its side"
    )
    scale: float | None = Field(
        None,
        gt=0,
        le=4,
        description="prediction scale, by which images are resampled; None: the best one on the validation tiles",
    )
    foreground_weight: float | None = Field(
        None,
        gt=0,
        le=16,
        description="factor of the probability of every class but the background; None: the best one on the "
        "validation tiles, or 1",
    )
    views: Literal[1, 2, 4, 8] | None = Field(
        None,
        description="views averaged per image: 2 or 4 with quarter turns, 8 with mirror images too; None: 4, or "
        "1 for a ViT, which is slower",
    )
    objects: Literal["separated", "connected"] = Field(
        "separated",
        description="separated: touching objects are parted and specks removed as the validation tiles show is "
        "best; connected: objects are whatever pixels are connected",
    )

    @property
    def side_px(self) -> int:
        """Side of the window that is used."""
        return self.window_px or WINDOW_PX

    @property
    def n_views(self) -> int:
        """How many views are averaged."""
        return self.views or VIEWS


class RuntimeConfig(_Section):
    """Where and in which precision to compute."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="cuda: NVIDIA GPU; mps: Apple GPU; auto: the fastest available"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="bfloat16: faster, with less memory, where supported; auto: where it is faster"
    )


class Config(_Section):
    """Everything a run depends on besides the project's data."""

    spec_version: Literal[1] = 1
    variant: Literal["best", "paper", "released"] = Field(
        "best",
        description="set of default settings: our best, the paper as written, or the code released by its authors",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="random seed, which makes a run repeatable")
    encoder: EncoderConfig = EncoderConfig()
    text: TextConfig = TextConfig()
    decoder: DecoderConfig = DecoderConfig()
    alignment: AlignmentConfig = AlignmentConfig()
    losses: LossConfig = LossConfig()
    pseudo_label: PseudoLabelConfig = PseudoLabelConfig()
    augment: AugmentConfig = AugmentConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    teacher: TeacherConfig = TeacherConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    data: DataConfig = DataConfig()
    inference: InferenceConfig = InferenceConfig()
    runtime: RuntimeConfig = RuntimeConfig()


def resolve(user: dict[str, Any] | None = None, *, source: str = "the configuration") -> Config:
    """The variant's preset with the user's nested values on top, validated.

    Raises
    ------
    ConfigError
        An unknown key, a wrong type, a value out of range, or settings of a newer version; names key, value and
        allowed ones.
    """
    user = _of_earlier_versions(FORMAT.up_to_date({} if user is None else user, source))
    variant = user.get("variant", "best")
    preset = VARIANTS.get(variant, {}) if isinstance(variant, str) else {}
    merged = layered(preset, user)
    try:
        config = Config.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        raise explain(error, Config, source) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{source} has a value that is not plain data ({error})",
            "numbers, text, true or false, lists",
            "remove it",
        ) from error
    _check_together(config, source)
    return config


def _of_earlier_versions(user: dict[str, Any]) -> dict[str, Any]:
    """The settings with what the config.json of earlier runs has under other names as it is called now."""
    encoder = user.get("encoder")
    if not isinstance(encoder, dict):
        return user
    encoder = dict(encoder)
    if isinstance(encoder.get("trainable"), bool):
        encoder = {"fine_tune": "whole" if encoder.pop("trainable") else "frozen", **encoder}
    if isinstance(encoder.get("detail"), bool):
        encoder["detail"] = "convolutions" if encoder["detail"] else "none"
    return {**user, "encoder": encoder}


def _check_together(config: Config, source: str) -> None:
    """Refuse values that are fine by themselves but not beside each other."""
    pseudo_label, augment = config.pseudo_label, config.augment
    strong = pseudo_label.hard_target == "strong"
    if strong and config.teacher.ema_decay > 0:
        given = f"pseudo_label.hard_target = 'strong' and teacher.ema_decay = {config.teacher.ema_decay}"
        needed, hint = "no teacher: with one, the hard target is the teacher's", "set teacher.ema_decay = 0"
    elif strong and pseudo_label.mix_partner != "own":
        given = f"pseudo_label.hard_target = 'strong' and mix_partner = {pseudo_label.mix_partner!r}"
        needed, hint = "CutMix partners of their own, as in the released code", "set pseudo_label.mix_partner = own"
    elif pseudo_label.enabled and config.teacher.ema_decay == 0 and config.data.unlabeled_batch < 2:
        given = "data.unlabeled_batch = 1 and teacher.ema_decay = 0, so that the strong view passes alone"
        needed, hint = "at least 2 images in a pass, for batch normalisation", "set data.unlabeled_batch = 2"
    elif not pseudo_label.enabled and config.data.labeled_batch < 2:
        given = "data.labeled_batch = 1 and no unlabelled tiles beside it"
        needed, hint = "at least 2 images in a pass, for batch normalisation", "set data.labeled_batch = 2"
    elif augment.scales[0] > augment.scales[1]:
        given = f"augment.scale_min = {augment.scale_min} and augment.scale_max = {augment.scale_max}"
        needed, hint = "a scale_min that is not above scale_max", "swap the two"
    else:
        return
    raise ConfigError(f"{source} has {given}", needed, hint)
