"""How single objects are found, in the measures of other fields than the GlaS challenge's, in a report."""

from __future__ import annotations

from collections.abc import Sequence

from training_core.measuring.accuracy.markdown import figure, table
from training_core.measuring.accuracy.record import Record

_COLUMNS = (
    ("detection_f1", "detection F1 %"),
    ("detection_f1_any_class", "detection F1 %, any class"),
    ("panoptic_quality", "panoptic quality %"),
    ("aggregated_jaccard", "aggregated Jaccard %"),
)
_ABOUT = """\
A predicted object is detected if it and an annotated object of the class have an intersection over union above 0.5;
*any class*: whichever class both have. Panoptic quality: the same, weighted with the intersection over union (arXiv
1801.00868). Aggregated Jaccard: shared pixels over those of all objects (doi 10.1109/TMI.2017.2677499).
"""


def render_objects(records: Sequence[Record]) -> str:
    """A row for each record and set of images that was scored so; nothing where none was."""
    rows = [
        [f"{number}. {record['label']}", name, *(figure(figures.get(key), 2) for key, _ in _COLUMNS)]
        for number, record in enumerate(records, 1)
        for name, figures in record["summary"].get("sets", {}).items()
        if figures.get("detection_f1") is not None
    ]
    if not rows:
        return ""
    return f"### Objects\n\n{_ABOUT}\n{table(['method', 'images', *(title for _, title in _COLUMNS)], rows)}"
