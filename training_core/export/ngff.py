"""The metadata of OME-Zarr (OME-NGFF), as its versions 0.4 and 0.5 have them.

Format: https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from numpy.typing import NDArray

from training_core.project import TissueClass

Version = Literal["0.4", "0.5"]
ZARR_FORMAT: Mapping[Version, Literal[2, 3]] = {"0.4": 2, "0.5": 3}


def attributes(metadata: Mapping[str, Any], version: Version = "0.4") -> dict[str, Any]:
    """The attributes of a group with this metadata: 0.4 has the version in each part, 0.5 once for all of them."""
    if version == "0.5":
        return {"ome": {"version": version, **metadata}}
    found = dict(metadata)
    if "multiscales" in found:
        found["multiscales"] = [{"version": version, **each} for each in found["multiscales"]]
    for part in ("image-label", "omero"):
        if part in found:
            found[part] = {"version": version, **found[part]}
    return found


def multiscale(
    name: str,
    axes: str,
    scales: Sequence[float],
    mpp_um: float | None,
    origin_px: tuple[float, float] = (0.0, 0.0),
    *,
    averaged: bool = False,
) -> dict[str, Any]:
    """An image with its levels 0, 1, ...

    Parameters
    ----------
    axes
        One letter each, such as cyx.
    scales
        How many pixels of the finest level one of each level is wide.
    mpp_um
        Pixel size of the finest level in µm/px; None: not known, and everything is in pixels.
    origin_px
        Where it begins, x and y, in pixels of the finest level.
    averaged
        Whether a pixel of a level is the mean of those below it, so that its centre lies among theirs, and not one of
        them.
    """
    unit = {} if mpp_um is None else {"unit": "micrometer"}
    known_axes = [{"name": axis, "type": "space", **unit} if axis in "yx" else _channels(axis) for axis in axes]
    size, start = mpp_um or 1.0, {"x": origin_px[0], "y": origin_px[1]}
    datasets = []
    for level, scale in enumerate(scales):
        shift = (scale - 1) / 2 if averaged else 0.0
        moves = [size * (start[axis] + shift) if axis in start else 0.0 for axis in axes]
        transformations: list[dict[str, Any]] = [
            {"type": "scale", "scale": [size * scale if axis in start else 1.0 for axis in axes]}
        ]
        if any(moves):
            transformations.append({"type": "translation", "translation": moves})
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    return {"name": name, "axes": known_axes, "datasets": datasets}


def image_label(classes: Sequence[TissueClass], value_of: Sequence[int] | NDArray[Any] = range(256)) -> dict[str, Any]:
    """What the values of a mask are: the colour and the name of each class; a value without a class is not listed.

    Parameters
    ----------
    value_of
        What the mask holds for each class id.
    """
    values = [(int(value_of[each.id]), each) for each in classes]
    return {
        "colors": [{"label-value": value, "rgba": [*bytes.fromhex(each.color[1:7]), 255]} for value, each in values],
        "properties": [{"label-value": value, "class": each.name} for value, each in values],
        "source": {"image": "../../"},
    }


def rgb_channels() -> dict[str, Any]:
    """How a viewer shows the three channels of a colour image of 8 bits."""
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    colours = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
    channels = [
        {"label": name, "color": colour, "active": True, "window": window, "family": "linear", "coefficient": 1}
        for name, colour in colours.items()
    ]
    return {"channels": channels, "rdefs": {"model": "color"}}


def _channels(axis: str) -> dict[str, Any]:
    return {"name": axis, "type": "channel"}
