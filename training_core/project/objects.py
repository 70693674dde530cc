"""Files of numbered objects: objects/NAME.tif, of the label's size, 0 where no object is."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.base.safe_paths import within
from training_core.project.file_records import NumberedObjects

OBJECTS_FOLDER = "objects"

Groups = tuple[tuple[int, ...], ...]
"""Numbers that count as one object; 0 stands for what was painted beside them and has no number."""


@dataclass(frozen=True, eq=False)
class KnownObjects:
    """What a tile's mask said of its objects, and which of them were merged since.

    Attributes
    ----------
    numbers
        (H, W), 0 where no object is.
    merged
        Groups of these numbers.
    """

    numbers: NDArray[np.int32]
    merged: Groups = ()


def merged_with(groups: Groups, numbers: Iterable[int]) -> Groups:
    """The groups with these numbers in one, together with whatever was merged with them before."""
    together, rest = set(numbers), []
    for group in groups:
        if together & set(group) - {0}:
            together |= set(group)
        else:
            rest.append(group)
    return (*rest, tuple(sorted(together)))


def read_objects(project: Path, known: NumberedObjects) -> KnownObjects:
    """The numbered objects of a tile."""
    numbers = tifffile.imread(within(project, *known.path.split("/")))
    return KnownObjects(np.asarray(numbers).astype(np.int32), known.merged)


def encode_objects(name: str, numbers: NDArray[np.int32]) -> tuple[bytes, NumberedObjects]:
    """The bytes of a tile's file, 16 bits where they suffice, else 32; and what the index says of it."""
    found = np.unique(numbers[numbers > 0])
    highest = int(found[-1]) if len(found) else 0
    pixels = numbers.astype(np.uint16 if highest < 2**16 else np.uint32)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="minisblack", compression="zlib", metadata=None)
    return buffer.getvalue(), NumberedObjects(f"{OBJECTS_FOLDER}/{name}.tif", len(found), highest)
