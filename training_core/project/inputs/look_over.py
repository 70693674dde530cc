"""Looks over files and folders for `Overview`: reads every header, every mask, and images where it is asked to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median_high
from typing import Literal

from training_core.base.attempts import Attempts, Failure
from training_core.base.errors import MaskError, UserError
from training_core.base.progress import ReportProgress
from training_core.io import read_image
from training_core.io.inspection import Answers, Use, open_questions
from training_core.io.slides import Slide, SlideOptions, is_slide
from training_core.project.file_records import NO_ANSWERS, FileAnswers
from training_core.project.inputs.asking import Asked, Facts, ReadMasks, inspected, open_in, raised_in, read_masks
from training_core.project.inputs.matching import Matches, match_masks
from training_core.project.inputs.names import shared_names, tile_name
from training_core.project.inputs.overview import GIVEN, SET, UNUSUAL_FACTOR, Becomes, InputFile, Overview
from training_core.project.inputs.recognition import NoImage, recognised
from training_core.project.labels import other_size
from training_core.project.sources import scan, scan_masks


@dataclass(frozen=True)
class Given:
    """What was given for a project.

    Attributes
    ----------
    masks
        The folder of masks.
    mask_names
        What masks are called, such as "{name}_tissue".
    mask_values
        The values, ranges and colours that have a class; None: that is not known yet.
    answers
        How images and masks are read.
    mask_files
        What becomes of files among the images that look like masks; None: that is to be asked.
    own_outputs
        The same of files that this program wrote.
    mpp_um
        Pixel size in µm/px of files that state none.
    slides
        How slides are cut into tiles.
    pixel_sizes
        What was set for single files, by their names, whatever they state.
    """

    images: Sequence[Path]
    masks: Path | None = None
    mask_names: str | None = None
    mask_values: Mapping[str, int] | None = None
    answers: FileAnswers = NO_ANSWERS
    mask_files: Literal["masks", "images", "leave-out"] | None = None
    own_outputs: Literal["images", "leave-out"] | None = None
    mpp_um: float | None = None
    slides: SlideOptions = field(default_factory=SlideOptions)
    pixel_sizes: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _Look:
    given: Given
    progress: ReportProgress | None
    images: dict[Path, Facts] = field(default_factory=dict)
    bad: dict[Path, UserError] = field(default_factory=dict)

    @contextmanager
    def trying(self, path: Path) -> Iterator[None]:
        """Read a file in the block; what is wrong with it is kept."""
        attempts = Attempts()
        with attempts.each(path.name):
            yield
        self.bad.update((path, failure.error) for failure in attempts.failed)

    def report(self, done: int, total: int, path: Path) -> None:
        if self.progress is not None:
            self.progress(done, total, path.name)


def look_over(given: Given, *, pixels: bool = False, progress: ReportProgress | None = None) -> Overview:
    """What these files would become.

    Parameters
    ----------
    pixels
        Whether every image is decoded, which finds damaged ones and those with the same pixels.
    progress
        Called with (done, total, text).

    Raises
    ------
    ImageError, MaskError
        A folder that is missing or has no file that can be used.
    ConfigError
        `mask_names` has no {name}.
    """
    look = _Look(given, progress)
    found = scan(given.images)
    files, unclear = _files(look, found.files)
    taken = [each for each in files if each.becomes in (Becomes.TILE, Becomes.SLIDE)]
    look.bad.update(shared_names((each.name, each.path) for each in taken))
    files = _without_bad(look, files)
    identical: tuple[tuple[str, ...], ...] = ()
    if pixels:
        identical, files = _decode(look, files), _cut(look, files)
    files = _without_bad(look, files)
    matches = _matches(given, files)
    masks = [match.mask for match in matches.found.values()] if matches is not None else []
    meaning = (
        given.answers.mask if given.mask_values is None else replace(given.answers.mask, mask_values=given.mask_values)
    )
    read = read_masks(masks, meaning, progress)
    look.bad.update(read.bad)
    look.bad.update(_of_other_size(matches, files, read, given.answers.image))
    return Overview(
        _with_marks(files),
        matches,
        found.left_out,
        tuple(Failure(path.name, error) for path, error in look.bad.items()),
        (*_asked(look, files), *read.asked),
        unclear,
        dict(sum((Counter(values) for values in read.values.values()), Counter[str]())),
        _unnamed(read, given.mask_values),
        _one_and_255(read, given.mask_values),
        _differing(read.palettes),
        identical,
    )


def _without_bad(look: _Look, files: Iterable[InputFile]) -> tuple[InputFile, ...]:
    return tuple(replace(each, becomes=Becomes.NOTHING) if each.path in look.bad else each for each in files)


def _files(look: _Look, paths: Sequence[Path]) -> tuple[tuple[InputFile, ...], tuple[InputFile, ...]]:
    """What each file is taken for, and those of which nobody has said it."""
    for number, path in enumerate(paths):
        look.report(number, len(paths), path)
        look.images[path] = inspected(path, Use.IMAGE, look.given.answers.image)
    masks_too = look.given.masks is not None and _same_folder(look.given.masks, paths)
    no_images = recognised(look.images)
    files, unclear = [], []
    for path in paths:
        file = _file(look, path)
        what = no_images.get(path)
        if what is not None:
            said = look.given.own_outputs if what is NoImage.OWN_OUTPUT else look.given.mask_files
            said = "masks" if said is None and what is NoImage.MASK and masks_too else said
            taken = replace(file, becomes=Becomes.OWN_OUTPUT if what is NoImage.OWN_OUTPUT else Becomes.MASK)
            if said != "images":
                file = taken
                look.bad.pop(path, None)  # a prediction in OME-Zarr is also refused as an image
            if said is None:
                unclear.append(taken)
        files.append(file)
    return tuple(files), tuple(unclear)


def _file(look: _Look, path: Path) -> InputFile:
    facts, name, given_um = look.images[path], tile_name(path), look.given.mpp_um
    if isinstance(facts, UserError):
        look.bad[path] = facts
        return InputFile(path, name, Becomes.NOTHING)
    stated = facts.pixel_size
    set_um = look.given.pixel_sizes.get(name)
    mpp_um, source = given_um, None if given_um is None else GIVEN
    if stated is not None and stated.usable_um is not None:
        mpp_um, source = stated.usable_um, stated.stated_in
    if set_um is not None:
        mpp_um, source = set_um, SET
    return InputFile(path, name, Becomes.SLIDE if is_slide(path) else Becomes.TILE, facts, mpp_um, source)


def _same_folder(masks: Path, images: Iterable[Path]) -> bool:
    """Whether masks lie among the images, so that files that look like masks are meant."""
    folder = masks.absolute()
    return any(path.absolute().parent == folder for path in images)


def _with_marks(files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    known = [each.mpp_um for each in files if each.mpp_um is not None and each.becomes is not Becomes.NOTHING]
    if not known:
        return tuple(files)
    usual = median_high(known)
    return tuple(
        replace(each, is_unusual=True)
        if each.mpp_um is not None and not 1 / UNUSUAL_FACTOR <= each.mpp_um / usual <= UNUSUAL_FACTOR
        else each
        for each in files
    )


def _matches(given: Given, files: Sequence[InputFile]) -> Matches | None:
    names = list(dict.fromkeys(each.name for each in files if each.becomes in (Becomes.TILE, Becomes.NOTHING)))
    among = [each.path for each in files if each.becomes is Becomes.MASK]
    use_among = given.mask_files == "masks" or (given.mask_files is None and given.masks is not None)
    masks = among if use_among else []
    if given.masks is not None:
        images = {each.path.absolute() for each in files if each.becomes is not Becomes.MASK}
        known = {*images, *(path.absolute() for path in masks)}
        masks = [*masks, *(path for path in scan_masks(given.masks).files if path.absolute() not in known)]
    elif not masks:
        return None
    good = {each.name for each in files if each.becomes is Becomes.TILE}
    return match_masks(names, masks, given.mask_names).without(set(names) - good)


def _of_other_size(
    matches: Matches | None, files: Iterable[InputFile], read: ReadMasks, answers: Answers
) -> dict[Path, MaskError]:
    """The masks that are not of their image's size."""
    images = {each.name: each.facts for each in files if each.facts is not None}
    errors: dict[Path, MaskError] = {}
    for name, match in matches.found.items() if matches is not None else ():
        facts, size = images[name], read.sizes.get(match.mask)
        if size is None or open_questions(raised_in(facts, Use.IMAGE), answers):
            continue
        is_turned = facts.orientation > 4 and answers.orientation == "as_shown"
        own = (facts.height_px, facts.width_px) if is_turned else (facts.width_px, facts.height_px)
        if size != own:
            errors[match.mask] = other_size(f"mask {match.mask}", size, own)
    return errors


