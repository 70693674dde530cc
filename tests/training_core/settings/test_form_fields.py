"""The list of settings that forms are made of: complete, with words, and read as the command line reads values."""

from __future__ import annotations

import pytest

from training_core.base.errors import ConfigError
from training_core.settings.form_fields import all_settings, flat, nested, parse_value, section_descriptions, value_text
from training_core.settings.schema import Config, resolve

SETTINGS = {each.key: each for each in all_settings()}


def test_no_field_of_the_model_is_left_out() -> None:
    assert set(SETTINGS) == set(flat(Config().model_dump())) - {"spec_version"}
    assert {each.section for each in SETTINGS.values()} == {"", *section_descriptions()}


@pytest.mark.parametrize("key", SETTINGS)
def test_every_field_has_words(key: str) -> None:
    assert len(SETTINGS[key].description) > 8


@pytest.mark.parametrize("key", SETTINGS)
def test_the_default_survives_being_typed(key: str) -> None:
    value = flat(Config().model_dump(mode="json"))[key]
    if value is None:
        assert SETTINGS[key].optional
    else:
        assert parse_value(SETTINGS[key], value_text(value)) == value


def test_kinds_choices_and_bounds_are_the_model_s() -> None:
    assert SETTINGS["encoder.taps"].annotation == tuple[int, int]
    assert SETTINGS["encoder.taps"].optional
    assert SETTINGS["decoder.dilations"].kind == "numbers"
    assert SETTINGS["inference.views"].choices == (1, 2, 4, 8)
    assert SETTINGS["encoder.pretrained"].kind == "flag"
    assert SETTINGS["data.crop_px"].limits == {"ge": 32}
    assert SETTINGS["data.crop_px"].bounds == "at least 32"
    assert SETTINGS["optimizer.momentum"].bounds == "at least 0, below 1"


def test_typed_values() -> None:
    assert parse_value(SETTINGS["optimizer.lr"], " 2e-3 ") == 0.002
    assert parse_value(SETTINGS["decoder.dilations"], "6, 12, 18") == [6, 12, 18]
    assert parse_value(SETTINGS["encoder.weights_path"], "C:\\a: b.pth") == "C:\\a: b.pth"
    typed = nested({"data.crop_px": parse_value(SETTINGS["data.crop_px"], "many")})
    with pytest.raises(ConfigError, match=r"data\.crop_px = 'many'"):
        resolve(typed)
    with pytest.raises(ConfigError):
        parse_value(SETTINGS["decoder.dilations"], "6, [")
