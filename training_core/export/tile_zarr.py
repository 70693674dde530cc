"""OME-Zarr of a tile: a folder NAME.ome.zarr with its image, and what is exported of it as the image's labels.

Format: OME-NGFF 0.4 (zarr 2), which most programs read, or 0.5 (zarr 3). A tile that is a place on a slide lies where
it was cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import UNLABELED, Rgb8
from training_core.export.about import about
from training_core.export.content import Content
from training_core.export.ngff import ZARR_FORMAT, Version, attributes, image_label, multiscale, rgb_channels
from training_core.export.tile_mask import TileMask
from training_core.io.drawings.ome_zarr import ABOUT_KEY, UNLABELLED_KEY

CHUNK_PX = 1024
NAMES: Mapping[Content, str] = {"labels": "annotations", "predictions": "prediction", "merged": "merged"}
"""What the labels are called."""


def files_of_04(mask: TileMask) -> dict[str, bytes]:
    """The files of the folder, by their paths in it, in version 0.4."""
    return _files(mask, "0.4")


def files_of_05(mask: TileMask) -> dict[str, bytes]:
    """The same in version 0.5."""
    return _files(mask, "0.5")


def _files(mask: TileMask, version: Version) -> dict[str, bytes]:
    import zarr
    from zarr.storage import MemoryStore

    tile, name, origin = mask.tile, NAMES[mask.content], _origin(mask)
    written: dict[str, Any] = {}
    root = zarr.open_group(MemoryStore(written), mode="w", zarr_format=ZARR_FORMAT[version])
    images, masks = _image_levels(mask.project.image(tile.name)), _mask_levels(mask.values)
    scales = [2.0**level for level in range(len(masks))]
    for level, (image, values) in enumerate(zip(images, masks, strict=True)):
        _write(root, str(level), np.moveaxis(image, 2, 0), "cyx", version)
        _write(root, f"labels/{name}/{level}", values, "yx", version)
    whole = multiscale(tile.name, "cyx", scales, tile.mpp_um, origin, averaged=True)
    root.attrs.update(attributes({"multiscales": [whole], "omero": rgb_channels()}, version))
    root["labels"].attrs.update(attributes({"labels": [name]}, version))
    of_labels = {
        "multiscales": [multiscale(name, "yx", scales, tile.mpp_um, origin)],
        "image-label": image_label(mask.project.classes, mask.value_of),
    }
    ours: dict[str, Any] = {ABOUT_KEY: {**about(mask), UNLABELLED_KEY: int(mask.value_of[UNLABELED])}}
    root[f"labels/{name}"].attrs.update({**attributes(of_labels, version), **ours})
    return {path: content.to_bytes() for path, content in written.items()}


def _write(root: Any, name: str, data: NDArray[np.uint8], axes: str, version: Version) -> None:
    """One level; its chunks lie in folders, as both versions want it."""
    options: dict[str, Any] = {"dimension_names": list(axes)}
    if version == "0.4":
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    chunks = (*data.shape[:-2], CHUNK_PX, CHUNK_PX)
    array = root.create_array(name, shape=data.shape, dtype=data.dtype, chunks=chunks, fill_value=0, **options)
    array[...] = data


def _image_levels(image: Rgb8) -> list[Rgb8]:
    levels = [image]
    while max(levels[-1].shape) > CHUNK_PX:
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(2)))
    return levels


def _mask_levels(values: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Every second pixel of every second row: what is between two classes is neither of them."""
    levels = [values]
    while max(levels[-1].shape) > CHUNK_PX:
        levels.append(levels[-1][::2, ::2])
    return levels


def _origin(mask: TileMask) -> tuple[float, float]:
    """Where the tile begins on its slide, in its own pixels; without a pixel size nobody could tell them apart."""
    place = mask.tile.place
    if place is None or place.scale is None or mask.tile.mpp_um is None:
        return 0.0, 0.0
    return place.x_px / place.scale, place.y_px / place.scale
