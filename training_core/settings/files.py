"""Settings from files and from the command line, layered into one `Config`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from training_core.base.bounded import MAX_YAML_BYTES, in_short, parse_yaml, read_file
from training_core.base.errors import ConfigError
from training_core.settings.schema import Config, resolve
from training_core.settings.variants import layered, merged


def load(
    path: Path | None = None, settings: dict[str, Any] | None = None, *, base: dict[str, Any] | None = None
) -> Config:
    """`base` (an earlier run's settings), under those of a YAML or JSON file, under nested `settings`.

    Raises
    ------
    ConfigError
        The file is missing or unreadable, or a value is not allowed.
    """
    values = layered(base or {}, _read(path) if path is not None else {})
    return resolve(layered(values, settings or {}), source=str(path) if path else "the configuration")


def parse_setting(text: str) -> dict[str, Any]:
    """`section.key=value` as a nested dict; the value is read as YAML (1e-3, true, null, [1, 2])."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}", "key=value", "--set schedule.steps=200")
    try:
        parsed: Any = parse_yaml(value)
    except ValueError as error:
        raise ConfigError(
            f"--set {text} has an unreadable value",
            "a number, text, true, false or a list",
            "put quotes around text",
        ) from error
    if isinstance(parsed, str):  # YAML 1.1 reads 1e-3 as text
        with suppress(ValueError):
            parsed = float(parsed)
    for part in reversed(key.strip().split(".")):
        parsed = {part: parsed}
    return dict(parsed)


def merge_settings(settings: list[str]) -> dict[str, Any]:
    """Several `section.key=value` texts as one nested dict; later ones win."""
    values: dict[str, Any] = {}
    for text in settings:
        values = merged(values, parse_setting(text))
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        values = parse_yaml(read_file(path, MAX_YAML_BYTES).decode())
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no file {path}",
            "a YAML or JSON configuration",
            "check the path, or use the defaults",
            terminal="check the path, or omit --config to use the defaults",
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is not readable as YAML or JSON ({in_short(error)})",
            "a YAML or JSON configuration",
            "compare it with the config.json of a run folder",
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} contains a {type(values).__name__}",
            "sections with keys and values",
            "compare it with the config.json of a run folder",
        )
    return values
