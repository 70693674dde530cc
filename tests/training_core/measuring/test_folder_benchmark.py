"""`benchmark folder` on small synthetic tissue: three arms of a few steps on a fold, with a simulated annotator."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, MaskError, ProjectError
from training_core.cli.main import main
from training_core.measuring.accuracy.comparison import comparisons, gap_closed
from training_core.measuring.accuracy.dataset_file import Draw, parse_dataset
from training_core.measuring.accuracy.draws import draw_split
from training_core.measuring.accuracy.folder import folder_dataset
from training_core.measuring.accuracy.record import Record, read_record, summarize
from training_core.measuring.accuracy.report import render
from training_core.project import Project

ARMS = ("labels", "unlabelled", "all")
SMALL = {
    "data": {"crop_px": 64, "labeled_batch": 2, "unlabeled_batch": 2},
    "schedule": {"steps": 3, "validate_every_steps": 3},
    "alignment": {"embedding_dim": 16},
    "inference": {"views": 1},
    "runtime": {"device": "cpu", "precision": "float32"},
}
DATASET: dict[str, Any] = {
    "name": "Drawn discs",
    "mpp_um": 0.5,
    "classes": [
        {"name": "rest", "values": [0]},
        {"name": "small", "values": [10], "made_of_objects": True},
        {"name": "large", "values": [20], "made_of_objects": True},
    ],
    "unlabeled_values": [99],
    "judged": ["small", "large"],
    "draw": {"labeled": 2, "val": 2, "folds": 3, "group": "^case.."},
}
NAMES = [f"case{case}-{stain}" for case in range(10, 15) for stain in ("a", "b")]


def discs(seed: int, size: int = 96) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A small and a large dark disc on a light ground, and their mask; its last row is not annotated."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    mask = np.zeros((size, size), np.uint8)
    for value, radius, center in ((10, 13, (25, 25)), (20, 22, (62, 62))):
        row, column = center + rng.integers(-5, 6, 2)
        mask[np.hypot(rows - row, columns - column) < radius] = value
    colors = np.array([(230, 215, 228), (140, 60, 130), (90, 150, 110)])
    image = np.clip(colors[mask // 10] + rng.normal(0, 10, (size, size, 1)), 0, 255).astype(np.uint8)
    mask[-1] = 99
    return image, mask


def write_pairs(folder: Path, names: Sequence[str]) -> None:
    """JPEG images with PNG masks."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        image, mask = discs(seed)
        Image.fromarray(image).save(folder / "images" / f"{name}.jpg", quality=95)
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")


@pytest.fixture(autouse=True, scope="module")
def one_thread_each() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    write_pairs(folder, NAMES)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(DATASET))
    (folder / "small.json").write_text(json.dumps(SMALL))
    return folder


@pytest.fixture(scope="module")
def out(data: Path) -> Path:
    return data / "out"


@pytest.fixture(scope="module")
def command(data: Path, out: Path) -> list[str]:
    config = ["--config", str(data / "small.json"), "--seeds", "1", "--out", str(out)]
    return ["benchmark", "folder", "--data", str(data), "--fold", "1", "--strokes", "object", *config]


@pytest.fixture(scope="module")
def records(command: list[str], out: Path) -> dict[str, Record]:
    """The records of the three arms."""
    assert main(command) == 0
    return {arm: read_record(out / arm / "record.json") for arm in ARMS}


# --- the command ------------------------------------------------------------------------------------------------------


def test_three_arms_on_the_same_data(records: dict[str, Record]) -> None:
    splits = {arm: record["plan"]["split"] for arm, record in records.items()}
    assert splits["labels"] == splits["unlabelled"]
    for arm, split in splits.items():
        tested = [entry["name"] for entry in records[arm]["files"]["test"]]
        assert sorted([*tested, *split["labeled"], *split["unlabeled"], *split["val"]]) == NAMES
        assert len(split["val"]) == 2
        assert split["val"] == splits["all"]["val"]
    assert len(splits["labels"]["labeled"]) == 2
    assert splits["all"]["unlabeled"] == []
    enabled = {arm: record["plan"]["settings"]["pseudo_label"]["enabled"] for arm, record in records.items()}
    assert enabled == {"labels": False, "unlabelled": True, "all": False}
    assert all("fold 1 of 3" in record["split_source"] for record in records.values())