def _unnamed(read: ReadMasks, named: Mapping[str, int] | None) -> dict[Path, tuple[str, ...]]:
    """For each mask, the values that have no class."""
    without = {path: _without_class(values, named) for path, values in read.values.items()}
    return {path: values for path, values in without.items() if values}


def _without_class(values: Mapping[str, int], named: Mapping[str, int] | None) -> tuple[str, ...]:
    if named is None:
        return ()
    spans = [(int(key.partition("-")[0]), int(key.rpartition("-")[2])) for key in named if key[0].isdigit()]
    return tuple(
        value
        for value in values
        if value not in named and not (value.isdecimal() and any(a <= int(value) <= b for a, b in spans))
    )


def _one_and_255(read: ReadMasks, named: Mapping[str, int] | None) -> tuple[Path, Path] | None:
    """A mask of 0 and 1 and one of 0 and 255: what one program writes as 1, another writes as 255."""
    if named is not None and {"1", "255"} <= set(named):
        return None
    ones, high = (
        [path for path, values in read.values.items() if {"0", foreground} >= set(values) and foreground in values]
        for foreground in ("1", "255")
    )
    return (ones[0], high[0]) if ones and high else None


def _asked(look: _Look, files: Sequence[InputFile]) -> tuple[Asked, ...]:
    """The open questions of what becomes a tile or is cut into tiles."""
    taken = {each.path for each in files if each.becomes in (Becomes.TILE, Becomes.SLIDE)}
    images = {path: facts for path, facts in look.images.items() if path in taken}
    return open_in(images, Use.IMAGE, look.given.answers.image)


