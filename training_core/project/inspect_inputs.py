"""What images and masks would give a project, before one is made. Torch-free; reads every mask, so it takes a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training_core.base.progress import ReportProgress
from training_core.io import read_mask
from training_core.io.resolution import file_mpp_um
from training_core.io.slides import is_slide, states_resolution
from training_core.project.inputs.names import check_names, tile_name
from training_core.project.labels import value_counts
from training_core.project.sources import find_images, find_masks


@dataclass(frozen=True)
class FoundImages:
    """What lies in a folder of images.

    Attributes
    ----------
    images
        Image files.
    slides
        Files of whole slides.
    mpp_um
        Pixel size in µm/px that the first image states; None where it states nothing.
    unsized
        The slides that do not say how large a pixel is, which they must be told.
    """

    images: tuple[Path, ...]
    slides: tuple[Path, ...]
    mpp_um: float | None
    unsized: tuple[Path, ...] = ()


@dataclass(frozen=True)
class FoundMasks:
    """Masks that were found.

    Attributes
    ----------
    matched
        How many images have a mask.
    values
        Mask value to number of pixels in all of them.
    """

    matched: int
    values: dict[int, int]


def inspect_images(paths: Sequence[Path]) -> FoundImages:
    """Which images and slides these files and folders hold.

    Raises
    ------
    ImageError
        A path that does not exist, a folder without a usable file, two images of one name, or a slide that cannot
        be opened.
    """
    files = find_images(paths)
    check_names((tile_name(path), path) for path in files)
    slides = tuple(path for path in files if is_slide(path))
    images = tuple(path for path in files if path not in set(slides))
    unsized = tuple(path for path in slides if not states_resolution(path))
    return FoundImages(images, slides, file_mpp_um(images[0]) if images else None, unsized)


def inspect_masks(folder: Path, images: Sequence[Path], progress: ReportProgress | None = None) -> FoundMasks:
    """Which values the masks of these images have.

    Raises
    ------
    MaskError
        No folder, no mask that fits an image, or a damaged one.
    ImageError
        As `inspect_images`.
    """
    masks = find_masks(folder, [tile_name(path) for path in find_images(images)])
    counts: Counter[int] = Counter()
    for number, path in enumerate(masks.values()):
        if progress is not None:
            progress(number, len(masks), path.name)
        counts.update(value_counts(read_mask(path)))
    return FoundMasks(len(masks), dict(sorted(counts.items())))
