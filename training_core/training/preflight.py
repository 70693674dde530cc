"""Is there enough to train on, and what should the user know before it starts? Asked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from training_core.base.arrays import UNLABELED, BoolMask
from training_core.base.errors import ProjectError
from training_core.base.i18n import ntr, tr
from training_core.data.crop_scale import settled_scales
from training_core.data.held_out import LEAST_REGIONS
from training_core.data.pixel_size import choose_run_mpp, left_out, zoom_to_run
from training_core.project import Project, Tile
from training_core.project.damage import damaged_tiles
from training_core.project.splits import usable_tiles
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config
from training_core.training.slide_context import missing_slides


def check_ready(project: Project, config: Config) -> Split:
    """The tiles that will take part.

    Raises
    ------
    ProjectError
        Too few classes, labelled tiles, labelled classes or unlabelled tiles; says what is there.
    """
    tiles = usable_tiles(project)
    unfit = left_out(tiles, choose_run_mpp(tiles, config.data.mpp))
    damaged = damaged_tiles(project, (tile.name for tile in tiles if tile.name not in unfit))
    taken = {tile.name for tile in tiles if tile.name not in unfit and tile.name not in damaged}
    labeled = tuple(name for name in project.labeled_names() if name in taken)
    val = tuple(name for name in project.val_names() if name in taken)
    unlabeled = tuple(name for name in project.unlabeled_names() if name in taken)
    if len(project.classes) < 2:
        names = ", ".join(c.name for c in project.classes) or "none"
        raise ProjectError(
            f"the project has {len(project.classes)} class ({names})",
            "at least 2 classes to tell apart",
            "add a class, such as background",
        )
    least = config.data.min_labeled_tiles
    if len(labeled) < least:
        raise ProjectError(
            f"{len(labeled)} of {len(project.tiles)} tiles are annotated for training"
            + (f" (the {len(val)} validation tiles do not count)" if val else "")
            + _because(unfit)
            + _because_damaged(damaged),
            f"at least {least} annotated tiles",
            "paint a few strokes of every class on more tiles"
            + (", or train on one tile (data.min_labeled_tiles = 1)" if labeled else ""),
        )
    painted = sorted(_painted(project, labeled))
    if len(painted) < 2:
        by_id = {c.id: c.name for c in project.classes}
        one = f"only {by_id[painted[0]]} is annotated" if painted else "the label files are empty or missing"
        raise ProjectError(
            one,
            "annotations of at least 2 classes",
            "annotate another class too, for example the background between the structures",
        )
    if config.pseudo_label.enabled and not unlabeled:
        raise ProjectError(
            "the project has no unannotated tile, which semi-supervised training also learns from"
            + _because(unfit)
            + _because_damaged(damaged),
            "at least 1 tile that is neither annotated nor entirely rejected, and not for validation",
            "add images, clear a rejection, or train on annotated tiles only (Labelled tiles only)",
            terminal="add images, clear a rejection, or train on annotated tiles only (--supervised-only)",
        )
    return Split(labeled, unlabeled if config.pseudo_label.enabled else (), val)


def _because(unfit: Mapping[str, str]) -> str:
    """What to add to an error where tiles are missing because of their pixel size."""
    if not unfit:
        return ""
    first, reason = next(iter(unfit.items()))
    tiles = "1 tile is" if len(unfit) == 1 else f"{len(unfit)} tiles are"
    return f"; {tiles} left out because of the pixel size ({first}: {reason}; correct it in the project)"


def _because_damaged(damaged: Mapping[str, str]) -> str:
    if not damaged:
        return ""
    first, reason = next(iter(damaged.items()))
    tiles = "1 tile is" if len(damaged) == 1 else f"{len(damaged)} tiles are"
    return f"; {tiles} left out because files are damaged ({first}: {reason})"


def settle(project: Project, split: Split, config: Config) -> Config:
    """The configuration with what the project's tiles decide filled in, so that the run folder records it.

    data.mpp: the median of the tiles' own. data.balance_classes: with more than two classes or partial labels, where a
    crop drawn anywhere would miss the rare class or the strokes; two classes on fully labelled tiles are drawn as ever.
    losses.balance: 1 where crops are balanced, or the common classes drown the rare ones. augment.scale_min and
    scale_max: lower than usual where the annotated structures are large. augment.exchange_stains: where most annotated
    tiles show one class only, so that the staining of the tile would do to tell it.
    """
    data, losses = config.data, config.losses
    balance = data.balance_classes
    if balance is None:
        balance = len(project.classes) > 2 or not all(project.is_fully_labeled(name) for name in split.labeled)
    settled = {"mpp": choose_run_mpp(usable_tiles(project), data.mpp), "balance_classes": balance}
    if losses.balance is None:
        losses = losses.model_copy(update={"balance": float(balance)})
    data = data.model_copy(update=settled)
    augment = settled_scales(project, (*split.labeled, *split.val), config, data.mpp)
    if augment.exchange_stains is None:
        one, all_tiles = _of_one_class(project, split)
        augment = augment.model_copy(update={"exchange_stains": 2 * one > all_tiles})
    return config.model_copy(update={"data": data, "losses": losses, "augment": augment})


def _of_one_class(project: Project, split: Split) -> tuple[int, int]:
    """How many tiles that are trained on show a single class, and how many there are."""
    counts = [len(_painted(project, [name])) for name in split.labeled]
    return sum(count == 1 for count in counts), len(counts)


def cautions(
    project: Project, split: Split, config: Config, held_out: Mapping[str, BoolMask] | None = None
) -> tuple[str, ...]:
    """Sentences that the user should read before a run with these (settled) settings starts.

    Parameters
    ----------
    held_out
        Where the annotations (H, W) are not trained on, by tile.
    """
    learned = _painted(project, split.labeled)
    measured = _painted(project, split.val) if split.val else learned
    if held_out:
        measured = {int(c) for name, where in held_out.items() for c in np.unique(project.label(name)[where])}
    return (
        *_on_tiles(project, split),
        *_on_one_class(project, split, config),
        *missing_slides(project, split, config),
        *_on_scores(project, split, config, held_out or {}),
        *_on_pixel_size(usable_tiles(project), config.data.mpp),
        *_on_classes(project, config, learned, measured, bool(held_out)),
    )


def _on_one_class(project: Project, split: Split, config: Config) -> Iterable[str]:
    one, count = _of_one_class(project, split)
    if config.augment.exchange_stains and 2 * one > count:
        words = tr(
            "{one} of {count} annotated tiles show a single class each. They are learned in the stainings of other "
            "tiles too, so that a class is not told by its tile. Annotating several classes on each tile works better."
        )
        yield words.format(one=one, count=count)


def _on_tiles(project: Project, split: Split) -> Iterable[str]:
    missing = project.missing_images()
    if missing:
        words = ntr(
            "{count} image is missing and left out: {first}.",
            "{count} images are missing and left out, the first is {first}.",
            len(missing),
        )
        yield words.format(count=len(missing), first=missing[0])
    taken = {*split.labeled, *split.unlabeled, *split.val}
    damaged = damaged_tiles(project, (tile.name for tile in usable_tiles(project) if tile.name not in taken))
    if damaged:
        words = ntr(
            "{count} tile is left out because a file of it is damaged: {first}: {reason}. It is still predicted.",
            "{count} tiles are left out because files of them are damaged: {names}. {first}: {reason}. They are still "
            "predicted.",
            len(damaged),
        )
        first, reason = next(iter(damaged.items()))
        yield words.format(count=len(damaged), names=_listed(list(damaged)), first=first, reason=reason)


def _on_scores(project: Project, split: Split, config: Config, held_out: Mapping[str, BoolMask]) -> Iterable[str]:
    if split.val:
        return
    if held_out:
        held_px = sum(int(where.sum()) for where in held_out.values())
        share = held_px / max(1, sum(map(project.labeled_pixels, split.labeled)))
        yield tr(
            "No validation tile: nothing measures how good this training is. {percent:.0f} % of the annotated pixels "
            "are held out from training to decide between the network and the pixel classifier. Use some annotated "
            "tiles for validation to measure it, and to train on all other annotations."
        ).format(percent=100 * share)
        return
    yield tr(
        "No validation tile: nothing measures how good this training is. Use some annotated tiles for validation to "
        "see how well new tiles are predicted."
    )
    if config.schedule.quick_start:
        yield tr(
            "Nothing can compare the network with the pixel classifier: without validation tiles, two classes need "
            "at least {regions} painted regions each."
        ).format(regions=LEAST_REGIONS)


def _on_pixel_size(every: Sequence[Tile], run_mpp: float | None) -> Iterable[str]:
    unfit = left_out(every, run_mpp)
    if unfit:
        words = ntr(
            "{count} tile is left out because of its pixel size: {first}: {reason}. Correct the pixel size, or set "
            "data.mpp.",
            "{count} tiles are left out because of their pixel size: {names}. {first}: {reason}. Correct the pixel "
            "size, or set data.mpp.",
            len(unfit),
        )
        first, reason = next(iter(unfit.items()))
        yield words.format(count=len(unfit), names=_listed(list(unfit)), first=first, reason=reason)
    tiles = [tile for tile in every if tile.name not in unfit]
    resampled = [tile for tile in tiles if zoom_to_run(tile.mpp_um, run_mpp) != 1]
    if not resampled:
        return
    sizes = [tile.mpp_um for tile in tiles if tile.mpp_um is not None]
    span = tr(" to ").join(f"{size:.3g}" for size in dict.fromkeys((min(sizes), max(sizes))))
    yield tr(
        "Pixel sizes of the tiles: {span} µm/px. The run works at {run_mpp:.3g} µm/px; {resampled} of {tiles} "
        "tiles are resampled. Predictions have the pixels of their tile. Set data.mpp to choose another pixel "
        "size."
    ).format(span=span, run_mpp=run_mpp, resampled=len(resampled), tiles=len(tiles))


def _on_classes(
    project: Project, config: Config, learned: set[int], measured: set[int], on_held_out: bool
) -> Iterable[str]:
    unseen = tr("No validation tile has annotations of {name}.")
    if on_held_out:
        unseen = tr("No annotation of {name} is held out: there are too few.")
    tower = config.alignment.use_text and config.text.encoder != "learned"
    for tissue_class in project.classes:
        left_out = "" if tissue_class.id in measured else tr(" It is left out of the scores.")
        words = ""
        if tissue_class.id in learned:
            words = unseen if left_out else ""
        elif tower:
            words = tr("Nothing is annotated as {name} yet: the class is trained from its text prompt only.")
        else:
            words = tr(
                "Nothing is annotated as {name} yet, and without a text encoder (text.encoder) the class cannot be "
                "learned: it will not be predicted. Annotate some of it, or remove the class."
            )
        if words:
            yield words.format(name=tissue_class.name) + left_out


def _painted(project: Project, names: Iterable[str]) -> set[int]:
    """The ids of the classes that have a labelled pixel on these tiles."""
    return {int(c) for name in names for c in np.unique(project.label(name))} - {UNLABELED}


def _listed(names: Sequence[str]) -> str:
    """Up to three names; more are counted."""
    more = tr(" and {count} more").format(count=len(names) - 3) if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
