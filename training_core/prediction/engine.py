"""What computes the network of a slide's windows: PyTorch, or on a processor in float32 ONNX Runtime, which is faster.

ONNX Runtime gives the decoder's logits of windows of one size, and is compared with PyTorch before it is used.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training_core.base.errors import ConfigError
from training_core.base.ignored_warnings import ignored_warnings
from training_core.compute.device import Compute
from training_core.network.encoders.registry import find_spec
from training_core.network.model import UniSemAlign
from training_core.prediction.views import Logits, decoder_logits

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BOUND = 1e-3
"""The largest difference of a logit from PyTorch's with which ONNX Runtime is used."""
_OPSET = 17
_INPUT = "windows"
_NO_MEMORY = "Failed to allocate memory"


class Engine(StrEnum):
    """What computes the network of slides and large images."""

    AUTO = "auto"
    TORCH = "torch"
    ONNX = "onnx"


def choose_decoder(engine: Engine, model: UniSemAlign, encoder: str, compute: Compute, side_px: int) -> Logits:
    """What gives the decoder's logits of windows of a slide; with `AUTO`, ONNX Runtime where it is faster and works.

    That is on processors in float32 (docs/performance), with an encoder that has a pyramid of feature maps.

    Raises
    ------
    ConfigError
        ONNX Runtime is asked for and is not installed, or cannot compute this network here.
    """
    obstacle = _obstacle(encoder, compute)
    if engine is Engine.ONNX and obstacle is not None:
        raise obstacle
    if engine is Engine.TORCH or obstacle is not None:
        return decoder_logits
    try:
        return OnnxDecoder(model, side_px)
    except ConfigError as error:
        if engine is Engine.ONNX:
            raise
        warnings.warn(f"{error.given}. Slides are predicted with PyTorch.", RuntimeWarning, stacklevel=2)
        return decoder_logits


class OnnxDecoder:
    """`views.decoder_logits` by ONNX Runtime for windows (1, 3, side, side); windows of other sizes go to PyTorch.

    Raises
    ------
    ConfigError
        ONNX Runtime cannot compute the network, or what it gives differs from PyTorch by more than `BOUND`.
    """

    def __init__(self, model: UniSemAlign, side_px: int) -> None:
        import onnxruntime

        self._shape = (1, 3, side_px, side_px)
        windows = torch.rand(self._shape, generator=torch.Generator().manual_seed(0)) * 4 - 2
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # between windows others may work
        onnxruntime.disable_telemetry_events()  # of its build for Windows
        with torch.no_grad():
            try:
                graph = _graph(model, windows)
                session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
                difference = float((self._logits(session, windows) - model.decode(windows)).abs().max())
            except Exception as error:  # of whatever kind the exporter and the runtime have
                raise _refused(f"ONNX Runtime cannot compute this network: {error}") from error
        if not difference <= BOUND:
            raise _refused(f"ONNX Runtime's logits differ from PyTorch's by {difference:.2g}, more than {BOUND:g}")
        self._session: InferenceSession | None = session

    def __call__(self, model: UniSemAlign, windows: Tensor) -> Sequence[Tensor]:
        """The decoder's logits of normalised windows.

        Raises
        ------
        MemoryError
            There is not enough memory; from now on PyTorch computes.
        """
        if self._session is None or windows.shape != self._shape:
            return decoder_logits(model, windows)
        return (self._logits(self._session, windows),)

    def _logits(self, session: InferenceSession, windows: Tensor) -> Tensor:
        try:
            (logits,) = session.run(None, {_INPUT: windows.contiguous().numpy()})
        except Exception as error:  # onnxruntime's errors have no class in common
            if _NO_MEMORY not in str(error):
                raise
            self._session = None  # what it holds is needed for smaller windows
            raise MemoryError("ONNX Runtime has not enough memory") from None
        return torch.from_numpy(logits)


class _Decoder(nn.Module):
    """S_dl of normalised windows."""

    def __init__(self, model: UniSemAlign) -> None:
        super().__init__()
        self.model = model

    def forward(self, windows: Tensor) -> Tensor:
        return self.model.decode(windows)


def _graph(model: UniSemAlign, windows: Tensor) -> bytes:
    """The network for windows of this size; the exporter announces itself as the older one."""
    with ignored_warnings(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decoder.onnx"
        torch.onnx.export(
            _Decoder(model).eval(), (windows,), str(path), dynamo=False, opset_version=_OPSET, input_names=[_INPUT]
        )
        return path.read_bytes()


def _obstacle(encoder: str, compute: Compute) -> ConfigError | None:
    """Why ONNX Runtime is not an engine here."""
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        return ConfigError(
            f"the package {' and '.join(missing)} is not installed",
            "onnx, which describes the network, and onnxruntime, which computes it",
            'pip install "napari-unisemalign[onnx]"',
        )
    if (compute.device.type, compute.precision) != ("cpu", "float32"):
        return _refused(f"ONNX Runtime computes on the processor in float32, not on {compute.device.type} in "
                        f"{compute.precision}")  # fmt: skip
    if find_spec(encoder).family == "vit":
        return _refused(f"ONNX Runtime cannot compute the encoder {encoder}, a ViT, yet")
    return None


def _refused(why: str) -> ConfigError:
    return ConfigError(why, "a network and a device that both have", "predict with PyTorch", terminal="--engine torch")
