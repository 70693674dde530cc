"""The configuration: strict, layered, and clear about what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from training_core.base.errors import ConfigError
from training_core.network.encoders import completed
from training_core.settings.files import load, merge_settings, parse_setting
from training_core.settings.schema import Config, resolve
from training_core.settings.variants import VARIANTS


def message(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- values -----------------------------------------------------------------------------------------------------------


def test_defaults_are_valid_frozen_and_survive_json() -> None:
    config = resolve()
    assert config == Config()
    assert resolve(json.loads(config.model_dump_json())) == config
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.schedule.steps = 3  # type: ignore[misc]


@pytest.mark.parametrize("variant", ["best", "paper", "released"])
def test_the_recorded_settings_of_every_variant_give_the_same_settings_again(variant: str) -> None:
    config = resolve({"variant": variant})
    assert resolve(json.loads(config.model_dump_json())) == config


def test_what_the_user_sets_wins_over_the_variant() -> None:
    paper = resolve({"variant": "paper"})
    changed = resolve({"variant": "paper", "optimizer": {"lr": 0.5}})
    assert paper.optimizer.name == "sgd"
    assert changed.optimizer.lr == 0.5
    assert changed.optimizer.model_copy(update={"lr": paper.optimizer.lr}) == paper.optimizer


def test_variants_differ_where_the_paper_and_its_code_do() -> None:
    paper, released = resolve({"variant": "paper"}), resolve({"variant": "released"})
    assert (paper.pseudo_label.hard_target, released.pseudo_label.hard_target) == ("weak", "strong")
    assert (paper.losses.hard, released.losses.hard) == (0.5, 0.25)
    assert (paper.losses.labeled, released.losses.labeled) == (1.0, 0.5)
    assert (paper.alignment.upsample, released.alignment.upsample) == ("cosines", "features")
    for config in (paper, released):
        assert config.encoder.fine_tune == "frozen"
        assert config.encoder.taps == (2, 9)
        assert config.decoder.name == "deeplabv3plus"
        assert config.teacher.ema_decay == 0
        assert config.schedule.epochs == 80
        assert config.inference.window_px == 256


def test_an_unknown_key_is_named_with_its_value_the_allowed_ones_and_the_nearest() -> None:
    text = message(resolve, {"optimizer": {"learning_rate": 0.1}})
    assert "optimizer.learning_rate = 0.1" in text
    assert "encoder_lr, lr, momentum" in text
    assert "seed, the closest name" in message(resolve, {"sed": 3})
    assert "validate_every_steps, the closest name" in message(resolve, {"schedule": {"validate_every_step": 3}})


@pytest.mark.parametrize(
    ("settings", "key", "value", "needed"),
    [
        ({"schedule": {"steps": "many"}}, "schedule.steps", "'many'", "valid integer"),
        ({"schedule": {"steps": 2.5}}, "schedule.steps", "2.5", "valid integer"),
        ({"schedule": {"steps": True}}, "schedule.steps", "True", "valid integer"),
        ({"schedule": {"steps": 0}}, "schedule.steps", "0", "greater than or equal to 1"),
        ({"schedule": {"minutes": 0}}, "schedule.minutes", "0", "greater than 0"),
        ({"data": {"crop_px": 16}}, "data.crop_px", "16", "greater than or equal to 32"),
        ({"variant": "bset"}, "variant", "'bset'", "'best', 'paper' or 'released'"),
        ({"variant": ["best"]}, "variant", "['best']", "'best', 'paper' or 'released'"),
        ({"runtime": {"device": "gpu"}}, "runtime.device", "'gpu'", "'cuda'"),
        ({"encoder": {"pretrained": "yes"}}, "encoder.pretrained", "'yes'", "boolean"),
        ({"encoder": {"fine_tune": "all"}}, "encoder.fine_tune", "'all'", "'last_blocks', 'lora' or 'whole'"),
        ({"optimizer": {"lr": -1.0}}, "optimizer.lr", "-1.0", "greater than 0"),
        ({"optimizer": "adamw"}, "optimizer", "'adamw'", "object"),
        ({"spec_version": 2}, "spec_version", "2", "1"),
        ({"seed": -1}, "seed", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(
    settings: dict[str, Any], key: str, value: str, needed: str
) -> None:
    text = message(resolve, settings)
    assert f"{key} = {value}" in text
    assert needed in text


def test_a_value_that_is_no_plain_data() -> None:
    assert "not plain data" in message(resolve, {"encoder": {"weights_path": Path("x")}})


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize("key", [("schedule", "minutes"), ("optimizer", "lr"), ("losses", "hard")])
def test_numbers_are_finite_because_json_has_no_others(key: tuple[str, str], value: float) -> None:
    """config.json would say null, and the run could not be resumed."""
    assert f"{key[0]}.{key[1]}" in message(resolve, {key[0]: {key[1]: value}})


def test_a_seed_that_no_generator_takes() -> None:
    assert "seed" in message(resolve, {"seed": 2**64})


def test_settings_that_contradict_each_other() -> None:
    """The released code's hard target needs partners of their own and no teacher; nothing is silently left out."""
    text = message(resolve, {"pseudo_label": {"hard_target": "strong"}})
    assert "hard_target" in text
    assert "ema_decay" in text
    text = message(resolve, {"variant": "released", "pseudo_label": {"mix_partner": "batch"}})
    assert "mix_partner" in text
    one = {"data": {"unlabeled_batch": 1, "labeled_batch": 1}}
    assert "unlabeled_batch = 2" in message(resolve, {"variant": "paper", **one})
    assert "labeled_batch = 2" in message(resolve, {"pseudo_label": {"enabled": False}, **one})
    resolve(one)  # labelled and strong images pass together
    assert "scale_max" in message(resolve, {"augment": {"scale_min": 1.5, "scale_max": 0.5}})


