"""The three figures that matter for a data set: labels alone, with the unlabelled images, all images labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from training_core.base.errors import ConfigError, MaskError
from training_core.measuring.accuracy.annotators import Annotator
from training_core.measuring.accuracy.choices import TITLES, Arm
from training_core.measuring.accuracy.datasets import Dataset
from training_core.measuring.accuracy.draws import Drawn
from training_core.measuring.accuracy.plan import Benchmark
from training_core.measuring.accuracy.usable import LeftOut
from training_core.runs.run_folder import Split
from training_core.settings.schema import Config


def arm_benchmarks(
    dataset: Dataset,
    drawn: Drawn,
    configs: Mapping[Arm, Config],
    *,
    fold: int | None,
    annotator: Annotator | None,
    label: str,
    command: str,
    min_object_um2: float,
    left_out: tuple[LeftOut, ...] = (),
) -> dict[Arm, Benchmark]:
    """A benchmark for each arm of `configs`. The annotator paints in the first two; the last has all full masks.

    Parameters
    ----------
    left_out
        The images that could not be used.

    Raises
    ------
    ConfigError
        The settings of an arm contradict it, or there are no unlabelled images.
    MaskError
        Not every image has a mask to be labelled with.
    """
    benches: dict[Arm, Benchmark] = {}
    for arm, config in configs.items():
        if config.pseudo_label.enabled != (arm == "unlabelled"):
            given = f"the setting pseudo_label.enabled = {str(config.pseudo_label.enabled).lower()} for the arm {arm}"
            raise ConfigError(given, "no such setting: the arm decides it", "leave it out, and choose with --arms")
        if arm != "labels" and not drawn.split.unlabeled:
            raise ConfigError("there are no unlabelled images", "some, to compare with", "--arms labels")
        split = drawn.split
        if arm == "all":
            split = _all_labeled(dataset, split)
        painting = None if arm == "all" else annotator
        benches[arm] = Benchmark(
            dataset,
            split,
            drawn.source,
            None,
            not config.pseudo_label.enabled,
            config,
            ", ".join([label, *([painting.title] if painting else []), TITLES[arm]]),
            command,
            min_object_um2,
            arm,
            fold,
            painting,
            drawn.notes,
            left_out if arm != "all" else _all_labelled_left_out(left_out),
        )
    return benches


def _all_labelled_left_out(left_out: tuple[LeftOut, ...]) -> tuple[LeftOut, ...]:
    return tuple(replace(each, role="labelled") if each.role == "unlabelled" else each for each in left_out)


def _all_labeled(dataset: Dataset, split: Split) -> Split:
    items = {item.name: item for item in dataset.train}
    for name in split.unlabeled:
        if items[name].mask is None:
            given = f"image {name} has no mask, so not all images can be labelled"
            raise MaskError(
                given, "a mask for each image", "add the mask, or leave this arm out: --arms labels unlabelled"
            )
    return Split((*split.labeled, *split.unlabeled), (), split.val)
