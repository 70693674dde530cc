"""The project's own settings: settings.json holds what its trainings do otherwise than by default, and nothing else.

It has the form of a configuration file, so that `train OTHER --config PROJECT/settings.json` takes it elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training_core.base.bounded import read_json
from training_core.base.errors import ConfigError, writing
from training_core.project.store import IndexStore
from training_core.settings.form_fields import flat, nested
from training_core.settings.schema import FORMAT, Config, resolve

SETTINGS_NAME = "settings.json"


def read_settings(folder: Path) -> dict[str, Any]:
    """What the project in `folder` sets, by key ("data.crop_px"); empty for a project without settings.

    Raises
    ------
    ConfigError
        The file is damaged, or holds what the configuration does not allow.
    """
    path = folder / SETTINGS_NAME
    try:
        values = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error})", "settings as JSON", "delete the file to restore the defaults"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} has no settings", "sections with keys and values", "delete the file")
    resolve(values, source=str(path))
    values.pop("spec_version", None)
    return flat(values)


def write_settings(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Keep these settings, by key, for the project in `folder`; returns those that differ from the default.

    Raises
    ------
    ConfigError
        A value is not allowed, or a newer version wrote the settings that are there.
    StorageError
        The disk is full, read-only or not writable. Nothing is changed.
    """
    kept = changed(values)
    path = folder / SETTINGS_NAME
    if path.is_file():
        FORMAT.refuse_newer(path.read_bytes(), path)
    if kept:
        with IndexStore(folder).replacing() as files:  # who holds the project's lock removes what a crash leaves here
            files.add(path, json.dumps({"spec_version": FORMAT.version, **nested(kept)}, indent=1).encode())
    else:
        with writing(path):
            path.unlink(missing_ok=True)
    return kept


def defaults(values: dict[str, Any]) -> dict[str, Any]:
    """Every setting by key where nothing is set but what `values` says of `variant`."""
    variant = values.get("variant")
    return by_key(resolve({} if variant is None else {"variant": variant}))


def changed(values: dict[str, Any], *, source: str = "the form") -> dict[str, Any]:
    """Of these settings, by key, those that differ from the default.

    Raises
    ------
    ConfigError
        A value is not allowed; says so of `source`.
    """
    resolved = by_key(resolve(nested(values), source=source))
    usual = {**defaults(values), "variant": Config().variant}
    return {key: resolved[key] for key in values if resolved[key] != usual[key]}


def in_force(values: dict[str, Any], config: Config) -> dict[str, Any]:
    """Of a project's settings, by key, those that a run with this configuration really has."""
    resolved = by_key(config)
    return {key: value for key, value in values.items() if resolved[key] == value}


def by_key(config: Config) -> dict[str, Any]:
    """The configuration's values by key, as JSON holds them."""
    return flat(config.model_dump(mode="json"))
