"""What is dropped from a file manager, as paths."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QMimeData


def local_paths(data: QMimeData | None) -> list[Path]:
    """The files and folders of a drop; none where something else is dropped, or something from the web."""
    urls = data.urls() if data is not None else []
    return [Path(url.toLocalFile()) for url in urls] if all(url.isLocalFile() for url in urls) else []
