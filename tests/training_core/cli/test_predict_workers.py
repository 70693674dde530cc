"""`predict --workers`: images shared out to processes by dask, of which one is killed in the middle of its work."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from huggingface_hub import constants
from PIL import Image

from training_core.base.attempts import Attempts
from training_core.base.rows import BAND_PX, Rows
from training_core.cli._predict_workers import Step, predict_on_workers
from training_core.cli.main import main
from training_core.project import Project
from training_core.settings.schema import Config

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
WAIT_S = 240
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def run_folder(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    project = make_project_in(folder)
    (folder / "config.json").write_text(small_config(inference={"window_px": 128}).model_dump_json())
    result = folder / "result.json"
    assert main(["train", str(project.path), "--config", str(folder / "config.json"), "--json", str(result)]) == 0
    return Path(json.loads(result.read_text())["run"])


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, a slide that takes some seconds, and a file that is no image."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for name, height in (("a", 96), ("b", 130)):
        Image.fromarray(random.integers(0, 256, (height, 80, 3), np.uint8)).save(folder / f"{name}.png")
    pixels = random.integers(0, 256, (4096, 512, 3), np.uint8)
    with tifffile.TiffWriter(folder / "slide.tif") as writer:
        writer.write(pixels, subifds=1, tile=(256, 256), photometric="rgb", metadata=None)
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(256, 256), photometric="rgb", metadata=None)
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def alone(run_folder: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    out = tmp_path_factory.mktemp("alone")
    done = subprocess.run(
        command(run_folder, images, out), env=ENVIRONMENT, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 3, done.stderr
    return written(out)


def command(run_folder: Path, images: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "training_core", "predict", str(run_folder), str(images), "-o", str(out), *more]


def written(out: Path) -> dict[str, bytes]:
    """Every file by its name, but the notes of what is there, which hold times; the table made of them has none."""
    of_times = (out / "predicted.jsonl", *out.glob(".areas/*"))
    files = (path for path in out.rglob("*") if path.is_file() and path not in of_times)
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def start(*arguments: str, environment: Mapping[str, str] = ENVIRONMENT) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that were started for work."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def listening(*processes: subprocess.Popen[str] | psutil.Process) -> set[str]:
    """The addresses of this machine at which they are reached."""
    found = [each for one in processes for each in psutil.Process(one.pid).net_connections("inet")]
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def wait_for(what: Callable[[], object], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + WAIT_S
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def rows_done(out: Path) -> int:
    """Rows of the slide that are on the disk, while it is being predicted."""
    notes = list(out.glob(".unfinished-*/rows-*.json"))
    return sum(int(note.read_text()) - int(note.stem.removeprefix("rows-")) for note in notes)


@pytest.mark.parametrize("in_bands", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_a_worker_that_is_killed_loses_only_its_task_which_another_goes_on_with(
    run_folder: Path, images: Path, alone: dict[str, bytes], tmp_path: Path, in_bands: bool
) -> None:
    out, more = tmp_path / "out", ("--band-px", "2048") if in_bands else ()
    process = start(*command(run_folder, images, out, "--workers", "2", *more))
    wait_for(lambda: rows_done(out), process)
    workers = workers_of(process)
    assert len(workers) == 2
    assert listening(process, *workers) == {"127.0.0.1"}
    busy = [one for one in workers if any(file.path.endswith("slide.tif") for file in one.open_files())]
    assert in_bands or len(busy) == 1
    busy[0].kill()
    output, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3, errors
    assert "Wrote the predictions of 3 images" in output
    if in_bands:
        assert "slide.tif: 2 of 2 bands" in errors
    else:
        assert "of it were there already" in errors  # of the slide, by the worker that was killed
    assert [line for line in errors.splitlines() if line.startswith("  broken.png: ")]
    assert "(4 of 4)" in errors
    assert written(out) == alone
    assert {line.split(",")[0] for line in alone["areas.csv"].decode("utf-8-sig").splitlines()[1:]} == {
        "a",
        "b",
        "slide",
    }


def test_what_is_refused_before_the_work_is_listed_beside_what_fails_in_it(
    run_folder: Path, images: Path, tmp_path: Path
) -> None:
    """Two images of one name are refused by the command itself; its paths are relative to where it is called."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(images / "a.png", tmp_path / folder)
    shutil.copy(images / "broken.png", tmp_path)
    shutil.copy(images / "b.png", tmp_path)
    given = ["one/a.png", "broken.png", "b.png", "two/a.png"]
    call = [sys.executable, "-m", "training_core", "predict", str(run_folder), *given, "-o", "out", "--workers", "1"]
    done = subprocess.run(
        call, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 3, done.stderr
    listed = [line.split(":")[0].strip() for line in done.stderr.splitlines() if line.startswith("  ")]
    assert listed == ["a.png", "a.png", "broken.png"]
    assert {path.name for path in (tmp_path / "out").glob("*.prediction.png")} == {"b.prediction.png"}


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler that somebody else has started."""
    with scheduler_in(tmp_path) as address:
        yield address


@contextmanager
def scheduler_in(folder: Path, *more: str, **environment: str) -> Iterator[str]:
    file = folder / "scheduler.json"
    local = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file), *more)
    arguments = (sys.executable, "-m", "distributed.cli.dask_scheduler", *local, "--port", "0")
    process = start(*arguments, environment={**ENVIRONMENT, **environment})
    with ended(process):
        wait_for(file.exists, process)
        yield json.loads(file.read_text())["address"]


def worker_of(scheduler: str, folder: Path, **environment: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A worker that somebody else has started, in another folder and without this command's environment."""
    options = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "2", "--local-directory", str(folder))
    arguments = (sys.executable, "-m", "distributed.cli.dask_worker", scheduler, *options)
    return ended(start(*arguments, environment={**ENVIRONMENT, **environment}))


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.nightly
def test_a_scheduler_of_somebody_else_is_joined(
    run_folder: Path, images: Path, alone: dict[str, bytes], tmp_path: Path, scheduler: str
) -> None:
    process = start(*command(run_folder, images, tmp_path / "out", "--scheduler", scheduler))
    assert process.stderr is not None
    assert any("Waiting for the first worker" in line for line in process.stderr)
    with worker_of(scheduler, tmp_path):
        output, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 3, errors
    assert "Wrote the predictions of 3 images" in output
    assert written(tmp_path / "out") == alone


