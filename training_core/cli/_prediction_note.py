"""What `predict` and `evaluate` say of a run whose predictions of the tiles its network did not make."""

from __future__ import annotations

import sys
from pathlib import Path

from training_core.project.prediction_source import Maker, read_prediction_source


def note_on_predictions(run_dir: Path) -> None:
    """One line on standard error, unless the network made them."""
    source = read_prediction_source(run_dir)
    if source.made_by is Maker.NETWORK:
        return
    print(
        f"Note: this command uses the network of run {run_dir.name}. The predictions of the project's tiles come from "
        f"{source.made_by.words}, which scored better: mean Dice {source.mdice[source.made_by]:.1f} %, against "
        f"{source.mdice[Maker.NETWORK]:.1f} % for the network.",
        file=sys.stderr,
    )
