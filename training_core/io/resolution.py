"""The pixel size that readers go by: what a file states, where a microscope could have given it."""

from __future__ import annotations

from pathlib import Path

from training_core.base.errors import ImageError
from training_core.io.facts import FileFacts, Use
from training_core.io.files import file_kind
from training_core.io.inspection.loading import header_facts


def file_mpp_um(path: Path) -> float | None:
    """µm/px that the file states; None: it states none, one that no microscope gives, or pixels that are not square.

    Raises
    ------
    ImageError
        Missing, empty, or not a picture file.
    """
    file_kind(path, ImageError)
    try:
        return usable_mpp_um(header_facts(path, Use.IMAGE))
    except ImageError:
        return None  # whatever else is wrong with the file, reading it as an image says it better


def usable_mpp_um(facts: FileFacts) -> float | None:
    """µm/px by the facts of a file, as `file_mpp_um`."""
    return None if facts.pixel_size is None else facts.pixel_size.usable_um
