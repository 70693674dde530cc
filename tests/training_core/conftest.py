"""Small real things for the core's tests: textured tiles, a project of them, a run that trains in a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from training_core.network.decoders import build_decoder
from training_core.network.encoders import Encoder
from training_core.network.model import UniSemAlign
from training_core.network.text import LearnedText
from training_core.project import Project, TissueClass
from training_core.settings.schema import AlignmentConfig, Config, DecoderConfig, resolve

Pixels = NDArray[np.uint8]

TILE_PX = 96
_COLORS = np.array([(225, 215, 230), (140, 60, 130), (90, 150, 110), (230, 120, 60), (60, 90, 190)], np.float64)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small tensors are slower on many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def textured_tile(seed: int, n_classes: int = 2, size: int = TILE_PX) -> tuple[Pixels, Pixels]:
    """An RGB image (size, size, 3) of blobs of `n_classes` textures, and the class index of each pixel."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(n_classes, 7, 7)).astype(np.float32)
    fields = nn.functional.interpolate(torch.from_numpy(coarse)[None], size=(size, size), mode="bicubic")[0]
    truth = fields.argmax(0).numpy().astype(np.uint8)
    stripes = 12 * np.sin(np.arange(size) / 2)[None, :, None] * (truth == 1)[..., None]
    image = _COLORS[truth] + stripes + rng.normal(0, 8, (size, size, 1))
    return np.clip(image, 0, 255).astype(np.uint8), truth


def write_image(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def build_project(
    folder: Path,
    *,
    labeled: int = 2,
    unlabeled: int = 2,
    val: int = 1,
    ids: Sequence[int] = (0, 1),
    name: str = "project",
) -> Project:
    letters = ["a"] * labeled + ["u"] * unlabeled + ["v"] * val
    names = [f"{letter}_{letters[: i + 1].count(letter)}" for i, letter in enumerate(letters)]
    for seed, tile in enumerate(names):
        image, truth = textured_tile(seed, len(ids))
        write_image(folder / "images" / f"{tile}.png", image)
        write_image(folder / "masks" / f"{tile}.png", np.array(ids, np.uint8)[truth])
    return Project.create(
        folder / name,
        [folder / "images" / f"{tile}.png" for tile in names],
        classes=[TissueClass(i, f"class {i}", f"#{40 + i:02x}{200 - i:02x}80") for i in ids],
        masks=folder / "masks",
        labeled=[tile for tile in names if tile[0] == "a"],
        val=[tile for tile in names if tile[0] == "v"],
    )


@pytest.fixture(scope="session")
def make_project_in() -> Callable[..., Project]:
    """make(folder, labeled=2, unlabeled=2, val=1, ids=(0, 1)): a project in folder/project, truth in folder/masks.

    Tiles are called a_1 ... (labelled), u_1 ... (not labelled), v_1 ... (validation).
    """
    return build_project


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """`make_project_in` with the test's own folder."""
    return partial(build_project, tmp_path)


SMALL_RUN: dict[str, Any] = {
    "data": {"crop_px": 64, "labeled_batch": 2, "unlabeled_batch": 2},
    "schedule": {"steps": 3, "validate_every_steps": 2, "quick_start": False, "warm_start": False},  # the network alone
    "alignment": {"embedding_dim": 16},
    "runtime": {"device": "cpu", "precision": "float32"},
}


@pytest.fixture(scope="session")
def small_config() -> Callable[..., Config]:
    """small_config(section={...}): a run of three small steps on the CPU in float32, with these changes."""

    def make(**changes: Any) -> Config:
        merged = {**SMALL_RUN, **{k: v for k, v in changes.items() if not isinstance(v, dict)}}
        for section, values in changes.items():
            if isinstance(values, dict):
                merged[section] = {**SMALL_RUN.get(section, {}), **values}
        return resolve(merged)

    return make


@pytest.fixture
def small_settings(tmp_path: Path) -> Path:
    """The small configuration as a file for --config."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL_RUN))
    return path


class TinyEncoder(Encoder):
    """Three maps of stride 2, 4 and 8; small enough for a step in milliseconds."""

    def __init__(self, *, trainable: bool = True, batch_norm: bool = True) -> None:
        def block(n_in: int, n_out: int) -> nn.Sequential:
            norm = nn.BatchNorm2d(n_out) if batch_norm else nn.Identity()
            return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), norm, nn.ReLU())

        super().__init__(
            nn.ModuleList([block(3, 8), block(8, 12), block(12, 16)]),
            channels=(8, 12, 16),
            strides=(2, 4, 8),
            mean=(0.5, 0.4, 0.6),
            std=(0.2, 0.3, 0.25),
            multiple_px=8,
        )
        self.trunk.requires_grad_(trainable)

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        maps = []
        for block in self.trunk.children():
            images = block(images)
            maps.append(images)
        return maps


@pytest.fixture
def tiny_model() -> Callable[..., UniSemAlign]:
    """tiny_model(n_classes=2, ...): the real network around an encoder of three convolutions."""

    def make(
        n_classes: int = 2,
        *,
        trainable: bool = True,
        alignment: AlignmentConfig | None = None,
        decoder: str = "unet",
        dropout: bool = True,
        seed: int = 0,
    ) -> UniSemAlign:
        torch.manual_seed(seed)
        alignment = alignment or AlignmentConfig(embedding_dim=8)
        encoder = TinyEncoder(trainable=trainable)
        config = DecoderConfig.model_validate({"name": decoder, "dilations": (1, 2, 3)})
        head = build_decoder(config, encoder.channels, encoder.strides, n_classes)
        text = LearnedText(n_classes, alignment.embedding_dim) if alignment.use_text else None
        model = UniSemAlign(encoder, head, n_classes=n_classes, alignment=alignment, text=text)
        if not dropout:
            for module in model.modules():
                if isinstance(module, nn.Dropout2d):
                    module.p = 0.0
        return model

    return make


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """mount_disk("256k"): a real file system of that size, which can be filled."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()

    def make(size: str) -> Path:
        command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("this system does not let root mount a file system")
        return disk

    yield make
    subprocess.run(["umount", str(disk)], check=disk.is_mount())


@pytest.fixture
def golden_copy(shared_dir: Path, tmp_path: Path) -> Path:
    """A copy of the recorded steps that a test may damage."""
    target = tmp_path / "golden"
    target.mkdir()
    for file in (shared_dir / "golden" / "released_step").iterdir():
        shutil.copyfile(file, target / file.name)  # without the read-only mode of the original
    return target
