from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unisemalign.app.drawn_shapes import DrawnShapes
from napari_unisemalign.app.label_model import LabelModel
from napari_unisemalign.app.layer_values import (
    AREA,
    COMPARISON,
    CUT,
    LABELS,
    NAMES,
    NEUTRAL_ALPHA,
    NEW_TILE,
    ORDER,
    OUTLINES,
    PART,
    PREDICTION,
    SLIDE,
    TILE,
    class_colormap,
    to_label,
    to_layer,
)
from napari_unisemalign.app.layers import TileLayers
from training_core.project import UNLABELED, TissueClass, make_classes

CLASSES = make_classes(("background", "gland"))


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def label() -> LabelModel:
    return LabelModel()


@pytest.fixture
def layers(viewer: ViewerModel, label: LabelModel) -> TileLayers:
    layers = TileLayers(viewer, label)
    layers.show_tile(np.zeros((20, 30, 3), np.uint8), np.full((20, 30), UNLABELED, np.uint8), CLASSES)
    return layers


@pytest.fixture
def drawn(viewer: ViewerModel, layers: TileLayers) -> DrawnShapes:
    return DrawnShapes(viewer, layers)


def overlay(value: int) -> np.ndarray:
    ids = np.zeros((20, 30), np.uint8)
    ids[5:15, 5:15] = value
    return ids


def show(layers: TileLayers, prediction: np.ndarray, pseudo: np.ndarray | None = None) -> None:
    layers.show_overlays(
        prediction, prediction if pseudo is None else pseudo, np.full((20, 30), 128, np.uint8), CLASSES
    )


def test_every_class_id_survives_the_way_to_the_layer_and_back() -> None:
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    values = to_layer(label)
    assert values.dtype == np.uint8
    assert values[-1, -1] == 0  # 255, not labelled, is napari's nothing
    assert values[0, 0] == 1
    assert values.ravel()[254] == 255
    np.testing.assert_array_equal(to_label(values), label)


def test_colors_are_the_classes_own_grey_recedes_and_nothing_else_shows() -> None:
    colormap = class_colormap([TissueClass(0, "background", "#999999"), TissueClass(1, "gland", "#009e73")])
    np.testing.assert_allclose(colormap.map(1), (0.6, 0.6, 0.6, NEUTRAL_ALPHA), atol=1e-3)
    np.testing.assert_allclose(colormap.map(2), (0, 0x9E / 255, 0x73 / 255, 1), atol=1e-3)
    assert colormap.map(0)[3] == 0
    assert colormap.map(77)[3] == 0


def test_layers_are_stacked_in_order_and_protected(viewer: ViewerModel, layers: TileLayers) -> None:
    show(layers, overlay(1))
    assert [layer.name for layer in viewer.layers] == [
        NAMES[role] for role in ORDER if role not in (AREA, COMPARISON, CUT, NEW_TILE, OUTLINES, PART, SLIDE)
    ]
    assert all(layer.locked for layer in viewer.layers)
    assert not layers.get(PREDICTION).editable
    assert layers.get("confidence").contrast_limits == [0, 1]
    assert layers.get("confidence").data.max() == pytest.approx(128 / 255)


@pytest.mark.binding
def test_overlays_steal_neither_the_active_layer_nor_the_camera(viewer: ViewerModel, layers: TileLayers) -> None:
    assert viewer.layers.selection.active is layers.get(LABELS)
    viewer.layers.selection.active = layers.get(TILE)
    viewer.scene.camera.zoom = 7.5
    show(layers, overlay(1))
    prediction = layers.get(PREDICTION)
    prediction.visible, prediction.opacity = False, 0.3
    show(layers, overlay(0))
    assert layers.get(PREDICTION) is prediction
    assert not prediction.visible
    assert prediction.opacity == 0.3
    assert not prediction.editable
    assert viewer.layers.selection.active is layers.get(TILE)
    assert viewer.scene.camera.zoom == 7.5


@pytest.mark.binding
def test_a_new_tile_reuses_the_layers_and_cannot_be_undone_into_the_former(
    layers: TileLayers, label: LabelModel
) -> None:
    labels = layers.labels
    labels.mode = "paint"
    labels.paint((3, 3), 2)
    other = np.full((40, 50), UNLABELED, np.uint8)
    other[0, 0] = 0
    assert layers.show_tile(np.zeros((40, 50, 3), np.uint8), other, CLASSES) is labels
    assert labels.mode == "paint"
    labels.undo()
    np.testing.assert_array_equal(label.ids(), other)


