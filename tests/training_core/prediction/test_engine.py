"""ONNX Runtime beside PyTorch: the same logits, on slides the same classes; PyTorch where it cannot be used."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr

from tests.training_core.prediction.test_regions import CPU, predictor_of, write_tiled
from training_core.base.errors import ConfigError
from training_core.compute.device import Compute
from training_core.network.model import UniSemAlign
from training_core.prediction.engine import Engine, OnnxDecoder, choose_decoder
from training_core.prediction.regions import stream_image
from training_core.prediction.views import decoder_logits

BUNDLED = "efficientnet_lite0"
TinyModel = Callable[..., UniSemAlign]


@torch.no_grad()
def test_the_logits_are_those_of_torch(tiny_model: TinyModel) -> None:
    model = tiny_model(3).eval()
    decoder = OnnxDecoder(model, 96)
    for number, side in enumerate((96, 128)):  # the second goes to PyTorch
        windows = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(number))
        windows = windows.to(memory_format=torch.channels_last)
        (logits,) = decoder(model, windows)
        torch.testing.assert_close(logits, model.decode(windows), rtol=0, atol=1e-4 if side == 96 else 0)


def test_a_slide_has_the_same_classes(tiny_model: TinyModel, tmp_path: Path) -> None:
    write_tiled(tmp_path / "slide.tif", 600, 700)
    found: dict[Engine, Any] = {}
    for engine in (Engine.TORCH, Engine.ONNX):
        predictor = predictor_of(tiny_model(3).eval())
        assert predictor.use_engine(engine) is engine
        out = tmp_path / f"{engine}.ome.zarr"
        stream_image(predictor, tmp_path / "slide.tif", out)
        found[engine] = [
            np.asarray(zarr.open_array(out / name, mode="r")).astype(int) for name in ("labels/prediction/0", "0")
        ]
    (labels, confidence), (onnx_labels, onnx_confidence) = found.values()
    assert len(np.unique(labels)) > 1
    assert (labels == onnx_labels).mean() > 0.9999  # of equal probabilities either class may win
    assert np.abs(confidence - onnx_confidence).max() <= 1


@pytest.mark.parametrize(
    ("encoder", "compute", "named"),
    [
        (BUNDLED, Compute(torch.device("cpu"), "bfloat16"), "bfloat16"),
        (BUNDLED, Compute(torch.device("cuda"), "float32"), "cuda"),
        ("uni", CPU, "ViT"),
    ],
)
def test_where_torch_is_faster_or_alone_can_do_it(
    tiny_model: TinyModel, encoder: str, compute: Compute, named: str
) -> None:
    model = tiny_model(2).eval()
    assert choose_decoder(Engine.AUTO, model, encoder, compute, 96) is decoder_logits
    with pytest.raises(ConfigError, match=named):
        choose_decoder(Engine.ONNX, model, encoder, compute, 96)


def test_without_the_package(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    model = tiny_model(2).eval()
    assert choose_decoder(Engine.AUTO, model, BUNDLED, CPU, 96) is decoder_logits
    with pytest.raises(ConfigError, match=r"onnxruntime is not installed(.|\n)*napari-unisemalign\[onnx\]"):
        choose_decoder(Engine.ONNX, model, BUNDLED, CPU, 96)


def test_what_differs_is_not_used(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = tiny_model(2).eval(), tiny_model(2, seed=1).eval()
    original = torch.onnx.export

    def of_another(_module: object, windows: object, path: str, **options: Any) -> object:
        return original(_OfOther(other), windows, path, **options)

    monkeypatch.setattr(torch.onnx, "export", of_another)
    with pytest.warns(RuntimeWarning, match=r"differ from PyTorch's by .*predicted with PyTorch"):
        assert choose_decoder(Engine.AUTO, model, BUNDLED, CPU, 96) is decoder_logits
    with pytest.raises(ConfigError, match="differ from PyTorch's by"):
        choose_decoder(Engine.ONNX, model, BUNDLED, CPU, 96)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of the process")
def test_without_memory_smaller_windows_are_asked_for_and_torch_takes_over(tmp_path: Path) -> None:
    (tmp_path / "limited.py").write_text(LIMITED)
    done = subprocess.run([sys.executable, tmp_path / "limited.py"], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True"]


LIMITED = """
import resource
import onnxruntime, torch
from training_core.prediction.engine import OnnxDecoder, _graph
from training_core.prediction.out_of_memory import is_out_of_memory
from training_core.network.model import build_model
from training_core.project import make_classes
from training_core.settings.schema import resolve
model = build_model(resolve({"encoder": {"pretrained": False}}), make_classes(("a", "b"))).eval()
with torch.no_grad():
    decoder, windows = OnnxDecoder(model, 64), torch.zeros(1, 3, 1536, 1536)
    decoder._shape = windows.shape  # what the graph of larger windows needs is not held yet
    decoder._session = onnxruntime.InferenceSession(_graph(model, windows), providers=["CPUExecutionProvider"])
    with open("/proc/self/statm") as sizes:
        used = int(sizes.read().split()[0]) * resource.getpagesize()
    free = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, free[1]))
    try:
        decoder(model, windows)
    except Exception as error:
        print(is_out_of_memory(error))
    resource.setrlimit(resource.RLIMIT_AS, free)
    (logits,) = decoder(model, windows[..., :128, :128])
    print(torch.equal(logits, model.decode(windows[..., :128, :128])) and decoder._session is None)
"""


class _OfOther(torch.nn.Module):
    def __init__(self, model: UniSemAlign) -> None:
        super().__init__()
        self.model = model

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.model.decode(windows)
