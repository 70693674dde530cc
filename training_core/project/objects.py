"""Files of numbered objects: objects/NAME.tif, of the label's size, 0 where no object is."""

from __future__ import annotations

import io

import numpy as np
import tifffile
from numpy.typing import NDArray

from training_core.project.file_records import NumberedObjects

OBJECTS_FOLDER = "objects"


def encode_objects(name: str, numbers: NDArray[np.int32]) -> tuple[bytes, NumberedObjects]:
    """The bytes of a tile's file, 16 bits where they suffice, else 32; and what the index says of it."""
    found = np.unique(numbers[numbers > 0])
    highest = int(found[-1]) if len(found) else 0
    pixels = numbers.astype(np.uint16 if highest < 2**16 else np.uint32)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="minisblack", compression="zlib", metadata=None)
    return buffer.getvalue(), NumberedObjects(f"{OBJECTS_FOLDER}/{name}.tif", len(found), highest)
