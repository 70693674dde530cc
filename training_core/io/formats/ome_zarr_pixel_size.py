"""How large the pixels of an OME-Zarr image are: the scale of its finest level, in the unit of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from training_core.io.formats.ome_zarr_metadata import ZarrImage
from training_core.io.pixel_size import PixelSize

_PREFIXES = {
    "yocto": -24, "zepto": -21, "atto": -18, "femto": -15, "pico": -12, "nano": -9, "micro": -6, "milli": -3,
    "centi": -2, "deci": -1, "": 0, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9, "tera": 12, "peta": 15, "exa": 18,
    "zetta": 21, "yotta": 24,
}  # fmt: skip
UM_PER_UNIT: Mapping[str, float] = {
    **{f"{prefix}meter": 10.0 ** (power + 6) for prefix, power in _PREFIXES.items()},
    "angstrom": 1e-4,
    "inch": 25_400.0,
    "foot": 304_800.0,
    "yard": 914_400.0,
    "mile": 1_609_344_000.0,
    "parsec": 3.0856775814913673e22,
}
"""The units of length of OME-Zarr, in the spelling of UDUNITS."""
_SYMBOLS = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
"""What others write in their place."""


def um_per_unit(unit: str | None) -> float | None:
    """How many µm a unit is; None: it is no unit of length."""
    if unit is None:
        return None
    word = unit.strip()
    return _SYMBOLS.get(word, UM_PER_UNIT.get(word.casefold().replace("metre", "meter")))


def pixel_size(image: ZarrImage) -> tuple[PixelSize | None, str]:
    """The pixel size of the finest level, and what has to be said of it."""
    scale = image.datasets[0].scale
    if scale is None:
        return None, ""
    sides = []
    for name in "xy":
        axis = image.axes[image.names.index(name)]
        factor, length = um_per_unit(axis.unit), scale[image.names.index(name)]
        if factor is None:
            if axis.unit is None:
                words = f"It states a scale of {length:g} without a unit, so its pixel size is not known."
                return None, words if length != 1 else ""
            return None, f"Its pixel size is not used: its unit {axis.unit!r} is none of length."
        if not (isfinite(length) and length > 0):
            return None, f"Its pixel size is not used: it states {length:g} {axis.unit}."
        sides.append(length * factor)
    return PixelSize(sides[0], sides[1], "ome_zarr"), ""
