"""Where a figure comes from: files, code, libraries, machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import training_core
from training_core.measuring.accuracy.datasets import Item
from training_core.project.creation import file_sha256
from training_core.runs.run_folder import machine, versions


def environment() -> dict[str, Any]:
    """Versions, processor, system, threads, and the commit when the code runs from its repository."""
    import torch

    libraries = {**versions(), "scipy": version("scipy")}
    threads = {"torch": torch.get_num_threads(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"versions": libraries, "machine": {**machine(), "gpu": gpu}, "threads": threads, "git": _git()}


def file_hashes(items: Sequence[Item]) -> list[dict[str, str | None]]:
    """Name and SHA-256 of each image and of its mask."""
    return [
        {
            "name": item.name,
            "image_sha256": file_sha256(item.image),
            "mask_sha256": file_sha256(item.mask) if item.mask is not None else None,
        }
        for item in items
    ]


def digest(hashes: Sequence[dict[str, str | None]]) -> str:
    """One SHA-256 over a list of file hashes."""
    lines = sorted(f"{entry['name']} {entry['image_sha256']} {entry['mask_sha256']}" for entry in hashes)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _git() -> dict[str, Any] | None:
    """Commit of the repository that this package lies in; None for an installed package."""
    package = Path(training_core.__file__).resolve().parent
    git = shutil.which("git")
    if git is None or not (package.parent / ".git").exists():
        return None

    def ask(*arguments: str) -> str:
        command = [git, "-C", str(package.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "changed": bool(ask("status", "--porcelain", str(package)))}
    except subprocess.CalledProcessError:  # a repository of somebody else, or without a commit
        return None
