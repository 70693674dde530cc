"""When memory runs out, of the device or the machine: recognise it, give back what is held, use smaller windows."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import torch

from training_core.base.errors import MemoryLimitError
from training_core.base.i18n import tr
from training_core.settings.schema import InferenceConfig

Result = TypeVar("Result")

MIN_WINDOW_PX = 256
"""No window is made smaller than this by itself; a network that sees less tissue than this at once knows little."""

_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 1 << 20
"""glibc: blocks of this size and more are taken from the system one by one, so that none is kept between others."""

_SIGNS = (
    "DefaultCPUAllocator",  # "can't allocate memory", "not enough memory"
    "backend out of memory",  # MPS
    "std::bad_alloc",
    "_STATUS_ALLOC_FAILED",  # cuDNN, cuBLAS
    "could not create a primitive",  # oneDNN asks for its own memory, and does not say that it got none
    "could not create a memory object",
    "could not execute a primitive",
    "can't start new thread",
)


def is_out_of_memory(error: BaseException | None) -> bool:
    """True where memory that was not there is the reason, also of an error that was raised because of it.

    Not of a `MemoryLimitError`, which says so already.
    """
    while error is not None and not isinstance(error, MemoryLimitError):
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS):
            return True
        error = error.__cause__
    return False


def release(device: torch.device) -> None:
    """Give memory that nothing uses back to the device or to the system."""
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library than glibc
            glibc = ctypes.CDLL("libc.so.6")
            glibc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
            glibc.malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if device.type == "mps":
        torch.mps.empty_cache()


def with_smaller_windows(
    config: InferenceConfig,
    device: torch.device,
    predict: Callable[[InferenceConfig], Result],
    tell: Callable[[str], None],
) -> tuple[Result, InferenceConfig]:
    """What `predict` gives with the window of `config`, or with the largest half, quarter, ... that fits, and that one.

    Parameters
    ----------
    tell
        Called with a sentence for every change.

    Raises
    ------
    MemoryLimitError
        The smallest window does not fit either.
    """
    while True:
        try:
            return predict(config), config
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # after the except clause: the error held on to what the prediction had in memory
        release(device)
        window = config.side_px
        if window <= MIN_WINDOW_PX:
            raise MemoryLimitError(
                f"there is not enough memory to predict, even with windows of {window} px",
                "memory for one window and for the class probabilities of the whole image",
                "close other programs, cut the image into smaller ones or predict on a machine with more memory",
            )
        config = config.model_copy(update={"window_px": max(MIN_WINDOW_PX, window // 2)})
        words = tr(
            "Not enough memory for windows of {before} px: windows of {now} px are used instead, so borders may "
            "differ slightly. Close other programs to use larger windows again."
        )
        tell(words.format(before=window, now=config.window_px))


@contextmanager
def explained(what: str, hint: str = "close other programs or use a machine with more memory") -> Iterator[None]:
    """Where `what` cannot be done with less memory: say so instead of a traceback.

    Raises
    ------
    MemoryLimitError
        Memory ran out inside.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryLimitError(f"there is not enough memory to {what}", "more free memory", hint) from error
