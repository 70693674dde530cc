"""The label of the tile on screen is one store: the layer shows it, and strokes come into it by one door."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_unisemalign.app import label_layer
from napari_unisemalign.app.label_model import LabelModel, Patch
from napari_unisemalign.app.layers import TileLayers
from training_core.project import UNLABELED, make_classes

GLAND = 2
"""The layer's value of class 1."""


def unlabelled() -> np.ndarray:
    return np.full((20, 30), UNLABELED, np.uint8)


class Heard:
    """What a model has told, in order."""

    def __init__(self, label: LabelModel) -> None:
        self.told: list[str] = []
        self.patches: list[Patch] = []
        label.changed.connect(self._on_changed)
        for name in ("stroke_ended", "touched", "shown"):
            getattr(label, name).connect(lambda name=name: self.told.append(name), check_nargs=False)

    def _on_changed(self, patch: Patch) -> None:
        self.told.append("changed")
        self.patches.append(patch)


@pytest.fixture
def label() -> LabelModel:
    return LabelModel()


@pytest.fixture
def layers(label: LabelModel) -> TileLayers:
    layers = TileLayers(ViewerModel(), label)
    layers.show_tile(np.zeros((20, 30, 3), np.uint8), unlabelled(), make_classes(("background", "gland")))
    return layers


@pytest.fixture
def layer(layers: TileLayers) -> Labels:
    assert layers.labels is not None
    layers.labels.brush_size = 1
    return layers.labels


@pytest.fixture
def heard(label: LabelModel, layer: Labels) -> Heard:
    return Heard(label)


def painted(*places: tuple[int, int], class_id: int = 1) -> np.ndarray:
    expected = unlabelled()
    for place in places:
        expected[place] = class_id
    return expected


def test_the_store_needs_neither_qt_nor_napari() -> None:
    code = "import sys, napari_unisemalign.app.label_model; print({'napari', 'qtpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_change_tells_its_smallest_rectangle_and_counts() -> None:
    label = LabelModel()
    label.show(unlabelled())
    heard = Heard(label)
    version = label.version
    label.replace(painted((3, 4), (5, 9)))
    (patch,) = heard.patches
    assert (patch.box, label.version) == ((slice(3, 6), slice(4, 10)), version + 1)
    assert (np.count_nonzero(patch.where), patch.before[0, 0], patch.after[0, 0]) == (2, UNLABELED, 1)
    label.replace(painted((3, 4), (5, 9)))  # no change
    assert (heard.told, label.version) == (["changed"], version + 1)
    copy = label.ids()
    assert copy is not None
    copy[...] = 0
    np.testing.assert_array_equal(label.ids(), painted((3, 4), (5, 9)))


def test_a_drag_is_one_stroke_however_often_it_was_looked_at(
    label: LabelModel, layers: TileLayers, layer: Labels, heard: Heard
) -> None:
    with layer.block_history():
        layer.paint((3, 3), GLAND)
        np.testing.assert_array_equal(label.ids(), unlabelled())
        layers.settle()  # somebody has to save now
        np.testing.assert_array_equal(label.ids(), painted((3, 3)))
        layer.paint((4, 3), GLAND)
        layer.refresh()  # such as when the opacity changes
        assert "stroke_ended" not in heard.told
    np.testing.assert_array_equal(label.ids(), painted((3, 3), (4, 3)))
    assert heard.told.count("stroke_ended") == 1
    assert heard.told[0] == "touched"


@pytest.mark.parametrize(
    "paint",
    [
        lambda layer: layer.fill((0, 0), GLAND),
        lambda layer: layer.paint_polygon(np.array([[0, 0], [0, 29], [19, 29], [19, 0]]), GLAND),
        lambda layer: layer.data_setitem(np.nonzero(np.ones((20, 30))), GLAND),
    ],
    ids=["fill", "polygon", "script"],
)
def test_what_napari_tells_before_it_paints_is_a_stroke_too(
    label: LabelModel, layer: Labels, heard: Heard, paint: Any
) -> None:
    paint(layer)
    np.testing.assert_array_equal(label.ids(), np.ones((20, 30), np.uint8))
    assert heard.told.count("changed") == 1
    assert heard.told[-1] == "stroke_ended"
    with layer.block_history():  # and the next drag is one that goes on
        layer.paint((3, 3), 1)
        assert heard.told[-1] == "touched"


def test_what_is_written_into_the_array_comes_with_the_next_drawing_or_when_somebody_asks(
    label: LabelModel, layers: TileLayers, layer: Labels
) -> None:
    layer.data[2, 2] = GLAND
    layer.refresh()
    np.testing.assert_array_equal(label.ids(), painted((2, 2)))
    layer.data[3, 3] = GLAND
    layers.settle()
    np.testing.assert_array_equal(label.ids(), painted((2, 2), (3, 3)))


def test_the_layer_shows_what_the_model_has_and_keeps_a_stroke_that_goes_on(
    label: LabelModel, layer: Labels, heard: Heard
) -> None:
    with layer.block_history():
        layer.paint((3, 3), GLAND)
        label.replace(painted((9, 9), class_id=0), by_others=True)
        assert (layer.data[3, 3], layer.data[9, 9]) == (GLAND, 1)
    expected = painted((3, 3))
    expected[9, 9] = 0
    np.testing.assert_array_equal(label.ids(), expected)
    assert [each.by_others for each in heard.patches] == [True, False]


def test_a_model_without_its_layer_keeps_what_was_painted(label: LabelModel, layers: TileLayers, layer: Labels) -> None:
    layer.paint((3, 3), GLAND)
    layers._viewer.layers.clear()
    layers.settle()
    np.testing.assert_array_equal(label.ids(), painted((3, 3)))
    label.replace(painted((4, 4)))
    np.testing.assert_array_equal(label.ids(), painted((4, 4)))
    layers.clear()
    assert label.ids() is None


def test_a_stroke_that_memory_does_not_suffice_for_stays_on_the_layer(
    label: LabelModel, layers: TileLayers, layer: Labels, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(_values: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(label_layer, "to_label", short)
        layer.paint((3, 3), GLAND)
        assert "touched" in heard.told  # so that it is tried again
        with pytest.raises(MemoryError):
            layers.settle()
    np.testing.assert_array_equal(label.ids(), unlabelled())
    layers.settle()
    np.testing.assert_array_equal(label.ids(), painted((3, 3)))
