"""The code's hash changes with the code, and with nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "training_core"
ASK = "from training_core.runs.run_folder import code_sha256; print(code_sha256())"


def asked(folder: Path) -> str:
    return subprocess.run([sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_hash_of_the_code(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "training_core", ignore=shutil.ignore_patterns("__pycache__"))
    first = asked(tmp_path)
    path = tmp_path / "training_core" / "base" / "progress.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))  # as Git checks it out on Windows
    (tmp_path / "training_core" / "notes.txt").write_text("x")
    assert asked(tmp_path) == first
    path.write_bytes(path.read_bytes() + b"# changed\n")
    assert asked(tmp_path) != first
