"""`open_levels`: a slide or tiled file by its reader: this program's own for TIFF and OME-Zarr, else OpenSlide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from training_core.base.arrays import Rgb8
from training_core.base.errors import ImageError
from training_core.io.facts import Use
from training_core.io.files import OPENSLIDE_KINDS, FileKind, decoding, file_kind
from training_core.io.formats.openslide_file import OpenedSlide
from training_core.io.formats.tiff_pages import open_tiff
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import header_facts
from training_core.io.inspection.rules import refuse
from training_core.io.levels import Levels
from training_core.io.tiff_levels import TiffLevels
from training_core.io.zarr_levels import ZarrLevels


class OpenSlideLevels(Levels):
    """The levels of a slide that OpenSlide reads."""

    def __init__(self, slide: OpenedSlide, answers: Answers) -> None:
        self._slide, facts = slide, slide.facts
        refuse(facts, Use.IMAGE, whole=False)
        # QuPath counts from the corner of what OpenSlide calls the bounds, where the picture begins too.
        super().__init__(facts.path, answers, facts, facts.levels, slide.objective, corner_px=(0, 0))

    def read(self, level: int, left: int, top: int, width: int, height: int) -> Rgb8:
        """As `Levels.read`."""
        return self._slide.read(level, left, top, width, height)


@contextmanager
def open_levels(path: Path, answers: Answers = UNASKED) -> Iterator[Levels]:
    """The levels of a slide or a TIFF, while the block runs.

    Raises
    ------
    ImageError
        Missing, damaged, neither a TIFF nor a slide, a colour model that is not read, an unanswered question, or
        OpenSlide is needed and not installed.
    """
    kind = file_kind(path, ImageError)
    if kind not in (FileKind.TIFF, FileKind.OME_ZARR) and kind not in OPENSLIDE_KINDS:
        given = f"{path} is a {kind} file, which has no levels"
        raise ImageError(given, "a TIFF or a slide", "export it as a pyramidal TIFF")
    with ExitStack() as stack:
        yield _opened(path, kind, answers, stack)


def _opened(path: Path, kind: FileKind, answers: Answers, stack: ExitStack) -> Levels:
    if kind is FileKind.OME_ZARR:
        with decoding(path, kind, ImageError):
            return ZarrLevels(path, answers)
    if kind is FileKind.TIFF:
        try:
            with decoding(path, kind, ImageError):
                return TiffLevels(path, stack.enter_context(open_tiff(path)), answers)
        except ImageError:
            kind = header_facts(path, Use.IMAGE, answers.plane).kind
            if kind is FileKind.TIFF:
                raise
    slide = OpenedSlide(path, kind)
    stack.callback(slide.close)
    return OpenSlideLevels(slide, answers)
