"""`project add-tile`: a tile of a slide at a place that is named, with the slide's own pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.cli.main import main
from training_core.io.slides import SlideOptions
from training_core.project import LabelSource, Project, make_classes


@pytest.fixture
def pixels() -> np.ndarray:
    """512 px, stained on the left."""
    drawn = np.random.default_rng(5).integers(40, 200, (512, 512, 3)).astype(np.uint8)
    drawn[:, 256:] = np.random.default_rng(6).integers(236, 240, (512, 256, 1))
    return drawn


def reduced(pixels: np.ndarray) -> np.ndarray:
    """At half the resolution, as tiles are."""
    size = pixels.shape[1] // 2, pixels.shape[0] // 2
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


@pytest.fixture
def project(tmp_path: Path, pixels: np.ndarray) -> Path:
    """Two tiles of 128 px at 0.5 µm/px on the left half; the lower one is for validation."""
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(tmp_path / "scan.svs", pixels, photometric="rgb", tile=(128, 128), **size)
    slides = SlideOptions(tile_px=128, tile_mpp_um=0.5, min_tissue=0.9)
    made = Project.create(tmp_path / "p", [tmp_path / "scan.svs"], classes=make_classes(("a", "b")), slides=slides)
    assert [tile.name for tile in made.tiles] == ["scan_x00000_y00000", "scan_x00000_y00256"]
    made.write_label("scan_x00000_y00256", np.zeros((128, 128), np.uint8), LabelSource.PAINTED)
    made.set_val(["scan_x00000_y00256"])
    return tmp_path / "p"


@pytest.mark.parametrize("slide", ["scan.svs", "scan", "scan_x00000_y00256"])
def test_a_tile_around_a_point_has_the_usual_size(
    project: Path, pixels: np.ndarray, slide: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["project", "add-tile", str(project), slide, "--at", "400", "101"]) == 0
    name = "scan_x00256_y00000"  # 272 and -27, moved inside
    assert capsys.readouterr().out == f"Added: {name}, 128 x 128 px\n"
    tile = Project.open(project).tile(name)
    assert (tile.width_px, tile.height_px, tile.mpp_um) == (128, 128, 0.5)
    shown = np.asarray(Image.open(project / tile.path))
    np.testing.assert_array_equal(shown, reduced(pixels[:256, 256:]))


def test_a_rectangle_says_what_it_overlaps(
    project: Path, pixels: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["project", "add-tile", str(project), "scan.svs", "--rectangle"]
    assert main([*command, "500", "300", "200", "20", "--json", str(tmp_path / "a.json")]) == 0
    name = "scan_x00200_y00020_150x140"
    said = capsys.readouterr()
    assert said.out == f"Added: {name}, 150 x 140 px\n"
    assert "overlaps scan_x00000_y00256, which is used for validation" in said.err
    found = json.loads((tmp_path / "a.json").read_text())
    overlaps = ["scan_x00000_y00000", "scan_x00000_y00256"]
    assert found == {"spec_version": 1, "tile": name, "added": True, "overlaps": overlaps}
    shown = np.asarray(Image.open(project / Project.open(project).tile(name).path))
    np.testing.assert_array_equal(shown, reduced(pixels[20:300, 200:500]))
    assert main([*command, "220", "40", "480", "280"]) == 0
    assert capsys.readouterr().out == f"{name} shows this place already: nothing was added\n"
    assert len(Project.open(project).tiles) == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["other.svs", "--at", "10", "10"], "one of its slides: scan."),
        (["scan.svs", "--at", "512", "10"], "512 x 512 px"),
        (["scan.svs", "--rectangle", "300", "300", "340", "420"], "the rectangle is 20 x 60 px"),
        (["scan.svs"], "--at --rectangle"),
    ],
)
def test_what_cannot_be_added_is_refused(
    project: Path, arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["project", "add-tile", str(project), *arguments])
    except SystemExit as ended:  # argparse
        code = int(str(ended.code))
    assert code == 2
    assert named in " ".join(capsys.readouterr().err.split())
    assert len(Project.open(project).tiles) == 2
