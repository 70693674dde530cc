"""The folder of one run: what it was given, what it came from, what it said. docs/architecture.md lists the files."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from training_core import __version__
from training_core.base.arrays import ClassIds
from training_core.base.bounded import read_file, read_json
from training_core.base.errors import CheckpointError, writing
from training_core.io import atomic_write
from training_core.project import Project, TissueClass
from training_core.runs.held_out_files import write_held_out
from training_core.runs.run_records import (
    Change,
    Machine,
    Provenance,
    TrainedProject,
    TrainedTiles,
    read_provenance,
)
from training_core.settings.schema import Config, resolve

_LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "open_clip_torch",
    "numpy",
    "scikit-image",
    "tifffile",
    "Pillow",
    "safetensors",
)

_ID = "%Y%m%d-%H%M%S"
_ID_OF_RUN = re.compile(r"\d{8}-\d{6}")


@dataclass(frozen=True)
class Split:
    """The tiles that take part in a run, by name."""

    labeled: tuple[str, ...]
    unlabeled: tuple[str, ...]
    val: tuple[str, ...]


def create_run_folder(
    project: Project,
    config: Config,
    classes: Sequence[TissueClass],
    split: Split,
    label_hash: str,
    command: Sequence[str],
    held_out: Mapping[str, ClassIds] | None = None,
    base_weights: str | None = None,
) -> Path:
    """A new folder under PROJECT/runs with config.json and provenance.json.

    Parameters
    ----------
    held_out
        The annotations (H, W) that are not trained on, by tile: class ids, 255 elsewhere.
    base_weights
        The hash of the encoder's weights.

    Raises
    ------
    StorageError
        The disk is full or not writable; nothing of the folder is left.
    """
    now = datetime.now(UTC)
    with writing(project.runs_dir):
        project.runs_dir.mkdir(exist_ok=True)
        run_dir = _fresh_folder(project.runs_dir, _newest_stem(project.run_ids(), now))
    try:
        provenance = Provenance(
            spec_version=1,
            run_id=run_dir.name,
            started_at=now.isoformat(timespec="seconds"),
            command=tuple(command),
            seed=config.seed,
            versions=versions(),
            machine=Machine(**machine()),
            project=TrainedProject(path=str(project.path.resolve()), name=project.name),
            classes=tuple(classes),
            tiles=TrainedTiles(**asdict(split)),
            data_sha256={name: project.tile(name).sha256 for name in (*split.labeled, *split.unlabeled, *split.val)},
            labels_sha256=label_hash,
            code_sha256=code_sha256(),
            base_weights_sha256=base_weights,
        )
        atomic_write(run_dir / "config.json", config.model_dump_json(indent=1).encode())
        atomic_write(run_dir / "provenance.json", provenance.encode())
        write_held_out(run_dir, held_out or {})
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise
    return run_dir


def record_change(run_dir: Path, config: Config, step: int, change: str) -> None:
    """From `step` on the run goes on with `config`: for whoever resumes it, and for whoever asks later.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    path = run_dir / "provenance.json"
    provenance = read_provenance(path.read_bytes(), path)
    provenance.setdefault("changes", []).append(Change(step=step, change=change).model_dump())
    atomic_write(run_dir / "config.json", config.model_dump_json(indent=1).encode())
    atomic_write(path, json.dumps(provenance, indent=1).encode())


def record_origin(run_dir: Path, run_id: str) -> None:
    """The run starts with the weights of another run of the project.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    _record(run_dir, started_from=run_id)


def record_shared_origin(run_dir: Path, weights_sha256: str) -> None:
    """The run starts with the weights of a shared model, or of a run of another project.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    _record(run_dir, started_from_weights_sha256=weights_sha256)


def _record(run_dir: Path, **values: str) -> None:
    """Add values to the run's provenance."""
    path = run_dir / "provenance.json"
    atomic_write(path, json.dumps({**read_provenance(path.read_bytes(), path), **values}, indent=1).encode())


def read_run(run_dir: Path) -> tuple[Config, tuple[TissueClass, ...], Split]:
    """Configuration, classes and tiles of an existing run.

    Raises
    ------
    CheckpointError
        The folder is not a run, is damaged, or a newer version wrote it.
    """
    path = run_dir / "provenance.json"
    try:
        config = read_json(run_dir / "config.json")
        provenance = read_provenance(read_file(path), path)
        classes = tuple(TissueClass(**entry) for entry in provenance["classes"])
        split = Split(**{key: tuple(names) for key, names in provenance["tiles"].items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{run_dir} is not a run folder, or its config.json or provenance.json is damaged",
            "a folder in the runs folder of a project",
            "choose another run",
            terminal="list the runs with: python -m training_core project info PROJECT",
        ) from error
    return resolve(config, source=str(run_dir / "config.json")), classes, split


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that numbers depend on."""
    found = {"napari-unisemalign": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


@cache
def code_sha256() -> str:
    """The hash of this package's source files, by their names; the same on every system."""
    digest, package = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix()):
        digest.update(f"{path.relative_to(package).as_posix()}\n".encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def machine() -> dict[str, Any]:
    """System, processor and core count; nothing that names the user or the network."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()


def peak_rss_bytes(*, of_children: bool = False) -> int | None:
    """The largest resident set of this process so far.

    Parameters
    ----------
    of_children
        Whether the largest of its children that have ended is meant; gives None on Windows, which does not say.
    """
    if sys.platform == "win32":
        import psutil

        return None if of_children else int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _newest_stem(known: Sequence[str], now: datetime) -> str:
    """The time, as ids begin; where the clock was set back, what sorts after the newest run, as its work is newer."""
    stem = now.strftime(_ID)
    newest = _ID_OF_RUN.match(known[-1]) if known else None
    return stem if newest is None or newest[0] <= stem else newest[0]


def _fresh_folder(parent: Path, stem: str) -> Path:
    for attempt in range(1000):
        folder = parent / (stem if attempt == 0 else f"{stem}-{attempt}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(parent / stem)
