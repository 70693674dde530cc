"""`live` as a process of its own, as the window starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_core.base.process_memory import resident_bytes
from training_core.compute.device import Compute
from training_core.io import read_mask
from training_core.messages.events import Event, OverlayReady, Prepare, Prepared, Show, Status, parse_event
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.cache import FOLDER
from training_core.pixel_classifier.first_overlay import QuickStart
from training_core.pixel_classifier.live import Live as Server
from training_core.pixel_classifier.pretrained import Warm
from training_core.project import LabelSource, Project
from training_core.project.settings import write_settings
from training_core.settings.schema import Config, resolve

MakeProject = Callable[..., Project]
SMALL = [
    option
    for setting in (
        "data.crop_px=64", "data.labeled_batch=2", "data.unlabeled_batch=2", "schedule.steps=3",
        "schedule.validate_every_steps=2", "alignment.embedding_dim=16", "runtime.precision=float32",
    )
    for option in ("--set", setting)
]  # fmt: skip


class Live:
    """The process, and what it says."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training_core", "live", str(path), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._killer = threading.Timer(120, self.process.kill)  # no test hangs
        self._killer.start()

    def send(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")

    def next(self, kind: str) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = parse_event(line)
            assert event is not None, f"not an event: {line!r}"
            if event.kind == kind:
                return event
        raise AssertionError(f"no {kind} came")

    def rest(self) -> list[Any]:
        """All events until the end."""
        assert self.process.stdout is not None
        return [parse_event(line) for line in self.process.stdout]

    def show(self, tile: str) -> Any:
        self.send(command="show", tile=tile)
        return self.next("overlay_ready")

    def end(self) -> tuple[int, str]:
        """Close its input; exit code and standard error."""
        _, error = self.process.communicate()
        self._killer.cancel()
        return self.process.returncode, error


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Live]]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made: list[Live] = []

    def start(path: Path, *arguments: str) -> Live:
        made.append(Live(path, *arguments))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.communicate()
        each._killer.cancel()


def test_every_stroke_is_answered(live: Callable[..., Live], make_project: MakeProject) -> None:
    project = make_project(ids=(0, 3))
    process = live(project.path)
    first = process.show("u_1")
    assert (first.tile, first.source, first.step) == ("u_1", "live", 1)
    assert Path(first.prediction) == project.path / "cache" / "live" / "u_1.prediction.png"
    before = read_mask(Path(first.prediction))
    assert set(np.unique(before)) == {0, 3}
    assert "annotations of 2 tiles" in process.next("status").message
    assert process.show("u_2").tile == "u_2"

    label = np.full((96, 96), 255, np.uint8)
    label[30:60] = np.where(before[30:60] == 3, 0, 3)  # the user knows better
    project.write_label("u_1", label, LabelSource.PAINTED)
    answer = process.show("u_1")
    assert "annotations of 3 tiles" in process.next("status").message
    after = read_mask(Path(answer.prediction))
    assert (after != before).mean() > 0.1
    assert (after[30:60] == label[30:60]).mean() > (before[30:60] == label[30:60]).mean()

    process.send(command="stop")
    assert process.end() == (0, "")
    assert not project.run_ids()


def test_what_is_missing_is_a_sentence_and_the_process_goes_on(
    live: Callable[..., Live], make_project: MakeProject
) -> None:
    project = make_project(labeled=1)
    truth = project.label("a_1")
    nothing = np.full_like(truth, 255)
    project.write_label("a_1", nothing, LabelSource.PAINTED)
    process = live(project.path)
    assert process.next("status").message == "Live preview: waiting for a stroke."
    for label, tile, words in (
        (nothing, "u_1", "no tile is annotated for training yet"),
        (np.where(truth == 1, truth, 255), "u_1", "only class 1 is annotated"),
        (truth, "absent", "no tile absent"),
    ):
        project.write_label("a_1", label, LabelSource.PAINTED)
        process.send(command="show", tile=tile)
        assert words in process.next("status").message
    (project.path / "labels" / "a_1.png").write_bytes(b"damaged")
    process.send(command="show", tile="u_1")
    assert "a_1.png" in process.next("status").message
    project.write_label("a_1", truth, LabelSource.PAINTED)
    for file in (project.path / "cache" / "features").iterdir():
        file.unlink(missing_ok=True)  # safe at any time; what the process was writing may have its own name by now
    assert process.show("u_1").tile == "u_1"
    assert process.end() == (0, "")  # who started it has gone


