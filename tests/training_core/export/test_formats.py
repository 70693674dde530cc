"""Each format keeps the contract of all formats, read by programs that are not ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.io
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from tests.training_core.export.contract import CLASSES, ExportContract, Mask, MaskFileContract, drawn, names_in
from training_core.export import FORMATS, export_masks
from training_core.export.ome_zarr import slide_masks
from training_core.project import UNLABELED, LabelSource, Project


def with_pillow(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image)


class TestPng(MaskFileContract):
    format, readers = "png", (with_pillow, skimage.io.imread)


class TestTiff(MaskFileContract):
    format, keeps_pixel_size = "tiff", True
    readers = (with_pillow, tifffile.imread, skimage.io.imread)

    def pixel_size_um(self, path: Path) -> float | None:
        """By the tags that QuPath and Fiji read."""
        with tifffile.TiffFile(path) as tiff:
            tags = tiff.pages[0].tags
            assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
            numerator, denominator = tags["XResolution"].value
            assert tags["YResolution"].value == (numerator, denominator)
        return float(1e4 * denominator / numerator)


def with_pillow_indices(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


class PaletteContract(MaskFileContract):
    """The values are those of grey masks, and a viewer shows them in the colours of the classes."""

    def test_other_programs_show_the_colours(self, tmp_path: Path) -> None:
        mask = drawn(40, 50)
        path = self.write(tmp_path / "out", mask)
        shown = {c.id: tuple(bytes.fromhex(c.color[1:])) for c in CLASSES} | {UNLABELED: (0, 0, 0)}
        expected = np.array([shown.get(value, (0, 0, 0)) for value in range(256)], np.uint8)[mask]
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected)


class TestPalettePng(PaletteContract):
    format, readers = "palette-png", (with_pillow_indices,)


class TestPaletteTiff(PaletteContract, TestTiff):
    format, readers = "palette-tiff", (with_pillow_indices, tifffile.imread)


def with_ome_types(path: Path) -> Any:
    ome_types = pytest.importorskip("ome_types", reason="needs ome-types")
    return ome_types.from_tiff(path)


class TestOmeTiff(MaskFileContract):
    format, keeps_pixel_size = "ome-tiff", True
    readers = (with_pillow, tifffile.imread, skimage.io.imread)

    def pixel_size_um(self, path: Path) -> float | None:
        """By the package of OME's own schema."""
        pixels = with_ome_types(path).images[0].pixels
        assert pixels.physical_size_x_unit.value == pixels.physical_size_y_unit.value == "µm"
        assert pixels.physical_size_x == pixels.physical_size_y
        return float(pixels.physical_size_x)

    def test_the_schema_names_image_channel_and_classes(self, tmp_path: Path) -> None:
        ome = with_ome_types(self.write(tmp_path / "out", drawn(40, 48), mpp_um=0.5))
        (image,) = ome.images
        assert image.name == "tile"
        assert [channel.name for channel in image.pixels.channels] == ["classes"]
        assert (image.pixels.size_x, image.pixels.size_y) == (48, 40)
        (annotation,) = ome.structured_annotations
        names = {each.k: each.value for each in annotation.value.ms}
        assert annotation.namespace == "classes"
        assert names == {str(c.id): c.name for c in CLASSES} | {"255": "unannotated"}


def with_zarr(path: Path) -> NDArray[Any]:
    return np.asarray(zarr.open_array(path / "labels" / "prediction" / "0", mode="r"))


def with_ome_zarr(path: Path) -> NDArray[Any]:
    io = pytest.importorskip("ome_zarr.io", reason="needs ome-zarr")
    from ome_zarr.reader import Reader

    _image, labels = [node for node in Reader(io.parse_url(path))() if node.data]
    return np.asarray(labels.data[0].compute())


