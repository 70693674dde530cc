"""Checkpoints: whole or not at all, and everything that predicts is in them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import training_core.runs.checkpoint as checkpoints
from training_core.base.errors import CheckpointError, StorageError
from training_core.network.model import UniSemAlign, build_model
from training_core.project import TissueClass
from training_core.settings.schema import Config
from training_core.training.learner import teacher_of

CLASSES = [TissueClass(0, "background", "#999999"), TissueClass(1, "gland", "#009e73")]


def tensors(value: float, numel: int = 4) -> dict[str, Tensor]:
    return {"layer.weight": torch.full((numel,), value), "layer.steps": torch.tensor(int(value))}


def save(run: Path, step: int, *, is_best: bool = False, numel: int = 4) -> None:
    training = {"optimizer.0.exp_avg": torch.full((3,), -float(step))}
    checkpoints.save(run, tensors(step, numel), training, {"step": step, "threshold": 0.7}, is_best=is_best)


def folders(run: Path) -> list[str]:
    return sorted(entry.name for entry in (run / "checkpoints").iterdir() if entry.is_dir())


# --- on disk ----------------------------------------------------------------------------------------------------------


def test_round_trip(tmp_path: Path) -> None:
    model = {"a": torch.randn(3, 4), "b": torch.randn(2, 5).T, "n": torch.tensor(7), "h": torch.randn(2).bfloat16()}
    training = {"rng.cpu": torch.get_rng_state()}
    checkpoints.save(tmp_path, model, training, {"step": 3, "threshold": 0.123456789}, is_best=True)
    for which in ("best", "last"):
        checkpoint = checkpoints.open_checkpoint(tmp_path, which)
        assert checkpoint.state == {"step": 3, "threshold": 0.123456789}
        assert checkpoint.model.keys() == model.keys()
        assert all(torch.equal(checkpoint.model[k], model[k]) for k in model)
        assert all(checkpoint.model[k].dtype == model[k].dtype for k in model)
        assert torch.equal(checkpoint.training["rng.cpu"], training["rng.cpu"])


def test_the_best_and_the_last_are_kept_and_no_other(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save(tmp_path, step, is_best=step == 2)
    assert folders(tmp_path) == ["step_000002", "step_000004"]
    assert checkpoints.open_checkpoint(tmp_path, "best").state["step"] == 2
    assert checkpoints.open_checkpoint(tmp_path, "last").state["step"] == 4
    assert float(checkpoints.open_checkpoint(tmp_path, "best").model["layer.weight"][0]) == 2


def test_the_first_is_the_best_whatever_it_is(tmp_path: Path) -> None:
    save(tmp_path, 1, is_best=False)
    assert checkpoints.open_checkpoint(tmp_path, "best").state["step"] == 1


def test_only_plain_open_formats(tmp_path: Path) -> None:
    save(tmp_path, 1)
    names = {file.name for file in (tmp_path / "checkpoints").rglob("*") if file.is_file()}
    assert names == {"model.safetensors", "training.safetensors", "state.json", "index.json"}


@pytest.mark.parametrize("moment", ["before the rename", "before the index"])
def test_a_crash_leaves_the_earlier_checkpoint(tmp_path: Path, moment: str) -> None:
    """The process is killed at that moment; its folder is then opened, and written to again, by another one."""
    save(tmp_path, 1, is_best=True)
    argument = 1 if moment == "before the rename" else 0
    code = f"""
import os, sys
from pathlib import Path
import torch
import training_core.runs.checkpoint as checkpoints

def die_at(call, name):
    return lambda *args: os._exit(9) if Path(args[{argument}]).name == name else call(*args)

if {moment!r} == "before the rename":
    os.replace = die_at(os.replace, "step_000002")
else:
    checkpoints.atomic_write = die_at(checkpoints.atomic_write, "index.json")
