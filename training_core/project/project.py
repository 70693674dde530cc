"""A project folder as an object: images, classes, labels, splits, runs and rounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED, BoolMask, ClassIds, Rgb8
from training_core.base.errors import ProjectError
from training_core.base.progress import ReportProgress
from training_core.io import read_image
from training_core.io.slides import SlideOptions
from training_core.project import runs as runs_folder
from training_core.project import splits
from training_core.project.accepted import ACCEPTED_FOLDER, read_accepted, stage_accepted
from training_core.project.class_changes import with_class_added, with_class_changed, with_class_removed
from training_core.project.class_removal import RemovedClass, count_pixels, stage_removal, stage_return
from training_core.project.classes import check_classes
from training_core.project.creation import IMAGES_FOLDER, build
from training_core.project.importing import plan_labels
from training_core.project.index import INDEX_NAME, Index
from training_core.project.interrupted_runs import UnfinishedRun, discard_run, unfinished_run
from training_core.project.labels import (
    LABELS_FOLDER,
    check_label,
    label_path,
    make_edit,
    now,
    read_history,
    read_label,
    stage_label,
    summarize,
)
from training_core.project.records import LabelEdit, LabelSource, Round, Tile, TilePrediction, TileState, TissueClass
from training_core.project.rejections import (
    REJECTED_FOLDER,
    Rejection,
    index_again,
    read_rejection,
    stage_rejection,
)
from training_core.project.sources import check_names, find_images, resolve_names
from training_core.project.store import IndexStore
from training_core.project.thumbnails import CACHE_FOLDER, thumbnail
from training_core.project.tile_sources import tile_sources

OWN_FOLDERS = (
    IMAGES_FOLDER,
    LABELS_FOLDER,
    ACCEPTED_FOLDER,
    REJECTED_FOLDER,
    runs_folder.RUNS_FOLDER,
    runs_folder.ROUNDS_FOLDER,
    CACHE_FOLDER,
    "truth",
)
"""Folders whose files belong to the project; nothing else is to be written there."""


class Project:
    """One project folder, as docs/architecture.md describes it.

    Cheap to ask: everything but pixels is answered from project.json, which is read again when another process has
    changed it. Safe between threads and processes. Open one with `Project.open`, make one with `Project.create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = IndexStore(path)
        self._by_name: tuple[tuple[Tile, ...], dict[str, Tile]] = ((), {})

    @classmethod
    def create(
        cls,
        path: Path,
        images: Sequence[Path],
        *,
        classes: Sequence[TissueClass],
        masks: Path | None = None,
        mask_values: Mapping[int, int] | None = None,
        labeled: Sequence[str] | None = None,
        val: Sequence[str] = (),
        name: str | None = None,
        reference: bool = False,
        mpp_um: float | None = None,
        slides: SlideOptions | None = None,
        progress: ReportProgress | None = None,
    ) -> Project:
        """Make the project folder `path` from files and folders of images; complete, or not at all.

        path: must not exist, or be an empty folder. masks: a folder of masks named like the pictures.
        mask_values: mask value to class id, or to 255 for not labelled (default: class ids as they are).
        labeled: names of the tiles whose masks become labels (default: all that have one). val: names of the
        validation tiles; they need masks. reference: leave the images where they are. mpp_um: µm/px.
        slides: how whole slides among the pictures are cut into tiles. progress: called with (done, total, text).

        Raises
        ------
        ProjectError, ImageError, MaskError, StorageError: nothing is left behind.
        """
        path = path.absolute()
        checked = check_classes(classes)
        cut = slides or SlideOptions()
        if mpp_um is not None:
            cut = dataclasses.replace(cut, mpp_um=mpp_um)
        with tile_sources(find_images(images), reference, mpp_um, cut) as sources:
            check_names((source.name, source.origin) for source in sources)
            plan = plan_labels(
                [source.name for source in sources],
                checked,
                masks=masks,
                mask_values=mask_values,
                labeled=labeled,
                val=val,
            )
            build(path, name or path.name, checked, sources, plan, progress)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Project:
        """Open a project folder (or its project.json).

        Raises
        ------
        ProjectError: not a project, damaged, or made by a newer version.
        """
        folder = path.parent if path.name == INDEX_NAME else path
        project = cls(folder.absolute())
        project._store.read()
        project._store.recover(project._index_labels_again)
        return project

    def reload(self) -> None:
        """Read project.json again now."""
        self._store.reload()

    # --- what it holds -------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The project's name."""
        return self._store.read().name

    @property
    def classes(self) -> tuple[TissueClass, ...]:
        """The classes, in the user's order."""
        return self._store.read().classes

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles, in the order they were given."""
        return self._store.read().tiles

    def tile(self, name: str) -> Tile:
        """The tile of this name.

        Raises
        ------
        ProjectError: there is none.
        """
        tiles = self.tiles
        if self._by_name[0] is not tiles:
            self._by_name = (tiles, {tile.name: tile for tile in tiles})
        try:
            return self._by_name[1][name]
        except KeyError:
            close = get_close_matches(name, self._by_name[1], n=1)
            hint = f"{close[0]}, the closest name" if close else "check the spelling; tiles are named like their image"
            raise ProjectError(f"the project {self.name} has no tile {name}", "the name of a tile", hint) from None

    def image_path(self, name: str) -> Path:
        """Where the tile's image lies; a referenced one that moved together with the project is found too."""
        tile = self.tile(name)
        path = self.path / tile.path  # an absolute path replaces the left side
        if tile.path_from_project is not None and not path.exists():
            moved = self.path / tile.path_from_project
            if moved.exists():
                return moved
        return path

    def image(self, name: str) -> Rgb8:
        """The tile's image (H, W, 3).

        Raises
        ------
        ProjectError: the file is not where it was, or has another size now. ImageError: it is damaged.
        """
        tile, path = self.tile(name), self.image_path(name)
        if not path.exists():
            hint = "restore the file, or move the project together with its images"
            raise ProjectError(f"the image of tile {name} is not at {path}", "the image file", hint)
        image = read_image(path)
        if image.shape[:2] != (tile.height_px, tile.width_px):
            given = f"{path} is now {image.shape[1]} x {image.shape[0]} px"
            needed = f"the {tile.width_px} x {tile.height_px} px it had when the project was created"
            raise ProjectError(given, needed, "restore the original file")
        return image

    def missing_images(self) -> tuple[str, ...]:
        """The tiles whose images are not where they should be."""
        return tuple(tile.name for tile in self.tiles if not self.image_path(tile.name).exists())

    def thumbnail(self, name: str, size_px: int = 96) -> Rgb8:
        """The tile as (h, w, 3) with its longer side at most `size_px`; kept in cache/.

        Raises
        ------
        ProjectError, ImageError: the picture is missing or damaged.
        """
        return thumbnail(self.path, self.tile(name), lambda: self.image(name), size_px)

    # --- labels --------------------------------------------------------------------------------------------------

    def label(self, name: str) -> ClassIds:
        """The tile's label (H, W): class ids, 255 where nothing is labelled.

        Raises
        ------
        MaskError: the file is damaged.
        """
        return read_label(self.path, self.tile(name))

    def labeled_pixels(self, name: str) -> int:
        """How many pixels of the tile are labelled."""
        self.tile(name)
        return splits.labeled_pixels(self._store.read(), name)

    def has_label(self, name: str) -> bool:
        """Whether at least one pixel of the tile is labelled."""
        return self.labeled_pixels(name) > 0

    def is_fully_labeled(self, name: str) -> bool:
        """Whether every pixel of the tile is labelled."""
        return splits.is_fully_labeled(self._store.read(), self.tile(name))

    def label_edits(self, name: str) -> tuple[LabelEdit, ...]:
        """Who changed the tile's label, and how, oldest first."""
        self.tile(name)
        return read_history(self.path, name)

    def write_label(
        self,
        name: str,
        label: NDArray[Any],
        source: LabelSource,
        *,
        run_id: str | None = None,
        region: Literal["tile", "region", "component", "sure"] | None = None,
        accepted: bool | None = None,
    ) -> None:
        """Replace the tile's label (H, W) and record who did it; all of it is written, or nothing.

        accepted: for undo and redo, whether the label that comes back counted as accepted (`is_accepted`).

        Raises
        ------
        MaskError: another size than the tile, or a value that is neither a class id nor 255.
        StorageError: the disk is full or not writable; the old label is untouched.
        """
        tile = self.tile(name)
        with self._store.update() as change:
            index = change.index
            checked = check_label(tile, label, {tissue_class.id for tissue_class in index.classes})
            edits = (*read_history(self.path, name), make_edit(checked, source, run_id, region, accepted))
            stage_accepted(change.files, self.path, tile, checked, source)
            status = stage_label(change.files, self.path, name, checked, edits)
            change.index = dataclasses.replace(index, labels={**index.labels, name: status})

    def accepted(self, name: str) -> ClassIds:
        """The class ids (H, W) that were accepted for the tile, 255 elsewhere; a label that differs was painted.

        Raises
        ------
        MaskError: the file is damaged.
        """
        return read_accepted(self.path, self.tile(name))

    def is_accepted(self, name: str) -> bool:
        """Whether the tile's label came from a model's output, in whole or in part, since it was last empty."""
        self.tile(name)
        status = self._store.read().labels.get(name)
        return status is not None and status.accepted

    # --- states and splits ---------------------------------------------------------------------------------------

    def state(self, name: str) -> TileState:
        """How far the tile has come."""
        self.tile(name)
        index, run_id = self._store.read(), self.latest_run_id()
        predicted = run_id is not None and self.prediction(name, run_id) is not None
        return splits.state_of(index, name, run_id if predicted else None)

    def states(self) -> dict[str, TileState]:
        """`state` of every tile, by one look at the folder of predictions: for lists of many tiles."""
        index, run_id = self._store.read(), self.latest_run_id()
        predicted = runs_folder.predicted_names(self.path, run_id) if run_id else frozenset()
        return {
            tile.name: splits.state_of(index, tile.name, run_id if tile.name in predicted else None)
            for tile in index.tiles
        }

    def reject(self, name: str, run_id: str) -> None:
        """Remember that this run's prediction for the tile is wrong: it is not shown, and no round learns from it.

        Raises
        ------
        MaskError: what was rejected before cannot be read. StorageError: the disk is full or not writable.
        """
        self._change_rejection(name, lambda before: before.with_tile(run_id))

    def reject_area(self, name: str, where: BoolMask, run_id: str) -> None:
        """Remember that this run's prediction is wrong in `where`, (H, W): no round learns from its guesses there.

        Raises
        ------
        MaskError: another size than the tile. StorageError: the disk is full or not writable.
        """
        self._change_rejection(name, lambda before: before.with_area(where, run_id))

    def rejection(self, name: str) -> Rejection:
        """What is rejected of the tile.

        Raises
        ------
        MaskError: the file is damaged.
        """
        return read_rejection(self.path, self._store.read(), self.tile(name))

    def write_rejection(self, name: str, rejection: Rejection) -> None:
        """Put this in the place of what is rejected of the tile; `rejection.taken_back()` takes all of it back.

        Raises
        ------
        MaskError: another size than the tile. StorageError: the disk is full or not writable.
        """
        self._change_rejection(name, lambda _before: rejection)

    def _change_rejection(self, name: str, change_it: Callable[[Rejection], Rejection]) -> None:
        tile = self.tile(name)
        with self._store.update() as change:
            stage_rejection(change, self.path, tile, change_it(read_rejection(self.path, change.index, tile)))

    def is_rejected(self, name: str, run_id: str) -> bool:
        """Whether the user rejected this run's prediction for the tile as a whole."""
        return name in self._store.read().rejected.get(run_id, ())

    def rejected_pixels(self, name: str) -> int:
        """How many pixels of the tile are rejected, whenever that was and whatever is labelled there since."""
        area = self._store.read().rejected_areas.get(name)
        return area.pixels if area is not None else 0

    def val_names(self) -> tuple[str, ...]:
        """The tiles of the validation split that have a label."""
        return splits.val_names(self._store.read())

    def labeled_names(self) -> tuple[str, ...]:
        """The tiles outside the validation split that have a label."""
        return splits.labeled_names(self._store.read())

    def unlabeled_names(self) -> tuple[str, ...]:
        """The tiles outside the validation split that are neither labelled nor rejected to the last pixel."""
        return splits.unlabeled_names(self._store.read())

    def set_val(self, names: Sequence[str]) -> None:
        """Make these tiles the validation split.

        Raises
        ------
        ProjectError: a name that no tile has.
        """
        with self._store.update() as change:
            known = [tile.name for tile in change.index.tiles]
            change.index = dataclasses.replace(change.index, val=resolve_names(names, known, "the validation list"))

    def use_for_validation(self, name: str, on: bool) -> None:
        """Put one tile into the validation split, or take it out; the others stay, also those without a label now."""
        self.tile(name)
        with self._store.update() as change:
            others = tuple(each for each in change.index.val if each != name)
            change.index = dataclasses.replace(change.index, val=(*others, name) if on else others)

    # --- classes -------------------------------------------------------------------------------------------------

    def add_class(self, name: str, color: str | None = None, prompt: str = "") -> TissueClass:
        """Add a class; its id is one that no class ever had.

        Raises
        ------
        ProjectError: the name is taken or empty, the colour is not "#rrggbb", or all 255 ids are used.
        """
        with self._store.update() as change:
            change.index = with_class_added(change.index, name, color, prompt)
            return change.index.classes[-1]

    def update_class(
        self, class_id: int, *, name: str | None = None, color: str | None = None, prompt: str | None = None
    ) -> TissueClass:
        """Change what a class is called, its colour or its prompt; its id stays.

        Raises
        ------
        ProjectError: no such class, the name is taken or empty, or the colour is not "#rrggbb".
        """
        with self._store.update() as change:
            change.index, changed = with_class_changed(change.index, class_id, name, color, prompt)
            return changed

    def class_pixels(self, class_id: int, progress: ReportProgress | None = None) -> dict[str, int]:
        """How many pixels are labelled as the class, by the names of the tiles that use it; their labels are read.

        Raises
        ------
        ProjectError: no such class. MaskError: a label is damaged.
        """
        return count_pixels(self.path, self._store.read(), class_id, progress)

    def remove_class(
        self, class_id: int, into: int | None = None, progress: ReportProgress | None = None
    ) -> RemovedClass:
        """Remove a class; the other classes keep their ids. Returns what `restore_class` needs to bring it back.

        into: what pixels that are labelled as it become: another class's id, or 255 for not labelled. Without it a
        class that labels use is not removed. All labels are changed, or none.

        Raises
        ------
        ProjectError: no such class, the last one, or labels use it (their number is said) and `into` says nothing.
        MaskError: a label is damaged. StorageError: the disk is full or not writable.
        """
        with self._store.update() as change:
            if into is None:
                with_class_removed(change.index, class_id)  # raises where a label uses it
            return stage_removal(change, self.path, class_id, UNLABELED if into is None else into, progress)

    def restore_class(self, removed: RemovedClass, progress: ReportProgress | None = None) -> None:
        """Bring a removed class back, with its id, its place and its pixels, where they are not labelled again since.

        Raises
        ------
        ProjectError: its name is taken. MaskError: a label is damaged. StorageError: the disk is full or not writable.
        """
        with self._store.update() as change:
            stage_return(change, self.path, removed, progress)

    # --- runs and rounds -----------------------------------------------------------------------------------------

    @property
    def runs_dir(self) -> Path:
        """The folder of the training runs; made by the first of them."""
        return self.path / runs_folder.RUNS_FOLDER

    def run_ids(self) -> tuple[str, ...]:
        """All runs, oldest first; finished ones have a summary.json."""
        return runs_folder.run_ids(self.path)

    def latest_run_id(self) -> str | None:
        """The newest run that has finished."""
        return runs_folder.latest_run_id(self.path)

    def unfinished_run(self) -> UnfinishedRun | None:
        """The run that was cut off and can be continued, if it is newer than the latest finished one."""
        return unfinished_run(self.path)

    def discard_run(self, run_id: str) -> None:
        """Remove a run that no round came of; the run before is the latest again.

        Raises
        ------
        ProjectError: it is a round, or is being trained. StorageError: it cannot be removed.
        """
        discard_run(self.path, run_id)

    def prediction(self, name: str, run_id: str | None = None) -> TilePrediction | None:
        """The output of the given (or latest finished) run for a tile, or None."""
        self.tile(name)
        chosen = run_id if run_id is not None else self.latest_run_id()
        return None if chosen is None else runs_folder.find_prediction(self.path, chosen, name)

    def add_round(self, run_id: str) -> int:
        """Record that this run was trained on the labels as they are; gives the round's number, from 1."""
        with self._store.update() as change:
            index, earlier = change.index, self.rounds()
            number = earlier[-1].number + 1 if earlier else 1
            labeled = {name: status.edits for name, status in index.labels.items() if status.labeled_pixels}
            runs_folder.write_round(self.path, Round(number, run_id, now(), labeled, index.val))
        return number

    def rounds(self) -> tuple[Round, ...]:
        """The rounds, oldest first."""
        return runs_folder.read_rounds(self.path)

    def _index_labels_again(self, index: Index) -> Index:
        """The index with every label's status taken from its files: after a crash between two renames."""
        labels = dict(index.labels)
        for tile in index.tiles:
            if label_path(self.path, tile.name).exists():
                labels[tile.name] = summarize(read_label(self.path, tile), read_history(self.path, tile.name))
        return dataclasses.replace(index, labels=labels, rejected_areas=index_again(self.path, index))
