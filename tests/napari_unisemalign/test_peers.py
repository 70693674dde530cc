"""What goes out is opened by napari's own plugin for its format, which is installed by the nightly session `peers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels

from training_core.export.ome_zarr import slide_masks
from training_core.project import make_classes


@pytest.mark.filterwarnings("ignore:color_dict did not provide a default color")  # of the plugin's own making
def test_napari_ome_zarr_shows_a_predicted_slide(tmp_path: Path) -> None:
    reader = pytest.importorskip("napari_ome_zarr", reason="needs napari-ome-zarr")
    ids = np.kron(np.array([[0, 1], [2, 1]], np.uint8), np.ones((700, 650), np.uint8))
    path = tmp_path / "slide.ome.zarr"
    with slide_masks(path, *ids.shape, make_classes(("background", "gland", "stroma")), 0.5) as masks:
        masks.writer(0, len(ids))(0, 0, ids, 100 + ids)
    read = reader.napari_get_reader(str(path))
    confidence, prediction = read(str(path))
    assert (confidence[2], prediction[2]) == ("image", "labels")
    image, labels = Image(confidence[0], **confidence[1]), Labels(prediction[0], **prediction[1])
    np.testing.assert_array_equal(np.asarray(labels.data[0]), ids)
    np.testing.assert_array_equal(np.asarray(image.data[0]), 100 + ids)
    assert tuple(map(str, labels.units)) == ("micrometer", "micrometer")
    assert tuple(labels.scale) == tuple(image.scale) == (0.5, 0.5)
    assert labels.data[1].shape == (700, 650)
    np.testing.assert_allclose(labels.get_color(1)[:3], (0, 191 / 255, 48 / 255), atol=1e-6)
