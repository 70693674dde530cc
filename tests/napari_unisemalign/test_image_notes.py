"""Letters are drawn ahead out of sight, and never in the place of a text that somebody wants to see."""

from __future__ import annotations

import string
from typing import Any

import pytest
from napari.components import ViewerModel

from napari_unisemalign.app.image_notes import ImageNotes


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def overlay(viewer: ViewerModel) -> Any:
    return viewer.canvas.overlays.text


def test_every_letter_is_drawn_once_and_none_is_seen(viewer: ViewerModel) -> None:
    notes, before = ImageNotes(viewer), overlay(viewer).opacity
    drawn = ""
    while notes.warm():
        assert (overlay(viewer).visible, overlay(viewer).opacity) == (True, 0.0)
        drawn += overlay(viewer).text
    assert set(string.ascii_letters + string.digits) <= set(drawn)
    assert len(drawn) == len(set(drawn))
    assert (overlay(viewer).visible, overlay(viewer).opacity) == (False, before)
    assert not notes.warm()


def test_a_line_that_comes_meanwhile_is_seen_at_once(viewer: ViewerModel) -> None:
    notes, before = ImageNotes(viewer), overlay(viewer).opacity
    assert notes.warm()
    notes.set("mode", "Paint")
    assert not notes.warm()
    shown = overlay(viewer)
    assert (shown.text, shown.visible, shown.opacity) == ("Paint", True, before)
    notes.set("mode", "")
    assert notes.warm()  # goes on with the other letters
    notes.close()
    assert (shown.text, shown.visible, shown.opacity) == ("", False, before)


def test_a_text_of_somebody_else_stays(viewer: ViewerModel) -> None:
    overlay(viewer).text, overlay(viewer).visible = "mine", True
    notes = ImageNotes(viewer)
    assert not notes.warm()
    assert (overlay(viewer).text, overlay(viewer).visible) == ("mine", True)
