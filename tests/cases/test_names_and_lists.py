"""Names of every kind, lists of them, which mask is whose, and which files belong together: a row per kind.

Every right value is written out by hand; no code of the program takes part in it.
"""

from __future__ import annotations

import codecs
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.base.errors import ConfigError, ProjectError
from training_core.base.printable import printable
from training_core.project.cases import cases_by_pattern, cases_by_table, draw_validation
from training_core.project.class_text import parse_classes, propose_classes
from training_core.project.inputs.lists import read_names
from training_core.project.inputs.matching import HowMatched, match_masks
from training_core.project.inputs.names import resolve_names, tile_name
from training_core.project.inputs.recognition import mask_names, own_output

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Drüse_1") for form in ("NFC", "NFD"))
SAME, UNICODE, ENDING, CASE = HowMatched.SAME, HowMatched.UNICODE, HowMatched.ENDING, HowMatched.CASE

# --- which mask is whose ----------------------------------------------------------------------------------------------

PAIRS = [
    ("a", "a.png", SAME),
    ("a.1", "a.1.png", SAME),
    ("a b", "a b.tif", SAME),
    (COMPOSED, f"{COMPOSED}.png", SAME),
    (COMPOSED, f"{DECOMPOSED}.png", UNICODE),
    (DECOMPOSED, f"{COMPOSED}.png", UNICODE),
    ("a", "a_mask.png", ENDING),
    ("a", "a_masks.png", ENDING),
    ("a", "a-mask.png", ENDING),
    ("a", "a mask.png", ENDING),
    ("a", "a.mask.png", ENDING),
    ("a", "a_MASK.png", ENDING),
    ("a", "a_label.png", ENDING),
    ("a", "a_labels.png", ENDING),
    ("a", "a-labelled.tif", ENDING),
    ("a", "a_labeled.png", ENDING),
    ("a", "a_seg.png", ENDING),
    ("a", "a_segmentation.png", ENDING),
    ("a", "a_anno.bmp", ENDING),
    ("a", "a_gt.png", ENDING),
    ("a", "a_cp_masks.png", ENDING),
    ("a", "a_instances.png", ENDING),
    ("a.ome", "a.png", ENDING),
    ("a.ome", "a_mask.png", ENDING),
    ("a", "a.ome.tif", ENDING),
    ("a.ome", "a-labelled.ome.tif", ENDING),
    ("a_image", "a_mask.png", ENDING),
    ("a-img", "a-label.png", ENDING),
    ("Case3", "case3.png", CASE),
    ("A", "a_Mask.png", CASE),
    (COMPOSED.upper(), f"{DECOMPOSED.lower()}.png", CASE),
    ("mask", "mask.png", SAME),
    ("a", "b.png", None),
    ("a", "a1.png", None),
    ("a", "amask.png", None),
    ("a", "mask_a.png", None),
    ("a_1", "a_10.png", None),
]


@pytest.mark.parametrize(("image", "mask", "how"), PAIRS)
def test_a_mask_is_matched_by_name_and_the_difference_is_said(image: str, mask: str, how: HowMatched | None) -> None:
    matches = match_masks([image, "another"], [Path(mask)])
    found = matches.found.get(image)
    assert (found.how if found is not None else None) == how
    assert matches.masks == (() if how is not None else (Path(mask),))
    assert matches.images == (("another",) if how is not None else (image, "another"))


AMBIGUOUS = [
    (["a"], ["a.png", "a.tif"], ["a"]),
    (["a"], ["a_mask.png", "a_label.png"], ["a"]),
    (["A", "a.ome"], ["a_mask.png"], []),  # a.ome has a step of its own before case is looked at
    (["a", "a.ome"], ["a_mask.png"], ["a", "a.ome"]),
    ([COMPOSED, DECOMPOSED], [f"{COMPOSED}_mask.png"], [COMPOSED, DECOMPOSED]),
    (["Case"], ["case.png", "CASE.png"], ["Case"]),
    (["a"], ["a.png", "a_mask.png"], []),  # the same name wins; the other is left over and said
]


@pytest.mark.parametrize(("images", "masks", "ambiguous"), AMBIGUOUS)
def test_what_could_be_two_is_never_guessed(images: list[str], masks: list[str], ambiguous: list[str]) -> None:
    matches = match_masks(images, [Path(mask) for mask in masks])
    assert sorted(matches.ambiguous) == sorted(ambiguous)
    assert not set(matches.found) & set(ambiguous)
    assert bool(matches.found) == (not ambiguous)


