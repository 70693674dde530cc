"""Prediction into a file: the bits of the image in memory, no seam, flat memory, whole files or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.base.arrays import ClassIds, Confidence8, Rgb8
from training_core.base.errors import ImageError, StorageError
from training_core.class_maps.object_readout import ObjectReadout
from training_core.compute.device import Compute
from training_core.io.regions import ArrayRegions
from training_core.network.encoders import Encoder
from training_core.network.model import UniSemAlign
from training_core.prediction.calibration import Readout
from training_core.prediction.predictor import Predictor
from training_core.prediction.regions import stream_image
from training_core.prediction.sliding_window import predict_image, predict_regions
from training_core.project import TissueClass
from training_core.settings.schema import AlignmentConfig, InferenceConfig, resolve

CPU = Compute(torch.device("cpu"), "float32")
IDS = np.array([0, 3, 7], np.uint8)
CLASSES = tuple(TissueClass(int(i), f"class {i}", f"#{40 + i:02x}{200 - i:02x}80") for i in IDS)
TinyModel = Callable[..., UniSemAlign]


class Counting(ArrayRegions):
    """How large the regions were that were read."""

    largest = 0

    def read(self, top: int, left: int, bottom: int, right: int) -> Rgb8:
        assert 0 <= top < bottom <= self.height_px
        assert 0 <= left < right <= self.width_px
        self.largest = max(self.largest, (bottom - top) * (right - left))
        return super().read(top, left, bottom, right)


def picture(height: int, width: int) -> Rgb8:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


def streamed(predictor: Predictor, pixels: Rgb8, folder: Path, **options: Any) -> tuple[ClassIds, Confidence8]:
    """Class ids and confidence of a tiled file of these pixels, as they are read from the folder that is written."""
    tifffile.imwrite(folder / "a.tif", pixels, photometric="rgb", tile=(64, 64))
    stream_image(predictor, folder / "a.tif", folder / "a.ome.zarr", stride_fraction=None, **options)
    root = zarr.open_group(folder / "a.ome.zarr", mode="r")
    return np.asarray(root["labels/prediction/0"]), np.asarray(root["0"])


SIZES = [(300, 200), (64, 64), (40, 333), (129, 65)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 0.7, 0.21, 1.5])
@pytest.mark.parametrize(("stride", "views", "temperature"), [(0.875, 1, 1.0), (0.5, 1, 0.6), (0.75, 8, 1.7)])
def test_a_file_gets_the_bits_of_the_image_in_memory(
    tiny_model: TinyModel, tmp_path: Path, size: tuple[int, int], scale: float, stride: float, views: int,
    temperature: float,
) -> None:  # fmt: skip
    model, pixels = tiny_model(3).eval(), np.repeat(np.repeat(picture(*size), 20, 0), 20, 1)[: size[0], : size[1]]
    model.decoder.register_forward_hook(lambda _, inputs, logits: 20 * logits)  # else all confidences are about 1/3
    predictor = predictor_of(model, window_px=64, stride_fraction=stride)
    predictor.readout = Readout(scale, temperature, ground=2, foreground_weight=temperature)
    whole = predictor.predict(pixels, views=views)
    ids, confidence = streamed(predictor, pixels, tmp_path, views=views)
    np.testing.assert_array_equal(ids, IDS[whole.prediction])
    np.testing.assert_array_equal(confidence, np.rint(whole.confidence * 255))
    assert len(np.unique(confidence)) > 30  # they differ


def test_objects_come_apart_in_the_file_as_in_memory(tiny_model: TinyModel, tmp_path: Path) -> None:
    predictor = predictor_of(tiny_model(3).eval(), window_px=64, stride_fraction=0.75)
    pixels = np.repeat(np.repeat(picture(300, 200), 20, 0), 20, 1)[:300, :200]
    predictor.readout = Readout(0.7, 1.0, (ObjectReadout(1, 2.0, 20.0, 60.0, 1.5), ObjectReadout(2, 0.0, 20.0, 60.0)))
    whole = predictor.predict(pixels, views=1).prediction
    predictor.readout, connected = replace(predictor.readout, objects=None), predictor.readout
    assert (predictor.predict(pixels, views=1).prediction != whole).sum() > 500  # there is something to do
    predictor.readout = connected
    np.testing.assert_array_equal(streamed(predictor, pixels, tmp_path)[0], IDS[whole])
    assert {each.name for each in (tmp_path / "a.ome.zarr").iterdir()} == {".zattrs", ".zgroup", "0", "labels"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [1.0, 0.7, 0.21, 1.5])
@pytest.mark.parametrize("stride", [1.0, 0.3])
def test_every_pixel_is_predicted_once_from_few_pixels_around_it(
    tiny_model: TinyModel, size: tuple[int, int], scale: float, stride: float
) -> None:
    image, times = Counting(picture(*size)), np.zeros(size, int)
    config = InferenceConfig(window_px=64, stride_fraction=stride, views=1)
    steps: list[tuple[int, int]] = []
    model = tiny_model(3).eval()
    for top, left, (weights,) in predict_regions(
        model, image, config, CPU, scale, progress=lambda *step: steps.append(step)
    ):
        assert weights.shape[0] == 3
        times[top : top + weights.shape[1], left : left + weights.shape[2]] += 1
    assert (times == 1).all()
    assert image.largest <= (64 / scale + 2 * max(1 / scale, 1) + 2) ** 2
    assert steps == [(done + 1, len(steps)) for done in range(len(steps))]


class Convolutions(Encoder):
    """Two 3 x 3 convolutions at full resolution: a network that sees two pixels far."""

    def __init__(self) -> None:
        trunk = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, padding=1))
        super().__init__(trunk, channels=(8,), strides=(1,), mean=(0.5,) * 3, std=(0.3,) * 3, multiple_px=1)

    def trunk_maps(self, images: Tensor) -> list[Tensor]:
        return [self.trunk(images)]


class Last(nn.Module):
    """A decoder: a pointwise classifier of the map."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(8, 3, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        classified: Tensor = self.classifier(features[0])
        return classified


