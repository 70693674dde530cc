"""The network: encoder, decoder and the shared embedding of pixels, prototypes and text, as one module.

Source: UniSemAlign (arXiv 2604.09169); shapes in docs/method.md. B images, C classes, H x W pixels, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training_core.compute.device import Compute
from training_core.network.alignment import FusionWeights, PixelEmbedding, Prototypes, Similarities, fuse, similarities
from training_core.network.decoders import build_decoder
from training_core.network.decoders.layers import high_index
from training_core.network.encoders import Encoder, build_encoder, filled_in, is_external
from training_core.network.text import NamedClass, build_text
from training_core.settings.schema import AlignmentConfig, Config


@dataclass(frozen=True)
class Output:
    """What one pass gives.

    Attributes
    ----------
    logits
        S_dl (B, C, H, W).
    embedding
        (B, D, h, w), not normalised.
    perturbed
        S_dl of the rows asked for, from features with half their channels dropped.
    """

    logits: Tensor
    embedding: Tensor
    perturbed: Tensor | None = None

    def rows(self, start: int | None, stop: int | None) -> Output:
        """The same for the images start to stop, without the perturbed logits."""
        return Output(self.logits[start:stop], self.embedding[start:stop])


class UniSemAlign(nn.Module):
    """Normalised images (B, 3, H, W) to `Output`; H and W are padded inside to what the encoder needs."""

    def __init__(
        self,
        encoder: Encoder,
        decoder: nn.Module,
        *,
        n_classes: int,
        alignment: AlignmentConfig,
        text: nn.Module | None,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.encoder_is_external = False
        """True: the encoder is frozen and comes from its own weights again, so checkpoints leave it out."""
        self.alignment = alignment
        self.encoder = encoder
        self.decoder = decoder
        self.high_index = high_index(encoder.strides)
        self.embedding = PixelEmbedding(encoder.channels[self.high_index], alignment.embedding_dim)
        self.prototypes = Prototypes(n_classes, alignment.embedding_dim) if alignment.use_prototypes else None
        self.text = text
        self.fusion_weights = (
            FusionWeights(alignment.embedding_dim, alignment.prototype_weight, alignment.text_weight)
            if alignment.fusion == "learned"
            else None
        )
        self.perturbation = nn.Dropout2d(0.5)
        self.register_buffer("mean", torch.tensor(encoder.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(encoder.std).view(1, 3, 1, 1), persistent=False)

    def normalize(self, images: Tensor) -> Tensor:
        """RGB (B, 3, H, W), uint8 or 0..1 float, as the encoder wants it."""
        mean, std = cast(Tensor, self.mean), cast(Tensor, self.std)
        if images.dtype != torch.uint8:
            return (images - mean) / std
        scaled = images.float().div_(255)
        if not scaled.is_contiguous(memory_format=torch.channels_last):
            return scaled.sub_(mean).div_(std)
        pixels = scaled.permute(0, 2, 3, 1)
        rows = pixels.flatten(2)  # as long rows: three channels by themselves are slow
        means, stds = [each.flatten().repeat(scaled.shape[-1]) for each in (mean, std)]
        return rows.sub_(means).div_(stds).view(pixels.shape).permute(0, 3, 1, 2)

    def forward(self, images: Tensor, perturb_from: int | None = None) -> Output:
        """One pass; from row `perturb_from` on, a second decoder pass sees features with dropped channels."""
        size = (images.shape[-2], images.shape[-1])
        padded = _pad_to_multiple(images, self.encoder.multiple_px)
        features = self.encoder(padded)
        embedding = self.embedding(features[self.high_index])
        if perturb_from is not None:
            features = [torch.cat([f, self.perturbation(f[perturb_from:])]) for f in features]
        logits = F.interpolate(
            self.decoder(features).float(), size=padded.shape[-2:], mode="bilinear", align_corners=True
        )
        logits = logits[..., : size[0], : size[1]]
        n = len(images)
        return Output(logits[:n], embedding.float(), logits[n:] if perturb_from is not None else None)

    def decode(self, images: Tensor) -> Tensor:
        """S_dl (B, C, H, W) of normalised images alone, as `forward` has it, where nothing else is asked for."""
        padded = _pad_to_multiple(images, self.encoder.multiple_px)
        logits = self.decoder(self.encoder(padded)).float()
        whole = F.interpolate(logits, size=padded.shape[-2:], mode="bilinear", align_corners=True)
        return whole[..., : images.shape[-2], : images.shape[-1]]

    def similarities(self, output: Output) -> Similarities:
        """S_zp and S_zt, (B, C, H, W), of an output's pixels."""
        similar = similarities(
            output.embedding,
            self.prototypes() if self.prototypes is not None else None,
            self.text() if self.text is not None else None,
            self._padded_size(output),
            features_first=self.alignment.upsample == "features",
        )
        height, width = output.logits.shape[-2:]

        def cropped(maps: Tensor | None) -> Tensor | None:
            return None if maps is None else maps[..., :height, :width]

        return Similarities(cropped(similar.prototype), cropped(similar.text))

    def fused(self, output: Output, similar: Similarities | None = None) -> Tensor:
        """S_fuse, (B, C, H, W). Learned weights alone get a gradient here; the fixed ones have none to get."""
        similar = similar if similar is not None else self.similarities(output)
        if self.fusion_weights is None:
            fixed = self.alignment
            return fuse(output.logits, similar, prototype_weight=fixed.prototype_weight, text_weight=fixed.text_weight)
        maps = F.interpolate(
            self.fusion_weights(output.embedding.detach()).float(),
            size=self._padded_size(output),
            mode="bilinear",
            align_corners=True,
        )[..., : output.logits.shape[-2], : output.logits.shape[-1]]
        detached = Similarities(*(None if s is None else s.detach() for s in (similar.prototype, similar.text)))
        return fuse(output.logits.detach(), detached, prototype_weight=maps[:, :1], text_weight=maps[:, 1:])

    def _padded_size(self, output: Output) -> tuple[int, int]:
        """Height and width that the encoder saw."""
        multiple = self.encoder.multiple_px
        height, width = (-(-side // multiple) * multiple for side in output.logits.shape[-2:])
        return height, width


def build_model(
    config: Config, classes: Sequence[NamedClass], *, from_checkpoint: bool = False, encoder: Encoder | None = None
) -> UniSemAlign:
    """The network that `config` describes, for these classes, with the encoder's (and text tower's) own weights.

    Parameters
    ----------
    from_checkpoint
        Whether a checkpoint will be loaded into it, so that weights which are in there are not asked for.
    encoder
        The encoder of `config`, where it was built already.

    Raises
    ------
    WeightsError
        Weights are missing or do not fit.
    ConfigError
        The parts do not go together.
    """
    if from_checkpoint:  # the first weights are chance, and replaced: the caller's random numbers are not used up
        with torch.random.fork_rng(devices=[]):
            return _built(config, classes, encoder, from_checkpoint=True)
    return _built(config, classes, encoder, from_checkpoint=False)


def _built(
    config: Config, classes: Sequence[NamedClass], encoder: Encoder | None, *, from_checkpoint: bool
) -> UniSemAlign:
    encoder_config = filled_in(config.encoder)
    external = is_external(encoder_config)
    if from_checkpoint and not external:
        encoder_config = encoder_config.model_copy(update={"pretrained": False, "weights_path": None})
    encoder = build_encoder(encoder_config) if encoder is None else encoder
    decoder = build_decoder(config.decoder, encoder.channels, encoder.strides, len(classes))
    text = build_text(config.text, classes, config.alignment.embedding_dim) if config.alignment.use_text else None
    model = UniSemAlign(encoder, decoder, n_classes=len(classes), alignment=config.alignment, text=text)
    model.encoder_is_external = external
    return model


def placed(model: UniSemAlign, compute: Compute) -> UniSemAlign:
    """The model on its device and in its memory layout, changed in place.

    Under bfloat16 autocast the layers of a frozen trunk compute in bfloat16; they are also held so, which gives the
    same results for half the memory and without a conversion in every pass.
    """
    model = model.to(compute.device).to(memory_format=compute.memory_format)
    trunk = model.encoder.trunk
    if compute.precision == "bfloat16" and not any(p.requires_grad for p in trunk.parameters()):
        for layer in trunk.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                layer.to(torch.bfloat16)
    return model


def _pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Right and bottom replicated until both sides are multiples."""
    height, width = images.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    return F.pad(images, (0, right, 0, bottom), mode="replicate") if bottom or right else images
