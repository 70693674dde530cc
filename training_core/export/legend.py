"""What the values of a mask mean, written beside every set of masks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from training_core.base.arrays import UNLABELED
from training_core.project import TissueClass

LEGEND_NAME = "classes.json"


def legend_bytes(classes: Sequence[TissueClass], **facts: Any) -> bytes:
    """JSON with one entry per class: the mask's value, the class's name and its colour; `facts` come first."""
    entries = [{"value": c.id, "name": c.name, "color": c.color} for c in classes]
    legend = {"spec_version": 1, **facts, "not_labelled": UNLABELED, "classes": entries}
    return json.dumps(legend, indent=1, ensure_ascii=False).encode()
