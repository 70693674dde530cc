"""dataset.yaml: what the images and masks of a folder are, and which of them are labelled, validate and test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.base.bounded import MAX_YAML_BYTES, in_short, parse_yaml, read_file
from training_core.base.errors import ConfigError
from training_core.base.spec_version import FileFormat
from training_core.io import value_span
from training_core.settings.explain import explain

FILE_NAME = "dataset.yaml"
FORMAT = FileFormat(version=1, error=ConfigError)
_EXAMPLE = "compare it with the example in docs/how-to/benchmark-your-data.md"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataClass(_Section):
    """A class, and what it looks like in masks: `values`, or `numbered`."""

    name: str = Field(min_length=1, description="name of the class")
    values: tuple[int | str, ...] = Field(
        (), description='mask values that mean this class, such as [1], [1, 4], ["5-9"] or ["#ff0000"]'
    )
    numbered: tuple[int, int] | None = Field(
        None, description="first and last mask value, where each value from first to last is one object of this class"
    )
    color: str | None = Field(None, description='such as "#e69f00"; None: chosen')
    prompt: str | None = Field(None, description="text prompt; None: from the name")
    made_of_objects: bool | None = Field(
        None, description="True: its areas are objects, which are also scored one by one"
    )

    def mask_values(self) -> tuple[str, ...]:
        """The keys of `Answers.mask_values`, whichever way they are given."""
        if self.numbered is not None:
            return (f"{self.numbered[0]}-{self.numbered[1]}",)
        return tuple(str(value) for value in self.values)


class Lists(_Section):
    """Text files with one image name per line, relative to this file. An image is in one of them at most."""

    labeled: str = Field(description="list of the labelled images")
    val: str = Field(description="list of the validation images")
    test: str | None = Field(None, description="list of the test images; None: no image of this folder")
    unlabeled: str | None = Field(None, description="list of the unlabelled images; None: all others")


class Draw(_Section):
    """How many images are drawn, and from which seed. Images of one group stay together."""

    labeled: int = Field(ge=1, description="number of labelled images")
    val: int = Field(ge=1, description="number of validation images")
    test: int = Field(0, ge=0, description="number of test images; with folds, the fold is the test set")
    unlabeled: int | None = Field(None, ge=0, description="number of unlabelled images; None: all others")
    folds: int | None = Field(None, ge=2, description="cross-validation: number of folds, of which one is tested")
    seed: int = Field(0, ge=0, description="seed of the draw; the same for every seed of the training")
    group: str | None = Field(
        None, description="regular expression found in an image's name; images with the same match are one group"
    )


class DatasetFile(_Section):
    """A data set: folders, classes, pixel size, and which image is used for what. Paths are relative to this file."""

    spec_version: int = 1
    name: str = Field(min_length=1, description="name of the data set, for reports")
    images: str = Field("images", description="folder of the images")
    masks: str = Field("masks", description="folder of the masks, named as the images, whatever their ending")
    mpp_um: float | None = Field(None, gt=0, description="pixel size in µm/px of the images whose files state none")
    classes: tuple[DataClass, ...] = Field(min_length=2, description="the classes")
    unlabeled_values: tuple[int | str, ...] = Field((), description="mask values that mean not labelled; not scored")
    judged: tuple[str, ...] | None = Field(
        None, min_length=1, description="classes whose mean Dice is reported as the figure that counts; None: all"
    )
    lists: Lists | None = Field(None, description="which image is used for what, by name")
    draw: Draw | None = Field(None, description="the same by a stated draw; beside lists, for its folds only")
    test_images: str | None = Field(None, description="folder of the test images, where they lie elsewhere")
    test_masks: str | None = Field(None, description="folder of their masks")


def read_dataset_file(path: Path) -> DatasetFile:
    """The data set that a YAML or JSON file describes.

    Raises
    ------
    ConfigError
        Missing, not readable, an unknown key, a wrong type, or keys that contradict each other.
    """
    try:
        values = parse_yaml(read_file(path, MAX_YAML_BYTES).decode())
    except FileNotFoundError as error:
        needed = "a YAML file with the classes and the split of the data set"
        raise ConfigError(f"there is no file {path}", needed, "write one, or name another with --dataset") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not readable as YAML", "a YAML file", f"{_EXAMPLE} ({_line(error)})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} contains a {type(values).__name__}", "keys with values", _EXAMPLE)
    return parse_dataset(values, str(path))


def parse_dataset(values: dict[str, Any], source: str) -> DatasetFile:
    """The data set that these values describe.

    Raises
    ------
    ConfigError
        As `read_dataset_file`.
    """
    try:
        described = DatasetFile.model_validate_json(json.dumps(FORMAT.up_to_date(values, source)))
    except ValidationError as error:
        raise explain(error, DatasetFile, source) from error
    except TypeError as error:
        raise ConfigError(f"{source} has a value that is not plain data ({error})", "text and numbers", "put it in "
                          "quotes") from error  # fmt: skip
    _check_values(described, source)
    _check_split(described, source)
    return described


def _check_values(described: DatasetFile, source: str) -> None:
    """Refuse mask values that are missing, out of range or ambiguous, and judged classes that are not there."""
    meanings: list[tuple[str, str]] = []
    for each in described.classes:
        if bool(each.values) == (each.numbered is not None):
            given = f"{source} gives class {each.name} {'both' if each.values else 'neither'} values and numbered"
            given = given if each.values else given.replace("values and", "values nor")
            raise ConfigError(given, "one of the two", "values: [1], or numbered: [1, 255] where values number objects")
        if each.numbered is not None and each.numbered[0] > each.numbered[1]:
            given = f"{source} has class {each.name} numbered from {each.numbered}"
            raise ConfigError(given, "first and last value, in this order", "numbered: [1, 255]")
        _note(meanings, each.mask_values(), f"class {each.name}", source)
    _note(meanings, tuple(map(str, described.unlabeled_values)), "unlabeled_values", source)
    names = [each.name for each in described.classes]
    for name in described.judged or ():
        if name not in names:
            raise ConfigError(f"{source} has the judged class {name}", f"one of {', '.join(names)}", "correct judged")


def _note(meanings: list[tuple[str, str]], values: tuple[str, ...], meaning: str, source: str) -> None:
    for value in values:
        try:
            is_colour, low, high = value_span(value)
        except ConfigError as error:
            given = f"{source} has the mask value {value} of {meaning}"
            raise ConfigError(given, error.needed, f"correct {meaning}") from error
        if not 0 <= low <= high:
            given = f"{source} has the mask value {value} of {meaning}"
            raise ConfigError(given, "values from 0, a range with the smaller one first", f"correct {meaning}")
        for known, other in meanings:
            also_colour, from_low, to_high = value_span(known)
            if other != meaning and also_colour == is_colour and low <= to_high and from_low <= high:
                given = f"{source} gives the mask value {value} two meanings, {other} ({known}) and {meaning}"
                raise ConfigError(given, "one meaning for each value", "remove it from one of them")
        meanings.append((value, meaning))


def _check_split(described: DatasetFile, source: str) -> None:
    lists, draw = described.lists, described.draw
    elsewhere = described.test_images is not None
    if elsewhere != (described.test_masks is not None):
        given = f"{source} has only one of test_images and test_masks"
        raise ConfigError(given, "both folders, or neither", "add the other one")
    if lists is None and draw is None:
        raise ConfigError(f"{source} has neither lists nor draw", "one of them: which image is used for what", _EXAMPLE)
    if lists is not None and draw is not None and draw.folds is None:
        given = f"{source} has both lists and draw"
        raise ConfigError(given, "one of them; both only where draw has folds", "remove one of them")
    if draw is not None and draw.folds is not None and draw.test:
        given = f"{source} has draw.test = {draw.test} beside draw.folds = {draw.folds}"
        raise ConfigError(given, "no test count: the fold is the test set", "remove draw.test")
    if elsewhere and ((lists is not None and lists.test is not None) or (draw is not None and draw.test)):
        given = f"{source} has test images in {described.test_images} and others in lists or draw"
        raise ConfigError(given, "one set of test images", "remove one of them")
    if draw is not None and draw.group is not None:
        try:
            re.compile(draw.group)
        except re.error as error:
            given = f"{source} has draw.group = {draw.group!r}, which is no regular expression ({error})"
            raise ConfigError(given, r"a regular expression such as '^[^-]+'", "correct draw.group") from error


def _line(error: Exception) -> str:
    mark = getattr(error.__cause__, "problem_mark", None)
    return in_short(error) if mark is None else f"line {mark.line + 1}"
