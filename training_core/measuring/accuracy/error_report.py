"""Errors by distance of several records, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from training_core.measuring.accuracy.error_map import ALL, BANDS, pooled
from training_core.measuring.accuracy.markdown import table
from training_core.measuring.accuracy.record import Record, done

_ABOUT = """\
### Errors by distance

Wrong pixels in % of the pixels of the class that lie that many px from the nearest border or stroke, all seeds
pooled. *Unpainted*: what nobody painted of the labelled images. Last row: which % of all wrong pixels lie there.
"""


def render_errors(records: Sequence[Record]) -> str:
    """The tables; empty where no record has counted errors by distance."""
    rows = [row for number, record in enumerate(records, 1) for row in _rows(f"{number}. {record['label']}", record)]
    return f"{_ABOUT}\n{table(['method', 'images', 'distance to', 'class', *BANDS], rows)}" if rows else ""


def _rows(method: str, record: Record) -> Iterable[list[str]]:
    entries = done(record)
    if not entries:
        return
    name = "test" if "test" in entries[0]["scores"] else "validation"
    maps = [entry["scores"][name].get("errors_by_border_distance") for entry in entries]
    yield from _table_rows([method, name, "border"], maps)
    for kind in ("border", "stroke"):
        maps = [entry.get("unpainted", {}).get(f"errors_by_{kind}_distance") for entry in entries]
        yield from _table_rows([method, "unpainted", kind], maps)


def _table_rows(start: list[str], maps: list[dict[str, Any] | None]) -> Iterable[list[str]]:
    counted = [each for each in maps if each is not None]
    if len(counted) < len(maps) or not counted:
        return
    for name, rates in pooled(counted).items():
        if any(rate is not None for rate in rates):
            yield [*start, name, *("" if rate is None else f"{rate:.1f}" for rate in rates)]
    wrong = np.sum([each["wrong"] for of in counted for each in of["classes"].values()], axis=0)
    if wrong.sum():
        yield [*start, f"{ALL}: where they lie", *(f"{100 * n / wrong.sum():.0f}" for n in wrong)]
