"""What the metadata of OME-Zarr say: which image of a Zarr is meant, its axes, levels and channels.

Format: https://ngff.openmicroscopy.org/0.4/ and https://ngff.openmicroscopy.org/0.5/. Earlier versions differ in what
they leave out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from training_core.io.files import Refused
from training_core.io.formats.zarr_files import ZarrFiles, read_metadata

ZarrFormat = Literal[2, 3]
VERSIONS = ("0.1", "0.2", "0.3", "0.4", "0.5")
MAX_LEVELS = 64
_MAX_AXES = 8
_MAX_CHANNELS = 10_000
_MAX_SERIES = 100
_BEFORE_AXES = "tczyx"
"""The axes of versions that do not name them."""
_NEEDED = "an OME-Zarr image of version 0.4 or 0.5"
_OUT = "choose the image itself, or leave it out"
_RGB_NAMES = (("red", "green", "blue"), ("r", "g", "b"))
_RGB_COLOURS = ("ff0000", "00ff00", "0000ff")
_NO_NAME = re.compile(r"(channel)?[\s_:#-]*[\d\s_:.-]*")
"""What bioformats2raw and others write where a channel has no name."""


class _Axis(BaseModel):
    name: str
    type: str | None = None
    unit: str | None = None


class _Transformation(BaseModel):
    type: str
    scale: list[float] | None = None
    translation: list[float] | None = None


class _Dataset(BaseModel):
    path: str
    transformations: list[_Transformation] = Field(default_factory=list, alias="coordinateTransformations")


class _Multiscale(BaseModel):
    name: str | None = None
    version: str | None = None
    axes: list[_Axis | str] | None = Field(default=None, max_length=_MAX_AXES)
    datasets: list[_Dataset] = Field(min_length=1, max_length=MAX_LEVELS)
    transformations: list[_Transformation] = Field(default_factory=list, alias="coordinateTransformations")


class _Channel(BaseModel):
    label: str | None = None
    color: str | None = None


class _Omero(BaseModel):
    channels: list[_Channel] = Field(default_factory=list, max_length=_MAX_CHANNELS)


class Axis(NamedTuple):
    """An axis: y, x, c for channels, or any other name for one that pictures are chosen along."""

    name: str
    unit: str | None


class Dataset(NamedTuple):
    """A level: the key of its array, and its scale and translation along each axis where they are stated."""

    key: str
    scale: tuple[float, ...] | None
    translation: tuple[float, ...] | None


@dataclass(frozen=True)
class ZarrImage:
    """The image that is read of a Zarr.

    Attributes
    ----------
    axes
        In the order of the arrays.
    datasets
        The levels, finest first.
    channels
        Name and colour (rrggbb) of each, as far as they are stated.
    notes
        What a person should know of the choice.
    """

    zarr_format: ZarrFormat
    axes: tuple[Axis, ...]
    datasets: tuple[Dataset, ...]
    channels: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return tuple(axis.name for axis in self.axes)

    def is_rgb(self, count: int, sample_type: str, bits: int) -> bool:
        """Whether the channels are stated to be red, green and blue: by their names, or 8 bits by their colours."""
        if count != 3 or len(self.channels) != 3:
            return False
        labels = tuple(label.casefold() for label, _ in self.channels)
        if labels in _RGB_NAMES:
            return True
        # Programs also give these colours to the first three channels of fluorescence, which have names or more bits.
        is_byte = (sample_type, bits) == ("uint", 8) and all(_NO_NAME.fullmatch(label) for label in labels)
        return is_byte and tuple(colour for _, colour in self.channels) == _RGB_COLOURS


def find_image(files: ZarrFiles) -> ZarrImage:
    """The image that is read: that of the folder itself, or the first of several.

    Raises
    ------
    Refused
        What the folder is instead of an image.
    ValueError, OSError
        The metadata are damaged.
    """
    zarr_format, ome = _group(files, "")
    if "bioformats2raw.layout" in ome and "plate" not in ome and "multiscales" not in ome:
        return _first_of_series(files, zarr_format, ome)
    return _image(zarr_format, ome, "", _labels_of(files, zarr_format), ())


def is_prediction(files: ZarrFiles) -> bool:
    """Whether this program predicted what the folder holds."""
    try:
        zarr_format, ome = _group(files, "")
    except (Refused, ValueError, OSError):
        return False
    return _is_prediction(ome, _labels_of(files, zarr_format))


def has_labels(files: ZarrFiles) -> bool:
    """Whether there are labels beside the image, which may be annotations."""
    try:
        return bool(_labels_of(files, _group(files, "")[0]))
    except (Refused, ValueError, OSError):
        return False


def _group(files: ZarrFiles, prefix: str) -> tuple[ZarrFormat, Mapping[str, Any]]:
    """The version of Zarr and the metadata of OME of a group.

    Raises
    ------
    Refused
        There is no group, or it is none of OME.
    """
    zarr_format: ZarrFormat = 2
    node = read_metadata(files, f"{prefix}zarr.json")
    if node is not None:
        is_array = isinstance(node, dict) and node.get("node_type") == "array"
        attributes = node.get("attributes", {}) if isinstance(node, dict) else {}
        zarr_format = 3
    else:
        is_array = read_metadata(files, f"{prefix}.zarray") is not None
        attributes = read_metadata(files, f"{prefix}.zattrs")
        if attributes is None and not is_array and read_metadata(files, f"{prefix}.zgroup") is None:
            raise Refused("has no metadata of Zarr (zarr.json, .zgroup)", _NEEDED, "copy the whole folder again")
        attributes = attributes or {}
    if is_array:
        raise Refused("is an array of Zarr without the metadata of an image", _NEEDED, "choose the folder around it")
    found = attributes.get("ome", attributes) if isinstance(attributes, dict) else None
    if not isinstance(found, dict):
        raise ValueError("its metadata are no object of JSON")
    return zarr_format, found


def _labels_of(files: ZarrFiles, zarr_format: ZarrFormat) -> Sequence[str]:
    key = "labels/zarr.json" if zarr_format == 3 else "labels/.zattrs"
    try:
        found = read_metadata(files, key)
    except (ValueError, OSError):
        return ()
    if zarr_format == 3 and isinstance(found, dict):
        found = found.get("attributes", {})
        found = found.get("ome", found) if isinstance(found, dict) else {}
    names = found.get("labels") if isinstance(found, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _first_of_series(files: ZarrFiles, zarr_format: ZarrFormat, ome: Mapping[str, Any]) -> ZarrImage:
    """The first image of a folder in the layout of bioformats2raw."""
    try:
        _, about = _group(files, "OME/")
    except Refused:
        about = {}
    listed = about.get("series")
    series = [str(each) for each in listed] if isinstance(listed, list) and listed else None
    if series is None:
        series = ["0"]
        while len(series) < _MAX_SERIES and _is_group(files, f"{len(series)}/"):
            series.append(str(len(series)))
    notes: tuple[str, ...] = ()
    if len(series) > 1:
        notes = (
            f"It holds {len(series)} images, of which the first ({series[0]}) is read; to read another one, choose its "
            f"folder in this one.",
        )
    prefix = f"{series[0].strip('/')}/"
    inner_format, inner = _group(files, prefix)
    return _image(inner_format, inner, prefix, (), notes)


def _is_group(files: ZarrFiles, prefix: str) -> bool:
    try:
        return "multiscales" in _group(files, prefix)[1]
    except (Refused, ValueError, OSError):
        return False


def _image(
    zarr_format: ZarrFormat, ome: Mapping[str, Any], prefix: str, labels: Sequence[str], notes: tuple[str, ...]
) -> ZarrImage:
    _refuse_others(ome, labels)
    multiscales = ome["multiscales"]
    if not isinstance(multiscales, list) or not multiscales:
        raise ValueError("its metadata list no image")
    if len(multiscales) > 1:
        notes += (f"It lists {len(multiscales)} images (multiscales), of which the first is read.",)
    try:
        found = _Multiscale.model_validate(multiscales[0])
    except ValidationError as cause:
        first = cause.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"in its metadata, multiscales.0.{place}: {first['msg']}") from None
    version = str(ome.get("version") or found.version or VERSIONS[-1])
    if version not in VERSIONS:
        given = f"is OME-Zarr of version {version}"
        raise Refused(given, _NEEDED, "export it as OME-Zarr 0.4 or 0.5, or as a pyramidal TIFF")
    axes = _axes(found)
    datasets = tuple(_dataset(each, found, len(axes), prefix) for each in found.datasets)
    return ZarrImage(zarr_format, axes, datasets, _channels(ome), notes)


def _refuse_others(ome: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Say what is no image."""
    if "plate" in ome or "well" in ome:
        what = "a plate of many images" if "plate" in ome else "a well of several images"
        raise Refused(f"is {what}", "one image", "choose the folder of one field in it, such as A/1/0")
    if "image-label" in ome or ("multiscales" not in ome and labels):
        raise Refused(
            "holds labels, and no image", _NEEDED, "choose the image that they are of, or import them as annotations"
        )
    if "multiscales" not in ome:
        given = "is a group of labels, and no image" if "labels" in ome else "has no metadata of an OME-Zarr image"
        raise Refused(given, _NEEDED, _OUT)
    if _is_prediction(ome, labels):
        given = "is a prediction of this program: the confidence, with the classes as its labels"
        raise Refused(given, "an image of tissue", "choose the slide that was predicted")


