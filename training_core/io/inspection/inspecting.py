"""`inspect_file`: the facts of one file, with a look at its pixels only where a question depends on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training_core.base.errors import UserError
from training_core.io import tiff_levels, zarr_levels
from training_core.io.facts import FileFacts, Use
from training_core.io.files import FileKind, decoding
from training_core.io.inspection.answers import UNASKED, Answers
from training_core.io.inspection.loading import header_facts, stored_samples
from training_core.io.inspection.rules import error_of, look, needs_pixels, refuse


def inspect_file(path: Path, use: Use = Use.IMAGE, answers: Answers = UNASKED) -> FileFacts:
    """What a file is.

    Parameters
    ----------
    answers
        The plane that was chosen, if any.

    Raises
    ------
    ImageError, MaskError
        Missing, empty, damaged, or no picture; what no reader takes for other reasons has a `FileFacts.problem`.
    """
    facts = header_facts(path, use, answers.plane)
    if not needs_pixels(facts, use) or problem_of(facts, use) is not None:
        return facts
    glances = {FileKind.TIFF: tiff_levels.glance, FileKind.OME_ZARR: zarr_levels.glance}
    if use is Use.IMAGE and facts.kind in glances and facts.in_parts:
        with decoding(path, facts.kind, error_of(use)):
            return replace(glances[facts.kind](path, answers.plane), notes=facts.notes)
    return look(facts, stored_samples(facts, error_of(use), answers.plane), use)


def problem_of(facts: FileFacts, use: Use) -> str | None:
    """Why no reader takes this file for this use; None: it is read, once its questions are answered."""
    is_parted = use is Use.IMAGE and facts.in_parts
    try:
        refuse(facts, use, whole=not is_parted and facts.planes == 1)
    except UserError as error:
        return str(error)
    return None
