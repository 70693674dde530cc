"""project.json: the one index of a project, read whole and written whole.

One line per tile and per labelled tile, so that a person and a diff can read it. It mirrors what the tile list and
the trainer ask about every label (`LabelStatus`); a project of 10,000 tiles opens by reading this one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from training_core.base.errors import ProjectError
from training_core.base.safe_paths import (
    check_name,
    check_reference,
    check_relative,
    check_sha256,
    check_way,
    is_absolute,
)
from training_core.io.files import MAX_PIXELS
from training_core.project.file_records import NO_ANSWERS, FileAnswers, NumberedObjects, SourceFile
from training_core.project.migration import migrated
from training_core.project.records import LabelStatus, Tile, TissueClass

INDEX_NAME = "project.json"


@dataclass(frozen=True)
class RejectedArea:
    """How many pixels of a tile are rejected, whenever that was.

    Attributes
    ----------
    run_id
        The last run of which some were rejected.
    """

    pixels: int
    run_id: str | None
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Index:
    """The content of project.json.

    Attributes
    ----------
    next_class_id
        What the next class gets; ids of removed classes are never used again, since runs remember them.
    labels
        Tiles that have (or had) a label.
    val
        The validation split.
    rejected
        Run id to tiles whose prediction of that run the user rejected as a whole.
    rejected_areas
        What rejected/NAME.png holds, by tile.
    files
        Slides and other files that tiles are places on, by a name of their own.
    answers
        How files are read, for all tiles that say nothing else.
    objects
        The numbered objects of labels, by tile.
    partly_accepted
        Tiles of which only some of the prediction was accepted, and the rest is still to be looked at.
    """

    name: str
    created_at: str
    classes: tuple[TissueClass, ...]
    next_class_id: int
    tiles: tuple[Tile, ...]
    labels: Mapping[str, LabelStatus] = field(default_factory=dict)
    val: tuple[str, ...] = ()
    rejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rejected_areas: Mapping[str, RejectedArea] = field(default_factory=dict)
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    answers: FileAnswers = NO_ANSWERS
    objects: Mapping[str, NumberedObjects] = field(default_factory=dict)
    partly_accepted: tuple[str, ...] = ()
    spec_version: Literal[2] = 2
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


_index = TypeAdapter(Index)
_tile = TypeAdapter(Tile)
_class = TypeAdapter(TissueClass)
_status = TypeAdapter(LabelStatus)
_area = TypeAdapter(RejectedArea)
_file = TypeAdapter(SourceFile)
_answers = TypeAdapter(FileAnswers)
_objects = TypeAdapter(NumberedObjects)


@dataclass(frozen=True)
class OlderIndex:
    """The file of an older version: which one, and its bytes."""

    version: int
    data: bytes


def parse_index(data: bytes, path: Path) -> tuple[Index, OlderIndex | None]:
    """The index in these bytes of the file `path`, and what it was where an older version wrote it.

    Raises
    ------
    ProjectError
        Damaged, inconsistent, or written by a newer version.
    """
    older = None
    try:
        index = _index.validate_json(data)
    except ValidationError as cause:
        found = migrated(data, path)  # here and not before: reading 10,000 tiles twice takes time
        if found is None:
            raise _explained(path, cause) from cause
        version, content = found
        older = OlderIndex(version, data)
        try:
            index = _index.validate_json(content)
        except ValidationError as second:
            raise _explained(path, second) from second
    _check(index, path)
    return index, older


def _check(index: Index, path: Path) -> None:
    names = {tile.name for tile in index.tiles}
    unknown = (set(index.labels) | set(index.val) | set(index.objects) | set(index.partly_accepted)) - names
    if unknown or len(names) != len(index.tiles):
        problem = f"names the unknown tile {min(unknown)}" if unknown else "names a tile twice"
        raise _damaged(path, problem)
    for tile in index.tiles:
        if min(tile.width_px, tile.height_px) < 1 or tile.width_px * tile.height_px > MAX_PIXELS:
            raise _damaged(path, f"gives tile {tile.name} {tile.width_px} x {tile.height_px} px")
    _check_paths(index, path)
    missing = {tile.place.file for tile in index.tiles if tile.place is not None} - set(index.files)
    if missing:
        raise _damaged(path, f"names the unknown source file {min(missing)}")


def _check_paths(index: Index, path: Path) -> None:
    """Everything of an index that becomes a path somewhere: of somebody else's, it may try to lead anywhere."""
    for tile in index.tiles:
        check_name(tile.name, path)
        check_sha256(tile.sha256, path)
        if tile.path_from_project is not None:
            check_way(tile.path_from_project, path)
            check_reference(tile.path, path)
        elif is_absolute(tile.path):
            check_reference(tile.path, path)
        else:
            check_relative(tile.path, path)
    for file in index.files.values():
        if file.path is not None:
            check_reference(file.path, path)
        if file.path_from_project is not None:
            check_way(file.path_from_project, path)
    for objects in index.objects.values():
        check_relative(objects.path, path)
    for run_id in index.rejected:
        check_name(run_id, path)


