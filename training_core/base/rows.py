"""Ranges of an image's rows of pixels, from the first to before the last: which of them are done, and which are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Rows = tuple[int, int]
"""The first row, and the one after the last."""

BAND_PX = 16_384
"""A slide of more rows is predicted in bands of this height by several processes: where bands meet, one or two of 16 to
37 rows of windows are predicted twice."""


def missing_rows(within: Rows, done: Iterable[Rows]) -> Iterator[Rows]:
    """What of `within` no range of `done` covers, from the top."""
    at, stop = within
    for first, last in sorted(done):
        if at < min(first, stop):
            yield at, min(first, stop)
        at = max(at, last)
    if at < stop:
        yield at, stop


def cut_rows(rows: Rows, height: int) -> Iterator[Rows]:
    """Pieces that end at multiples of `height`."""
    at, stop = rows
    while at < stop:
        end = min((at // height + 1) * height, stop)
        yield at, end
        at = end
