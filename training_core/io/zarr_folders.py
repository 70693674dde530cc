"""Which folders are Zarr: each is one image, and nobody looks for files in it."""

from __future__ import annotations

import os
from pathlib import Path

from training_core.base.addresses import Address

ENDINGS = (".ome.zarr", ".zarr")
METADATA_NAMES = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
_OF_NODES = METADATA_NAMES[:3]


def is_zarr_folder(path: Path) -> bool:
    """Whether a path is a folder that is called a Zarr, or has the metadata of one. Looks at names only.

    An address is taken for one: of what is on servers, nothing else is read.
    """
    if isinstance(path, Address):
        return True
    if not path.is_dir():
        return False
    return path.name.lower().endswith(ENDINGS) or any((path / name).is_file() for name in _OF_NODES)


def image_name(path: Path) -> str:
    """The image that a folder is named after: scan.ome.zarr, scan.zarr."""
    lower = path.name.lower()
    return next((path.name[: -len(ending)] for ending in ENDINGS if lower.endswith(ending)), path.name)


def folder_state(path: Path) -> tuple[int, int]:
    """How many bytes the metadata of a Zarr have, and when they or a folder in it were changed last, in ns.

    Chunks themselves are not looked at, as there may be millions: a program that writes one renames it into its place,
    which changes the folder.
    """
    size, newest_ns = 0, 0
    for folder, _, names in os.walk(path):
        newest_ns = max(newest_ns, os.stat(folder).st_mtime_ns)
        for name in METADATA_NAMES:
            if name in names:
                status = os.stat(os.path.join(folder, name))
                size, newest_ns = size + status.st_size, max(newest_ns, status.st_mtime_ns)
    return size, newest_ns
