"""Both decoders: shapes, sizes, what each one reads, and a DeepLabV3+ written out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.training_core.network.contracts import DecoderContract
from training_core.base.errors import ConfigError
from training_core.network.decoders import DeepLabV3Plus, UNet, build_decoder
from training_core.network.decoders.layers import AtrousConv, high_index, low_index
from training_core.network.model import UniSemAlign
from training_core.settings.schema import DecoderConfig

PYRAMID = ((16, 24, 40, 112, 320), (2, 4, 8, 16, 32))
VIT = ((32, 64), (16, 16))


def features(channels: tuple[int, ...], strides: tuple[int, ...], size: tuple[int, int] = (64, 96)) -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    maps = zip(channels, strides, strict=True)
    return [torch.randn(2, c, size[0] // s, size[1] // s, generator=g, requires_grad=True) for c, s in maps]


def config(name: str) -> DecoderConfig:
    return DecoderConfig.model_validate({"name": name, "dilations": (1, 2, 3)})


class TestUNetOfAPyramid(DecoderContract):
    name, (channels, strides) = "unet", PYRAMID
    stride, reads = 2, (0, 1, 2, 3, 4)


class TestDeepLabOfAPyramid(DecoderContract):
    name, (channels, strides) = "deeplabv3plus", PYRAMID
    stride, reads = 4, (1, 3)


class TestDeepLabOfAVit(DecoderContract):
    name, (channels, strides) = "deeplabv3plus", VIT
    stride, reads = 16, (0, 1)


class TestUNetOfAVitWithDetail(DecoderContract):
    """Maps whose strides are no multiples of each other."""

    name, channels, strides = "unet", (16, 32, 64, 8, 32), (2, 4, 8, 14, 14)
    stride, reads = 2, (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("name", "shapes", "kind"),
    [
        ("auto", PYRAMID, UNet),
        ("auto", VIT, DeepLabV3Plus),
        ("unet", PYRAMID, UNet),
        ("deeplabv3plus", PYRAMID, DeepLabV3Plus),
        ("deeplabv3plus", VIT, DeepLabV3Plus),
    ],
)
def test_the_decoder_of_a_configuration(name: str, shapes: Any, kind: type) -> None:
    decoder = build_decoder(config(name), *shapes, n_classes=5)
    assert isinstance(decoder, kind)
    if isinstance(decoder, DeepLabV3Plus):
        assert (decoder.low_index, decoder.high_index) == ((1, 3) if shapes is PYRAMID else (0, 1))


def test_a_unet_needs_a_pyramid() -> None:
    with pytest.raises(ConfigError, match=r"2 feature maps.*decoder\.name=deeplabv3plus"):
        build_decoder(config("unet"), *VIT, n_classes=2)


@pytest.mark.parametrize(
    ("strides", "low", "high"),
    [((2, 4, 8, 16, 32), 1, 3), ((4, 8, 16, 32), 0, 2), ((16, 16), 0, 1), ((14, 14), 0, 1), ((32, 32), 0, 1)],
)
def test_low_and_high_features(strides: tuple[int, ...], low: int, high: int) -> None:
    assert (low_index(strides), high_index(strides)) == (low, high)


def test_deeplab_written_out_again() -> None:
    """Five branches of an eighth of the channels, projected, upsampled, joined with 48 low ones, two 3x3."""
    torch.manual_seed(0)
    decoder = DeepLabV3Plus((16, 64), (4, 16), 3, dilations=(2, 3, 4)).eval()
    for module in decoder.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics that matter
            module.running_mean = 0.1 * torch.randn_like(cast(Tensor, module.running_mean))
            module.running_var = 0.5 + torch.rand_like(cast(Tensor, module.running_var))
    state = decoder.state_dict()
    low, high = (m.detach() for m in features((16, 64), (4, 16)))

    def block(x: Tensor, name: str, dilation: int = 1, first: int = 0) -> Tensor:
        weight = state[f"{name}.{first}.weight"]
        out = F.conv2d(x, weight, padding=dilation * (weight.shape[-1] // 2), dilation=dilation)
        norm = f"{name}.{first + 1}"
        mean, var = (state[f"{norm}.running_{k}"].view(1, -1, 1, 1) for k in ("mean", "var"))
        gain, bias = (state[f"{norm}.{k}"].view(1, -1, 1, 1) for k in ("weight", "bias"))
        return (gain * (out - mean) / (var + 1e-5).sqrt() + bias).clamp(min=0)

    branches = [block(high, "head.b0")]
    branches += [block(high, f"head.b{i}", rate) for i, rate in ((1, 2), (2, 3), (3, 4))]
    pooled = block(high.mean((2, 3), keepdim=True), "head.b4.gap", first=1)
    branches.append(pooled.expand(-1, -1, *high.shape[2:]))
    assert all(b.shape[1] == 8 for b in branches)
    x = block(torch.cat(branches, 1), "head.project")
    x = F.interpolate(x, size=low.shape[2:], mode="bilinear", align_corners=True)
    reduced = block(low, "reduce")
    assert reduced.shape[1] == 48
    x = block(block(torch.cat([reduced, x], 1), "fuse"), "fuse", first=3)
    expected = F.conv2d(x, state["classifier.weight"], state["classifier.bias"])
    torch.testing.assert_close(decoder([low, high]).detach(), expected, atol=1e-4, rtol=1e-4)


# --- the network around them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoder", ["unet", "deeplabv3plus"])
@pytest.mark.parametrize("size", [(32, 40), (33, 47), (8, 9)])
def test_the_network_takes_any_size(
    tiny_model: Callable[..., UniSemAlign], decoder: str, size: tuple[int, int]
) -> None:
    model = tiny_model(5, decoder=decoder).eval()
    with torch.no_grad():
        output = model(torch.randn(2, 3, *size), perturb_from=1)
        similar = model.similarities(output)
    assert output.logits.shape == (2, 5, *size)
    assert output.perturbed is not None
    assert output.perturbed.shape == (1, 5, *size)
    for maps in (similar.prototype, similar.text, model.fused(output)):
        assert maps is not None
        assert maps.shape == (2, 5, *size)


def test_padding_to_the_encoder_s_multiple_replicates_the_edge(tiny_model: Callable[..., UniSemAlign]) -> None:
    model = tiny_model(3).eval()
    image = torch.randn(1, 3, 13, 20)
    padded = torch.cat([image, image[:, :, -1:].expand(-1, -1, 3, -1)], 2)
    padded = torch.cat([padded, padded[..., -1:].expand(-1, -1, -1, 4)], 3)
    with torch.no_grad():
        small, large = model(image), model(padded)
        assert torch.equal(small.logits, large.logits[..., :13, :20])
        assert torch.equal(model.fused(small), model.fused(large)[..., :13, :20])


def test_perturbation_drops_half_of_whole_channels_of_every_map(tiny_model: Callable[..., UniSemAlign]) -> None:
    model = tiny_model(3).train()
    seen: list[list[Tensor]] = []
    model.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.randn(4, 3, 32, 32), perturb_from=1)
    for maps in seen[0]:
        plain, dropped = maps[1:4], maps[4:]
        kept = (dropped != 0).flatten(2).any(2)
        assert 0.2 < kept.float().mean() < 0.8
        expected = 2 * plain * kept[..., None, None]
        torch.testing.assert_close(dropped, expected)


def test_normalization_of_bytes_and_of_floats(tiny_model: Callable[..., UniSemAlign]) -> None:
    model = tiny_model()
    image = torch.randint(256, (1, 3, 4, 4), dtype=torch.uint8)
    expected = torch.stack(
        [(image[0, c] / 255 - m) / s for c, (m, s) in enumerate(zip((0.5, 0.4, 0.6), (0.2, 0.3, 0.25), strict=True))]
    )
    torch.testing.assert_close(model.normalize(image)[0], expected)
    pixels = torch.randint(0, 256, (2, 7, 9, 3), dtype=torch.uint8)
    as_read, as_planes = pixels.permute(0, 3, 1, 2), pixels.permute(0, 3, 1, 2).contiguous()
    for values in (as_read, as_planes):  # one order of the values in memory is normalised faster, to the same bits
        assert torch.equal(model.normalize(values), (values / 255 - model.mean) / model.std)
        assert torch.equal(model.normalize(values / 255), (values / 255 - model.mean) / model.std)
    assert torch.equal(as_read, as_planes)
    torch.testing.assert_close(model.normalize(image.float() / 255)[0], expected)


@pytest.mark.parametrize(("size", "rate"), [((5, 7), 8), ((6, 6), 6), ((3, 9), 6), ((12, 12), 2)])
def test_leaving_out_taps_in_the_padding_changes_nothing(size: tuple[int, int], rate: int) -> None:
    torch.manual_seed(0)
    convolution = AtrousConv(4, 3, rate).double()
    x = torch.randn(2, 4, *size, dtype=torch.double, requires_grad=True)
    results = []
    for forward in (convolution.forward, lambda maps: nn.Conv2d.forward(convolution, maps)):
        answer = forward(x)
        results.append((answer, *torch.autograd.grad(answer.pow(2).sum(), [x, convolution.weight])))
    for ours, whole in zip(*results, strict=True):
        torch.testing.assert_close(ours, whole)