# --- layers -----------------------------------------------------------------------------------------------------------


def test_file_over_base_and_settings_over_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("seed: 2\noptimizer: {lr: 0.2, encoder_lr: 0.02}\n")
    base = {"seed": 1, "optimizer": {"lr": 0.1, "momentum": 0.5}}
    config = load(file, {"optimizer": {"lr": 0.3}}, base=base)
    assert config.seed == 2
    assert (config.optimizer.lr, config.optimizer.encoder_lr, config.optimizer.momentum) == (0.3, 0.02, 0.5)


@pytest.mark.parametrize("budget", [{"steps": 7}, {"epochs": 7}, {"minutes": 7.0}])
def test_a_budget_replaces_one_of_another_kind_from_a_lower_layer(tmp_path: Path, budget: dict[str, Any]) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"variant": "paper", "schedule": {"minutes": 3.0, "validate_every_steps": 9}}))
    schedule = load(file, {"schedule": budget}, base=resolve().model_dump(mode="json")).schedule
    set_ = {k: v for k, v in schedule.model_dump().items() if k in ("epochs", "minutes") and v is not None}
    assert set_ == {k: v for k, v in budget.items() if k != "steps"}
    assert schedule.validate_every_steps == 9
    if "steps" in budget:
        assert schedule.steps == 7


def test_a_variant_s_epochs_give_way_to_steps() -> None:
    assert resolve({"variant": "paper"}).schedule.epochs == 80
    assert resolve({"variant": "paper", "schedule": {"steps": 5}}).schedule.epochs is None


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    assert "there is no file" in message(load, tmp_path / "absent.yaml")
    bad = tmp_path / "bad.yaml"
    for content, says in (
        (b"a: [1", "not readable"),
        (b"\xff\xfe\x00", "not readable"),
        (b"[1, 2]", "contains a list"),
    ):
        bad.write_bytes(content)
        assert says in message(load, bad)
    bad.write_text("schedule: {stepps: 3}")
    assert str(bad) in message(load, bad)
    assert "not readable" in message(load, tmp_path)
    bad.write_text("")
    assert load(bad) == Config()


# --- --set ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=3", {"seed": 3}),
        ("optimizer.lr=1e-3", {"optimizer": {"lr": 0.001}}),
        ("optimizer.lr = 0.5", {"optimizer": {"lr": 0.5}}),
        ("encoder.offline=true", {"encoder": {"offline": True}}),
        ("schedule.minutes=null", {"schedule": {"minutes": None}}),
        ("text.weights_path=", {"text": {"weights_path": None}}),
        ("text.weights_path=''", {"text": {"weights_path": ""}}),
        ("encoder.taps=[2, 9]", {"encoder": {"taps": [2, 9]}}),
        ("encoder.name=uni", {"encoder": {"name": "uni"}}),
        ("encoder.weights_path=/a=b", {"encoder": {"weights_path": "/a=b"}}),
        ("alignment.loss=none", {"alignment": {"loss": "none"}}),
    ],
)
def test_set_reads_values_as_yaml(text: str, expected: dict[str, Any]) -> None:
    assert parse_setting(text) == expected
    resolve(parse_setting(text))


@pytest.mark.parametrize("text", ["seed", "=3", "seed=[1", "  =3"])
def test_set_that_is_not_key_value(text: str) -> None:
    assert f"--set {text}" in message(parse_setting, text)


def test_later_settings_win_and_sections_merge() -> None:
    merged = merge_settings(["seed=1", "optimizer.lr=0.1", "optimizer.momentum=0.2", "seed=2"])
    assert merged == {"seed": 2, "optimizer": {"lr": 0.1, "momentum": 0.2}}


def test_presets_are_not_changed_by_resolving() -> None:
    before = json.dumps(VARIANTS, sort_keys=True)
    resolve({"variant": "released", "optimizer": {"lr": 3.0}, "schedule": {"steps": 2}})
    assert json.dumps(VARIANTS, sort_keys=True) == before


@pytest.mark.parametrize(("trainable", "fine_tune"), [(True, "whole"), (False, "frozen")])
def test_a_run_of_an_earlier_version_is_read(trainable: bool, fine_tune: str) -> None:
    before = {"variant": "paper", "encoder": {"name": "uni", "trainable": trainable, "taps": [2, 9]}}
    encoder = resolve(before).encoder
    assert (encoder.fine_tune, encoder.name, encoder.taps) == (fine_tune, "uni", (2, 9))
    assert "trainable" in before["encoder"]  # type: ignore[operator]


@pytest.mark.parametrize(("before", "now"), [(True, "convolutions"), (False, "none")])
def test_detail_was_a_switch_once(before: bool, now: str) -> None:
    assert resolve({"encoder": {"detail": before}}).encoder.detail == now


def test_a_vit_predicts_in_smaller_windows_and_one_view() -> None:
    assert completed(resolve()).inference == resolve().inference
    vit = completed(resolve({"encoder": {"name": "dinov2_vits14"}})).inference
    assert (vit.window_px, vit.views) == (512, 1)
    assert completed(resolve({"encoder": {"name": "uni"}, "inference": {"views": 4}})).inference.views == 4
    assert completed(resolve({"encoder": {"name": "uni"}, "inference": {"window_px": 800}})).inference.window_px == 800
