"""Shows how slides would be cut while the form is filled in: what counts as tissue, and which tiles there would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from qtpy.QtCore import QObject, QTimer
from scipy import ndimage

from napari_unisemalign.app.latest import Latest
from napari_unisemalign.app.notify import in_a_sentence
from napari_unisemalign.tiles.new_project.contracts import TissueSurface
from napari_unisemalign.widgets.colors import MARKED, TILE_OUTLINE
from training_core.base.arrays import Rgb8
from training_core.base.errors import UserError
from training_core.base.i18n import ntr, tr
from training_core.base.printable import printable
from training_core.io.inspection import Answers
from training_core.io.slides import Slide, SlideOptions, SlidePlan
from training_core.project.inputs.overview import Becomes, Overview

WAIT_MS = 300
"""So long no number may be changed before slides are looked at."""
PICTURE_PX = (200, 170)
"""The most that a picture is wide and high."""


@dataclass(frozen=True)
class SlideToCut:
    """A slide and how it would be cut."""

    path: Path
    options: SlideOptions
    answers: Answers
    set_um: float | None = None
    """The user's correction of its pixel size."""


@dataclass(frozen=True)
class Cut:
    """What was found.

    Attributes
    ----------
    picture
        The slide (h, w, 3) with tissue and tiles outlined; None: it cannot be cut.
    tiles
        How many there would be.
    """

    words: str
    picture: Rgb8 | None = None
    tiles: int = 0


def slides_to_cut(
    overview: Overview, options: SlideOptions, answers: Answers, set_um: Mapping[str, float]
) -> tuple[SlideToCut, ...]:
    """The slides among the files."""
    return tuple(SlideToCut(each.path, options, answers, set_um.get(each.name)) for each in overview.of(Becomes.SLIDE))


class TissueLook:
    """Looks at one slide after the other, the chosen one first, and again at those that would be cut otherwise."""

    def __init__(self, view: TissueSurface, owner: QObject) -> None:
        self._view = view
        self._slides: tuple[SlideToCut, ...] = ()
        self._chosen = 0
        self._found: list[tuple[SlideToCut, Cut]] = []
        self._latest = Latest(owner, self._refuse)
        self._asked: SlideToCut | None = None
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._go_on)
        view.chosen.connect(self._choose)

    @property
    def is_settled(self) -> bool:
        """Whether every slide has been looked at."""
        return not self._timer.isActive() and not self._latest.busy

    def show(self, slides: Sequence[SlideToCut]) -> None:
        """Show these, once nothing is changed any more."""
        if tuple(slides) == self._slides:
            return
        if [each.path for each in slides] != [each.path for each in self._slides]:
            self._chosen = 0
            self._view.set_slides([printable(each.path.name) for each in slides])
        self._slides = tuple(slides)
        self._found = [(slide, cut) for slide, cut in self._found if slide in self._slides]
        self._latest.drop()
        self._asked = None
        self._timer.start()
        self._refresh()

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._timer.stop()
        self._latest.drop()

    def _choose(self, number: int) -> None:
        if 0 <= number < len(self._slides):
            self._chosen = number
            self._refresh()
            self._go_on()

    def _go_on(self) -> None:
        first = self._slides[self._chosen : self._chosen + 1]
        todo = [slide for slide in (*first, *self._slides) if self._cut_of(slide) is None]
        if todo and todo[0] != self._asked:
            slide = self._asked = todo[0]
            self._latest.ask(lambda: look(slide), lambda cut: self._keep(slide, cut))

    def _keep(self, slide: SlideToCut, cut: Cut) -> None:
        self._found.append((slide, cut))
        self._asked = None
        self._refresh()
        self._go_on()

    def _refuse(self, error: UserError) -> None:
        if self._asked is not None:
            self._keep(self._asked, Cut(in_a_sentence(error)))

    def _cut_of(self, slide: SlideToCut) -> Cut | None:
        return next((cut for each, cut in self._found if each == slide), None)

    def _refresh(self) -> None:
        if not self._slides:
            return
        cut = self._cut_of(self._slides[self._chosen])
        if cut is None:
            self._view.show_cut(None, tr("Looking for tissue …"))
        else:
            self._view.show_cut(cut.picture, "\n".join(filter(None, (cut.words, self._in_all()))))

    def _in_all(self) -> str:
        """The sum over several slides, once it is known."""
        cuts = [self._cut_of(slide) for slide in self._slides]
        known = [cut for cut in cuts if cut is not None]
        if len(cuts) < 2:
            return ""
        if len(known) < len(cuts):
            return tr("{done} of {count} slides looked at …").format(done=len(known), count=len(cuts))
        words = tr("All {count} slides: {tiles} tiles.")
        return words.format(count=len(cuts), tiles=f"{sum(cut.tiles for cut in known):,}")