def _differing(palettes: Mapping[Path, tuple[str, ...]]) -> tuple[Path, Path] | None:
    """Two files whose palettes give an entry that both have different colours."""
    first: dict[int, tuple[str, Path]] = {}
    for path, palette in palettes.items():
        for entry, colour in enumerate(palette):
            known, owner = first.setdefault(entry, (colour, path))
            if known != colour:
                return owner, path
    return None


def _decode(look: _Look, files: Sequence[InputFile]) -> tuple[tuple[str, ...], ...]:
    """Read every image; the names of those with the same pixels."""
    groups: dict[str, list[str]] = {}
    tiles = [each for each in files if each.becomes is Becomes.TILE]
    for number, file in enumerate(tiles):
        look.report(number, len(tiles), file.path)
        if open_questions(raised_in(look.images[file.path], Use.IMAGE), look.given.answers.image):
            continue
        with look.trying(file.path):
            pixels = read_image(file.path, look.given.answers.image)
            digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
            groups.setdefault(digest, []).append(file.name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _cut(look: _Look, files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """The files, the slides with the number of their tiles."""
    given = look.given
    options = given.slides if given.mpp_um is None else replace(given.slides, mpp_um=given.mpp_um)
    counted = list(files)
    for place, file in enumerate(files):
        if file.becomes is Becomes.SLIDE:
            own_um = given.pixel_sizes.get(file.name)
            with look.trying(file.path), Slide(file.path, options, given.answers.image, own_um) as slide:
                counted[place] = replace(file, tiles=len(slide.tiles()))
    return tuple(counted)