def test_only_strokes_are_trained_on_and_the_record_says_how_many(records: dict[str, Record], out: Path) -> None:
    """Habit object: of each disc, all; of the ground, some."""
    for arm in ("labels", "unlabelled"):
        project = Project.open(out / arm / "project")
        labels = [project.label(name) for name in records[arm]["plan"]["split"]["labeled"]]
        annotation = records[arm]["annotation"]
        assert (annotation["habit"], annotation["seed"]) == ("object", 0)
        painted = sum(int((label != UNLABELED).sum()) for label in labels)
        assert annotation["labeled_share"] == pytest.approx(painted / (2 * 96 * 96))
        for name, label in zip(records[arm]["plan"]["split"]["labeled"], labels, strict=True):
            _, mask = discs(NAMES.index(name))
            assert np.array_equal(label == 1, mask == 10)
            assert np.array_equal(label == 2, mask == 20)
        assert annotation["images_by_class"] == {"rest": 2, "small": 2, "large": 2}
        for name in records[arm]["plan"]["split"]["val"]:
            assert (project.label(name) != UNLABELED).mean() == pytest.approx(95 / 96)
    assert records["all"]["annotation"]["habit"] is None
    assert records["all"]["annotation"]["labeled_share"] == pytest.approx(95 / 96)


def test_scores_by_class_image_and_distance(records: dict[str, Record]) -> None:
    for arm, record in records.items():
        (entry,) = record["seeds"]
        scores = entry["scores"]["test"]
        n_images = len(record["files"]["test"])
        assert {name: each["n_images"] for name, each in scores["per_image"].items()} == dict.fromkeys(
            ("rest", "small", "large"), n_images
        )
        judged = [scores["per_class"][name]["dice"] for name in ("small", "large")]
        assert scores["judged_dice"] == pytest.approx(np.mean(judged))
        counts = scores["confusion"]
        truth = {name: sum(row.values()) for name, row in counts.items()}
        assert sum(truth.values()) == n_images * 95 * 96  # the last row is not annotated
        errors = scores["errors_by_border_distance"]["classes"]
        assert {name: sum(each["pixels"]) for name, each in errors.items()} == truth
        assert {name: sum(each["wrong"]) for name, each in errors.items()} == {
            name: truth[name] - row[name] for name, row in counts.items()
        }
        assert ("unpainted" in entry) == (arm != "all")
    unpainted = records["labels"]["seeds"][0]["unpainted"]
    assert unpainted["n_images"] == 2
    for kind in ("border", "stroke"):
        classes = unpainted[f"errors_by_{kind}_distance"]["classes"]
        assert sum(classes["small"]["pixels"]) == sum(classes["large"]["pixels"]) == 0  # they were filled
        rest = sum(classes["rest"]["pixels"])
        assert rest == 2 * 95 * 96 - sum(records["labels"]["annotation"]["pixels_by_class"].values())


def test_objects_of_each_class_are_scored(records: dict[str, Record], data: Path) -> None:
    """Perfect for a prediction that is the truth: both classes are made of objects."""
    assert records["labels"]["classes"][1]["made_of_objects"] is True
    assert records["labels"]["seeds"][0]["scores"]["test"]["object_f1"] is not None
    dataset, _ = folder_dataset(parse_dataset(DATASET, "x"), data, 0)
    assert dataset.object_classes == {1: False, 2: False}


