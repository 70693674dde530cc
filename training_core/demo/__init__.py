"""A sample project of our own making: drawn tissue, so that nobody needs data or permission to try the program."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.data import immunohistochemistry

from training_core.demo.tissue import draw_tile
from training_core.errors import ProjectError, writing
from training_core.io import read_mask, write_png
from training_core.project import Project, make_classes

TILE_PX = 512
MPP_UM = 0.5
CLASS_NAMES = ("background", "gland")
N_VALIDATION = 6
REAL_TILE = "real_ihc"
TRUTH_FOLDER = "truth"
_LEAST_TILES = N_VALIDATION + 4

Progress = Callable[[int, int, str], None]


def make_demo(path: Path, *, seed: int = 0, tiles: int = 42, progress: Progress | None = None) -> Project:
    """Make the folder `path` a sample project: `tiles` drawn tiles and one real one, deterministic by `seed`.

    The last six drawn tiles are validation tiles with labels; every other tile waits to be labelled. The truth of all
    drawn tiles lies in PATH/truth as class ids, apart from the project's labels; training never reads it. The real
    tile is the immunohistochemistry picture that scikit-image carries; it has no truth.

    Raises
    ------
    ProjectError: the folder exists and is not empty, or too few tiles. StorageError: the disk is full.
    """
    if tiles < _LEAST_TILES:
        raise ProjectError(f"a sample of {tiles} tiles", f"at least {_LEAST_TILES}", f"--tiles {_LEAST_TILES}")
    path = path.absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        given = f"{path} exists already"
        raise ProjectError(given, "a new or empty folder for the sample project", "choose another folder, or open it")
    with writing(path):
        scratch = Path(tempfile.mkdtemp(prefix="unisemalign-sample-"))
    try:
        names = _draw(scratch, seed, tiles, progress)
        project = Project.create(
            path,
            [scratch / "images"],
            masks=scratch / TRUTH_FOLDER,
            classes=make_classes(CLASS_NAMES),
            labeled=(),
            val=names[-N_VALIDATION:],
            name="Sample tissue",
            mpp_um=MPP_UM,
        )
        _add_truth(scratch / TRUTH_FOLDER, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return project


def _add_truth(folder: Path, path: Path) -> None:
    """Copy the truth into the project; a sample without it is no sample, so a failure leaves nothing."""
    try:
        with writing(path):
            shutil.copytree(folder, path / TRUTH_FOLDER)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def read_truth(project: Project, name: str) -> NDArray[np.uint8]:
    """The true class ids (H, W) of a drawn tile.

    Raises
    ------
    ProjectError: the project is no sample project, or the tile has no truth.
    """
    path = project.path / TRUTH_FOLDER / f"{name}.png"
    if not path.is_file():
        given = f"{name} has no truth in {project.path}"
        raise ProjectError(given, "a drawn tile of the sample project", "make one: python -m training_core demo DIR")
    return read_mask(path)


def _draw(scratch: Path, seed: int, tiles: int, progress: Progress | None) -> list[str]:
    """Images and truth in folders of their own; returns the drawn tiles' names in order."""
    names = [f"tile_{number:02d}" for number in range(1, tiles + 1)]
    (scratch / "images").mkdir()
    (scratch / TRUTH_FOLDER).mkdir()
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, tiles, f"Drawing {name}")
        image, truth = draw_tile(np.random.default_rng([seed, done]), TILE_PX)
        write_png(scratch / "images" / f"{name}.png", image)
        write_png(scratch / TRUTH_FOLDER / f"{name}.png", truth)
    write_png(scratch / "images" / f"{REAL_TILE}.png", immunohistochemistry())
    return names