def test_what_it_cannot_start_on_is_an_error(live: Callable[..., Live], make_project: MakeProject) -> None:
    project = make_project()
    for arguments, words in (
        ((project.path / "images",), "is not a project"),
        ((project.path, "--set", "encoder.weights_path=absent.pth"), "there is no file absent.pth"),
    ):
        process = live(*arguments)
        process.send(command="show", tile="u_1")
        assert words in process.next("run_failed").message
        code, error = process.end()
        assert code == 2
        assert words in error
        assert "Traceback" not in error


# --- ready before it is asked -----------------------------------------------------------------------------------------


def features_of(project: Project) -> int:
    """How many feature files there are: of each tile 2 zooms in 3 stainings, once it was prepared entirely."""
    return len(list((project.path / FOLDER).glob("*.features")))


def test_what_may_be_painted_on_is_ready_before_the_first_stroke(
    live: Callable[..., Live], make_project: MakeProject
) -> None:
    project = make_project(labeled=1, unlabeled=3)
    project.write_label("a_1", np.full((96, 96), 255, np.uint8), LabelSource.PAINTED)  # nothing is annotated yet
    process = live(project.path)
    process.send(command="prepare", tiles=["u_1", "u_2", "absent", "u_3"])
    ready = process.next("prepared")
    assert ready.tile == "u_1"
    assert 100e6 < ready.memory_bytes < 1.2e9  # torch alone takes more than the one, the promise is the other
    process.send(command="prepare", tiles=["u_2", "u_1"])
    assert process.next("prepared").tile == "u_2"
    assert features_of(project) in (12, 18)  # u_1 and u_2; u_3 where it was quicker than the second command

    process.send(command="show", tile="u_2")  # still nothing annotated: said, and no overlay
    assert "no tile is annotated" in process.next("status").message
    truth = np.full((96, 96), 255, np.uint8)
    truth[:20], truth[60:80] = 0, 1
    project.write_label("u_2", truth, LabelSource.PAINTED)
    assert process.show("u_2").tile == "u_2"
    process.send(command="stop")
    assert process.end()[0] == 0


@pytest.mark.nightly
def test_settings_that_change_meanwhile_are_followed(live: Callable[..., Live], make_project: MakeProject) -> None:
    project = make_project()
    process = live(project.path)
    process.show("u_1")
    before = features_of(project)
    write_settings(project.path, {"augment.scale_min": 2.0, "augment.scale_max": 2.0})
    process.next("prepared")
    process.show("u_1")  # other zooms are other features
    assert features_of(project) > before
    process.send(command="stop")
    assert process.end() == (0, "")


class Served:
    """A server in this process, with what it is sent and what it says."""

    def __init__(self, project: Project, config: Config, max_bytes: int) -> None:
        self.events: list[Event] = []
        self.to_send: list[list[Prepare | Show]] = []
        reader, self._writer = os.pipe()
        self.messenger = Messenger(self._listen, reader, stop_at_end=True)
        self.server = Server(project, lambda: config, self.messenger, max_bytes=max_bytes)

    def _listen(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Prepared):
            self._next()

    def _next(self) -> None:
        if self.to_send:
            lines = [f"{command.model_dump_json()}\n" for command in self.to_send.pop(0)]
            os.write(self._writer, "".join(lines).encode())
        else:
            os.close(self._writer)  # nobody is left to ask

    def run(self, *commands: list[Prepare | Show]) -> list[Event]:
        self.to_send = list(commands)
        self._next()
        assert self.server.serve() is None
        return self.events


