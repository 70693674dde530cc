"""Reading a network at the scale and with the temperature that the validation tiles ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.base.arrays import UNLABELED, Rgb8
from training_core.class_maps.pixel_scores import Confusion
from training_core.compute.device import Compute
from training_core.network.encoders import Encoder
from training_core.network.model import UniSemAlign
from training_core.prediction.calibration import (
    LabeledTile,
    Measured,
    Readout,
    candidate_scales,
    candidate_weights,
    class_and_confidence,
    fit_temperature,
    measure_readout,
    read_readout,
    usual_readout,
    usual_scale,
)
from training_core.prediction.sliding_window import predict_probabilities
from training_core.settings.schema import AlignmentConfig, resolve

CPU = Compute(torch.device("cpu"), "float32")


class Brightness(Encoder):
    """One map: how bright each pixel is."""

    def __init__(self) -> None:
        super().__init__(
            nn.Identity(), channels=(3,), strides=(1,), mean=(0.0,) * 3, std=(1.0,) * 3, multiple_px=1
        )  # fmt: skip

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        return [images]


class OnlyAtWidth(nn.Module):
    """Tells dark from bright, but answers the opposite unless the image has the width it was made for."""

    def __init__(self, width: int, sharpness: float = 8.0) -> None:
        super().__init__()
        self.width, self.sharpness = width, sharpness

    def forward(self, features: list[Tensor]) -> Tensor:
        bright = self.sharpness * (features[0].mean(1, keepdim=True) - 0.5)
        if features[0].shape[-1] != self.width:
            bright = -bright
        return torch.cat([-bright, bright], 1)


def network(decoder: nn.Module) -> UniSemAlign:
    alignment = AlignmentConfig(embedding_dim=8, use_prototypes=False, use_text=False)
    return UniSemAlign(Brightness(), decoder, n_classes=2, alignment=alignment, text=None).eval()


def tile(seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    label = np.zeros((64, 96), np.uint8)
    label[:, 48:] = 1
    image = np.repeat(label[..., None] * 200 + 20, 3, axis=2).astype(np.uint8)
    label[:8] = 255
    return image, label, 1.0


def measured(decoder: nn.Module, *tiles: LabeledTile, ids: tuple[int, int] = (0, 1), scale: float | None = None) -> Any:
    settings = resolve({"augment": {"scale_min": 0.4, "scale_max": 1.2}, "inference": {"scale": scale, "views": 1}})

    def predict(image: Rgb8, scale: float) -> Tensor:
        return predict_probabilities(network(decoder), image, settings.inference, CPU, scale)

    measured = measure_readout(predict, tiles, ids, candidate_scales(settings))
    return measured.readout, measured.scores


@pytest.mark.parametrize(("width", "scale"), [(96, 1.0), (68, 1 / 2**0.5), (48, 0.5)])
def test_the_scale_with_the_best_mdice_is_taken(width: int, scale: float) -> None:
    readout, scores = measured(OnlyAtWidth(width), tile(), tile(), ids=(3, 7))
    assert readout.scale == pytest.approx(scale)
    assert scores is not None
    assert scores.mdice > 95
    assert set(scores.dice) == {3, 7}


def test_a_scale_that_is_set_is_the_only_one_tried() -> None:
    readout, scores = measured(OnlyAtWidth(48), tile(), scale=1.0)
    assert readout.scale == 1.0
    assert scores is not None
    assert scores.mdice < 5


def test_the_factor_to_the_runs_mpp_is_part_of_the_scale() -> None:
    image, label, _ = tile()
    readout, scores = measured(OnlyAtWidth(192), (image, label, 2.0), scale=1.0)
    assert readout.scale == 1.0
    assert scores is not None
    assert scores.mdice > 95


def test_scales_well_inside_what_training_shows_are_tried() -> None:
    for low, high, expected in (
        (0.4, 1.2, [0.5, 2**-0.75, 2**-0.5, 2**-0.25, 1.0]),
        (0.7, 2.0, [2**-0.25, 1.0, 2**0.25, 2**0.5]),
        (0.9, 1.1, [0.99**0.5]),
    ):
        settings = resolve({"augment": {"scale_min": low, "scale_max": high}})
        assert candidate_scales(settings) == pytest.approx(expected)
    assert candidate_scales(resolve({"variant": "paper"})) == (1.0,)


def test_until_something_is_measured_the_middle_of_training_is_read() -> None:
    for low, high, expected in ((0.5, 2.0, 1.0), (0.4, 1.2, 1 / 2**0.5), (0.3, 0.8, 0.5), (0.2, 0.4, 2**-1.75)):
        settings = resolve({"augment": {"scale_min": low, "scale_max": high}})
        assert usual_scale(settings) == pytest.approx(expected)
    assert usual_scale(resolve({"inference": {"scale": 0.9}})) == 0.9


@pytest.mark.parametrize("true_temperature", [0.7, 1.0, 2.5])
def test_the_temperature_that_made_the_confidence_wrong_is_found(true_temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(40_000, 4, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    shown = (logits * true_temperature).log_softmax(1)
    assert fit_temperature(shown, labels) == pytest.approx(true_temperature, rel=0.05)


def test_the_temperature_calibrates_an_overconfident_network() -> None:
    """A quarter of the labels are wrong, so a sharp network should claim no more than three quarters."""
    image, label, factor = tile()
    rng = np.random.default_rng(0)
    wrong = (rng.random(label.shape) < 0.25) & (label != 255)
    label[wrong] = 1 - label[wrong]
    readout, _ = measured(OnlyAtWidth(96, 2.0), (image, label, factor), scale=1.0)
    logit = 2 * 2.0 * (220 / 255 - 0.5)
    assert float(F.softmax(torch.tensor([0.0, logit]) / readout.temperature, 0)[1]) == pytest.approx(0.75, abs=0.03)


def test_without_a_labelled_pixel_nothing_is_measured() -> None:
    image, label, factor = tile()
    label[:] = 255
    readout, scores = measured(OnlyAtWidth(48), (image, label, factor))
    assert readout.temperature == 1.0
    assert scores is None


def test_old_checkpoints_are_read_as_before() -> None:
    assert read_readout({"step": 3}) == Readout()
    assert read_readout({"readout": {"scale": 0.5, "temperature": 1.5}}) == Readout(0.5, 1.5)


def test_the_confusion_is_of_the_images_own_grid() -> None:
    image, label, _ = tile()
    confusion = Confusion((0, 1))
    confusion.add(label, (image[..., 0] > 128).astype(np.uint8))
    _, scores = measured(OnlyAtWidth(96), (image, label, 1.0), scale=1.0)
    assert scores == confusion.scores()


WEIGHTS = (0.25, 0.5, 1.0, 1.4, 2.0, 4.0)


def shares(*foreground: float) -> Tensor:
    """Probabilities (2, 4, 4) of background and one other class, a row of pixels each."""
    of_other = torch.tensor(foreground)[:, None].expand(4, 4)
    return torch.stack([1 - of_other, of_other])


def read_with_weights(
    *tiles: tuple[Tensor, list[int]],
    weights: tuple[float, ...] = WEIGHTS,
    ground: int = 0,
    ids: tuple[int, ...] = (3, 7),
) -> Measured:
    """Of tiles given by their probabilities and the class of each row."""
    known = list(tiles)
    images = [np.full((4, 4, 3), index, np.uint8) for index in range(len(known))]
    labels = [np.repeat(np.array(rows, np.uint8)[:, None], 4, 1) for _, rows in known]
    return measure_readout(
        lambda image, _scale: known[int(image[0, 0, 0])][0],
        [(image, label, 1.0) for image, label in zip(images, labels, strict=True)],
        ids,
        (1.0,),
        ground,
        weights,
    )


def test_a_class_that_is_always_too_unlikely_gets_the_weight_that_finds_it() -> None:
    """0.4 beats 0.6 from a weight of 1.5 on."""
    tile = shares(0.4, 0.4, 0.1, 0.1), [1, 1, 0, 0]
    measured = read_with_weights(tile, tile)
    assert measured.readout.foreground_weight == 2.0
    assert measured.scores is not None
    assert measured.scores.mdice == 100.0
    assert all((known.predicted == known.label).all() for known in measured.tiles)
    assert read_with_weights(tile, tile, weights=(1.0,)).readout.foreground_weight == 1.0


def test_a_class_that_is_always_too_likely_loses_weight() -> None:
    tile = shares(0.9, 0.9, 0.6, 0.6), [1, 1, 0, 0]
    assert read_with_weights(tile, tile).readout.foreground_weight == 0.5


def test_a_weight_that_lowers_the_score_of_half_of_the_tiles_is_not_taken() -> None:
    """At 2, the first tile gains its two rows, and the second one loses one of four."""
    gains, loses = (shares(0.4, 0.4, 0.1, 0.1), [1, 1, 0, 0]), (shares(0.8, 0.4, 0.1, 0.1), [1, 0, 0, 0])
    assert read_with_weights(gains, loses).readout.foreground_weight == 1.0
    assert read_with_weights(gains, gains, gains, gains).readout.foreground_weight == 2.0


def test_one_tile_alone_or_tiles_annotated_in_parts_choose_no_weight() -> None:
    whole, part = (shares(0.4, 0.4, 0.1, 0.1), [1, 1, 0, 0]), (shares(0.4, 0.4, 0.1, 0.1), [1, 1, 0, UNLABELED])
    assert read_with_weights(whole).readout.foreground_weight == 1.0
    assert read_with_weights(part, part, part).readout.foreground_weight == 1.0


def test_the_background_may_be_any_class_and_the_others_keep_their_order() -> None:
    """Three classes, background in the middle: rows of the first, of background and of the last class."""
    first, last = [0.40, 0.45, 0.15], [0.10, 0.48, 0.42]
    rows = torch.tensor([first, [0.05, 0.9, 0.05], last, last])
    tile = rows.T[:, :, None].expand(3, 4, 4).contiguous(), [0, 1, 2, 2]
    measured = read_with_weights(tile, tile, ground=1, ids=(3, 7, 9))
    assert (measured.readout.foreground_weight, measured.readout.ground) == (1.4, 1)
    assert measured.scores is not None
    assert measured.scores.mdice == 100.0
    label, confidence = measured.readout.class_and_confidence(tile[0])
    assert label[:, 0].tolist() == [0, 1, 2, 2]
    weighed = torch.tensor([0.40 * 1.4, 0.45, 0.15 * 1.4]) ** (1 / measured.readout.temperature)
    assert confidence[0, 0] == pytest.approx(float(weighed[0] / weighed.sum()), rel=1e-5)
    assert torch.equal(rows.T[:, :, None].expand(3, 4, 4), tile[0])  # the caller's are untouched


def test_a_weight_that_is_set_is_used_from_the_start_and_papers_is_one() -> None:
    assert candidate_weights(resolve({"inference": {"foreground_weight": 2.5}})) == (2.5,)
    assert usual_readout(resolve({"inference": {"foreground_weight": 2.5}}), 1).foreground_weight == 2.5
    assert (
        candidate_weights(resolve({"variant": "paper"})) == candidate_weights(resolve({"variant": "released"})) == (1,)
    )
    assert usual_readout(resolve({}), 0).foreground_weight == 1.0
    assert candidate_weights(resolve({})) == pytest.approx([2 ** (i / 4) for i in range(-8, 9)])


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_of_equal_classes_the_first_is_taken(n_classes: int, temperature: float) -> None:
    weights = torch.randint(1, 4, (n_classes, 40, 30), generator=torch.Generator().manual_seed(0)).float()
    before = weights.numpy().copy()
    label, confidence = class_and_confidence(weights, temperature)
    np.testing.assert_array_equal(weights.numpy(), before)
    np.testing.assert_array_equal(label.numpy(), before.argmax(0))  # numpy takes the first
    expected = before ** (1 / temperature)
    np.testing.assert_allclose(confidence.numpy(), (expected / expected.sum(0)).max(0), rtol=1e-5)
    if n_classes > 1:
        assert ((before == before.max(0)).sum(0) > 1).any()
