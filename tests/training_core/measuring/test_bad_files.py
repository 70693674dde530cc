"""Bad files among those of a benchmark: they cost their image and nothing else, and the record says which.

Nothing is trained: each seed ends at once, for too few labelled tiles, which the records hold as its error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from tests.training_core.measuring.test_folder_benchmark import DATASET, SMALL, write_pairs
from training_core.base.attempts import Failure
from training_core.base.errors import ImageError
from training_core.cli._benchmark_options import end
from training_core.cli.main import main
from training_core.measuring.accuracy.record import read_record
from training_core.project import Project

LISTS = {
    "labeled": ["lab_1", "lab_2", "lab_3"],
    "val": ["val_1", "val_2"],
    "test": ["test_1", "test_2", "test_3"],
    "unlabeled": ["more_1", "more_2", "more_3"],
}
ENDS_AT_ONCE = ["--set", "data.min_labeled_tiles=50", "--seeds", "1"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_pairs(tmp_path, [name for names in LISTS.values() for name in names])
    for key, names in LISTS.items():
        (tmp_path / f"{key}.txt").write_text("\n".join(names))
    described: dict[str, Any] = {key: value for key, value in DATASET.items() if key != "draw"}
    lists = {key: f"{key}.txt" for key in LISTS}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({**described, "lists": lists}))
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    return tmp_path


def folder_command(data: Path, out: Path, *more: str) -> list[str]:
    arguments = ["--data", str(data), "--config", str(data / "small.json"), "--out", str(out), *more]
    return ["benchmark", "folder", *arguments, *ENDS_AT_ONCE]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(data: Path) -> None:
    """One image of each role, in four ways."""
    cut_short(data / "images" / "more_2.jpg")
    (data / "masks" / "lab_2.png").write_bytes(b"no image")
    Image.fromarray(np.full((96, 96), 7, np.uint8)).save(data / "masks" / "val_1.png")  # a value that no class has
    Image.fromarray(np.zeros((90, 96), np.uint8)).save(data / "masks" / "test_3.png")  # of another size


def test_the_others_go_on_and_the_record_says_how_many_were_expected(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(data)
    assert main(folder_command(data, data / "out")) == 1  # the seeds fail, as they are meant to
    told = capsys.readouterr().err
    assert "4 files could not be used:" in told
    assert "--overwrite" in told
    for arm in ("labels", "unlabelled", "all"):
        record = read_record(data / "out" / arm / "record.json")
        assert "50" in record["seeds"][0]["error"], "it is the seed that failed"
        split = record["plan"]["split"]
        trained = [*split["labeled"], *split["unlabeled"]]
        assert sorted(trained) == ["lab_1", "lab_3", "more_1", "more_3"]
        assert split["val"] == ["val_2"]
        assert [each["name"] for each in record["files"]["test"]] == ["test_1", "test_2"]
        roles = (
            {"labelled": 6, "unlabelled": 0} if arm == "all" else {"labelled": 3, "unlabelled": 3}
        )  # the arm labels all
        assert record["expected"] == {**roles, "validation": 2, "test": 3}
        assert {each["name"] for each in record["left_out"]} == {"more_2", "lab_2", "val_1", "test_3"}
        reasons = {each["name"]: each["error"] for each in record["left_out"]}
        assert "damaged or incomplete" in reasons["more_2"]
        assert "not a readable image" in reasons["lab_2"]
        assert "holds the value 7" in reasons["val_1"]
        assert "96 x 90 px" in reasons["test_3"]
        assert any("1 of 2 validation images could not be used" in note for note in record["notes"])
        assert any("1 of 3 test images could not be used" in note for note in record["notes"])
        assert "could not be used and are left out" in (data / "out" / arm / "record.md").read_text()
        project = Project.open(data / "out" / arm / "project")
        assert len(project.tiles) == 5
    assert (data / "out" / "comparison.md").read_text().count("1 of 3 test images could not be used") == 3


@pytest.mark.nightly
def test_the_same_command_goes_on_and_mended_files_are_said_to_make_another_benchmark(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(data)
    command = folder_command(data, data / "out", "--arms", "labels")
    main(command)
    made = read_record(data / "out" / "labels" / "record.json")["created_at"]
    assert main(command) == 1
    assert read_record(data / "out" / "labels" / "record.json")["created_at"] == made
    write_pairs(data, [name for names in LISTS.values() for name in names])
    capsys.readouterr()
    assert main(command) == 2
    assert "images that were left out then can be used now" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 1
    record = read_record(data / "out" / "labels" / "record.json")
    assert record["left_out"] == []
    assert record["expected"] == {"labelled": 3, "unlabelled": 3, "validation": 2, "test": 3}
    assert not any("could not be used" in note for note in record["notes"])


def test_nothing_starts_where_none_of_a_kind_can_be_used(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in LISTS["val"]:
        cut_short(data / "images" / f"{name}.jpg")
    assert main(folder_command(data, data / "out")) == 2
    assert "none of 2 files could be used" in capsys.readouterr().err
    assert not (data / "out").exists()


def test_two_files_of_one_name_are_left_out_and_the_others_go_on(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(data / "images" / "lab_2.jpg") as image:
        image.save(data / "images" / "lab_2.png")
        image.save(data / "images" / "MORE_1.png")
    assert main(folder_command(data, data / "out", "--arms", "unlabelled")) == 1  # the seed fails, as it is meant to
    assert "would both be named lab_2" in capsys.readouterr().err
    record = read_record(data / "out" / "unlabelled" / "record.json")
    assert record["plan"]["split"]["labeled"] == ["lab_1", "lab_3"]
    assert record["plan"]["split"]["unlabeled"] == ["more_2", "more_3"]
    assert [each["name"] for each in record["left_out"]] == ["lab_2", "more_1"]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        pytest.param(("#e6c8c8", "#ff0000", "#0000ff", "#ffffff"), [], id="colours"),
        pytest.param(("0", "1-300", "301-60000", "65535"), [], id="ranges_of_16_bits", marks=pytest.mark.nightly),
        pytest.param((0, 1000, 2000, 3000), [], id="numbers_of_16_bits", marks=pytest.mark.nightly),
        pytest.param((0, 80, 160, 240), ["--soft-edges", "half"], id="soft_edges"),
    ],
)
def test_masks_of_every_kind_give_the_same_labels(data: Path, values: tuple[Any, ...], options: list[str]) -> None:
    masks = {path: np.asarray(Image.open(path)) // 10 for path in (data / "masks").iterdir()}  # 0, 1, 2; 9: unlabelled
    for path, mask in masks.items():
        mask[-3:] = 9
        Image.fromarray(as_drawn(np.minimum(mask, 3), values)).save(path)
    described = yaml.safe_load((data / "dataset.yaml").read_text())
    for each, value in zip(described["classes"], values, strict=False):
        each["values"] = [value]
    described["unlabeled_values"] = [values[3]]
    (data / "dataset.yaml").write_text(yaml.safe_dump(described))
    command = folder_command(data, data / "out", "--arms", "labels")
    if options:
        assert main(command) == 2
    assert main([*command, *options]) == 1  # the seed fails, as it is meant to
    record = read_record(data / "out" / "labels" / "record.json")
    assert record["left_out"] == []
    project = Project.open(data / "out" / "labels" / "project")
    for name in LISTS["labeled"]:
        right = masks[data / "masks" / f"{name}.png"]
        np.testing.assert_array_equal(project.label(name), np.where(right == 9, 255, right))


def as_drawn(ids: NDArray[np.uint8], values: tuple[Any, ...]) -> NDArray[Any]:
    """The mask as a program writes it that knows classes by colour, by object number, by value, or smooths edges."""
    if str(values[0]).startswith("#"):
        return np.array([[int(value[at : at + 2], 16) for at in (1, 3, 5)] for value in values], np.uint8)[ids]
    if isinstance(values[1], str):
        number = np.arange(ids.size).reshape(ids.shape) % 200  # any number of the range
        return np.select([ids == 0, ids == 1, ids == 2], [0, 1 + number, 301 + number], 65535).astype(np.uint16)
    drawn = np.array(values, np.uint16)[ids]
    if values[3] > 255:
        return drawn
    enlarged = Image.fromarray(drawn.astype(np.uint8)).resize((96 * 8, 96 * 8), Image.Resampling.NEAREST)
    shifted = np.asarray(enlarged).astype(int)
    shifted[:, 3:] = shifted[:, :-3].copy()  # by less than half a pixel, so that each keeps most of its area
    return np.rint(shifted.reshape(96, 8, 96, 8).mean((1, 3))).astype(np.uint8)


def test_a_question_about_an_image_is_asked_and_its_answer_kept(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "images" / "lab_1.jpg"
    with Image.open(path) as image:
        turned = Image.Exif()
        turned[0x0112] = 6
        image.save(path, quality=95, exif=turned)
    assert main(folder_command(data, data / "out", "--arms", "labels")) == 2
    assert "--orientation" in capsys.readouterr().err
    assert main(folder_command(data, data / "out", "--arms", "labels", "--orientation", "as-stored")) == 1
    record = read_record(data / "out" / "labels" / "record.json")
    assert record["plan"]["answers"]["orientation"] == "as_stored"
    assert record["left_out"] == []
    assert Project.open(data / "out" / "labels" / "project").index.answers.image.orientation == "as_stored"


def test_bad_files_of_a_published_data_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    glas = data / "glas"
    write_pairs(glas, ["train_1", "train_2", "train_3", "train_4", "testA_1", "testA_2", "testB_1"])
    (glas / "splits").mkdir()
    (glas / "splits" / "glas_10_labeled.txt").write_text("train_1\ntrain_2\n")
    (glas / "splits" / "glas_10_val.txt").write_text("train_3\n")
    cut_short(glas / "images" / "testA_2.jpg")
    cut_short(glas / "images" / "train_2.jpg")
    (glas / "masks" / "train_4.png").write_bytes(b"")  # of an unlabelled image, whose mask is not needed
    arguments = ["--data", str(glas), "--config", str(data / "small.json"), "--out", str(data / "out"), *ENDS_AT_ONCE]
    assert main(["benchmark", "glas", *arguments]) == 1
    record = read_record(data / "out" / "record.json")
    assert record["plan"]["split"] == {"labeled": ["train_1"], "unlabeled": ["train_4"], "val": ["train_3"]}
    assert record["expected"] == {"labelled": 2, "unlabelled": 1, "validation": 1, "test": 3}
    assert "2 files could not be used:" in capsys.readouterr().err


def test_a_report_of_records_of_which_one_is_damaged(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(folder_command(data, data / "out", "--arms", "labels"))
    good, bad = data / "out" / "labels" / "record.json", data / "bad.json"
    bad.write_text("{")
    capsys.readouterr()
    assert main(["benchmark", "report", str(bad), str(good), "--out", str(data / "all.md")]) == 3
    assert "is not a benchmark record" in capsys.readouterr().err
    assert "Drawn discs" in (data / "all.md").read_text()
    assert main(["benchmark", "report", str(bad), "--out", str(data / "none.md")]) == 2
    assert not (data / "none.md").exists()


def test_left_out_images_are_exit_code_3_and_a_failed_seed_1() -> None:
    bad = [Failure("a", ImageError("a.png is empty", "an image", "copy it again"))]
    done, failed = ({"seeds": [{"status": status}]} for status in ("done", "failed"))
    assert [end([done], []), end([done], bad), end([done, failed], bad), end([failed], [])] == [0, 3, 1, 1]
