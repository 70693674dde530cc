"""What the plugin adds to napari's start: measured in real starts. The figures themselves are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.nightly
def test_the_command_starts_napari_and_writes_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "startup.json"
    command = [sys.executable, "-m", "napari_unisemalign", "startup", "--repeats", "1", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    assert figures["repeats"] == 1
    assert 0 < figures["import_s"] <= figures["import_s_max"]
    assert figures["panel_s_min"] <= figures["panel_s"] <= figures["panel_s_max"]
    assert figures["torch_imported"] is False  # Triton crashes beside Mesa's OpenGL, and it would take seconds
    assert "torch was not imported" in done.stdout
