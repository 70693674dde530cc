"""Stated draws: which images are labelled, validate and test, by counts, a seed, and groups that stay together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training_core.base.errors import ConfigError
from training_core.measuring.accuracy.dataset_file import Draw
from training_core.project.runs import natural_key
from training_core.runs.run_folder import Split

Groups = list[tuple[str, ...]]


@dataclass(frozen=True)
class Drawn:
    """A split with its test images.

    Attributes
    ----------
    source
        A sentence that says where it comes from.
    notes
        Where it is not what was asked for.
    """

    split: Split
    test: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()


def draw_split(names: Sequence[str], draw: Draw, fold: int | None) -> Drawn:
    """The draw; with folds, the images of `fold` are the test images and the counts are drawn from the others.

    The order of `names` does not matter. Test images are drawn first, then validation images, then labelled ones.

    Raises
    ------
    ConfigError
        Too few images, a name without a group, or a fold that is not there.
    """
    groups = _groups(names, draw)
    rng = np.random.default_rng(draw.seed)
    shuffled = [groups[i] for i in rng.permutation(len(groups))]
    notes: list[str] = []
    if draw.folds is None:
        test, rest = _pick(shuffled, draw.test, "test", notes)
        source = f"drawn with seed {draw.seed}"
    else:
        test, rest = _fold(shuffled, draw.folds, _checked(fold, draw.folds))
        rng = np.random.default_rng([draw.seed, 1 + _checked(fold, draw.folds)])
        rest = [rest[i] for i in rng.permutation(len(rest))]
        source = f"fold {fold} of {draw.folds} (0 to {draw.folds - 1}), drawn with seed {draw.seed}"
    val, rest = _pick(rest, draw.val, "validation", notes)
    labeled, rest = _pick(rest, draw.labeled, "labelled", notes)
    unlabeled = tuple(name for group in rest for name in group)
    if draw.unlabeled is not None:
        unlabeled, _ = _pick(rest, draw.unlabeled, "unlabelled", notes)
    if draw.group is not None:
        source += f", {len(groups)} groups of images by {draw.group!r} kept together"
    return Drawn(Split(labeled, unlabeled, val), test, source, tuple(notes))


def _groups(names: Sequence[str], draw: Draw) -> Groups:
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=natural_key):
        found = re.search(draw.group, name) if draw.group is not None else None
        if draw.group is not None and found is None:
            given = f"draw.group = {draw.group!r} is not found in the image name {name}"
            raise ConfigError(given, "a regular expression that every name matches", "correct draw.group")
        key = name if found is None else found.group(1 if found.re.groups else 0) or ""
        groups.setdefault(key, []).append(name)
    return [tuple(members) for members in groups.values()]


def _checked(fold: int | None, folds: int) -> int:
    if fold is None or not 0 <= fold < folds:
        given = "no fold is given" if fold is None else f"--fold {fold}"
        raise ConfigError(given, f"one of the folds 0 to {folds - 1}", "--fold 0")
    return fold


def _fold(groups: Groups, folds: int, fold: int) -> tuple[tuple[str, ...], Groups]:
    """The names of one fold, and the other groups. Each group goes into the fold that is smallest so far."""
    if len(groups) < folds:
        given = f"{folds} folds of {len(groups)} groups of images"
        raise ConfigError(given, "at least one group for each fold", "lower draw.folds")
    sizes = [0] * folds
    chosen: Groups = []
    others: Groups = []
    for group in groups:
        into = sizes.index(min(sizes))
        sizes[into] += len(group)
        (chosen if into == fold else others).append(group)
    return tuple(name for group in chosen for name in group), others


def _pick(groups: Groups, count: int, what: str, notes: list[str]) -> tuple[tuple[str, ...], Groups]:
    """The first groups that fit into `count` names, and the others."""
    available = sum(map(len, groups))
    if count > available:
        given = f"draw asks for {count} {what} images, and {available} are left"
        raise ConfigError(given, "fewer images than there are", "lower the counts of draw")
    picked: list[str] = []
    others: Groups = []
    for group in groups:
        if len(picked) + len(group) <= count:
            picked.extend(group)
        else:
            others.append(group)
    if count and not picked:
        given = f"draw asks for {count} {what} images, and every group of images has more"
        raise ConfigError(
            given, "counts that whole groups fit into", "raise the counts of draw, or choose a finer group"
        )
    if len(picked) < count:
        notes.append(f"The draw has {len(picked)} {what} images rather than {count}, because groups stay together.")
    return tuple(picked), others