def _is_prediction(ome: Mapping[str, Any], labels: Sequence[str]) -> bool:
    multiscales = ome.get("multiscales")
    first = multiscales[0] if isinstance(multiscales, list) and multiscales else None
    name = first.get("name") if isinstance(first, dict) else None
    return name == "confidence" and list(labels) == ["prediction"]


def _axes(found: _Multiscale) -> tuple[Axis, ...]:
    """The axes; channels are called c, whatever their name is."""
    if found.axes is None:
        axes = [Axis(name, None) for name in _BEFORE_AXES]
    else:
        axes = []
        for each in found.axes:
            axis = _Axis(name=each) if isinstance(each, str) else each
            axes.append(Axis("c" if axis.type == "channel" else axis.name.casefold(), axis.unit))
    names = [axis.name for axis in axes]
    if "y" not in names or "x" not in names or len(set(names)) < len(names):
        given = f"has the axes {', '.join(names) or 'none'}"
        raise Refused(given, "axes x and y, each once", "export it as OME-Zarr with a plane of x and y")
    return tuple(axes)


def _dataset(dataset: _Dataset, found: _Multiscale, count: int, prefix: str) -> Dataset:
    parts = dataset.path.strip("/").split("/")
    if "" in parts or ".." in parts or "\\" in dataset.path or ":" in dataset.path:
        raise Refused(f"has a level at {dataset.path!r}", "levels in the folder itself", "export it again")
    scale: list[float] | None = None
    translation = [0.0] * count
    for each in (*dataset.transformations, *found.transformations):
        if each.type == "scale" and each.scale is not None and len(each.scale) == count:
            scale = [a * b for a, b in zip(scale or [1.0] * count, each.scale, strict=True)]
            translation = [a * b for a, b in zip(translation, each.scale, strict=True)]
        elif each.type == "translation" and each.translation is not None and len(each.translation) == count:
            translation = [a + b for a, b in zip(translation, each.translation, strict=True)]
        elif each.type != "identity":
            raise ValueError(f"its level {dataset.path} has a transformation {each.type} that does not fit its axes")
    key = prefix + "/".join(parts)
    return Dataset(key, None if scale is None else tuple(scale), None if scale is None else tuple(translation))


def _channels(ome: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Name and colour of each channel; what is wrong there concerns nobody who looks at the pixels."""
    try:
        omero = _Omero.model_validate(ome.get("omero") or {})
    except ValidationError:
        return ()
    return tuple(((each.label or "").strip(), (each.color or "").casefold()) for each in omero.channels)
