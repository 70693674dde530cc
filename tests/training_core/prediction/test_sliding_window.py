"""The sliding window: equal to the whole image where it must be, every pixel covered, blended as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.compute.device import Compute
from training_core.network.encoders import Encoder
from training_core.network.model import UniSemAlign
from training_core.network.text import LearnedText
from training_core.prediction.calibration import Readout
from training_core.prediction.sliding_window import predict_image, predict_probabilities
from training_core.settings.schema import AlignmentConfig, InferenceConfig

CPU = Compute(torch.device("cpu"), "float32")
C = 3


class PointwiseEncoder(Encoder):
    """One map at full resolution: each pixel by itself."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 1), channels=(8,), strides=(1,), mean=(0.5,) * 3, std=(0.1,) * 3, multiple_px=1
        )  # fmt: skip

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        return [self.trunk(images)]


class First(nn.Module):
    """A decoder: a function of the first map."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.function(features[0])


@pytest.fixture
def pointwise() -> UniSemAlign:
    """A network that sees one pixel at a time, in all of its three branches."""
    torch.manual_seed(0)
    alignment = AlignmentConfig(embedding_dim=8, prototype_weight=2.0, text_weight=1.0)
    model = UniSemAlign(
        PointwiseEncoder(), First(nn.Conv2d(8, C, 1)), n_classes=C, alignment=alignment, text=LearnedText(C, 8)
    )
    around = torch.ones(3, 3, dtype=torch.bool)
    around[1, 1] = False
    with torch.no_grad():
        model.embedding[0].weight[:, :, around] = 0
    return model.eval()


def picture(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


SIZES = [(64, 64), (65, 64), (63, 200), (200, 130), (40, 50), (64, 129), (32, 333)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stride", [1.0, 0.75, 2 / 3, 0.5, 0.1])
def test_windows_of_a_pointwise_network_give_what_the_whole_image_gives(
    pointwise: UniSemAlign, size: tuple[int, int], stride: float
) -> None:
    if stride == 0.1 and max(size) > 130:
        size = (70, 90)
    image = picture(*size)
    with torch.no_grad():
        output = pointwise(pointwise.normalize(torch.from_numpy(image).permute(2, 0, 1)[None]))
        decoder, fused = output.logits.softmax(1)[0], pointwise.fused(output).softmax(1)[0]
    result = predict_image(pointwise, image, InferenceConfig(window_px=64, stride_fraction=stride, views=1), CPU)
    for label, confidence, expected in (
        (result.prediction, result.confidence, decoder),
        (result.fused, result.fused_confidence, fused),
    ):
        assert label.shape == confidence.shape == size
        assert label.dtype == np.uint8
        assert np.array_equal(label, expected.argmax(0).numpy())
        np.testing.assert_allclose(confidence, expected.max(0).values.numpy(), atol=1e-5)
    assert not np.array_equal(result.prediction, result.fused)  # else the branches are not seen


@pytest.mark.parametrize(("size", "stride"), [((64, 64), 0.5), ((200, 130), 0.75), ((40, 333), 1.0), ((100, 65), 0.1)])
def test_windows_are_whole_cover_everything_and_overlap_as_asked(
    pointwise: UniSemAlign, size: tuple[int, int], stride: float
) -> None:
    """Each pixel carries its own position, so the network's inputs say which windows were cut."""
    rows, columns = np.indices(size)
    image = np.stack([rows, columns % 256, columns // 256], axis=2).astype(np.uint8)
    windows: list[tuple[int, int, int, int]] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        raw = (inputs[0][0] * 0.1 + 0.5) * 255
        y, x = raw[0].round().int(), (raw[1].round() + 256 * raw[2].round()).int()
        windows.append((int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1))

    pointwise.encoder.register_forward_pre_hook(note)
    predict_image(pointwise, image, InferenceConfig(window_px=64, stride_fraction=stride, views=1), CPU)
    covered = np.zeros(size, int)
    for top, left, bottom, right in windows:
        assert (bottom - top, right - left) == (min(64, size[0]), min(64, size[1]))
        covered[top:bottom, left:right] += 1
    assert covered.min() >= 1
    for starts in ({w[0] for w in windows}, {w[1] for w in windows}):
        assert all(gap <= np.ceil(64 * stride) for gap in np.diff(sorted(starts)))
    assert len(windows) == len(set(windows))
    if size == (64, 64):
        assert len(windows) == 1


def test_overlaps_are_blended_linearly_towards_the_edge() -> None:
    """A network that answers with the window's mean brightness: what each window says is known, the blend is not."""
    alignment = AlignmentConfig(embedding_dim=8, use_prototypes=False, use_text=False)

    def mean_brightness(features: Tensor) -> Tensor:
        mean = features.mean((1, 2, 3), keepdim=True)
        return torch.cat([mean, -mean], 1).expand(-1, -1, *features.shape[2:])

    torch.manual_seed(0)
    model = UniSemAlign(PointwiseEncoder(), First(mean_brightness), n_classes=2, alignment=alignment, text=None).eval()
    image = np.zeros((32, 56, 3), np.uint8)
    image[:, 28:] = 255
    windows = [(0, 32), (24, 56)]  # 32 wide, at most 24 apart
    shares = []
    with torch.no_grad():
        for left, right in windows:
            window = torch.from_numpy(image[:, left:right]).permute(2, 0, 1)[None]
            shares.append(float(model(model.normalize(window)).logits.softmax(1)[0, 0, 0, 0]))
    assert abs(shares[0] - shares[1]) > 0.05
    result = predict_image(model, image, InferenceConfig(window_px=32, stride_fraction=0.75), CPU)
    for x in range(56):
        weights = [min(x + 0.5 - left, right - x - 0.5) if left <= x < right else 0 for left, right in windows]
        share = sum(w * s for w, s in zip(weights, shares, strict=True)) / sum(weights)
        np.testing.assert_allclose(result.confidence[:, x], max(share, 1 - share), atol=1e-5)
        assert set(result.prediction[:, x].tolist()) == {int(share < 0.5)}


def by_definition(
    model: UniSemAlign, image: NDArray[np.uint8], config: InferenceConfig, readout: Readout
) -> tuple[Tensor, Tensor]:
    """Probabilities (C, H, W) of the decoder, at the temperature, and of the fused logits, all in memory."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    size = [max(32, round(side * readout.scale)) for side in image.shape[:2]]
    if readout.scale != 1:
        pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    side, starts = config.side_px, []
    for length in size:
        steps = int(np.ceil(max(0, length - side) / (side * config.stride_fraction)))
        starts.append([round(i * (length - side) / steps) for i in range(steps + 1)] if steps else [0])
    sums, weights = torch.zeros(2, model.n_classes, *size), torch.zeros(*size)
    for top in starts[0]:
        for left in starts[1]:
            window = pixels[..., top : top + side, left : left + side]
            place = slice(top, top + window.shape[-2]), slice(left, left + window.shape[-1])
            y, x = (torch.arange(n) + 0.5 for n in window.shape[-2:])
            weight = torch.minimum(y, len(y) - y)[:, None] * torch.minimum(x, len(x) - x)
            for view in range(config.n_views):
                seen = torch.rot90(window.flip(-1) if view >= 4 else window, view % 4, (-2, -1))
                output = model(model.normalize(seen))
                both = torch.cat([each.softmax(1) for each in (output.logits, model.fused(output))])
                both = torch.rot90(both, -(view % 4), (-2, -1))
                sums[:, :, *place] += weight * (both.flip(-1) if view >= 4 else both) / config.n_views
            weights[place] += weight
    blended = sums / weights
    if readout.scale != 1:
        blended = F.interpolate(blended, size=image.shape[:2], mode="bilinear", align_corners=False)
    blended[0, readout.ground] /= readout.foreground_weight
    return (blended[0].log() / readout.temperature).softmax(0), blended[1] / blended[1].sum(0)


@pytest.mark.parametrize("size", [(150, 91), (64, 64), (33, 47)])
@pytest.mark.parametrize("scale", [1.0, 0.5, 0.73, 1.5])
@pytest.mark.parametrize(("stride", "views", "temperature"), [(2 / 3, 1, 1.0), (0.4, 2, 1.7), (0.75, 8, 0.6)])
def test_prediction_is_what_its_definition_says(
    tiny_model: Callable[..., UniSemAlign], size: tuple[int, int], scale: float, stride: float, views: Any,
    temperature: float,
) -> None:  # fmt: skip
    model, image = tiny_model(3).eval(), picture(*size)
    model.decoder.register_forward_hook(lambda _, inputs, logits: 20 * logits)  # else all confidences are about 1/3
    config = InferenceConfig(window_px=64, stride_fraction=stride, views=views)
    readout = Readout(scale, temperature, ground=1, foreground_weight=temperature)
    result = predict_image(model, image, config, CPU, readout)
    with torch.inference_mode():
        decoder, fused = by_definition(model, image, config, readout)
    for expected, label, confidence in (
        (decoder, result.prediction, result.confidence),
        (fused, result.fused, result.fused_confidence),
    ):
        np.testing.assert_allclose(confidence, expected.max(0).values.numpy(), atol=1e-5)
        first, second = expected.topk(2, dim=0).values
        clear = (first - second > 1e-5).numpy()  # what is as likely as another class by rounding may fall either way
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(label[clear], expected.argmax(0).numpy()[clear])


@pytest.mark.parametrize("size", [(33, 47), (96, 70), (32, 32)])
def test_a_real_network_on_any_size(tiny_model: Callable[..., UniSemAlign], size: tuple[int, int]) -> None:
    model = tiny_model(5).eval()
    result: Any = predict_image(model, picture(*size), InferenceConfig(window_px=64), CPU)
    assert result.prediction.shape == result.fused.shape == size
    assert result.prediction.max() < 5
    for confidence in (result.confidence, result.fused_confidence):
        assert 0.2 <= confidence.min() <= confidence.max() <= 1


def test_bfloat16_predicts_nearly_the_same(tiny_model: Callable[..., UniSemAlign]) -> None:
    model, image = tiny_model(3).eval(), picture(64, 64)
    results = [
        predict_image(model, image, InferenceConfig(), Compute(torch.device("cpu"), p)) for p in ("float32", "bfloat16")
    ]
    assert results[1].confidence.dtype == np.float32
    np.testing.assert_allclose(results[0].confidence, results[1].confidence, atol=0.03)


def test_predicting_needs_no_gradient_and_keeps_the_image(tiny_model: Callable[..., UniSemAlign]) -> None:
    model, image = tiny_model(3).eval(), picture(64, 64)
    before = image.copy()
    predict_image(model, image, InferenceConfig(), CPU)
    assert np.array_equal(image, before)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("views", [2, 4, 8])
def test_views_are_averaged(tiny_model: Callable[..., UniSemAlign], views: int) -> None:
    model = tiny_model(C).eval()
    image = picture(64, 48)
    changes: list[Callable[[Any], Any]] = [lambda a: a, np.rot90]
    undo: list[Callable[[Any], Any]] = [lambda a: a, lambda a: np.rot90(a, -1)]
    if views >= 4:
        changes += [lambda a: np.rot90(a, 2), lambda a: np.rot90(a, -1)]
        undo += [lambda a: np.rot90(a, 2), np.rot90]
    if views == 8:
        changes += [lambda a: np.flip(a, 1), lambda a: np.flip(a, 0)]
        undo += [lambda a: np.flip(a, 1), lambda a: np.flip(a, 0)]
        changes += [lambda a: a.swapaxes(0, 1), lambda a: np.rot90(a, 2).swapaxes(0, 1)]
        undo += [lambda a: a.swapaxes(0, 1), lambda a: np.rot90(a.swapaxes(0, 1), 2)]
    one = InferenceConfig(window_px=64, stride_fraction=1.0, views=1)
    expected = np.zeros((64, 48, C))
    for there, back in zip(changes, undo, strict=True):
        answer = predict_probabilities(model, np.ascontiguousarray(there(image)), one, CPU)
        expected += back(answer.permute(1, 2, 0).numpy())
    several = InferenceConfig(window_px=64, stride_fraction=1.0, views=views)
    ours = predict_probabilities(model, image, several, CPU).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, expected / views, atol=1e-5)
    assert not np.allclose(ours, predict_probabilities(model, image, one, CPU).permute(1, 2, 0).numpy(), atol=1e-4)


def test_scale_shows_the_network_a_resampled_image_and_answers_on_the_images_grid(pointwise: UniSemAlign) -> None:
    sizes: list[tuple[int, ...]] = []
    pointwise.encoder.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[2:])))
    image = np.zeros((100, 160, 3), np.uint8)
    image[:, 80:] = 255
    config = InferenceConfig(window_px=256, views=1)
    half, whole = (predict_image(pointwise, image, config, CPU, Readout(scale=s)) for s in (0.5, 1.0))
    assert sizes == [(50, 80), (100, 160)]
    assert half.prediction.shape == (100, 160)
    assert np.array_equal(half.prediction[:, [20, 140]], whole.prediction[:, [20, 140]])  # away from the edge
    tiny = predict_image(pointwise, image, config, CPU, Readout(scale=0.01))
    assert sizes[-1] == (32, 32)
    assert tiny.prediction.shape == (100, 160)


def test_temperature_changes_the_confidence_of_the_prediction_and_nothing_else(pointwise: UniSemAlign) -> None:
    image, config = picture(64, 64), InferenceConfig(window_px=64)
    plain, softer = (predict_image(pointwise, image, config, CPU, Readout(temperature=t)) for t in (1.0, 2.0))
    decoder = predict_probabilities(pointwise, image, config, CPU)
    expected = decoder.sqrt() / decoder.sqrt().sum(0)
    np.testing.assert_allclose(softer.confidence, expected.max(0).values.numpy(), atol=1e-5)
    assert np.array_equal(plain.prediction, softer.prediction)
    assert np.array_equal(plain.fused_confidence, softer.fused_confidence)


def test_zoom_is_part_of_the_scale_and_keeps_the_temperature() -> None:
    assert Readout(0.5, 1.3).zoomed(2.0) == Readout(1.0, 1.3)
