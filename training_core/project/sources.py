"""Finding the images and masks of a new project, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from training_core.base.errors import ImageError, MaskError, ProjectError
from training_core.io.files import IMAGE_SUFFIXES
from training_core.io.slides import SLIDE_SUFFIXES
from training_core.project.runs import natural_key

_MAX_NAME_BYTES = 180
"""File systems allow 255 bytes; the longest ending of ours is .pseudo_label.png, and a slide's name gets a position."""
_MASK_SUFFIXES = IMAGE_SUFFIXES


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The image files that `paths` stand for, each once; a folder stands for the images and slides in it.

    Folders are not searched below their first level, hidden files are skipped, order is natural (2 before 10).

    Raises
    ------
    ImageError
        A path that does not exist, or a folder without a usable file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(_files_in(path, IMAGE_SUFFIXES | SLIDE_SUFFIXES, ImageError))
        else:
            found.append(path)
    if not found:
        given = "no image was given"
        raise ImageError(
            given, "files or folders with PNG, TIFF, JPEG or BMP images", "choose images, or list them after --images"
        )
    unique = {path.absolute(): path for path in found}
    return list(unique.values())


def check_names(names: Iterable[tuple[str, Path]]) -> None:
    """Refuse names that two images share, also where only upper and lower case differ, and very long ones.

    Raises
    ------
    ImageError
        Names the two files.
    """
    seen: dict[str, Path] = {}
    for name, path in names:
        other = seen.setdefault(name.casefold(), path)
        if other is not path:
            given = f"{other} and {path} would both be named {name}"
            raise ImageError(given, "a unique file name for each image", "rename one of them, or leave one out")
        if len(name.encode()) > _MAX_NAME_BYTES:
            given = f"the name of {path} is {len(name.encode())} bytes long"
            raise ImageError(given, f"at most {_MAX_NAME_BYTES} bytes", "shorten the file name")


def find_masks(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """The mask of each name that has one: the file in `folder` with the same name, whatever its ending.

    Raises
    ------
    MaskError
        The folder is missing or empty, two masks for one image, or no mask fits any image.
    """
    by_stem: dict[str, list[Path]] = {}
    for path in _files_in(folder, _MASK_SUFFIXES, MaskError):
        by_stem.setdefault(path.stem, []).append(path)
    masks: dict[str, Path] = {}
    first = ""
    for name in names:
        first = first or name
        paths = by_stem.get(name, [])
        if len(paths) > 1:
            given = f"image {name} has the masks {paths[0].name} and {paths[1].name}"
            raise MaskError(given, "one mask for each image", "move one of them out of the folder")
        if paths:
            masks[name] = paths[0]
    if not masks:
        example = get_close_matches(first, by_stem, n=1, cutoff=0.0) or sorted(by_stem)
        given = f"no mask in {folder} has the name of an image (the image is {first}, a mask is {example[0]})"
        raise MaskError(
            given, "masks with the same names as the images", f"rename the masks, for example to {first}.png"
        )
    return masks


def resolve_names(listed: Iterable[str], names: Sequence[str], what: str) -> tuple[str, ...]:
    """The tile names that a list means, each once; an ending such as .png may be there or not.

    Raises
    ------
    ProjectError
        A name that no tile has (the first three are named).
    """
    known = set(names)
    resolved: dict[str, None] = {}
    unknown: list[str] = []
    for entry in listed:
        stem, dot, ending = entry.rpartition(".")
        without_ending = stem if dot and f".{ending.lower()}" in IMAGE_SUFFIXES | SLIDE_SUFFIXES else entry
        name = entry if entry in known else without_ending
        if name in known:
            resolved[name] = None
        else:
            unknown.append(entry)
    if unknown:
        shown = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        close = get_close_matches(unknown[0], names, n=1)
        hint = f"{close[0]}, the closest name" if close else "check the spelling, or add those images"
        raise ProjectError(f"{what} has names without an image: {shown}", "names of the project's images", hint)
    return tuple(resolved)


def _files_in(folder: Path, suffixes: frozenset[str], error: type[ImageError] | type[MaskError]) -> list[Path]:
    noun = "image" if error is ImageError else "mask"
    try:
        entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as cause:
        reason = "does not exist" if isinstance(cause, FileNotFoundError) else f"cannot be read ({cause.strerror})"
        raise error(
            f"the folder {folder} {reason}", f"a folder of {noun}s", "check the path and the spelling"
        ) from cause
    files = [path for path in entries if path.suffix.lower() in suffixes and path.is_file()]
    if not files:
        given = f"the folder {folder} has no {noun} file"
        raise error(given, "PNG, TIFF, JPEG or BMP files", "check the path; subfolders are not searched")
    return sorted(files, key=lambda path: natural_key(path.name))
