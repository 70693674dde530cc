"""File > Open of a slide: an image at its pixel size, read as it is looked at."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unisemalign.app.slide_layers import SlideLevel
from tests.cases.dicom_slides import write_dicom
from tests.cases.mirax_slides import write_mirax
from training_core.base.errors import ImageError

SIDE = 2048


def draw(path: Path) -> np.ndarray:
    """Fields of 64 px in random stains, 0.25 µm/px."""
    colors = np.random.default_rng(5).integers(40, 200, (SIDE // 64, SIDE // 64, 3)).astype(np.uint8)
    pixels = np.kron(colors, np.ones((64, 64, 1), np.uint8))
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), metadata=None, **size)
    return pixels


def test_a_slide_opens_as_a_multiscale_image_and_may_become_a_project(window: Any, tmp_path: Path, qtbot: Any) -> None:
    viewer, driver, answers = window
    pixels = draw(tmp_path / "scan.svs")
    viewer.open(tmp_path / "scan.svs", plugin="napari-unisemalign")
    layer = viewer.layers["scan"]
    assert layer.multiscale
    assert [level.shape for level in layer.data[:2]] == [(2048, 2048, 3), (1024, 1024, 3)]
    assert tuple(layer.scale) == (0.25, 0.25)
    assert str(layer.units[0]) == "micrometer"
    assert answers.asked == []
    assert driver.panel.project.opened_button.text() == "Make a project of scan.svs …"
    region = slice(640, 700), slice(1000, 1100), slice(None)
    level = layer.data[0]
    assert isinstance(level, SlideLevel)
    qtbot.waitUntil(lambda level=level: np.array_equal(level[region], pixels[region]), timeout=300_000)
    seen = viewer.screenshot(flash=False)[..., :3].astype(int)
    middle = seen[seen.shape[0] // 3 : -seen.shape[0] // 3, seen.shape[1] // 3 : -seen.shape[1] // 3]
    assert middle.std() > 20, "blocks that came are not drawn"
    thread = level._reader._thread
    viewer.layers.remove(layer)
    del layer, level

    def is_over() -> bool:
        gc.collect()
        return not thread.is_alive()

    qtbot.waitUntil(is_over, timeout=300_000)


def test_a_mirax_slide_opens_too(window: Any, tmp_path: Path, qtbot: Any) -> None:
    pytest.importorskip("openslide", reason="the extra slides is not installed")
    viewer, driver, _answers = window
    canvas = np.random.default_rng(5).integers(0, 256, (384, 512, 3), dtype=np.uint8)
    write_mirax(tmp_path / "scan.mrxs", canvas, [(1, 3), (1, 4), (2, 3), (2, 4)], mpp_um=0.5)
    viewer.open(tmp_path / "scan.mrxs", plugin="napari-unisemalign")
    level = viewer.layers["scan"].data[0]
    assert level.shape == (128, 128, 3)
    assert tuple(viewer.layers["scan"].scale) == (0.5, 0.5)
    region = slice(10, 90), slice(20, 110), slice(None)
    qtbot.waitUntil(lambda: np.array_equal(level[region], canvas[74:154, 212:302]), timeout=300_000)
    assert driver.panel.project.opened_button.text() == "Make a project of scan.mrxs …"


def test_the_files_of_a_dicom_slide_open_it_once(window: Any, tmp_path: Path) -> None:
    for package in ("openslide", "pydicom"):
        pytest.importorskip(package, reason="the extra slides is not installed")
    viewer, _driver, _answers = window
    pixels = np.random.default_rng(5).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    paths = write_dicom(tmp_path, [pixels, pixels[::2, ::2]])
    viewer.open(paths, plugin="napari-unisemalign")
    assert [layer.name for layer in viewer.layers] == ["DCM_0"]
    viewer.open(paths[1], plugin="napari-unisemalign")
    assert len(viewer.layers) == 1
    viewer.open(paths[0], plugin="napari-unisemalign")
    assert len(viewer.layers) == 2  # the same file again


def test_what_is_no_slide_is_refused(window: Any, tmp_path: Path) -> None:
    viewer, _driver, _answers = window
    (tmp_path / "bad.svs").write_bytes(b"II*\x00" + b"\x01" * 100)
    with pytest.raises(ImageError, match=r"bad\.svs"):
        viewer.open(tmp_path / "bad.svs", plugin="napari-unisemalign")
    assert len(viewer.layers) == 0
