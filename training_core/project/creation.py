"""Building a project folder beside its place and moving it there when it is complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from training_core.base.errors import writing
from training_core.base.progress import ReportProgress
from training_core.io import read_image
from training_core.io.atomic import write_synced
from training_core.io.inspection import Answers
from training_core.io.resolution import file_mpp_um
from training_core.project.complete_folder import folder_in_the_making
from training_core.project.file_records import FileAnswers, FilePixelSize, PixelSizeSource, SourceFile
from training_core.project.importing import LabelPlan, import_label
from training_core.project.index import INDEX_NAME, Index, IndexWriter
from training_core.project.labels import LABELS_FOLDER, now
from training_core.project.records import LabelStatus, Tile, TissueClass

IMAGES_FOLDER = "images"


class TileSource(Protocol):
    """Something that becomes one tile of a new project."""

    @property
    def name(self) -> str:
        """The tile's name."""
        ...

    @property
    def origin(self) -> Path:
        """The file it comes from, for messages."""
        ...

    def store(self, project: Path, final: Path) -> Tile:
        """Check the image and put it into the folder `project`, which will be moved to `final`."""
        ...


@dataclass(frozen=True)
class FileSource:
    """An image file, copied into the project or referenced where it is."""

    origin: Path
    reference: bool
    mpp_um: float | None
    """None: what the file itself states."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.origin.stem

    def store(self, project: Path, final: Path) -> Tile:
        """Read it once, so that a bad file is found now and not while training; then copy it, or note where it is."""
        height_px, width_px = read_image(self.origin).shape[:2]
        data_sha256 = file_sha256(self.origin)
        stated = file_mpp_um(self.origin)
        mpp_um = self.mpp_um if self.mpp_um is not None else stated
        path, relative = f"{IMAGES_FOLDER}/{self.name}{self.origin.suffix.lower()}", None
        if self.reference:
            absolute = self.origin.resolve()
            path, relative = str(absolute), relative_to_project(absolute, final)
        else:
            copy_synced(self.origin, project / path)
        return Tile(
            self.name,
            path,
            width_px,
            height_px,
            data_sha256,
            mpp_um,
            relative,
            mpp_set_by=pixel_size_source(self.mpp_um, stated),
            file_mpp=None if stated is None else FilePixelSize(stated),
        )


def pixel_size_source(given_um: float | None, stated_um: float | None) -> PixelSizeSource:
    """Who says how large a pixel is, where the user may have given one for all files, and a file may state its own."""
    if given_um is not None:
        return PixelSizeSource.PROJECT
    return PixelSizeSource.NONE if stated_um is None else PixelSizeSource.FILE


def build(
    path: Path,
    name: str,
    classes: tuple[TissueClass, ...],
    sources: Sequence[TileSource],
    plan: LabelPlan,
    progress: ReportProgress | None = None,
    files: Mapping[str, SourceFile] | None = None,
) -> None:
    """Make the project folder `path`; on any failure nothing of it is left.

    Parameters
    ----------
    files
        The slides that the tiles are places on.

    Raises
    ------
    ProjectError
        `path` is there and not an empty folder.
    ImageError, MaskError
        A bad file, by name.
    StorageError
        The disk is full or not writable.
    """
    tiles: list[Tile] = []
    labels: dict[str, LabelStatus] = {}
    with folder_in_the_making(path) as folder:
        for inner in (IMAGES_FOLDER, LABELS_FOLDER):
            with writing(folder):
                (folder / inner).mkdir()
        for number, source in enumerate(sources):
            if progress is not None:
                progress(number, len(sources), f"Adding {source.name}")
            tile = source.store(folder, path)
            tiles.append(tile)
            if source.name in plan.masks:
                labels[tile.name] = import_label(folder, tile, plan.masks[source.name], plan.mask_values)
        next_id = max(tissue_class.id for tissue_class in classes) + 1
        index = Index(
            name, now(), classes, next_id, tuple(tiles), labels, plan.val, files=files or {}, answers=_answers(plan)
        )
        with writing(folder):
            write_synced(folder / INDEX_NAME, IndexWriter().encode(index))
        if progress is not None:
            progress(len(sources), len(sources), "done")


def _answers(plan: LabelPlan) -> FileAnswers:
    """What mask values mean is asked once for all masks."""
    if not plan.masks:
        return FileAnswers()
    return FileAnswers(mask=Answers(mask_values={str(value): each for value, each in plan.mask_values.items()}))


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def relative_to_project(path: Path, project: Path) -> str | None:
    """The way from the project to the file with forward slashes; None between two Windows drives."""
    try:
        return Path(os.path.relpath(path, project)).as_posix()
    except ValueError:
        return None


def copy_synced(origin: Path, target: Path) -> None:
    """Copy a file and wait until it is on the disk.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    with origin.open("rb") as source, writing(target):
        target.parent.mkdir(exist_ok=True)
        with target.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
