"""Who predicts the tiles in the end: the network, the pixel classifier or the previous run, whichever scores best."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training_core.cli.main import main
from training_core.cli.project import describe
from training_core.data.tile_pool import TilePool
from training_core.export import export_masks
from training_core.messages.events import Event, OverlayReady, RunFinished, Show, Status, Validated, Warned
from training_core.messages.messenger import Messenger
from training_core.prediction.predictor import load_predictor
from training_core.project import LabelSource, Project
from training_core.runs.held_out_files import read_held_out
from training_core.settings.schema import Config
from training_core.training.run import Request, train

MakeProject = Callable[..., Project]
MakeConfig = Callable[..., Config]
Ids = NDArray[np.uint8]


def run(project: Project, config: Config, **request: Any) -> tuple[dict[str, Any], list[Event]]:
    messenger, events = Messenger(), []
    messenger.listener = events.append
    return train(Request(project, config, **request), messenger), events


def config_of(small_config: MakeConfig, steps: int = 3, **changes: Any) -> Config:
    schedule = {"quick_start": True, "steps": steps, "validate_every_steps": steps}
    return small_config(**{"schedule": schedule, "inference": {"views": 1}, **changes})


def pillow(path: Path) -> Ids:
    return np.asarray(Image.open(path))


def predicted(summary: dict[str, Any], name: str) -> Ids:
    return pillow(Path(summary["run"]) / "predictions" / f"{name}.prediction.png")


def mean_dice(truth: Ids, prediction: Ids, where: NDArray[np.bool_] | bool = True) -> float:
    """In percent, from the definition: twice the common pixels by the pixels of both."""
    both = [
        ((truth == c) & (prediction == c) & where, ((truth == c) & where).sum() + ((prediction == c) & where).sum())
        for c in np.unique(truth[np.broadcast_to(where, truth.shape)])
    ]
    return float(np.mean([200 * common.sum() / total for common, total in both]))


def warnings(events: list[Event]) -> str:
    return " ".join(event.message for event in events if isinstance(event, Warned))


def test_after_three_steps_the_pixel_classifier_predicts_and_everything_uses_that(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(ids=(0, 3))
    summary, events = run(project, config_of(small_config))
    truth = pillow(tmp_path / "masks" / "v_1.png")

    source = summary["predictions"]
    assert (source["made_by"], source["measured_on"]) == ("pixel_classifier", "validation")
    assert source["mdice"]["pixel_classifier"] == pytest.approx(mean_dice(truth, predicted(summary, "v_1")))
    network = load_predictor(Path(summary["run"]), "cpu")
    own = network.class_ids[network.predict(project.image("v_1")).prediction]
    assert source["mdice"]["network"] == pytest.approx(mean_dice(truth, own), abs=0.5)  # batch normalisation is folded
    assert source["mdice"]["network"] < source["mdice"]["pixel_classifier"] - 5
    assert summary["val"]["mDice"] == source["mdice"]["pixel_classifier"]
    assert json.loads((Path(summary["run"]) / "summary.json").read_text())["predictions"] == source
    assert "The predictions of the tiles come from the pixel classifier: validation Dice" in warnings(events)
    assert isinstance(events[-1], RunFinished)
    assert events[-1].predictions_by == "pixel_classifier"
    assert events[-1].mdice == source["mdice"]["pixel_classifier"]

    export_masks(project, tmp_path / "out", content="merged")
    for name in ("u_1", "u_2"):
        exported = pillow(tmp_path / "out" / f"{name}.png")
        assert np.array_equal(exported, predicted(summary, name))
        assert (exported == pillow(tmp_path / "masks" / f"{name}.png")).mean() > 0.9
    assert json.loads((tmp_path / "out" / "classes.json").read_text())["predictions_by"] == "pixel_classifier"
    assert describe(project)["predictions_by"] == {Path(summary["run"]).name: "pixel_classifier"}
    assert main(["predict", summary["run"], str(project.image_path("u_1")), "-o", str(tmp_path / "p")]) == 0
    assert "come from the pixel classifier, which scored better" in capsys.readouterr().err


def test_once_it_scores_better_the_network_predicts(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project()
    summary, events = run(project, config_of(small_config, 40))
    source = summary["predictions"]
    assert source["made_by"] == "network"
    assert source["mdice"]["network"] >= source["mdice"]["pixel_classifier"]
    truth = pillow(tmp_path / "masks" / "v_1.png")
    assert source["mdice"]["network"] == pytest.approx(mean_dice(truth, predicted(summary, "v_1")))
    assert "The predictions of the tiles come from" not in warnings(events)
    assert any(
        "The predictions come from the network" in event.message for event in events if isinstance(event, Status)
    )
    export_masks(project, tmp_path / "out", content="merged")
    assert np.array_equal(pillow(tmp_path / "out" / "u_1.png"), predicted(summary, "u_1"))
    assert "predictions_by" not in json.loads((tmp_path / "out" / "classes.json").read_text())
    assert main(["predict", summary["run"], str(project.image_path("u_1")), "-o", str(tmp_path / "p")]) == 0
    assert "Note" not in capsys.readouterr().err


def test_a_worse_second_round_keeps_what_the_first_predicted_but_not_what_was_rejected(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project()
    first, _ = run(project, config_of(small_config))
    before = Path(first["run"]).name
    project.reject("u_2", before)
    second, events = run(project, config_of(small_config, seed=1))
    source = second["predictions"]
    assert (source["made_by"], source["previous_run"]) == ("previous_run", before)
    assert source["mdice"]["previous_run"] == source["mdice"]["pixel_classifier"]  # which made them, of the same labels
    for name in ("a_1", "u_1", "v_1"):
        for kind in ("prediction", "pseudo_label", "confidence"):
            files = [Path(each["run"]) / "predictions" / f"{name}.{kind}.png" for each in (first, second)]
            assert np.array_equal(*map(pillow, files))
    assert predicted(second, "u_2").shape == (96, 96)
    assert "1 tile has no prediction by the previous run that can be used" in warnings(events)


def test_the_network_s_worse_prediction_is_not_shown_at_the_end(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project, messenger, events = make_project(), Messenger(), []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Status) and event.message.startswith("Predicting tile 1 "):
            messenger._commands.put(Show(tile="u_2"))  # as the thread that reads standard input does

    messenger.listener = listen
    summary = train(Request(project, config_of(small_config)), messenger)
    (shown,) = [event for event in events if isinstance(event, OverlayReady)]
    assert shown.source == "quick_start"
    assert np.array_equal(pillow(Path(shown.prediction)), predicted(summary, "u_2"))


def test_without_quick_start_nothing_is_compared_or_held_out(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    schedule = {"quick_start": False, "steps": 1}
    summary, events = run(make_project(val=0), small_config(schedule=schedule, inference={"views": 1}))
    nothing = {"made_by": "network", "previous_run": None, "measured_on": None, "mdice": {}}
    assert summary["predictions"] == nothing
    assert json.loads((Path(summary["run"]) / "summary.json").read_text())["predictions"] == nothing
    assert not (Path(summary["run"]) / "held_out").exists()
    assert {event.measured_on for event in events if isinstance(event, Validated)} == {"training"}


# --- without validation tiles -----------------------------------------------------------------------------------------


def test_held_out_annotations_decide_and_are_not_trained_on(
    make_project: MakeProject, small_config: MakeConfig, tmp_path: Path
) -> None:
    project = make_project(val=0, ids=(0, 3))
    summary, events = run(project, config_of(small_config), show="u_1")
    folder = Path(summary["run"])
    held = {path.stem: pillow(path) for path in (folder / "held_out").iterdir()}
    truth = {name: pillow(tmp_path / "masks" / f"{name}.png") for name in held}
    where = {name: ids != 255 for name, ids in held.items()}
    assert all(np.array_equal(ids[where[name]], truth[name][where[name]]) for name, ids in held.items())
    assert 0.1 < sum(mask.sum() for mask in where.values()) / (2 * 96 * 96) < 0.3
    pool = TilePool(project, project.labeled_names(), (0, 3), held_out=where)
    for name, mask in where.items():
        assert (pool.label(name)[mask] == 255).all()
        assert np.array_equal(pool.label_ids(name)[~mask], truth[name][~mask])
        assert np.array_equal(pool.scored_ids(name), held[name])
    source = summary["predictions"]
    assert (source["made_by"], source["measured_on"]) == ("pixel_classifier", "held_out")
    joined = [np.concatenate([each[name].ravel() for name in held]) for each in (truth, where)]
    written = np.concatenate([predicted(summary, name).ravel() for name in held])
    assert source["mdice"]["pixel_classifier"] == pytest.approx(mean_dice(joined[0], written, joined[1].astype(bool)))
    assert {event.measured_on for event in events if isinstance(event, Validated)} == {"held_out"}
    assert summary["val"] is None
    assert "% of the annotated pixels are held out from training" in warnings(events)
    assert "agree better with the held-out annotations than those of the network" in warnings(events)
    assert not any("Dice" in getattr(event, "message", "") for event in events)


def test_a_resumed_run_and_the_next_round_hold_out_the_same(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project(val=0)
    first, _ = run(project, config_of(small_config, 1))
    folder = Path(first["run"])
    held = read_held_out(folder)
    (folder / "summary.json").unlink()  # as if it had been cut off
    resumed, _ = run(project, config_of(small_config, 2, seed=5), resume=folder)
    assert resumed["steps"] == 2
    assert resumed["predictions"]["mdice"].keys() == {"network", "pixel_classifier"}
    second, _ = run(project, config_of(small_config, 1, seed=5))
    again = read_held_out(Path(second["run"]))
    assert held.keys() == again.keys()
    assert all(np.array_equal(held[name], again[name]) for name in held)
    # nobody has trained on them, so the previous run can be compared too
    assert second["predictions"]["mdice"].keys() == {"network", "pixel_classifier", "previous_run"}


def test_too_few_strokes_are_all_trained_on_and_the_run_says_that_nothing_compares(
    make_project: MakeProject, small_config: MakeConfig
) -> None:
    project = make_project(val=0)
    for name in ("a_1", "a_2"):
        label = project.label(name)
        strokes = np.full_like(label, 255)
        for class_id in (0, 1):
            rows, columns = np.nonzero(label == class_id)
            strokes[rows[:40], columns[:40]] = class_id
        project.write_label(name, strokes, LabelSource.PAINTED)
    summary, events = run(project, config_of(small_config, 1))
    assert summary["predictions"]["made_by"] == "network"
    assert summary["predictions"]["measured_on"] is None
    assert not (Path(summary["run"]) / "held_out").exists()
    assert "Nothing can compare the network with the pixel classifier" in warnings(events)


def test_what_was_accepted_from_a_prediction_judges_nobody(make_project: MakeProject, small_config: MakeConfig) -> None:
    project = make_project(val=0)
    for name in ("a_1", "a_2"):
        label = project.label(name)
        project.write_label(name, np.full_like(label, 255), LabelSource.PAINTED)
        project.write_label(name, label, LabelSource.ACCEPTED_PREDICTION)
    summary, _ = run(project, config_of(small_config, 1))
    assert summary["predictions"]["measured_on"] is None
