"""Making a project: names, lists, classes and places, and that a failure leaves everything as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, ImageError, MaskError, ProjectError, StorageError
from training_core.cli.main import main
from training_core.io import write_tiff
from training_core.io.slides import SlideOptions
from training_core.project import (
    LabelSource,
    Project,
    TissueClass,
    check_classes,
    default_classes,
    default_color,
    make_classes,
    parse_classes,
    propose_classes,
)
from training_core.project.inputs.look_over import Given, look_over
from training_core.project.inputs.names import resolve_names
from training_core.project.runs import natural_key

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """draw("folder/name.png"): a picture of 40 x 48 px; with value=3, a mask of that value."""

    def write(name: str, value: int | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (40, 48, 3) if value is None else (40, 48)
        seed = sum(name.encode())
        pixels = np.random.default_rng(seed).integers(0, 256, shape) if value is None else np.full(shape, value)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        return path

    return write


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_folders_are_read_in_natural_order_without_hidden_and_other_files(draw: Draw, tmp_path: Path) -> None:
    for name in ("t10.png", "t2.jpg", "t1.bmp", ".hidden.png", "deeper/t3.png"):
        draw(f"in/{name}")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    again = tmp_path / "in" / "t2.jpg"  # given twice, there once
    project = Project.create(tmp_path / "p", [tmp_path / "in", again], classes=default_classes())
    assert [tile.name for tile in project.tiles] == ["t1", "t2", "t10"]
    assert [tile.path for tile in project.tiles] == ["images/t1.bmp", "images/t2.jpg", "images/t10.png"]
    for tile in project.tiles:
        assert (project.path / tile.path).read_bytes() == (tmp_path / "in" / Path(tile.path).name).read_bytes()


@pytest.mark.parametrize("pair", [("a/x.png", "b/x.png"), ("a/x.png", "a/x.jpg"), ("a/Tile.png", "b/tile.png")])
def test_two_images_of_one_name_are_refused(draw: Draw, tmp_path: Path, pair: tuple[str, str]) -> None:
    images = [draw(name) for name in pair]
    with pytest.raises(ImageError, match="would both be named"):
        Project.create(tmp_path / "p", images, classes=default_classes())
    assert not (tmp_path / "p").exists()


def test_dots_in_names_are_part_of_them(draw: Draw, tmp_path: Path) -> None:
    draw("in/case.1.png")
    draw("in/case.2.png")
    draw("masks/case.1.png", value=1)
    project = Project.create(
        tmp_path / "p", [tmp_path / "in"], classes=make_classes(("a", "b")), masks=tmp_path / "masks"
    )
    assert project.labeled_names() == ("case.1",)
    assert (project.label("case.1") == 1).all()
    assert project.unlabeled_names() == ("case.2",)


def test_lists_take_names_with_and_without_ending() -> None:
    names = ["t1", "t2", "case.1", "odd.png"]
    assert resolve_names(["t1.png", "t2", "case.1", "t1"], names, "the list") == ("t1", "t2", "case.1")
    assert resolve_names(["odd.png"], names, "the list") == ("odd.png",)
    with pytest.raises(ProjectError, match=r"the list has names without an image: x, y, z and 1 more"):
        resolve_names(["x", "t1", "y", "z", "w"], names, "the list")


def test_lists_in_files_have_comments_and_empty_lines(draw: Draw, tmp_path: Path) -> None:
    for name in ("t1", "t2", "t3"):
        draw(f"in/{name}.png")
        draw(f"masks/{name}.png", value=255)
    (tmp_path / "labeled.txt").write_text("\ufeff# chosen by hand\n\nt1.png\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("t3\r\n")
    command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "in"), "--masks"]
    command += [str(tmp_path / "masks"), "--classes", "background=0,gland=255"]
    lists = ["--labeled", str(tmp_path / "labeled.txt"), "--val", str(tmp_path / "val.txt")]
    assert main([*command, *lists]) == 0
    project = Project.open(tmp_path / "p")
    assert (project.labeled_names(), project.unlabeled_names(), project.val_names()) == (("t1",), ("t2",), ("t3",))
    assert not project.has_label("t2")  # it has a mask, which must not leak into training


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (
            {"labeled": ["t1"], "val": ["t1"]},
            ProjectError,
            "t1 is in the list of labelled and in the list of validation images",
        ),
        ({"labeled": ["t2"]}, MaskError, "image t2 has no mask"),
        ({"val": ["t2"]}, MaskError, "image t2 has no mask"),
        ({"val": ["t9"]}, ProjectError, "names without an image: t9"),
        ({"masks": None, "val": ["t1"]}, ProjectError, "no folder of masks is given"),
        ({"mask_values": {0: 0}}, MaskError, r"t1\.png holds the value 1 \(1,920 px\), which no class has"),
        ({"mpp_um": 0.0}, ConfigError, "the pixel size is 0.0"),
    ],
)
def test_bad_plans_are_refused_and_leave_nothing(
    draw: Draw, tmp_path: Path, options: dict[str, object], error: type[Exception], said: str
) -> None:
    images = [draw("in/t1.png"), draw("in/t2.png")]
    draw("masks/t1.png", value=1)
    before = listing(tmp_path)
    arguments = {"masks": tmp_path / "masks", "classes": make_classes(("a", "b"))} | options
    with pytest.raises(error, match=said):
        Project.create(tmp_path / "deep" / "er" / "p", images, **arguments)  # type: ignore[arg-type]
    assert listing(tmp_path) == before  # the folders above it are gone, too


def test_masks_of_other_names_and_two_of_one_are_refused(draw: Draw, tmp_path: Path) -> None:
    image = draw("in/t1.png")
    draw("other/x9.png", value=1)
    with pytest.raises(MaskError, match=r"the image is t1, a mask is x9"):
        Project.create(tmp_path / "p", [image], classes=default_classes(), masks=tmp_path / "other")
    draw("two/t1.png", value=1)
    draw("two/t1.bmp", value=1)
    with pytest.raises(MaskError, match="image t1 has the masks"):
        Project.create(tmp_path / "p", [image], classes=default_classes(), masks=tmp_path / "two")


def test_an_empty_folder_is_filled_and_a_full_one_refused(draw: Draw, tmp_path: Path) -> None:
    image = draw("in/t1.png")
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "thesis.docx").write_text("years of work")
    inode = empty.stat().st_ino
    assert len(Project.create(empty, [image], classes=default_classes()).tiles) == 1
    assert empty.stat().st_ino == inode  # it may be a mounted disk, or the folder somebody stands in
    assert not [path for path in empty.iterdir() if path.name.startswith(".")]
    with pytest.raises(ProjectError, match="a new or empty folder"):
        Project.create(full, [image], classes=default_classes())
    assert listing(full) == ["thesis.docx"]


def test_a_bad_second_image_leaves_an_empty_folder_empty(draw: Draw, tmp_path: Path) -> None:
    images = [draw("in/t1.png"), tmp_path / "in" / "t2.png"]
    images[1].write_bytes(images[0].read_bytes()[:200])
    (tmp_path / "p").mkdir()
    with pytest.raises(ImageError, match=r"t2\.png"):
        Project.create(tmp_path / "p", images, classes=default_classes())
    assert listing(tmp_path / "p") == []


def test_an_interrupted_command_leaves_nothing(draw: Draw, tmp_path: Path) -> None:
    images = [draw("in/t1.png"), draw("in/t2.png")]

    def stop(done: int, total: int, text: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Project.create(tmp_path / "p", images, classes=default_classes(), progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.fixture
def read_only(draw: Draw, tmp_path: Path) -> Iterator[Path]:
    """A folder with a project `p` that cannot be written: a read-only disk for root, a locked folder for others."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    mounted = (
        subprocess.run([*mount, "size=1m", "tmpfs", str(folder)], capture_output=True, check=False).returncode == 0
    )
    if not mounted and os.geteuid() == 0:
        pytest.skip("root may write anywhere, and mounting a disk is not permitted here")
    Project.create(folder / "p", [draw("in/t1.png")], classes=default_classes())
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="mounts and modes of Unix")
def test_a_project_that_cannot_be_written_can_be_read(read_only: Path) -> None:
    project = Project.open(read_only / "p")
    assert project.image("t1").shape == (40, 48, 3)
    assert project.thumbnail("t1", 24).shape == (20, 24, 3)
    with pytest.raises(StorageError, match=r"read-only|no permission to write"):
        project.write_label("t1", np.zeros((40, 48), np.uint8), LabelSource.PAINTED)
    with pytest.raises(StorageError, match=r"read-only|no permission to write"):
        project.add_class("stroma")
    assert [known.name for known in project.classes] == ["background", "class 1"]
    assert main(["project", "new", str(read_only / "q"), "--images", str(project.image_path("t1"))]) == 2


