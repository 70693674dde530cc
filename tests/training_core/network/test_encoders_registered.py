"""An encoder of one's own: registered under a name, trained through the same door, predicted from its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from training_core.base.errors import ConfigError, WeightsError
from training_core.io import read_mask
from training_core.messages.messenger import Messenger
from training_core.network.encoders import Encoder, build_encoder, is_external, register_encoder
from training_core.network.encoders.base import IMAGENET_MEAN, IMAGENET_STD
from training_core.network.encoders.registry import REGISTRY
from training_core.pixel_classifier.weights_identity import weights_identity
from training_core.prediction.predictor import load_predictor
from training_core.project import Project
from training_core.settings.schema import EncoderConfig, resolve
from training_core.training.run import Request, train

NAME = "three_convolutions"


class ThreeConvolutions(Encoder):
    def __init__(self, channels: tuple[int, ...] = (8, 16, 24)) -> None:
        stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())
            for n_in, n_out in [(3, 8), (8, 16), (16, 24)]
        )
        super().__init__(
            stages, channels=channels, strides=(2, 4, 8), mean=IMAGENET_MEAN, std=IMAGENET_STD, multiple_px=8
        )

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for stage in self.trunk.children():
            images = stage(images)
            maps.append(images)
        return maps


@pytest.fixture
def registered() -> Iterator[str]:
    register_encoder(NAME, ThreeConvolutions)
    yield NAME
    REGISTRY.pop(NAME, None)


def test_it_is_built_by_its_name(registered: str) -> None:
    encoder = build_encoder(EncoderConfig(name=registered))
    maps = encoder(torch.zeros(1, 3, 16, 24))
    assert [tuple(each.shape) for each in maps] == [(1, 8, 8, 12), (1, 16, 4, 6), (1, 24, 2, 3)]
    assert all(parameter.requires_grad for parameter in encoder.parameters()), "trained as a whole, unless set"


def test_fine_tuning_holds_for_it_too(registered: str) -> None:
    encoder = build_encoder(EncoderConfig(name=registered, fine_tune="last_blocks", last_blocks=1))
    trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert trained == {f"trunk.2.{name}" for name in ("0.weight", "0.bias", "1.weight", "1.bias")}


def test_a_local_file_is_read_into_its_trunk(registered: str, tmp_path: Path) -> None:
    tensors = {name: torch.randn_like(each.float()) for name, each in ThreeConvolutions().trunk.state_dict().items()}
    save_file(tensors, tmp_path / "own.safetensors")
    encoder = build_encoder(EncoderConfig(name=registered, weights_path=str(tmp_path / "own.safetensors")))
    assert torch.equal(encoder.trunk.state_dict()["0.0.weight"], tensors["0.0.weight"])

    del tensors["0.0.weight"]
    save_file(tensors, tmp_path / "own.safetensors")
    with pytest.raises(WeightsError, match=r"0\.0\.weight"):
        build_encoder(EncoderConfig(name=registered, weights_path=str(tmp_path / "own.safetensors")))


def test_a_checkpoint_keeps_it_even_frozen(registered: str) -> None:
    """Nothing says that `make` gives the same weights again."""
    assert not is_external(EncoderConfig(name=registered, fine_tune="frozen"))
    assert is_external(EncoderConfig(name="efficientnet_lite0", fine_tune="frozen"))


def test_its_features_are_never_taken_from_the_cache(registered: str, tmp_path: Path) -> None:
    assert weights_identity(EncoderConfig(name=registered), tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_maps_of_other_sizes_than_published_are_refused(registered: str) -> None:
    register_encoder(registered, lambda: ThreeConvolutions(channels=(8, 16, 32)))
    with pytest.raises(ConfigError, match=r"\(24, 2, 3\).*\(32, 2, 3\)"):
        build_encoder(EncoderConfig(name=registered))


@pytest.mark.parametrize("name", ["uni", "efficientnet_lite0", "resnet18"])
def test_a_name_that_means_another_network_is_refused(name: str) -> None:
    before = dict(REGISTRY)
    with pytest.raises(ConfigError, match="taken"):
        register_encoder(name, ThreeConvolutions)
    assert before == REGISTRY


@pytest.mark.slow
@pytest.mark.parametrize("fine_tune", [None, "frozen"])
def test_a_run_with_it_predicts_from_its_checkpoint(
    registered: str, make_project: Callable[..., Project], fine_tune: str | None
) -> None:
    project = make_project()
    config = resolve(
        {
            "encoder": {"name": registered, "fine_tune": fine_tune},
            "schedule": {"steps": 2, "validate_every_steps": 2, "quick_start": False},
            "data": {"crop_px": 32, "labeled_batch": 2, "unlabeled_batch": 2},
            "alignment": {"embedding_dim": 8},
            "inference": {"views": 1},
            "runtime": {"device": "cpu"},
        }
    )
    run_dir = Path(train(Request(project, config), Messenger())["run"])
    name = project.tiles[0].name
    predictor = load_predictor(run_dir, "cpu")
    result = predictor.predict(project.image(name))
    saved = project.prediction(name)
    assert saved is not None
    assert np.array_equal(predictor.class_ids[result.prediction], read_mask(saved.prediction))
