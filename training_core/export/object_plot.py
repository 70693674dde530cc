"""A plot of the measured objects: how many each tile has, and how large they are, class by class."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

    from training_core.export.objects import MeasuredObject

TILES_NAMED = 40
"""Up to so many tiles stand side by side with their names; above, their numbers are drawn as distributions."""
BOX_FROM = 5
"""Objects of a tile from which on its areas get a box."""
_WIDTH_IN, _CLASS_IN, _NAMES_IN = 10.0, 2.6, 1.2
_EDGE = "#333333"


def plot_objects(
    objects: Sequence[MeasuredObject],
    tiles: Sequence[str],
    classes: Mapping[int, tuple[str, str]],
    *,
    title: str,
    file_format: str = "png",
) -> bytes:
    """A row for each class: on the left the numbers of objects, on the right their areas.

    Up to 40 tiles get a bar for the number of objects, a point for each object's area, and from five objects on a box
    with the median and the quartiles of the areas. More tiles are drawn as histograms. Areas are in µm², or in pixels
    if the pixel size of one of the objects' tiles is not known.

    Parameters
    ----------
    tiles
        All that were measured, in the order of the plot: one without an object has a 0.
    classes
        Name and colour (#rrggbb) by class id, of those made of objects.
    file_format
        png (150 dots per inch), svg or pdf.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    named = len(tiles) <= TILES_NAMED
    in_um2 = all(each.area_um2 is not None for each in objects)
    height = _CLASS_IN * len(classes) + _NAMES_IN * named
    figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(len(classes), 2, squeeze=False, sharex="col" if named else False)
    for (counts, areas), (class_id, (name, color)) in zip(axes, classes.items(), strict=True):
        own = [[each for each in objects if (each.tile, each.class_id) == (tile, class_id)] for tile in tiles]
        numbers = [len(each) for each in own]
        sizes = [[float(each.area_um2 if in_um2 else each.area_px) for each in tile] for tile in own]  # type: ignore[arg-type]
        unit = "Area (µm²)" if in_um2 else "Area (pixels)"
        draw = _by_tile if named else _distributions
        draw(counts, areas, numbers, sizes, color)
        total = sum(numbers)
        counts.set_title(f"{name}: {total:,} object{'s' * (total != 1)}", fontsize=10, loc="left")
        areas.set_title(_median(sizes, in_um2), fontsize=10, loc="left")
        if named:
            counts.set_ylabel("Objects")
            areas.set_ylabel(unit)
        else:
            counts.set(xlabel="Objects on a tile", ylabel="Tiles")
            areas.set(xlabel=unit, ylabel="Objects")
    if named:
        for each in axes[-1]:
            each.set_xticks(range(len(tiles)), tiles, rotation=90, fontsize=7)
    picture = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):  # text stays text, which a journal can set anew
        figure.savefig(picture, format=file_format, dpi=150)
    return picture.getvalue()


def _by_tile(counts: Axes, areas: Axes, numbers: Sequence[int], sizes: Sequence[Sequence[float]], color: str) -> None:
    places = range(len(numbers))
    counts.bar(places, numbers, color=color, edgecolor=_EDGE, linewidth=0.5)
    counts.set_ylim(0, max(1.0, 1.1 * max(numbers)))
    counts.yaxis.set_major_locator(_whole_numbers())
    for place, each in zip(places, sizes, strict=True):
        if len(each) >= BOX_FROM:
            areas.boxplot(
                [each],
                positions=[place],
                widths=0.6,
                patch_artist=True,
                boxprops={"facecolor": color, "edgecolor": _EDGE, "linewidth": 0.5},
                medianprops={"color": _EDGE},
                showcaps=False,
                showfliers=False,
                whis=0,  # the points show what lies outside
                manage_ticks=False,
            )
        areas.plot([place] * len(each), each, ".", color=_EDGE, markersize=4)
    for axes in (counts, areas):
        axes.set_xlim(-0.7, len(numbers) - 0.3)
    areas.set_ylim(bottom=0)
    areas.yaxis.set_major_formatter("{x:,.0f}")
    if not any(sizes):
        areas.set_yticks([])


def _distributions(
    counts: Axes, areas: Axes, numbers: Sequence[int], sizes: Sequence[Sequence[float]], color: str
) -> None:
    highest = max(numbers)
    width = max(1, -(-(highest + 1) // 30))  # whole numbers of objects, at most 30 bars
    bins = list(np.arange(0, highest + width + 1, width) - 0.5)
    counts.hist(numbers, bins=bins, color=color, edgecolor=_EDGE, linewidth=0.5)
    pooled = [size for each in sizes for size in each]
    if pooled:
        areas.hist(pooled, bins=30, color=color, edgecolor=_EDGE, linewidth=0.5)
        areas.xaxis.set_major_formatter("{x:,.0f}")
    for axis in (counts.xaxis, counts.yaxis, areas.yaxis):
        axis.set_major_locator(_whole_numbers())


def _whole_numbers() -> MaxNLocator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True)


def _median(sizes: Sequence[Sequence[float]], in_um2: bool) -> str:
    pooled = [size for each in sizes for size in each]
    return f"Median area {np.median(pooled):,.0f} {'µm²' if in_um2 else 'px'}" if pooled else ""
