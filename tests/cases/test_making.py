"""Projects from files of every kind: odd names, bad files among good ones, masks beside images, sizes, cases.

A row per kind; each right value is written out by hand or drawn by the test itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from training_core.base.errors import ConfigError
from training_core.cli.main import main
from training_core.io.slides import SlideOptions
from training_core.project import LabelSource, Project, make_classes

Draw = Callable[..., Path]
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Drüse_1") for form in ("NFC", "NFD"))


def tissue(seed: int, side: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def half(side: int = 48) -> NDArray[np.uint8]:
    """A mask whose upper half is 255 and whose lower half is 0."""
    mask = np.zeros((side, side), np.uint8)
    mask[: side // 2] = 255
    return mask


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """draw("in/a.png"): an image; draw("masks/a.png", half()): these pixels. Returns the path."""

    def write(name: str, pixels: NDArray[np.uint8] | None = None, mpp: float | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = tissue(sum(os.fsencode(name))) if pixels is None else pixels
        if mpp is not None:
            size = {"resolution": (10_000 / mpp, 10_000 / mpp), "resolutionunit": "CENTIMETER"}
            tifffile.imwrite(path, drawn, photometric="rgb", metadata=None, **size)
        else:
            Image.fromarray(drawn).save(path, {".jpg": "JPEG", ".bmp": "BMP"}.get(path.suffix, "PNG"))
        return path

    return write


@pytest.fixture
def new(tmp_path: Path) -> Callable[..., int]:
    """new("--val", path): `project new` of in/ as p/, with masks/ where that is there; returns the exit code."""

    def run(*arguments: object, masks: bool | None = None) -> int:
        command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "in")]
        if (tmp_path / "masks").exists() if masks is None else masks:
            command += ["--masks", str(tmp_path / "masks"), "--classes", "rest=0,gland=255"]
        return main([*command, *map(str, arguments)])

    return run


# --- names ------------------------------------------------------------------------------------------------------------

NAMES = [
    "-x", "--masks", "a;b", "a#1", "#7", "H&E", "a b", "a  b", " a", "a'b", 'a"b', "a$b", "100%", "a%41", "a,b", "a=b",
    "{name}", "a*b", "[a]", "a?b", "Ж日本🧬", COMPOSED, DECOMPOSED, "a\nb", "a\tb", "a\udce9b", "a\x7fb", "x" * 200,
    "ü" * 110, "a.ome", "a.1", "a.prediction.x", "case", "\u202eabc",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=[f"name{number}" for number in range(len(NAMES))])
def test_every_name_goes_through_every_command(
    draw: Draw, new: Callable[..., int], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in (name, "other"):
        draw(f"in/{each}.png")
        draw(f"masks/{each}.png", half())
    listed = name.encode("utf-8", "surrogateescape")
    csv = b'image\n"' + listed.replace(b'"', b'""') + b'.png"\n'
    (tmp_path / "val.csv").write_bytes(csv)
    assert new("--val", tmp_path / "val.csv") == 0
    project = Project.open(tmp_path / "p")
    assert len(project.tiles) == 2
    (own,) = project.val_names()
    assert own != "other"
    assert own.isprintable() or own == name
    np.testing.assert_array_equal(project.image(own), tissue(sum(os.fsencode(f"in/{name}.png"))))
    np.testing.assert_array_equal(project.label(own), half() // 255)
    assert main(["project", "info", str(project.path), "--json", "-"]) == 0
    assert main(["export", str(project.path), "-o", str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / f"{own}.png")), half() // 255)
    (tmp_path / "val.txt").write_text(f"{own}\n", encoding="utf-8")
    assert main(["project", "validation", str(project.path), "--val", str(tmp_path / "val.txt")]) == 0
    assert project.val_names() == (own,)
    assert main(["project", "pixel-size", "--mpp", "0.5", str(project.path), "--", own]) == 0
    assert project.tile(own).mpp_um == 0.5
    assert new("--val", tmp_path / "val.csv") == 0  # the same command again finds everything there
    assert "added: tiles 0, annotations of tiles that were there 0; there already: 2" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="names of bytes")
def test_a_reference_to_a_path_that_is_no_text_is_refused_by_name_and_the_others_are_made(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/a\udce9.png")
    draw("in/b.png")
    assert new("--reference") == 3
    assert [tile.name for tile in Project.open(tmp_path / "p").tiles] == ["b"]
    assert "is not valid UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("command", [["project", "info"], ["project", "classes"], ["project", "pixel-size"]])
def test_no_console_encoding_ends_a_command(draw: Draw, tmp_path: Path, encoding: str, command: list[str]) -> None:
    draw("in/Ж日本🧬.tif", mpp=0.5)
    classes = "Drüse ₂,\u202eß"
    new = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "in"), "--classes", classes]
    for arguments in (new, [*command, str(tmp_path / "p")]):
        done = subprocess.run(
            [sys.executable, "-m", "training_core", *arguments],
            env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr


# --- bad files among good ones ----------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage(tmp_path: Path, kind: str) -> str:
    """Spoil b or its mask; returns what has to be said."""
    image, mask = tmp_path / "in" / "b.png", tmp_path / "masks" / "b.png"
    if kind == "cut":
        cut(image)
        return "damaged"
    if kind == "empty":
        image.write_bytes(b"")
        return "is empty"
    if kind == "text":
        image.write_text("no picture at all")
        return "b.png"
    if kind == "small":
        Image.new("RGB", (8, 8), (7, 9, 200)).save(image)
        return "8 x 8"
    if kind == "mask cut":
        cut(mask)
        return "damaged"
    if kind == "mask of another size":
        Image.fromarray(half(40)).save(mask)
        return "40 x 40"
    if kind == "mask with a value of no class":
        Image.fromarray(half() - 3).save(mask)  # 252 and 253
        return "which no class has"
    if kind == "transposed mask":
        Image.fromarray(tissue(1)[:, :40]).save(image)
        Image.fromarray(half()[:40]).save(mask)
        return "turn or transpose"
    if kind == "pipe":
        image.unlink()
        os.mkfifo(image)
        return "a pipe"
    if kind == "two masks":
        Image.fromarray(half()).save(mask.with_suffix(".bmp"))
        return "image b has the masks"
    assert kind == "too long a name"
    image.rename(image.with_name("x" * 240 + ".png"))
    return "at most 235 bytes"


KINDS = [
    "cut", "empty", "text", "small", "mask cut", "mask of another size", "mask with a value of no class", "two masks",
    "too long a name", "transposed mask", *(["pipe"] if hasattr(os, "mkfifo") else []),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_file_never_stops_the_others_and_a_second_run_does_what_is_missing(
    draw: Draw, new: Callable[..., int], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {}
    for name in "abc":
        good[name] = draw(f"in/{name}.png").read_bytes()
        draw(f"masks/{name}.png", half())
    said = damage(tmp_path, kind)
    assert new() == 3
    err = capsys.readouterr().err
    assert "1 file could not be used" in err
    assert said in err
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["a", "c"]
    assert project.labeled_names() == ("a", "c")
    before = {path.name: path.stat().st_mtime_ns for path in (project.path / "images").iterdir()}
    assert sorted(before) == ["a.png", "c.png"]

    for path in (tmp_path / "in").glob("x*"):
        path.unlink()
    (tmp_path / "masks" / "b.bmp").unlink(missing_ok=True)
    (tmp_path / "in" / "b.png").unlink(missing_ok=True)
    (tmp_path / "in" / "b.png").write_bytes(good["b"])
    draw("masks/b.png", half())
    assert new() == 0
    assert "added: tiles 1, annotations of tiles that were there 0; there already: 2" in capsys.readouterr().out
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["a", "c", "b"]
    np.testing.assert_array_equal(project.label("b"), half() // 255)
    assert {name: (project.path / "images" / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.parametrize("option", ["--val", "--labeled"])
def test_a_bad_file_in_a_list_stops_nothing_and_is_told_by_its_own_reason(
    draw: Draw, new: Callable[..., int], tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "b_img"):
        draw(f"in/{name}.png")
    for name in "ab":
        draw(f"masks/{name}.png", half())
    good = (tmp_path / "in" / "b.png").read_bytes()
    cut(tmp_path / "in" / "b.png")
    (tmp_path / "list.txt").write_text("b\na\n")
    assert new(option, tmp_path / "list.txt") == 3
    err = capsys.readouterr().err
    assert "in/b.png is damaged" in err
    assert "no mask" not in err
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["a", "b_img"]
    assert project.has_label("a")
    assert not project.has_label("b_img")  # whose name is similar to the bad image's
    (tmp_path / "in" / "b.png").write_bytes(good)
    assert new(option, tmp_path / "list.txt") == 0
    project = Project.open(tmp_path / "p")
    assert project.has_label("b")
    assert project.val_names() == (("a", "b") if option == "--val" else ())


def test_two_files_of_one_name_are_both_named_and_the_others_are_made(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "b.jpg", "c.png", f"{COMPOSED}.png", f"{DECOMPOSED}.bmp"):
        draw(f"in/{name}")
    assert new() == 3
    err = capsys.readouterr().err
    assert "4 files could not be used" in err
    assert err.count("would both be named") == 4
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["a", "c"]
    (tmp_path / "in" / "b.jpg").unlink()
    (tmp_path / "in" / f"{DECOMPOSED}.bmp").unlink()
    draw("in/A.png")  # the project has a tile of this name but for its case
    (tmp_path / "in" / "a.png").unlink()
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "in")]) == 3
    assert "A.png would be named A, and the project has a tile a" in capsys.readouterr().err
    assert [tile.name for tile in Project.open(tmp_path / "p").tiles] == ["a", "c", "b", COMPOSED]


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "small"])
def test_where_nothing_can_be_used_nothing_is_made(
    draw: Draw, new: Callable[..., int], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/b.png")
    said = damage(tmp_path, kind)
    assert new() == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_a_value_that_no_mask_has_a_class_for_is_asked_before_anything_is_made(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        draw(f"in/{name}.png")
        draw(f"masks/{name}.png", half() // 255 * 7)
    assert new() == 2
    assert '--classes "background=0,class 1=7"' in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_masks_that_come_later_label_the_tiles_that_are_there(
    draw: Draw, new: Callable[..., int], tmp_path: Path
) -> None:
    draw("in/a.png")
    draw("in/b.png")
    assert new("--classes", "rest,gland") == 0
    draw("masks/a.png", half())
    add = ["project", "add", str(tmp_path / "p"), "--images", str(tmp_path / "in"), "--masks", str(tmp_path / "masks")]
    assert main([*add, "--classes", "gland=255,rest=0"]) == 0  # by name, in whatever order
    project = Project.open(tmp_path / "p")
    np.testing.assert_array_equal(project.label("a"), half() // 255)
    assert project.unlabeled_names() == ("b",)
    assert main([*add, "--classes", "tumour=255"]) == 2


def test_another_image_under_a_name_that_is_there_is_named_and_replaces_nothing(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/a.png")
    assert new("--classes", "rest,gland") == 0
    draw("other/a.png", tissue(99))
    draw("masks/a.png", half())
    add = ["project", "add", str(tmp_path / "p"), "--images", str(tmp_path / "other")]
    assert main([*add, "--masks", str(tmp_path / "masks"), "--classes", "rest=0,gland=255"]) == 2
    assert "another image than the project's tile a" in capsys.readouterr().err
    project = Project.open(tmp_path / "p")
    assert not project.has_label("a")
    np.testing.assert_array_equal(project.image("a"), tissue(sum(b"in/a.png")))


def test_a_project_of_other_images_is_not_added_to_by_project_new(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/a.png")
    assert new() == 0
    (tmp_path / "in" / "a.png").rename(tmp_path / "in" / "z.png")
    assert new() == 2
    assert "project add" in capsys.readouterr().err
    assert [tile.name for tile in Project.open(tmp_path / "p").tiles] == ["a"]


def test_a_damaged_label_does_not_stop_an_export(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        draw(f"in/{name}.png")
        draw(f"masks/{name}.png", half())
    assert new() == 0
    cut(tmp_path / "p" / "labels" / "b.png")
    export = ["export", str(tmp_path / "p"), "-o", str(tmp_path / "out")]
    assert main(export) == 3
    assert "b.png" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png", "classes.json"]
    for name in "ac":
        cut(tmp_path / "p" / "labels" / f"{name}.png")
    assert main(export) == 2


def test_an_export_never_replaces_the_images(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = draw("in/a.png")
    draw("masks/a.png", half())
    before = image.read_bytes()
    assert new() == 0
    assert main(["export", str(tmp_path / "p"), "-o", str(tmp_path / "in")]) == 2
    assert "would be replaced" in capsys.readouterr().err
    assert image.read_bytes() == before
    for _ in range(2):  # an export may be made again
        assert main(["export", str(tmp_path / "p"), "-o", str(tmp_path / "out")]) == 0


# --- before anything is made ------------------------------------------------------------------------------------------


def dry(new: Callable[..., int], capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    capsys.readouterr()
    new("--dry-run", "--json", "-", *arguments)
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    return result


def test_a_dry_run_lists_everything_and_makes_nothing(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("plain", COMPOSED, "Case3", "t4", "u5"):
        draw(f"in/{name}.png")
    for name in ("plain", DECOMPOSED, "case3", "t4_mask", "unused"):
        draw(f"masks/{name}.png", half())
    for name in ("notes.lif", ".hidden.png", "noending"):
        (tmp_path / "in" / name).write_bytes(b"x")
    (tmp_path / "in" / "deeper").mkdir()
    found = dry(new, capsys)
    assert not (tmp_path / "p").exists()
    files = {each["name"]: each for each in found["files"]}  # type: ignore[attr-defined]
    assert {name: each["mask_by"] for name, each in files.items()} == {
        "plain": "same", COMPOSED: "unicode", "Case3": "case", "t4": "ending", "u5": None,
    }  # fmt: skip
    assert found["images_without_mask"] == ["u5"]
    assert [Path(path).name for path in found["masks_without_image"]] == ["unused.png"]  # type: ignore[attr-defined]
    assert found["left_out"] == {".lif": 1, "hidden": 1, "no ending": 1, "folder": 1}
    assert found["mask_values"] == {"0": 4 * 48 * 24, "255": 4 * 48 * 24}
    assert new() == 0
    assert len(Project.open(tmp_path / "p").labeled_names()) == 4


@pytest.mark.parametrize(
    ("sizes", "marked"),
    [
        ((0.5, 0.5, 0.5, 10.0), {"d"}),
        ((0.5, 0.5, 1.4, 0.2), set()),
        ((0.5, 0.5, 0.5, 0.16), {"d"}),
        ((0.25, 0.25, None, 1.0), {"d"}),
        ((None, None, None, 1.0), set()),
    ],
)
def test_pixel_sizes_that_differ_are_marked(
    draw: Draw, new: Callable[..., int], capsys: pytest.CaptureFixture[str], sizes: tuple[float | None, ...],
    marked: set[str],
) -> None:  # fmt: skip
    for name, mpp in zip("abcd", sizes, strict=True):
        draw(f"in/{name}.tif" if mpp else f"in/{name}.png", mpp=mpp)
    files = dry(new, capsys)["files"]
    assert {each["name"] for each in files if each["unusual_pixel_size"]} == marked  # type: ignore[attr-defined]
    stated = {each["name"]: each["mpp_um"] for each in files}  # type: ignore[attr-defined]
    assert stated == {name: mpp and pytest.approx(mpp) for name, mpp in zip("abcd", sizes, strict=True)}


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_the_same_image_on_both_sides_is_named(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    """By its pixels: a copy in another format has other bytes."""
    for name, seed in (("t1.png", 1), ("t2.png", 2), (f"again{suffix}", 1)):
        draw(f"in/{name}", tissue(seed))
        draw(f"masks/{Path(name).stem}.png", half())
    (tmp_path / "val.txt").write_text("again\n")
    assert dry(new, capsys, "--val", tmp_path / "val.txt")["identical"] == [["again", "t1"]]
    assert new("--val", tmp_path / "val.txt") == 0
    assert "The same image in training (t1) and in validation (again)" in capsys.readouterr().err


MASKS_BESIDE = [
    ([], 2, None),
    (["--mask-files", "masks", "--classes", "rest=0,gland=255"], 0, (["w_1", "w_2"], ["w_1", "w_2"])),
    (["--mask-files", "leave-out"], 0, (["w_1", "w_2"], [])),
    (["--mask-files", "images"], 0, (["w_1", "w_1_masks", "w_2", "w_2_masks"], [])),
]


def test_masks_of_another_size_than_their_image_are_told(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # shown with width and height exchanged
    for name in ("fits", "half", "border", "transposed", "turned"):
        pixels = tissue(len(name), 128)[:96]
        path = tmp_path / "in" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path, exif=turned if name == "turned" else None)
    for name, (height, width) in {
        "fits": (96, 128), "half": (48, 64), "border": (98, 130), "transposed": (128, 96), "turned": (128, 96),
    }.items():  # fmt: skip
        draw(f"masks/{name}.png", half(130)[:height, :width])
    found = dry(new, capsys, "--orientation", "as-shown")
    said = {each["name"]: each["error"] for each in found["failed"]}  # type: ignore[attr-defined]
    assert sorted(said) == ["border.png", "half.png", "transposed.png"]
    assert "64 x 48 px. Needed: the size of its image, 128 x 96 px" in said["half.png"]
    assert "turn or transpose" in said["transposed.png"]
    assert "turn" not in said["border.png"]
    assert new("--orientation", "as-shown") == 3
    assert Project.open(tmp_path / "p").labeled_names() == ("fits", "turned")


def test_palettes_that_differ_in_any_two_masks_are_noticed(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    palettes = {"a": (0, 0, 0), "b": (0, 0, 0, 255, 0, 0), "c": (0, 0, 0, 0, 255, 0)}  # a says nothing of 1
    for name, palette in palettes.items():
        draw(f"in/{name}.png")
        (tmp_path / "masks").mkdir(exist_ok=True)
        mask = Image.fromarray(half() // 255 * (name != "a"), "P")
        mask.putpalette(palette)
        mask.save(tmp_path / "masks" / f"{name}.png")
    found = dry(new, capsys)
    assert any("b.png and c.png give the same value different colours" in note for note in found["notes"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("options", "code", "made"), MASKS_BESIDE)
def test_masks_beside_the_images_are_asked_about(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str],
    code: int, made: tuple[list[str], list[str]] | None,
) -> None:  # fmt: skip
    for number in (1, 2):
        draw(f"in/w_{number}.png")
        draw(f"in/w_{number}_masks.png", half())
    assert new(*options, masks=False) == code
    if made is None:
        assert "2 of 4 files look like masks" in capsys.readouterr().err
        assert not (tmp_path / "p").exists()
    else:
        project = Project.open(tmp_path / "p")
        assert ([tile.name for tile in project.tiles], list(project.labeled_names())) == made


def test_the_folder_of_images_as_the_folder_of_masks_needs_no_question(draw: Draw, tmp_path: Path) -> None:
    draw("in/w_1.png")
    draw("in/w_1_masks.png", half())
    command = ["project", "new", str(tmp_path / "p"), "--images", str(tmp_path / "in"), "--masks", str(tmp_path / "in")]
    assert main([*command, "--classes", "rest=0,gland=255"]) == 0
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["w_1"]
    np.testing.assert_array_equal(project.label("w_1"), half() // 255)


@pytest.mark.parametrize("kind", ["flat", "palette", "two values as colour"])
def test_masks_alone_are_known_by_their_pixels(
    draw: Draw, new: Callable[..., int], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/a.png")
    if kind == "palette":
        Image.fromarray(half() // 255).convert("P").save(tmp_path / "in" / "z.png")
    else:
        draw("in/z.png", half() if kind == "flat" else np.dstack([half()] * 3))
    assert new() == 2
    assert "1 of 2 files look like masks (z.png)" in capsys.readouterr().err


OUTPUTS = [
    ([], 2, None),
    (["--own-outputs", "leave-out"], 0, ["a"]),
    (["--own-outputs", "images"], 0, ["a", "a.prediction"]),
]


@pytest.mark.parametrize(("options", "code", "made"), OUTPUTS)
def test_our_own_results_among_the_images_are_asked_about(
    draw: Draw, new: Callable[..., int], tmp_path: Path, options: list[str], code: int, made: list[str] | None
) -> None:
    draw("in/a.png")
    draw("in/a.prediction.png", half())
    assert new(*options) == code
    assert not made or [tile.name for tile in Project.open(tmp_path / "p").tiles] == made


# --- questions of the files -------------------------------------------------------------------------------------------


def turned(path: Path, pixels: NDArray[np.uint8], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)


@pytest.mark.parametrize("reference", [[], ["--reference"]])
@pytest.mark.parametrize(("answer", "turns"), [("as-shown", -1), ("as-stored", 0)])
def test_an_answer_is_kept_and_used_for_every_later_reading(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: str, turns: int,
    reference: list[str],
) -> None:  # fmt: skip
    stored = tissue(3)[:40]
    turned(tmp_path / "in" / "a.png", stored, 6)  # shown turned clockwise by a quarter
    turned(tmp_path / "in" / "b.png", tissue(4)[:40], 6)
    assert new(*reference) == 2
    err = capsys.readouterr().err
    assert "--orientation as-shown" in err
    assert "and 1 more" in err  # asked once for both
    assert not (tmp_path / "p").exists()
    assert new("--orientation", answer, *reference) == 0
    project = Project.open(tmp_path / "p")
    np.testing.assert_array_equal(project.image("a"), np.rot90(stored, turns))
    assert (project.tile("a").width_px, project.tile("a").height_px) == np.rot90(stored, turns).shape[1::-1]
    capsys.readouterr()
    assert main(["project", "info", str(project.path), "--json", "-"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["image_answers"] == {"orientation": answer.replace("-", "_")}
    assert main(["project", "info", str(project.path)]) == 0
    told = capsys.readouterr().out
    assert f"image answers: orientation {answer.replace('-', ' ')}\n" in told
    turned(tmp_path / "in" / "c.png", stored, 6)
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "in"), *reference]) == 0
    np.testing.assert_array_equal(Project.open(project.path).image("c"), np.rot90(stored, turns))


def test_objects_of_numbered_masks_are_kept(draw: Draw, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = np.zeros((96, 96), np.uint16)
    for place in range(30):
        row, column = divmod(place, 6)
        numbers[row * 16 + 2 : row * 16 + 12, column * 16 + 2 : column * 16 + 12] = 300 + place
    draw("in/a.png", tissue(5, 96))
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks" / "a.tif", numbers)
    command = [
        "project",
        "new",
        str(tmp_path / "p"),
        "--images",
        str(tmp_path / "in"),
        "--masks",
        str(tmp_path / "masks"),
    ]
    assert main([*command, "--classes", "rest=0,nucleus=1"]) == 2
    assert "--mask-holds" in capsys.readouterr().err
    assert main([*command, "--classes", "rest=0,nucleus=1", "--mask-holds", "numbered-objects"]) == 0
    project = Project.open(tmp_path / "p")
    np.testing.assert_array_equal(project.label("a"), numbers > 0)
    kept = project.objects("a")
    assert kept is not None
    assert (kept.count, kept.highest) == (30, 329)
    np.testing.assert_array_equal(tifffile.imread(project.path / kept.path), numbers)


# --- pixel sizes ------------------------------------------------------------------------------------------------------


def slide(path: Path, mpp: float, left: float) -> None:
    """A slide of 512 px with tissue to the right of `left` (a share of its width)."""
    pixels = np.full((512, 512, 3), 243, np.uint8)
    pixels[:, int(512 * left) :] = (200, 90, 160)
    size = {"resolution": (10_000 / mpp, 10_000 / mpp), "resolutionunit": "CENTIMETER", "tile": (128, 128)}
    path.parent.mkdir(exist_ok=True)
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, subifds=1, photometric="rgb", metadata=None, **size)
        writer.write(pixels[::2, ::2], subfiletype=1, photometric="rgb", metadata=None, tile=(128, 128))


def test_one_pixel_size_for_all_fills_gaps_only_in_a_new_project_and_in_an_addition(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/stated.tif", mpp=0.25)
    draw("in/plain.png")
    draw("in/absurd.tif", mpp=353.0)  # a writer's default
    slide(tmp_path / "in" / "slide.tif", 0.25, 0.0)
    assert new("--mpp", 0.5, "--tile-px", 128) == 0
    assert "2 files state another pixel size than --mpp 0.5, and theirs is used" in capsys.readouterr().err
    project = Project.open(tmp_path / "p")
    sizes = {tile.name: (round(tile.mpp_um or 0, 4), str(tile.mpp_set_by)) for tile in project.tiles}
    assert len([name for name in sizes if name.startswith("slide_")]) == 4  # 512 px at 0.25, in tiles of 256 px
    assert {size for name, size in sizes.items() if name.startswith("slide_")} == {(0.5, "file")}
    assert sizes["stated"] == (0.25, "file")
    assert sizes["plain"] == sizes["absurd"] == (0.5, "project")
    assert (project.index.files["slide"].mpp_um, str(project.index.files["slide"].mpp_set_by)) == (0.25, "file")
    draw("more/later.tif", mpp=0.25)
    draw("more/bare.png")
    assert main(["project", "add", str(project.path), "--images", str(tmp_path / "more"), "--mpp", "1.0"]) == 0
    assert round(project.tile("later").mpp_um or 0, 4) == 0.25
    assert project.tile("bare").mpp_um == 1.0


def test_the_pixel_size_of_one_file_can_be_set_whatever_it_states(draw: Draw, tmp_path: Path) -> None:
    draw("in/stated.tif", mpp=0.25)
    draw("in/other.tif", mpp=0.25)
    slide(tmp_path / "in" / "slide.tif", 0.25, 0.0)
    sizes = {"stated": 0.5, "slide": 0.5}
    classes = make_classes(("background", "gland"))
    options = {"classes": classes, "slides": SlideOptions(tile_px=128), "pixel_sizes": sizes}
    project = Project.create(tmp_path / "p", [tmp_path / "in"], **options)
    assert (project.tile("stated").mpp_um, str(project.tile("stated").mpp_set_by)) == (0.5, "user")
    assert project.tile("stated").file_mpp.x_um == pytest.approx(0.25)
    assert project.tile("other").mpp_um == pytest.approx(0.25)
    cut_from = [tile for tile in project.tiles if tile.place is not None]
    assert len(cut_from) == 16  # 512 px at 0.5, in tiles of 128 px
    assert {(tile.mpp_um, str(tile.mpp_set_by)) for tile in cut_from} == {(0.5, "user")}
    with pytest.raises(ConfigError, match="50 µm/px"):
        Project.create(tmp_path / "q", [tmp_path / "in"], classes=classes, pixel_sizes={"stated": 50.0})
    assert not (tmp_path / "q").exists()


def test_pixel_sizes_are_corrected_by_tile_slide_or_pattern_and_the_files_own_are_kept(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw("in/a_1.tif", mpp=0.5)
    draw("in/a_2.tif", mpp=0.5)
    draw("in/scan.tif", mpp=10.0)
    draw("in/plain.png")
    slide(tmp_path / "in" / "slide.tif", 0.25, 0.0)
    assert new("--tile-px", 128) == 0
    project = Project.open(tmp_path / "p")
    cut_from = [tile.name for tile in project.tiles if tile.place is not None]
    assert len(cut_from) == 4  # 512 px at 0.25 are 256 px at 0.5

    def sizes() -> dict[str, tuple[float | None, str]]:
        return {tile.name: (tile.mpp_um and round(tile.mpp_um, 6), str(tile.mpp_set_by)) for tile in project.tiles}

    def correct(*arguments: str) -> int:
        return main(["project", "pixel-size", str(project.path), *arguments])

    assert sizes()["scan"] == (10.0, "file")
    assert correct() == 0
    assert "scan: 10 µm/px, set by file, file: 10 µm/px" in capsys.readouterr().out
    assert correct("scan", "--mpp", "0.5") == 0
    assert sizes()["scan"] == (0.5, "user")
    stated = project.tile("scan").file_mpp
    assert stated is not None
    assert stated.x_um == pytest.approx(10.0)
    assert correct("a_*", "plain", "--mpp", "0.4") == 0
    assert [sizes()[name] for name in ("a_1", "a_2", "plain")] == [(0.4, "user")] * 3
    assert correct("slide", "--mpp", "0.5") == 0  # so each of its tiles' pixels is 1 µm wide
    assert {sizes()[name] for name in cut_from} == {(1.0, "user")}
    assert project.index.files["slide"].mpp_um == 0.5
    assert correct("slide", "scan", "--from-file") == 0
    assert {sizes()[name] for name in cut_from} == {(0.5, "file")}
    assert sizes()["scan"] == (10.0, "file")
    assert correct("plain", "--unknown") == 0
    assert sizes()["plain"] == (None, "none")
    before = sizes()
    for wrong in (["scna", "--mpp", "0.5"], ["scan", "--mpp", "500"], ["--mpp", "0.5"], ["scan", "--all", "--unknown"]):
        assert correct(*wrong) == 2
    assert sizes() == before
    assert correct("--all", "--mpp", "0.3") == 0
    assert {size for name, (size, _by) in sizes().items() if name not in cut_from} == {0.3}
    assert project.index.files["slide"].mpp_um == 0.3


@pytest.mark.parametrize("stated", [353.0, 0.001])
def test_a_size_that_no_microscope_gives_is_kept_and_not_used(
    draw: Draw, new: Callable[..., int], tmp_path: Path, stated: float
) -> None:
    draw("in/a.tif", mpp=stated)
    assert new() == 0
    tile = Project.open(tmp_path / "p").tile("a")
    assert (tile.mpp_um, str(tile.mpp_set_by)) == (None, "none")
    assert tile.file_mpp is not None
    assert tile.file_mpp.x_um == pytest.approx(stated, rel=1e-3)


@pytest.mark.parametrize(
    ("share", "code", "tiles"), [(None, 3, {"good"}), (10, 0, {"good", "thin"}), (90, 3, {"good"})]
)
def test_a_slide_of_thin_tissue_leaves_the_others_and_the_share_is_a_setting(
    new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], share: int | None, code: int,
    tiles: set[str],
) -> None:  # fmt: skip
    slide(tmp_path / "in" / "thin.tif", 0.5, 0.8)
    slide(tmp_path / "in" / "good.tif", 0.5, 0.0)
    options = [] if share is None else ["--min-tissue", share]
    assert new("--tile-px", 512, *options) == code
    project = Project.open(tmp_path / "p")
    assert {tile.place.file for tile in project.tiles if tile.place is not None} == tiles
    err = capsys.readouterr().err
    if code:
        assert "thin.tif has" in err
        assert "20." in err or "19." in err  # the share that it has
        assert "--min-tissue" in err


def test_what_counts_as_tissue_is_a_setting(
    new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slide(tmp_path / "in" / "slide.tif", 0.5, 0.0)  # its stain has a saturation of 110 / 200
    assert new("--tile-px", 128, "--tissue-saturation", 60) != 0
    err = " ".join(capsys.readouterr().err.split())
    assert "where tissue is what has a saturation above 60 %" in err
    assert "--tissue-saturation" in err.partition("above 60 %")[2]
    assert not (tmp_path / "p").exists()
    assert new("--tile-px", 128, "--tissue-saturation", 130) == 2
    assert "--tissue-saturation is 130" in capsys.readouterr().err
    assert new("--tile-px", 128, "--tissue-saturation", 50) == 0
    assert len(Project.open(tmp_path / "p").tiles) == 16


# --- patients and slides ----------------------------------------------------------------------------------------------


def test_tiles_of_one_case_on_both_sides_are_named_and_a_draw_keeps_them_together(
    draw: Draw, new: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"p{patient}_{number}" for patient in range(4) for number in range(3)]
    for name in names:
        draw(f"in/{name}.png")
        draw(f"masks/{name}.png", half())
    (tmp_path / "val.txt").write_text("p1_0\np2_0\np2_1\np2_2\n")
    assert new("--val", tmp_path / "val.txt", "--group-by", "{case}_*") == 0
    err = capsys.readouterr().err
    assert "Case p1 is in training (p1_1, p1_2) and in validation (p1_0)" in err
    assert "Case p2" not in err
    project = Project.open(tmp_path / "p")
    assert {tile.name: tile.case for tile in project.tiles} == {name: name[:2] for name in names}
    for seed in range(4):
        validation = ["project", "validation", str(project.path), "--draw", "25", "--seed", str(seed)]
        assert main(validation) == 0
        drawn = {name[:2] for name in project.val_names()}
        assert len(project.val_names()) == 3  # one patient of four
        assert not drawn & {name[:2] for name in project.labeled_names()}
    assert "Case" not in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--group-by", "{case}_*"], ["--groups", "GROUPS"]])
def test_a_new_project_draws_by_case(
    draw: Draw, new: Callable[..., int], tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["image;patient"]
    for patient in range(4):
        for number in range(3):
            draw(f"in/p{patient}_{number}.png")
            draw(f"masks/p{patient}_{number}.png", half())
            rows.append(f"p{patient}_{number}.png;p{patient}")
    (tmp_path / "groups.csv").write_text("\n".join(rows))
    options = [str(tmp_path / "groups.csv") if each == "GROUPS" else each for each in options]
    assert new("--draw-val", 25, *options) == 0
    assert "12 images belong to 4 cases" in capsys.readouterr().err
    project = Project.open(tmp_path / "p")
    assert len(project.val_names()) == 3
    assert len({name[:2] for name in project.val_names()}) == 1


def test_the_tiles_of_a_slide_are_one_case_without_a_word(new: Callable[..., int], tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        slide(tmp_path / "in" / f"{name}.tif", 0.5, 0.0)
    assert new("--tile-px", 256) == 0
    project = Project.open(tmp_path / "p")
    for tile in project.tiles:
        project.write_label(tile.name, np.zeros((256, 256), np.uint8), LabelSource.PAINTED)
    assert main(["project", "validation", str(project.path), "--draw", "50"]) == 0
    assert len({name[:2] for name in project.val_names()}) == 1
    assert len(project.val_names()) == 4