PATTERNS = [
    ("{name}_tissue", "a_tissue.png", True),
    ("seg-{name}", "seg-a.png", True),
    ("x_{name}_y", "x_a_y.png", True),
    ("{name}_tissue", "b_tissue.png", False),
    ("{name}_tissue", "a.png", True),  # the usual steps still follow
]


@pytest.mark.parametrize(("pattern", "mask", "matched"), PATTERNS)
def test_a_pattern_says_what_masks_are_called(pattern: str, mask: str, matched: bool) -> None:
    assert ("a" in match_masks(["a"], [Path(mask)], pattern).found) == matched


def test_a_pattern_without_a_name_is_refused_and_one_that_would_match_is_offered() -> None:
    with pytest.raises(ConfigError, match="the pattern of mask names"):
        match_masks(["a"], [Path("a_x.png")], "_x")
    offered = match_masks(["t1", "t2", "t3", "u"], [Path(f"{name}_tissue.png") for name in ("t1", "t2")])
    assert offered.pattern == ("{name}_tissue", 2)
    assert offered.nearest["t1"] == Path("t1_tissue.png")


# --- names and lists --------------------------------------------------------------------------------------------------

NAMES = [
    ("a.png", "a"),
    ("-x.png", "-x"),
    ("a;b.png", "a;b"),
    ("a#1.png", "a#1"),
    ("H&E.png", "H&E"),
    ("a\nb.png", "a%0Ab"),
    ("a\tb.png", "a%09b"),
    ("caf\udce9.png", "caf%E9"),
    ("a\x7fb.png", "a%7Fb"),
    ("100%.png", "100%"),
    ("Ж日本🧬.png", "Ж日本🧬"),
    (f"{DECOMPOSED}.png", DECOMPOSED),
    ("a\u2028b.png", "a%E2%80%A8b"),
    ("a  b.png", "a  b"),
    ("x" * 200 + ".png", "x" * 200),
]


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_a_tile_is_named_like_its_file_but_for_what_is_no_text(file: str, name: str) -> None:
    assert tile_name(Path(file)) == name == printable(name)
    name.encode()  # JSON can hold it


KNOWN = [
    "t1",
    "t2",
    "case#12",
    "#7",
    "# 8",
    "-x",
    "a;b",
    "a,b",
    "caf%E9",
    "a%0Ab",
    COMPOSED,
    "Müller",
    "a b",
    "odd.png",
]
LISTS = [
    ("l.txt", b"t1\nt2\n", ["t1", "t2"]),
    ("l.txt", b"t1.png\r\nt2.TIF\r\n", ["t1", "t2"]),
    ("l.txt", b"case#12.png\n", ["case#12"]),
    ("l.txt", b"#7.png\nt1.png\n", ["#7", "t1"]),
    ("l.txt", b"# 8\nt1\n", ["t1"]),  # a comment by its first two characters, and said
    ("l.txt", b"#\nt1\n", ["t1"]),
    ("l.txt", b"-x\na;b\na,b\n", ["-x", "a;b", "a,b"]),
    ("l.txt", b"\n\n  t1  \n\n", ["t1"]),
    ("l.txt", b"a b\n", ["a b"]),
    ("l.txt", b"folder/t1.png\nother\\t2.png\n", ["t1", "t2"]),
    ("l.txt", b"odd.png\n", ["odd.png"]),
    ("l.txt", codecs.BOM_UTF8 + b"t1\n", ["t1"]),
    ("l.txt", "t1\nMüller\n".encode(), ["t1", "Müller"]),
    ("l.txt", "t1\nMüller\n".encode("utf-16"), ["t1", "Müller"]),
    ("l.txt", "t1\nt2\n".encode("utf-16-le"), ["t1", "t2"]),
    ("l.txt", codecs.BOM_UTF16_BE + "t1\nMüller\n".encode("utf-16-be"), ["t1", "Müller"]),
    ("l.txt", "Müller\n".encode("cp1252"), ["Müller"]),
    ("l.txt", b"caf\xe9.png\n", ["caf%E9"]),
    ("l.txt", f"{DECOMPOSED}.png\n".encode(), [COMPOSED]),
    ("l.csv", b"image,patient\nt1.png,p\nt2.png,q\n", ["t1", "t2"]),
    ("l.csv", b"patient;File\np;t1.png\nq;t2.png\n", ["t1", "t2"]),
    ("l.csv", b't1\n"a,b"\n', ["t1", "a,b"]),
    ("l.csv", b'image,x\n"a\nb",1\n', ["a%0Ab"]),
    ("l.csv", b"sep=;\nimage;x\nt1;1\n", ["t1"]),
    ("l.csv", codecs.BOM_UTF8 + b"image\n#7\n", ["#7"]),
    ("l.csv", "image;x\nMüller;1\n".encode("utf-16"), ["Müller"]),
    ("l.tsv", b"tile\tnote\na;b\thm\n", ["a;b"]),
    ("l.txt", b"", []),
]


