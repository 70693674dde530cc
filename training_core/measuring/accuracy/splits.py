"""Which training images are labelled, which are not and which validate: the published lists, or a stated draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training_core.base.errors import ProjectError
from training_core.measuring.accuracy.published import SPLITS
from training_core.project.inputs.names import resolve_names
from training_core.project.runs import natural_key
from training_core.runs.run_folder import Split

FOLDER = "splits"
DRAW_SEED = 0
"""Of the draw where only the published counts are known; the same for every seed of the training."""


def read_split(target: str, names: Sequence[str], data: Path, ratio: int) -> tuple[Split, str]:
    """The split of the training images `names` at `ratio` percent, and a sentence that says where it comes from.

    Lists are text files in DATA/splits with one image name a line: TARGET_RATIO_labeled.txt, TARGET_RATIO_val.txt and,
    where not all others are unlabelled, TARGET_RATIO_unlabeled.txt. Ratio 100 labels every image but those of the
    validation list. Without lists, CRAG's split, of which only the counts are published, is drawn.

    Raises
    ------
    ProjectError
        Lists are missing, name unknown images, or overlap.
    """
    folder = data / FOLDER
    val_list = _first_existing(folder / f"{target}_{of}_val.txt" for of in ((ratio,) if ratio < 100 else (100, 10, 20)))
    labeled_list = folder / f"{target}_{ratio}_labeled.txt"
    if val_list is None or (ratio < 100 and not labeled_list.is_file()):
        if target == "crag":
            return _draw(names, ratio)
        raise _missing(target, folder, ratio)
    val = read_list(val_list, names)
    if ratio == 100:
        labeled = tuple(name for name in names if name not in set(val))
        return Split(labeled, (), val), f"validation images from {val_list.name}, all others labelled"
    labeled = read_list(labeled_list, names)
    unlabeled_list = folder / f"{target}_{ratio}_unlabeled.txt"
    others = tuple(name for name in names if name not in {*val, *labeled})
    split = Split(labeled, read_list(unlabeled_list, names) if unlabeled_list.is_file() else others, val)
    check_apart([*split.labeled, *split.unlabeled, *split.val], folder)
    return split, f"lists {target}_{ratio}_*.txt"


def departure(target: str, ratio: int | None, split: Split) -> str | None:
    """A sentence where the split has other sizes than the published one."""
    published = SPLITS.get((target, ratio)) if ratio is not None else None
    sizes = (len(split.labeled), len(split.unlabeled), len(split.val))
    if published is None or sizes == published:
        return None
    return (
        f"The split has {_sizes(sizes)} images, the published one {_sizes(published)}: this is not the "
        "published experiment."
    )


def _sizes(sizes: tuple[int, int, int]) -> str:
    return "{} labelled, {} unlabelled and {} validation".format(*sizes)


def _draw(names: Sequence[str], ratio: int) -> tuple[Split, str]:
    """As many as published, or the same shares of fewer images. The validation images are the same at every ratio."""
    n_labeled, n_unlabeled, n_val = SPLITS["crag", 10 if ratio == 100 else ratio]
    share = len(names) / (n_labeled + n_unlabeled + n_val)
    ordered = sorted(names, key=natural_key)
    drawn = [ordered[i] for i in np.random.default_rng(DRAW_SEED).permutation(len(ordered))]
    val, rest = drawn[: round(n_val * share)], drawn[round(n_val * share) :]
    count = len(rest) if ratio == 100 else round(n_labeled * share)
    labeled, unlabeled = rest[:count], rest[count:]
    source = f"drawn with seed {DRAW_SEED}, because only the counts of the published split are known"
    return Split(tuple(labeled), tuple(unlabeled), tuple(val)), source


def _first_existing(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def read_list(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The names in a list, each of which must be one of `names`.

    Raises
    ------
    ProjectError
        The file cannot be read, or has an unknown name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"the list {path} cannot be read", "a text file with one image name per line", "check the file"
        ) from error
    return resolve_names([line.strip() for line in lines if line.strip()], names, f"the list {path}")


def check_apart(names: Sequence[str], folder: Path) -> None:
    """Refuse an image that is in two lists.

    Raises
    ------
    ProjectError
        Names the first one.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        given = f"the lists in {folder} have {twice[0]} in two of them"
        raise ProjectError(given, "each image in one list only", "remove it from one of them")


def _missing(target: str, folder: Path, ratio: int) -> ProjectError:
    kinds = ("val",) if ratio == 100 else ("labeled", "val")
    files = " and ".join(f"{target}_{10 if ratio == 100 else ratio}_{kind}.txt" for kind in kinds)
    return ProjectError(
        f"{folder} does not hold the lists of the published split",
        f"{files} there, each with one image name per line (train_17)",
        "copy the names from the code released by the authors of the paper",
    )