def probabilities(model: UniSemAlign, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        logits = model.decode(model.normalize(torch.from_numpy(pixels).permute(2, 0, 1)[None]))
    result: NDArray[np.float32] = logits.softmax(1)[0].numpy()
    return result


def test_no_seam_where_windows_meet() -> None:
    """Below 1e-3 away from the image's border, below the bound that blend.py states, and 0 outside the overlaps."""
    from training_core.prediction.blend import RollingBlend

    torch.manual_seed(0)
    alignment = AlignmentConfig(embedding_dim=8, use_prototypes=False, use_text=False)
    model = UniSemAlign(Convolutions(), Last(), n_classes=3, alignment=alignment, text=None).eval()
    side, starts, reach, overlap = 256, (0, 128), 2, 128
    pixels = picture(128 + side, 128 + side)
    whole = probabilities(model, pixels)
    blend, tiled, edge = RollingBlend(whole.shape[1:], side, starts, starts), np.zeros_like(whole), 0.0
    for top in starts:
        for left in starts:
            window = probabilities(model, pixels[top : top + side, left : left + side])
            edge = max(edge, float(np.abs(window - whole[:, top : top + side, left : left + side]).max()))
            block = blend.add(torch.from_numpy(window))
            tiled[:, slice(*block.rows), slice(*block.columns)] = block.values.numpy()
    difference = np.abs(tiled - whole).max(0)
    assert edge > 5e-3  # the windows by themselves do differ at their edges
    assert difference.max() < min(1e-3, edge * reach / overlap + 1e-6)
    away = np.ones_like(difference, bool)
    for line in (128, 256):  # the edges of windows inside the image
        away[line - reach : line + reach], away[:, line - reach : line + reach] = False, False
    assert difference[away].max() < 1e-6
    assert difference[~away].max() > 1e-6


def predictor_of(model: UniSemAlign, **inference: Any) -> Predictor:
    config = resolve({"inference": {"window_px": 256, **inference}, "data": {"mpp": 0.5}})
    return Predictor(model, config, CLASSES, CPU, 0.9, Readout(0.8, 1.3))


def write_tiled(path: Path, height: int, width: int, tile: int = 256) -> None:
    """A large picture, written tile by tile."""
    rng = np.random.default_rng(0)
    tiles = [rng.integers(0, 256, (tile, tile, 3), np.uint8) for _ in range(3)]
    count = -(-height // tile) * -(-width // tile)
    tifffile.imwrite(
        path, (tiles[i % 3] for i in range(count)), shape=(height, width, 3), dtype="uint8", tile=(tile, tile),
        photometric="rgb", compression="deflate", bigtiff=True, metadata=None,
        resolution=(20_000, 20_000), resolutionunit="CENTIMETER",
    )  # fmt: skip


def test_the_folder_is_ome_zarr(tiny_model: TinyModel, tmp_path: Path) -> None:
    write_tiled(tmp_path / "a.tif", 1300, 2100)
    predictor, out = predictor_of(tiny_model(3).eval()), tmp_path / "out" / "a.ome.zarr"
    steps: list[tuple[int, int]] = []
    n = stream_image(predictor, tmp_path / "a.tif", out, progress=lambda *step: steps.append(step))
    assert n == 1300 * 2100
    assert steps[-1][0] == steps[-1][1] >= 5 * 8
    config = predictor.config.inference.model_copy(update={"views": 1, "stride_fraction": 0.875})
    expected = predict_image(predictor.model, tifffile.imread(tmp_path / "a.tif"), config, CPU, predictor.readout)
    root = zarr.open_group(out, mode="r")
    labels = [np.asarray(root[f"labels/prediction/{level}"]) for level in range(3)]
    confidence = [np.asarray(root[str(level)]) for level in range(3)]
    np.testing.assert_array_equal(labels[0], IDS[expected.prediction])
    np.testing.assert_array_equal(confidence[0], np.rint(expected.confidence * 255))
    for levels in (labels, confidence):
        assert [level.shape for level in levels] == [(1300, 2100), (650, 1050), (325, 525)]
        for finer, coarser in pairwise(levels):
            np.testing.assert_array_equal(coarser, finer[::2, ::2])
    assert "3" not in root
    for group in (root, root["labels/prediction"]):
        (multiscale,) = group.attrs["multiscales"]
        assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 2
        scales = [dataset["coordinateTransformations"][0]["scale"] for dataset in multiscale["datasets"]]
        np.testing.assert_allclose(scales, [[0.5, 0.5], [1.0, 1.0], [2.0, 2.0]], rtol=1e-3)
    assert root["labels"].attrs["labels"] == ["prediction"]
    label = root["labels/prediction"].attrs["image-label"]
    assert [entry["label-value"] for entry in label["colors"]] == IDS.tolist()
    assert label["colors"][1]["rgba"] == [43, 197, 128, 255]
    assert [entry["class"] for entry in label["properties"]] == ["class 0", "class 3", "class 7"]
    assert {path.name for path in out.parent.iterdir()} == {"a.ome.zarr"}


def test_the_reader_of_the_format_itself_reads_it(tiny_model: TinyModel, tmp_path: Path) -> None:
    io = pytest.importorskip("ome_zarr.io", reason="needs ome-zarr")
    from ome_zarr.reader import Reader

    write_tiled(tmp_path / "a.tif", 300, 1100)
    stream_image(predictor_of(tiny_model(3).eval()), tmp_path / "a.tif", tmp_path / "a.ome.zarr")
    image, labels = [n for n in Reader(io.parse_url(tmp_path / "a.ome.zarr"))() if n.data]
    assert image.data[0].shape == labels.data[0].shape == (300, 1100)
    assert set(np.unique(labels.data[0].compute())) <= set(IDS.tolist())
    assert set(labels.metadata["color"]) == set(IDS.tolist())


def test_a_failure_leaves_the_older_result_and_nothing_else(tiny_model: TinyModel, tmp_path: Path) -> None:
    predictor, path, out = predictor_of(tiny_model(3).eval()), tmp_path / "a.tif", tmp_path / "out" / "a.ome.zarr"
    write_tiled(path, 600, 700)
    stream_image(predictor, path, out)
    before = np.asarray(zarr.open_array(out / "labels" / "prediction" / "0", mode="r"))
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].dataoffsets[-1]
    data = bytearray(path.read_bytes())
    data[offset : offset + 1000] = b"\xff" * 1000
    path.write_bytes(data)
    with pytest.raises(ImageError, match="damaged"):
        stream_image(predictor, path, out)
    assert [p.name for p in out.parent.iterdir()] == ["a.ome.zarr"]
    np.testing.assert_array_equal(np.asarray(zarr.open_array(out / "labels" / "prediction" / "0", mode="r")), before)
    write_tiled(path, 500, 300)
    stream_image(predictor, path, out)
    assert zarr.open_array(out / "0", mode="r").shape == (500, 300)
    assert [p.name for p in out.parent.iterdir()] == ["a.ome.zarr"]


def test_a_full_disk_is_said_and_leaves_nothing(
    tiny_model: TinyModel, tmp_path: Path, mount_disk: Callable[[str], Path]
) -> None:
    write_tiled(tmp_path / "a.tif", 1500, 1500)
    disk = mount_disk("128k")
    with pytest.raises(StorageError, match="the disk is full"):
        stream_image(predictor_of(tiny_model(3).eval()), tmp_path / "a.tif", disk / "a.ome.zarr")
    assert list(disk.iterdir()) == []


def test_a_pixel_size_far_from_the_runs_is_refused(tiny_model: TinyModel, tmp_path: Path) -> None:
    write_tiled(tmp_path / "a.tif", 300, 300)
    with pytest.raises(ImageError, match="µm/px"):
        stream_image(predictor_of(tiny_model(3).eval()), tmp_path / "a.tif", tmp_path / "o.ome.zarr", mpp_um=10.0)
    assert not (tmp_path / "o.ome.zarr").exists()


CHILD = """
import importlib.util, json, resource, sys
from pathlib import Path
import torch
from training_core.settings.schema import AlignmentConfig, DecoderConfig
from training_core.network.decoders import build_decoder
from training_core.prediction.regions import stream_image
folder, image, out = map(Path, sys.argv[1:])
def load(name):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
conftest, here = load("../conftest"), load("test_regions")
torch.set_num_threads(1)
encoder = conftest.TinyEncoder()
decoder = build_decoder(DecoderConfig(name="unet"), encoder.channels, encoder.strides, 3)
alignment = AlignmentConfig(embedding_dim=8, use_text=False)
model = conftest.UniSemAlign(encoder, decoder, n_classes=3, alignment=alignment, text=None).eval()
pixels = stream_image(here.predictor_of(model), image, out)
print(json.dumps([pixels, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in other units elsewhere")
def test_sixteen_times_the_pixels_need_no_more_memory(tmp_path: Path) -> None:
    """4096 px squared in memory would be 200 MB of probabilities alone, and twice that with the fused ones."""
    peaks = []
    for side in (1024, 4096):
        write_tiled(tmp_path / f"{side}.tif", side, side)
        arguments = [str(Path(__file__).parent), str(tmp_path / f"{side}.tif"), str(tmp_path / f"{side}.ome.zarr")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        command = [sys.executable, "-c", CHILD, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        pixels, peak = json.loads(done.stdout)
        assert pixels == side**2
        peaks.append(peak)
    assert peaks[1] < 1.1 * peaks[0]
