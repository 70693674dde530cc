"""Finding the images and masks of a project among files and folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training_core.base.errors import ImageError, MaskError
from training_core.io.files import IMAGE_SUFFIXES, READ_KINDS
from training_core.io.slide_parts import parts_of, without_parts
from training_core.io.slides import SLIDE_SUFFIXES
from training_core.io.zarr_folders import is_zarr_folder
from training_core.project.inputs.matching import match_masks, no_match, several_masks
from training_core.project.runs import natural_key

HIDDEN, FOLDER, NO_ENDING = "hidden", "folder", "no ending"
"""What else than an ending counts what is left out."""


@dataclass(frozen=True)
class Found:
    """What lies at the places that were given.

    Attributes
    ----------
    files
        Each once.
    left_out
        How many entries of folders are not taken, by their ending (such as .lif), or as hidden, folder or no ending.
    """

    files: tuple[Path, ...]
    left_out: Mapping[str, int]


def scan(paths: Sequence[Path]) -> Found:
    """The image files that `paths` stand for; a folder stands for the images and slides in it.

    Folders are not searched below their first level, hidden files are skipped, order is natural (2 before 10). Of a
    slide in several files one is taken.

    Raises
    ------
    ImageError
        A folder that is missing or has no image, or no path at all.
    """
    found: list[Path] = []
    left_out: Counter[str] = Counter()
    for path in paths:
        if path.is_dir() and not is_zarr_folder(path):
            inside = _files_in(path, IMAGE_SUFFIXES | SLIDE_SUFFIXES, ImageError)
            found.extend(inside.files)
            left_out.update(inside.left_out)
        else:
            found.append(path)
    if not found:
        needed = f"files or folders with images as {READ_KINDS}"
        raise ImageError("no image was given", needed, "choose images", terminal="list images after --images")
    unique = {path.absolute(): path for path in found}
    return Found(tuple(without_parts(list(unique.values()))), left_out)


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The files of `scan`.

    Raises
    ------
    ImageError
        A folder that is missing or has no image, or no path at all.
    """
    return list(scan(paths).files)


def scan_masks(folder: Path) -> Found:
    """The mask files in a folder, in natural order.

    Raises
    ------
    MaskError
        The folder is missing or has no mask.
    """
    return _files_in(folder, IMAGE_SUFFIXES, MaskError)


def find_masks(folder: Path, names: Iterable[str], pattern: str | None = None) -> dict[str, Path]:
    """The mask of each image that has one in the folder, by `match_masks`; every image has one mask at most.

    Raises
    ------
    MaskError
        The folder is missing or empty, two masks for one image, or no mask fits any image.
    ConfigError
        A pattern without {name}.
    """
    named = list(names)
    matches = match_masks(named, scan_masks(folder).files, pattern)
    for name, masks in matches.ambiguous.items():
        raise several_masks(name, masks)
    if not matches.found and named:
        raise no_match(named, folder, matches)
    return {name: match.mask for name, match in matches.found.items()}


def _files_in(folder: Path, suffixes: frozenset[str], error: type[ImageError] | type[MaskError]) -> Found:
    noun = "image" if error is ImageError else "mask"
    try:
        entries = list(folder.iterdir())
    except OSError as cause:
        reason = "does not exist" if isinstance(cause, FileNotFoundError) else f"cannot be read ({cause.strerror})"
        raise error(
            f"the folder {folder} {reason}", f"a folder of {noun}s", "check the path and the spelling"
        ) from cause
    parts = parts_of(entries)
    kinds = {path: _kind(path, suffixes) for path in entries if path not in parts}
    files = [path for path, kind in kinds.items() if kind is None]
    left_out = Counter(kind for kind in kinds.values() if kind is not None)
    if not files:
        others = ", ".join(f"{count} {kind}" for kind, count in left_out.most_common(5))
        given = f"the folder {folder} has no {noun} file" + (f" (only {others})" if others else "")
        raise error(given, f"files as {READ_KINDS}", "check the path; subfolders are not searched")
    return Found(tuple(sorted(files, key=lambda path: natural_key(path.name))), left_out)


def _kind(path: Path, suffixes: frozenset[str]) -> str | None:
    """Why an entry of a folder is left out; None: it is taken."""
    if path.name.startswith("."):
        return HIDDEN
    if path.is_dir():
        return None if suffixes >= SLIDE_SUFFIXES and is_zarr_folder(path) else FOLDER
    suffix = path.suffix.lower()
    return None if suffix in suffixes else suffix or NO_ENDING
