"""A run as a shared model: it predicts the same bits, says nothing of its maker, and is checked before it is used."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.numpy import load_file, save_file

from training_core.base.errors import CheckpointError, StorageError, WeightsError
from training_core.class_maps.pixel_scores import Confusion
from training_core.cli.main import main
from training_core.io import read_mask
from training_core.network.encoders.registry import BUNDLED, REGISTRY
from training_core.network.model import build_model
from training_core.prediction.calibration import Readout
from training_core.prediction.predictor import load_predictor
from training_core.project import Project, TissueClass
from training_core.project.creation import file_sha256
from training_core.runs.checkpoint import open_checkpoint
from training_core.runs.run_folder import read_run
from training_core.runs.shared_model import SharedReadout, read_shared_model
from training_core.runs.trained_model import open_trained_model
from training_core.settings.schema import Config
from training_core.sharing.share import ShareOptions, share_run
from training_core.training.warm_start import start_from_model

IDS = (0, 3, 7)
PROJECT, TILE = "patient_smith", "biopsy-"
TILES = {
    "labelled": [f"{TILE}a_1", f"{TILE}a_2"],
    "unlabelled": [f"{TILE}u_1", f"{TILE}u_2"],
    "validation": [f"{TILE}v_1"],
}


def trained(folder: Path, project: Project, config: Config) -> Path:
    (folder / "config.json").write_text(config.model_dump_json())
    result = folder / "result.json"
    assert main(["train", str(project.path), "--config", str(folder / "config.json"), "--json", str(result)]) == 0
    return Path(json.loads(result.read_text())["run"])


@pytest.fixture(scope="module")
def run_folder(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Path:
    """A run of a project whose tiles have names that no weights hold by chance, as short ones are."""
    folder = tmp_path_factory.mktemp("run")
    classes = make_project_in(folder, ids=IDS, name="first").classes
    for path in [*(folder / "images").iterdir(), *(folder / "masks").iterdir()]:
        path.rename(path.with_name(f"{TILE}{path.name}"))
    project = Project.create(
        folder / PROJECT,
        sorted((folder / "images").iterdir()),
        classes=classes,
        masks=folder / "masks",
        labeled=[f"{TILE}a_1", f"{TILE}a_2"],
        val=[f"{TILE}v_1"],
    )
    return trained(folder, project, small_config(inference={"window_px": 128}))


@pytest.fixture(scope="module")
def shared_folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared") / "model"
    assert main(["share", str(run_folder), "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(shared_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(shared_folder, tmp_path / "elsewhere")


def predictions(model: Path, images: Path, out: Path) -> dict[str, bytes]:
    assert main(["--offline", "predict", str(model), str(images), "-o", str(out)]) == 0
    return {path.name: path.read_bytes() for path in out.glob("*.png")}


def test_a_shared_model_predicts_the_same_bits(run_folder: Path, shared_folder: Path, tmp_path: Path) -> None:
    images = run_folder.parents[2] / "images"
    by_run = predictions(run_folder, images, tmp_path / "run")
    by_model = predictions(shared_folder, images, tmp_path / "model")
    assert len(by_run) == 15  # three files of five images
    assert by_model == by_run


def test_evaluate_scores_it_as_it_scores_the_run(run_folder: Path, shared_folder: Path, tmp_path: Path) -> None:
    base = run_folder.parents[2]
    scores = []
    for model in (run_folder, shared_folder):
        result = tmp_path / f"{model.name}.json"
        classes = ",".join(f"class {i}={i}" for i in IDS)
        command = ["--images", str(base / "images"), "--masks", str(base / "masks"), "--classes", classes]
        assert main(["evaluate", str(model), *command, "--json", str(result)]) == 0
        scores.append({key: json.loads(result.read_text())[key] for key in ("mDice", "per_class", "confusion")})
    assert scores[0] == scores[1]


def test_nothing_in_it_names_a_tile_a_person_or_a_computer(run_folder: Path, shared_folder: Path) -> None:
    project = Project.open(run_folder.parents[1])
    names = {*(tile.name for tile in project.tiles), PROJECT, TILE, getpass.getuser(), socket.gethostname()}
    names |= {str(Path.home()), str(project.path.parent), ".png"}
    files = [path for path in shared_folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"README.md", "config.json", "model.json", "model.safetensors"}
    assert any(
        TILE.encode() in path.read_bytes() for path in run_folder.iterdir() if path.is_file()
    )  # in the run it is
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".safetensors":  # millions of random bytes hold every short word
            assert not [name for name in names if len(name) > 5 and name.encode() in content]
            content = content[8 : 8 + int.from_bytes(content[:8], "little")]
        found = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}", content.decode())]
        assert found == [], path.name


def test_names_are_written_where_they_are_asked_for(run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    assert main(["share", str(run_folder), "-o", str(out), "--with-names"]) == 0
    names = json.loads((out / "model.json").read_text())["names"]
    assert names == {"project": PROJECT, **TILES}


def test_the_record_holds_all_of_how_the_network_is_read() -> None:
    assert {each.name for each in fields(Readout)} == set(SharedReadout.model_fields)
    assert SharedReadout.model_validate(asdict(Readout())).model_dump() == asdict(Readout())


def test_the_card_is_one_that_the_hub_reads(run_folder: Path, tmp_path: Path) -> None:
    share_run(run_folder, tmp_path / "model", ShareOptions(name="Glands | 2", licence="apache-2.0"))
    card = ModelCard.load(tmp_path / "model" / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "napari-unisemalign"
    assert card.data.pipeline_tag == "image-segmentation"
    assert "napari" in card.data.tags
    assert "# Glands \\| 2" in card.text
    for each in Project.open(run_folder.parents[1]).classes:
        assert f"| {each.id} | {each.name} | \\{each.color} |" in card.text.replace(each.color, f"\\{each.color}")


def test_a_card_without_a_licence_says_so(shared_folder: Path) -> None:
    assert ModelCard.load(shared_folder / "README.md").data.license == "unknown"
    assert "Choose the licence" in (shared_folder / "README.md").read_text()


def test_the_record_tells_where_the_model_is_from(run_folder: Path, shared_folder: Path) -> None:
    record = json.loads((shared_folder / "model.json").read_text())
    project = Project.open(run_folder.parents[1])
    assert record["origin"]["images_sha256"] == sorted(file_sha256(project.image_path(t.name)) for t in project.tiles)
    assert record["weights_sha256"] == file_sha256(shared_folder / "model.safetensors")
    assert record["classes"] == [
        {"id": c.id, "name": c.name, "color": c.color, "prompt": c.prompt, "made_of_objects": c.made_of_objects}
        for c in project.classes
    ]
    best = open_checkpoint(run_folder)
    assert record["readout"] == best.state["readout"]
    assert record["threshold"] == best.state["threshold"]
    ours = load_file(shared_folder / "model.safetensors")
    theirs = load_file(best.path / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_its_scores_are_those_of_the_networks_own_predictions(run_folder: Path, shared_folder: Path) -> None:
    confusion = Confusion(IDS)
    index = np.full(256, 255, np.uint8)
    index[list(IDS)] = range(len(IDS))
    truth = read_mask(run_folder.parents[2] / "masks" / f"{TILE}v_1.png")
    confusion.add(index[truth], index[read_mask(run_folder / "predictions" / f"{TILE}v_1.prediction.png")])
    scores = confusion.scores()
    record = json.loads((shared_folder / "model.json").read_text())["scores"]
    assert scores is not None
    assert record["n_tiles"] == 1
    assert record["mdice"] == pytest.approx(scores.mdice)
    assert record["dice"] == pytest.approx({f"class {c}": value for c, value in scores.dice.items()})


def test_a_folder_with_something_in_it_is_left_alone(run_folder: Path, shared_folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in shared_folder.iterdir()}
    with pytest.raises(StorageError, match="new or empty folder"):
        share_run(run_folder, shared_folder)
    assert {path.name: path.read_bytes() for path in shared_folder.iterdir()} == before
    (tmp_path / "empty").mkdir()
    share_run(run_folder, tmp_path / "empty")
    assert (tmp_path / "empty" / "model.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    with pytest.raises(CheckpointError, match="is a shared model already"):
        share_run(shared_folder, tmp_path / "again")


def changed(path: Path, *keys: Any, to: Any) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "keys", "value", "reason"),
    [
        ("model.json", ("spec_version",), 99, "newer version"),
        ("model.json", ("classes", 1, "id"), 0, "the id 0"),
        ("model.json", ("classes", 1, "color"), "url(x)", "colour"),
        ("model.json", ("classes",), [], "classes"),
        ("model.json", ("readout", "scale"), 1e9, "scale"),
        ("model.json", ("readout", "scale"), float("nan"), "scale"),
        ("model.json", ("readout", "temperature"), 0, "temperature"),
        ("model.json", ("readout", "ground"), 99, "a class that is not there"),
        ("model.json", ("threshold",), 2, "threshold"),
        ("model.json", ("surprise",), 1, "surprise"),
        ("model.json", ("mpp_um",), 0.25, "different pixel sizes"),
        ("config.json", ("encoder", "weights_path"), "/etc/passwd", "file of another computer"),
        ("config.json", ("text", "tokenizer_path"), "/etc/passwd", "file of another computer"),
        ("config.json", ("alignment", "embedding_dim"), 10**9, "make sense"),
        ("config.json", ("alignment", "embedding_dim"), 24, "tensors differ"),
        ("config.json", ("encoder", "name"), "../../evil", "neither this program nor timm"),
        ("config.json", ("nonsense",), 1, "nonsense"),
    ],
)
def test_a_changed_folder_is_refused_with_the_reason(
    copy: Path, file: str, keys: tuple[Any, ...], value: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(copy / file, *keys, to=value)
    assert main(["--offline", "predict", str(copy), str(copy / "none.png"), "-o", str(copy / "out")]) == 2
    message = capsys.readouterr().err
    with pytest.raises(Exception, match=reason):
        load_predictor(copy, "cpu")
    assert "Traceback" not in message


def rewritten(copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The weights changed by `change`, and the hash with them, as somebody who knows the format would do it."""
    weights = load_file(copy / "model.safetensors")
    change(weights)
    save_file(weights, copy / "model.safetensors")
    changed(copy / "model.json", "weights_sha256", to=file_sha256(copy / "model.safetensors"))


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.update(extra=np.zeros(3, np.float32)),
        lambda w: w.pop("decoder.classifier.bias"),
        lambda w: w.update({"decoder.classifier.bias": np.zeros(len(IDS), np.float64)}),
        lambda w: w.update({"decoder.classifier.bias": np.zeros(len(IDS) + 1, np.float32)}),
    ],
    ids=["one more", "one less", "another type", "another shape"],
)
def test_weights_that_are_not_the_networks_are_refused_before_they_are_read(
    copy: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    rewritten(copy, change)
    with pytest.raises(CheckpointError, match="does not fit its own settings: 1 tensors differ"):
        load_predictor(copy, "cpu")


def test_damaged_missing_and_linked_files_are_refused(copy: Path, tmp_path: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match=r"not the file that model\.json was written for"):
        load_predictor(copy, "cpu")
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(whole)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        load_predictor(copy, "cpu")
    weights.symlink_to(outside)
    with pytest.raises(CheckpointError, match="is a link to"):
        load_predictor(copy, "cpu")
    (copy / "model.json").write_bytes(b"[" * 100_000)
    with pytest.raises(CheckpointError, match="nested too deeply"):
        load_predictor(copy, "cpu")


@pytest.fixture(scope="module")
def frozen_run(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    config = small_config(encoder={"fine_tune": "frozen"}, inference={"window_px": 128, "views": 1})
    return trained(folder, make_project_in(folder, ids=IDS), config)


@pytest.fixture
def not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled encoder with a licence like UNI's, whose weights no test may download."""
    monkeypatch.setitem(REGISTRY, BUNDLED, replace(REGISTRY[BUNDLED], license="CC-BY-NC-ND-4.0"))


def test_a_frozen_encoder_that_is_free_comes_along(frozen_run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shared = share_run(frozen_run, model).model
    assert shared.encoder.is_included
    assert any(name.startswith("encoder.trunk.") for name in load_file(model / "model.safetensors"))
    images = frozen_run.parents[2] / "images"
    assert predictions(model, images, tmp_path / "b") == predictions(frozen_run, images, tmp_path / "a")


@pytest.mark.usefixtures("not_free")
def test_a_frozen_encoder_that_is_not_free_is_named_and_left_out(
    frozen_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    assert main(["share", str(frozen_run), "-o", str(model)]) == 0
    said, card = capsys.readouterr().out, (model / "README.md").read_text()
    assert "Left out: the weights of efficientnet_lite0 (licence CC-BY-NC-ND-4.0)" in said
    assert not any(name.startswith("encoder.trunk.") for name in load_file(model / "model.safetensors"))
    encoder = json.loads((model / "model.json").read_text())["encoder"]
    assert encoder["sha256"] == json.loads((frozen_run / "provenance.json").read_text())["base_weights_sha256"]
    assert encoder["sha256"] in card
    assert "efficientnet-lite0-57934424.pth" in card
    images = frozen_run.parents[2] / "images"
    assert predictions(model, images, tmp_path / "b") == predictions(frozen_run, images, tmp_path / "a")
    trunk = build_model(*read_run(frozen_run)[:2]).encoder.trunk.state_dict()
    first = next(iter(trunk))
    trunk[first] = trunk[first] + 1
    torch.save(trunk, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="on this computer have the hash"):
        load_predictor(model, "cpu", tmp_path / "other.pth")


@pytest.mark.usefixtures("not_free")
def test_a_trained_encoder_that_is_not_free_is_written_only_if_asked(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="whose licence is CC-BY-NC-ND-4") as caught:
        share_run(run_folder, tmp_path / "model")
    assert "--include-encoder" in caught.value.in_terminal
    assert not any(tmp_path.iterdir())
    assert main(["share", str(run_folder), "-o", str(tmp_path / "model"), "--include-encoder"]) == 0
    assert read_shared_model(tmp_path / "model")[0].encoder.is_included


def test_a_file_of_an_encoder_that_is_included_is_refused(shared_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="which are in the model already"):
        load_predictor(shared_folder, "cpu", tmp_path / "weights.pth")


def test_classes_are_matched_by_name(shared_folder: Path) -> None:
    trained = open_trained_model(shared_folder)
    theirs = trained.tensors
    classes = [TissueClass(1, "new", "#112233"), TissueClass(2, " CLASS 7", "#445566")]
    torch.manual_seed(7)
    model = build_model(trained.config, classes)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    notes = start_from_model(model, trained, classes)
    assert "does not know new" in notes[0]
    assert "does not have class 0, class 3" in notes[1]
    after = model.state_dict()
    for name in ("decoder.classifier.weight", "decoder.classifier.bias", "prototypes.vectors", "text.vectors"):
        assert torch.equal(after[name][1], theirs[name][2]), name
        assert torch.equal(after[name][0], before[name][0]), name
    assert torch.equal(after["decoder.stages.0.0.weight"], theirs["decoder.stages.0.0.weight"])
    with pytest.raises(CheckpointError, match="none of which the project has"):
        start_from_model(model, trained, [TissueClass(0, "other", "#112233"), TissueClass(1, "more", "#445566")])


def test_a_new_project_has_the_classes_of_a_shared_model(
    run_folder: Path, shared_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, theirs = run_folder.parents[2] / "images", Project.open(run_folder.parents[1]).classes
    command = ["project", "new", str(tmp_path / "a"), "--images", str(images), "--start-from", str(shared_folder)]
    assert main(command) == 0
    assert Project.open(tmp_path / "a").classes == theirs
    assert f"train {tmp_path / 'a'} --start-from {shared_folder}" in capsys.readouterr().out
    command[2] = str(tmp_path / "b")
    assert main([*command, "--classes", "new=1,class 7=2"]) == 0
    new, seven = Project.open(tmp_path / "b").classes
    assert (new.name, seven.name) == ("new", "class 7")
    assert seven.color == theirs[2].color


def test_a_project_starts_from_a_shared_model(
    shared_folder: Path, make_project: Callable[..., Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(ids=(0, 3))
    result = tmp_path / "result.json"
    settings = ["schedule.steps=1", "schedule.quick_start=false", "data.crop_px=64", "data.labeled_batch=2"]
    settings += [
        "data.unlabeled_batch=2",
        "optimizer.lr=1e-30",
        "optimizer.encoder_lr=1e-30",
        "inference.window_px=128",
    ]
    options = [part for each in settings for part in ("--set", each)]
    command = ["train", str(project.path), "--start-from", str(shared_folder), "--json", str(result), *options]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "class 7" in said.out + said.err
    run = Path(json.loads(result.read_text())["run"])
    assert read_run(run)[0].alignment.embedding_dim == 16  # the model's; the default is 256
    started = json.loads((run / "provenance.json").read_text())["started_from_weights_sha256"]
    assert started == file_sha256(shared_folder / "model.safetensors")
    ours, theirs = open_checkpoint(run).model, load_file(shared_folder / "model.safetensors")
    assert np.allclose(ours["decoder.stages.0.0.weight"].numpy(), theirs["decoder.stages.0.0.weight"], atol=1e-4)
    assert main([*command, "--set", "alignment.embedding_dim=24"]) == 2
    assert "another network than these settings make" in capsys.readouterr().err
