"""A folder as people have them: masks that match halfway, several pixel sizes, a turned JPEG, files nobody can use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from napari_unisemalign.tiles.new_project.form import NewProjectForm
from napari_unisemalign.tiles.new_project.form_view import NewProjectDialog
from napari_unisemalign.tools.driver import Driver
from training_core.demo import read_truth
from training_core.io import write_png, write_tiff
from training_core.project import Project

_ORIENTATION_TAG = 0x0112
_TURNED_BY_A_QUARTER = 6
_CUT_PX = 384


def make_troubled_folder(project: Project, folder: Path) -> tuple[Path, Path]:
    """Images and masks made of the tiles of a sample project; returns their folders."""
    images, masks = folder / "images", folder / "masks"
    masks.mkdir(parents=True)
    names = [tile.name for tile in project.tiles if (project.path / "truth" / f"{tile.name}.png").exists()][:5]
    pixels = [np.ascontiguousarray(project.image(name)[:_CUT_PX]) for name in names]
    truths = [np.ascontiguousarray(read_truth(project, name)[:_CUT_PX]) for name in names]
    for number, mpp_um in enumerate((0.5, 0.5, 2.0)):
        write_tiff(images / f"case {number + 1}.tif", pixels[number], mpp_um)
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = _TURNED_BY_A_QUARTER
    Image.fromarray(pixels[3]).save(images / "Photo 4.jpg", quality=95, exif=exif)
    write_png(images / "case 5.png", pixels[4])
    (images / "case 6.png").write_bytes(b"\x89PNG\r\n\x1a\n")  # its transfer was cut short
    (images / "slide 7.lif").write_bytes(b"\x70\0\0\0")
    write_png(masks / "case 1.png", truths[0])
    write_png(masks / "Case 2.png", truths[1])
    write_png(masks / "case 3-labelled.png", truths[2])
    write_png(masks / "case 9.png", truths[4])
    return images, masks


def photograph_form(driver: Driver, images: Path, masks: Path, picture: Path) -> Path:
    """Grab the form for a new project once it has looked at everything, before anything is answered."""
    dialog = NewProjectDialog(driver.panel)
    form = NewProjectForm(dialog, [images])
    try:
        dialog.show()
        dialog.masks_edit.setText(str(masks))
        driver.wait(lambda: form.is_complete, "the form to look at every file")
        driver.pause(0.5)
        picture.parent.mkdir(parents=True, exist_ok=True)
        dialog.grab().save(str(picture))
    finally:
        dialog.close()
        dialog.deleteLater()
    return picture
