"""The files that a Zarr consists of, as bytes: never written, and bounded before they are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from training_core.base.bounded import check_regular, parse_json
from training_core.io.files import Refused

MAX_METADATA_BYTES = 1 << 22
"""Of one group or array; what bioformats2raw writes for a slide has some thousand."""
MAX_CHUNK_BYTES = 1 << 28
"""Of a decoded chunk: as much as is read at once of a TIFF."""
MAX_STORED_BYTES = 2 * MAX_CHUNK_BYTES
WHOLE = slice(None)


class ZarrFiles(Protocol):
    """Where the files of a Zarr are."""

    def read(self, key: str, span: slice, most: int) -> bytes | None:
        """The bytes of a file, or of a span of it; None: there is no such file.

        Raises
        ------
        OSError, ValueError, Refused
            It cannot be read, or has more than `most` bytes.
        """
        ...


class FolderFiles:
    """The files of a local folder; links may not lead out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)

    def read(self, key: str, span: slice, most: int) -> bytes | None:
        """As `ZarrFiles.read`."""
        path = os.path.realpath(os.path.join(self._folder, key))
        if os.path.commonpath((path, self._folder)) != self._folder:
            given = f"has a link or path that leads out of it ({key})"
            raise Refused(given, "a folder that holds all of the image", "copy the folder with what its links lead to")
        try:
            size = check_regular(Path(path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        start, stop, _ = span.indices(size)
        if stop - start > most:
            raise ValueError(f"{key} has {stop - start:,} bytes, where at most {most:,} make sense")
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(max(0, stop - start))


def read_metadata(files: ZarrFiles, key: str) -> Any:
    """The content of a JSON file of metadata; None: there is no such file.

    Raises
    ------
    OSError, ValueError
        It cannot be read, is too large or damaged.
    """
    data = files.read(key, WHOLE, MAX_METADATA_BYTES)
    return None if data is None else parse_json(data)