def test_predictions_come_nowhere_near_the_labels(layers: TileLayers, label: LabelModel) -> None:
    before = label.ids()
    show(layers, overlay(1))
    layers.clear_overlays()
    np.testing.assert_array_equal(label.ids(), before)
    assert (layers.overlay_ids(PREDICTION) == UNLABELED).all()


def test_what_is_accepted_is_drawn_and_napari_s_own_undo_does_not_know_of_it(
    layers: TileLayers, label: LabelModel
) -> None:
    layers.labels.data_setitem((np.array([6]), np.array([6])), 1)
    expected = np.full((20, 30), UNLABELED, np.uint8)
    expected[6, 6] = 0
    np.testing.assert_array_equal(label.ids(), expected)
    target = np.zeros((20, 30), bool)
    target[7:9, 5:25] = True
    label.accept(overlay(1), target)
    expected[7:9, 5:15], expected[7:9, 15:25] = 1, 0
    np.testing.assert_array_equal(label.ids(), expected)
    np.testing.assert_array_equal(to_label(layers.labels.data), expected)
    layers.labels.undo()
    np.testing.assert_array_equal(label.ids(), expected)
    label.accept(overlay(1), np.zeros((20, 30), bool))
    np.testing.assert_array_equal(label.ids(), expected)


@pytest.mark.binding
def test_a_drawn_area_becomes_a_mask(viewer: ViewerModel, layers: TileLayers, drawn: DrawnShapes) -> None:
    assert drawn.area_mask() is None
    shapes = drawn.start_area()
    assert viewer.layers.selection.active is shapes
    assert not drawn.has_area()
    assert drawn.area_mask() is None
    shapes.add([np.array([[2, 2], [2, 8], [9, 8], [9, 2]])], shape_type="rectangle")
    mask = drawn.area_mask()
    assert drawn.has_area()
    assert mask.shape == (20, 30)
    assert mask[5, 5]
    assert not mask[12, 12]
    drawn.end_area()
    assert layers.get(AREA) is None
    assert viewer.layers.selection.active is layers.get(LABELS)


@pytest.mark.binding
def test_a_layer_that_the_user_removed_is_made_again(
    viewer: ViewerModel, layers: TileLayers, label: LabelModel
) -> None:
    heard = []
    label.changed.connect(heard.append)
    viewer.layers.remove(layers.get(LABELS))
    layers.show_tile(np.zeros((20, 30, 3), np.uint8), overlay(1), CLASSES)
    np.testing.assert_array_equal(label.ids(), overlay(1))
    assert [layer.name for layer in viewer.layers] == [NAMES[TILE], NAMES[LABELS]]
    assert not heard  # the label of the tile that comes is no stroke on the one before


def test_clearing_leaves_foreign_layers(viewer: ViewerModel, layers: TileLayers) -> None:
    viewer.add_points([[0, 0]], name="mine")
    layers.clear()
    assert [layer.name for layer in viewer.layers] == ["mine"]


def test_where_the_pixel_size_is_known_the_layers_lie_in_micrometres(
    viewer: ViewerModel, layers: TileLayers, drawn: DrawnShapes
) -> None:
    image, label = np.zeros((40, 60, 3), np.uint8), np.full((40, 60), UNLABELED, np.uint8)
    layers.show_overlay(PREDICTION, label, CLASSES)
    layers.show_tile(image, label, CLASSES, 0.25)
    area = drawn.start_area()
    assert {tuple(layer.scale) for layer in viewer.layers} == {(0.25, 0.25)}
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"micrometer"}
    assert layers.pixel_at((5.0, 10.0)) == (20, 40)
    area.add([[1, 1], [1, 9], [9, 9], [9, 1]], shape_type="polygon")
    mask = drawn.area_mask()
    assert mask.shape == (40, 60)
    assert 64 <= mask.sum() <= 81  # in pixels, whatever their size
    layers.show_tile(image, label, CLASSES)
    assert {tuple(layer.scale) for layer in viewer.layers} == {(1.0, 1.0)}
    assert layers.pixel_at((5.0, 10.0)) == (5, 10)


def test_the_status_bar_names_the_class_under_the_mouse(viewer: ViewerModel, layers: TileLayers) -> None:
    show(layers, overlay(1))
    for role, name in ((LABELS, "Annotations"), (PREDICTION, "Prediction")):
        layer = layers.get(role)
        layer.data[...] = 2
        status = layer.get_status((5.0, 5.0))
        assert status["layer_name"] == name
        assert "class: gland" in status["value"] + status["coordinates"], status
    layers.get(LABELS).data[...] = 0
    status = layers.get(LABELS).get_status((5.0, 5.0))
    assert "class: unannotated" in status["value"] + status["coordinates"], status
