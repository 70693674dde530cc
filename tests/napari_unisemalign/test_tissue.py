"""The form shows what would be cut from slides, before anything is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unisemalign.tiles.new_project.form import NewProjectForm

SIDE = 1024


def draw(path: Path, stained: int) -> Path:
    """A slide of 0.25 µm/px whose left side is stained, so many pixels wide."""
    pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    pixels[:, :stained] = (180, 90, 160)
    size: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), metadata=None, **size)
    return path


@pytest.fixture
def filled(form: NewProjectForm, tmp_path: Path, qtbot: Any) -> Any:
    """(dialog, function that waits): a slide is named whose left half is stained, and a bit more."""
    dialog: Any = form.dialog

    def wait() -> None:
        qtbot.waitUntil(lambda: form.is_complete and form.tissue.is_settled, timeout=300_000)

    dialog.slides.tile_px_spin.setValue(128)
    dialog.set_images([draw(tmp_path / "scan.svs", 544)])
    wait()
    return dialog, wait


def test_tissue_is_outlined_and_tiles_are_counted_as_the_fields_say(filled: Any) -> None:
    dialog, wait = filled
    words = dialog.tissue.words.text()
    assert words.startswith("8 tiles of 128 px at 0.5 µm/px."), words  # the left two columns of 4 x 4
    assert "covers 53 % of the slide" in words
    assert "4 places with some tissue, but less than 25 %, are left out." in words  # 32 of 256 px: an eighth
    image = dialog.tissue.picture.pixmap().toImage()
    assert (image.width(), image.height()) == (170, 170)
    edge = [x for x in range(170) if image.pixelColor(x, 100).name() == "#00e5ff"]
    assert edge == [89], "the tissue ends at 544 of 1024 px"
    dialog.slides.tissue_spin.setValue(12)
    wait()
    assert dialog.tissue.words.text().startswith("12 tiles")
    assert dialog.slide_options(None).min_tissue == 0.12
    assert dialog.slides.saturation_spin.text() == "automatic"
    dialog.slides.saturation_spin.setValue(60)  # more than the stain has
    wait()
    assert "covers 0 % of the slide (saturation above 60 %)" in dialog.tissue.words.text()
    assert dialog.slide_options(None).min_saturation == 0.6
    dialog.slides.saturation_spin.setValue(dialog.slides.saturation_spin.minimum())
    dialog.slides.max_tiles_spin.setValue(5)
    wait()
    assert "7 more are left out" in dialog.tissue.words.text()


def test_of_several_slides_one_is_looked_at_and_all_are_counted(filled: Any, tmp_path: Path) -> None:
    dialog, wait = filled
    draw(tmp_path / "two.svs", 250)
    dialog.set_images([tmp_path / "scan.svs", tmp_path / "two.svs"])
    wait()
    assert [dialog.tissue.slides.itemText(number) for number in range(2)] == ["scan.svs", "two.svs"]
    assert dialog.tissue.words.text().endswith("All 2 slides: 12 tiles.")
    dialog.tissue.slides.setCurrentIndex(1)
    dialog.tissue.slides.activated.emit(1)
    assert dialog.tissue.words.text().startswith("4 tiles")
    dialog.slides.tile_px_spin.setValue(1024)
    wait()
    assert "room for only" in dialog.tissue.words.text()
    assert dialog.tissue.picture.isHidden()
    dialog.set_images([])
    wait()
    assert dialog.tissue.isHidden()
