"""From where an exported mask comes, for formats that have room to say it."""

from __future__ import annotations

from training_core.export.tile_mask import TileMask
from training_core.project.labels import DamagedHistoryError


def about(mask: TileMask) -> dict[str, str]:
    """Who made the last change of the annotation, when, and from which run's prediction."""
    found = {"project": mask.project.name, "tile": mask.tile.name, "content": mask.content}
    prediction = mask.project.prediction(mask.tile.name)
    if mask.content != "labels" and prediction is not None:
        found["run"] = prediction.run_id
    if mask.content == "predictions":
        return found
    try:
        edits = mask.project.label_edits(mask.tile.name)
    except DamagedHistoryError:
        return found | {"annotation": "its history is damaged"}
    if edits:
        found |= {"annotation": edits[-1].source, "annotated at": edits[-1].at}
        accepted = [each.run_id for each in edits if each.source.is_accepted and each.run_id is not None]
        if accepted:
            found["accepted from run"] = accepted[-1]
    return found
