"""A sample project of the program's own making: nothing to download, nobody's patient, and the truth is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from skimage import data

from training_core.base.arrays import ClassIds, Rgb8
from training_core.base.errors import ProjectError, writing
from training_core.base.progress import ReportProgress
from training_core.demo import compartments, tissue
from training_core.demo.canvas import DrawnTile
from training_core.demo.strokes import paint_strokes
from training_core.io import encode_png, read_mask
from training_core.io.atomic import write_synced
from training_core.project import LabelSource, Project, Tile, make_classes
from training_core.project.complete_folder import folder_in_the_making
from training_core.project.creation import build, pixel_size_source
from training_core.project.importing import LabelPlan
from training_core.project.own_folders import IMAGES_FOLDER

TRUTH_FOLDER = "truth"
REAL_TILE = "real_ihc"
MPP_UM = tissue.MPP_UM
_NAME = "Sample tissue"
_VAL_TILES = 6

SampleKind = Literal["glands", "compartments"]
"""glands: two classes, easy to try things on. compartments: seven, sparse and mixed, to measure on."""
_Drawer = Callable[[int, int], DrawnTile]
_KINDS: dict[SampleKind, tuple[tuple[str, ...], _Drawer]] = {
    "glands": (tissue.CLASS_NAMES, tissue.draw_glands),
    "compartments": (compartments.CLASS_NAMES, compartments.draw_compartments),
}


def make_demo(
    path: Path,
    *,
    seed: int = 0,
    tiles: int = 42,
    kind: SampleKind = "glands",
    painted: int = 0,
    progress: ReportProgress | None = None,
) -> Project:
    """Make a sample project of synthetic tissue; with glands there is one real image besides.

    `tiles` tiles, named tile_01 on, each stained, blurred and grown differently; the last six (fewer in a project of
    less than eight) carry labels and validate, all others are unlabelled, but for strokes of every class on the first
    `painted`. Their truth lies apart in truth/NAME.png. The same seed gives the same project, and tile_01 does not
    depend on how many follow.

    Parameters
    ----------
    kind
        "glands", 512 px, 0.5 µm/px, and the tile real_ihc, scikit-image's immunohistochemistry image, which has no
        truth; or "compartments", seven classes from three scanners with tiles of three sizes at 0.5 and 0.25 µm/px.

    Raises
    ------
    ProjectError
        Fewer than 3 tiles, a negative seed, more painted tiles than are not for validation, or `path` is there and
        not an empty folder.
    StorageError
        The disk is full or not writable; nothing is left behind.
    """
    if tiles < 3 or seed < 0:
        raise ProjectError(
            f"{tiles} tiles with seed {seed}",
            "at least 3 tiles and a seed of 0 or more",
            "choose 42 tiles and the seed 0",
            terminal="--tiles 42 --seed 0",
        )
    path = path.absolute()
    names = [f"tile_{number:02d}" for number in range(1, tiles + 1)]
    val = names[-min(_VAL_TILES, tiles - 2) :]
    if not 0 <= painted <= tiles - len(val):
        needed = f"0 to {tiles - len(val)}, because {len(val)} of {tiles} tiles are for validation"
        raise ProjectError(f"{painted} annotated tiles", needed, "choose 6", terminal="--painted 6")
    class_names, draw = _KINDS[kind]
    sources: list[_DrawnSource | _RealTile]
    sources = [_DrawnSource(name, draw, seed, number) for number, name in enumerate(names)]
    if kind == "glands":
        sources.append(_RealTile())
    with folder_in_the_making(path) as folder:
        build(folder, _NAME, make_classes(class_names), sources, LabelPlan(), progress)
        project = Project.open(folder)
        for number, name in enumerate(names[:painted]):
            strokes = paint_strokes(np.random.default_rng([seed, number, 1]), read_truth(project, name))
            project.write_label(name, strokes, LabelSource.PAINTED)
        for name in val:
            project.write_label(name, read_truth(project, name), LabelSource.IMPORTED, region="tile")
        project.set_val(val)
    return Project.open(path)


def read_truth(project: Project, name: str) -> ClassIds:
    """The truth (H, W) of a drawn tile: class ids.

    Raises
    ------
    ProjectError
        The tile has none.
    MaskError
        The file is damaged.
    """
    path = project.path / TRUTH_FOLDER / f"{project.tile(name).name}.png"
    if not path.exists():
        raise ProjectError(
            f"tile {name} has no true classes in {path.parent}", "a tile of the sample project", "tile_01"
        )
    return read_mask(path)


@dataclass(frozen=True)
class _DrawnSource:
    name: str
    draw: _Drawer
    seed: int
    number: int

    @property
    def origin(self) -> Path:
        return Path(self.name)

    def store(self, project: Path, final: Path) -> Tile:
        tile = self.draw(self.seed, self.number)
        _write(project / TRUTH_FOLDER / f"{self.name}.png", encode_png(tile.truth))
        return _add(project, self.name, tile.picture, tile.mpp_um)


@dataclass(frozen=True)
class _RealTile:
    name: str = REAL_TILE

    @property
    def origin(self) -> Path:
        return Path(self.name)

    def store(self, project: Path, final: Path) -> Tile:
        picture: Rgb8 = data.immunohistochemistry()  # type: ignore[no-untyped-call]  # in the wheel
        return _add(project, self.name, picture, None)


def _add(project: Path, name: str, picture: Rgb8, mpp_um: float | None) -> Tile:
    png = encode_png(picture, mpp_um)
    path = f"{IMAGES_FOLDER}/{name}.png"
    _write(project / path, png)
    sha256, set_by = hashlib.sha256(png).hexdigest(), pixel_size_source(None, None, mpp_um)
    return Tile(name, path, picture.shape[1], picture.shape[0], sha256, mpp_um, mpp_set_by=set_by)


def _write(path: Path, content: bytes) -> None:
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        write_synced(path, content)
