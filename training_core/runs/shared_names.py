"""What the files of a shared model are called; nothing here imports torch."""

from __future__ import annotations

from pathlib import Path

MODEL_NAME = "model.json"
CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"


def is_shared_model(folder: Path) -> bool:
    """Whether a folder says that it is a shared model."""
    return (folder / MODEL_NAME).is_file()
