"""`live` as a process of its own, as the window starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_core.io import read_mask
from training_core.messages.events import parse_event
from training_core.project import LabelSource, Project

MakeProject = Callable[..., Project]


class Live:
    """The process, and what it says."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "training_core", "live", str(path), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._killer = threading.Timer(120, self.process.kill)  # no test hangs
        self._killer.start()

    def send(self, **command: str) -> None:
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
        file.unlink()  # safe at any time
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
