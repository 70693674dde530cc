"""The released code's recorded steps, replayed; and replays that must not pass."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from training_core.base.errors import CheckpointError
from training_core.cli.main import main
from training_core.measuring.replay import Differences, verify
from training_core.network.released_names import build_released, our_names, read_released_config
from training_core.network.weight_files import Need, read_weights

QUANTITIES = {
    "learning rate", "total loss", "prototype loss", "text loss", "align loss", "threshold", "fused logits",
    "parameters", "batch-norm statistics", "prototypes", "text vectors", "logits in evaluation",
    "pixel features in evaluation",
}  # fmt: skip


def test_recorded_steps_are_reproduced(shared_dir: Path) -> None:
    largest = verify(shared_dir / "golden" / "released_step").largest
    assert set(largest) == QUANTITIES
    assert max(largest.values()) <= 1e-4, largest


def test_command_passes_on_the_recording(shared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "result.json"
    assert main(["verify", str(shared_dir / "golden" / "released_step"), "--json", str(result)]) == 0
    out = capsys.readouterr().out
    assert all(quantity in out for quantity in QUANTITIES)
    written = json.loads(result.read_text())
    assert written["passed"] is True
    assert written["tolerance"] == 1e-4
    assert set(written["largest_difference"]) == QUANTITIES


def change(folder: Path, file: str, name: str, by: float) -> None:
    path = folder / f"{file}.safetensors"
    tensors = load_file(path)
    flat = tensors[name].clone().flatten()
    flat[flat.numel() // 2] += by
    tensors[name] = flat.reshape(tensors[name].shape)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("file", "name", "quantity"),
    [
        ("final_state", "model.classifier.weight", "parameters"),
        ("final_state", "head.prototypes", "prototypes"),
        ("final_state", "head.text_emb", "text vectors"),
        ("batches", "fuse3.fused_logits", "fused logits"),
        ("eval_forward", "logits", "logits in evaluation"),
        ("initial_state", "head.prototypes", "prototypes"),
    ],
)
def test_command_fails_when_one_number_differs_by_a_hundredth(
    golden_copy: Path, capsys: pytest.CaptureFixture[str], file: str, name: str, quantity: str
) -> None:
    change(golden_copy, file, name, 1e-2)
    assert main(["verify", str(golden_copy)]) == 1
    above = [line for line in capsys.readouterr().out.splitlines() if "ABOVE" in line]
    assert any(line.startswith(quantity) for line in above)
    assert main(["verify", str(golden_copy), "--tolerance", "1"]) == 0


def test_command_fails_on_a_recorded_loss_that_differs(golden_copy: Path) -> None:
    scalars = json.loads((golden_copy / "scalars.json").read_text())
    scalars["losses_total"][1] += 1e-2
    (golden_copy / "scalars.json").write_text(json.dumps(scalars))
    assert main(["verify", str(golden_copy)]) == 1


def test_a_number_that_is_none_never_passes() -> None:
    differences = Differences()
    differences.add("loss", 1.0, 1.0)
    differences.add("loss", math.nan, 1.0)
    assert differences.largest["loss"] == math.inf
    differences.add("loss", 1.0, 1.0)
    assert differences.largest["loss"] == math.inf


def test_another_shape_never_passes() -> None:
    differences = Differences()
    differences.add("logits", torch.zeros(2, 1), torch.zeros(1, 2))
    assert differences.largest == {"logits": math.inf}


def test_nan_in_the_recording_never_passes(golden_copy: Path) -> None:
    change(golden_copy, "eval_forward", "logits", math.nan)
    assert verify(golden_copy).largest["logits in evaluation"] == math.inf
    assert main(["verify", str(golden_copy)]) == 1


@pytest.mark.parametrize(
    "file", ["cfg.yaml", "scalars.json", "initial_state.safetensors", "batches.safetensors", "final_state.safetensors"]
)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_folder_is_an_error_of_one_line(
    golden_copy: Path, capsys: pytest.CaptureFixture[str], file: str, damage: str
) -> None:
    path = golden_copy / file
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"" if damage == "empty" else content[: len(content) // 2])
    assert main(["verify", str(golden_copy)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert file in error


def test_a_recording_without_one_of_its_numbers_is_an_error(golden_copy: Path) -> None:
    path = golden_copy / "batches.safetensors"
    tensors = load_file(path)
    del tensors["step1.image_weak"]
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"batches\.safetensors has no step1\.image_weak"):
        verify(golden_copy)
    (golden_copy / "scalars.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"scalars\.json has no steps"):
        verify(golden_copy)


# --- the released code's own checkpoint -------------------------------------------------------------------------------


def test_released_checkpoint_predicts_the_recorded_logits(shared_dir: Path) -> None:
    golden = shared_dir / "golden" / "released_step"
    config, n_classes = read_released_config(golden / "cfg.yaml")
    tensors = read_weights(golden / "released_checkpoint.pth", Need("a released checkpoint", "look for it"))
    model = build_released(config, n_classes, our_names(tensors)).eval()
    recorded = load_file(golden / "eval_forward.safetensors")
    with torch.inference_mode():
        output = model(recorded["image"])
    assert float((output.logits - recorded["logits"]).abs().max()) <= 1e-4
    assert float((output.embedding - recorded["pixel_features"]).abs().max()) <= 1e-4


def test_tensors_of_another_program_are_refused() -> None:
    with pytest.raises(CheckpointError, match="neck"):
        our_names({"module.neck.weight": torch.zeros(1)})


def test_a_checkpoint_with_a_part_missing_is_refused(shared_dir: Path) -> None:
    golden = shared_dir / "golden" / "released_step"
    config, n_classes = read_released_config(golden / "cfg.yaml")
    tensors = our_names(read_weights(golden / "released_checkpoint.pth", Need("a checkpoint", "look for it")))
    del tensors["decoder.classifier.weight"]
    with pytest.raises(CheckpointError, match=r"decoder\.classifier\.weight"):
        build_released(config, n_classes, tensors)
    with pytest.raises(CheckpointError, match="do not fit"):
        build_released(config, n_classes + 1, our_names({}) | tensors)


@pytest.mark.parametrize("content", ["", "[1]", "nclass: 2", "uni: 3", "a: [1"])
def test_a_file_that_is_no_released_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / "cfg.yaml").write_text(content)
    with pytest.raises(CheckpointError, match=r"cfg\.yaml"):
        read_released_config(tmp_path / "cfg.yaml")
