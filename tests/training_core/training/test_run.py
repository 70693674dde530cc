"""Whole runs, small and real: the bundled encoder on textured tiles, to the predictions, stopped and resumed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import training_core.runs.checkpoint as checkpoints
from training_core.base.errors import CheckpointError, ConfigError, ImageError, ProjectError, StorageError, UserError
from training_core.class_maps.overlay_files import overlay_arrays, write_overlays
from training_core.class_maps.tile_result import TileResult
from training_core.io import read_image, read_mask
from training_core.messages.events import (
    Event,
    OverlayReady,
    RunFinished,
    RunStarted,
    Show,
    Status,
    StepDone,
    Stop,
    Validated,
    Warned,
    parse_event,
)
from training_core.messages.messenger import Messenger
from training_core.prediction.predictor import load_predictor
from training_core.prediction.sliding_window import predict_image
from training_core.project import LabelSource, Project, TileState
from training_core.project.summaries import TileSummary, read_summaries, summarize
from training_core.runs.run_folder import read_run
from training_core.settings.schema import Config
from training_core.training.run import Request, train

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]


@dataclass
class Listener:
    """Keeps events; `react` may act on each, with the messenger at hand."""

    react: Callable[[Event, Messenger], None] = lambda event, messenger: None
    events: list[Event] = field(default_factory=list)

    def run(self, project: Project, config: Config, **request: Any) -> dict[str, Any]:
        messenger = Messenger()

        def listen(event: Event) -> None:
            self.events.append(event)
            self.react(event, messenger)

        messenger.listener = listen
        try:
            return train(Request(project, config, **request), messenger)
        finally:
            messenger.close()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def stop_after(step: int) -> Callable[[Event, Messenger], None]:
    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, StepDone) and event.step == step:
            messenger.request_stop()

    return react


def command(messenger: Messenger, given: Show | Stop) -> None:
    messenger._commands.put(given)  # as the thread that reads standard input does


# --- a whole run ------------------------------------------------------------------------------------------------------


@dataclass
class Finished:
    project: Project
    listener: Listener
    summary: dict[str, Any]

    @property
    def folder(self) -> Path:
        return Path(self.summary["run"])


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, make_project_in: MakeProject, small_config: MakeConfig
) -> Finished:
    """Three classes with the ids 0, 3 and 7: what is left when classes were removed."""
    project, listener = make_project_in(tmp_path_factory.mktemp("finished"), ids=(0, 3, 7)), Listener()
    summary = listener.run(project, small_config(), show="u_1", command=["me"])
    return Finished(project, listener, summary)


def test_a_run_from_start_to_end(finished: Finished) -> None:
    folder, project, summary = finished.folder, finished.project, finished.summary
    # the summary
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert {"run", "steps", "seconds", "val", "peak_rss_bytes", "device", "precision"} <= summary.keys()
    assert summary["steps"] == 3
    assert 0 < summary["seconds"] < 120
    assert set(summary["val"]) == {"mDice", "mJaccard"}
    assert 1e8 < summary["peak_rss_bytes"] < 1e11
    assert (summary["device"], summary["precision"]) == ("cpu", "float32")
    assert (project.path, folder.parent) == (folder.parent.parent, project.runs_dir)
    # the folder
    assert {entry.name for entry in folder.iterdir()} == {
        "config.json", "provenance.json", "events.jsonl", "metrics.jsonl", "checkpoints", "overlays", "predictions",
        "summary.json", "tiles.jsonl", "confusion.json",
    }  # fmt: skip
    config, classes, split = read_run(folder)
    assert config.data.crop_px == 64
    assert [c.id for c in classes] == [0, 3, 7]
    assert split.labeled == ("a_1", "a_2")
    assert split.unlabeled == ("u_1", "u_2")
    assert split.val == ("v_1",)
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["command"] == ["me"]
    assert provenance["seed"] == 0
    assert torch.__version__.startswith(provenance["versions"]["torch"])
    assert provenance["data_sha256"] == {t.name: t.sha256 for t in project.tiles}
    assert provenance["machine"]["cores"] >= 1
    # the project sees it
    assert project.latest_run_id() == folder.name
    assert project.state("u_1") == TileState.PREDICTED
    assert not list(project.path.rglob("*.tmp"))
    assert not list(project.path.rglob("*.partial"))


def test_the_confusion_matrix_is_that_of_the_written_predictions(finished: Finished) -> None:
    record = json.loads((finished.folder / "confusion.json").read_text())
    assert record["classes"] == [{"id": i, "name": f"class {i}"} for i in (0, 3, 7)]
    assert [each["tile"] for each in record["tiles"]] == ["v_1"]
    assert record["not_predicted"] == []
    with Image.open(finished.folder / "predictions" / "v_1.prediction.png") as image:
        prediction = np.array(image)
    truth = finished.project.label("v_1")
    expected = [[int(((truth == true) & (prediction == said)).sum()) for said in (0, 3, 7)] for true in (0, 3, 7)]
    assert record["counts"] == record["tiles"][0]["counts"] == expected
    assert finished.summary["val"] == pytest.approx(means_of(expected))  # one figure, the same pixels


def means_of(counts: list[list[int]]) -> dict[str, float]:
    """mDice and mJaccard in percent of a confusion matrix whose every class has a true pixel."""
    dice, jaccard = [], []
    for i in range(len(counts)):
        both, true, said = counts[i][i], sum(counts[i]), sum(row[i] for row in counts)
        dice.append(200 * both / (true + said))
        jaccard.append(100 * both / (true + said - both))
    return {"mDice": sum(dice) / len(dice), "mJaccard": sum(jaccard) / len(jaccard)}


def test_events_in_order_and_kept(finished: Finished) -> None:
    listener, folder = finished.listener, finished.folder
    started: RunStarted = listener.of(RunStarted)[0]
    assert (started.n_labeled, started.n_unlabeled, started.n_val, started.total_steps) == (2, 2, 1, 3)
    assert started.class_ids == (0, 3, 7)
    assert started.encoder == "efficientnet_lite0"
    steps: list[StepDone] = listener.of(StepDone)
    assert [event.step for event in steps] == [1, 2, 3]
    assert [event.progress for event in steps] == pytest.approx([1 / 3, 2 / 3, 1])
    for event in steps:
        assert set(event.losses) == {
            "total", "labeled", "prototype", "text", "align", "hard", "soft", "perturbed"
        }  # fmt: skip
        assert event.threshold is not None
        assert event.confident_share is not None
        assert 0 <= event.confident_share <= 1
        assert event.eta_s is not None
        assert event.done is not None
        assert 0 < event.done < 1
        assert event.memory_bytes is not None
    assert steps[-1].eta_s > 0  # every tile is still to be predicted
    predicting = [event for event in listener.of(Status) if event.message.startswith("Predicting tile")]
    assert [event.done for event in predicting] == sorted(event.done for event in predicting)
    assert all(event.eta_s > 0 for event in predicting)
    validated: list[Validated] = listener.of(Validated)
    assert [event.step for event in validated] == [2, 3]
    assert {event.measured_on for event in validated} == {"validation"}
    assert validated[0].is_best
    assert set(validated[0].dice_by_class) <= {0, 3, 7}
    overlays: list[OverlayReady] = listener.of(OverlayReady)
    assert [event.step for event in overlays] == [2, 3]  # after every validation
    finish: RunFinished = listener.of(RunFinished)[0]
    assert listener.events[-1] == finish
    assert (finish.reason, finish.steps) == ("budget", 3)
    best = max(validated, key=lambda event: event.mdice or 0)
    assert checkpoints.open_checkpoint(finished.folder, "best").state["step"] == best.step
    assert finish.mdice == finished.summary["val"]["mDice"]  # of that checkpoint, read as it predicts
    kept = [parse_event(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert kept == listener.events[listener.events.index(started) :]
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(m["step"], m["mdice"]) for m in metrics] == [(v.step, v.mdice) for v in validated]


def test_overlays_and_predictions_hold_class_ids(finished: Finished) -> None:
    folder, project = finished.folder, finished.project
    ids = {0, 3, 7}
    for where, names in (("predictions", [t.name for t in project.tiles]), ("overlays", ["u_1"])):
        files = {f"{name}.{kind}.png" for name in names for kind in ("prediction", "pseudo_label", "confidence")}
        assert {file.name for file in (folder / where).iterdir()} == files
        for name in names:
            prediction = read_mask(folder / where / f"{name}.prediction.png")
            pseudo_label = read_mask(folder / where / f"{name}.pseudo_label.png")
            assert prediction.shape == pseudo_label.shape == (96, 96)
            assert set(np.unique(prediction)) <= ids
            assert set(np.unique(pseudo_label)) <= ids | {255}
    prediction = project.prediction("u_1")
    assert prediction is not None
    assert prediction.run_id == folder.name


def test_summaries_are_those_of_the_written_files(finished: Finished, small_config: MakeConfig, tmp_path: Path) -> None:
    """To the last digit, also against the run before: as written, class ids and 8 bits of confidence."""
    shutil.copytree(finished.project.path, tmp_path / "copy")
    project = Project.open(tmp_path / "copy")

    def summarized(run: str, before: str | None) -> dict[str, TileSummary]:
        def read(run: str, name: str, kind: str) -> NDArray[np.uint8]:
            return read_mask(project.runs_dir / run / "predictions" / f"{name}.{kind}.png")

        return {
            name: summarize(
                name,
                read(run, name, "prediction"),
                read(run, name, "confidence"),
                read(before, name, "prediction") if before else None,
            )
            for name in (tile.name for tile in project.tiles)
        }

    first = finished.folder.name
    assert read_summaries(project.path, first) == summarized(first, None)
    second = Path(Listener().run(project, small_config(schedule={"steps": 1}, seed=1))["run"]).name
    summaries = read_summaries(project.path, second)
    assert summaries == summarized(second, first)
    assert any(summary.changed for summary in summaries.values())


def test_predictions_are_the_best_checkpoint_s(finished: Finished) -> None:
    predictor = load_predictor(finished.folder, "cpu")
    assert predictor.class_ids.tolist() == [0, 3, 7]
    assert 0 < predictor.threshold < 1
    for tile in finished.project.tiles:
        result = predictor.predict(finished.project.image(tile.name))
        written = read_mask(finished.folder / "predictions" / f"{tile.name}.prediction.png")
        # A reader folds the batch normalisation, which the trainer can't: a pixel at a tie may fall either way.
        assert np.mean(predictor.class_ids[result.prediction] == written) > 0.99
        confidence = read_mask(finished.folder / "predictions" / f"{tile.name}.confidence.png")
        np.testing.assert_allclose(result.confidence * 255, confidence, atol=1)


def test_an_image_of_another_pixel_size_is_read_at_the_runs(finished: Finished) -> None:
    predictor = load_predictor(finished.folder, "cpu")
    at_half = predictor.config.model_copy(update={"data": predictor.config.data.model_copy(update={"mpp": 0.5})})
    predictor = dataclasses.replace(predictor, config=at_half)
    image = finished.project.image("u_1")
    result = predictor.predict(image, 1.0)
    expected = predict_image(
        predictor.model, image, at_half.inference, predictor.compute, predictor.readout.zoomed(2.0)
    )
    assert result.prediction.shape == image.shape[:2]
    assert np.array_equal(result.confidence, expected.confidence)
    assert not np.array_equal(result.confidence, predictor.predict(image).confidence)
    with pytest.raises(ImageError, match=r"has a pixel size of 5 µm/px, but the run works at 0\.5"):
        predictor.predict(image, 5.0)


def test_it_learns(make_project: MakeProject, small_config: MakeConfig, tmp_path: Path) -> None:
    """Two textures of different colour are nothing in 40 steps; ids 2 and 9 come out where the truth has them."""
    project = make_project(labeled=3, unlabeled=2, val=1, ids=(2, 9))
    config = small_config(schedule={"steps": 40, "validate_every_steps": 20})
    summary = Listener().run(project, config)
    assert summary["val"]["mDice"] > 85
    for name in ("u_1", "u_2"):
        prediction = read_mask(Path(summary["run"]) / "predictions" / f"{name}.prediction.png")
        truth = read_mask(tmp_path / "masks" / f"{name}.png")
        assert (prediction == truth).mean() > 0.85


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_variants_run(make_project: MakeProject, small_config: MakeConfig, variant: str) -> None:
    summary = Listener().run(make_project(), small_config(variant=variant, inference={"window_px": 64}))
    assert summary["steps"] == 3
    config = read_run(Path(summary["run"]))[0]
    assert config.variant == variant
    saved = checkpoints.open_checkpoint(Path(summary["run"]), "last")
    assert {"prototypes.vectors", "text.vectors"} <= saved.model.keys()
    assert not any(name.startswith("encoder.") for name in saved.model)  # frozen, and comes from its own weights


def test_labelled_tiles_only(make_project: MakeProject, small_config: MakeConfig) -> None:
    listener = Listener()
    summary = listener.run(make_project(), small_config(pseudo_label={"enabled": False}))
    assert listener.of(RunStarted)[0].n_unlabeled == 0
    assert {event.threshold for event in listener.of(StepDone)} == {None}
    assert set(listener.of(StepDone)[0].losses) == {"total", "labeled", "prototype", "text", "align"}
    assert len(list((Path(summary["run"]) / "predictions").glob("*.prediction.png"))) == 5


def test_without_validation_tiles_the_last_is_kept_and_said_to_be_training_dice(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    listener = Listener()
    summary = listener.run(make_project(val=0), small_config())
    assert any("No validation tile" in event.message for event in listener.of(Warned))
    assert {event.measured_on for event in listener.of(Validated)} == {"training"}
    assert summary["val"] is None
    run = Path(summary["run"])
    assert checkpoints.open_checkpoint(run, "best").state["step"] == 3
    assert not (run / "confusion.json").exists()
    assert any("nothing measures how good this training is" in event.message for event in listener.of(Warned))


def test_a_partly_labelled_tile_is_in_both_sets_and_its_label_is_known(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    label = project.label("a_1")
    label[40:] = 255
    project.write_label("a_1", label, LabelSource.CORRECTED)
    summary = Listener().run(project, small_config())
    split = read_run(Path(summary["run"]))[2]
    assert split.labeled == ("a_1", "a_2")
    assert split.unlabeled == ("a_1", "u_1", "u_2")


@pytest.mark.parametrize(("ema_decay", "decay"), [(0.15, 0.15), (0.5, 2 / 11)])
def test_the_teacher_is_a_moving_average_of_the_student(
    make_project: MakeProject, small_config: MakeConfig, ema_decay: float, decay: float
) -> None:
    """After two steps, by hand: at most (1 + 1) / (10 + 1) in step number 1, statistics copied."""
    project = make_project()
    averages: list[dict[str, Tensor]] = []
    students: list[dict[str, Tensor]] = []
    for steps in (1, 2):
        config = small_config(teacher={"ema_decay": ema_decay}, schedule={"steps": 2, "validate_every_steps": 1})
        listener = Listener(stop_after(1)) if steps == 1 else Listener()
        checkpoint = checkpoints.open_checkpoint(Path(listener.run(project, config)["run"]), "last")
        averages.append(checkpoint.model)
        students.append({n.removeprefix("student."): t for n, t in checkpoint.training.items() if "student." in n})
    for name, average in averages[1].items():
        is_statistic = "running_" in name or "num_batches" in name
        expected = students[1][name] if is_statistic else decay * averages[0][name] + (1 - decay) * students[1][name]
        torch.testing.assert_close(average, expected, atol=1e-6, rtol=1e-5, msg=name)
    assert any(not torch.equal(averages[1][n], students[1][n]) for n in averages[1])


def test_overlays_written_by_hand(tmp_path: Path) -> None:
    def read(path: Path) -> list[list[int]]:
        with Image.open(path) as image:
            assert image.mode == "L"
            return np.asarray(image).tolist()  # type: ignore[no-any-return]

    result = TileResult(
        prediction=np.array([[0, 1], [2, 1]], np.uint8),
        confidence=np.array([[0.5, 0.25], [1.0, 0.999]], np.float32),
        fused=np.array([[1, 1], [2, 0]], np.uint8),
        fused_confidence=np.array([[0.69, 0.7], [0.9, 0.1]], np.float32),
    )
    arrays = overlay_arrays(result, np.array([0, 3, 7], np.uint8), np.float32(0.7).item())
    paths = write_overlays(tmp_path / "new", "tile.1", arrays)
    assert {k: p.name for k, p in paths.items()} == {
        k: f"tile.1.{k}.png" for k in ("prediction", "pseudo_label", "confidence")
    }
    assert read(paths["prediction"]) == [[0, 3], [7, 3]]
    assert read(paths["pseudo_label"]) == [[255, 3], [7, 255]]
    assert read(paths["confidence"]) == [[128, 64], [255, 255]]


# --- chance -----------------------------------------------------------------------------------------------------------


def tensors_of(run: Path, which: str = "last") -> dict[str, Tensor]:
    checkpoint = checkpoints.open_checkpoint(run, which)
    return checkpoint.model | {f"training.{n}": t for n, t in checkpoint.training.items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


RESUMED = {
    "teacher": {},
    "paper": {"variant": "paper", "inference": {"window_px": 64}},
    "student": {"teacher": {"ema_decay": 0.0}, "optimizer": {"name": "sgd"}},
}


@pytest.mark.parametrize("kind", ["teacher", "paper", pytest.param("student", marks=pytest.mark.nightly)])
def test_six_steps_are_three_and_three_resumed_bit_for_bit(
    make_project: MakeProject, small_config: MakeConfig, kind: str
) -> None:
    """Weights, moving average, optimiser, threshold, random states; with dropout, views and CutMix."""
    config = small_config(schedule={"steps": 6, "validate_every_steps": 2}, **RESUMED[kind])
    project = make_project(labeled=3, unlabeled=3)
    whole = Path(Listener().run(project, config)["run"])
    first = Listener(stop_after(3)).run(project, config)
    run = Path(first["run"])
    assert (first["steps"], first["reason"]) == (3, "stopped")
    second = Listener()
    resumed = second.run(project, config, resume=run)
    assert (resumed["run"], resumed["steps"], resumed["reason"]) == (str(run), 6, "budget")
    assert [event.step for event in second.of(StepDone)] == [4, 5, 6]
    assert differing(tensors_of(whole), tensors_of(run)) == []
    states = [checkpoints.open_checkpoint(folder, "last").state for folder in (whole, run)]
    for key in ("step", "threshold", "mdice", "mjaccard"):
        assert states[0][key] == states[1][key]
    assert resumed["seconds"] > first["seconds"]  # time in all


def test_the_seed_decides(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project()
    config = small_config(schedule={"steps": 2})
    one, again, other = (
        tensors_of(Path(Listener().run(project, c)["run"]))
        for c in (config, config, small_config(seed=1, schedule={"steps": 2}))
    )
    assert differing(one, again) == []
    assert len(differing(one, other)) > 100


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_a_resumed_run_that_gets_no_better_keeps_its_best_figures(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """The checkpoint that predicts is the old best one; the summary says how good that one is."""
    project = make_project()
    config = small_config(schedule={"steps": 2, "validate_every_steps": 2})
    first = Listener().run(project, config)
    run = Path(first["run"])
    state = run / "checkpoints" / "step_000002" / "state.json"
    unbeatable = json.loads(state.read_text())
    unbeatable["best"]["mdice"] = 100.0
    state.write_text(json.dumps(unbeatable))
    more = small_config(schedule={"steps": 3, "validate_every_steps": 3})
    summary = Listener().run(project, more, resume=run)
    assert summary["val"] == first["val"]  # measured on the weights that predict
    assert checkpoints.open_checkpoint(run, "best").state["step"] == 2
    assert checkpoints.open_checkpoint(run, "last").state["step"] == 3
    assert differing(checkpoints.open_checkpoint(run, "best").model, checkpoints.open_checkpoint(run, "last").model)
    result = load_predictor(run, "cpu").predict(project.image("u_1"))
    confidence = read_mask(run / "predictions" / "u_1.confidence.png")
    np.testing.assert_allclose(result.confidence * 255, confidence, atol=1)


def test_a_run_stopped_as_soon_as_it_is_resumed_is_as_it_was(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project, config = make_project(), small_config(schedule={"steps": 4})
    run = Path(Listener(stop_after(2)).run(project, config)["run"])
    before = tensors_of(run)
    files = {p: p.stat().st_mtime_ns for p in (run / "checkpoints").rglob("*") if p.is_file()}

    def at_once(event: Event, messenger: Messenger) -> None:
        if isinstance(event, RunStarted):
            messenger.request_stop()

    summary = Listener(at_once).run(project, config, resume=run)
    assert (summary["steps"], summary["reason"]) == (2, "stopped")
    assert differing(before, tensors_of(run)) == []
    assert files == {p: p.stat().st_mtime_ns for p in (run / "checkpoints").rglob("*") if p.is_file()}
    assert summary["val"] is not None


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_resumes_that_cannot_be(make_project: MakeProject, small_config: MakeConfig, tmp_path: Path) -> None:
    """Each is an error that says why, and changes nothing."""
    project, config = make_project(), small_config(schedule={"steps": 2})
    run = Path(Listener().run(project, config)["run"])
    longer = {"steps": 4, "validate_every_steps": 2}
    before = snapshot(project.path)
    for changed, error, says in (
        (config, ConfigError, "training budget"),
        (small_config(schedule=longer, alignment={"embedding_dim": 24}), CheckpointError, "does not fit"),
        (small_config(schedule=longer, decoder={"name": "deeplabv3plus"}), CheckpointError, "does not fit"),
    ):
        with pytest.raises(error, match=says):
            Listener().run(project, changed, resume=run)
        assert snapshot(project.path) == before
    with pytest.raises(CheckpointError, match="is not a run folder"):
        Listener().run(project, config, resume=tmp_path)
    (run / "checkpoints" / "step_000002" / "training.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"training\.safetensors"):
        Listener().run(project, small_config(schedule=longer), resume=run)


def test_a_run_is_not_resumed_with_other_classes(make_project: MakeProject, small_config: MakeConfig) -> None:
    """As many classes, but not the same: the network would take one for the other."""
    project = make_project(ids=(0, 1))
    project.add_class("third")
    run = Path(Listener().run(project, small_config(schedule={"steps": 2}))["run"])
    project.remove_class(2)
    project.add_class("fourth")
    assert len(project.classes) == 3
    with pytest.raises(CheckpointError, match=r"third"):
        Listener().run(project, small_config(schedule={"steps": 4}), resume=run)


# --- stopping and showing ---------------------------------------------------------------------------------------------


def test_stop_ends_after_the_step_and_keeps_everything(make_project: MakeProject, small_config: MakeConfig) -> None:
    listener = Listener(stop_after(1))
    summary = listener.run(make_project(), small_config(schedule={"steps": 500}))
    assert (summary["steps"], summary["reason"]) == (1, "stopped")
    assert [event.step for event in listener.of(Validated)] == [1]
    run = Path(summary["run"])
    assert checkpoints.open_checkpoint(run, "last").state["step"] == 1
    assert len(list((run / "predictions").glob("*.prediction.png"))) == 5
    assert listener.of(RunFinished)[0].reason == "stopped"
    # the score is that of the predictions as they are written, not of the quicker ones that drew the curve
    counts = json.loads((run / "confusion.json").read_text())["counts"]
    assert summary["val"] == pytest.approx(means_of(counts))
    assert listener.of(RunFinished)[0].mdice == summary["val"]["mDice"]


def test_a_run_stopped_before_its_first_step_does_not_hide_the_one_before(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    earlier = Path(Listener().run(project, small_config(schedule={"steps": 1}))["run"])

    def at_once(event: Event, messenger: Messenger) -> None:
        if isinstance(event, RunStarted):
            messenger.request_stop()

    listener = Listener(at_once)
    summary = listener.run(project, small_config())
    assert (summary["steps"], summary["reason"], summary["val"]) == (0, "stopped", None)
    assert listener.of(RunFinished)[0].steps == 0
    assert project.latest_run_id() == earlier.name
    assert project.state("u_1") == TileState.PREDICTED


def test_a_second_stop_cuts_the_predictions_short(make_project: MakeProject, small_config: MakeConfig) -> None:
    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, StepDone) or (event.kind == "status" and "Predicting tile 2" in event.message):
            messenger.request_stop()

    listener = Listener(react)
    summary = listener.run(make_project(), small_config())
    names = {file.name.split(".")[0] for file in (Path(summary["run"]) / "predictions").iterdir()}
    assert names == {"u_1", "u_2"}  # the unlabelled ones come first
    assert any("2 of 5" in event.message for event in listener.of(Warned))
    record = json.loads((Path(summary["run"]) / "confusion.json").read_text())
    assert (record["tiles"], record["not_predicted"]) == ([], ["v_1"])
    assert record["counts"] == [[0, 0], [0, 0]]
    assert summary["val"] is not None  # as the curve had it


def test_what_a_stop_left_unpredicted_is_predicted_later_with_the_same_weights(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """Nothing that was predicted is touched; the figures are those of a run that was never stopped."""

    def react(event: Event, messenger: Messenger) -> None:
        if event.kind == "status" and "Predicting tile 3" in event.message:
            messenger.request_stop()

    project = make_project()
    earlier = Path(Listener().run(project, small_config(schedule={"steps": 1}))["run"])
    stopped = Path(Listener(react).run(project, small_config())["run"])
    assert project.add_round(stopped.name) == 1
    assert project.unpredicted_names() == ()
    assert {name: project.prediction(name).run_id for name in ("u_1", "u_2", "a_2", "v_1")} == {
        "u_1": stopped.name,
        "u_2": stopped.name,
        "a_2": earlier.name,  # the round before still speaks where this one does not
        "v_1": earlier.name,
    }
    kept = {path.name: path.stat().st_mtime_ns for path in (stopped / "predictions").iterdir()}
    listener = Listener()
    listener.run(project, small_config(), resume=stopped, keep=True)
    predicted = [event.message for event in listener.of(Status) if event.message.startswith("Predicting tile")]
    assert predicted == ["Predicting tile 1 of 2", "Predicting tile 2 of 2"]
    assert {name: (stopped / "predictions" / name).stat().st_mtime_ns for name in kept} == kept
    assert {project.prediction(tile.name).run_id for tile in project.tiles} == {stopped.name}
    record = json.loads((stopped / "confusion.json").read_text())
    assert ([each["tile"] for each in record["tiles"]], record["not_predicted"]) == (["v_1"], [])
    truth, ids = project.label("v_1"), read_mask(stopped / "predictions" / "v_1.prediction.png")
    assert record["counts"] == [[int(((truth == a) & (ids == b)).sum()) for b in (0, 1)] for a in (0, 1)]
    assert project.add_round(stopped.name) == 1  # nothing new was learned


def test_a_run_of_minutes_ends_in_time(make_project: MakeProject, small_config: MakeConfig) -> None:
    listener = Listener()
    config = small_config(schedule={"minutes": 0.02, "validate_every_steps": 1000})
    summary = listener.run(make_project(), config)
    assert listener.of(RunStarted)[0].total_steps is None
    assert 1.2 <= summary["seconds"] < 15
    assert listener.of(StepDone)[-1].progress == 1
    assert summary["steps"] == len(listener.of(StepDone)) >= 1


def test_show_brings_overlays_of_that_tile_at_once_and_after_every_validation(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, StepDone) and event.step in (1, 3):
            command(messenger, Show(tile="u_2" if event.step == 1 else "a_1"))

    listener = Listener(react)
    config = small_config(schedule={"steps": 4, "validate_every_steps": 2})
    project = make_project()
    listener.run(project, config)
    shown: list[OverlayReady] = listener.of(OverlayReady)
    assert [(event.step, event.tile) for event in shown] == [(1, "u_2"), (2, "u_2"), (3, "a_1"), (4, "a_1")]
    for event in shown:
        for path in (event.prediction, event.pseudo_label, event.confidence):
            assert read_image(Path(path)).shape[:2] == (96, 96)


def test_a_tile_that_is_turned_to_while_all_are_predicted_is_shown_too(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, Status) and event.message.startswith("Predicting tile 2 "):
            command(messenger, Show(tile="a_1"))

    listener = Listener(react)
    summary = listener.run(make_project(), small_config(schedule={"steps": 2}))
    (shown,) = listener.of(OverlayReady)
    assert (shown.step, shown.tile) == (2, "a_1")
    assert read_image(Path(shown.prediction)).shape[:2] == (96, 96)
    assert len(list((Path(summary["run"]) / "predictions").glob("*.prediction.png"))) == 5  # and goes on


def test_a_tile_that_cannot_be_shown_costs_a_warning_not_the_run(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project(labeled=2, unlabeled=3)
    project.image_path("u_3").unlink()

    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, StepDone) and event.step in (1, 2):
            command(messenger, Show(tile=("", "absent", "u_3")[event.step]))

    listener = Listener(react)
    summary = listener.run(project, small_config(schedule={"steps": 3}))
    assert summary["steps"] == 3
    warnings = [event.message for event in listener.of(Warned)]
    assert any("no tile absent" in message for message in warnings)
    assert any("u_3 is not at" in message for message in warnings)
    assert not listener.of(OverlayReady)


def test_an_unknown_tile_to_show_from_the_start_is_an_error(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    with pytest.raises(ProjectError, match="no tile absent"):
        Listener().run(project, small_config(), show="absent")
    assert not project.runs_dir.exists()


# --- a project that changes meanwhile ---------------------------------------------------------------------------------


def test_classes_added_and_removed_while_training_do_not_touch_the_run(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """The window may do that at any time. Indices keep the ids that they had when the run started."""
    project = make_project(ids=(0, 1))
    third = project.add_class("third")  # an id that no label uses
    other = Project.open(project.path)

    def react(event: Event, messenger: Messenger) -> None:
        if isinstance(event, RunStarted):
            other.add_class("fourth")
        elif isinstance(event, StepDone) and event.step == 2:
            other.remove_class(third.id)
            other.update_class(1, name="renamed")

    listener = Listener(react)
    summary = listener.run(project, small_config())
    run = Path(summary["run"])
    assert [c.id for c in project.classes] == [0, 1, 3]
    predictor = load_predictor(run, "cpu")
    assert predictor.class_ids.tolist() == [0, 1, 2]
    assert [c.name for c in predictor.classes] == ["class 0", "class 1", "third"]
    for event in listener.of(Validated):
        assert set(event.dice_by_class) == {0, 1}
    for tile in project.tiles:
        result = predictor.predict(project.image(tile.name))
        written = read_mask(run / "predictions" / f"{tile.name}.prediction.png")
        assert np.mean(predictor.class_ids[result.prediction] == written) > 0.99


def test_strokes_painted_while_training_belong_to_the_next_round(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    runs = []
    for painting in (False, True):
        project = make_project(name=f"project_{painting}")

        def react(event: Event, messenger: Messenger, project: Project = project, painting: bool = painting) -> None:
            if painting and isinstance(event, RunStarted):
                project.write_label("a_1", np.zeros((96, 96), np.uint8), LabelSource.PAINTED)

        runs.append(Path(Listener(react).run(project, small_config())["run"]))
    assert differing(tensors_of(runs[0]), tensors_of(runs[1])) == []


def test_missing_images_are_left_out_and_said(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(labeled=3, unlabeled=2)
    for name in ("a_3", "u_2"):
        project.image_path(name).unlink()
    listener = Listener()
    summary = listener.run(project, small_config())
    assert any("2 images are missing and left out, the first is a_3" in event.message for event in listener.of(Warned))
    split = read_run(Path(summary["run"]))[2]
    assert (split.labeled, split.unlabeled) == (("a_1", "a_2"), ("u_1",))
    assert len(list((Path(summary["run"]) / "predictions").glob("*.prediction.png"))) == 4


@pytest.mark.parametrize(("file", "split"), [("labels/a_3.png", "labeled"), ("rejected/u_2.png", "unlabeled")])
def test_a_tile_with_a_damaged_file_is_left_out_said_and_predicted(
    make_project: MakeProject, small_config: MakeConfig, file: str, split: str
) -> None:
    project = make_project(labeled=3, unlabeled=2)
    project.reject_area("u_2", np.ones((96, 96), bool), "run")
    path = project.path / file
    path.write_bytes(path.read_bytes()[:50])
    listener = Listener()
    summary = listener.run(project, small_config())
    words = f"1 tile is left out because a file of it is damaged: {path.stem}"
    assert any(words in event.message for event in listener.of(Warned))
    taken = read_run(Path(summary["run"]))[2]
    assert path.stem not in getattr(taken, split)
    assert len(taken.labeled) + len(taken.unlabeled) >= 3
    assert (Path(summary["run"]) / "predictions" / f"{path.stem}.prediction.png").exists()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_run_that_diverges_says_so(make_project: MakeProject, small_config: MakeConfig) -> None:
    """With a rate that no network survives; what was learned before stays."""
    config = small_config(optimizer={"name": "sgd", "lr": 1e18, "encoder_lr": 1e18}, schedule={"steps": 50})
    listener = Listener()
    with pytest.raises(UserError, match=r"not a finite number.*optimizer\.lr"):
        listener.run(make_project(), config)
    assert all(np.isfinite(v) for event in listener.of(StepDone) for v in event.losses.values())


def test_a_run_folder_that_cannot_be_finished_is_not_left_behind(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    """provenance.json is what fails here; the reason (a full disk, say) does not matter."""
    project = make_project()
    before = snapshot(project.path)
    with pytest.raises(ValueError, match="command"):
        Listener().run(project, small_config(), command=[object()])
    assert snapshot(project.path) == before
    assert not any(project.runs_dir.iterdir()) if project.runs_dir.exists() else True


def test_a_disk_that_fills_up_while_training(
    mount_disk: Callable[[str], Path], make_project_in: MakeProject, small_config: MakeConfig
) -> None:
    """Room for the project, not for a checkpoint: an error that says so, an event that says so, all labels whole."""
    disk = mount_disk("4m")
    project = make_project_in(disk)
    labels = snapshot(project.path / "labels")
    listener = Listener()
    with pytest.raises(StorageError, match="the disk is full"):
        listener.run(project, small_config(schedule={"steps": 2}))
    assert [event.step for event in listener.of(StepDone)] == [1, 2]
    run = project.runs_dir / project.run_ids()[0]
    assert not list((run / "checkpoints").rglob("*.safetensors"))
    assert project.latest_run_id() is None
    assert snapshot(project.path / "labels") == labels
    assert shutil.disk_usage(disk).free > 1_000_000  # what was written in vain is gone


def test_a_moved_project_goes_on(make_project: MakeProject, small_config: MakeConfig, tmp_path: Path) -> None:
    project = make_project()
    run = Path(Listener(stop_after(1)).run(project, small_config(schedule={"steps": 2}))["run"])
    shutil.move(project.path, tmp_path / "elsewhere")
    moved = Project.open(tmp_path / "elsewhere")
    summary = Listener().run(moved, small_config(schedule={"steps": 2}), resume=moved.runs_dir / run.name)
    assert summary["steps"] == 2
    assert load_predictor(moved.runs_dir / run.name, "cpu").class_ids.tolist() == [0, 1]
