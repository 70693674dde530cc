"""Text branches behind the contract of `TextBranch`, and `build_text` to choose among them.

Learned vectors, or the text tower of a published model (`registry`, docs/text.md), read by `load`. To add a tower: an
entry in the registry. To add a branch of another kind: a subclass of `TextBranch`, one line in `build_text`, its tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from training_core.network.text.base import NamedClass, TextBranch
from training_core.network.text.learned import LearnedText
from training_core.settings.schema import TextConfig

__all__ = ["LearnedText", "NamedClass", "TextBranch", "build_text"]


def build_text(config: TextConfig, classes: Sequence[NamedClass], dim: int) -> TextBranch:
    """The text branch of this configuration: vectors of width `dim` for these classes, in their order.

    Raises
    ------
    ConfigError
        An unknown model, or a prompt that is too long.
    WeightsError
        Weights, tokenizer or a package are missing, or do not fit.
    """
    if config.encoder == "learned":
        return LearnedText(len(classes), dim)
    from training_core.network.text.load import load_tower_text  # seconds to import, and rarely needed

    return load_tower_text(config, classes, dim)
