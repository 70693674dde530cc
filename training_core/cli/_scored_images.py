"""The images that an earlier result of `evaluate` holds, so that a second run scores only what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training_core.base.bounded import read_json
from training_core.class_maps.pixel_scores import Counts
from training_core.project.creation import file_sha256


@dataclass
class ScoredImages:
    """Pixel counts of images, by what their image and mask hold.

    Attributes
    ----------
    made_with
        All that changes the counts beside image and mask, as JSON; counts of another run or of other options are
        not taken.
    """

    made_with: Mapping[str, Any]
    _earlier: dict[tuple[str, str], Counts] = field(default_factory=dict)
    _lines: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def in_file(cls, path: Path, made_with: Mapping[str, Any]) -> ScoredImages:
        """Those of the result in `path`; none where it is no such result, or was made with something else."""
        try:
            result = read_json(path)
            is_same = result["made_with"] == json.loads(json.dumps(made_with))
            earlier = {
                (each["image_sha256"], each["mask_sha256"]): np.array(each["counts"], np.int64)
                for each in (result["images"] if is_same else ())
            }
        except (OSError, ValueError, KeyError, TypeError):
            return cls(made_with)
        return cls(made_with, earlier)

    def counts(self, image: Path, mask: Path) -> tuple[tuple[str, str], Counts | None]:
        """The key of an image with its mask, and its counts where they are known.

        Raises
        ------
        OSError
            A file cannot be read.
        """
        key = file_sha256(image), file_sha256(mask)
        return key, self._earlier.get(key)

    def add(self, name: str, key: tuple[str, str], counts: Counts) -> None:
        """Note the counts of an image."""
        self._lines.append({"name": name, "image_sha256": key[0], "mask_sha256": key[1], "counts": counts.tolist()})

    def as_json(self) -> dict[str, Any]:
        """What the result says of its images."""
        return {"made_with": dict(self.made_with), "images": self._lines}