@pytest.mark.parametrize(("file", "data", "names"), LISTS)
def test_a_list_is_read_as_it_is(tmp_path: Path, file: str, data: bytes, names: list[str]) -> None:
    (tmp_path / file).write_bytes(data)
    assert list(resolve_names(read_names(tmp_path / file).names, KNOWN, "the list")) == names


def test_ignored_lines_are_told_and_a_comment_behind_a_name_is_explained(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("# chosen by hand\nt1\n")
    assert read_names(tmp_path / "l.txt").ignored == ("# chosen by hand",)
    with pytest.raises(ProjectError, match=r"t1, with the comment in a line of its own that starts with \"# \""):
        resolve_names(["t1.png  # the first"], KNOWN, "the list")
    with pytest.raises(ProjectError, match="nowhere"):
        read_names(tmp_path / "nowhere.txt")


# --- classes ----------------------------------------------------------------------------------------------------------

CLASSES = [
    ("a=0,b=255", ["a", "b"], {"0": 0, "255": 1}),
    ('"gland, benign"=1,stroma=2', ["gland, benign", "stroma"], {"1": 0, "2": 1}),
    ('"a=b"=1', ["a=b"], {"1": 0}),
    ('"so-called ""clear"" cells"=7', ['so-called "clear" cells'], {"7": 0}),
    ('"a,b","c"', ["a,b", "c"], {}),
    ("a=#FF0000,b=#00ff00,unlabelled=transparent", ["a", "b"], {"#ff0000": 0, "#00ff00": 1, "transparent": 255}),
    ("nuclei=1-300", ["nuclei"], {"1-300": 0}),
    ("nuclei=70000", ["nuclei"], {"70000": 0}),
    ("a = 1 , b = 2-5 ", ["a", "b"], {"1": 0, "2-5": 1}),
]


@pytest.mark.parametrize(("text", "names", "values"), CLASSES)
def test_classes_of_any_name_can_be_given(text: str, names: list[str], values: dict[str, int]) -> None:
    classes, found = parse_classes(text)
    assert ([each.name for each in classes], found) == (names, values)


@pytest.mark.parametrize("text", ['"a=1', '"a"b=1', 'a"b=1', "a=1=2", "a=1-5,b=3", "a=5-1", "a=#ff", "=1", "a=1,b=1"])
def test_a_text_that_can_be_misread_is_refused(text: str) -> None:
    with pytest.raises(ProjectError, match="--classes"):
        parse_classes(text)


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"0": 5, "255": 5}, '--classes "background=0,class 1=255"'),
        ({"#ff0000": 5, "#00ff00": 5}, '--classes "class 1=#ff0000,class 2=#00ff00"'),
    ],
)
def test_a_proposed_line_can_be_used_as_it_is(counts: dict[str, int], line: str) -> None:
    assert propose_classes(counts) == line
    assert set(parse_classes(line.split('"')[1])[1]) == set(counts)


# --- what belongs together --------------------------------------------------------------------------------------------

CASES = [
    ("{case}_*", ["p1_1", "p1_2", "p2_1"], {"p1_1": "p1", "p1_2": "p1", "p2_1": "p2"}),
    ("{case}_*", ["p1_1_x"], {"p1_1_x": "p1"}),  # up to the first underscore
    ("*_{case}", ["x_p1"], {"x_p1": "p1"}),
    ("TCGA-??-{case}-*", ["TCGA-AA-1234-01"], {"TCGA-AA-1234-01": "1234"}),
    ("{case}.*", ["a.1", "b"], {"a.1": "a"}),
    (r"(?P<case>\d+)-.*", ["12-a", "x"], {"12-a": "12"}),
    ("{case}_*", [f"{DECOMPOSED}"], {DECOMPOSED: "Drüse"}),
]


@pytest.mark.parametrize(("pattern", "names", "found"), CASES)
def test_a_pattern_says_which_names_belong_together(pattern: str, names: list[str], found: dict[str, str]) -> None:
    assert cases_by_pattern(pattern, names) == found


