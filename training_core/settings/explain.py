"""What pydantic finds wrong with a file of settings, as an error that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from training_core.base.errors import ConfigError


def explain(error: ValidationError, model: type[BaseModel], source: str) -> ConfigError:
    """The first fault of `source`, which should have been a `model`; an unknown key first: it may be a missing one."""
    faults = error.errors()
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    location = first["loc"]
    key = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        allowed = sorted(_section_at(model, location[:-1]).model_fields)
        close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
        hint = f"{close[0]}, the closest name" if close else "remove the key"
        return ConfigError(
            f"{source} has the unknown key {key} = {first['input']!r}", f"one of {', '.join(allowed)}", hint
        )
    if first["type"] == "missing":
        return ConfigError(f"{source} does not have the key {key}", f"a value for {key}", f"add {key}")
    needed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return ConfigError(f"{source} has {key} = {first['input']!r}", needed, f"correct {key}")


def _section_at(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel]:
    """The model of a nested section; numbers are places in a list."""
    for part in location:
        if isinstance(part, str):
            model = next(_models_in(model.model_fields[part].annotation))
    return model


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
