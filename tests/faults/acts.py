"""Everything that changes a project, each as the window and the terminal do it, on a small project."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from training_core.io.inspection.answers import Answers
from training_core.io.slides import SlideOptions
from training_core.project import LabelSource, Project, make_classes
from training_core.project.additions import add_files
from training_core.project.drawing_labels import import_drawings
from training_core.project.drawings import look_at
from training_core.project.drawn_classes import Meaning
from training_core.project.file_records import FileAnswers
from training_core.project.pixel_sizes import set_pixel_size
from training_core.project.repair import repair_project
from training_core.project.settings import write_settings
from training_core.project.slide_places import SlidePlaces, add_tile

HEIGHT, WIDTH = 32, 36
RUN = "20260101-120000"
STROKE = (slice(2, 6), slice(3, 9))
NAMES = ("t_0", "t_1", "t_2", "t_3", "t_4")


@dataclass(frozen=True)
class Act:
    """One act.

    Attributes
    ----------
    do
        Does it, in the folder that holds `project`, `images` and `masks`.
    prepare
        Makes that folder ready for it; `make` has filled it before.
    is_repeated
        Whether doing it again is what mends it: there is no project before it, or none that opens.
    """

    do: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda work: None
    is_repeated: bool = False


def make(work: Path) -> None:
    """A project of five tiles with labels, a rejection, an acceptance and a run, and images that it does not have."""
    for number in range(7):
        pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        mask = np.tile(np.repeat(np.array([0, 1, 2, 1], np.uint8), WIDTH // 4), (HEIGHT, 1))
        for folder, picture in (("images", pixels), ("masks", mask)):
            (work / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(work / folder / f"t_{number}.png")
    project = create(work)
    stroke = np.full((HEIGHT, WIDTH), 255, np.uint8)
    stroke[STROKE] = 1
    project.reject_area("t_2", stroke == 1, RUN)
    project.write_label("t_3", stroke, LabelSource.ACCEPTED_PREDICTION, run_id=RUN, region="component")
    project.reject_area("t_3", stroke != 1, RUN)
    for kind in ("prediction", "pseudo_label", "confidence"):
        path = work / "project" / "runs" / RUN / "predictions" / f"t_3.{kind}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stroke).save(path)
    (work / "project" / "runs" / RUN / "summary.json").write_text("{}")


def create(work: Path) -> Project:
    """The project of five tiles, of which the first two have masks, and the second is for validation."""
    return Project.create(
        work / "project",
        [work / "images" / f"{name}.png" for name in NAMES],
        classes=make_classes(("background", "gland", "stroma")),
        masks=work / "masks",
        labeled=("t_0",),
        val=("t_1",),
        mpp_um=0.5,
    )


def _project(work: Path) -> Project:
    return Project.open(work / "project")


def _stroke(class_id: int) -> np.ndarray:
    label = np.full((HEIGHT, WIDTH), 255, np.uint8)
    label[4:9, 6:12] = class_id
    return label


def _paint(work: Path) -> None:
    _project(work).write_label("t_2", _stroke(2), LabelSource.PAINTED, base=np.full((HEIGHT, WIDTH), 255, np.uint8))


def _paint_beside_another(work: Path) -> None:
    """Somebody else has painted the same tile meanwhile, some of it otherwise."""
    _project(work).write_label("t_0", _stroke(2), LabelSource.PAINTED, base=np.full((HEIGHT, WIDTH), 255, np.uint8))


def _accept(work: Path) -> None:
    project = _project(work)
    label = project.label("t_3")
    label[label == 255] = 0
    project.write_label("t_3", label, LabelSource.ACCEPTED_PREDICTION, run_id=RUN, base=project.label("t_3"))


def _undo(work: Path) -> None:
    nothing = np.full((HEIGHT, WIDTH), 255, np.uint8)
    _project(work).write_label("t_3", nothing, LabelSource.UNDONE, accepted=False, partly=False)


def _paint_twice(work: Path) -> None:
    _project(work).write_label("t_2", _stroke(2), LabelSource.PAINTED)
    _project(work).write_label("t_2", _stroke(1), LabelSource.PAINTED)


def _clear_rejections(work: Path) -> None:
    project = _project(work)
    project.write_rejection("t_2", project.rejection("t_2").taken_back())


def _remove_class(work: Path) -> None:
    project = _project(work)
    if 1 in {each.id for each in project.classes}:
        project.remove_class(1, into=2)


def _keep_removed_class(work: Path) -> None:
    (work / "removed.pickle").write_bytes(pickle.dumps(_project(work).remove_class(1, into=255)))


def _restore_class(work: Path) -> None:
    project = _project(work)
    if 1 not in {each.id for each in project.classes}:
        project.restore_class(pickle.loads((work / "removed.pickle").read_bytes()))


def _add(work: Path) -> None:
    images = [work / "images" / f"t_{number}.png" for number in (5, 6)]
    add_files(_project(work), images, masks=work / "masks", val=("t_6",))


def _cut_slide(work: Path) -> None:
    """Two tiles of 64 px of a slide that has room for four and tissue in its left half."""
    pixels = np.full((256, 256, 3), 240, np.uint8)
    pixels[:, :128] = (180, 90, 160)
    options: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite(work / "scan.svs", pixels, photometric="rgb", tile=(64, 64), compression="deflate", **options)
    add_files(_project(work), [work / "scan.svs"], slides=SlideOptions(tile_px=64, tile_mpp_um=0.5, min_tissue=0.9))


def _add_tile_of_slide(work: Path) -> None:
    project = _project(work)
    beside = next(tile.name for tile in project.tiles if tile.place is not None)
    places = SlidePlaces(project, beside)
    if places.tile_at(192, 192) is None:
        add_tile(project, beside, places.around(192, 192))


def _number_objects(work: Path) -> None:
    """One more tile, whose mask numbers three objects."""
    numbers = np.zeros((HEIGHT, WIDTH), np.uint16)
    numbers[:8, :8], numbers[:8, 8:16], numbers[20:, 20:] = 1, 2, 3
    (work / "numbered").mkdir()
    tifffile.imwrite(work / "numbered" / "t_5.tif", numbers)
    answers = FileAnswers(mask=Answers(mask_holds="numbered_objects"))
    add_files(_project(work), [work / "images" / "t_5.png"], masks=work / "numbered", answers=answers)


def _import(work: Path) -> None:
    add_files(_project(work), [work / "images" / f"{name}.png" for name in NAMES], masks=work / "masks")


def _draw(work: Path) -> None:
    """Areas on three tiles, one of which is annotated already, of a class that the project has and one that it gets."""
    ring = [[1, 1], [30, 1], [30, 20], [1, 20], [1, 1]]
    for name, class_name in (("t_0", "gland"), ("t_2", "vessel"), ("t_3", "vessel")):
        area = {"type": "Polygon", "coordinates": [ring]}
        feature = {"type": "Feature", "geometry": area, "properties": {"classification": class_name}}
        (work / f"{name}.geojson").write_text(json.dumps(feature))


def _import_drawings(work: Path) -> None:
    project = _project(work)
    meaning = Meaning(project.classes, {"gland": project.classes[1].name})
    drawings = look_at(project, sorted(work.glob("t_*.geojson")), meaning, add_classes=True)
    import_drawings(project, drawings, None)


def _remove_tiles(work: Path) -> None:
    project = _project(work)
    if "t_0" in {tile.name for tile in project.tiles}:
        project.remove_tiles(["t_0", "t_3"])


def _rename_class(work: Path) -> None:
    _project(work).update_class(1, name="crypt", color="#123456")


def _add_class(work: Path) -> None:
    project = _project(work)
    if "nerve" not in {each.name for each in project.classes}:
        project.add_class("nerve")


def _damage_index(work: Path) -> None:
    path = work / "project" / "project.json"
    path.write_bytes(path.read_bytes()[:200])
    (work / "project" / "labels" / "t_0.png").write_bytes(b"not a picture")


def _remove_project(work: Path) -> None:
    _remove(work / "project")


def _empty_project(work: Path) -> None:
    _remove_project(work)
    (work / "project").mkdir()


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


ACTS = {
    "paint a stroke": Act(_paint),
    "paint where another has painted": Act(_paint_beside_another),
    "accept": Act(_accept),
    "undo an accept": Act(_undo),
    "restore an earlier version": Act(lambda work: _project(work).restore_label("t_2", 1), _paint_twice),
    "reject a region": Act(lambda work: _project(work).reject_area("t_4", _stroke(1) == 1, RUN)),
    "reject a tile": Act(lambda work: _project(work).reject("t_3", RUN)),
    "clear rejections": Act(_clear_rejections),
    "add a class": Act(_add_class),
    "rename a class": Act(_rename_class),
    "remove a class": Act(_remove_class),
    "bring a class back": Act(_restore_class, _keep_removed_class),
    "set the pixel size": Act(lambda work: set_pixel_size(_project(work), ["t_*"], 0.25)),
    "set the validation tiles": Act(lambda work: _project(work).set_val(["t_0", "t_1"])),
    "record a round": Act(lambda work: _project(work).add_round(RUN)),
    "change settings": Act(lambda work: write_settings(work / "project", {"data.crop_px": 128})),
    "import masks": Act(_import),
    "import annotations": Act(_import_drawings, _draw),
    "merge numbered objects": Act(lambda work: _project(work).merge_objects("t_5", (1, 2)), _number_objects),
    "add tiles": Act(_add),
    "add a tile of a slide": Act(_add_tile_of_slide, _cut_slide),
    "remove tiles": Act(_remove_tiles),
    "create a project": Act(create, _remove_project, is_repeated=True),
    "create a project in an empty folder": Act(create, _empty_project, is_repeated=True),
    "repair": Act(lambda work: repair_project(work / "project"), _damage_index, is_repeated=True),
}
