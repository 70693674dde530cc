"""File > Open of a slide: an image at its pixel size, read as it is looked at."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from napari.utils.notifications import notification_manager

from napari_unisemalign.app.slide_layers import SlideLevel
from napari_unisemalign.plugin import get_reader
from tests.cases.dicom_slides import write_dicom
from tests.cases.mirax_slides import write_mirax
from tests.cases.ome_zarr_images import RGB_CHANNELS, write_ome_zarr
from tests.napari_unisemalign.conftest import drop
from training_core.base.errors import ImageError
from training_core.export.ome_zarr import slide_masks
from training_core.project import Project, make_classes

SIDE = 2048


def draw(path: Path) -> np.ndarray:
    """Fields of 64 px in random stains, 0.25 µm/px."""
    colors = np.random.default_rng(5).integers(40, 200, (SIDE // 64, SIDE // 64, 3)).astype(np.uint8)
    pixels = np.kron(colors, np.ones((64, 64, 1), np.uint8))
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256), metadata=None, **size)
    return pixels


def middle_of(viewer: Any) -> np.ndarray:
    """The middle ninth of the canvas (H, W, 3)."""
    seen = viewer.screenshot(flash=False)[..., :3].astype(int)
    return seen[seen.shape[0] // 3 : -seen.shape[0] // 3, seen.shape[1] // 3 : -seen.shape[1] // 3]


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
    qtbot.waitUntil(lambda: middle_of(viewer).std() > 20, timeout=300_000)  # blocks that came are drawn, a little later
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


def test_an_ome_zarr_image_opens_as_a_slide_and_nothing_else_of_zarr_does(
    window: Any, tmp_path: Path, qtbot: Any
) -> None:
    viewer, driver, answers = window
    pixels = draw(tmp_path / "scan.svs")
    levels = [np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1)) for step in (1, 2, 4)]
    path = write_ome_zarr(tmp_path / "scan.ome.zarr", levels, omero=RGB_CHANNELS, mpp_um=0.25, chunk_px=256)
    viewer.open(path, plugin="napari-unisemalign")
    layer = viewer.layers["scan.ome"]
    assert [level.shape for level in layer.data[:2]] == [(2048, 2048, 3), (1024, 1024, 3)]
    assert tuple(layer.scale) == (0.25, 0.25)
    assert answers.asked == []
    assert driver.panel.project.opened_button.text() == "Make a project of scan.ome.zarr …"
    region = slice(640, 700), slice(1000, 1100), slice(None)
    level = layer.data[0]
    qtbot.waitUntil(lambda: np.array_equal(level[region], pixels[region]), timeout=300_000)
    zarr.create_array(tmp_path / "array.zarr", data=levels[2])
    zarr.open_group(tmp_path / "labels.zarr", mode="w").attrs.update({"ome": {"labels": ["a"]}})
    with slide_masks(tmp_path / "predicted.ome.zarr", 64, 64, make_classes(("a", "b")), None) as masks:
        masks.writer(0, 64)(0, 0, np.zeros((64, 64), np.uint8), np.ones((64, 64), np.uint8))
    for name in ("array.zarr", "labels.zarr", "predicted.ome.zarr", "predicted.ome.zarr/labels/prediction"):
        assert get_reader(str(tmp_path / name)) is None, name
    stained = write_ome_zarr(tmp_path / "stained.zarr", [levels[2]])
    with pytest.raises(ImageError, match=r"has 3 channels.*make a project of it"):
        viewer.open(stained, plugin="napari-unisemalign")
    assert len(viewer.layers) == 1


def test_a_dropped_ome_zarr_image_goes_to_the_form(window: Any, project: Project, tmp_path: Path) -> None:
    _viewer, driver, answers = window
    data = np.zeros((3, 200, 200), np.uint8)
    path = write_ome_zarr(tmp_path / "scan.ome.zarr", [data], omero=RGB_CHANNELS)
    with driver.watching():
        drop(driver.panel, path)
        driver.wait(lambda: len(answers.asked) == 1, "the form")
        driver.panel.controller.open_project(project.path)
        drop(driver.panel, path)
        driver.wait(lambda: len(answers.asked) == 2, "the form")
    assert answers.asked == [f"new_project {path}", f"add_images to {project.name} {path}"]
    labels = zarr.open_group(path, mode="r+").create_group("labels")
    labels.attrs.update({"labels": ["a"]})
    with driver.watching():
        drop(driver.panel, path)
        driver.wait(lambda: bool(notification_manager.records), "what is wrong with the labels")
    assert "scan.ome.zarr" in notification_manager.records[-1].message
    notification_manager.records.clear()
    assert len(answers.asked) == 2