class TestOmeZarr(ExportContract):
    """The format of slides, which is written in regions."""

    readers = (with_zarr,)
    keeps_pixel_size = True

    def write(self, folder: Path, mask: Mask, mpp_um: float | None = None) -> Path:
        """In two regions, the lower one first."""
        path, half = folder / "tile.ome.zarr", mask.shape[0] // 2
        with slide_masks(path, *mask.shape, CLASSES, mpp_um) as masks:
            write = masks.writer(0, len(mask))
            write(half, 0, mask[half:], mask[half:] // 2)
            write(0, 0, mask[:half], mask[:half] // 2)
        return path

    def legend(self, path: Path) -> dict[int, tuple[str, str]]:
        """The colours and properties of OME-NGFF's labels."""
        label = zarr.open_group(path, mode="r")["labels/prediction"].attrs["image-label"]
        names = {entry["label-value"]: entry["class"] for entry in label["properties"]}
        colors = {entry["label-value"]: "#" + bytes(entry["rgba"][:3]).hex() for entry in label["colors"]}
        return {value: (names[value], colors[value]) for value in names.keys() | colors.keys()}

    def unlabelled(self, path: Path) -> int:
        """The value without a class."""
        (value,) = set(np.unique(with_zarr(path)).tolist()) - self.legend(path).keys()
        return int(value)

    def pixel_size_um(self, path: Path) -> float | None:
        """The scale of the finest level, in the unit of the axes."""
        (multiscale,) = zarr.open_group(path, mode="r")["labels/prediction"].attrs["multiscales"]
        assert [axis["unit"] for axis in multiscale["axes"]] == ["micrometer"] * 2
        rows_um, columns_um = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
        assert rows_um == columns_um
        return float(rows_um)

    def test_the_reader_of_the_format_itself_reads_it(self, tmp_path: Path) -> None:
        mask = drawn(64, 96)
        np.testing.assert_array_equal(with_ome_zarr(self.write(tmp_path / "out", mask)), mask)


def annotations_with_zarr(path: Path) -> NDArray[Any]:
    return np.asarray(zarr.open_array(path / "labels" / "annotations" / "0", mode="r"))


class TestOmeZarrOfTiles(MaskFileContract):
    """A folder per tile: its image, with the mask as labels."""

    format, readers, keeps_pixel_size = "ome-zarr", (annotations_with_zarr,), True
    version, zarr_format = "0.4", 2

    def attributes(self, path: Path, group: str = "") -> dict[str, Any]:
        """The metadata of a group, where the version has them."""
        found = dict(zarr.open_group(path / group, mode="r", zarr_format=self.zarr_format).attrs)
        assert found["multiscales"][0]["version"] == self.version
        return found

    def legend(self, path: Path) -> dict[int, tuple[str, str]]:
        """The colours and properties of the labels; classes.json says the same."""
        label = self.attributes(path, "labels/annotations")["image-label"]
        assert label["source"] == {"image": "../../"}
        names = {entry["label-value"]: entry["class"] for entry in label["properties"]}
        colors = {entry["label-value"]: "#" + bytes(entry["rgba"][:3]).hex() for entry in label["colors"]}
        found = {value: (names[value], colors[value]) for value in names.keys() | colors.keys()}
        assert found == super().legend(path)
        return found

    def pixel_size_um(self, path: Path) -> float | None:
        """The scale of the finest level, in the unit of the axes; the image and its labels have the same."""
        found = set()
        for group in ("", "labels/annotations"):
            (multiscale,) = self.attributes(path, group)["multiscales"]
            space = [axis for axis in multiscale["axes"] if axis["type"] == "space"]
            assert [axis["unit"] for axis in space] == ["micrometer"] * 2
            (transformation,) = multiscale["datasets"][0]["coordinateTransformations"]
            found.add(tuple(transformation["scale"][-2:]))
        ((rows_um, columns_um),) = found
        assert rows_um == columns_um
        return float(rows_um)

    def test_the_file_is_exchanged_and_not_written_over(self, tmp_path: Path) -> None:
        """A folder is exchanged as a whole: what of the older one the new one lacks is gone."""
        path = self.write(tmp_path / "out", drawn(64, 64))
        (path / "labels" / "mine").mkdir()
        inode = path.stat().st_ino
        self.write(tmp_path / "out", drawn(40, 48))
        assert path.stat().st_ino != inode
        assert names_in(path / "labels") - {".zattrs", ".zgroup", "zarr.json"} == {"annotations"}

    def test_the_same_folder_is_not_written_again(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "out", drawn(64, 64))
        inode, project = path.stat().st_ino, Project(self._folder / "1" / "project")
        export_masks(project, tmp_path / "out", format=self.format)
        assert path.stat().st_ino == inode
        (path / "labels" / "annotations" / "0" / "torn").write_bytes(b"")
        export_masks(project, tmp_path / "out", format=self.format)
        assert path.stat().st_ino != inode

    def test_the_reader_of_the_format_itself_reads_image_and_labels(self, tmp_path: Path) -> None:
        io = pytest.importorskip("ome_zarr.io", reason="needs ome-zarr")
        from ome_zarr.reader import Reader

        mask = drawn(64, 96)
        path = self.write(tmp_path / "out", mask, mpp_um=0.25)
        image, labels = [node for node in Reader(io.parse_url(path))() if node.data]
        assert image.data[0].shape == (3, 64, 96)
        np.testing.assert_array_equal(np.asarray(labels.data[0].compute()), mask)
        assert {value: each["class"] for value, each in labels.metadata["properties"].items()} == {
            c.id: c.name for c in CLASSES
        }


class TestOmeZarr05OfTiles(TestOmeZarrOfTiles):
    format, version, zarr_format = "ome-zarr-0.5", "0.5", 3

    def attributes(self, path: Path, group: str = "") -> dict[str, Any]:
        """Under one key, with the version once; the axes have the names of the arrays' dimensions."""
        root = zarr.open_group(path / group, mode="r", zarr_format=3)
        found = dict(root.attrs)["ome"]
        assert found["version"] == self.version
        axes = [axis["name"] for axis in found["multiscales"][0]["axes"]]
        assert list(root["0"].metadata.dimension_names) == axes
        return dict(found)


@pytest.mark.parametrize(("format", "ome"), [("ome-zarr", False), ("ome-zarr-0.5", True)])
def test_ome_zarr_of_a_tile_has_its_image_and_smaller_levels(tmp_path: Path, format: str, ome: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 1051, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tile.png")
    project = Project.create(tmp_path / "project", [tmp_path / "tile.png"], classes=CLASSES, mpp_um=0.5)
    mask = drawn(300, 1051)
    project.write_label("tile", mask, LabelSource.PAINTED)
    (path,) = export_masks(project, tmp_path / "out", format=format, values="numbers")
    root = zarr.open_group(path, mode="r")
    np.testing.assert_array_equal(np.moveaxis(root["0"][...], 0, 2), pixels)
    assert root["1"].shape == (3, 150, 526)
    np.testing.assert_allclose(root["1"][:, 3, 5], pixels[6:8, 10:12].reshape(4, 3).mean(axis=0), atol=0.5)
    numbers = np.zeros(256, np.uint8)
    numbers[[c.id for c in CLASSES]] = 1, 2, 3, 4
    expected = numbers[mask]
    np.testing.assert_array_equal(root["labels/annotations/0"][...], expected)
    np.testing.assert_array_equal(root["labels/annotations/1"][...], expected[::2, ::2])
    attributes = dict(root.attrs)["ome"] if ome else dict(root.attrs)
    levels = attributes["multiscales"][0]["datasets"]
    # a pixel of level 1 is the mean of two, whose middle is half a pixel from the first of them
    assert levels[1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 1.0, 1.0]},
        {"type": "translation", "translation": [0.0, 0.25, 0.25]},
    ]


def test_every_format_has_its_contract() -> None:
    contracts = (
        TestPng, TestTiff, TestPalettePng, TestPaletteTiff, TestOmeTiff, TestOmeZarrOfTiles, TestOmeZarr05OfTiles,
    )  # fmt: skip
    assert {contract.format for contract in contracts} == {key for key, each in FORMATS.items() if each.is_mask}


class TestFaultsAreFound:
    """What breaks the contract is found by it."""

    @pytest.fixture
    def contract(self, tmp_path_factory: pytest.TempPathFactory) -> MaskFileContract:
        contract = TestPng()
        contract._folder, contract._projects = tmp_path_factory.mktemp("projects"), 0
        return contract

    def write_with(self, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
        whole = FORMATS["png"]
        changed = replace(whole, encode=lambda mask: whole.encode(replace(mask, ids=change(mask.ids))))
        monkeypatch.setitem(FORMATS, "png", changed)

    @pytest.mark.parametrize(
        "change",
        [
            lambda mask: np.where(mask == UNLABELED, 0, mask).astype(np.uint8),
            lambda mask: np.ascontiguousarray(mask.T),
            lambda mask: mask[::-1],
            lambda mask: np.repeat(mask[..., None], 3, axis=2),
        ],
        ids=["unlabelled as background", "rows as columns", "upside down", "in colour"],
    )
    def test_other_values(
        self, contract: MaskFileContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any
    ) -> None:
        contract.test_other_programs_read_the_values(tmp_path / "right", 33, 97)
        self.write_with(monkeypatch, change)
        with pytest.raises(AssertionError):
            contract.test_other_programs_read_the_values(tmp_path / "wrong", 33, 97)

    def test_a_value_that_the_legend_does_not_explain(
        self, contract: MaskFileContract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.write_with(monkeypatch, lambda mask: np.where(mask == 7, 9, mask).astype(np.uint8))
        with pytest.raises(AssertionError):
            contract.test_the_legend_explains_the_values(tmp_path)