def test_beyond_its_memory_it_keeps_nothing_and_says_so_once(make_project: MakeProject) -> None:
    project = make_project(unlabeled=3)
    config = resolve({"runtime": {"device": "cpu", "precision": "float32"}})
    limit = resident_bytes() // 2  # whatever it does is too much
    served = Served(project, config, limit)
    stroke: list[Prepare | Show] = [Prepare(tiles=("u_1", "u_2", "u_3")), Show(tile="u_1")]
    events = served.run(stroke, stroke, stroke)
    overlays = [event for event in events if isinstance(event, OverlayReady)]
    assert [event.tile for event in overlays] == ["u_1"] * 3  # it answers all the same
    said = [event.message for event in events if isinstance(event, Status) and "more than" in event.message]
    assert len(said) == 1
    assert f"more than the {limit / 1e9:.1f} GB it may have" in said[0]
    assert served.server.warm.store.nbytes == 0
    assert features_of(project) == 2 * 6 + 2  # of the two annotated tiles, and of u_1 what predicting takes


# --- becoming the trainer ---------------------------------------------------------------------------------------------


def losses(events: list[Any]) -> list[dict[str, float]]:
    return [event.losses for event in events if event is not None and event.kind == "step_done"]


def test_the_process_becomes_the_trainer_with_the_same_losses_as_a_cold_start(
    live: Callable[..., Live], make_project_in: MakeProject, tmp_path: Path
) -> None:
    cold, warm = (make_project_in(tmp_path / name) for name in ("cold", "warm"))
    line = ["train", "--events", "-", *SMALL]
    done = subprocess.run(
        [sys.executable, "-m", "training_core", *line, str(cold.path), "--show", "u_1"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = losses([parse_event(each) for each in done.stdout.splitlines()])
    assert len(expected) == 3

    process = live(warm.path)
    process.send(command="prepare", tiles=["u_1"])
    process.show("u_1")
    process.next("prepared")
    arguments = [*line, str(warm.path), "--show", "u_1"]
    asked = time.monotonic()
    process.send(command="train", arguments=arguments)
    process.send(command="show", tile="u_2")  # for the trainer, not for the preview
    events = process.rest()
    assert process.end() == (0, "")
    kinds = [event.kind for event in events]
    first = events[kinds.index("overlay_ready")]
    assert (first.tile, first.source) == ("u_1", "quick_start")
    assert kinds.index("overlay_ready") < kinds.index("run_started")
    assert kinds[-1] == "run_finished"
    assert losses(events) == expected  # to the last bit: the features and the encoder are the same
    overlays = [(event.tile, event.source) for event in events if event.kind == "overlay_ready"]
    assert ("u_2", "live") not in overlays
    (run_dir,) = warm.runs_dir.iterdir()
    provenance = json.loads((run_dir / "provenance.json").read_text())
    assert provenance["command"][1:] == ["-m", "training_core", *arguments]
    assert events[-1].elapsed_s <= time.monotonic() - asked  # counted from the start of the training


@pytest.mark.nightly
def test_what_cannot_be_trained_is_said_and_ends_the_process(
    live: Callable[..., Live], make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(labeled=1)
    for arguments, words in (
        (["train", "--events", "-", str(project.path)], "1 of 4 tiles are annotated"),
        (["train", "--events", "-", str(tmp_path)], "was asked to run"),
        (["export", str(project.path), "--out", str(tmp_path / "out")], "was asked to run"),
    ):
        process = live(project.path)
        process.send(command="train", arguments=arguments)
        assert words in process.next("run_failed").message
        code, error = process.end()
        assert code == 2
        assert "Traceback" not in error


def test_a_run_takes_over_only_what_it_would_make_itself(make_project_in: MakeProject, tmp_path: Path) -> None:
    project, other = (make_project_in(tmp_path / name) for name in ("one", "other"))
    compute = Compute(torch.device("cpu"), "float32")
    warm = Warm.up(project, resolve({}), compute)
    again = Project.open(project.path)
    for config, is_same in (
        ({}, True),
        ({"schedule": {"steps": 3}}, True),
        ({"encoder": {"offline": True}}, True),
        ({"encoder": {"pretrained": False}}, False),
        ({"seed": 1}, False),
    ):
        assert warm.serves(again, resolve(config), compute) is is_same, config
        quick = QuickStart(again, resolve(config), compute, Messenger(), warm=warm)
        assert (quick._encoder is warm.encoder) is is_same
    assert not warm.serves(other, resolve({}), compute)
    assert not warm.serves(project, resolve({}), Compute(torch.device("cpu"), "bfloat16"))
