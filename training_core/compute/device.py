"""Which device computes, in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from training_core.base.errors import DeviceError
from training_core.settings.schema import RuntimeConfig


@dataclass(frozen=True)
class Compute:
    """A device and a precision; `autocast()` is the context that network passes run in."""

    device: torch.device
    precision: str
    memory_format: torch.memory_format = torch.channels_last
    """Of images and weights; convolutions are faster with the channels last on every device."""

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 autocast, or nothing in float32."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def choose_compute(config: RuntimeConfig) -> Compute:
    """The device asked for (auto: CUDA, then MPS, then CPU) and the precision that it does fast.

    Raises
    ------
    DeviceError
        This machine does not have the device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    name = config.device
    if name == "auto":
        name = "cuda" if available["cuda"] else "mps" if available["mps"] else "cpu"
    if not available[name]:
        present = [device for device, there in available.items() if there]
        raise DeviceError(
            f"device {name} is not available: PyTorch {torch.__version__} finds none on this machine",
            f"one of {', '.join(present)}",
            "choose the device auto, or install the PyTorch build for your graphics card",
        )
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if _bfloat16_is_fast(name) else "float32"
    if name == "cuda":  # TF32, PyTorch's default for convolutions, keeps 10 of float32's 23 bits
        torch.backends.cudnn.allow_tf32 = precision != "float32"
    return Compute(torch.device(name), precision)


def peak_gpu_bytes() -> int | None:
    """The most memory of the CUDA device that tensors of this process have taken so far; None: it is not in use."""
    return torch.cuda.max_memory_allocated() or None if torch.cuda.is_available() else None


def _bfloat16_is_fast(device: str) -> bool:
    """True where bfloat16 has instructions of its own; elsewhere it is emulated, and slower than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "cpu":
        features = torch.backends.cpu.get_cpu_capability()
        return features == "AVX512" and _cpu_flag("avx512_bf16")
    return False


def _cpu_flag(flag: str) -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return any(line.startswith("flags") and flag in line.split() for line in lines)
    except OSError:  # not Linux: stay with float32
        return False


@contextmanager
def settings_kept() -> Iterator[None]:
    """Random numbers and TF32 are the whole process's: after the block they are as whoever called it had them."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    tf32 = torch.backends.cudnn.allow_tf32
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def one_thread() -> Iterator[None]:
    """For work in small pieces: a second thread brings little, and on a busy machine each piece waits for it.

    Measured beside two other programs on two cores: features of three tiles in 14 s with two threads, 2 s with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
