"""The network as an ONNX graph: RGB in, class probabilities out; compared with torch before it counts as written."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training_core.base.errors import ConfigError
from training_core.base.ignored_warnings import ignored_warnings
from training_core.network.encoders.registry import find_spec
from training_core.network.model import UniSemAlign

GRAPH_NAME = "model.onnx"
INPUT, OUTPUT = "image", "probabilities"
OPSET = 17
BOUND = 1e-4
"""The largest difference of a probability from torch's with which a graph is written."""
_MULTIPLE_PX = 32
_SIZES = ((1, 128, 160), (2, 96, 64))
"""Batch, height and width of the images that are compared: the first is the one that the graph is traced with."""


@dataclass(frozen=True)
class GraphCheck:
    """How the graph compares with torch on random images.

    Attributes
    ----------
    difference
        The largest of a probability.
    multiple_px
        Height and width of images are multiples of it.
    """

    difference: float
    multiple_px: int


class Probabilities(nn.Module):
    """RGB (B, 3, H, W), float32 from 0 to 255, to the decoder's class probabilities (B, C, H, W) of one view."""

    def __init__(self, network: UniSemAlign) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Softmax of S_dl."""
        return self.network.decode(self.network.normalize(image / 255)).softmax(1)


def check_possible(encoder: str) -> None:
    """Refuse before the work begins what cannot become a graph, or not here.

    Raises
    ------
    ConfigError
        A package is missing, or the encoder is a ViT.
    """
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the package {' and '.join(missing)} is not installed",
            "onnx and onnxruntime, which write the graph and compare it",
            'pip install "napari-unisemalign[onnx]"',
        )
    if find_spec(encoder).family == "vit":
        raise ConfigError(
            f"the run has the encoder {encoder}, a ViT, which ONNX graphs of this program cannot hold yet",
            "an encoder with a pyramid of feature maps",
            "share the run without the graph",
            terminal="leave --onnx and --bioimageio out",
        )


def multiple_px(network: UniSemAlign) -> int:
    """What heights and widths of images are multiples of: padding is not in the graph."""
    multiple = network.encoder.multiple_px
    return multiple if multiple % _MULTIPLE_PX == 0 else int(np.lcm(multiple, _MULTIPLE_PX))


def write_graph(network: UniSemAlign, path: Path) -> GraphCheck:
    """Write the graph of a network in evaluation mode, on the CPU, in float32.

    Raises
    ------
    ConfigError
        What the graph gives differs from torch by more than `BOUND`; no file is left.
    """
    import onnx

    module = Probabilities(network).eval()
    axes = {0: "batch", 2: "height", 3: "width"}
    # The exporter that traces is announced as the older one; the newer one needs onnxscript. It also remarks that
    # sizes are Python numbers, which are the same for every multiple.
    with ignored_warnings(), torch.no_grad():
        torch.onnx.export(
            module,
            (random_image(_SIZES[0]),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: axes, OUTPUT: axes},
        )
    graph = onnx.load(path)
    for node in graph.graph.node:
        node.doc_string = ""  # may name files of this computer
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
    difference = max(_difference(module, path, size) for size in _SIZES)
    if not difference <= BOUND:
        path.unlink()
        raise ConfigError(
            f"the ONNX graph differs from the network by {difference:.2g} on random images",
            f"a difference of at most {BOUND:g}",
            "share the run without the graph, and report this",
        )
    return GraphCheck(difference, multiple_px(network))


def random_image(size: tuple[int, int, int]) -> Tensor:
    """Noise (B, 3, H, W) from 0 to 255, the same each time."""
    batch, height, width = size
    noise = np.random.default_rng(0).integers(0, 256, (batch, 3, height, width))
    return torch.from_numpy(noise.astype(np.float32))


def run_graph(path: Path, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What onnxruntime makes of an image (B, 3, H, W) on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return cast("NDArray[np.float32]", session.run([OUTPUT], {INPUT: image})[0])


def _difference(module: nn.Module, path: Path, size: tuple[int, int, int]) -> float:
    image = random_image(size)
    with torch.no_grad():
        expected = module(image).numpy()
    return float(np.abs(run_graph(path, image.numpy()) - expected).max())
