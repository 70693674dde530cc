"""The ONNX graph and the bioimage.io package of a shared model, read by onnxruntime and by the format's own rules."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from training_core.base.errors import ConfigError
from training_core.cli.main import main
from training_core.network.model import UniSemAlign
from training_core.project import Project
from training_core.runs.trained_model import open_trained_model
from training_core.settings.schema import Config
from training_core.sharing import onnx_graph
from training_core.sharing.onnx_graph import check_possible, write_graph

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

FloatArray = NDArray[np.float32]


@pytest.fixture(scope="module")
def packed(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Path:
    """A model of a run, with graph and package."""
    folder = tmp_path_factory.mktemp("packed")
    project = make_project_in(folder, ids=(0, 3), labeled=2, unlabeled=1)
    config = small_config(schedule={"steps": 1}, inference={"window_px": 128})
    (folder / "config.json").write_text(config.model_dump_json())
    result = folder / "result.json"
    assert main(["train", str(project.path), "--config", str(folder / "config.json"), "--json", str(result)]) == 0
    run, out = json.loads(result.read_text())["run"], folder / "model"
    described = ["--license", "cc-by-4.0", "--author", "Ada Lovelace", "--name", "Glands: 2"]
    assert main(["share", run, "-o", str(out), "--onnx", "--bioimageio", *described]) == 0
    return out


def probabilities(graph: bytes, image: FloatArray) -> FloatArray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"image": image})[0])


@pytest.mark.parametrize("size", [(1, 64, 64), (1, 160, 96), (3, 64, 224)])
def test_the_graph_gives_what_the_network_gives_at_other_sizes(packed: Path, size: tuple[int, int, int]) -> None:
    trained = open_trained_model(packed)
    from training_core.network.model import build_model

    network = build_model(trained.config, trained.classes, from_checkpoint=True)
    trained.load_into(network)
    network.eval()
    batch, height, width = size
    image = np.random.default_rng(height).integers(0, 256, (batch, 3, height, width), np.uint8)
    with torch.inference_mode():
        pixels = torch.from_numpy(image)
        expected = network(network.normalize(pixels)).logits.softmax(1).numpy()
    found = probabilities((packed / "model.onnx").read_bytes(), image.astype(np.float32))
    assert found.shape == (batch, 2, height, width)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.ptp(found) > 1e-3  # not the same everywhere


def test_a_graph_that_differs_is_not_kept(
    tiny_model: Callable[..., UniSemAlign], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "BOUND", -1.0)
    with pytest.raises(ConfigError, match="differs from the network by"):
        write_graph(tiny_model().eval(), tmp_path / "model.onnx")
    assert not any(tmp_path.iterdir())


def test_padding_to_multiples_is_asked_for(tiny_model: Callable[..., UniSemAlign], tmp_path: Path) -> None:
    assert write_graph(tiny_model().eval(), tmp_path / "model.onnx").multiple_px == 32  # 8 of its own


def test_a_vit_is_refused_before_the_work_begins() -> None:
    with pytest.raises(ConfigError, match="a ViT"):
        check_possible("dinov2_vits14")


def test_missing_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = onnx_graph.importlib.util.find_spec
    monkeypatch.setattr(
        onnx_graph.importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name)
    )
    with pytest.raises(ConfigError, match=re.escape('pip install "napari-unisemalign[onnx]"')):
        check_possible("efficientnet_lite0")


def test_nothing_in_graph_and_package_names_files_of_this_computer(packed: Path) -> None:
    with zipfile.ZipFile(packed / "bioimageio.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name in ("test_input.npy", "test_output.npy"):
        del contents[name]  # noise, which holds every short word
    graph = onnx.load_from_string(contents.pop("weights.onnx"))
    assert graph == onnx.load(packed / "model.onnx")
    del graph.graph.initializer[:]  # so are the weights
    for node in graph.graph.node:
        for attribute in node.attribute:
            attribute.ClearField("t")
    contents["graph"] = graph.SerializeToString()
    for name, content in contents.items():
        for word in (b"site-packages", b"training_core", str(packed.parent).encode(), b"a_1", b".py"):
            assert word not in content, name


def test_the_package_holds_what_its_description_names(packed: Path) -> None:
    with zipfile.ZipFile(packed / "bioimageio.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    described = yaml.safe_load(files["rdf.yaml"])
    named = [described["documentation"], described["weights"]["onnx"]]
    named += [described[side][0]["test_tensor"] for side in ("inputs", "outputs")]
    assert {each["source"] for each in named} | {"rdf.yaml"} == files.keys()
    for each in named:
        assert hashlib.sha256(files[each["source"]]).hexdigest() == each["sha256"]
    image, expected = (np.load(io.BytesIO(files[f"test_{kind}.npy"])) for kind in ("input", "output"))
    np.testing.assert_allclose(probabilities(files["weights.onnx"], image), expected, atol=1e-4)
    assert described["license"] == "CC-BY-4.0"
    assert described["name"] == "Glands 2"
    assert described["outputs"][0]["axes"][1]["channel_names"] == ["class_0", "class_3"]


@pytest.mark.parametrize(
    ("options", "needed"), [([], "licence"), (["--license", "none"], "licence"), (["--license", "mit"], "author")]
)
def test_a_package_needs_a_licence_and_an_author(
    packed: Path, tmp_path: Path, options: list[str], needed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next((packed.parent / "project" / "runs").iterdir())
    assert main(["share", str(run), "-o", str(tmp_path / "out"), "--bioimageio", *options]) == 2
    assert needed in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_the_card_says_what_is_outside_the_graph(packed: Path) -> None:
    card = (packed / "README.md").read_text()
    assert "Not in the graph" in card
    assert "multiples of\n32" in card
    assert "Ada Lovelace" in card


@pytest.mark.skipif(
    "BIOIMAGEIO_PYTHON" not in os.environ, reason="needs an environment with bioimageio.core: nox -s bioimageio"
)
def test_bioimageio_core_passes_the_package(packed: Path, tmp_path: Path) -> None:
    test = (
        "import sys; from bioimageio.core import test_model; found = test_model(sys.argv[1]); print(found.format()); "
        "sys.exit(found.status != 'passed')"
    )
    command = [os.environ["BIOIMAGEIO_PYTHON"], "-c", test, str(packed / "bioimageio.zip")]
    env = {**os.environ, "PYTHONPATH": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Reproduce test outputs from test inputs (onnx)" in done.stdout