# --- classes --------------------------------------------------------------------------------------------------------


def test_classes_from_text() -> None:
    classes, values = parse_classes("background=0, gland = 1-3 ,stroma=9,gland=5,unlabelled=255")
    assert [(known.id, known.name) for known in classes] == [(0, "background"), (1, "gland"), (2, "stroma")]
    assert values == {"0": 0, "1-3": 1, "9": 2, "5": 1, "255": UNLABELED}
    named, nothing = parse_classes("tumour, stroma")
    assert ([known.name for known in named], nothing) == (["tumour", "stroma"], {})


@pytest.mark.parametrize("text", ["", ",", "a=1,b", "a=x", "a=9999999999", "a=-1", "a=3-1", "=1", "a=1,b=1"])
def test_text_that_names_no_classes_is_refused(text: str) -> None:
    with pytest.raises(ProjectError):
        parse_classes(text)


@pytest.mark.parametrize(
    ("values", "line", "understood"),
    [
        ((0, 255), '--classes "background=0,class 1=255"', {"0": 0, "255": 1}),
        ((1, 2, 7), '--classes "class 1=1,class 2=2,class 3=7"', {"1": 0, "2": 1, "7": 2}),
        (range(80), '--classes "background=0,class 1=1-79"', {"0": 0, "1-79": 1}),
    ],
)
def test_the_proposed_line_can_be_used_as_it_is(values: Sequence[int], line: str, understood: dict[str, int]) -> None:
    assert propose_classes({str(value): 5 for value in values}) == line
    assert parse_classes(line.split('"')[1])[1] == understood


