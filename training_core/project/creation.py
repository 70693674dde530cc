"""Building a project folder beside its place and moving it there when it is complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from training_core.base.addresses import Address
from training_core.base.attempts import Attempts
from training_core.base.errors import ImageError, writing
from training_core.base.i18n import tr
from training_core.base.progress import ReportProgress
from training_core.io import inspect_file, read_image
from training_core.io.atomic import sync_file, write_synced
from training_core.io.inspection import UNASKED, Answers
from training_core.io.pixel_size import PixelSize
from training_core.project.complete_folder import folder_in_the_making
from training_core.project.file_records import FilePixelSize, NumberedObjects, PixelSizeSource, SourceFile
from training_core.project.importing import LabelPlan, import_label
from training_core.project.index import INDEX_NAME, Index, IndexWriter
from training_core.project.inputs.names import check_length, tile_name
from training_core.project.labels import LABELS_FOLDER, history_path, label_path, now
from training_core.project.objects import OBJECTS_FOLDER
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.records import LabelStatus, Tile, TissueClass


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
    """Used where the file states none."""
    answers: Answers = UNASKED
    """How it is read."""
    set_um: float | None = None
    """The user's correction: used whatever the file states."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return tile_name(self.origin)

    def store(self, project: Path, final: Path) -> Tile:
        """Read it once, so that a bad file is found now and not while training; then copy it, or note where it is."""
        stated = inspect_file(self.origin).pixel_size
        height_px, width_px = read_image(self.origin, self.answers).shape[:2]
        data_sha256 = file_sha256(self.origin)
        usable_um = None if stated is None else stated.usable_um
        path, relative = f"{IMAGES_FOLDER}/{self.name}{self.origin.suffix.lower()}", None
        if self.reference:
            path, relative = reference_to(self.origin, final)
        else:
            copy_synced(self.origin, project / path)
        return Tile(
            self.name,
            path,
            width_px,
            height_px,
            data_sha256,
            pixel_size(self.set_um, usable_um, self.mpp_um),
            relative,
            mpp_set_by=pixel_size_source(self.set_um, usable_um, self.mpp_um),
            file_mpp=stated_by_file(stated),
        )


def pixel_size(set_um: float | None, stated_um: float | None, given_um: float | None) -> float | None:
    """Of the one that the user set for this file, the one that it states and the one for all files, the first there is.

    One for all files fills gaps only: it would silently rescale a file of another scanner.
    """
    return next((each for each in (set_um, stated_um, given_um) if each is not None), None)


def pixel_size_source(set_um: float | None, stated_um: float | None, given_um: float | None) -> PixelSizeSource:
    """Who says so, of the three of `pixel_size`."""
    if set_um is not None:
        return PixelSizeSource.USER
    if stated_um is not None:
        return PixelSizeSource.FILE
    return PixelSizeSource.NONE if given_um is None else PixelSizeSource.PROJECT


def stated_by_file(stated: PixelSize | None) -> FilePixelSize | None:
    """What a file states, as the index keeps it, believable or not."""
    return None if stated is None else FilePixelSize(stated.x_um, stated.y_um, stated.stated_in)


@dataclass
class Making:
    """What a new project or an addition to one is made of, file by file.

    Attributes
    ----------
    folder
        Where images and labels are written, which nobody else sees yet.
    final
        Where the project will be.
    """

    folder: Path
    final: Path
    plan: LabelPlan
    attempts: Attempts
    tiles: list[Tile] = field(default_factory=list)
    labels: dict[str, LabelStatus] = field(default_factory=dict)
    objects: dict[str, NumberedObjects] = field(default_factory=dict)

    def add(self, source: TileSource) -> None:
        """Make a tile of a source, with its label; of one that fails nothing is left."""
        name = source.name
        with self.attempts.each(name):
            check_length(name, source.origin)
            try:
                self._add(source)
            except BaseException:
                self._remove(name)
                raise

    def _add(self, source: TileSource) -> None:
        name = source.name
        tile = replace(source.store(self.folder, self.final), case=self.plan.cases.get(tile_name(source.origin)))
        if name in self.plan.ambiguous:
            raise self.plan.ambiguous[name]
        if name in self.plan.masks:
            imported = import_label(self.folder, tile, self.plan.masks[name], self.plan)
            self.labels[name] = imported.status
            if imported.objects is not None:
                self.objects[name] = imported.objects
        self.tiles.append(tile)

    def _remove(self, name: str) -> None:
        self.labels.pop(name, None)
        self.objects.pop(name, None)
        for path in (self.folder / IMAGES_FOLDER).glob("*"):
            if path.stem == name:
                with suppress(OSError):
                    path.unlink()
        objects = self.folder / OBJECTS_FOLDER / f"{name}.tif"
        for path in (label_path(self.folder, name), history_path(self.folder, name), objects):
            with suppress(OSError):  # what a failing disk keeps goes with the folder
                path.unlink(missing_ok=True)


