"""What becomes a tile of a new project: image files, and places on slides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from training_core.base.attempts import Attempts
from training_core.base.errors import writing
from training_core.io import encode_png
from training_core.io.atomic import write_synced
from training_core.io.inspection import UNASKED, Answers
from training_core.io.pixel_size import check_credible
from training_core.io.slides import Slide, SlideOptions, SlideTile, is_slide
from training_core.project.creation import (
    FileSource,
    TileSource,
    pixel_size_source,
    relative_to_project,
    stated_by_file,
)
from training_core.project.file_records import PixelSizeSource, Place, SourceFile
from training_core.project.inputs.names import tile_name
from training_core.project.own_folders import IMAGES_FOLDER
from training_core.project.records import Tile


@dataclass(frozen=True)
class SlideSource:
    """One tile of a slide, always written into the project as PNG."""

    slide: Slide
    place: SlideTile
    file: str
    """The slide's name in the index."""

    @property
    def name(self) -> str:
        """The slide's name and the tile's corner in pixels of the finest level."""
        return f"{tile_name(self.slide.path)}_x{self.place.x_px:05d}_y{self.place.y_px:05d}"

    @property
    def origin(self) -> Path:
        """The slide."""
        return self.slide.path

    def store(self, project: Path, final: Path) -> Tile:
        """Read the pixels at the tile's resolution and write them as PNG."""
        pixels = self.slide.read(self.place)
        data = encode_png(pixels, self.slide.options.tile_mpp_um)
        path = f"{IMAGES_FOLDER}/{self.name}.png"
        with writing(project / path):
            write_synced(project / path, data)
        sha256 = hashlib.sha256(data).hexdigest()
        options = self.slide.options
        return Tile(
            self.name,
            path,
            pixels.shape[1],
            pixels.shape[0],
            sha256,
            options.tile_mpp_um,
            mpp_set_by=_set_by(self.slide),
            place=Place(self.file, self.place.x_px, self.place.y_px, self.slide.side_px / options.tile_px),
        )


@contextmanager
def tile_sources(
    images: Sequence[Path],
    reference: bool,
    mpp_um: float | None,
    slides: SlideOptions,
    answers: Answers = UNASKED,
    attempts: Attempts | None = None,
    pixel_sizes: Mapping[str, float] | None = None,
) -> Iterator[list[TileSource]]:
    """The tiles that these files give, while their slides are open.

    Parameters
    ----------
    mpp_um
        Pixel size in µm/px of files that state none.
    attempts
        Keeps what is wrong with slides, which are then left out; None: the first bad slide is raised.
    pixel_sizes
        What the user set for single files, by their names, whatever they state.

    Raises
    ------
    ImageError
        A slide cannot be used.
    ConfigError
        A pixel size that no microscope gives.
    """
    attempts = attempts or Attempts(strict=True)
    own = pixel_sizes or {}
    for each in own.values():
        check_credible(each)
    with ExitStack() as stack:
        sources: list[TileSource] = []
        stems: list[str] = []
        for path in images:
            if not is_slide(path):
                sources.append(FileSource(path, reference, mpp_um, answers, own.get(tile_name(path))))
                continue
            with attempts.each(path.name, counts=False):
                slide = stack.enter_context(Slide(path, slides, answers, own.get(tile_name(path))))
                stem = tile_name(path)
                same, stems = stems.count(stem), [*stems, stem]
                name = f"{stem}-{same + 1}" if same else stem
                sources.extend(SlideSource(slide, place, name) for place in slide.tiles())
        yield sources


def source_files(sources: Iterable[TileSource], project: Path) -> dict[str, SourceFile]:
    """The slides among the sources, as the index of the project names them."""
    slides = {source.file: source.slide for source in sources if isinstance(source, SlideSource)}
    return {name: _source_file(slide, project) for name, slide in slides.items()}


def _source_file(slide: Slide, project: Path) -> SourceFile:
    path = slide.path.resolve()
    return SourceFile(
        str(path),
        relative_to_project(path, project),
        slide.width_px,
        slide.height_px,
        slide.mpp_um,
        _set_by(slide),
        stated_by_file(slide.facts.pixel_size),
        slide.objective,
        corner_px=slide.corner_px,
    )


def _set_by(slide: Slide) -> PixelSizeSource:
    return pixel_size_source(slide.set_um, slide.usable_mpp_um, slide.options.mpp_um)
