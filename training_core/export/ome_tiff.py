"""OME-TIFF: the values of a mask with the physical size of its pixels and the names of the classes."""

from __future__ import annotations

import hashlib
import io
import uuid
from typing import Any

import tifffile

from training_core.base.arrays import UNLABELED
from training_core.export.tile_mask import TileMask
from training_core.io.encode import resolution_tags

_NAMESPACE = uuid.UUID("0d9c3a6e-52c4-4c0f-8d0a-3d5b4e8a6f70")


def ome_tiff_bytes(mask: TileMask) -> bytes:
    """The mask as an OME-TIFF; a map annotation names the class of each value."""
    names = {str(mask.value_of[each.id]): each.name for each in mask.project.classes}
    content = f"{mask.project.index.created_at}/{mask.tile.name}".encode() + mask.values.tobytes()
    metadata: dict[str, Any] = {
        "UUID": str(uuid.uuid5(_NAMESPACE, hashlib.sha256(content).hexdigest())),  # the same file for the same mask
        "axes": "YX",
        "Name": mask.tile.name,
        "Channel": {"Name": "classes"},
        "MapAnnotation": {"Namespace": "classes", **names, str(mask.value_of[UNLABELED]): "unannotated"},
    }
    mpp_um = mask.tile.mpp_um
    if mpp_um is not None:
        for axis in "XY":
            metadata |= {f"PhysicalSize{axis}": mpp_um, f"PhysicalSize{axis}Unit": "µm"}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        mask.values,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        metadata=metadata,
        **resolution_tags(mpp_um),
    )
    return buffer.getvalue()
