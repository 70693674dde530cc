"""Finding a data set's images and masks in the folder that the user has, in any of its usual layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training_core.base.errors import ImageError, MaskError, UserError
from training_core.io.inspection import UNASKED, Answers
from training_core.project import TissueClass, make_classes
from training_core.project.inputs.names import check_names
from training_core.project.sources import find_images

LAYOUTS = (
    "images/NAME.png with masks/NAME.png; NAME.bmp with NAME_anno.bmp side by side (GlaS as published); "
    "train/Images with train/Annotation (CRAG as published)"
)
_FOLDERS = (("images", "masks"), ("Images", "Annotation"))
_ANNOTATION = "_anno"


@dataclass(frozen=True)
class Item:
    """An image and its mask, if it has one.

    Attributes
    ----------
    error
        Why it cannot be used, where that shows before it is read.
    """

    name: str
    image: Path
    mask: Path | None
    error: UserError | None = None


@dataclass(frozen=True)
class Dataset:
    """Images to train on, images to test on (there may be none), and what the masks' values mean.

    Attributes
    ----------
    mask_values
        A mask's value, range of values or colour to class id, as `Answers.mask_values`.
    mpp_um
        Pixel size in µm/px of all images; None where each file states its own.
    object_classes
        The classes whose objects are scored one by one, and whether a mask's values number them (else they are the
        connected areas).
    name
        Of a user's own data set.
    judged
        The classes whose mean Dice is the figure that counts; None: all.
    answers
        How files are read that can be read in more than one way.
    """

    target: str
    classes: tuple[TissueClass, ...]
    mask_values: Mapping[str, int]
    mpp_um: float | None
    object_classes: Mapping[int, bool]
    train: tuple[Item, ...]
    test: tuple[Item, ...]
    name: str = ""
    judged: tuple[int, ...] | None = None
    answers: Answers = UNASKED


@dataclass(frozen=True)
class _Known:
    """How a data set is laid out when it is downloaded.

    Attributes
    ----------
    test_folders
        Where test images lie.
    test_names
        How their names start where they lie among the others.
    """

    mpp_um: float
    test_folders: tuple[str, ...]
    test_names: str


_KNOWN = {
    "glas": _Known(0.62, ("test", "testA", "testB"), "test"),
    "crag": _Known(0.55, ("valid", "test"), "valid|test"),
}


def find_dataset(target: str, data: Path, test: Path | None = None) -> Dataset:
    """GlaS or CRAG in `data`, its test images in `test` where that is given.

    Raises
    ------
    ImageError
        No images in a known layout.
    MaskError
        A test image without a mask.
    """
    known = _KNOWN[target]
    found = _first_with_images((data, data / "train", *sorted(data.glob("Warwick*"))), data)
    is_test = [re.match(known.test_names, item.name, re.IGNORECASE) is not None for item in found]
    train = tuple(item for item, testing in zip(found, is_test, strict=True) if not testing)
    if not train:
        raise ImageError(f"{data} holds test images only", f"training images: {LAYOUTS}", "check the path")
    tested = tuple(item for item, testing in zip(found, is_test, strict=True) if testing)
    folders = [test] if test else [data / name for name in known.test_folders if (data / name).is_dir()]
    if folders:
        tested = tuple(item for folder in folders for item in _first_with_images((folder,), folder))
        check_names((item.name, item.image) for item in tested)
    check_masks(tested, "a test image")
    gland = 1
    values = {"0": 0, "1-65535": gland}
    return Dataset(target, make_classes(("background", "gland")), values, known.mpp_um, {gland: True}, train, tested)


def check_masks(items: Sequence[Item], what: str) -> None:
    """Refuse items without a mask, where a mask is needed.

    Raises
    ------
    MaskError
        Names the first one.
    """
    for item in items:
        if item.mask is None and item.error is None:
            raise MaskError(f"{item.image} is {what} without a mask", "a mask with the same name as the image", LAYOUTS)


def _first_with_images(folders: Sequence[Path], named: Path) -> list[Item]:
    for folder in folders:
        items = _items_in(folder)
        if items:
            check_names((item.name, item.image) for item in items)
            return items
    given = f"{named} has no images and masks in a known layout" if named.is_dir() else f"there is no folder {named}"
    raise ImageError(given, f"one of: {LAYOUTS}", "check the path, or bring the files into one of these layouts")


def _items_in(folder: Path) -> list[Item]:
    for images, masks in _FOLDERS:
        if (folder / images).is_dir() and (folder / masks).is_dir():
            by_name = {path.stem.removesuffix(_ANNOTATION): path for path in find_images([folder / masks])}
            found = find_images([folder / images])
            return [Item(path.stem, path, by_name.get(path.stem)) for path in found]
    if not any(folder.glob(f"*{_ANNOTATION}.*")):
        return []
    files = find_images([folder])
    by_name = {path.stem.removesuffix(_ANNOTATION): path for path in files if path.stem.endswith(_ANNOTATION)}
    pictures = [path for path in files if not path.stem.endswith(_ANNOTATION)]
    return [Item(path.stem, path, by_name.get(path.stem)) for path in pictures]
