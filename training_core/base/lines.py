"""Files of one record a line, to which lines are appended."""

from __future__ import annotations

from os import SEEK_END
from pathlib import Path

from training_core.base.errors import writing


def append_line(path: Path, line: bytes) -> None:
    """Append a line; where the last one is torn, since the machine stopped meanwhile, on a line of its own.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    with writing(path), path.open("a+b") as file:
        file.seek(max(0, file.seek(0, SEEK_END) - 1))
        is_torn = file.read() not in (b"", b"\n")
        file.write(b"\n" * is_torn + line + b"\n")
