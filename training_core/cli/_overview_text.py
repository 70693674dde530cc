"""`Overview` in words: one line a file, then what a person should know before the files become a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training_core.base.printable import printable
from training_core.cli._failures import as_json
from training_core.cli._questions import left_out_in_words
from training_core.project.inputs.matching import HowMatched, Matches
from training_core.project.inputs.overview import Becomes, InputFile, Overview, across

_NAMED = 5


def file_lines(overview: Overview) -> Iterator[str]:
    """What each file would become."""
    found = overview.matches.found if overview.matches is not None else {}
    for file in overview.files:
        mask = found.get(file.name)
        yield f"{printable(file.path.name)}: {_in_words(file)}" + (
            f", mask {printable(mask.mask.name)}" if mask is not None else ""
        )


def notes(overview: Overview, val: Sequence[str] = ()) -> Iterator[str]:
    """What is matched, left over, left out or doubtful, a sentence each."""
    if overview.matches is not None:
        yield from on_masks(overview.matches)
    if overview.left_out:
        yield left_out_in_words(overview.left_out)
    for what, word in ((Becomes.OWN_OUTPUT, "outputs of this program"), (Becomes.MASK, "masks")):
        files = [file.path.name for file in overview.of(what) if file not in overview.unclear]
        if files:
            yield f"Not taken as images: {len(files)} {word}, such as {printable(files[0])}."
    if overview.unusual:
        sizes = _listed([f"{file.path.name} ({file.mpp_um:.4g} µm/px)" for file in overview.unusual])
        yield f"Pixel size more than a factor of 3 from the others': {sizes}. Correct it with: project pixel-size."
    absurd = [file for file in overview.files if file.states_nonsense]
    if absurd:
        yield f"Not used as a pixel size: {_listed([f'{file.path.name}: {_problem(file)}' for file in absurd])}."
    if overview.unnamed:
        values = [f"{path.name} ({', '.join(each[:_NAMED])})" for path, each in overview.unnamed.items()]
        yield f"Masks with values that no class has: {_listed(values)}."
    if overview.one_and_255 is not None:
        one, other = (path.name for path in overview.one_and_255)
        yield f"{one} holds 0 and 1, and {other} holds 0 and 255: 1 and 255 may mean the same. Check them."
    if overview.palettes_differ is not None:
        one, other = (path.name for path in overview.palettes_differ)
        yield f"Masks with different palettes: {one} and {other} give the same value different colours. Check them."
    copies = [f"{copy.name} (of {other.name})" for copy, other in overview.cloud_copies]
    if copies:
        yield f"Perhaps copies that a cloud drive made, each a tile of its own: {_listed(copies)}. Check them."
    for train, validation in across(overview.identical, val):
        yield f"The same image in training ({_listed(train)}) and in validation ({_listed(validation)})."
    alike = [group for group in overview.identical if not across([group], val)]
    if alike:
        yield f"Images with the same pixels: {_listed([' = '.join(group) for group in alike])}."


def _problem(file: InputFile) -> str:
    assert file.facts is not None
    assert file.facts.pixel_size is not None
    return str(file.facts.pixel_size.problem)


def as_dict(overview: Overview, val: Sequence[str] = ()) -> dict[str, Any]:
    """The overview for --json."""
    matches = overview.matches
    found = matches.found if matches is not None else {}
    return {
        "spec_version": 1,
        "files": [
            {
                "file": printable(str(file.path)),
                "name": file.name,
                "becomes": str(file.becomes),
                "mpp_um": file.mpp_um,
                "mpp_from": file.mpp_from,
                "unusual_pixel_size": file.is_unusual,
                "tiles": file.tiles,
                "mask": printable(str(found[file.name].mask)) if file.name in found else None,
                "mask_by": str(found[file.name].how) if file.name in found else None,
            }
            for file in overview.files
        ],
        "images_without_mask": list(matches.images) if matches is not None else [],
        "masks_without_image": [printable(str(path)) for path in matches.masks] if matches is not None else [],
        "mask_pattern": matches.pattern[0] if matches is not None and matches.pattern is not None else None,
        "left_out": dict(overview.left_out),
        "mask_values": dict(overview.mask_values),
        "identical": [list(group) for group in overview.identical],
        "failed": as_json(overview.bad),
        "notes": list(notes(overview, val)),
    }


def _in_words(file: InputFile) -> str:
    if file.facts is None or file.becomes is Becomes.NOTHING:
        return "cannot be used"
    size = f"{file.facts.width_px} x {file.facts.height_px} px"
    scale = "no pixel size" if file.mpp_um is None else f"{file.mpp_um:.4g} µm/px ({file.mpp_from})"
    what = str(file.becomes) if file.tiles is None else f"{file.becomes} of {file.tiles} tiles"
    return f"{what}, {size}, {scale}" + (", unusual" if file.is_unusual else "")


def on_masks(matches: Matches) -> Iterator[str]:
    """How masks were matched where not by the same name, and what is left over."""
    for how, count in matches.count().items():
        if how is not HowMatched.SAME:
            first = next((name, match.mask.name) for name, match in matches.found.items() if match.how is how)
            pair = f"{printable(first[1])} for {first[0]}"
            yield f"{_masks(count)} matched by {how.sentence}, such as {pair}."
    for name, masks in list(matches.ambiguous.items())[:_NAMED]:
        yield f"Not guessed: image {name} could have the mask {_listed([mask.name for mask in masks])}."
    if matches.images:
        yield f"Without a mask: {_listed([_with_nearest(name, matches.nearest.get(name)) for name in matches.images])}."
    if matches.masks:
        yield f"Masks without an image: {_listed([path.name for path in matches.masks])}."
    if matches.pattern is not None:
        pattern, count = matches.pattern
        yield f'{_masks(count)} more would be matched with: --mask-names "{pattern}".'


def _masks(count: int) -> str:
    return "1 mask" if count == 1 else f"{count} masks"


def _with_nearest(name: str, nearest: Path | None) -> str:
    return name if nearest is None else f"{name} (nearest: {nearest.name})"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
