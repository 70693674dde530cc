"""What became of annotations from other programs, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from training_core.base.i18n import ntr
from training_core.project.drawing_labels import ImportedDrawings
from training_core.project.drawings import Drawings


def imported_words(drawings: Drawings, imported: ImportedDrawings) -> list[str]:
    """What was annotated, and all that was not: what stays, what overlaps, what labels nothing."""
    tiles = len(imported.labelled)
    said = [
        _pixels(
            ntr(
                "{pixels} px on {count} tile were annotated.",
                "{pixels} px on {count} tiles were annotated.",
                tiles,
            ),
            imported.labelled,
        )
    ]
    if imported.kept:
        words = ntr(
            "{pixels} px on {count} tile were annotated otherwise and stay as they are.",
            "{pixels} px on {count} tiles were annotated otherwise and stay as they are.",
            len(imported.kept),
        )
        said.append(_pixels(words, imported.kept))
    if imported.overlapping:
        words = ntr(
            "{pixels} px on {count} tile lie in areas of different classes; the smaller area counts.",
            "{pixels} px on {count} tiles lie in areas of different classes; the smaller area counts.",
            len(imported.overlapping),
        )
        said.append(_pixels(words, imported.overlapping))
    counted = (
        (
            drawings.predicted,
            ntr(
                "{count} area was predicted by this program, not drawn.",
                "{count} areas were predicted by this program, not drawn.",
                drawings.predicted,
            ),
        ),
        (
            drawings.left_out.total(),
            ntr(
                "{count} object of the files labels nothing, such as a point, a line or an area beside the tiles.",
                "{count} objects of the files label nothing, such as points, lines and areas beside the tiles.",
                drawings.left_out.total(),
            ),
        ),
    )
    return said + [words.format(count=f"{count:,}") for count, words in counted if count]


def _pixels(words: str, by_tile: Mapping[str, int]) -> str:
    return words.format(pixels=f"{sum(by_tile.values()):,}", count=f"{len(by_tile):,}")
