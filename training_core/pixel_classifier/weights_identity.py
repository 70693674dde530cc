"""Which encoder features come from: its name and its weight file, told without building it or importing timm."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from training_core.base.bounded import read_json
from training_core.base.errors import StorageError
from training_core.io import atomic_write
from training_core.settings.schema import EncoderConfig


def weights_identity(config: EncoderConfig, notes: Path) -> str | None:
    """A text that differs for different weights or taps; None where no file has them (random, registered encoder).

    Parameters
    ----------
    notes
        A folder that remembers where an encoder's default weights lie; safe to delete.

    Raises
    ------
    ConfigError
        An unknown encoder.
    WeightsError
        The weights are not there and cannot be fetched.
    """
    if not config.pretrained:
        return None
    asked = config.model_dump_json(include={"name", "weights_path", "taps"})
    if config.weights_path is not None:
        path = Path(config.weights_path).expanduser()
        return asked + (_state(path) if path.is_file() else "")  # building the encoder says what is wrong with the path
    note = notes / f"{hashlib.sha256(asked.encode()).hexdigest()[:40]}.json"
    noted = _noted(note)
    if noted is not None and noted.is_file():
        return asked + _state(noted)
    default = _default_weights(config)
    if default is None:
        return None
    with suppress(StorageError):  # a full or read-only disk costs a second at the next start
        atomic_write(note, json.dumps({"weights": str(default)}).encode())
    return asked + _state(default)


def _state(path: Path) -> str:
    status = path.stat()
    return f" {path.name} {status.st_size} {status.st_mtime_ns}"


def _default_weights(config: EncoderConfig) -> Path | None:
    from training_core.network.encoders.registry import find_spec  # timm

    spec = find_spec(config.name)
    return None if spec.make is not None else spec.source.fetch(offline=config.offline)


def _noted(note: Path) -> Path | None:
    try:
        return Path(read_json(note)["weights"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the folder may hold anything, since it is safe to delete and to damage
