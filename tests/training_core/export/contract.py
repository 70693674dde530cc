"""What every export format must do: other programs read the values, a legend explains them, no file is half written.

    class TestMine(MaskFileContract):
        format, readers = "mine", (imread,)

test_formats.py has the formats, and faults that are found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training_core.base.errors import StorageError
from training_core.export import FORMATS, export_masks
from training_core.export.legend import LEGEND_NAME
from training_core.project import UNLABELED, LabelSource, Project, TissueClass

Mask = NDArray[np.uint8]
Reader = Callable[[Path], NDArray[Any]]

CLASSES = (
    TissueClass(0, "background", "#f0f0f0"),
    TissueClass(3, "gland, benign", "#28c580"),
    TissueClass(7, "Stroma Ä", "#aa3060"),
    TissueClass(254, "necrosis", "#101010"),
)


def drawn(height: int, width: int) -> Mask:
    """Every class, and places without a label, in patches that no reader may shift, flip or smooth."""
    values = np.array([*(c.id for c in CLASSES), UNLABELED], np.uint8)
    return np.asarray(np.random.default_rng(height * 1000 + width).choice(values, (height, width)), np.uint8)


class ExportContract:
    """A format that `write` writes and other programs read."""

    readers: ClassVar[tuple[Reader, ...]]
    """Functions of programs that are not ours: path to array."""
    keeps_pixel_size: ClassVar[bool] = False

    def write(self, folder: Path, mask: Mask, mpp_um: float | None = None) -> Path:
        """The mask with CLASSES as one file or folder in `folder`, by the function that users call."""
        raise NotImplementedError

    def legend(self, path: Path) -> dict[int, tuple[str, str]]:
        """Name and colour (#rrggbb) by value, as the export says."""
        raise NotImplementedError

    def unlabelled(self, path: Path) -> int:
        """The value that means "not labelled", as the export says."""
        raise NotImplementedError

    def pixel_size_um(self, path: Path) -> float | None:
        """As another program finds it, for a format that keeps it."""
        raise NotImplementedError

    def read_with_all(self, path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
        assert self.readers
        for reader in self.readers:
            yield reader.__name__, reader(path)

    @pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 97), (150, 32)])
    def test_other_programs_read_the_values(self, tmp_path: Path, height: int, width: int) -> None:
        mask = drawn(height, width)
        path = self.write(tmp_path / "out", mask)
        for name, read in self.read_with_all(path):
            assert read.dtype == np.uint8, name
            np.testing.assert_array_equal(read, mask, err_msg=name)

    def test_the_legend_explains_the_values(self, tmp_path: Path) -> None:
        mask = drawn(64, 64)
        path = self.write(tmp_path / "out", mask)
        legend = self.legend(path)
        assert legend == {c.id: (c.name, c.color) for c in CLASSES}
        assert self.unlabelled(path) == UNLABELED
        for _, read in self.read_with_all(path):
            assert set(np.unique(read).tolist()) == {*legend, UNLABELED}

    def test_the_pixel_size_is_kept_where_the_format_can(self, tmp_path: Path) -> None:
        mask = drawn(64, 64)
        path = self.write(tmp_path / "out", mask, mpp_um=0.25)
        for name, read in self.read_with_all(path):
            np.testing.assert_array_equal(read, mask, err_msg=name)
        if self.keeps_pixel_size:
            assert self.pixel_size_um(path) == pytest.approx(0.25, rel=1e-4)

    def test_an_older_export_is_replaced_as_a_whole(self, tmp_path: Path) -> None:
        self.write(tmp_path / "out", drawn(64, 64))
        before = names_in(tmp_path / "out")
        mask = drawn(40, 48)
        path = self.write(tmp_path / "out", mask)
        for name, read in self.read_with_all(path):
            np.testing.assert_array_equal(read, mask, err_msg=name)
        assert names_in(tmp_path / "out") == before

    def test_a_full_disk_leaves_the_older_export(self, mount_disk: Callable[[str], Path]) -> None:
        disk, mask = mount_disk("512k"), drawn(64, 64)
        path = self.write(disk / "out", mask)
        before = names_in(disk / "out")
        with filled(disk), pytest.raises(StorageError, match="the disk is full"):
            self.write(disk / "out", drawn(300, 300))
        for name, read in self.read_with_all(path):
            np.testing.assert_array_equal(read, mask, err_msg=name)
        assert names_in(disk / "out") == before


class MaskFileContract(ExportContract):
    """A format of `export_masks`: one file per tile, classes.json beside them.

    class TestMine(MaskFileContract):
        format, readers = "mine", (imread,)
    """

    format: ClassVar[str]
    """Its name in FORMATS."""

    @pytest.fixture(autouse=True)
    def project_folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Not on the disk that a test fills."""
        self._folder, self._projects = tmp_path_factory.mktemp("projects"), 0

    def write(self, folder: Path, mask: Mask, mpp_um: float | None = None) -> Path:
        """Labels of a real project."""
        self._projects += 1
        home = self._folder / str(self._projects)
        home.mkdir()
        Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(home / "tile.png")
        project = Project.create(home / "project", [home / "tile.png"], classes=CLASSES, mpp_um=mpp_um)
        project.write_label("tile", mask, LabelSource.PAINTED)
        (path,) = export_masks(project, folder, format=self.format)
        assert path == folder / f"tile.{FORMATS[self.format].ending}"
        return path

    def legend(self, path: Path) -> dict[int, tuple[str, str]]:
        """classes.json."""
        return {c["value"]: (c["name"], c["color"]) for c in self._legend(path)["classes"]}

    def unlabelled(self, path: Path) -> int:
        """classes.json."""
        return int(self._legend(path)["not_labelled"])

    def _legend(self, path: Path) -> Any:
        return json.loads((path.parent / LEGEND_NAME).read_text(encoding="utf-8"))

    def test_the_file_is_exchanged_and_not_written_over(self, tmp_path: Path) -> None:
        """A program that reads the older file while the new one is written reads it to its end."""
        path = self.write(tmp_path / "out", drawn(64, 64))
        before = path.read_bytes()
        with path.open("rb") as older:
            self.write(tmp_path / "out", drawn(40, 48))
            assert older.read() == before
        assert path.read_bytes() != before


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing more fits on it."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    except OSError:
        pass
    try:
        yield
    finally:
        filler.unlink()