def build(
    path: Path,
    name: str,
    classes: tuple[TissueClass, ...],
    sources: Sequence[TileSource],
    plan: LabelPlan,
    progress: ReportProgress | None = None,
    files: Mapping[str, SourceFile] | None = None,
    attempts: Attempts | None = None,
) -> None:
    """Make the project folder `path`; on any failure nothing of it is left.

    Parameters
    ----------
    files
        The slides that the tiles are places on.
    attempts
        Keeps what is wrong with files, which are then left out; None: the first bad file is raised.

    Raises
    ------
    ProjectError
        `path` is there and not an empty folder.
    ImageError, MaskError
        A bad file, by name; with `attempts` only where nothing could be made.
    StorageError
        The disk is full or not writable.
    """
    with folder_in_the_making(path) as folder:
        for inner in (IMAGES_FOLDER, LABELS_FOLDER):
            with writing(folder):
                (folder / inner).mkdir()
        making = Making(folder, path, plan, attempts or Attempts(strict=True))
        for number, source in enumerate(sources):
            if progress is not None:
                progress(number, len(sources), tr("Adding {name}").format(name=source.name))
            making.add(source)
        making.attempts.raise_if_none()
        index = Index(
            name,
            now(),
            classes,
            max(tissue_class.id for tissue_class in classes) + 1,
            tuple(making.tiles),
            making.labels,
            tuple(each for each in plan.val if each in making.labels),
            files=used_files(files or {}, making.tiles),
            answers=plan.kept_answers,
            objects=making.objects,
        )
        with writing(folder):
            write_synced(folder / INDEX_NAME, IndexWriter().encode(index))
        if progress is not None:
            progress(len(sources), len(sources), "done")


def used_files(files: Mapping[str, SourceFile], tiles: Sequence[Tile]) -> dict[str, SourceFile]:
    """The slides that tiles lie on."""
    used = {tile.place.file for tile in tiles if tile.place is not None}
    return {name: file for name, file in files.items() if name in used}


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes; of a folder that is one image, of its files' names and bytes."""
    if path.is_dir():
        digest = hashlib.sha256()
        for each in sorted(each for each in path.rglob("*") if each.is_file()):
            digest.update(
                f"{each.relative_to(path).as_posix()}\0{file_sha256(each)}\n".encode(errors="surrogateescape")
            )
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reference_to(origin: Path, project: Path) -> tuple[str, str | None]:
    """The absolute path of a referenced file, and the way to it from the project.

    Raises
    ------
    ImageError
        The path holds bytes that are no text, which project.json cannot hold.
    """
    absolute = origin.resolve()
    try:
        str(absolute).encode()
    except UnicodeEncodeError as cause:
        given = f"the path {absolute} is not valid UTF-8, which project.json needs to refer to it"
        hint = "rename the file or folder, or copy the images"
        raise ImageError(given, "a path in UTF-8", hint, terminal=f"{hint} (leave out --reference)") from cause
    return str(absolute), relative_to_project(absolute, project)


def relative_to_project(path: Path, project: Path) -> str | None:
    """The way from the project to the file with forward slashes; None between two Windows drives, and to an address."""
    if isinstance(path, Address):
        return None
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
            sync_file(copy.fileno())
