"""train, evaluate and predict as processes of their own, as the window and a scientist start them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training_core.cli.main import main
from training_core.io import read_mask
from training_core.messages.events import Event, parse_event
from training_core.network.encoders import build_encoder
from training_core.project import LabelSource, Project
from training_core.project.presence import Presence
from training_core.settings.schema import Config, resolve
from training_core.settings.variants import PRESET_MINUTES

MakeProject = Callable[..., Project]
IDS = (0, 3, 7)
ENDLESS = ("--set", "schedule.steps=100000", "--set", "schedule.validate_every_steps=50000")


class Process:
    """The command line in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training_core", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._killer = threading.Timer(300, self.process.kill)  # no test hangs
        self._killer.start()

    def events(self) -> Iterator[Event]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = parse_event(line)
            assert event is not None, f"not an event: {line!r}"
            yield event

    def until(self, kind: str) -> Event:
        return next(event for event in self.events() if event.kind == kind)

    def send(self, **command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Exit code and standard error."""
        assert self.process.stderr is not None
        error = self.process.stderr.read()
        code = self.process.wait()
        self._killer.cancel()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code, error


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_project_in: MakeProject, small_config: Callable[..., Config]
) -> tuple[Project, dict[str, Any], str, Path]:
    """A project, the JSON that `train --json -` gave, what stood on standard error, and the folder around."""
    folder = tmp_path_factory.mktemp("trained")
    project = make_project_in(folder, ids=IDS)
    config = folder / "config.json"
    config.write_text(small_config(schedule={"steps": 30, "validate_every_steps": 15}).model_dump_json())
    process = Process("train", str(project.path), "--config", str(config), "--seed", "3", "--json", "-")
    assert process.process.stdout is not None
    out = process.process.stdout.read()
    code, error = process.end()
    assert code == 0, error
    return project, json.loads(out), error, folder


# --- train ------------------------------------------------------------------------------------------------------------


def test_json_of_train(trained: tuple[Project, dict[str, Any], str, Path]) -> None:
    project, result, error, _ = trained
    assert Path(result["run"]).parent == project.runs_dir
    assert result["steps"] == 30
    assert result["seconds"] > 0
    assert set(result["val"]) == {"mDice", "mJaccard"}
    assert 50 < result["val"]["mJaccard"] < result["val"]["mDice"] <= 100
    assert result["peak_rss_bytes"] > 100e6
    assert (result["device"], result["precision"]) == ("cpu", "float32")
    assert "mDice" in error  # progress for people
    assert "Traceback" not in error


def test_provenance_of_train(trained: tuple[Project, dict[str, Any], str, Path]) -> None:
    _, result, _, folder = trained
    run = Path(result["run"])
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["seed"] == 3
    assert provenance["command"][2:] == ["train", str(folder / "project"), "--config", str(folder / "config.json"),
                                         "--seed", "3", "--json", "-"]  # fmt: skip
    config = resolve(json.loads((run / "config.json").read_text()))
    assert config.seed == 3
    trunk = sorted(build_encoder(config.encoder).trunk.state_dict().items())
    digest = sha256()
    for name, tensor in trunk:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    assert provenance["base_weights_sha256"] == digest.hexdigest()
    assert re.fullmatch(r"[0-9a-f]{64}", provenance["code_sha256"])
    assert config.schedule.steps == 30


def test_stop_and_show_from_the_window(make_project: MakeProject, small_settings: Path, tmp_path: Path) -> None:
    """Events alone on standard output; Show answered at once; Stop ends with predictions and exit code 0."""
    project = make_project()
    result = tmp_path / "result.json"
    process = Process(
        "train", str(project.path), "--config", str(small_settings), *ENDLESS, "--events", "-", "--json", str(result)
    )
    started: Any = process.until("run_started")
    process.until("step_done")
    process.send(command="show", tile="u_2")
    shown: Any = process.until("overlay_ready")
    assert shown.tile == "u_2"
    assert shown.run_id == started.run_id
    assert read_mask(Path(shown.prediction)).shape == (96, 96)
    process.send(command="stop")
    finished: Any = process.until("run_finished")
    code, error = process.end()
    assert code == 0, error
    assert error == ""
    assert finished.reason == "stopped"
    run = Path(finished.run_dir)
    assert json.loads(result.read_text()) == json.loads((run / "summary.json").read_text())
    assert json.loads(result.read_text())["steps"] == finished.steps < 100_000
    assert len(list((run / "predictions").glob("*.prediction.png"))) == 5


@pytest.mark.nightly
def test_a_preset_is_a_time(
    make_project: MakeProject, small_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    process = Process(
        "train", str(project.path), "--config", str(small_settings), "--preset", "thorough", "--events", "-"
    )
    process.until("step_done")
    process.send(command="stop")
    finished: Any = process.until("run_finished")
    assert process.end() == (0, "")
    config = json.loads((Path(finished.run_dir) / "config.json").read_text())
    assert config["schedule"]["minutes"] == PRESET_MINUTES["thorough"] == 20
    assert "not allowed with" in fails(capsys, "train", str(project.path), "--preset", "quick", "--minutes", "3")
    assert "quick" in fails(capsys, "train", str(project.path), "--preset", "fast")


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_in_the_background_all_that_computes_gives_way(make_project: MakeProject, small_settings: Path) -> None:
    project = make_project()
    process = Process(
        "train", str(project.path), "--config", str(small_settings), *ENDLESS, "--events", "-", "--background"
    )
    process.until("step_done")
    niceness = {
        thread.name: os.getpriority(os.PRIO_PROCESS, int(thread.name))
        for thread in Path(f"/proc/{process.process.pid}/task").iterdir()
    }
    process.send(command="stop")
    assert process.end()[0] == 0
    assert niceness[str(process.process.pid)] == 15
    assert len(niceness) > 1
    assert set(niceness.values()) == {15}


def test_sigterm_saves_and_ends_and_a_closed_standard_input_does_neither(
    make_project: MakeProject, small_settings: Path
) -> None:
    project = make_project()
    process = Process("train", str(project.path), "--config", str(small_settings), *ENDLESS, "--events", "-")
    process.until("step_done")
    assert process.process.stdin is not None
    process.process.stdin.close()
    process.until("step_done")
    process.until("step_done")
    process.process.send_signal(signal.SIGTERM)
    code, error = process.end()
    assert code == 130
    (run_id,) = project.run_ids()
    assert error == f"interrupted; resume with: python -m training_core train {project.path} --resume {run_id}\n"
    unfinished = project.unfinished_run()
    assert unfinished is not None
    assert unfinished.step >= 3


def test_a_window_that_has_gone_loses_nothing(make_project: MakeProject, small_settings: Path) -> None:
    """Its end of the pipe is closed: the run ends by itself, with a checkpoint that the next window resumes."""
    project = make_project()
    process = Process("train", str(project.path), "--config", str(small_settings), *ENDLESS, "--events", "-")
    process.until("step_done")
    assert process.process.stdout is not None
    process.process.stdout.close()
    code, _error = process.end()
    assert code == 130
    unfinished = project.unfinished_run()
    assert unfinished is not None
    lines = (project.runs_dir / unfinished.run_id / "events.jsonl").read_text().splitlines()
    kept = [parse_event(line) for line in lines]
    assert [event.kind for event in (kept[0], kept[-1]) if event is not None] == ["run_started", "saved"]
    assert max(event.step for event in kept if event is not None and event.kind == "step_done") == unfinished.step


def test_a_user_s_error_is_an_event_one_line_and_exit_code_two(make_project: MakeProject, small_settings: Path) -> None:
    project = make_project(labeled=1)
    process = Process("train", str(project.path), "--config", str(small_settings), "--events", "-")
    events = list(process.events())
    code, error = process.end()
    assert code == 2
    assert error.startswith("error: 1 of 4 tiles are annotated for training")
    assert error.count("\n") == 1
    assert events[-1].kind == "run_failed"
    failed: Any = events[-1]
    assert error == f"error: {failed.message}\n"


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of an error that a command ends with, after its notes."""
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *notes, error = err.splitlines()
    assert all(note.startswith("Note: ") for note in notes)
    assert error.startswith("error: ")
    return error


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_training_says_who_has_the_project_open(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    presence = Presence(project.path, "window")
    assert main(["train", str(project.path), "--set", "no.such=1"]) == 2
    said = capsys.readouterr().err
    assert f"Note: the project is open elsewhere too: {presence.me.in_words()}; what is annotated from now on" in said
    assert len(list((project.path / "open").iterdir())) == 1
    presence.leave()
    assert main(["train", str(project.path), "--set", "no.such=1"]) == 2
    assert "Note" not in capsys.readouterr().err
    assert not (project.path / "open").exists()


def test_bad_settings_are_errors_and_nothing_is_written(
    make_project: MakeProject, small_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    before = files(project.path)
    typo = tmp_path / "typo.yaml"
    typo.write_text("schedule: {stepps: 3}")
    train = ("train", str(project.path))
    for arguments, says in (
        (("--config", str(typo)), "schedule.stepps = 3"),
        (("--config", str(tmp_path / "absent.yaml")), "there is no file"),
        (("--set", "schedule.steps"), "key=value"),
        (("--set", "optimizer.lr=fast"), "optimizer.lr = 'fast'"),
        (("--minutes", "0"), "schedule.minutes"),
        (("--epochs", "0"), "schedule.epochs"),
        (("--seed", "-1"), "seed"),
        (("--set", "encoder.name=efficientnet_lite9"), "efficientnet_lite9"),
        (("--set", "encoder.weights_path=/absent.pth"), "/absent.pth"),
        (("--set", "text.encoder=open_clip"), "text.weights_path"),
        (("--resume", "20200101-000000"), "20200101-000000"),
        (("--show", "absent"), "no tile absent"),
        (("--events", "-", "--json", "-"), "standard output"),
    ):
        assert says in fails(capsys, *train, *arguments), arguments
        assert files(project.path) == before
    assert "is not a project" in fails(capsys, "train", str(tmp_path / "images"))
    assert "/absent" in fails(capsys, "train", "/absent")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test needs to be missing")
def test_a_device_that_is_not_there(
    make_project: MakeProject, small_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    before = files(project.path)
    error = fails(capsys, "train", str(project.path), "--config", str(small_settings), "--device", "cuda")
    assert "device cuda is not available" in error
    assert "one of cpu" in error
    assert files(project.path) == before


def test_resume_on_the_command_line(
    trained: tuple[Project, dict[str, Any], str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, with the run's own settings; without a larger budget it says so and changes nothing."""
    project, result, _, _ = trained
    run = Path(result["run"])
    before = files(project.path)
    error = fails(capsys, "train", str(project.path), "--resume", run.name)
    assert "training budget (30 steps)" in error
    assert "schedule.steps=60" in error
    assert files(project.path) == before
    assert main(["train", str(project.path), "--resume", run.name, "--set", "schedule.steps=31", "--json", "-"]) == 0
    resumed = json.loads(capsys.readouterr().out)
    assert (resumed["run"], resumed["steps"]) == (result["run"], 31)
    assert resumed["val"]["mDice"] >= result["val"]["mDice"]


# --- evaluate ---------------------------------------------------------------------------------------------------------

CLASSES = "class 0=0,class 3=3,class 7=7"


def evaluate(trained: tuple[Project, dict[str, Any], str, Path], *more: str, classes: str = CLASSES) -> list[str]:
    _, result, _, folder = trained
    images, masks = folder / "images", folder / "masks"
    return ["evaluate", result["run"], "--images", str(images), "--masks", str(masks), "--classes", classes, *more]


def test_evaluate(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its figures are those of the masks that predict writes, counted by hand."""
    project, run, _, folder = trained
    assert main(evaluate(trained, "--json", "-")) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"mDice", "mJaccard", "per_class", "n_images", "seconds"} <= result.keys()
    assert result["n_images"] == 5
    assert main(["predict", run["run"], str(folder / "images"), "-o", str(tmp_path / "out")]) == 0
    names = [tile.name for tile in project.tiles]
    truth = np.stack([read_mask(folder / "masks" / f"{name}.png") for name in names])
    found = np.stack([read_mask(tmp_path / "out" / f"{name}.prediction.png") for name in names])
    dice = {c: 200 * ((truth == c) & (found == c)).sum() / ((truth == c).sum() + (found == c).sum()) for c in IDS}
    jaccard = {c: 100 * ((truth == c) & (found == c)).sum() / ((truth == c) | (found == c)).sum() for c in IDS}
    assert set(result["per_class"]) == {"class 0", "class 3", "class 7"}
    for c in IDS:
        assert result["per_class"][f"class {c}"]["dice"] == pytest.approx(dice[c])
        assert result["per_class"][f"class {c}"]["jaccard"] == pytest.approx(jaccard[c])
    assert result["mDice"] == pytest.approx(np.mean(list(dice.values())))
    assert result["mJaccard"] == pytest.approx(np.mean(list(jaccard.values())))
    assert result["mDice"] > 60
    assert result["confusion"] == {
        f"class {c}": {f"class {p}": int(((truth == c) & (found == p)).sum()) for p in IDS} for c in IDS
    }


def test_evaluate_prints_the_confusion_matrix(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    arguments = evaluate(trained, "--json", str(path), classes="class 0=0,class 3=3,unlabelled=7")
    assert main(arguments) == 0
    counts = json.loads(path.read_text())["confusion"]
    lines = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("confusion:") for line in lines)
    (start,) = [number for number, line in enumerate(lines) if line.startswith("confusion matrix, in %")]
    table = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[start + 1 : start + 5]]
    assert table[0] == ["mask", "class 0", "class 3", "class 7", "pixels"]
    row = list(counts["class 3"].values())
    assert table[2] == ["class 3", *(f"{100 * each / sum(row):.1f}" for each in row), f"{sum(row):,}"]
    assert table[3] == ["class 7", "-", "-", "-", "0"]  # no pixel in the masks


def test_evaluate_with_unlabelled_values_and_absent_classes(
    trained: tuple[Project, dict[str, Any], str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(evaluate(trained, "--json", "-", classes="class 0=0,class 3=3,unlabelled=7")) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["per_class"]) == {"class 0", "class 3"}
    assert result["absent_classes"] == ["class 7"]


def test_what_evaluate_refuses(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "the value 7" in fails(capsys, *evaluate(trained, classes="class 0=0,class 3=3"))
    assert "stroma" in fails(capsys, *evaluate(trained, classes="class 0=0,class 3=3,stroma=7"))
    only = "unlabelled=0,unlabelled=3,unlabelled=7,class 0=1"
    assert "the masks have no pixel of a class" in fails(capsys, *evaluate(trained, classes=only))
    _, result, _, folder = trained
    small = tmp_path / "masks"
    small.mkdir()
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(small / "a_1.png")
    arguments = ["evaluate", result["run"], "--images", str(folder / "images"), "--masks", str(small)]
    assert "is 40 x 40 px" in fails(capsys, *arguments, "--classes", CLASSES)
    assert "there is a folder where a file is needed" in fails(capsys, *evaluate(trained, "--json", str(tmp_path)))
    arguments[1] = str(tmp_path)
    assert "is not a run folder" in fails(capsys, *arguments, "--classes", CLASSES)


# --- predict ----------------------------------------------------------------------------------------------------------


def test_predict_writes_class_ids(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, result, _, _ = trained
    picture = np.random.default_rng(0).integers(0, 256, (70, 133, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "other.jpg")
    out = tmp_path / "deep" / "out"
    assert (
        main(["predict", result["run"], str(tmp_path / "other.jpg"), str(project.image_path("u_1")), "-o", str(out)])
        == 0
    )
    assert "2 images" in capsys.readouterr().out
    kinds = ("prediction", "pseudo_label", "confidence")
    assert {file.name for file in out.iterdir()} == {f"{n}.{k}.png" for n in ("other", "u_1") for k in kinds} | {
        "classes.json",
        "predicted.jsonl",
        "areas.csv",
        ".areas",
    }
    assert read_mask(out / "other.prediction.png").shape == (70, 133)
    for name in ("other", "u_1"):
        assert set(np.unique(read_mask(out / f"{name}.prediction.png"))) <= set(IDS)
        assert set(np.unique(read_mask(out / f"{name}.pseudo_label.png"))) <= {*IDS, 255}
    classes = json.loads((out / "classes.json").read_text())
    assert [(c["value"], c["name"]) for c in classes["classes"]] == [(c.id, c.name) for c in project.classes]
    assert classes["not_labelled"] == 255


def test_what_predict_refuses(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, result, _, _ = trained
    out = ("-o", str(tmp_path / "out"))
    image = str(project.image_path("u_1"))
    (tmp_path / "broken.png").write_bytes(Path(image).read_bytes()[:300])
    assert "broken.png" in fails(capsys, "predict", result["run"], str(tmp_path / "broken.png"), *out)
    assert "absent.png" in fails(capsys, "predict", result["run"], str(tmp_path / "absent.png"), *out)
    assert "is not a run folder" in fails(capsys, "predict", str(tmp_path), image, *out)
    (tmp_path / "file").write_text("")
    assert "there is a file where a folder is needed" in fails(
        capsys, "predict", result["run"], image, "-o", str(tmp_path / "file")
    )
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_checkpoint_predicts_nothing(
    trained: tuple[Project, dict[str, Any], str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, result, _, _ = trained
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "provenance.json"):
        (run / name).write_bytes((Path(result["run"]) / name).read_bytes())
    image = str(project.image_path("u_1"))
    assert "has no best checkpoint" in fails(capsys, "predict", str(run), image, "-o", str(tmp_path / "out"))


def test_ids_after_a_class_was_removed(
    make_project: MakeProject, small_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes 0, 1, 2; 1 is repainted as 2 and removed; a new one gets 3. Predictions say 0, 2 or 3, never 1."""
    project = make_project(labeled=3, ids=(0, 1, 2))
    third = project.add_class("new")
    for name in (*project.labeled_names(), *project.val_names()):
        label = project.label(name)
        label[label == 1] = third.id
        project.write_label(name, label, LabelSource.CORRECTED)
    project.remove_class(1)
    assert [c.id for c in project.classes] == [0, 2, 3]
    arguments = [
        "--config",
        str(small_settings),
        "--set",
        "schedule.steps=25",
        "--set",
        "schedule.validate_every_steps=25",
    ]
    assert main(["train", str(project.path), *arguments]) == 0
    capsys.readouterr()
    found = project.prediction("u_1")
    assert found is not None
    prediction, truth = read_mask(found.prediction), read_mask(tmp_path / "masks" / "u_1.png")
    assert set(np.unique(prediction)) <= {0, 2, 3}
    meant = np.array([0, 3, 2], np.uint8)[truth]
    assert (prediction == meant).mean() > 0.6


def test_help_names_what_a_biologist_needs(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "predict", "evaluate", "verify"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert len(capsys.readouterr().out) > 300


def test_interrupting_is_exit_code_130(make_project: MakeProject, small_settings: Path) -> None:
    project = make_project()
    process = Process("train", str(project.path), "--config", str(small_settings), *ENDLESS, "--events", "-")
    process.until("step_done")
    process.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 60
    assert process.process.stdout is not None
    process.process.stdout.read()
    code, error = process.end()
    assert time.monotonic() < deadline
    assert code == 130
    (run_id,) = project.run_ids()
    assert error == f"interrupted; resume with: python -m training_core train {project.path} --resume {run_id}\n"
