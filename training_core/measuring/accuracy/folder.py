"""A user's own data set, as its dataset.yaml describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, ImageError
from training_core.measuring.accuracy.dataset_file import DatasetFile, Lists
from training_core.measuring.accuracy.datasets import Dataset, Item, check_masks
from training_core.measuring.accuracy.draws import Drawn, draw_split
from training_core.measuring.accuracy.splits import check_apart, read_list
from training_core.project import TissueClass, default_prompt
from training_core.project.classes import check_classes, default_color
from training_core.project.inputs.names import shared_names
from training_core.project.sources import find_images, find_masks
from training_core.runs.run_folder import Split

TARGET = "folder"


def folder_dataset(described: DatasetFile, base: Path, fold: int | None = None) -> tuple[Dataset, Drawn]:
    """The data set and its split; paths are relative to `base`, the folder of dataset.yaml.

    Parameters
    ----------
    fold
        Number of the fold to test on, from 0; None: no cross-validation.

    Raises
    ------
    ConfigError
        A fold is missing or not there, or a draw is not possible.
    ImageError
        No images.
    MaskError
        No masks, or a test image without one.
    ProjectError
        A list names unknown images, or an image is in two lists; two classes have the same name.
    """
    items = _items(base / described.images, base / described.masks)
    drawn = _split([item.name for item in items], described, base, fold)
    listed = {item.name: item for item in items}
    test = tuple(listed[name] for name in drawn.test)
    if described.test_images is not None and described.test_masks is not None and fold is None:
        test = _items(base / described.test_images, base / described.test_masks)
        test = _marked(test, (*items, *test))
        items = _marked(items, (*items, *test))
    check_masks(test, "a test image")
    classes = _classes(described)
    values = {
        value: class_id for class_id, each in enumerate(described.classes) for value in each.mask_values()
    } | dict.fromkeys(map(str, described.unlabeled_values), UNLABELED)
    ids = {each.name: each.id for each in classes}
    used = set(drawn.test)
    dataset = Dataset(
        TARGET,
        classes,
        values,
        described.mpp_um,
        {ids[c.name]: c.numbered is not None for c in described.classes if c.made_of_objects or c.numbered},
        tuple(item for item in items if item.name not in used),
        test,
        described.name,
        tuple(ids[name] for name in described.judged) if described.judged is not None else None,
    )
    return dataset, drawn


def _items(images: Path, masks: Path) -> tuple[Item, ...]:
    paths = find_images([images])
    unclear = shared_names((path.stem, path) for path in paths)
    found = find_masks(masks, [path.stem for path in paths if path not in unclear])
    items = tuple(Item(path.stem, path, found.get(path.stem)) for path in paths)
    return _marked(items, items)


def _marked(items: Sequence[Item], among: Sequence[Item]) -> tuple[Item, ...]:
    """Nobody can tell which of two files of one name is meant, so the name is left out, with the reason."""
    errors = shared_names((each.name, each.image) for each in among)
    by_name = {each.name: replace(each, error=each.error or errors.get(each.image)) for each in items}
    return tuple(by_name.values())


def _split(names: Sequence[str], described: DatasetFile, base: Path, fold: int | None) -> Drawn:
    draw = described.draw
    if fold is not None and (draw is None or draw.folds is None):
        given = f"--fold {fold}, and draw.folds is not in the file of {described.name}"
        raise ConfigError(given, "a number of folds", "add draw.folds to the file, or leave --fold out")
    if described.lists is not None and fold is None:
        return _listed(names, described.lists, base)
    assert draw is not None  # read_dataset_file
    if fold is None and described.test_images is not None:  # folds are for when those are not there
        draw = draw.model_copy(update={"folds": None})
    return draw_split(names, draw, fold)


def _listed(names: Sequence[str], lists: Lists, base: Path) -> Drawn:
    labeled, val = (read_list(base / each, names) for each in (lists.labeled, lists.val))
    test = read_list(base / lists.test, names) if lists.test is not None else ()
    taken = {*labeled, *val, *test}
    others = tuple(name for name in names if name not in taken)
    unlabeled = read_list(base / lists.unlabeled, names) if lists.unlabeled is not None else others
    split = Split(labeled, unlabeled, val)
    check_apart([*labeled, *unlabeled, *val, *test], base)
    for what, members in (("labelled", labeled), ("validation", val)):
        if not members:
            raise ImageError(f"the list of {what} images is empty", "at least one image in it", "add names to the list")
    given = [each for each in (lists.labeled, lists.val, lists.test, lists.unlabeled) if each is not None]
    unused = len(others) - len(unlabeled) if lists.unlabeled is not None else 0
    notes = (f"{unused} images of the folder are in no list and were not used.",) if unused else ()
    return Drawn(split, test, f"lists {', '.join(given)}", notes)


def _classes(described: DatasetFile) -> tuple[TissueClass, ...]:
    classes: list[TissueClass] = []
    for class_id, each in enumerate(described.classes):
        color = each.color or default_color(each.name, [known.color for known in classes])
        objects = True if each.numbered else each.made_of_objects
        prompt = each.prompt if each.prompt is not None else default_prompt(each.name)
        classes.append(TissueClass(class_id, each.name.strip(), color, prompt, objects))
    return check_classes(classes)
