"""OME-Zarr images as other programs write them: by zarr itself, with metadata by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

RGB_CHANNELS = {
    "channels": [
        {"label": f"Channel {at}", "color": color, "active": True}
        for at, color in enumerate(("FF0000", "00FF00", "0000FF"))
    ],
    "rdefs": {"model": "color"},
}
"""As bioformats2raw describes RGB."""


def axes_of(letters: str, unit: str | None = "micrometer") -> list[dict[str, str]]:
    """The axes of OME, one letter each."""
    kinds = {"t": "time", "c": "channel"}
    units = {} if unit is None else {"unit": unit}
    return [
        {"name": each, "type": kinds[each]} if each in kinds else {"name": each, "type": "space", **units}
        for each in letters
    ]


def write_ome_zarr(
    path: Path,
    levels: Sequence[NDArray[Any]],
    axes: str = "cyx",
    *,
    version: str = "0.4",
    scales: Sequence[float] | None = None,
    mpp_um: float = 0.5,
    unit: str | None = "micrometer",
    omero: dict[str, Any] | None = None,
    chunk_px: int = 64,
    group: str = "",
    attributes: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """The folder; `scales`: how many pixels of the finest level one of each level is wide; `options` are zarr's."""
    root = zarr.open_group(path, mode="a", zarr_format=3 if version == "0.5" else 2)
    image = root.require_group(group) if group else root
    datasets = []
    for number, data in enumerate(levels):
        scale = scales[number] if scales else levels[0].shape[-1] / data.shape[-1]
        chunks = tuple(
            min(chunk_px, length) if name in "yx" else 1 for name, length in zip(axes, data.shape, strict=True)
        )
        array = image.create_array(
            str(number), shape=data.shape, dtype=data.dtype, **{"chunks": chunks, "fill_value": 0, **options}
        )
        array[...] = data
        sizes = [mpp_um * scale if name in "yx" else 1.0 for name in axes]
        transformations: list[dict[str, Any]] = [{"type": "scale", "scale": sizes}]
        datasets.append({"path": str(number), "coordinateTransformations": transformations})
    found: dict[str, Any] = {"multiscales": [{"name": "scan", "axes": axes_of(axes, unit), "datasets": datasets}]}
    if omero is not None:
        found["omero"] = omero
    found |= attributes or {}
    if version == "0.5":
        image.attrs.update({"ome": {"version": version, **found}})
    else:
        found["multiscales"][0]["version"] = version
        image.attrs.update(found)
    return path
