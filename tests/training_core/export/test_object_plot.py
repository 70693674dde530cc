"""The plot of objects: its bars are measured in the picture, its words read in the SVG."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from training_core.export.object_plot import plot_objects
from training_core.export.objects import MeasuredObject

GLAND = {1: ("gland", "#2040ff")}


def objects(tile: str, areas: list[int], *, mpp_um: float | None = 0.5, class_id: int = 1) -> list[MeasuredObject]:
    return [
        MeasuredObject(tile, n, class_id, "gland", a, a * mpp_um**2 if mpp_um else None, 1, 1, 1, 0, 0, None, False)
        for n, a in enumerate(areas, 1)
    ]


def words(svg: bytes) -> list[str]:
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(each.itertext()).strip() for each in texts]


def bars(png: bytes) -> list[int]:
    """Heights in pixels of the bars of the left plot, from left to right."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    blue = (np.abs(pixels - (0x20, 0x40, 0xFF)).max(axis=2) < 8)[:, : pixels.shape[1] // 2]
    heights = blue.sum(axis=0)
    starts = np.flatnonzero((heights > 0) & (np.roll(heights, 1) == 0))
    return [int(np.median(heights[start : start + 20])) for start in starts]


def test_a_bar_is_as_high_as_its_number_and_a_tile_without_an_object_has_none() -> None:
    found = objects("a", [100] * 8) + objects("c", [100] * 2) + objects("d", [100] * 4)
    high, low, middle = bars(plot_objects(found, ["a", "b", "c", "d"], GLAND, title="t"))
    assert high / low == pytest.approx(4, rel=0.03)
    assert middle / low == pytest.approx(2, rel=0.03)


def test_it_names_classes_tiles_numbers_and_the_unit() -> None:
    found = objects("a", [400, 800, 1200]) + objects("b", [4000], class_id=2)
    styles = GLAND | {2: ("vessel & nerve", "#ff2020")}
    said = words(plot_objects(found, ["a", "b"], styles, title="colon, 2 tiles", file_format="svg"))
    assert {"colon, 2 tiles", "gland: 3 objects", "vessel & nerve: 1 object", "a", "b"} <= set(said)
    assert said.count("Area (µm²)") == 2
    assert {"Median area 200 µm²", "Median area 1,000 µm²"} <= set(said)  # 800 and 4000 px of 0.25 µm²


def test_one_tile_without_a_pixel_size_makes_all_areas_pixels() -> None:
    found = objects("a", [400]) + objects("b", [800], mpp_um=None)
    said = words(plot_objects(found, ["a", "b"], GLAND, title="t", file_format="svg"))
    assert "Area (pixels)" in said
    assert "Median area 600 px" in said
    assert not any("µm" in each for each in said)


def test_many_tiles_are_distributions_whose_bars_count_tiles() -> None:
    tiles = [f"t{i}" for i in range(60)]
    found = [each for i, tile in enumerate(tiles) for each in objects(tile, [100] * (3 if i < 20 else 1))]
    picture = plot_objects(found, tiles, GLAND, title="t")
    one, three = bars(picture)  # 40 tiles with one object, none with two, 20 with three
    assert one / three == pytest.approx(2, rel=0.03)
    said = words(plot_objects(found, tiles, GLAND, title="t", file_format="svg"))
    assert {"Objects on a tile", "Tiles", "gland: 100 objects"} <= set(said)
    assert "t0" not in said


@pytest.mark.parametrize("many", [3, 50])
def test_no_object_at_all_is_a_finding_too(many: int) -> None:
    said = words(plot_objects([], [f"t{i}" for i in range(many)], GLAND, title="t", file_format="svg"))
    assert "gland: 0 objects" in said


def test_a_pdf_holds_the_text_as_text() -> None:
    pdf = plot_objects(objects("a", [400]), ["a"], GLAND, title="t", file_format="pdf")
    assert pdf.startswith(b"%PDF")
    assert re.search(rb"/Subtype /(Type0|TrueType)", pdf)
