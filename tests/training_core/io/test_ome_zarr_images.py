"""OME-Zarr images as slides: written by ome-zarr and by zarr, read as the pixels that went in."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import numcodecs as of_zarr_3

from tests.cases.ome_zarr_images import RGB_CHANNELS, axes_of, write_ome_zarr
from training_core.base.errors import ImageError, MaskError
from training_core.cli.main import main
from training_core.export import export_masks
from training_core.export.ome_zarr import slide_masks
from training_core.io import inspect_file, read_image, read_mask, write_png
from training_core.io.formats import zarr_chunks, zarr_files, zarr_store
from training_core.io.formats.ome_zarr_file import has_labels, is_image, is_prediction
from training_core.io.formats.ome_zarr_pixel_size import UM_PER_UNIT
from training_core.io.inspection import Answers, ImageQuestionError, Question
from training_core.io.opening import open_levels
from training_core.io.regions import open_regions
from training_core.io.slides import Slide, SlideOptions, is_slide
from training_core.project import LabelSource, Project, make_classes
from training_core.project.creation import file_sha256
from training_core.project.inputs.recognition import own_output
from training_core.project.sources import scan, scan_masks

WIDTH, HEIGHT = 300, 200
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
CYX = np.ascontiguousarray(RGB.transpose(2, 0, 1))
HALF = np.ascontiguousarray(CYX[:, ::2, ::2])
THIRD = np.ascontiguousarray(CYX[:, ::3, ::3])


def rgb(path: Path, levels: list[NDArray[Any]] | None = None, axes: str = "cyx", **options: Any) -> Path:
    return write_ome_zarr(path, levels or [CYX, HALF], axes, omero=RGB_CHANNELS, **options)


def change(path: Path, edit: Callable[[Any], Any], name: str = ".zattrs") -> Path:
    content = json.loads((path / name).read_text())
    edit(content)
    (path / name).write_text(json.dumps(content))
    return path


def said(path: Path) -> str:
    with pytest.raises(ImageError) as caught, open_levels(path):
        pass
    return str(caught.value)


# --- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_every_region_of_every_level_has_the_pixels_that_were_written(tmp_path: Path, version: str) -> None:
    path = rgb(tmp_path / "scan.ome.zarr", [CYX, HALF, THIRD], version=version)
    assert is_slide(path)
    with open_levels(path) as levels:
        assert levels.sizes == ((300, 200), (150, 100), (100, 67))  # the last is a third, rounded up
        assert levels.facts.tile_px == (64, 64)
        for left, top, width, height in ((0, 0, WIDTH, HEIGHT), (33, 41, 200, 122), (WIDTH - 5, HEIGHT - 3, 5, 3)):
            region = RGB[top : top + height, left : left + width]
            assert np.array_equal(levels.read(0, left, top, width, height), region)
        assert np.array_equal(levels.read(1, 13, 27, 100, 60), RGB[::2, ::2][27:87, 13:113])
        assert np.array_equal(levels.read(2, 13, 7, 60, 60), RGB[::3, ::3][7:67, 13:73])
    assert np.array_equal(read_image(path), RGB)
    with open_regions(path) as image:
        assert (image.is_slide, image.in_parts, image.mpp_um) == (True, True, 0.5)
        assert np.array_equal(image.read(10, 20, 110, 90), RGB[10:110, 20:90])


@pytest.mark.parametrize("version", [4, 5])
def test_what_ome_zarr_writes_is_read_as_ome_zarr_reads_it(tmp_path: Path, version: int) -> None:
    pytest.importorskip("ome_zarr", reason="the witness is not installed")
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader
    from ome_zarr.writer import write_image

    path = tmp_path / "scan.ome.zarr"
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if version == 4 else 3)
    scales = [[{"type": "scale", "scale": [1.0, 0.25 * 2**level, 0.25 * 2**level]}] for level in range(5)]
    write_image(CYX, root, axes=axes_of("cyx"), fmt=FormatV04() if version == 4 else FormatV05(),
                coordinate_transformations=scales, storage_options={"chunks": (1, 64, 64)},
                metadata={"omero": RGB_CHANNELS})  # fmt: skip
    witness = next(iter(Reader(parse_url(str(path)))())).data
    with open_levels(path) as levels:
        assert levels.facts.photometric == "rgb"
        assert levels.facts.pixel_size is not None
        assert (levels.facts.pixel_size.usable_um, levels.facts.pixel_size.stated_in) == (0.25, "ome_zarr")
        assert len(levels.sizes) == len(witness) == 5
        for level, array in enumerate(witness):
            expected = np.asarray(array).transpose(1, 2, 0)
            assert levels.sizes[level] == expected.shape[1::-1]
            assert np.array_equal(levels.read(level, 0, 0, *levels.sizes[level]), expected)


@pytest.mark.parametrize("axes", ["yxc", "tczyx", "zcyx", "xyc", "cxy"])
def test_axes_are_taken_by_their_names(tmp_path: Path, axes: str) -> None:
    def arranged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        order = [axes.replace("t", "").replace("z", "").index(name) for name in "cyx"]
        data = np.moveaxis(pixels, [0, 1, 2], order)
        for at, name in enumerate(axes):
            if name in "tz":
                data = np.expand_dims(data, at)
        return np.ascontiguousarray(data)

    path = rgb(tmp_path / "scan.zarr", [arranged(CYX), arranged(HALF)], axes, scales=[1, 2])
    with open_levels(path) as levels:
        assert levels.sizes == ((300, 200), (150, 100))
        assert np.array_equal(levels.read(0, 33, 41, 200, 122), RGB[41:163, 33:233])
        assert np.array_equal(levels.read(1, 13, 27, 100, 60), RGB[::2, ::2][27:87, 13:113])


def test_shards_are_read_in_parts_and_chunks_that_were_never_written_have_the_fill_value(tmp_path: Path) -> None:
    options = {"shards": (3, 128, 128), "chunks": (3, 32, 32), "fill_value": 200}
    path = rgb(tmp_path / "scan.ome.zarr", version="0.5", **options)
    root = zarr.open_group(path, mode="r+")
    root["0"][:, 32:64, 64:96] = 200  # one chunk of a shard, which zarr then leaves out
    (path / "0" / "c" / "0" / "1" / "2").unlink()
    expected = RGB.copy()
    expected[32:64, 64:96] = 200
    expected[128:, 256:] = 200
    with open_levels(path) as levels:
        assert np.array_equal(levels.read(0, 0, 0, WIDTH, HEIGHT), expected)
    assert inspect_file(path).notes == (
        "Of its 6 chunks, 5 are stored; the others are read as the value that it states for them.",
    )


def test_grey_16_bits_and_booleans_are_read_by_the_rules_of_tiff(tmp_path: Path) -> None:
    deep = RGB[:, :, 0].astype(">u2") * 257
    path = write_ome_zarr(tmp_path / "deep.zarr", [deep], "yx")
    facts = inspect_file(path)
    assert (facts.bits, facts.channel_names, facts.axes) == (16, ("grey",), "YX")
    assert facts.pixels is not None
    assert facts.pixels.high == 65535
    with open_levels(path) as levels:
        assert np.array_equal(levels.read(0, 5, 6, 70, 80), RGB[6:86, 5:75, :1].repeat(3, axis=2))
    dim = write_ome_zarr(tmp_path / "dim.zarr", [(deep // 257 * 16).astype(np.uint16)], "yx")
    with pytest.raises(ImageQuestionError) as caught, open_levels(dim):
        pass
    assert caught.value.raised[0].question is Question.USED_BITS
    with open_levels(dim, Answers(used_bits=12)) as levels:
        assert np.array_equal(levels.read(0, 0, 0, 9, 9)[:, :, 0], np.rint(RGB[:9, :9, 0] * (16 * 255 / 4095)))
    yes = write_ome_zarr(tmp_path / "yes.zarr", [RGB[:, :, 0] > 99], "yx")
    assert np.array_equal(read_image(yes)[:, :, 1], np.where(RGB[:, :, 0] > 99, 255, 0))


def test_planes_are_chosen_and_channels_without_colours_are_asked(tmp_path: Path) -> None:
    stack = np.stack([CYX, CYX[:, ::-1], CYX[:, :, ::-1]])
    path = rgb(tmp_path / "stack.zarr", [stack[None]], "tzcyx")
    with pytest.raises(ImageQuestionError, match=r"stack of 3 images \(T=1 x Z=3 x C=3"), open_levels(path):
        pass
    with open_levels(path, Answers(plane=3)) as levels:
        assert np.array_equal(levels.read(0, 0, 0, WIDTH, HEIGHT), RGB[:, ::-1])
    with pytest.raises(ImageError, match="has 3 planes, and number 4"), open_levels(path, Answers(plane=4)):
        pass
    stained = {"channels": [{"label": name, "color": color} for name, color in
                            (("DAPI", "FF0000"), ("FITC", "00FF00"), ("Cy5", "0000FF"))]}  # fmt: skip
    path = write_ome_zarr(tmp_path / "stained.zarr", [CYX], omero=stained)
    with pytest.raises(ImageQuestionError, match="1: DAPI, 2: FITC, 3: Cy5"), open_levels(path):
        pass
    with open_levels(path, Answers(channels=(2,))) as levels:
        assert np.array_equal(levels.read(0, 0, 0, 40, 50), RGB[:50, :40, 1:2].repeat(3, axis=2))
    with pytest.raises(ImageQuestionError), open_levels(write_ome_zarr(tmp_path / "bare.zarr", [CYX])):
        pass


@pytest.mark.parametrize(
    ("omero", "dtype", "is_rgb"),
    [
        (RGB_CHANNELS, np.uint8, True),
        (RGB_CHANNELS, np.uint16, False),  # also what programs show fluorescence in
        ({"channels": [{"label": name} for name in ("Red", "Green", "Blue")]}, np.uint16, True),
        ({"channels": [{"color": color} for color in ("FF0000", "0000FF", "00FF00")]}, np.uint8, False),
        ({"channels": "damaged"}, np.uint8, False),
    ],
)
def test_three_channels_are_colours_only_where_the_metadata_say_so(
    tmp_path: Path, omero: Any, dtype: Any, is_rgb: bool
) -> None:
    path = write_ome_zarr(tmp_path / "a.zarr", [CYX.astype(dtype) * (257 if dtype is np.uint16 else 1)], omero=omero)
    assert (inspect_file(path).photometric == "rgb") is is_rgb


@pytest.mark.parametrize(
    ("unit", "length", "um"),
    [
        ("micrometer", 0.25, 0.25),
        ("nanometer", 250, 0.25),
        ("millimeter", 0.00025, 0.25),
        ("angstrom", 2500, 0.25),
        ("inch", 0.00001, 0.254),
        ("µm", 0.25, 0.25),
        ("micron", 0.25, 0.25),
        (None, 0.25, None),
        ("pixel", 1, None),
    ],
)
def test_the_pixel_size_is_stated_in_a_unit_of_length(
    tmp_path: Path, unit: str | None, length: float, um: float | None
) -> None:
    facts = inspect_file(rgb(tmp_path / "a.zarr", mpp_um=length, unit=unit))
    if um is None:
        assert facts.pixel_size is None
        assert "unit" in facts.notes[0]
    else:
        assert facts.pixel_size is not None
        assert facts.pixel_size.usable_um == pytest.approx(um)


def test_every_unit_of_length_that_ome_lists_is_known() -> None:
    listed = (
        "angstrom attometer centimeter decimeter exameter femtometer foot gigameter hectometer inch kilometer "
        "megameter meter micrometer mile millimeter nanometer parsec petameter picometer terameter yard yoctometer "
        "yottameter zeptometer zettameter"
    )
    assert set(UM_PER_UNIT) == set(listed.split())


def test_scales_of_a_level_and_of_the_whole_image_are_multiplied(tmp_path: Path) -> None:
    def edit(content: Any) -> None:
        content["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1.0, 0.5, 0.5]}]

    size = inspect_file(change(rgb(tmp_path / "a.zarr", mpp_um=0.5), edit)).pixel_size
    assert size is not None
    assert size.usable_um == 0.25


def test_levels_that_show_something_else_are_left_out_and_said(tmp_path: Path) -> None:
    other = np.ascontiguousarray(CYX[:, :100, :50])
    path = rgb(tmp_path / "a.zarr", [CYX, HALF, other, THIRD])
    with open_levels(path) as levels:
        assert levels.sizes == ((300, 200), (150, 100), (100, 67))
        assert np.array_equal(levels.read(2, 0, 0, 100, 67), RGB[::3, ::3])
    assert inspect_file(path).notes == ("1 of its 4 levels do not show the same area smaller, and are not read.",)

    def elsewhere(content: Any) -> None:
        dataset = content["multiscales"][0]["datasets"][1]
        dataset["coordinateTransformations"].append({"type": "translation", "translation": [0.0, 0.0, 20.0]})

    with open_levels(change(rgb(tmp_path / "b.zarr"), elsewhere)) as levels:
        assert levels.sizes == ((300, 200),)


def test_threads_read_one_image(tmp_path: Path) -> None:
    places = [(left, top) for left in range(0, 200, 37) for top in range(0, 100, 29)]
    with open_levels(rgb(tmp_path / "a.zarr")) as levels, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda place: levels.read(0, *place, 100, 90), places))
    for (left, top), pixels in zip(places, read, strict=True):
        assert np.array_equal(pixels, RGB[top : top + 90, left : left + 100])


# --- which image -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("listed", [True, False])
def test_of_bioformats2raw_the_first_image_is_read_and_the_others_are_said(
    tmp_path: Path, version: str, listed: bool
) -> None:
    path = tmp_path / "scan.zarr"
    rgb(path, version=version, group="0")
    rgb(path, [HALF], version=version, group="1")
    root = zarr.open_group(path, mode="r+")
    layout = {"bioformats2raw.layout": 3}
    root.attrs.update(layout if version == "0.4" else {"ome": {"version": version, **layout}})
    if listed:
        series = {"series": ["0", "1"]}
        root.create_group("OME").attrs.update(series if version == "0.4" else {"ome": {"version": version, **series}})
    assert np.array_equal(read_image(path), RGB)
    assert inspect_file(path).notes == (
        "It holds 2 images, of which the first (0) is read; to read another one, choose its folder in this one.",
    )
    assert np.array_equal(read_image(path / "1"), RGB[::2, ::2])
    assert scan([path]).files == (path,)


def test_of_several_multiscales_the_first_is_read(tmp_path: Path) -> None:
    path = change(rgb(tmp_path / "a.zarr"), lambda content: content["multiscales"].append({"datasets": []}))
    assert np.array_equal(read_image(path), RGB)
    assert "first is read" in inspect_file(path).notes[0]


# --- what is refused, in words ---------------------------------------------------------------------------------------


def test_what_is_no_image_says_what_it_is(tmp_path: Path) -> None:
    def group(name: str, attributes: dict[str, Any]) -> Path:
        zarr.open_group(tmp_path / name, mode="w", zarr_format=2).attrs.update(attributes)
        return tmp_path / name

    assert "is a plate of many images" in said(group("plate.zarr", {"plate": {"wells": []}}))
    assert "is a well of several images" in said(group("well.zarr", {"well": {"images": []}}))
    assert "is a group of labels" in said(group("labels.zarr", {"labels": ["a"]}))
    assert "has no metadata of an OME-Zarr image" in said(group("other.zarr", {"mine": 1}))
    assert "is OME-Zarr of version 0.6" in said(
        change(rgb(tmp_path / "new.zarr"), lambda content: content["multiscales"][0].update(version="0.6"))
    )
    zarr.create_array(tmp_path / "array.zarr", data=CYX)
    assert "is an array of Zarr" in said(tmp_path / "array.zarr")
    (tmp_path / "empty.zarr").mkdir()
    assert "has no metadata of Zarr" in said(tmp_path / "empty.zarr")
    for path in tmp_path.iterdir():
        assert not (is_image(path) and path.name != "new.zarr")


def test_masks_and_predictions_of_this_program_are_no_images(tmp_path: Path) -> None:
    classes = make_classes(("background", "gland"))
    with slide_masks(tmp_path / "p.ome.zarr", 64, 96, classes, 0.5) as masks:
        masks.writer(0, 64)(0, 0, np.zeros((64, 96), np.uint8), np.full((64, 96), 9, np.uint8))
    assert "is a prediction of this program" in said(tmp_path / "p.ome.zarr")
    assert "holds labels, and no image" in said(tmp_path / "p.ome.zarr" / "labels" / "prediction")
    assert is_prediction(tmp_path / "p.ome.zarr")
    assert own_output(tmp_path / "p.ome.zarr")
    with pytest.raises(MaskError, match="OME-Zarr folder, which is not read as a mask"):
        read_mask(tmp_path / "p.ome.zarr")
    write_png(tmp_path / "images" / "a.png", RGB)
    project = Project.create(tmp_path / "project", [tmp_path / "images"], classes=classes)
    project.write_label("a", np.zeros((HEIGHT, WIDTH), np.uint8), LabelSource.PAINTED)
    export_masks(project, tmp_path / "out", format="ome-zarr")
    exported = tmp_path / "out" / "a.ome.zarr"
    assert np.array_equal(read_image(exported), RGB)  # the tile itself, which its labels lie on
    assert has_labels(exported)
    assert own_output(exported)
    assert "holds labels, and no image" in said(exported / "labels" / "annotations")


def test_types_that_no_image_has_are_refused(tmp_path: Path) -> None:
    assert "has int16 values" in said(write_ome_zarr(tmp_path / "a.zarr", [CYX[0].astype(np.int16)], "yx"))
    assert "has uint32 values" in said(write_ome_zarr(tmp_path / "b.zarr", [CYX[0].astype(np.uint32)], "yx"))


def test_bounds_hold_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sized(name: str, **numbers: Any) -> Path:
        path = rgb(tmp_path / name)
        return change(path, lambda content: content.update(numbers), "0/.zarray")

    assert "has chunks of 3 x 60000 x 60000" in said(sized("chunk.zarr", chunks=[3, 60_000, 60_000]))
    assert "is stated to be 3 x 200 x 99999999" in said(sized("wide.zarr", shape=[3, 200, 99_999_999]))
    assert "is stated to be 3 x 0 x 300" in said(sized("none.zarr", shape=[3, 0, 300]))
    assert "axes" in said(sized("axes.zarr", shape=[200, 300], chunks=[64, 64]))
    many = change(rgb(tmp_path / "many.zarr"), lambda content: content["multiscales"][0]["datasets"].extend(
        [{"path": "1"}] * 70))  # fmt: skip
    assert "at most 64 items" in said(many)
    deep = rgb(tmp_path / "deep.zarr")
    (deep / ".zattrs").write_text("[" * 100_000)
    assert "nested too deeply" in said(deep)
    long = rgb(tmp_path / "long.zarr")
    monkeypatch.setattr(zarr_files, "MAX_METADATA_BYTES", 300)
    assert "zattrs has 1,3" in said(long)
    monkeypatch.undo()
    shards = rgb(tmp_path / "shards.zarr", version="0.5", shards=(3, 128, 128), chunks=(1, 4, 4))
    monkeypatch.setattr(zarr_store, "_MAX_INNER_CHUNKS", 1000)
    assert "has shards of 3 x 128 x 128" in said(shards)


@pytest.mark.parametrize("path", ["../other.zarr/0", "/etc", "a/../../0", "file:///etc", "..\\other"])
def test_levels_outside_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    rgb(tmp_path / "other.zarr")
    folder = change(
        rgb(tmp_path / "a.zarr"), lambda content: content["multiscales"][0]["datasets"][0].update(path=path)
    )
    text = said(folder)
    assert "has a level at" in text or "is missing" in text


def test_links_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    other = rgb(tmp_path / "other.zarr")
    level = rgb(tmp_path / "level.zarr")
    shutil.rmtree(level / "0")
    (level / "0").symlink_to(other / "0")
    assert "has a link or path that leads out of it" in said(level)
    chunk = rgb(tmp_path / "chunk.zarr")
    (chunk / "0" / "0.0.0").unlink()
    (chunk / "0" / "0.0.0").symlink_to(other / "0" / "0.0.0")
    with open_levels(chunk) as levels:
        assert np.array_equal(levels.read(0, 64, 0, 64, 64), RGB[:64, 64:128])
        with pytest.raises(ImageError, match="has a link or path that leads out of it"):
            levels.read(0, 0, 0, 64, 64)
    whole = tmp_path / "link.zarr"
    whole.symlink_to(other)  # the folder itself may lie elsewhere
    assert np.array_equal(read_image(whole), RGB)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_in_the_place_of_a_chunk_does_not_hang(tmp_path: Path) -> None:
    path = rgb(tmp_path / "a.zarr")
    (path / "0" / "0.0.0").unlink()
    os.mkfifo(path / "0" / "0.0.0")
    with open_levels(path) as levels, pytest.raises(ImageError, match="a pipe, socket or device"):
        levels.read(0, 0, 0, 64, 64)


@pytest.mark.parametrize("content", [b"", b"no chunk", None])
@pytest.mark.parametrize("codec", ["blosc", "zstd", "zlib", "none"])
def test_a_damaged_chunk_is_said_and_leaves_the_rest_readable(
    tmp_path: Path, content: bytes | None, codec: str
) -> None:
    compressor = None if codec == "none" else numcodecs.get_codec({"id": codec})
    path = rgb(tmp_path / "a.zarr", compressors=compressor)
    chunk = path / "0" / "1.1.1"
    chunk.write_bytes(chunk.read_bytes()[:-100] if content is None else content)
    with open_levels(path) as levels:
        with pytest.raises(ImageError, match=r"a\.zarr is damaged or incomplete"):
            levels.read(0, 64, 64, 64, 64)
        assert np.array_equal(levels.read(0, 0, 0, 64, 200), RGB[:, :64])


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_shard_that_is_cut_or_damaged_is_said(tmp_path: Path, is_whole: bool) -> None:
    path = rgb(tmp_path / "a.zarr", version="0.5", shards=(3, 128, 128), chunks=(3, 64, 64),
               compressors=zarr.codecs.BloscCodec())  # fmt: skip
    shard = path / "0" / "c" / "0" / "0" / "0"
    data = bytearray(shard.read_bytes())
    data[12:16] = (10**6).to_bytes(4, "little")  # what Blosc says that the first chunk has
    shard.write_bytes(bytes(data))
    with open_levels(path) as levels:
        if not is_whole:
            assert np.array_equal(levels.read(0, 64, 64, 64, 64), RGB[64:128, 64:128])
        with pytest.raises(ImageError, match="instead of 1,000,000"):
            levels.read(0, 0, 0, 128 if is_whole else 64, 128 if is_whole else 64)
    shard.write_bytes(bytes(data)[:-200])
    with open_levels(path) as levels, pytest.raises(ImageError, match="is damaged or incomplete"):
        levels.read(0, 0, 0, 128 if is_whole else 64, 128 if is_whole else 64)


def deflated_twice(data: bytes) -> bytes:
    """A file of gzip of two streams; only the length of the second is at its end."""
    return gzip.compress(data) + gzip.compress(b"end")


def zstd_of_unknown_length(data: bytes) -> bytes:
    """A frame of Zstandard as RFC 8878 has it, by hand: no length is stated, and each block repeats one byte."""
    blocks = [data[at : at + (1 << 17)] for at in range(0, len(data), 1 << 17)]
    frame = bytes.fromhex("28b52ffd 00 50")  # magic number; nothing is stated; a window of 1 MB
    for number, block in enumerate(blocks):
        assert set(block) == {block[0]}
        head = (number == len(blocks) - 1) | 1 << 1 | len(block) << 3
        frame += head.to_bytes(3, "little") + block[:1]
    return frame


SKIPPED_FRAME = bytes.fromhex("502a4d18 02000000 0000")
BOMBS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    **{name: (name, numcodecs.get_codec({"id": name}).encode) for name in ("zstd", "gzip", "lz4", "blosc")},
    **{name: (name, numcodecs.get_codec({"id": name}).encode) for name in ("zlib", "bz2", "lzma")},
    "gzip of two": ("gzip", deflated_twice),
    "zstd of unknown length": ("zstd", zstd_of_unknown_length),
    "zstd after a skipped frame": ("zstd", lambda data: SKIPPED_FRAME + zstd_of_unknown_length(data)),
    "zstd after a short frame": (
        "zstd",
        lambda data: SKIPPED_FRAME + bytes(numcodecs.Zstd().encode(b"a")) + zstd_of_unknown_length(data),
    ),
}


LONGER = ("gzip of two", "zstd after a short frame")
"""They hold a few bytes more than they are asked to."""


@pytest.mark.parametrize("kind", BOMBS)
def test_a_chunk_that_holds_too_much_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(zarr_chunks, "MAX_CHUNK_BYTES", 1 << 18)
    codec, compress = BOMBS[kind]
    compressor = numcodecs.get_codec({"id": codec})
    for size, is_refused in ((1 << 18, False), ((1 << 18) + 1, True), (1 << 24, True)):
        chunk = bytes(compress(bytes(size)))
        assert len(bytes(compressor.decode(chunk))) >= size  # so it would be decoded
        check = zarr_chunks.ChunkCheck(codec)
        if is_refused:
            with pytest.raises(ValueError, match="a chunk holds more than 262,144 bytes"):
                check.check(chunk, is_whole=True)
        elif kind not in LONGER:
            check.check(chunk, is_whole=True)
    path = rgb(tmp_path / "a.zarr", compressors=compressor)
    (path / "0" / "0.0.0").write_bytes(chunk)
    with open_levels(path) as levels, pytest.raises(ImageError, match="holds more than 262,144 bytes"):
        levels.read(0, 0, 0, 9, 9)
    (path / "0" / "0.0.0").write_bytes(bytes(compress(bytes(64 * 64))))
    if kind not in LONGER:
        with open_levels(path) as levels:
            assert not levels.read(0, 0, 0, 64, 64)[..., 0].any()


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("codec", ["Zlib", "GZip", "BZ2", "LZMA", "Zstd", "LZ4"])
def test_what_is_compressed_twice_is_refused(tmp_path: Path, version: str, codec: str) -> None:
    if version == "0.4":
        options = {"filters": [getattr(numcodecs, codec)()], "compressors": numcodecs.Zlib()}
    else:
        options = {"compressors": [getattr(of_zarr_3, codec)(), of_zarr_3.Zlib()]}
    path = rgb(tmp_path / "a.zarr", version=version, **options)
    with pytest.raises(ImageError, match="is compressed in an unusual way"):
        inspect_file(path)


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize("codec", ["Zlib", "GZip", "BZ2", "LZMA", "Zstd", "LZ4"])
def test_a_checksum_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str) -> None:
    monkeypatch.setattr(zarr_chunks, "MAX_CHUNK_BYTES", 1 << 18)
    codecs = [getattr(of_zarr_3, codec)(), zarr.codecs.Crc32cCodec()]
    path = rgb(tmp_path / "a.zarr", version="0.5", compressors=codecs)
    with open_levels(path) as levels:
        assert np.array_equal(levels.read(0, 0, 0, 90, 90), RGB[:90, :90])
    bomb = bytes(getattr(numcodecs, codec)().encode(bytes(1 << 24)))
    (path / "0" / "c" / "0" / "0" / "0").write_bytes(bytes(numcodecs.CRC32C(location="end").encode(bomb)))
    with open_levels(path) as levels, pytest.raises(ImageError, match="holds more than 262,144 bytes"):
        levels.read(0, 0, 0, 9, 9)


def test_metadata_alone_and_damaged_metadata_are_refused(tmp_path: Path) -> None:
    bare = rgb(tmp_path / "bare.zarr")
    for chunk in (bare / "0").glob("*.*.*"):
        chunk.unlink()
    with pytest.raises(ImageError, match="holds metadata and no pixels"):
        inspect_file(bare)
    gone = rgb(tmp_path / "gone.zarr")
    shutil.rmtree(gone / "1")
    assert "its level 1 is missing" in said(gone)
    torn = rgb(tmp_path / "torn.zarr")
    (torn / ".zattrs").write_text('{"multiscales": [')
    assert "is damaged or incomplete" in said(torn)
    odd = change(rgb(tmp_path / "odd.zarr"), lambda content: content["multiscales"][0].update(datasets=[{"path": 3}]))
    assert "multiscales.0.datasets.0.path" in said(odd)
    flat = change(rgb(tmp_path / "flat.zarr"), lambda content: content["multiscales"][0].update(axes=axes_of("czy")))
    assert "has the axes c, z, y" in said(flat)


# --- a folder is one image -------------------------------------------------------------------------------------------


def test_a_folder_of_images_holds_an_ome_zarr_as_one_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_png(folder / "b.png", RGB)
    scan_zarr = rgb(folder / "a.ome.zarr")
    (folder / "sub").mkdir()
    found = scan([folder])
    assert found.files == (scan_zarr, folder / "b.png")
    assert dict(found.left_out) == {"folder": 1}
    assert scan_masks(folder).files == (folder / "b.png",)
    assert main(["inspect", str(folder)]) == 0


def test_the_hash_of_a_folder_depends_on_its_names_and_bytes(tmp_path: Path) -> None:
    first, second = file_sha256(rgb(tmp_path / "a.zarr")), file_sha256(rgb(tmp_path / "b.zarr"))
    assert first == second
    (tmp_path / "b.zarr" / "0" / "0.0.0").rename(tmp_path / "b.zarr" / "0" / "0.0.9")
    assert file_sha256(tmp_path / "b.zarr") != first


def test_a_project_is_made_of_it_and_gets_another_tile(tmp_path: Path) -> None:
    path = rgb(tmp_path / "in" / "scan.ome.zarr", mpp_um=0.25)
    made = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "in"), "--classes", "a,b"]
    assert main([*made, "--tile-px", "64", "--tile-mpp", "0.5", "--min-tissue", "0"]) == 0
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["scan.ome_x00000_y00000", "scan.ome_x00128_y00000"]
    assert np.array_equal(project.image("scan.ome_x00128_y00000"), RGB[::2, ::2][:64, 64:128])
    source = project.source_file("scan.ome_x00000_y00000")
    assert source is not None
    assert (source.path, source.mpp_um, source.width_px) == (str(path.resolve()), 0.25, WIDTH)
    assert project.source_path("scan.ome_x00000_y00000") == path
    assert (
        main(["project", "add-tile", str(tmp_path / "p"), "scan.ome.zarr", "--rectangle", "40", "60", "120", "160"])
        == 0
    )
    added = Project.open(tmp_path / "p").image("scan.ome_x00040_y00060_40x50")
    assert np.array_equal(added, RGB[::2, ::2][30:80, 20:60])
    assert np.array_equal(
        project.surrounded("scan.ome_x00128_y00000", 16).pixels[:64, 16:80], RGB[::2, ::2][:64, 64:128]
    )
    with Slide(path, SlideOptions(tile_px=64, tile_mpp_um=0.5, min_tissue=0)) as slide:
        assert slide.plan().overview.shape == (HEIGHT, WIDTH, 3)