@pytest.mark.parametrize("pattern", ["p_*", "{case}{case}", "zzz{case}", "(?P<case>[)"])
def test_a_pattern_that_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        cases_by_pattern(pattern, ["a_1"])


TABLES = [
    (b"image,patient\nt1.png,p\nt2.png,q\n", None, {"t1": "p", "t2": "q"}),
    (b"patient;image\np;t1\np;t2\n", None, {"t1": "p", "t2": "p"}),
    (b"t1,p\nt2,p\n", None, {"t1": "p", "t2": "p"}),
    (b"image,ward,patient\nt1,w,p\n", "ward", {"t1": "w"}),
    (b"slide,patient\nt1,p\n", None, {"t1": "p"}),
    (b"image,slide\nt1,s\n", None, {"t1": "s"}),
    (b"image,patient\nt1,\nt2,q\n", None, {"t2": "q"}),
]


@pytest.mark.parametrize(("data", "column", "found"), TABLES)
def test_a_table_says_which_names_belong_together(
    tmp_path: Path, data: bytes, column: str | None, found: dict[str, str]
) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    assert cases_by_table(tmp_path / "t.csv", ["t1", "t2"], column) == found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_a_draw_keeps_cases_together_and_leaves_some_on_each_side(seed: int, share: float) -> None:
    names = [f"{case}_{number}" for case in "abcdef" for number in range(1 + ord(case) % 4)]
    of = {name: name[0] for name in names}
    val = draw_validation(names, of, share, seed)
    assert 0 < len(val) < len(names)
    assert not {of[name] for name in val} & {of[name] for name in names if name not in val}
    assert val == draw_validation(names, of, share, seed)
    assert abs(len(val) - share * len(names)) <= 4  # the largest case has 4


# --- what is no image -------------------------------------------------------------------------------------------------

OWN = [
    ("a.prediction.png", False, True),
    ("a.pseudo_label.png", False, True),
    ("a.confidence.png", False, True),
    ("a.text.png", False, False),  # somebody's own name
    ("a.text.png", True, True),  # beside our legend
    ("a.decoder.png", True, True),
    ("a.png", True, False),  # predictions lie beside the images
    ("a.prediction.tif", False, False),
    ("prediction.png", False, False),
]


@pytest.mark.parametrize(("file", "with_legend", "is_ours"), OWN)
def test_our_own_results_are_known(tmp_path: Path, file: str, with_legend: bool, is_ours: bool) -> None:
    if with_legend:
        (tmp_path / "classes.json").write_text(json.dumps({"spec_version": 1, "not_labelled": 255, "classes": []}))
    assert own_output(tmp_path / file) == is_ours


@pytest.mark.parametrize(("folder", "is_ours"), [("labels", True), ("runs", True), ("images", False), ("", False)])
def test_files_of_a_project_are_known(tmp_path: Path, folder: str, is_ours: bool) -> None:
    (tmp_path / "project.json").write_text("{}")
    assert own_output(tmp_path / folder / "a.png") == is_ours
    assert own_output(tmp_path / folder / "deeper" / "a.png") == is_ours


def test_an_export_is_known_by_its_legend_and_another_programs_classes_are_not(tmp_path: Path) -> None:
    legend = {"spec_version": 1, "content": "labels", "not_labelled": 255, "classes": []}
    (tmp_path / "classes.json").write_text(json.dumps(legend))
    assert own_output(tmp_path / "a.png")
    (tmp_path / "classes.json").write_text(json.dumps(["gland", "stroma"]))
    assert not own_output(tmp_path / "a.png")


MASKS = [
    (["w_1.png", "w_1_masks.png"], ["w_1_masks.png"]),
    (["w_1.png", "w_1.ome_mask.png"], ["w_1.ome_mask.png"]),
    (["w_1_mask.png"], []),  # no image that it could be the mask of
    (["a.png", "b.png"], []),
    (["A.png", "a_label.png"], ["a_label.png"]),
    (["a_image.png", "a_label.png"], ["a_label.png"]),
]


@pytest.mark.parametrize(("files", "masks"), MASKS)
def test_masks_beside_their_images_are_known_by_name(files: list[str], masks: list[str]) -> None:
    assert sorted(path.name for path in mask_names(map(Path, files))) == masks


def test_names_on_this_disk_survive(tmp_path: Path) -> None:
    """What the rows above say of names holds for files that lie on a disk."""
    for file, name in NAMES:
        path = tmp_path / file
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(path, "PNG")
        assert tile_name(path) == name
    assert len(list(tmp_path.iterdir())) == len(NAMES)
