"""What napari's File > Save makes of layers: masks of class ids of ours, and of others their own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from npe2 import PluginManager
from PIL import Image

from napari_unisemalign.app.layer_values import LABELS, NAMES, PREDICTION, TILE, layer_value
from tests.napari_unisemalign.conftest import SIDE_PX
from training_core.base.errors import MaskError
from training_core.project import UNLABELED, LabelSource, Project

PLUGIN = "napari-unisemalign"


@pytest.fixture
def save(window: Any, tmp_path: Path) -> Any:
    """As *File > Save selected layers* with this plugin chosen in the list of file types."""
    PluginManager.instance().discover()
    viewer, _driver, _answers = window

    def run(layer: str, name: str) -> Path:
        viewer.layers.selection = {viewer.layers[layer]}
        assert viewer.layers.save(str(tmp_path / name), selected=True, plugin=PLUGIN) == [str(tmp_path / name)]
        return tmp_path / name

    return run


def test_annotations_and_predictions_are_saved_as_masks_of_class_ids(
    window: Any, save: Any, predicted_project: Project
) -> None:
    _viewer, driver, _answers = window
    project = predicted_project
    background, tissue = (each.id for each in project.classes[:2])
    label = np.full((SIDE_PX, SIDE_PX), UNLABELED, np.uint8)
    label[:20], label[30:40, :50] = background, tissue
    project.write_label("tile_01", label, LabelSource.PAINTED)
    driver.panel.controller.open_project(project.path)
    driver.show_tile("tile_01")
    with Image.open(save(NAMES[LABELS], "a.png")) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), label)
        shown = image.convert("RGB").getpixel((0, 35))
    assert "#" + bytes(shown).hex() == project.classes[1].color
    np.testing.assert_array_equal(tifffile.imread(save(NAMES[LABELS], "a.tif")), label)
    path = save(NAMES[LABELS], "a.ome.tiff")
    np.testing.assert_array_equal(tifffile.imread(path), label)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert project.classes[1].name in (tiff.ome_metadata or "")


def test_a_prediction_that_is_drawn_as_outlines_is_saved_with_what_lies_in_them(
    window: Any, save: Any, predicted_project: Project, truths: dict[str, np.ndarray]
) -> None:
    """A copy that somebody has changed is saved as it is."""
    viewer, driver, _answers = window
    driver.panel.controller.open_project(predicted_project.path)
    driver.show_tile("tile_01")
    driver.wait(lambda: NAMES[PREDICTION] in viewer.layers, "the prediction")
    driver.session.set_outlined(frozenset(each.id for each in predicted_project.classes))
    layer = viewer.layers[NAMES[PREDICTION]]
    assert (layer.data == 0).any()  # the inside is not drawn
    with Image.open(save(NAMES[PREDICTION], "p.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), truths["tile_01"])
    changed = layer.data.copy()
    changed[:4] = layer_value(1)
    viewer.add_labels(changed, name="copy", metadata=dict(layer.metadata))
    with Image.open(save("copy", "copy.png")) as image:
        assert (np.asarray(image)[:4] == 1).all()


def test_the_image_of_a_tile_is_saved_by_napari_itself(window: Any, project: Project, tmp_path: Path) -> None:
    viewer, driver, _answers = window
    driver.panel.controller.open_project(project.path)
    viewer.layers.selection = {viewer.layers[NAMES[TILE]]}
    assert viewer.layers.save(str(tmp_path / "image.png"), selected=True) == [str(tmp_path / "image.png")]
    with Image.open(tmp_path / "image.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), project.image(driver.session.tile))


def test_labels_of_others_keep_their_numbers(window: Any, save: Any) -> None:
    viewer, _driver, _answers = window
    numbers = np.arange(200 * 3, dtype=np.int32).reshape(200, 3)
    viewer.add_labels(numbers, name="cells")
    with Image.open(save("cells", "cells.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), numbers)
    np.testing.assert_array_equal(tifffile.imread(save("cells", "cells.tiff")), numbers)
    viewer.layers["cells"].data = numbers * 1000
    with pytest.raises(MaskError, match="599000"):
        save("cells", "many.png")
    np.testing.assert_array_equal(tifffile.imread(save("cells", "many.tif")), numbers * 1000)
