"""What the parts of the fused logits say of a tile: where that is kept, and the command that finds it out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unisemalign.app.layer_values import U8
from training_core.base.bounded import read_json
from training_core.base.errors import UserError
from training_core.base.i18n import tr
from training_core.base.safe_paths import within
from training_core.class_maps.predicted import checkpoint_as_noted, read_predicted
from training_core.class_maps.tile_result import Branch
from training_core.io import read_mask
from training_core.project import UNLABELED, Project
from training_core.project.inputs.names import tile_name
from training_core.project.runs import RUNS_FOLDER
from training_core.project.thumbnails import CACHE_FOLDER

IN_WORDS = {
    Branch.DECODER: tr("The decoder alone"),
    Branch.PROTOTYPES: tr("The prototypes alone"),
    Branch.TEXT: tr("The text prompts alone"),
}


@dataclass(frozen=True)
class TileParts:
    """The parts of one tile's fused logits by one run, made when somebody asks and kept in the project's cache."""

    project: Project
    tile: str
    run_id: str

    @property
    def run_dir(self) -> Path:
        """The run's folder."""
        return self.project.path / RUNS_FOLDER / self.run_id

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        return self.project.path / CACHE_FOLDER / "parts" / self.run_id / self.tile

    def path(self, part: Branch) -> Path:
        """The file of class ids."""
        return self.folder / f"{self._file_name}.{part}.png"

    @property
    def _file_name(self) -> str:
        """As `predict` names what it makes of the image."""
        return tile_name(self.project.image_path(self.tile))

    @property
    def is_there(self) -> bool:
        """They were made, and by the weights that the run has now: it may have been trained further since."""
        made = read_predicted(self.folder).get(self._file_name)
        return made is not None and self.path(Branch.DECODER).is_file() and made.checkpoint == self._checkpoint()

    def _checkpoint(self) -> str | None:
        """What `predict` notes of the run's best weights. No time is compared with another: clocks jump."""
        checkpoints = self.run_dir / "checkpoints"
        try:
            best = str(read_json(checkpoints / "index.json")["best"])
            return checkpoint_as_noted(within(checkpoints, best, "model.safetensors"))
        except (OSError, UserError, ValueError, LookupError, TypeError):
            return None

    def command(self) -> list[str]:
        """The command line that makes them.

        Raises
        ------
        ProjectError: the project does not have the tile any more.
        """
        image, options = self.project.image_path(self.tile), self.project.predict_options(self.tile)
        command = [sys.executable, "-m", "training_core", "predict", str(self.run_dir), str(image)]
        return [*command, "--out", str(self.folder), "--branches", *options]

    def read(self, part: Branch) -> U8 | None:
        """Class ids (H, W); None where the run was trained without this part. To be asked when they are there.

        Raises
        ------
        UserError: the file is damaged.
        """
        path = self.path(part)
        return read_mask(path) if path.exists() else None


def agreement_in_words(part: Branch, says: U8, prediction: U8 | None) -> str:
    """How far one part (H, W) agrees with the prediction that is seen (H, W; 255 where it is left open)."""
    if prediction is None or prediction.shape != says.shape or (prediction == UNLABELED).all():
        return ""
    seen = prediction != UNLABELED
    percent = 100 * float(np.mean(says[seen] == prediction[seen]))
    words = tr("{part} would say the same as the prediction on {percent:.0f} % of the pixels.")
    return words.format(part=IN_WORDS[part], percent=percent)
