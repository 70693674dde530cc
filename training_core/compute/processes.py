"""Several processes, started by torchrun, that train one network: what they tell each other, and nothing with only one.

Every process holds the whole network and takes its share of each step's images. A loss is divided by what counts in
all shares, so the losses of all processes add up to the loss of the whole batch, and so do their gradients. They are
added after the backward pass in one go: DistributedDataParallel would have to wrap a network that a step calls more
than once and by several methods, and it averages, which is wrong for sums over unequal numbers of labelled pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from training_core.base.errors import ConfigError, DeviceError
from training_core.base.torchrun import rank_and_size
from training_core.compute.device import Compute
from training_core.settings.schema import Config

Item = TypeVar("Item")

_PATIENCE = timedelta(days=1)
"""The others wait while the first process validates."""


@contextmanager
def joined(compute: Compute) -> Iterator[Compute]:
    """Join the processes that torchrun has started, on this one's own GPU where there are GPUs.

    Raises
    ------
    DeviceError
        There are more processes than GPUs, or the device knows no other processes.
    """
    if rank_and_size()[1] == 1:
        yield compute
        return
    compute = own_device(compute)
    dist.init_process_group("nccl" if compute.device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield compute
    finally:
        dist.destroy_process_group()


def own_device(compute: Compute) -> Compute:
    """With several processes on a machine of several GPUs: this one's own.

    Raises
    ------
    DeviceError
        There are more processes than GPUs, or the device knows no other processes.
    """
    if rank_and_size()[1] == 1 or compute.device.type == "cpu":
        return compute
    if compute.device.type != "cuda":
        raise DeviceError(
            f"several processes on device {compute.device.type}",
            "device cuda or cpu",
            "start one process, without torchrun",
        )
    local, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= n_gpus:
        raise DeviceError(
            f"process {local + 1} of this machine has no GPU of its own ({n_gpus} found)",
            "as many GPUs as processes",
            f"start {n_gpus} processes",
            terminal=f"torchrun --nproc_per_node={n_gpus}",
        )
    torch.cuda.set_device(local)
    return replace(compute, device=torch.device("cuda", local))


def n_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if n_processes() > 1 else 0


def is_first() -> bool:
    """True for the one process that writes, validates and speaks."""
    return rank() == 0


def check_divides(config: Config) -> None:
    """Every process gets as many images as any other.

    Raises
    ------
    ConfigError
        A batch that cannot be divided evenly.
    """
    batches = {"labeled_batch": config.data.labeled_batch}
    if config.pseudo_label.enabled:
        batches["unlabeled_batch"] = config.data.unlabeled_batch
    for name, size in batches.items():
        if size % n_processes():
            raise ConfigError(
                f"data.{name} = {size} cannot be shared evenly by {n_processes()} processes",
                f"a multiple of {n_processes()}",
                f"set data.{name} to {n_processes() * -(-size // n_processes())}",
            )


def own_chance(seed: int, step: int) -> None:
    """Dropout of this process's own, as its images are, yet the same whenever the run is repeated."""
    if n_processes() > 1:
        torch.manual_seed(int(np.random.SeedSequence([seed, step, rank()]).generate_state(1)[0]))


def total(value: Tensor) -> Tensor:
    """The sum of every process's `value`, without gradient."""
    if n_processes() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value)
    return value


def maximum(value: Tensor) -> Tensor:
    """The elementwise maximum of every process's `value`, without gradient."""
    if n_processes() == 1:
        return value
    value = value.detach().clone()
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return value


def largest(value: float) -> float:
    """The largest of every process's `value`, so that all of them decide alike."""
    return value if n_processes() == 1 else float(maximum(torch.tensor(value, dtype=torch.float64, device=_device())))


def rolled(rows: Tensor) -> Tensor:
    """Row i - 1 of the whole batch in place of row i: the first row is the last one of the process before."""
    if n_processes() == 1:
        return rows.roll(1, 0)
    last = rows[-1:].contiguous()
    sent = last.to(torch.uint8) if last.dtype == torch.bool else last
    received = [torch.empty_like(sent) for _ in range(n_processes())]
    dist.all_gather(received, sent)
    return torch.cat([received[rank() - 1].to(rows.dtype), rows[:-1]])


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Each gradient becomes the sum of every process's own."""
    if n_processes() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = total(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(summed.view_as(gradient))


def told_by_first(value: Item) -> Item:
    """The first process's `value`, for all."""
    if n_processes() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, device=_device())
    return values[0]


@contextmanager
def together(compute: Compute) -> Iterator[bool]:
    """Join the processes where torchrun started them: it ends all as soon as one fails, so they end together.

    The block is given whether there are others.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield False
        return
    with joined(compute):
        yield n_processes() > 1


def gathered(items: Sequence[Item]) -> list[Item]:
    """Every process's items, in the order of the processes."""
    if n_processes() == 1:
        return list(items)
    received: list[Any] = [None] * n_processes()
    dist.all_gather_object(received, list(items))
    return [item for several in received for item in several]


def as_first(modules: Sequence[nn.Module | None]) -> None:
    """Every process begins with the first one's weights, bit for bit."""
    if n_processes() > 1:
        for module in modules:
            for tensor in module.state_dict().values() if module is not None else ():
                dist.broadcast(tensor, 0)


def share_statistics(model: nn.Module) -> None:
    """Batch normalisation over the images of all processes, in place; names and values of the state stay.

    Raises
    ------
    ConfigError
        A kind of batch normalisation that is not known here.
    """
    if n_processes() == 1:
        return
    from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm  # knows timm's own and PyTorch's

    if _device().type == "cuda":
        convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return
    for module in model.modules():
        if type(module) in (nn.BatchNorm2d, BatchNormAct2d):
            module.__class__ = _SharedBatchNorm2d
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ConfigError(
                f"the network contains {type(module).__name__}, whose statistics cannot be shared by processes "
                "on a CPU",
                "an encoder with plain batch normalisation",
                "choose another encoder.name, or start one process, without torchrun",
            )


class _Sum(torch.autograd.Function):
    """`total` with a gradient: every process's losses depend on the sum, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        return total(value)

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return total(gradient)


class _SharedBatchNorm2d(nn.BatchNorm2d):
    """What torch.nn.SyncBatchNorm is on a GPU: it refuses the CPU. Also in place of timm's, which has an activation."""

    def forward(self, x: Tensor) -> Tensor:
        y = self._normalized(x) if self.training else super().forward(x)
        for name in ("drop", "act"):
            if name in self._modules:
                y = cast(nn.Module, self._modules[name])(y)
        return y

    def _normalized(self, x: Tensor) -> Tensor:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values = x.float()
        count = x.numel() // x.shape[1] * n_processes()  # shares are equally large
        mean = _Sum.apply(values.sum((0, 2, 3))) / count
        deviation = values - mean[:, None, None]
        variance = _Sum.apply(deviation.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return cast(Tensor, deviation * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def _device() -> torch.device:
    """Where tensors have to be for the processes to exchange them."""
    return torch.device("cuda", torch.cuda.current_device()) if dist.get_backend() == "nccl" else torch.device("cpu")