def test_the_comparison(records: dict[str, Record], out: Path) -> None:
    text = (out / "comparison.md").read_text()
    means = {arm: record["summary"]["sets"]["test"]["judged_dice"]["mean"] for arm, record in records.items()}
    (line,) = [line for line in text.splitlines() if line.startswith("| **mean of small, large**")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:4] == [f"{means[arm]:.2f}" for arm in ARMS]
    share = gap_closed(*(means[arm] for arm in ARMS))
    assert cells[4] == ("no gap" if share is None else f"{100 * share:.0f} %")
    assert "#### fold 1, object (seed 0)" in text
    assert "| small (in " in text
    assert text.count("simulated annotator: object, seed 0") == 2


def test_the_same_command_again_does_nothing(command: list[str], records: dict[str, Record], out: Path) -> None:
    before = {path: path.read_bytes() for path in out.glob("*/record.json")}
    assert main(command) == 0
    assert {path: path.read_bytes() for path in out.glob("*/record.json")} == before
    assert len(list(out.glob("*/project/runs/*"))) == len(ARMS)
    assert len(records) == len(ARMS)


@pytest.mark.parametrize(
    ("changes", "different"),
    [(["--strokes-seed", "1"], "strokes"), (["--fold", "0"], "split"), (["--set", "schedule.steps=4"], "settings")],
)
def test_another_plan_does_not_touch_the_records(
    command: list[str],
    records: dict[str, Record],
    capsys: pytest.CaptureFixture[str],
    changes: list[str],
    different: str,
) -> None:
    assert main([*command, *changes]) == 2
    assert different in capsys.readouterr().err
    assert len(records) == len(ARMS)


def test_an_image_without_a_mask(data: Path, tmp_path: Path) -> None:
    """It may be unlabelled, and cannot be labelled like all others."""
    write_pairs(tmp_path, NAMES)
    for name in ("labeled", "val", "test"):
        (tmp_path / f"{name}.txt").write_text({"labeled": NAMES[0], "val": NAMES[1], "test": NAMES[2]}[name])
    (tmp_path / "masks" / f"{NAMES[5]}.png").unlink()
    lists = {name: f"{name}.txt" for name in ("labeled", "val", "test")}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({**DATASET, "lists": lists}))
    dataset, drawn = folder_dataset(parse_dataset({**DATASET, "lists": lists}, "x"), tmp_path)
    assert drawn.split.unlabeled == tuple(NAMES[3:])
    assert [item.name for item in dataset.test] == [NAMES[2]]
    assert NAMES[5] == "case12-b"
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--config", str(data / "small.json")]
    assert main(["benchmark", "folder", *arguments]) == 2
    assert not (tmp_path / "out").exists()


# --- data sets --------------------------------------------------------------------------------------------------------


def described(**changes: Any) -> Any:
    return parse_dataset({**DATASET, **changes}, "x")


def test_test_images_elsewhere_and_folds_of_those_here(data: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path, ["other1", "other2"])
    elsewhere = {"test_images": str(tmp_path / "images"), "test_masks": str(tmp_path / "masks")}
    dataset, drawn = folder_dataset(described(**elsewhere), data)
    assert [item.name for item in dataset.test] == ["other1", "other2"]
    assert len(dataset.train) == 10
    assert "fold" not in drawn.source
    dataset, drawn = folder_dataset(described(**elsewhere), data, 2)
    assert [item.name for item in dataset.test] == list(drawn.test)
    assert len(dataset.train) == 10 - len(drawn.test)


def test_lists_and_images_that_are_in_none(data: Path) -> None:
    files = {"labeled": NAMES[:2], "val": NAMES[2:4], "test": NAMES[4:6], "unlabeled": NAMES[6:8]}
    for name, members in files.items():
        (data / f"{name}.txt").write_text("\n".join(f"{member}.jpg" for member in members))
    lists = {name: f"{name}.txt" for name in files}
    _, drawn = folder_dataset(described(lists=lists), data)
    assert drawn.split.unlabeled == tuple(NAMES[6:8])
    assert drawn.notes == ("2 images of the folder are in no list and were not used.",)
    _, drawn = folder_dataset(described(lists={**lists, "unlabeled": None}), data)
    assert drawn.split.unlabeled == tuple(NAMES[6:])
    with pytest.raises(ProjectError, match="case10-a in two"):
        folder_dataset(described(lists={**lists, "val": "labeled.txt"}), data)
    with pytest.raises(ProjectError, match=r"nothing\.txt cannot be read"):
        folder_dataset(described(lists={**lists, "val": "nothing.txt"}), data)


