"""`python -m napari_unisemalign first-hour`: from an empty window to exported masks, by mouse and keyboard, counted.

`STEPS` is the path of docs/guide.md; a test compares the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt

from napari_unisemalign.app.layer_values import U8
from napari_unisemalign.shell.pages import Place
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tools.driver import PATIENCE_S, DriveError, Driver
from napari_unisemalign.tools.hand import Acts, Hand
from napari_unisemalign.tools.own_tiles import OwnTiles
from napari_unisemalign.tools.scenarios import Say, window
from napari_unisemalign.tools.strokes import StrokePoint, mistakes, strokes_inside
from training_core.project import TileState
from training_core.settings.variants import PRESET_MINUTES

FORM_S = 180.0
STROKES_PER_CLASS, STROKE_PX = 3, 90
ACCEPTED_TILES, CORRECTING_STROKES = 3, 2
KEYS = {1: Qt.Key.Key_1, 2: Qt.Key.Key_2}


@dataclass(frozen=True)
class Step:
    """One step of the path.

    title: as the guide has it. names: what is pressed, as the guide names it, in its order.
    """

    title: str
    names: tuple[str, ...]


STEPS = (
    Step(
        "Create a project from your tiles",
        ("*Classes*", "`Ctrl+A`", "*Create project*"),
    ),
    Step("Paint on a first tile", ("`1`", "`2`")),
    Step("Paint on a second tile", ("`PageDown`", "`1`", "`2`")),
    Step("Train", ("*Balanced*", "*Quick*", "*Start training*")),
    Step("Accept what is right", ("`Alt+N`", "`Enter`")),
    Step("Correct what is wrong", ("`2`", "`Enter`")),
    Step("Train again", ("*Start training*",)),
    Step("Export the masks", ("*Results*", "*Export masks*")),
)


@dataclass(frozen=True)
class FirstHour:
    """What the path took; `steps` are in the order of `STEPS`."""

    steps: tuple[Acts, ...]
    masks: tuple[Path, ...]

    @property
    def clicks(self) -> int:
        """Clicks, without the strokes; dragging a folder is one."""
        return sum(acts.count("click") + acts.count("drag") for acts in self.steps)

    @property
    def seconds(self) -> float:
        """From the empty window to the masks."""
        return sum(acts.seconds for acts in self.steps)


def first_hour(tiles: OwnTiles, say: Say, quick_minutes: float = PRESET_MINUTES["quick"]) -> FirstHour:
    """Go the whole path in a new window; the project lies beside the tiles.

    Parameters
    ----------
    quick_minutes
        What *Quick* stands for; less only in a test.

    Raises
    ------
    DriveError: something did not happen, or could not be pressed.
    """
    with window() as driver:
        combo = driver.panel.train.time.preset_combo
        combo.setItemData(combo.findText("Quick"), quick_minutes)
        path = _Path(driver, tiles)
        acts = []
        for step, walk in path.walks:
            say(step.title)
            acts.append(_timed(path.hand, walk))
        return FirstHour(tuple(acts), path.masks)


def _timed(hand: Hand, walk: Callable[[], None]) -> Acts:
    hand.acts, began = Acts(), time.monotonic()
    walk()
    hand.acts.seconds = time.monotonic() - began
    return hand.acts


class _Path:
    """What is done in each step."""

    def __init__(self, driver: Driver, tiles: OwnTiles) -> None:
        self._driver, self._tiles = driver, tiles
        self._panel, self._session = driver.panel, driver.session
        self.hand = Hand(driver)
        self.masks: tuple[Path, ...] = ()
        walks = (self._create, self._paint, self._paint_second, self._train, self._accept, self._correct,
                 self._train_again, self._export)  # fmt: skip
        self.walks = tuple(zip(STEPS, walks, strict=True))

    # --- the project --------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        self.hand.in_dialog(lambda: self.hand.drop(self._tiles.folder, self._panel), NewProjectDialog, self._fill_in)
        self.hand.wait(lambda: self._session.project is not None, "the project to be made", PATIENCE_S)

    def _fill_in(self, form: NewProjectDialog) -> None:
        hand = self.hand
        hand.click(form.classes_edit, "Classes")
        hand.key(Qt.Key.Key_A, "Ctrl+A", Qt.KeyboardModifier.ControlModifier)
        hand.write(", ".join(self._tiles.class_names))
        hand.wait(form.ok_button.isEnabled, "the images to be looked at", FORM_S)
        hand.click(form.ok_button)

    # --- annotations --------------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        """Strokes of every class on the tile on screen; then its live preview is looked at."""
        self.hand.wait(lambda: self._session.tile is not None and self._driver.layers.labels is not None,
                       "a tile on the screen", PATIENCE_S)  # fmt: skip
        self._paint_tile()
        self.hand.wait(lambda: self._driver.prediction() is not None, "the live preview", PATIENCE_S)

    def _paint_second(self) -> None:
        self._next_tile()
        self._paint_tile()

    def _next_tile(self) -> None:
        before = self._session.tile
        self.hand.key(Qt.Key.Key_PageDown, "PageDown")
        self._driver.wait(lambda: self._session.tile != before, "the next tile")
        self._settle()

    def _settle(self) -> None:
        self._driver.wait(lambda: not self._panel.controller.overlays.pending, "the overlays of the tile")
        self._driver.pause(0.3)  # the image is drawn where the mouse will find it

    def _paint_tile(self) -> None:
        truth = self._truth()
        for class_id in range(len(self._tiles.class_names)):
            brush = self._choose_class(class_id)
            for points in strokes_inside(truth == class_id, STROKES_PER_CLASS, brush, STROKE_PX):
                self._stroke(points, class_id)
        self._driver.wait_saved()

    def _choose_class(self, class_id: int) -> int:
        """By its key; returns the width of the brush."""
        self.hand.key(KEYS[class_id + 1], str(class_id + 1))
        self._driver.wait(lambda: self._session.class_id == class_id, f"class {class_id} to be chosen")
        layer = self._driver.layers.labels
        assert layer is not None
        return round(layer.brush_size)

    def _stroke(self, points: list[StrokePoint], class_id: int) -> None:
        """Paint, and see that the pixels below have the class.

        Raises
        ------
        DriveError: they have not.
        """
        self.hand.stroke(points)
        label, (row, column) = self._driver.label(), points[len(points) // 2]
        if label[round(row), round(column)] != class_id:
            raise DriveError(f"the stroke through {points} of {self._session.tile} painted nothing")

    def _truth(self) -> U8:
        assert self._session.tile is not None
        return self._tiles.truths[self._session.tile]

    # --- training and review ------------------------------------------------------------------------------------------

    def _train(self) -> None:
        combo = self._panel.train.time.preset_combo
        self.hand.choose(combo, "Quick", combo.currentText())
        self._train_again()

    def _train_again(self) -> None:
        """One round, to its end; its first overlay comes much sooner."""
        self.hand.click(self._panel.train.start_button)
        self.hand.wait(lambda: self._session.training.active, "the training to start", PATIENCE_S)
        self.hand.wait(lambda: not self._session.training.active, "the training to end", PATIENCE_S)
        if not self._session.training.finished:
            raise DriveError(f"the training failed: {self._panel.messages.text}")

    def _accept(self) -> None:
        self.hand.key(Qt.Key.Key_N, "Alt+N", Qt.KeyboardModifier.AltModifier)
        for _tile in range(ACCEPTED_TILES):
            self._accept_and_next()

    def _accept_and_next(self) -> None:
        self._settle()
        name, project = self._session.tile, self._session.project
        assert name is not None
        assert project is not None
        self.hand.key(Qt.Key.Key_Return, "Enter")
        self._driver.wait(lambda: project.state(name) is TileState.ACCEPTED, f"{name} to be accepted")
        self._driver.wait(lambda: self._session.tile != name, "the next tile to review")

    def _correct(self) -> None:
        """Paint glands where the prediction has none, then accept the rest."""
        self._settle()
        prediction, truth = self._driver.prediction(), self._truth()
        if prediction is None:
            raise DriveError(f"{self._session.tile} has no prediction")
        self._choose_class(1)
        of_glands = np.where(truth == 1, truth, prediction)
        for points, class_id in mistakes(prediction, of_glands.astype(np.uint8), CORRECTING_STROKES):
            if class_id != 1:  # no gland was missed: paint over one that is right
                points = strokes_inside(truth == 1, 1, 4, 20)[0]
            self._stroke(points, 1)
        self._driver.wait_saved()
        self._accept_and_next()

    def _export(self) -> None:
        view = self._panel.export
        self.hand.click(self._panel.pages.button(Place.RESULTS))
        self._driver.pause(0.3)  # the page is laid out
        self.hand.scroll_to(view.export_button)
        self.hand.click(view.export_button)
        self.hand.wait(lambda: view.hint.text().startswith("Wrote"), "the masks to be written", PATIENCE_S)
        self.masks = tuple(sorted(Path(view.folder).glob("*.png")))