class IndexWriter:
    """Turns an `Index` into bytes; keeps the lines of what has not changed since, which is nearly all of the file."""

    def __init__(self) -> None:
        self._tiles: tuple[Tile, ...] | None = None
        self._tile_lines = b""
        self._label_lines: dict[str, tuple[LabelStatus, bytes]] = {}

    def encode(self, index: Index) -> bytes:
        """The bytes of project.json."""
        if index.tiles is not self._tiles:
            self._tiles = index.tiles
            self._tile_lines = _list(_tile.dump_json(tile, exclude_defaults=True) for tile in index.tiles)
        labels = [self._label_line(name, status) for name, status in index.labels.items()]
        rejected = (_text(run_id) + b": " + _text(names) for run_id, names in index.rejected.items())
        areas = (_text(name) + b": " + _area.dump_json(area) for name, area in index.rejected_areas.items())
        files = (
            _text(name) + b": " + _file.dump_json(file, exclude_defaults=True) for name, file in index.files.items()
        )
        objects = (_text(name) + b": " + _objects.dump_json(each) for name, each in index.objects.items())
        members = {
            "spec_version": _text(index.spec_version),
            "name": _text(index.name),
            "created_at": _text(index.created_at),
            "next_class_id": _text(index.next_class_id),
            "classes": _list(_class.dump_json(tissue_class) for tissue_class in index.classes),
            "val": _text(index.val),
            "rejected": _block(rejected, b"{}"),
            "rejected_areas": _block(areas, b"{}"),
            "answers": _answers.dump_json(index.answers, exclude_defaults=True),
            "files": _block(files, b"{}"),
            "objects": _block(objects, b"{}"),
            "partly_accepted": _text(index.partly_accepted),
            "labels": _block(labels, b"{}"),
            "tiles": self._tile_lines,
        }
        return b"{\n" + b",\n".join(_text(key) + b": " + value for key, value in members.items()) + b"\n}\n"

    def _label_line(self, name: str, status: LabelStatus) -> bytes:
        kept = self._label_lines.get(name)
        if kept is None or kept[0] is not status:
            kept = status, _text(name) + b": " + _status.dump_json(status)
            self._label_lines[name] = kept
        return kept[1]


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _list(lines: Iterable[bytes]) -> bytes:
    return _block(lines, b"[]")


def _block(lines: Iterable[bytes], brackets: bytes) -> bytes:
    joined = b",\n  ".join(lines)
    return brackets if not joined else brackets[:1] + b"\n  " + joined + b"\n" + brackets[1:]


def _explained(path: Path, cause: ValidationError) -> ProjectError:
    first = cause.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _damaged(path, f"{where + ': ' if where else ''}{first['msg']}")


def _damaged(path: Path, problem: str) -> ProjectError:
    given = f"{path} is damaged ({problem})"
    hint = "repair the project in a terminal (project repair); images and labels are not affected"
    terminal = f"python -m training_core project repair {path.parent}; images and labels are not affected"
    return ProjectError(given, "an index written by napari-unisemalign", hint, terminal=terminal)
