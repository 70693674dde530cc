"""What every text branch is: a vector per class, in the space that pixels and prototypes share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor, nn


class NamedClass(Protocol):
    """What a text branch needs to know of a class; `training_core.project.TissueClass` is one."""

    @property
    def name(self) -> str:
        """As the user wrote it."""

    @property
    def prompt(self) -> str:
        """A description in words; empty where the name says it all."""


class TextBranch(nn.Module, ABC):
    """Gives T, the (C, D) text vectors of the classes, not normalised.

    Parameters and state dict hold what is trained; a frozen text tower comes from its own file again.
    """

    @abstractmethod
    def forward(self) -> Tensor:
        """T, (C, D)."""