def look(slide: SlideToCut) -> Cut:
    """Read a slide's overview and find its tiles; for a thread.

    Raises
    ------
    UserError
        It cannot be cut.
    """
    with Slide(slide.path, slide.options, slide.answers, slide.set_um) as opened:
        plan = opened.plan()
        side, width = opened.side_px, opened.width_px
    return Cut(" ".join(_in_words(plan, slide.options)), picture(plan, side / width, width), len(plan.tiles))


def picture(plan: SlidePlan, side: float, width_px: int) -> Rgb8:
    """The overview, small, with the edge of the tissue and the tiles that would be cut.

    Parameters
    ----------
    side
        That of a tile, as a share of the slide's width.
    width_px
        The slide's width, in which the places of tiles are given.
    """
    height, width = plan.tissue.shape
    scale = min(1.0, PICTURE_PX[0] / width, PICTURE_PX[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.array(Image.fromarray(plan.overview).resize(size, Image.Resampling.BOX))
    share = Image.fromarray(plan.tissue.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    mask = np.asarray(share) >= 128
    image = Image.fromarray(small)
    draw = ImageDraw.Draw(image)
    for tile in plan.tiles:
        left, top = (each / width_px * size[0] for each in (tile.x_px, tile.y_px))
        edge = (left, top, left + side * size[0] - 1, top + side * size[0] - 1)
        draw.rectangle([round(each) for each in edge], outline=TILE_OUTLINE)
    pixels = np.array(image)
    pixels[mask & ~ndimage.binary_erosion(mask, border_value=1)] = _rgb(MARKED)
    return pixels


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))


def _in_words(plan: SlidePlan, options: SlideOptions) -> list[str]:
    least, count = f"{100 * options.min_tissue:.3g}", len(plan.tiles)
    tiles = ntr(
        "{count} tile of {side} px at {mpp:g} µm/px.", "{count} tiles of {side} px at {mpp:g} µm/px.", count
    ).format(count=f"{count:,}", side=options.tile_px, mpp=options.tile_mpp_um)
    share = tr("Tissue, outlined, covers {share:.0f} % of the slide (saturation above {least:.3g} %).").format(
        share=100 * plan.tissue.mean(), least=100 * plan.saturation
    )
    words = [tiles, share]
    if not count:
        most = tr(
            "No tile has {least} % tissue: most has one of {most:.1f} %. Lower the share, or leave the slide out."
        )
        words[0] = most.format(least=least, most=100 * plan.most_tissue)
    if plan.too_little:
        left = ntr(
            "{count} place with some tissue, but less than {least} %, is left out.",
            "{count} places with some tissue, but less than {least} %, are left out.",
            plan.too_little,
        )
        words.append(left.format(count=f"{plan.too_little:,}", least=least))
    if plan.too_many:
        more = ntr(
            "{count} more is left out, because {most} are the most.",
            "{count} more are left out, because {most} are the most.",
            plan.too_many,
        )
        words.append(more.format(count=f"{plan.too_many:,}", most=f"{options.max_tiles:,}"))
    return words