def test_colors_are_different_and_background_is_gray() -> None:
    classes = make_classes(("background", *"abcdefgh"))
    assert len({known.color for known in classes}) == 9
    red, green, blue = (int(classes[0].color[start : start + 2], 16) for start in (1, 3, 5))
    assert red == green == blue
    assert default_color("i", [known.color for known in classes]) in {known.color for known in classes[1:]}


def test_prompts_use_the_words_of_pathology() -> None:
    gland, own = make_classes(("Gland", "Paneth cells"))
    assert gland.prompt == "an H&E image of glandular epithelium"
    assert own.prompt == "an H&E image of Paneth cells"


@pytest.mark.parametrize(
    "classes",
    [
        [],
        [TissueClass(0, "a", "#112233"), TissueClass(0, "b", "#112233")],
        [TissueClass(0, "a", "#112233"), TissueClass(1, "A ", "#112233")],
        [TissueClass(255, "a", "#112233")],
        [TissueClass(0, " ", "#112233")],
        [TissueClass(0, "a", "red")],
    ],
)
def test_impossible_classes_are_refused(classes: list[TissueClass]) -> None:
    with pytest.raises(ProjectError):
        check_classes(classes)


def test_natural_order_of_runs_and_tiles() -> None:
    names = ["20260102-101010", "20260101-101010-2", "20260101-101010", "20260101-101010-10"]
    assert sorted(names, key=natural_key) == [
        "20260101-101010",
        "20260101-101010-2",
        "20260101-101010-10",
        "20260102-101010",
    ]


# --- the command line's own complaints ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["project"],
        ["project", "new", "p"],
        ["export", "p", "-o", "x", "--format", "gif"],
        ["demo", "p", "--seed", "x"],
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "--help" in err


@pytest.mark.parametrize("way", ["new", "terminal", "add", "look"])
def test_a_given_pixel_size_fills_gaps_only(tmp_path: Path, way: str) -> None:
    """What a file states stays; what it states beyond belief (1 km) or not at all is the given 0.5."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name, mpp_um in (("stated", 0.25), ("absurd", 1e9), ("silent", None)):
        write_tiff(tmp_path / "images" / f"{name}.tif", rng.integers(0, 256, (64, 64, 3), np.uint8), mpp_um)
    tifffile.imwrite(
        tmp_path / "images" / "slide.svs",
        np.full((512, 512, 3), (200, 120, 160), np.uint8),
        photometric="rgb",
        tile=(256, 256),
        description="Aperio Image Library v1\n|AppMag = 40|MPP = 0.25",
    )
    expected = {"stated": (0.25, "file"), "absurd": (0.5, "project"), "silent": (0.5, "project")}
    if way == "look":
        files = look_over(Given([tmp_path / "images"], mpp_um=0.5, slides=SlideOptions(tile_px=256))).files
        used = {file.name: file.mpp_um for file in files}
        assert used == pytest.approx(
            {**{name: mpp_um for name, (mpp_um, _) in expected.items()}, "slide": 0.25}, rel=1e-4
        )
        return
    images, options = tmp_path / "images", ["--mpp", "0.5", "--tile-px", "256"]
    if way == "new":
        classes = (TissueClass(0, "stroma", "#112233"), TissueClass(1, "gland", "#445566"))
        Project.create(tmp_path / "p", [images], classes=classes, mpp_um=0.5, slides=SlideOptions(tile_px=256))
    elif way == "terminal":
        assert main(["project", "new", str(tmp_path / "p"), "--images", str(images), *options]) == 0
    else:
        write_tiff(tmp_path / "first.tif", rng.integers(0, 256, (64, 64, 3), np.uint8), 0.25)
        assert main(["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "first.tif")]) == 0
        assert main(["project", "add", str(tmp_path / "p"), "--images", str(images), *options]) == 0
    project = Project.open(tmp_path / "p")
    for name, (mpp_um, set_by) in expected.items():
        tile = project.tile(name)
        assert (tile.mpp_um, tile.mpp_set_by) == (pytest.approx(mpp_um, rel=1e-4), set_by)
    slide = project.index.files["slide"]
    assert (slide.mpp_um, slide.mpp_set_by) == (pytest.approx(0.25), "file")
    (cut,) = (tile for tile in project.tiles if tile.place is not None)
    assert (cut.mpp_um, cut.mpp_set_by) == (0.5, "file")
    assert cut.place.scale == 2.0
