"""A sample project of the program's own making: nothing to download, nobody's patient, and the truth is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import data

from training_core.demo.tissue import BACKGROUND, GLAND, draw_tile
from training_core.errors import ProjectError, writing
from training_core.io import encode_png, read_mask
from training_core.io.atomic import write_synced
from training_core.project import LabelSource, Project, Tile, make_classes
from training_core.project.create import IMAGES_FOLDER, Progress, build
from training_core.project.importing import LabelPlan
from training_core.project.making import folder_in_the_making

MPP_UM = 0.5
"""At this resolution the drawn nuclei and glands are as large as real ones."""
TRUTH_FOLDER = "truth"
REAL_TILE = "real_ihc"
_NAME = "Sample tissue"
_VAL_TILES = 6


def make_demo(path: Path, *, seed: int = 0, tiles: int = 42, progress: Progress | None = None) -> Project:
    """Make a sample project: drawn tissue with glands, and one real picture.

    `tiles` tiles of 512 px, named tile_01 on, each stained, blurred and grown differently; the last six (fewer in a
    project of less than eight) carry labels and validate, all others are unlabelled. Their truth lies apart in
    truth/NAME.png. The tile real_ihc is scikit-image's immunohistochemistry picture and has no truth. The same seed
    gives the same project, and tile_01 does not depend on how many follow.

    Raises
    ------
    ProjectError: fewer than 3 tiles, a negative seed, or `path` is there and not an empty folder.
    StorageError: the disk is full or not writable; nothing is left behind.
    """
    if tiles < 3 or seed < 0:
        raise ProjectError(
            f"{tiles} tiles with seed {seed}", "at least 3 tiles and a seed of 0 or more", "--tiles 42 --seed 0"
        )
    path = path.absolute()
    names = [f"tile_{number:02d}" for number in range(1, tiles + 1)]
    sources: list[_DrawnTile | _RealTile] = [_DrawnTile(name, seed, number) for number, name in enumerate(names)]
    val = names[-min(_VAL_TILES, tiles - 2) :]
    with folder_in_the_making(path) as folder:
        classes = make_classes(("background", "gland"))
        assert [tissue_class.id for tissue_class in classes] == [BACKGROUND, GLAND]
        build(folder, _NAME, classes, [*sources, _RealTile()], LabelPlan({}, {}, ()), progress)
        project = Project.open(folder)
        for name in val:
            project.write_label(name, read_truth(project, name), LabelSource.IMPORTED, region="tile")
        project.set_val(val)
    return Project.open(path)


def read_truth(project: Project, name: str) -> NDArray[np.uint8]:
    """The truth (H, W) of a drawn tile: class ids.

    Raises
    ------
    ProjectError: the tile has none. MaskError: the file is damaged.
    """
    path = project.path / TRUTH_FOLDER / f"{project.tile(name).name}.png"
    if not path.exists():
        raise ProjectError(f"tile {name} has no truth in {path.parent}", "a drawn tile of a sample project", "tile_01")
    return read_mask(path)


@dataclass(frozen=True)
class _DrawnTile:
    name: str
    seed: int
    number: int

    @property
    def origin(self) -> Path:
        return Path(self.name)

    def store(self, project: Path, final: Path) -> Tile:
        picture, truth = draw_tile(np.random.default_rng([self.seed, self.number]))
        _write(project / TRUTH_FOLDER / f"{self.name}.png", encode_png(truth))
        return _add(project, self.name, picture, MPP_UM)


@dataclass(frozen=True)
class _RealTile:
    name: str = REAL_TILE

    @property
    def origin(self) -> Path:
        return Path(self.name)

    def store(self, project: Path, final: Path) -> Tile:
        picture: NDArray[np.uint8] = data.immunohistochemistry()  # type: ignore[no-untyped-call]  # in the wheel
        return _add(project, self.name, picture, None)


def _add(project: Path, name: str, picture: NDArray[np.uint8], mpp_um: float | None) -> Tile:
    png = encode_png(picture)
    path = f"{IMAGES_FOLDER}/{name}.png"
    _write(project / path, png)
    return Tile(name, path, picture.shape[1], picture.shape[0], hashlib.sha256(png).hexdigest(), mpp_um)


def _write(path: Path, content: bytes) -> None:
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        write_synced(path, content)
