"""Reading weight files: every nesting that is met in the wild, and every way a file can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from training_core.base.errors import WeightsError
from training_core.network.weight_files import Need, load_weights, read_weights, strip_prefix

NEED = Need("the weights of Toy", "download toy.pth from example.org")


def toy() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def assert_helpful(error: pytest.ExceptionInfo[WeightsError], path: Path, *words: str) -> None:
    for word in (str(path), "the weights of Toy", "download toy.pth from example.org", *words):
        assert word in str(error.value)


@pytest.mark.parametrize("ending", ["safetensors", "pth", "pt", "bin", "ckpt"])
def test_reads_every_ending(tmp_path: Path, ending: str) -> None:
    state = toy().state_dict()
    path = tmp_path / f"toy.{ending}"
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    read = read_weights(path, NEED)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_reads_the_format_before_zip(tmp_path: Path) -> None:
    state = toy().state_dict()
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_weights(tmp_path / "old.pth", NEED)["0.weight"], state["0.weight"])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": {"state_dict": s}},
        lambda s: {"student": {k: v + 1 for k, v in s.items()}, "teacher": s},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: {"teacher": {**{f"backbone.{k}": v for k, v in s.items()}, "head.weight": torch.ones(2)}},
        lambda s: {"model": {f"module.encoder.trunk.{k}": v for k, v in s.items()}},
    ],
)
def test_unwraps_nesting_and_prefix(tmp_path: Path, wrap: Any) -> None:
    model, target = toy(), toy()
    torch.save(wrap(model.state_dict()), tmp_path / "toy.pth")
    weights = strip_prefix(read_weights(tmp_path / "toy.pth", NEED), target.state_dict().keys())
    load_weights(target, weights, tmp_path / "toy.pth", NEED)
    for loaded, saved in zip(target.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(loaded, saved)


def test_prefix_is_the_one_that_holds_most_names() -> None:
    one, two = torch.ones(1), torch.zeros(1)
    weights = {"image.ln.weight": one, "language.ln.weight": two, "language.ln.bias": two, "logit_scale": one}
    assert strip_prefix(weights, ["ln.weight", "ln.bias"]) == {"ln.weight": two, "ln.bias": two}
    assert strip_prefix(weights, ["nothing.like.it"]) == weights


def test_a_module_on_the_meta_device_gets_float32_of_its_own(tmp_path: Path) -> None:
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in toy().state_dict().items()
    }
    torch.save(state, tmp_path / "toy.pth")
    with torch.device("meta"):
        target = toy()
    load_weights(target, read_weights(tmp_path / "toy.pth", NEED), tmp_path / "toy.pth", NEED)
    (tmp_path / "toy.pth").unlink()
    for name, tensor in target.state_dict().items():
        assert tensor.device.type == "cpu"
        assert tensor.dtype == (torch.int64 if name.endswith("tracked") else torch.float32)
        assert torch.equal(tensor, state[name].to(tensor.dtype))


def test_the_batch_counter_of_older_files_may_be_missing(tmp_path: Path) -> None:
    target, state = toy(), toy().state_dict()
    del state["1.num_batches_tracked"]
    load_weights(target, state, tmp_path / "toy.pth", NEED)
    assert int(target.state_dict()["1.num_batches_tracked"]) == 0


def test_missing_tensor_leaves_the_module_as_it_was(tmp_path: Path) -> None:
    target, state = toy(), toy().state_dict()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    del state["1.running_var"]
    with pytest.raises(WeightsError) as error:
        load_weights(target, state, tmp_path / "toy.pth", NEED)
    assert_helpful(error, tmp_path / "toy.pth", "lacks 1 of 7 tensors", "1.running_var", "0.weight")
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())


def test_another_shape(tmp_path: Path) -> None:
    state = toy().state_dict() | {"0.weight": torch.zeros(8, 3, 3, 3)}
    with pytest.raises(WeightsError) as error:
        load_weights(toy(), state, tmp_path / "toy.pth", NEED)
    assert_helpful(error, tmp_path / "toy.pth", "0.weight of shape 8 x 3 x 3 x 3", "shape 4 x 3 x 3 x 3")


class Unsafe:
    """Something that only a pickle that runs code could bring back."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (shutil.rmtree, ("/nonexistent-folder-of-the-test", True))


def write(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return path


def cut(tmp_path: Path, ending: str, *, zipped: bool = True) -> bytes:
    whole = tmp_path / f"whole.{ending}"
    if ending == "safetensors":
        save_file(toy().state_dict(), whole)
    else:
        torch.save(toy().state_dict(), whole, _use_new_zipfile_serialization=zipped)
    return whole.read_bytes()[:-20]


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"\x80\x02 neither this nor that, and long enough", "is damaged or is not a weight file"),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, ending: str, content: bytes, said: str) -> None:
    path = write(tmp_path / f"toy.{ending}", content)
    with pytest.raises(WeightsError) as error:
        read_weights(path, NEED)
    assert_helpful(error, path, said)


@pytest.mark.parametrize(("ending", "zipped"), [("safetensors", True), ("pth", True), ("pth", False)])
def test_truncated_files(tmp_path: Path, ending: str, zipped: bool) -> None:
    path = write(tmp_path / f"toy.{ending}", cut(tmp_path, ending, zipped=zipped))
    with pytest.raises(WeightsError) as error:
        read_weights(path, NEED)
    assert_helpful(error, path, "is damaged")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.zeros(1)], "holds a list, not a state dict"),
        (torch.zeros(1), "holds a Tensor, not a state dict"),
        ({"epoch": 3, "lr": 0.1}, "holds no named tensors (it has epoch, lr)"),
        ({}, "it has nothing"),
        ({"state_dict": {"a": Unsafe()}}, "which could run code, so it is not opened"),
    ],
)
def test_files_without_a_state_dict(tmp_path: Path, content: Any, said: str) -> None:
    path = write(tmp_path / "toy.pth", content)
    with pytest.raises(WeightsError) as error:
        read_weights(path, NEED)
    assert_helpful(error, path, said)


@pytest.mark.filterwarnings("ignore:`torch.jit:")
def test_torchscript_archive(tmp_path: Path) -> None:
    path = tmp_path / "toy.pt"
    torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))
    with pytest.raises(WeightsError) as error:
        read_weights(path, NEED)
    assert_helpful(error, path, "is a TorchScript archive")


def test_no_file_a_folder_and_another_ending(tmp_path: Path) -> None:
    for path, said in [
        (tmp_path / "nothing.pth", "there is no file"),
        (tmp_path, "is a folder"),
        (write(tmp_path / "toy.npz", b"x"), "does not end in .safetensors"),
    ]:
        with pytest.raises(WeightsError) as error:
            read_weights(path, NEED)
        assert_helpful(error, path, said)