def test_masks_that_are_missing(tmp_path: Path) -> None:
    write_pairs(tmp_path, NAMES)
    for path in (tmp_path / "masks").glob("case10*"):
        path.unlink()
    draw = DATASET["draw"]
    fold = next(k for k in range(3) if NAMES[0] in draw_split(NAMES, Draw(**draw), k).test)
    with pytest.raises(MaskError, match=r"case10-a\.jpg is a test image without a mask"):
        folder_dataset(described(), tmp_path, fold)


def test_classes_and_values(data: Path) -> None:
    dataset, _ = folder_dataset(described(), data, 0)
    assert dict(dataset.mask_values) == {"0": 0, "10": 1, "20": 2, "99": UNLABELED}
    assert dataset.judged == (1, 2)
    assert [c.name for c in dataset.classes] == ["rest", "small", "large"]
    assert len({c.color for c in dataset.classes}) == 3
    numbered = [DATASET["classes"][0], {"name": "disc", "numbered": [10, 20], "color": "#112233"}]
    dataset, _ = folder_dataset(described(classes=numbered, judged=["disc"]), data, 0)
    assert dataset.object_classes == {1: True}
    assert dataset.classes[1].color == "#112233"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "neither --data nor --dataset"),
        (["--data", "DATA"], "no fold is given"),
        (["--data", "DATA", "--fold", "3"], "one of the folds 0 to 2"),
        (["--data", "DATA", "--fold", "0", "--set", "pseudo_label.enabled=false"], "the arm decides it"),
        (["--data", "DATA", "--fold", "0", "--strokes-seed", "1"], "without --strokes"),
        (["--data", "DATA/images"], "there is no file"),
        (["--data", "DATA", "--fold", "0", "--arms", "some"], "invalid choice"),
    ],
)
def test_what_the_command_line_lacks(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    given = [each.replace("DATA", str(data)) for each in arguments]
    assert main(["benchmark", "folder", *given, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_with_other_things_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["benchmark", "folder", "--data", str(data), "--fold", "0", "--out", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# --- comparisons ------------------------------------------------------------------------------------------------------


def scored(record: Record, figures: Sequence[float], **plan: Any) -> Record:
    """The record with as many seeds as there are figures, each the Dice of both judged classes on the test images."""
    made = copy.deepcopy(record)
    entry = made["seeds"][0]
    made["plan"].update(plan)
    made["seeds"] = []
    for seed, value in enumerate(figures):
        each = copy.deepcopy(entry)
        each["seed"] = seed
        test = each["scores"]["test"]
        test["judged_dice"] = value
        for name in ("small", "large"):
            test["per_class"][name]["dice"] = value
        made["seeds"].append(each)
    made["summary"] = summarize(made)
    return made


def row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_share_of_the_gap(records: dict[str, Record]) -> None:
    """60 to 80 with the unlabelled at 70: half. Seed 1 alone: 62 to 78 with 74 is three quarters."""
    figures = {"labels": (58.0, 62.0), "unlabelled": (66.0, 74.0), "all": (82.0, 78.0)}
    text = render([scored(records[arm], values) for arm, values in figures.items()])
    assert row(text, "**mean of small, large**") == ["60.00 ± 2.83", "70.00 ± 5.66", "80.00 ± 2.83", "50 %"]
    assert row(text, "seed 0") == ["58.00", "66.00", "82.00", "33 %"]
    assert row(text, "seed 1") == ["62.00", "74.00", "78.00", "75 %"]
    assert gap_closed(60, 55, 80) == -0.25
    assert gap_closed(60, 65, 60) is None
    text = render([scored(records[arm], (value,)) for arm, value in zip(ARMS, (60, 65, 59), strict=True)])
    assert row(text, "**mean of small, large**")[-1] == "no gap"


def test_dice_of_the_pixels_of_all_seeds(records: dict[str, Record]) -> None:
    """Two seeds find 50 of 100 px and 100 of 100 px of each class: 2 * 150 / (200 + 150), not the mean of the two."""
    record = scored(records["labels"], (100 * 2 / 3, 100.0))
    for entry, found in zip(record["seeds"], (50, 100), strict=True):
        entry["scores"]["test"]["confusion"] = {
            "rest": {"rest": 1000, "small": 0, "large": 0},
            "small": {"rest": 100 - found, "small": found, "large": 0},
            "large": {"rest": 100 - found, "small": 0, "large": found},
        }
    record["summary"] = summarize(record)
    assert record["summary"]["sets"]["test"]["dice_pooled_over_seeds"]["small"] == pytest.approx(100 * 300 / 350)
    assert row(render([record]), "the same, pixels of all seeds pooled")[0] == "85.71"


def test_the_mean_over_folds(records: dict[str, Record]) -> None:
    figures = {0: (60.0, 66.0, 70.0), 2: (70.0, 74.0, 80.0)}
    made = [
        scored(records[arm], (value,), fold=fold)
        for fold, values in figures.items()
        for arm, value in zip(ARMS, values, strict=True)
    ]
    text = render(made)
    over = text.partition("#### Folds 0, 2")[2].partition("###")[0]
    assert row(over, "**mean of small, large**") == ["65.00 ± 7.07", "70.00 ± 5.66", "75.00 ± 7.07", "50 %"]
    over = render(made[:-1]).partition("#### Folds 0, 2")[2].partition("###")[0]
    assert row(over, "**mean of small, large**") == ["65.00 ± 7.07", "70.00 ± 5.66", "", ""]


def test_only_what_belongs_together_is_compared(records: dict[str, Record]) -> None:
    """Another annotator is another comparison, with the same full masks; other settings stand alone."""
    other = copy.deepcopy(records["labels"])
    other["plan"]["strokes"] = {"habit": "dots", "seed": 0}
    longer = copy.deepcopy(records["unlabelled"])
    longer["plan"]["settings"]["schedule"]["steps"] = 9
    found = comparisons([*records.values(), other, longer])
    assert [sorted(each.arms) for each in found] == [sorted(ARMS), ["all", "labels"], ["unlabelled"]]
    assert [each.title for each in found] == [
        "fold 1, object (seed 0)",
        "fold 1, dots (seed 0)",
        "fold 1, object (seed 0)",
    ]
    assert comparisons([]) == []


def test_a_class_that_no_labelled_image_has_is_noted(data: Path, tmp_path: Path) -> None:
    """Nothing is trained: too few labelled tiles are an error, which the record holds beside the note."""
    write_pairs(tmp_path, NAMES)
    classes = [*DATASET["classes"], {"name": "rare", "values": [7]}]
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({**DATASET, "classes": classes}))
    arguments = ["--data", str(tmp_path), "--fold", "0", "--arms", "labels", "--config", str(data / "small.json")]
    more = ["--set", "data.min_labeled_tiles=50", "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(["benchmark", "folder", *arguments, *more]) == 1
    record = read_record(tmp_path / "out" / "labels" / "record.json")
    assert "No labelled image has a pixel of rare: it cannot be learned." in record["notes"]
    assert "No seed has finished" in (tmp_path / "out" / "comparison.md").read_text()


def test_two_classes_of_one_name(data: Path) -> None:
    with pytest.raises((ConfigError, ProjectError), match="two classes named"):
        folder_dataset(described(classes=[{"name": "rest", "values": [0]}, {"name": "Rest", "values": [10]}],
                                 judged=None), data, 0)  # fmt: skip
