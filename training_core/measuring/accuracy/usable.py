"""What of a data set can be used: a bad file costs its image and nothing else, and the record says which and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training_core.base.arrays import ClassIds, Rgb8
from training_core.base.attempts import OF_ONE_FILE, Attempts, Failure
from training_core.base.errors import MaskError
from training_core.base.progress import ReportProgress
from training_core.io import read_image, read_mask_values
from training_core.io.inspection import QuestionError
from training_core.measuring.accuracy.datasets import Dataset, Item
from training_core.runs.run_folder import Split

_HINT = "give it a class in the file of the data set, or add it to unlabeled_values there"


@dataclass(frozen=True)
class LeftOut:
    """An image that could not be used.

    Attributes
    ----------
    name
        The image's.
    role
        What it was meant for: labelled, unlabelled, validation or test.
    error
        Why, of the image or of its mask.
    """

    name: str
    role: str
    error: str


@dataclass(frozen=True)
class Usable:
    """A data set and its split without the images that cannot be used.

    Attributes
    ----------
    failures
        The same as `left_out`, for the list at the end of a command.
    """

    dataset: Dataset
    split: Split
    left_out: tuple[LeftOut, ...]
    failures: tuple[Failure, ...]


def usable(
    dataset: Dataset, split: Split, *, all_masks: bool = False, progress: ReportProgress | None = None
) -> Usable:
    """Read every image that takes part, with its mask where one is needed, and leave out what is bad.

    Parameters
    ----------
    all_masks
        Whether the masks of unlabelled images are needed, too.

    Raises
    ------
    QuestionError
        A file is read only after a question about it is answered: a choice to make, and no bad file.
    ImageError, MaskError
        No image of a kind that is needed is left.
    """
    trained = {item.name: item for item in dataset.train}
    kinds = {"labelled": split.labeled, "unlabelled": split.unlabeled, "validation": split.val}
    roles = {role: [trained[name] for name in names] for role, names in kinds.items()}
    roles["test"] = list(dataset.test)
    left_out: list[LeftOut] = []
    failures: list[Failure] = []
    done, total = 0, sum(map(len, roles.values()))
    for role, items in roles.items():
        attempts = Attempts()
        for item in items:
            if progress is not None:
                progress(done, total, f"Checking {item.name}")
            done += 1
            _try(attempts, dataset, item, with_mask=all_masks or role != "unlabelled")
        if role != "unlabelled":
            attempts.raise_if_none()
        left_out.extend(LeftOut(each.name, role, str(each.error)) for each in attempts.failed)
        failures.extend(attempts.failed)
        bad = {each.name for each in attempts.failed}
        roles[role] = [item for item in items if item.name not in bad]
    names = {role: tuple(item.name for item in items) for role, items in roles.items()}
    bad = {each.name for each in left_out if each.role != "test"}
    kept = replace(
        dataset, train=tuple(item for item in dataset.train if item.name not in bad), test=tuple(roles["test"])
    )
    return Usable(
        kept, Split(names["labelled"], names["unlabelled"], names["validation"]), tuple(left_out), tuple(failures)
    )


def read_truth(dataset: Dataset, item: Item) -> tuple[NDArray[np.int32], ClassIds]:
    """The numbers of a mask, and its class ids.

    Raises
    ------
    MaskError
        The file is damaged, or has a value that no class has.
    """
    assert item.mask is not None  # datasets.check_masks
    mask = read_mask_values(item.mask, replace(dataset.answers, mask_values=dict(dataset.mask_values)))
    numbers = mask.values if mask.objects is None else mask.objects
    return numbers, mask.mapped(dataset.mask_values, _HINT)


def read_pair(dataset: Dataset, item: Item) -> tuple[Rgb8, NDArray[np.int32], ClassIds]:
    """The image, the numbers of its mask, and the truth in class ids.

    Raises
    ------
    ImageError, MaskError
        A file is damaged, the mask is not of the image's size, or has a value that no class has.
    """
    assert item.mask is not None  # datasets.check_masks
    image, (numbers, truth) = read_image(item.image, dataset.answers), read_truth(dataset, item)
    if truth.shape != image.shape[:2]:
        raise MaskError(
            f"mask {item.mask} is {truth.shape[1]} x {truth.shape[0]} px",
            f"the size of its image, {image.shape[1]} x {image.shape[0]} px",
            "use an image and a mask from the same source",
        )
    return image, numbers, truth


def notes_on(left_out: Sequence[LeftOut], used: dict[str, int]) -> list[str]:
    """A sentence for each kind of image of which some are left out.

    Parameters
    ----------
    used
        How many images of each kind are used.
    """
    notes = []
    for role, count in used.items():
        of_role = [each for each in left_out if each.role == role]
        if of_role:
            reasons = "; ".join(f"{each.name}: {each.error.rstrip('.')}" for each in of_role)
            notes.append(f"{len(of_role)} of {count + len(of_role)} {role} images could not be used and are left out, "
                         f"so these figures are those of fewer images ({reasons}).")  # fmt: skip
    return notes


def _try(attempts: Attempts, dataset: Dataset, item: Item, *, with_mask: bool) -> None:
    try:
        if item.error is not None:
            raise item.error
        if with_mask and item.mask is not None:
            read_pair(dataset, item)
        else:
            read_image(item.image, dataset.answers)
    except QuestionError:
        raise
    except OF_ONE_FILE as error:
        attempts.failed.append(Failure(item.name, error))
    else:
        attempts.done.append(item.name)
