"""What an accept or a reject would do to the tile on screen, and in which words; without Qt and without layers.

The same plan is drawn as a preview and carried out, so that what was shown is what happens. All maps are (H, W).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from napari_unisemalign.app.layer_values import U8, Mask
from napari_unisemalign.app.tile_overlays import Overlays
from training_core.base.i18n import ntr, tr
from training_core.class_maps.acceptance import Amount, acceptance, amount, area_at
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.io import read_mask
from training_core.project import UNLABELED, Project, TissueClass
from training_core.project.rejections import Rejection

Where = Mask | tuple[int, int] | float | None
"""A drawn region, the connected area around (row, column), all from a confidence (0 to 1) on; None: the whole tile."""


class Deed(StrEnum):
    """What is to be done with a part of the prediction."""

    ACCEPT = "accept"
    REJECT = "reject"


@dataclass(frozen=True)
class Scene:
    """The tile as it is: class ids of the prediction, of the label and of what was accepted."""

    ids: U8
    """Cleaned up, where that is asked for."""
    label: U8
    accepted: U8
    rejected: Mask
    """What is rejected and not labelled, whenever that was."""
    rejected_now: Mask
    """What of it is of this very prediction: accepting more than what is pointed at leaves it out."""
    confidence: U8
    """0 to 255 for 0 to 1."""


@dataclass(frozen=True)
class Plan:
    """The pixels that would change, how much that is, and what the user painted there."""

    deed: Deed
    target: Mask
    amount: Amount
    kept: int = 0
    """Painted as something else (accept), or labelled (reject), and left alone."""
    left_out: int = 0
    """Rejected, and so not accepted with the whole tile."""
    overpainted: int = 0
    """Painted as something else, and replaced."""
    takes_back: bool = False
    """The area is rejected already: it would not be any longer."""


def scene(
    project: Project,
    name: str,
    ids: U8 | None,
    label: U8,
    overlays: Overlays | None,
    waiting: Rejection | None = None,
) -> Scene:
    """The tile `name` with what is on screen, `ids` of the overlays (None: no prediction) and `label`, and the files.

    waiting: what is rejected, where that is not in the project yet.

    Raises
    ------
    MaskError: a file of the project or of the run is damaged.
    """
    nothing = np.zeros(label.shape, np.uint8)
    if ids is None or overlays is None:
        ids, run_id, confidence = np.full_like(nothing, UNLABELED), "", nothing
    else:
        run_id, confidence = overlays.run_id, read_mask(overlays.confidence)
    rejection = project.rejection(name) if waiting is None else waiting
    is_open = label == UNLABELED
    return Scene(
        ids,
        label,
        project.accepted(name),
        rejection.where & is_open,
        rejection.of_run(run_id) & is_open,
        confidence,
    )


class Cleaner:
    """Cleans predictions up and remembers the last one, so that what the preview found is at hand for the accept."""

    def __init__(self) -> None:
        self._last: tuple[U8, CleanUp, frozenset[int], U8] | None = None

    def known(self, ids: U8, what: CleanUp, background: frozenset[int]) -> U8 | None:
        """The answer where it is at hand at once, (H, W)."""
        if what.is_nothing:
            return ids
        last = self._last  # another thread may replace it
        if last is not None and last[1:3] == (what, background) and np.array_equal(last[0], ids):
            return last[3]
        return None

    def clean(self, ids: U8, what: CleanUp, background: frozenset[int]) -> U8:
        """`ids` (H, W) cleaned up; takes a while, and is safe in any thread."""
        known = self.known(ids, what, background)
        if known is None:
            known = clean_up(ids, what, background)
            self._last = (ids, what, background, known)
        return known


def plan(deed: Deed, where: Where, tile: Scene, *, replace: bool) -> Plan | None:
    """What would happen; None where the prediction has no area at that point. replace: painted labels too."""
    if isinstance(where, tuple):
        if not all(0 <= each < side for each, side in zip(where, tile.ids.shape, strict=True)):
            return None
        if deed is Deed.REJECT and tile.rejected[where]:
            return _take_back(where, tile)
        where = area_at(tile.ids, where)
        if where is None:
            return None
    elif isinstance(where, float):
        return _accept((tile.confidence >= round(255 * where)) & ~tile.rejected_now, tile, replace)
    return _accept(where, tile, replace) if deed is Deed.ACCEPT else _reject(where, tile)


def _accept(where: Mask | None, tile: Scene, replace: bool) -> Plan:
    left_out = 0
    if where is None:
        where, left_out = ~tile.rejected_now, int(np.count_nonzero(tile.rejected_now))
    found = acceptance(tile.ids, where, tile.label, tile.accepted, replace=replace)
    counted = amount(tile.ids, found.target)
    return Plan(Deed.ACCEPT, found.target, counted, found.kept, left_out, found.overpainted)


def _reject(where: Mask | None, tile: Scene) -> Plan:
    predicted = tile.ids != UNLABELED if where is None else where & (tile.ids != UNLABELED)
    target = predicted & (tile.label == UNLABELED)
    kept = int(np.count_nonzero(predicted)) - int(np.count_nonzero(target))
    target = target & ~tile.rejected_now
    return Plan(Deed.REJECT, target, amount(tile.ids, target), kept)


def _take_back(point: tuple[int, int], tile: Scene) -> Plan:
    area = area_at(np.where(tile.rejected, np.uint8(1), np.uint8(UNLABELED)), point)
    assert area is not None
    return Plan(Deed.REJECT, area, amount(tile.ids, area), takes_back=True)


def options_in_words(
    *, pseudo_label: bool, below: float, replaces: bool, is_cleaned: bool, sure_from: float | None
) -> str:
    """What Accept takes otherwise than by default; empty where it does not.

    Parameters
    ----------
    below
        The confidence, 0 to 1, below which nothing is accepted.
    sure_from
        The confidence from which on its own button accepts; None: the usual one.
    """
    parts = [
        tr("only the pseudo-label") if pseudo_label else "",
        tr("nothing below confidence {percent:.0f} %").format(percent=100 * below) if below else "",
        tr("it replaces what you painted") if replaces else "",
        tr("after post-processing") if is_cleaned else "",
        tr("by confidence from {percent:.0f} % on").format(percent=100 * sure_from) if sure_from is not None else "",
    ]
    said = ", ".join(filter(None, parts))
    return tr("Accept takes, otherwise than by default: {parts}.").format(parts=said) if said else ""


def in_words(what: Plan | None, classes: Iterable[TissueClass], mpp_um: float | None = None) -> str:
    """The plan as a sentence, before it is carried out. mpp_um: the size of a pixel; None: it is not known."""
    if what is None:
        return tr("There is no region of the prediction here.")
    if not what.target.any():
        if what.kept:
            return tr("Nothing to do: everything here is annotated already.")
        if what.deed is Deed.ACCEPT:
            return tr("Nothing to do: the annotation is the same here already.")
        return tr("Nothing to do: nothing is predicted here, or it is rejected already.")
    how = _amount(what.amount, {each.id: each.name for each in classes}, mpp_um)
    if what.takes_back:
        return tr("Would no longer be rejected: {amount}.").format(amount=how)
    if what.deed is Deed.REJECT:
        return tr("Reject {amount}.").format(amount=how) + _left_alone(what.kept, tr("annotated"))
    words = tr("Accept {amount}.").format(amount=how) + _left_alone(what.kept, tr("painted"))
    if what.left_out:
        left_out = ntr("{count} rejected pixel is left out.", "{count} rejected pixels are left out.", what.left_out)
        words = f"{words} {left_out.format(count=f'{what.left_out:,}')}"
    if what.overpainted:
        replaced = ntr(
            "{count} painted pixel is replaced.", "{count} painted pixels are replaced.", what.overpainted
        ).format(count=f"{what.overpainted:,}")
        words = f"{words} {replaced}"
    return words


def done_in_words(what: Plan) -> str:
    """What an accept did, as a sentence."""
    if not what.target.any():
        if what.kept:
            return tr("Nothing to accept: everything here is annotated already.")
        return tr("Nothing new to accept here.")
    words = tr("Accepted {count} pixels.").format(count=f"{what.amount.total:,}")
    if what.kept:
        words += tr(" {count} painted pixels were kept as they are.").format(count=f"{what.kept:,}")
    return words + tr(" Correct them with the brush: it is saved by itself.")


def cleaning_in_words(before: U8, after: U8, background: Collection[int]) -> str:
    """What a clean-up changed, in objects and pixels."""
    count = int(np.count_nonzero(before != after))
    if not count:
        return tr("There is nothing to clean up on this tile.")
    objects = [amount(ids, ~np.isin(ids, [*background, UNLABELED])).areas for ids in (before, after)]
    words = ntr(
        "{before} regions become {after}; {count} pixel changes (cyan).",
        "{before} regions become {after}; {count} pixels change (cyan).",
        count,
    )
    return words.format(before=f"{objects[0]:,}", after=f"{objects[1]:,}", count=f"{count:,}")


def _amount(counted: Amount, names: dict[int, str], mpp_um: float | None) -> str:
    """Such as "3 areas, 12,345 pixels, gland"."""
    areas = ntr("{count} region", "{count} regions", counted.areas).format(count=f"{counted.areas:,}")
    if mpp_um is None:
        pixels = ntr("{count} pixel", "{count} pixels", counted.total).format(count=f"{counted.total:,}")
    else:
        pixels = tr("{area} µm²").format(area=f"{counted.total * mpp_um**2:,.0f}")
    if not counted.pixels:
        return f"{areas}, {pixels}" if counted.areas else pixels
    if len(counted.pixels) == 1:
        return f"{areas}, {pixels}, {names.get(next(iter(counted.pixels)), '?')}"
    names_of = {class_id: names.get(class_id, "?") for class_id in counted.pixels}
    shares = [
        f"{names_of[class_id]} {100 * count / counted.total:.0f}\u00a0%" for class_id, count in counted.pixels.items()
    ]
    return f"{areas}, {pixels}, {', '.join(shares)}"


def _left_alone(count: int, how: str) -> str:
    if not count:
        return ""
    words = ntr("{count} {how} pixel stays as it is.", "{count} {how} pixels stay as they are.", count)
    return " " + words.format(count=f"{count:,}", how=how)
