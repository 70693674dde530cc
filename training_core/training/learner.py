"""What learns: the network, its teacher, the optimiser and the threshold, and how one batch changes them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from training_core.base.errors import ConfigError
from training_core.compute import processes as distributed
from training_core.compute.device import Compute
from training_core.method.batch import Batch
from training_core.method.pseudo_label import Threshold
from training_core.method.step import StepResult, training_step
from training_core.network.model import UniSemAlign, placed
from training_core.prediction import out_of_memory
from training_core.runs import checkpoint as checkpoints
from training_core.training.optimizer import build_optimizer, load_optimizer_tensors, optimizer_tensors, set_lr
from training_core.training.run_settings import RunSettings
from training_core.training.schedule import lr_factor

_SMALLER = "a smaller encoder (encoder.name), or train less of it (encoder.fine_tune)"


class Learner:
    """One network in training."""

    def __init__(self, model: UniSemAlign, settings: RunSettings, n_classes: int, compute: Compute) -> None:
        self.compute, self._settings = compute, settings
        config = settings.config
        self.model = placed(model, compute)
        distributed.share_statistics(self.model)
        self.teacher = teacher_of(self.model) if config.teacher.ema_decay > 0 else None
        self.optimizer = build_optimizer(self.model, config.optimizer)
        labels = config.pseudo_label
        self.threshold = Threshold(labels.threshold_start, labels.threshold_momentum, labels.threshold, n_classes)
        self.is_warm = False
        """It started as an earlier round ended: the teacher is not to follow the first steps at once."""

    def warm_up_from(self, threshold: float) -> None:
        """The network holds weights that were trained up to this threshold: go on as one that has trained."""
        if self.teacher is not None:
            self.teacher.load_state_dict(self.model.state_dict())
        self.threshold.value = threshold
        self.is_warm = True

    @property
    def predictor(self) -> UniSemAlign:
        """The network that predicts: the teacher where there is one."""
        return self.teacher if self.teacher is not None else self.model

    def learn(self, batch: Batch, step: int, progress: float) -> StepResult:
        """Losses, gradients, the optimiser, the teacher.

        Parameters
        ----------
        step
            How many steps came before.
        progress
            Share of the training that is done, 0..1, for the learning rate.

        Raises
        ------
        ConfigError
            The loss is no finite number.
        MemoryLimitError
            Memory ran out in the optimiser.
        """
        config = self._settings.config
        set_lr(self.optimizer, lr_factor(progress, step, config.optimizer))
        self.model.train()
        batch = batch.share(distributed.rank(), distributed.n_processes()).to(self.compute.device)
        batch = batch.map_images(self._normalized)
        with self.compute.autocast():
            result = training_step(self.model, self.teacher, batch, self.threshold, config)
        self.optimizer.zero_grad(set_to_none=True)
        result.total.backward()  # type: ignore[no-untyped-call]
        distributed.add_gradients(self.model.parameters())
        result = _over_processes(result)
        with out_of_memory.explained("update the weights", _SMALLER):  # half of them may have moved: no going back
            self.optimizer.step()
        if not bool(torch.isfinite(result.total.detach())):
            raise ConfigError(
                f"the loss of step {step + 1} is not a finite number",
                "a training that does not diverge",
                "lower optimizer.lr and optimizer.encoder_lr; earlier checkpoints are kept",
            )
        if self.teacher is not None:
            _follow(self.teacher, self.model, config.teacher.ema_decay, None if self.is_warm else step)
        return result

    def _normalized(self, images: Tensor) -> Tensor:
        return self.model.normalize(images).contiguous(memory_format=self.compute.memory_format)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint needs besides the weights that predict: optimiser, random states, the student."""
        tensors = _prefixed("optimizer", optimizer_tensors(self.optimizer))
        tensors |= checkpoints.rng_state(self.compute.device)
        if self.teacher is not None:
            tensors |= _prefixed("student", checkpoints.saved_tensors(self.model))
        return tensors

    def scalars(self) -> dict[str, Any]:
        """The threshold and how it started, for a checkpoint's state."""
        return {
            "threshold": self.threshold.value,
            "threshold_class_means": self.threshold.class_means,
            "threshold_left_out": self.threshold.left_out,
            "is_warm": self.is_warm,
        }

    def restore(self, checkpoint: checkpoints.Checkpoint) -> None:
        """As it was when the checkpoint was written.

        Raises
        ------
        CheckpointError
            It does not fit this network.
        """
        training, state = checkpoint.training, checkpoint.state
        checkpoints.load_tensors(self.predictor, checkpoint.model, checkpoint.path)
        if self.teacher is not None:
            checkpoints.load_tensors(self.model, _unprefixed("student", training), checkpoint.path)
        load_optimizer_tensors(self.optimizer, _unprefixed("optimizer", training))
        checkpoints.restore_rng_state(training, self.compute.device)
        self.threshold.value = state["threshold"]
        self.threshold.class_means = state.get("threshold_class_means", self.threshold.class_means)
        self.threshold.left_out = tuple(state.get("threshold_left_out", ()))
        self.is_warm = state.get("is_warm", False)

    def load_predictor(self, checkpoint: checkpoints.Checkpoint) -> None:
        """The weights that predict, and the threshold, alone.

        Raises
        ------
        CheckpointError
            It does not fit this network.
        """
        checkpoints.load_tensors(self.predictor, checkpoint.model, checkpoint.path)
        self.threshold.value = checkpoint.state["threshold"]


def teacher_of(model: UniSemAlign) -> UniSemAlign:
    """A copy of the network to be moved after it; a frozen trunk serves both."""
    trunk = model.encoder.trunk
    is_frozen = not any(parameter.requires_grad for parameter in trunk.parameters())
    teacher = copy.deepcopy(model, {id(trunk): trunk} if is_frozen else None)
    teacher.requires_grad_(False)
    return teacher.eval()


@torch.no_grad()
def _follow(teacher: UniSemAlign, student: UniSemAlign, decay: float, step: int | None) -> None:
    """teacher <- d teacher + (1 - d) student, with a smaller d in the first steps; buffers are copied.

    Source: Tarvainen and Valpola 2017 (arXiv 1703.01780).

    Parameters
    ----------
    step
        How many steps came before; None: the student was no beginner.
    """
    if step is not None:
        decay = min(decay, (1 + step) / (10 + step))
    pairs = [(t, s) for t, s in zip(teacher.parameters(), student.parameters(), strict=True) if s.requires_grad]
    torch._foreach_lerp_([t for t, _ in pairs], [s.detach() for _, s in pairs], 1 - decay)
    if buffers := list(teacher.buffers()):
        torch._foreach_copy_(buffers, list(student.buffers()))


def _over_processes(result: StepResult) -> StepResult:
    """The losses of the whole batch."""
    if distributed.n_processes() == 1:
        return result
    losses = distributed.total(torch.stack([result.total, *result.losses.values()]))
    return replace(result, total=losses[0], losses=dict(zip(result.losses, losses[1:], strict=True)))


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
