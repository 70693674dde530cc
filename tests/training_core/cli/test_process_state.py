"""Who calls main() in a process of their own, such as a notebook, has the process back as it was."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

import training_core
from training_core.base.errors import EXIT_INTERRUPTED
from training_core.base.ignored_warnings import ignored_warnings
from training_core.cli.main import main
from training_core.project import Project


def state() -> dict[str, Any]:
    """What of the process a command could change."""
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "umask": umask,
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "chance of torch": torch.get_rng_state().tolist(),
        "chance of numpy": str(np.random.get_state()),
        "chance": random.getstate(),
        "torch": (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), is_tf32_allowed()),
        "threads": sorted(each.name for each in threading.enumerate() if each.is_alive()),
        "new threads": threads_of_a_new_thread(),
        "pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES),
        "numpy": (np.geterr(), np.get_printoptions()),
        "hooks": (sys.excepthook, threading.excepthook, sys.getrecursionlimit(), sys.path[:]),
        "streams": (sys.stdout, sys.stderr, sys.stdout.errors, sys.stderr.errors),
    }


@pytest.fixture(autouse=True, scope="module")
def everything_imported() -> None:
    """A library may draw numbers and set filters for its own warnings as it is imported; that is not ours to undo."""
    for each in pkgutil.walk_packages(training_core.__path__, "training_core."):
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)


def is_tf32_allowed() -> bool:
    return bool(torch.backends.cudnn.allow_tf32)


def threads_of_a_new_thread() -> int:
    found: list[int] = []

    def look() -> None:
        torch.ones(200_000).exp()  # what starts its threads
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


def test_no_command_changes_the_process_that_calls_it(
    make_project: Callable[..., Project], small_settings: Path, tmp_path: Path
) -> None:
    project = make_project()
    folder, out = str(project.path), tmp_path / "out"
    tile = str(project.image_path(project.tiles[0].name))
    before = state()

    def call(*command: object) -> int:
        code = main([str(each) for each in command])
        after = state()
        assert after == before, (command, [key for key in before if before[key] != after[key]])
        return code

    assert call("train", folder, "--config", small_settings, "--set", "schedule.steps=1") == 0
    run = project.runs_dir / str(project.latest_run_id())
    assert call("predict", run, tile, "--out", out / "predictions") == 0
    assert call("evaluate", run, "--images", tile, "--masks", project.path / "labels", "--classes", "0=a,1=b") in (0, 2)
    assert call("export", folder, "--out", out / "masks") == 0
    assert call("objects", folder, "--out", out / "objects", "--plot", "png") == 0
    assert call("share", run, "--out", out / "model") == 0
    assert call("inspect", tile) == 0
    assert call("predict", run, "nothing-here", "--out", out / "none") == 2


def test_a_training_that_is_left_does_not_end_the_process_that_called_it_later_on(
    make_project: Callable[..., Project], small_settings: Path
) -> None:
    project = make_project()
    before = state()
    threading.Thread(target=terminate_at_first_step, args=(project,), daemon=True).start()
    command = ["train", str(project.path), "--config", str(small_settings), "--set", "schedule.steps=100000"]
    assert main(command) == EXIT_INTERRUPTED
    after = state()
    assert after == before, [key for key in before if before[key] != after[key]]


def terminate_at_first_step(project: Project) -> None:
    while not any("step_done" in path.read_text() for path in project.runs_dir.glob("*/events.jsonl")):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def test_threads_that_read_damaged_images_at_the_same_time_leave_warnings_as_they_are() -> None:
    """The filters are the whole process's: put back crosswise, they would stay as one of the threads had set them."""
    before, inside = list(warnings.filters), threading.Event()

    def first() -> None:
        with ignored_warnings():
            inside.set()
            time.sleep(0.2)  # the second has entered by now, if it may

    def second() -> None:
        inside.wait()
        with ignored_warnings(UserWarning):
            time.sleep(0.4)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
