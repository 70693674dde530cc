"""What a new project and an addition to one take alike: files, how they are read, and which masks become labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from training_core.base.attempts import Attempts
from training_core.io.slides import SlideOptions
from training_core.project.creation import TileSource
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.importing import LabelPlan, Masks, plan_labels
from training_core.project.inputs.names import shared_names
from training_core.project.records import TissueClass
from training_core.project.sources import find_images
from training_core.project.tile_sources import tile_sources


class ImportOptions(TypedDict, total=False):
    """How files become tiles and labels; what is left out has its default."""

    masks: Masks
    """A folder of masks named like the images (`match_masks`), or each image's own mask by the image's name."""
    mask_values: Mapping[int, int] | Mapping[str, int] | None
    """Mask value, range (1-40) or colour (#rrggbb) to class id, or to 255 for not labelled (default: class ids)."""
    mask_names: str | None
    """What masks in a folder are called, such as "{name}_tissue"."""
    labeled: Sequence[str] | None
    """Names of the tiles whose masks become labels (default: all that have one)."""
    val: Sequence[str]
    """Names of the validation tiles; they need masks."""
    cases: Mapping[str, str] | None
    """The patient or slide of images, by their names."""
    reference: bool
    """Whether the images stay where they are."""
    mpp_um: float | None
    """Pixel size in µm/px of the images that state none."""
    pixel_sizes: Mapping[str, float] | None
    """What the user set for single files, by their names, whatever they state."""
    slides: SlideOptions | None
    """How whole slides among the images are cut into tiles."""
    answers: FileAnswers
    """How the files are read; the project keeps it."""


@contextmanager
def planned(
    images: Sequence[Path], classes: Sequence[TissueClass], attempts: Attempts | None, options: ImportOptions
) -> Iterator[tuple[list[TileSource], LabelPlan]]:
    """The tiles that files and folders of images give, while their slides are open, and what they are labelled with.

    Raises
    ------
    ProjectError, ImageError, MaskError
        Files, lists or masks that cannot be used; with `attempts`, what is wrong with one file is kept there.
    """
    cut, mpp_um = options.get("slides") or SlideOptions(), options.get("mpp_um")
    if mpp_um is not None:
        cut = dataclasses.replace(cut, mpp_um=mpp_um)
    answers = options.get("answers", NO_ANSWERS)
    reference, sizes = options.get("reference", False), options.get("pixel_sizes")
    with tile_sources(find_images(images), reference, mpp_um, cut, answers.image, attempts, sizes) as sources:
        names = list(dict.fromkeys(source.name for source in sources))
        _leave_out_shared_names(sources, attempts or Attempts(strict=True))
        plan = plan_labels(
            names,
            classes,
            masks=options.get("masks"),
            mask_values=options.get("mask_values"),
            labeled=options.get("labeled"),
            val=options.get("val", ()),
            mask_names=options.get("mask_names"),
            answers=answers,
            cases=options.get("cases"),
        )
        yield sources, plan


def _leave_out_shared_names(sources: list[TileSource], attempts: Attempts) -> None:
    """Nobody can tell which of two files of one name is meant, so neither becomes a tile."""
    errors = shared_names((source.name, source.origin) for source in sources)
    for path, error in errors.items():
        with attempts.each(path.name, counts=False):
            raise error
    sources[:] = [source for source in sources if source.origin not in errors]
