"""Which images a folder of predictions has already: one line each, so that a second run does only what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from training_core.base.lines import append_line
from training_core.base.printable import printable
from training_core.io.formats.ome_zarr_file import state
from training_core.io.zarr_folders import is_zarr_folder

PREDICTED_NAME = "predicted.jsonl"
KINDS = ("prediction", "pseudo_label", "confidence")


@dataclass(frozen=True)
class PredictedImage:
    """An image that was predicted, and by what.

    Attributes
    ----------
    file
        Its absolute path, or its address.
    bytes
        Its length; of an OME-Zarr folder that of its metadata.
    modified_ns
        When it was changed last; of an OME-Zarr folder, its metadata or a folder of its chunks; 0: a server does not
        say.
    run
        The run that predicted it.
    checkpoint
        The weights of that run, which change when it is resumed.
    options
        What else changes the result.
    """

    name: str
    file: str
    bytes: int
    modified_ns: int
    run: str
    checkpoint: str
    options: str


_line = TypeAdapter(PredictedImage)


def predicted_image(name: str, path: Path, run: str, checkpoint: str, options: str) -> PredictedImage:
    """The line for an image as its file is now."""
    size, modified_ns = state(path) if is_zarr_folder(path) else (path.stat().st_size, path.stat().st_mtime_ns)
    file = printable(str(path.resolve()))
    return PredictedImage(name, file, size, modified_ns, run, checkpoint, options)


def checkpoint_as_noted(weights: Path) -> str:
    """The file of weights by its length and its time, which is compared with nothing but itself.

    Raises
    ------
    OSError
        There is no such file.
    """
    status = weights.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def read_predicted(folder: Path) -> dict[str, PredictedImage]:
    """The images of a folder by name, of which the results are there; a torn last line is left out."""
    path = folder / PREDICTED_NAME
    found: dict[str, PredictedImage] = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            image = _line.validate_json(line)
        except ValidationError:  # the machine stopped while it was written
            continue
        found[image.name] = image
    return {name: image for name, image in found.items() if _is_there(folder, name)}


def add_predicted(folder: Path, image: PredictedImage) -> None:
    """Append a line; of an image that was predicted twice the later line counts.

    Raises
    ------
    StorageError
        The disk is full or not writable.
    """
    append_line(folder / PREDICTED_NAME, _line.dump_json(image))


def result_of(folder: Path, name: str) -> Path:
    """What holds the class ids of an image: its OME-Zarr folder, or its PNG file."""
    streamed = folder / f"{name}.ome.zarr"
    return streamed if streamed.is_dir() else folder / f"{name}.prediction.png"


def _is_there(folder: Path, name: str) -> bool:
    return (folder / f"{name}.ome.zarr").is_dir() or all((folder / f"{name}.{kind}.png").is_file() for kind in KINDS)
