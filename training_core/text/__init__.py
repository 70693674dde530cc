"""Text branches: one file per family behind the contract of `TextBranch`, and `build_text` to choose among them.

To add a family: a file with a subclass of `TextBranch`, one line in `build_text`, its tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training_core.config import TextConfig
from training_core.text.base import NamedClass, TextBranch
from training_core.text.learned import LearnedText

__all__ = ["LearnedText", "NamedClass", "TextBranch", "build_text"]


def build_text(config: TextConfig, classes: Sequence[NamedClass], dim: int) -> TextBranch:
    """The text branch of this configuration: vectors of width `dim` for these classes, in their order.

    Raises
    ------
    ConfigError: an unknown model, or a prompt that is too long. WeightsError: weights are missing or do not fit.
    """
    if config.encoder == "learned":
        return LearnedText(len(classes), dim)
    from training_core.text.open_clip_tower import load_open_clip_text  # seconds to import, and rarely needed

    path = Path(config.weights_path).expanduser() if config.weights_path is not None else None
    return load_open_clip_text(config.model_name, path, classes, context_tokens=config.context_tokens, dim=dim)
