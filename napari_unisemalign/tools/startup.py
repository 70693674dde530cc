"""`python -m napari_unisemalign startup`: what the plugin adds to napari's own start, in fresh processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from training_core.io import atomic_write

_START = """
import json, sys, time
import napari
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=True)
QTest.qWait(1000)  # napari's own start is over
started = time.perf_counter()
import napari_unisemalign
imported = time.perf_counter()
from napari_unisemalign.plugin import panel_in

panel = panel_in(viewer)
QApplication.processEvents()
panel.repaint()
drawn = time.perf_counter()
torch = "torch" in sys.modules
print(json.dumps({"import_s": imported - started, "panel_s": drawn - imported, "torch_imported": torch}))
viewer.close()
"""
"""A program of its own, not a function here: whatever imported it would have imported the plugin already."""


@dataclass(frozen=True)
class Start:
    """One start. Seconds beyond those of napari, whose window was open before."""

    import_s: float
    """`import napari_unisemalign`."""
    panel_s: float
    """From asking for the panel until it is docked and drawn, with all that it imports."""
    torch_imported: bool
    """Always false: torch is the training process's."""


@dataclass(frozen=True)
class StartupFigures:
    """Medians over the starts, and the smallest and largest."""

    import_s: float
    import_s_max: float
    panel_s: float
    panel_s_min: float
    panel_s_max: float
    torch_imported: bool
    repeats: int


def startup(repeats: int) -> StartupFigures:
    """Start `repeats` processes after one that is not counted, which fills the disk's cache.

    Raises
    ------
    subprocess.CalledProcessError: a start failed; its `stderr` says why.
    """
    starts = [_in_a_process() for _ in range(repeats + 1)][1:]
    imports, panels = [each.import_s for each in starts], [each.panel_s for each in starts]
    return StartupFigures(
        import_s=statistics.median(imports),
        import_s_max=max(imports),
        panel_s=statistics.median(panels),
        panel_s_min=min(panels),
        panel_s_max=max(panels),
        torch_imported=any(each.torch_imported for each in starts),
        repeats=repeats,
    )


def in_words(figures: StartupFigures) -> str:
    """One line for a terminal."""
    return (
        f"import napari_unisemalign: {figures.import_s:.3f} s; showing the panel: {figures.panel_s:.2f} s "
        f"({figures.panel_s_min:.2f} to {figures.panel_s_max:.2f}), beyond napari's own start; "
        f"torch {'WAS' if figures.torch_imported else 'was not'} imported; {figures.repeats} starts"
    )


def write(figures: StartupFigures, path: Path) -> None:
    """Write the figures as JSON."""
    atomic_write(path, (json.dumps(asdict(figures), indent=1) + "\n").encode())


def _in_a_process() -> Start:
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
    return Start(**json.loads(done.stdout.splitlines()[-1]))