checkpoints.save(Path(sys.argv[1]), {{"w": torch.ones(2)}}, {{"r": torch.ones(2)}}, {{"step": 2}}, is_best=True)
"""
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=120)
    assert process.returncode == 9
    for which in ("best", "last"):
        assert checkpoints.open_checkpoint(tmp_path, which).state["step"] == 1
        assert float(checkpoints.open_checkpoint(tmp_path, which).model["layer.weight"][0]) == 1
    assert len(list((tmp_path / "checkpoints").iterdir())) > 2  # something of the dead is there
    save(tmp_path, 2)
    # a folder that is there, if only of the dead, is never written into
    assert folders(tmp_path) == ["step_000001", "step_000002" if moment == "before the rename" else "step_000002-2"]
    assert checkpoints.open_checkpoint(tmp_path, "last").state["step"] == 2


@pytest.fixture
def small_disk(mount_disk: Callable[[str], Path]) -> Path:
    return mount_disk("256k")


def test_a_file_system_that_cannot_synchronise_gets_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    save(tmp_path, 1)
    assert checkpoints.open_checkpoint(tmp_path, "last").state["step"] == 1


def test_a_full_disk_is_a_storage_error_and_the_earlier_checkpoint_stays(small_disk: Path) -> None:
    save(small_disk, 1, numel=10_000)
    with pytest.raises(StorageError, match="the disk is full"):
        save(small_disk, 2, numel=100_000)
    assert folders(small_disk) == ["step_000001"]  # and the space that the attempt took is free again
    assert checkpoints.open_checkpoint(small_disk, "last").model["layer.weight"].sum() == 10_000
    save(small_disk, 3, numel=10_000)
    assert checkpoints.open_checkpoint(small_disk, "last").state["step"] == 3


def test_a_disk_that_is_full_to_the_last_byte(small_disk: Path) -> None:
    save(small_disk, 1, numel=10_000)
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)
    assert shutil.disk_usage(small_disk).free == 0
    with pytest.raises(StorageError, match="the disk is full"):
        save(small_disk, 2, numel=10)
    assert checkpoints.open_checkpoint(small_disk, "last").state["step"] == 1
    filler.unlink()
    save(small_disk, 2, numel=10)
    assert folders(small_disk) == ["step_000001", "step_000002"]


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise"])
def test_a_damaged_file_is_named(tmp_path: Path, file: str, damage: str) -> None:
    save(tmp_path, 1)
    path = tmp_path / "checkpoints" / "step_000001" / file
    content = path.read_bytes()
    path.write_bytes({"cut": content[:-3], "empty": b"", "noise": b"\xff" * len(content)}[damage])
    checkpoint = checkpoints.open_checkpoint(tmp_path, "last")
    with pytest.raises(CheckpointError, match=file):
        _ = {"model": checkpoint.model, "training": checkpoint.training} if "safe" in file else checkpoint.state


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'"best"', b'{"best": 3}'])
def test_a_damaged_index_is_named(tmp_path: Path, content: bytes) -> None:
    save(tmp_path, 1)
    (tmp_path / "checkpoints" / "index.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="checkpoint"):
        checkpoints.open_checkpoint(tmp_path, "best")


def test_a_state_that_is_no_object_is_damage(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "checkpoints" / "step_000001" / "state.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"state\.json"):
        _ = checkpoints.open_checkpoint(tmp_path, "best").state


def test_no_checkpoint_yet(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no best checkpoint"):
        checkpoints.open_checkpoint(tmp_path)
    save(tmp_path, 1)
    shutil.rmtree(tmp_path / "checkpoints" / "step_000001")
    with pytest.raises(CheckpointError, match="has no last checkpoint"):
        checkpoints.open_checkpoint(tmp_path, "last")


# --- of a network -----------------------------------------------------------------------------------------------------


def test_tensors_that_do_not_fit_are_refused_and_nothing_is_loaded(tiny_model: Callable[..., UniSemAlign]) -> None:
    model, other = tiny_model(2), tiny_model(3, seed=1)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    for wrong, named in (
        (checkpoints.saved_tensors(other), r"decoder\.classifier"),
        (
            {n: t for n, t in before.items() if n != "prototypes.vectors"},
            r"1 tensors differ, first prototypes\.vectors",
        ),
        (before | {"extra": torch.zeros(1)}, "first extra"),
    ):
        with pytest.raises(CheckpointError, match=named):
            checkpoints.load_tensors(model, wrong, Path("run"))
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())


def test_everything_of_a_trained_network_is_saved(tiny_model: Callable[..., UniSemAlign]) -> None:
    model, other = tiny_model(3), tiny_model(3, seed=1)
    saved = checkpoints.saved_tensors(model)
    assert saved.keys() == model.state_dict().keys()
    assert {"prototypes.vectors", "text.vectors"} <= saved.keys()
    checkpoints.load_tensors(other, {n: t.clone() for n, t in saved.items()}, Path("run"))
    assert all(torch.equal(t, saved[n]) for n, t in other.state_dict().items())


@pytest.fixture
def frozen_vit(tmp_path: Path, small_config: Callable[..., Config]) -> Callable[[], UniSemAlign]:
    """A UNI-shaped network with a frozen ViT from a file: its projections are trained, its blocks are not."""
    import timm

    torch.manual_seed(0)
    vit: Any = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    save_file({n: t.contiguous() for n, t in vit.state_dict().items()}, tmp_path / "vit.safetensors")
    config = small_config(
        encoder={
            "name": "vit_tiny_patch16_224", "weights_path": str(tmp_path / "vit.safetensors"), "fine_tune": "frozen",
            "taps": [0, 1], "low_channels": 8, "high_channels": 16,
        },
    )  # fmt: skip

    def make(seed: int = 1) -> UniSemAlign:
        torch.manual_seed(seed)
        return build_model(config, CLASSES)

    return make


@pytest.mark.parametrize("teacher", [False, True])
def test_a_frozen_encoder_is_left_out_but_its_trained_projections_are_kept(
    frozen_vit: Callable[..., UniSemAlign], teacher: bool
) -> None:
    """Also of the moving average, none of whose parameters takes a gradient."""
    model = teacher_of(frozen_vit(1)) if teacher else frozen_vit(1).eval()
    saved = {n: t.clone() for n, t in checkpoints.saved_tensors(model).items()}
    assert not any(n.startswith("encoder.trunk.") for n in saved)
    assert any(n.startswith("encoder.") for n in saved)
    again = frozen_vit(2).eval()
    checkpoints.load_tensors(again, saved, Path("run"))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again.fused(again(image)), model.fused(model(image)))


def test_a_frozen_encoder_with_random_weights_is_kept(tiny_model: Callable[..., UniSemAlign]) -> None:
    model = tiny_model(2, trainable=False)
    assert not model.encoder_is_external
    assert checkpoints.saved_tensors(model).keys() == model.state_dict().keys()


# --- random states ----------------------------------------------------------------------------------------------------


def test_random_states_go_on_where_they_were(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    torch.manual_seed(5)
    torch.rand(3)
    checkpoints.save(tmp_path, tensors(1), checkpoints.rng_state(cpu), {"step": 1}, is_best=True)
    expected = torch.rand(7)
    torch.manual_seed(99)
    checkpoints.restore_rng_state(checkpoints.open_checkpoint(tmp_path, "last").training, cpu)
    assert torch.equal(torch.rand(7), expected)


def test_state_json_holds_what_json_can(tmp_path: Path) -> None:
    save(tmp_path, 1)
    text = (tmp_path / "checkpoints" / "step_000001" / "state.json").read_text()
    assert json.loads(text)["threshold"] == 0.7
    assert np.isfinite(json.loads(text)["threshold"])
