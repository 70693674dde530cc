"""The tiles of a project: their images, where they come from, and how their files are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

from training_core.base.addresses import is_address, path_or_address
from training_core.base.arrays import Rgb8
from training_core.base.errors import ProjectError
from training_core.io import read_image
from training_core.io.inspection import UNASKED
from training_core.io.levels import Levels
from training_core.io.slides import open_slide
from training_core.io.surroundings import Surrounded, read_surrounded
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project.file_records import FileAnswers, Place, SourceFile
from training_core.project.index import Index
from training_core.project.migration import Migration, backups
from training_core.project.records import Tile, TissueClass
from training_core.project.store import IndexStore, Transaction
from training_core.project.thumbnails import thumbnail


class ProjectTiles:
    """The part of a `Project` that answers from project.json and the image files, and changes neither."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = IndexStore(path)
        self._by_name: tuple[tuple[Tile, ...], dict[str, Tile]] = ((), {})

    @property
    def read_only(self) -> bool:
        """Whether every change is refused: the project was opened to look at, or another window has taken it over."""
        return self._store.is_read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._store.is_read_only = value

    def refuse_if_read_only(self) -> None:
        """For what is changed beside the index and the annotations: runs and settings.

        Raises
        ------
        ProjectError
            The project was opened to look at only.
        """
        self._store.refuse_if_read_only()

    def reload(self) -> None:
        """Read project.json again now."""
        self._store.reload()

    @property
    def migration(self) -> Migration | None:
        """What was brought up to date when this project was opened; None: nothing."""
        return self._store.migration

    def backups(self) -> tuple[Path, ...]:
        """The project.json of older versions, as they were before they were brought up to date."""
        return backups(self.path)

    @property
    def index(self) -> Index:
        """The whole content of project.json as it is now."""
        return self._store.read()

    @property
    def changes_elsewhere(self) -> int:
        """How often somebody else has changed project.json since this object was made: another window, a terminal."""
        self._store.read()
        return self._store.changes_elsewhere

    def changing(self) -> AbstractContextManager[Transaction]:
        """Change the index and label files together, while no other process can; see `IndexStore.update`."""
        return self._store.update()

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
        ProjectError
            There is none.
        """
        by_name = self._tiles_by_name()
        try:
            return by_name[name]
        except KeyError:
            close = get_close_matches(name, by_name, n=1)
            hint = f"{close[0]}, the closest name" if close else "check the spelling; tiles are named like their image"
            raise ProjectError(f"the project {self.name} has no tile {name}", "the name of a tile", hint) from None

    def has_tile(self, name: str) -> bool:
        """Whether there is a tile of this name: somebody else may have removed it."""
        return name in self._tiles_by_name()

    def _tiles_by_name(self) -> dict[str, Tile]:
        known, tiles = self._by_name, self.tiles
        if known[0] is not tiles:
            self._by_name = known = (tiles, {tile.name: tile for tile in tiles})
        return known[1]

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
        ProjectError
            The file is not where it was, or has another size now.
        ImageError
            It is damaged.
        """
        tile, path = self.tile(name), self.image_path(name)
        if not path.exists():
            hint = "restore the file, or move the project together with its images"
            raise ProjectError(f"the image of tile {name} is not at {path}", "the image file", hint)
        answers = UNASKED if tile.place is not None else self.answers(name).image  # a place on a slide is our own PNG
        image = read_image(path, answers)
        if image.shape[:2] != (tile.height_px, tile.width_px):
            given = f"{path} is now {image.shape[1]} x {image.shape[0]} px"
            needed = f"the {tile.width_px} x {tile.height_px} px it had when the project was created"
            raise ProjectError(given, needed, "restore the original file")
        return image

    def place(self, name: str) -> Place | None:
        """Where the tile lies on its source file; None: it is a whole file, or nobody knows."""
        return self.tile(name).place

    def source_file(self, name: str) -> SourceFile | None:
        """The slide or other file that the tile is a place on; None: it is a whole file."""
        place = self.place(name)
        return None if place is None else self._store.read().files[place.file]

    def source_path(self, name: str) -> Path | None:
        """Where the slide lies that the tile is a place on, also one that moved with the project; None: not there."""
        source = self.source_file(name)
        return None if source is None else self._where(source)

    def slides(self) -> list[tuple[str, SourceFile, Path | None]]:
        """Name and entry of each slide that tiles were cut from, by name, and where it lies; None: not there."""
        files = self._store.read().files
        return [(name, files[name], self._where(files[name])) for name in sorted(files)]

    def _where(self, source: SourceFile) -> Path | None:
        ways = (source.path, source.path_from_project)
        # an absolute path replaces the left side
        paths = (path_or_address(way) if is_address(way) else self.path / way for way in ways if way is not None)
        return next((path for path in paths if path.is_file() or is_zarr_folder(path)), None)

    def surrounded(self, name: str, margin_px: int) -> Surrounded:
        """The tile's image with up to `margin_px` of its slide on each side; alone where it is no place on a slide.

        Raises
        ------
        ProjectError
            The image or the slide is not where it was, or has another size now.
        ImageError
            One of them is damaged.
        """
        place, source, image = self.place(name), self.source_file(name), self.image(name)
        if place is None or place.scale is None or source is None or source.path is None:
            return Surrounded(image)
        with self.open_source(name) as levels:
            return read_surrounded(levels, image, place.x_px, place.y_px, place.scale, margin_px)

    @contextmanager
    def open_source(self, name: str) -> Iterator[Levels]:
        """The slide that the tile is a place on, open.

        Raises
        ------
        ProjectError
            The tile is no place on a slide; the slide is not where it was, or has another size now.
        ImageError
            It is damaged.
        """
        source, path = self.source_file(name), self.source_path(name)
        if source is None:
            raise ProjectError(f"the tile {name} is a whole file", "a tile that was cut from a slide", "choose another")
        if path is None:
            hint = "restore the file, or move the project together with its slides"
            raise ProjectError(f"the slide of tile {name} is not at {source.path}", "the slide", hint)
        known = source.width_px, source.height_px
        with open_slide(path, self.answers(name).image) as levels:
            if source.width_px is not None and (levels.width_px, levels.height_px) != known:
                given = f"{path} is now {levels.width_px} x {levels.height_px} px"
                needed = f"the {known[0]} x {known[1]} px it had when its tiles were cut"
                raise ProjectError(given, needed, "restore the original file")
            yield levels

    def answers(self, name: str) -> FileAnswers:
        """How the tile's files are read: its own answers, else those of its source file, else the project's."""
        project, source = self._store.read().answers, self.source_file(name)
        shared = project if source is None else source.answers.over(project)
        return self.tile(name).answers.over(shared)

    def predict_options(self, name: str) -> list[str]:
        """What `predict` has to be told to read the tile's file as the project does: pixel size and answers."""
        tile = self.tile(name)
        options = ["--mpp", "run" if tile.mpp_um is None else repr(tile.mpp_um)]
        if tile.place is not None:
            return options  # a place on a slide is our own PNG
        answers = self.answers(name).image
        for each in fields(answers):
            value = getattr(answers, each.name)
            if value is not None and each.name != "mask_values":
                text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value).replace("_", "-")
                options += [f"--{each.name.replace('_', '-')}", text]
        return options

    def missing_images(self) -> tuple[str, ...]:
        """The tiles whose images are not where they should be."""
        return tuple(tile.name for tile in self.tiles if not self.image_path(tile.name).exists())

    def thumbnail(self, name: str, size_px: int = 96) -> Rgb8:
        """The tile as (h, w, 3) with its longer side at most `size_px`; kept in cache/.

        Raises
        ------
        ProjectError, ImageError
            The picture is missing or damaged.
        """
        return thumbnail(self.path, self.tile(name), lambda: self.image(name), size_px)
