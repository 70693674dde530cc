"""The configuration's fields as a list: what a form needs, read from the model itself, so that the two cannot drift."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from training_core.settings.files import parse_setting
from training_core.settings.schema import Config

FieldKind = Literal["flag", "choice", "whole number", "number", "text", "numbers"]

_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_KINDS: dict[type, FieldKind] = {bool: "flag", int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True)
class Setting:
    """One field of the configuration.

    Attributes
    ----------
    key
        As in `--set KEY=VALUE`.
    section
        The key's first part, empty at the top.
    annotation
        Its type, without None.
    optional
        Whether None is a value too, and leaves the choice to the program.
    limits
        Pydantic's ge, gt, le and lt.
    """

    key: str
    section: str
    name: str
    description: str
    annotation: Any
    optional: bool
    limits: dict[str, float]

    @property
    def kind(self) -> FieldKind:
        """What can be typed or chosen."""
        origin = get_origin(self.annotation)
        return "choice" if origin is Literal else "numbers" if origin is tuple else _KINDS[self.annotation]

    @property
    def choices(self) -> tuple[Any, ...]:
        """What a choice can be; empty for the other kinds."""
        return get_args(self.annotation) if self.kind == "choice" else ()

    @property
    def bounds(self) -> str:
        """The limits in words, such as "at least 1"."""
        return ", ".join(_BOUNDS[word].format(value_text(limit)) for word, limit in self.limits.items())


def all_settings() -> tuple[Setting, ...]:
    """Every field that a user can set, in the order of the model, the ones without a section first."""
    fields = tuple(_fields(Config))
    return tuple(sorted(fields, key=lambda each: bool(each.section)))


def section_descriptions() -> dict[str, str]:
    """What each section is about: its name and the model's own sentence."""
    sections = {name: field.annotation for name, field in Config.model_fields.items() if _is_model(field)}
    return {name: str(model.__doc__) for name, model in sections.items()}


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """Nested values by key: {"data": {"crop_px": 64}} becomes {"data.crop_px": 64}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"{name}.{key}": each for key, each in flat(value).items()})
        else:
            found[name] = value
    return found


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """The opposite of `flat`, for the configuration's two levels."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        (found.setdefault(section, {}) if section else found)[name] = value
    return found


def parse_value(setting: Setting, text: str) -> Any:
    """What a user typed, read as the command line reads it; whether it is allowed, the model says.

    Raises
    ------
    ConfigError
        It is no number, text or list at all.
    """
    if setting.kind == "text":
        return text
    typed = text.strip()
    if setting.kind == "numbers" and not typed.startswith("["):
        typed = f"[{typed}]"
    values = flat(parse_setting(f"{setting.key}={typed}"))
    return values[setting.key]


def value_text(value: Any) -> str:
    """A value as a user would type it; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fields(model: type[BaseModel], section: str = "") -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, name)
        else:
            setting = _setting(name, field, section)
            if setting.kind != "choice" or len(setting.choices) > 1:  # spec_version can only be what it is
                yield setting


def _setting(name: str, field: FieldInfo, section: str) -> Setting:
    members = _members(field.annotation)
    (annotation,) = (each for each in members if each is not type(None))
    return Setting(
        key=f"{section}.{name}" if section else name,
        section=section,
        name=name,
        description=field.description or "",
        annotation=annotation,
        optional=len(members) > 1,
        limits={word: getattr(each, word) for each in field.metadata for word in _BOUNDS if hasattr(each, word)},
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _is_model(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
