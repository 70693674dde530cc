"""How large a pixel is: what a file states, and whether that can be true."""

from __future__ import annotations

from dataclasses import dataclass

from training_core.base.errors import ConfigError

CREDIBLE_MPP_UM = (0.02, 20.0)
"""What a microscope gives. Files without a resolution often carry their writer's default of 72 dpi, which is 353 µm."""
_SQUARE = 0.02
"""Up to 2 % between width and height is a scanner's calibration; more is another shape of pixel."""


@dataclass(frozen=True)
class PixelSize:
    """The pixel size in µm/px that a file states.

    Attributes
    ----------
    stated_in
        Where: "ome_xml", "aperio", "imagej", "tiff_tags", "png_phys", "jpeg_density", ...
    """

    x_um: float
    y_um: float
    stated_in: str

    @property
    def usable_um(self) -> float | None:
        """What a reader may go by; None: not what a microscope gives, or pixels that are not square."""
        if not (is_credible(self.x_um) and is_credible(self.y_um)) or not self.is_square:
            return None
        return (self.x_um + self.y_um) / 2 if self.x_um != self.y_um else self.x_um

    @property
    def is_square(self) -> bool:
        """Whether width and height are the same, but for a scanner's calibration."""
        return abs(self.x_um - self.y_um) <= _SQUARE * max(self.x_um, self.y_um)

    @property
    def problem(self) -> str | None:
        """Why the stated size is not used."""
        if self.usable_um is not None:
            return None
        if not (is_credible(self.x_um) and is_credible(self.y_um)):
            return f"it states a pixel size of {self.x_um:.4g} µm/px, which no microscope gives"
        return f"its pixels are {self.x_um:.4g} µm wide and {self.y_um:.4g} µm high"


def is_credible(mpp_um: float | None) -> bool:
    """Whether a microscope gives this pixel size in µm/px; None, an unknown one, is not credible."""
    low, high = CREDIBLE_MPP_UM
    return mpp_um is not None and low <= mpp_um <= high


def check_credible(mpp_um: float | None) -> None:
    """Refuse a pixel size in µm/px that no microscope gives; None, not known, is none.

    Raises
    ------
    ConfigError
        Says the range.
    """
    if mpp_um is not None and not is_credible(mpp_um):
        low, high = CREDIBLE_MPP_UM
        hint = "choose a number in this range, such as 0.25 (often 40x) or 0.5 (20x)"
        raise ConfigError(f"the pixel size is {mpp_um:g} µm/px", f"{low} to {high} µm/px", hint)