def certificates(folder: Path) -> dict[str, str]:
    """One certificate for all, as dask's configuration names it in the environment."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
    subprocess.run(["openssl", *made, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    names = {f"{who}__{what}": path for who in ("SCHEDULER", "WORKER", "CLIENT")
             for what, path in (("KEY", key), ("CERT", certificate))}  # fmt: skip
    return {
        f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in ({"CA_FILE": certificate} | names).items()
    }


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, which makes the certificate")
def test_a_scheduler_is_joined_by_tls_and_not_without_its_certificate(
    run_folder: Path, images: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    ours, others = certificates(tmp_path), certificates(tmp_path / "other")
    with scheduler_in(tmp_path, "--protocol", "tls", **ours) as address, worker_of(address, tmp_path, **ours):
        assert address.startswith("tls://127.0.0.1:")
        call = command(run_folder, images, tmp_path / "out", "--scheduler", address)
        for environment, code, words in (
            ({}, 2, "and no certificates for it"),
            (others, 2, "no scheduler answers at tls://127.0.0.1"),
            (ours, 3, "(4 of 4)"),
        ):
            process = start(*call, environment={**ENVIRONMENT, **environment})
            _, errors = process.communicate(timeout=WAIT_S)
            assert process.returncode == code, errors
            assert words in errors
    assert written(tmp_path / "out") == alone


def tell_network(args: argparse.Namespace, path: Path, attempts: Attempts, step: Step) -> tuple[int, list[Rows]]:
    """In the place of a prediction: whether the worker may download."""
    words = [os.environ.get("HF_HUB_OFFLINE"), os.environ.get("TRANSFORMERS_OFFLINE"), constants.HF_HUB_OFFLINE]
    path.write_text(json.dumps(words))
    return 0, []


def test_offline_reaches_the_workers_of_somebody_else_for_this_work_alone(tmp_path: Path, scheduler: str) -> None:
    online = {"HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    with worker_of(scheduler, tmp_path, **online):
        for name, offline in (("before", False), ("during", True), ("after", False)):
            args = argparse.Namespace(workers=None, scheduler=scheduler, no_network=offline, band_px=BAND_PX)
            predict_on_workers(args, {tmp_path / name: 1}, Attempts(), tell_network)
    told = {name: json.loads((tmp_path / name).read_text()) for name in ("before", "during", "after")}
    own = ["0", None, False]
    assert told == {"before": own, "during": ["1", "1", True], "after": own}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--workers", "0"), "at least one"),
        (("--workers", "1", "--band-px", "1000"), "a multiple of 1024"),
        (("--scheduler", "tcp://127.0.0.1:9"), "no scheduler answers at tcp://127.0.0.1:9"),
        (("--scheduler", "nowhere"), "no scheduler answers at nowhere"),
    ],
)
def test_what_cannot_be_shared_out_is_said(
    run_folder: Path,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    words: str,
) -> None:
    assert main(command(run_folder, images, tmp_path / "out", *more)[3:]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
