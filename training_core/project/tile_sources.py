"""What becomes a tile of a new project: image files, and places on slides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from training_core.base.errors import writing
from training_core.io import encode_png
from training_core.io.atomic import write_synced
from training_core.io.slides import Slide, SlideOptions, SlideTile, is_slide
from training_core.project.creation import IMAGES_FOLDER, FileSource, TileSource
from training_core.project.records import Tile


@dataclass(frozen=True)
class SlideSource:
    """One tile of a slide, always written into the project as PNG."""

    slide: Slide
    place: SlideTile

    @property
    def name(self) -> str:
        """The slide's name and the tile's corner in pixels of the finest level."""
        return f"{self.slide.path.stem}_x{self.place.x_px:05d}_y{self.place.y_px:05d}"

    @property
    def origin(self) -> Path:
        """The slide."""
        return self.slide.path

    def store(self, project: Path, final: Path) -> Tile:
        """Read the pixels at the tile's resolution and write them as PNG."""
        pixels = self.slide.read(self.place)
        data = encode_png(pixels)
        path = f"{IMAGES_FOLDER}/{self.name}.png"
        with writing(project / path):
            write_synced(project / path, data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Tile(self.name, path, pixels.shape[1], pixels.shape[0], sha256, self.slide.options.tile_mpp_um)


@contextmanager
def tile_sources(
    images: Sequence[Path], reference: bool, mpp_um: float | None, slides: SlideOptions
) -> Iterator[list[TileSource]]:
    """The tiles that these files give, while their slides are open.

    Raises
    ------
    ImageError: a slide cannot be used.
    """
    with ExitStack() as stack:
        sources: list[TileSource] = []
        for path in images:
            if is_slide(path):
                slide = stack.enter_context(Slide(path, slides))
                sources.extend(SlideSource(slide, place) for place in slide.tiles())
            else:
                sources.append(FileSource(path, reference, mpp_um))
        yield sources
