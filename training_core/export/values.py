"""What masks hold for each class: its id, the value that imported masks had, or its number among the classes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ProjectError
from training_core.export.tile_mask import CLASS_IDS
from training_core.project import Project

Values = Literal["ids", "imported", "numbers"]
VALUES: tuple[Values, ...] = get_args(Values)


def values_of(project: Project, choice: Values) -> NDArray[np.uint8]:
    """What masks hold (256) for each class id, and at 255 for nothing.

    Parameters
    ----------
    choice
        ids: the class ids, and 255; imported: the values of the masks that the project was made from; numbers: 1, 2 ...
        in the order of the classes, and 0.

    Raises
    ------
    ProjectError
        The imported masks had no single number for a class.
    """
    if choice == "ids":
        return CLASS_IDS
    values = np.zeros(256, np.uint8)
    if choice == "numbers":
        values[[each.id for each in project.classes]] = np.arange(1, len(project.classes) + 1)
        return values
    found: dict[int, list[str]] = {}
    for value, class_id in (project.index.answers.mask.mask_values or {}).items():
        found.setdefault(class_id, []).append(value)
    for each in project.classes:
        values[each.id] = _only(found.get(each.id, []), each.name)
    used = {int(values[each.id]) for each in project.classes}
    unlabelled = found.get(UNLABELED, [])
    free = next((value for value in (255, *range(255)) if value not in used), None)
    if len(unlabelled) == 1 and unlabelled[0].isdecimal() and int(unlabelled[0]) < 256:
        values[UNLABELED] = int(unlabelled[0])
    elif free is not None:
        values[UNLABELED] = free
    return values


def _only(values: list[str], name: str) -> int:
    if len(values) == 1 and values[0].isdecimal() and int(values[0]) < 256:
        return int(values[0])
    had = f"the values {', '.join(values[:4])}" if values else "no value"
    raise ProjectError(
        f"the masks that were imported have {had} for the class {name}",
        "one number from 0 to 255 for each class",
        "export the class ids, or 1, 2 and so on",
    )
