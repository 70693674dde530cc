"""The benchmark on small drawn glands: real trainings of a few steps, each in a process of its own as always."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError, ImageError, MaskError, ProjectError
from training_core.cli.main import main
from training_core.io import read_mask
from training_core.io.resolution import file_mpp_um
from training_core.measuring.accuracy import tissue
from training_core.measuring.accuracy.annotators import Annotator
from training_core.measuring.accuracy.datasets import find_dataset
from training_core.measuring.accuracy.published import ROWS
from training_core.measuring.accuracy.record import read_record
from training_core.measuring.accuracy.report import render
from training_core.measuring.accuracy.splits import departure, read_split
from training_core.project import Project

Pixels = NDArray[np.uint8]
SMALL = {
    "data": {"crop_px": 64, "labeled_batch": 2, "unlabeled_batch": 2},
    "schedule": {"steps": 3, "validate_every_steps": 3},
    "alignment": {"embedding_dim": 16},
    "runtime": {"device": "cpu", "precision": "float32"},
}
DOCS = Path(__file__).resolve().parents[3] / "docs"
SPLIT = {"labeled": ("train_1", "train_2"), "unlabeled": ("train_3", "train_4"), "val": ("train_5", "train_6")}


def glands(seed: int, size: int = 96) -> tuple[Pixels, Pixels]:
    """Two dark discs on a light ground, and their mask with the numbers 1 and 2."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    mask = np.zeros((size, size), np.uint8)
    for number, center in enumerate(((25, 25), (65, 60)), 1):
        row, column = center + rng.integers(-6, 7, 2)
        mask[np.hypot(rows - row, columns - column) < rng.integers(11, 18)] = number
    colors = np.array([(230, 215, 228), (140, 60, 130), (150, 70, 135)])
    image = colors[mask] + rng.normal(0, 12, (size, size, 1))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def write(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_pairs(names: Sequence[str], images: Path, masks: Path, *, first: int = 0) -> None:
    for seed, name in enumerate(names, first):
        image, mask = glands(seed)
        write(images / f"{name}.png", image)
        write(masks / f"{name}.png", mask)


def write_lists(data: Path, target: str = "glas", ratio: int = 10) -> None:
    (data / "splits").mkdir(parents=True, exist_ok=True)
    for kind, names in SPLIT.items():
        (data / "splits" / f"{target}_{ratio}_{kind}.txt").write_text("\n".join(names) + "\n")


def names_of(count: int, prefix: str = "train") -> list[str]:
    return [f"{prefix}_{number}" for number in range(1, count + 1)]


@pytest.fixture(autouse=True, scope="module")
def few_threads() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six training images, two test images of part A and one of part B, and the lists of a split."""
    folder = tmp_path_factory.mktemp("glas")
    write_pairs(names_of(6), folder / "images", folder / "masks")
    write_pairs(["testA_1", "testA_2", "testB_1"], folder / "test/images", folder / "test/masks", first=20)
    write_lists(folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.json"
    path.write_text(json.dumps(SMALL))
    return path


@pytest.fixture(scope="module")
def command(data: Path, small: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    out = tmp_path_factory.mktemp("out") / "record"
    return ["benchmark", "glas", "--data", str(data), "--config", str(small), "--out", str(out)]


@pytest.fixture(scope="module")
def first(command: list[str]) -> dict[str, Any]:
    """The record after one seed."""
    assert main([*command, "--seeds", "1"]) == 0
    return read_record(Path(command[-1]) / "record.json")


@pytest.fixture(scope="module")
def second(command: list[str], first: dict[str, Any]) -> dict[str, Any]:
    """The record after the same command with one seed more."""
    assert main([*command, "--seeds", "2"]) == 0
    return read_record(Path(command[-1]) / "record.json")


# --- a run and its record ---------------------------------------------------------------------------------------------


def test_a_seed_is_scored_on_test_images_their_parts_and_validation_images(first: dict[str, Any]) -> None:
    (seed,) = first["seeds"]
    assert seed["status"] == "done"
    assert {name: scores["n_images"] for name, scores in seed["scores"].items()} == {
        "test": 3, "testA": 2, "testB": 1, "validation": 2,
    }  # fmt: skip
    for scores in seed["scores"].values():
        assert 0 < scores["mJaccard"] < scores["mDice"] <= 100
        assert set(scores["per_class"]) == {"background", "gland"}
        assert 0 <= scores["expected_calibration_error"] <= 1
        assert 0 <= scores["object_f1"] <= 100
        assert scores["object_hausdorff_px"] > 0


def test_the_figures_are_those_of_evaluate(
    first: dict[str, Any], command: list[str], data: Path, tmp_path: Path
) -> None:
    run, result = str(Path(command[-1]) / first["seeds"][0]["train"]["run"]), tmp_path / "result.json"
    folders = ["--images", str(data / "test/images"), "--masks", str(data / "test/masks")]
    assert (
        main(
            ["evaluate", run, *folders, "--classes", "background=0,gland=1-255", "--mpp", "run", "--json", str(result)]
        )
        == 0
    )
    evaluated = json.loads(result.read_text())
    scores = first["seeds"][0]["scores"]["test"]
    for key in ("mDice", "mJaccard", "per_class", "confusion", "n_images"):
        assert scores[key] == evaluated[key], key


def test_a_record_names_the_run_by_its_place_beside_it(first: dict[str, Any], command: list[str]) -> None:
    run = first["seeds"][0]["train"]["run"]
    assert run.startswith("project/runs/")
    assert (Path(command[-1]) / run / "summary.json").is_file()


def test_provenance(first: dict[str, Any], data: Path) -> None:
    seed, plan = first["seeds"][0], first["plan"]
    assert plan["split"] == {kind: list(names) for kind, names in SPLIT.items()}
    assert plan["settings"]["schedule"]["steps"] == 3
    assert seed["train"]["settings"]["seed"] == 0
    assert seed["train"]["steps"] == 3
    assert seed["train"]["peak_rss_bytes"] > 100e6
    assert seed["train"]["wall_s"] > seed["train"]["seconds"] > 0
    assert {"torch", "timm", "numpy", "scipy", "napari-unisemalign"} <= set(seed["environment"]["versions"])
    assert seed["environment"]["machine"]["processor"]
    assert seed["environment"]["threads"]["OMP_NUM_THREADS"] == "1"
    git = ["git", "-C", str(DOCS.parent), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    assert seed["environment"]["git"]["commit"] == commit
    assert [entry["name"] for entry in first["files"]["train"]] == names_of(6)
    assert all(len(entry["mask_sha256"]) == 64 for entry in first["files"]["test"])
    assert first["command"].startswith("python -m training_core benchmark glas --data ")
    assert "not the published experiment" in first["notes"][0]


def test_a_finished_seed_is_not_run_again(first: dict[str, Any], second: dict[str, Any], command: list[str]) -> None:
    assert [entry["seed"] for entry in second["seeds"]] == [0, 1]
    assert second["seeds"][0] == first["seeds"][0]
    runs = Path(command[-1]) / "project" / "runs"
    assert len(list(runs.iterdir())) == 2
    before = (Path(command[-1]) / "record.json").read_text()
    assert main([*command, "--seeds", "2"]) == 0
    assert len(list(runs.iterdir())) == 2
    assert (Path(command[-1]) / "record.json").read_text() == before


def test_the_summary_is_the_mean_and_sample_standard_deviation(second: dict[str, Any]) -> None:
    values = [entry["scores"]["test"]["mDice"] for entry in second["seeds"]]
    assert values[0] != values[1]
    summary = second["summary"]["sets"]["test"]["mDice"]
    assert summary["mean"] == pytest.approx(np.mean(values))
    assert summary["sd"] == pytest.approx(np.std(values, ddof=1))
    assert second["summary"]["n_seeds"] == 2
    assert second["command"].endswith("--seeds 2")
    seconds = [entry["train"]["seconds"] for entry in second["seeds"]]
    assert second["summary"]["training_s"]["mean"] == pytest.approx(np.mean(seconds))


def test_a_trained_seed_is_only_scored_after_an_interruption(
    second: dict[str, Any], command: list[str], tmp_path: Path
) -> None:
    """As if the machine had gone down between training and scoring."""
    out = tmp_path / "out"
    shutil.copytree(command[-1], out)
    record = read_record(out / "record.json")
    scores = record["seeds"][1].pop("scores")
    record["seeds"][1]["status"] = "trained"
    (out / "record.json").write_text(json.dumps(record))
    assert main([*command[:-1], str(out), "--seeds", "2"]) == 0
    again = read_record(out / "record.json")
    assert len(list((out / "project" / "runs").iterdir())) == 2
    for name, figures in again["seeds"][1]["scores"].items():
        assert figures["mDice"] == scores[name]["mDice"]


def test_a_seed_that_fails_costs_the_others_nothing(second: dict[str, Any], command: list[str], tmp_path: Path) -> None:
    """The third seed meets a damaged project."""
    out = tmp_path / "out"
    shutil.copytree(command[-1], out)
    (out / "project" / "project.json").write_text("{")
    assert main([*command[:-1], str(out), "--seeds", "3"]) == 1
    record = read_record(out / "record.json")
    assert record["seeds"][:2] == second["seeds"]
    assert record["seeds"][2]["status"] == "failed"
    assert "project.json" in record["seeds"][2]["error"]
    assert record["summary"] == second["summary"]


def test_only_what_an_annotator_paints_is_trained_on(command: list[str], data: Path, tmp_path: Path) -> None:
    """As the project and the record say it; the training itself is refused, for it has no 50 tiles."""
    out = tmp_path / "out"
    more = ["--strokes", "dots", "--strokes-seed", "2", "--seeds", "1", "--set", "data.min_labeled_tiles=50"]
    assert main([*command[:-1], str(out), *more]) == 1
    record = read_record(out / "record.json")
    assert record["plan"]["strokes"] == {"habit": "dots", "seed": 2}
    masks = {name: (read_mask(data / "masks" / f"{name}.png") > 0).astype(np.uint8) for name in SPLIT["labeled"]}
    expected = Annotator("dots", 2).paint(masks)
    project = Project.open(out / "project")
    for name, painted in expected.items():
        assert np.array_equal(project.label(name), painted)
    for name in SPLIT["val"]:
        assert (project.label(name) != UNLABELED).all()
    share = np.mean([painted != UNLABELED for painted in expected.values()])
    assert 0.01 < share < 0.5
    assert record["annotation"]["labeled_share"] == pytest.approx(share)
    assert f"dots, seed 2, {100 * share:.2f} % of their pixels" in (out / "record.md").read_text()


def test_another_plan_does_not_touch_the_record(
    second: dict[str, Any], command: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (Path(command[-1]) / "record.json").read_bytes()
    assert main([*command, "--seeds", "2", "--set", "schedule.steps=4"]) == 2
    assert "different settings" in capsys.readouterr().err
    assert (Path(command[-1]) / "record.json").read_bytes() == before


def test_a_folder_with_other_things_is_refused(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main([*command[:-1], str(tmp_path), "--overwrite"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.nightly
def test_failed_seeds_are_recorded_and_overwritten_when_asked(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert main([*command[:-1], out, "--seeds", "2", "--set", "data.min_labeled_tiles=50"]) == 1
    record = read_record(tmp_path / "out" / "record.json")
    assert [entry["status"] for entry in record["seeds"]] == ["failed", "failed"]
    assert "at least 50 annotated tiles" in record["seeds"][1]["error"]
    assert record["summary"] == {}
    assert "seed 0 failed" in (tmp_path / "out" / "record.md").read_text()
    assert "Seed 1 failed" in capsys.readouterr().err
    assert main([*command[:-1], out, "--seeds", "1", "--overwrite"]) == 0
    assert [entry["status"] for entry in read_record(tmp_path / "out" / "record.json")["seeds"]] == ["done"]


def test_no_test_images_and_every_image_labelled(small: Path, tmp_path: Path) -> None:
    """CRAG's own layout without its valid folder; ratio 100 uses no unlabelled images."""
    write_pairs(names_of(9), tmp_path / "crag/train/Images", tmp_path / "crag/train/Annotation")
    out = tmp_path / "out"
    arguments = ["--data", str(tmp_path / "crag"), "--ratio", "100", "--seeds", "1", "--config", str(small)]
    assert main(["benchmark", "crag", *arguments, "--out", str(out)]) == 0
    record = read_record(out / "record.json")
    assert record["plan"]["supervised_only"] is True
    assert record["plan"]["settings"]["pseudo_label"]["enabled"] is False
    assert {kind: len(names) for kind, names in record["plan"]["split"].items()} == {
        "labeled": 8, "unlabeled": 0, "val": 1,
    }  # fmt: skip
    assert "drawn with seed 0" in record["split_source"]
    assert any("no test images" in note for note in record["notes"])
    assert set(record["seeds"][0]["scores"]) == {"validation"}
    text = (out / "record.md").read_text()
    assert "None of these records has test images" in text
    assert "92.68" in text


@pytest.mark.nightly
def test_demo_tissue_by_the_same_protocol(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in {"N_TRAIN": 10, "N_VAL": 1, "N_TEST": 2}.items():
        monkeypatch.setattr(tissue, name, count)
    out = tmp_path / "out"
    assert main(["benchmark", "demo", "--ratio", "20", "--seeds", "1", "--config", str(small), "--out", str(out)]) == 0
    record = read_record(out / "record.json")
    assert record["plan"]["split"]["labeled"] == ["train_01", "train_02"]
    assert len(record["plan"]["split"]["unlabeled"]) == 8
    scores = record["seeds"][0]["scores"]
    assert (scores["test"]["n_images"], scores["validation"]["n_images"]) == (2, 1)
    names = {c["name"] for c in record["classes"]}
    assert set(scores["test"]["per_class"]) | set(scores["test"]["absent_classes"]) == names
    drawn = {path.name: path.read_bytes() for path in (out / "data" / "images").iterdir()}
    assert len(set(drawn.values())) == 13  # no tile of one set is in another
    assert len(names) == 7
    stated = {file_mpp_um(path) for path in (out / "data" / "images").iterdir()}
    assert {round(mpp or 0, 3) for mpp in stated} == {0.25, 0.5}  # which the run has to bring together


# --- reports ----------------------------------------------------------------------------------------------------------


def test_report_of_several_records(second: dict[str, Any], command: list[str], tmp_path: Path) -> None:
    floor = json.loads(json.dumps(second))
    floor["label"], floor["plan"]["supervised_only"], floor["command"] = "the floor", True, "python -m floor"
    other = tmp_path / "floor.json"
    other.write_text(json.dumps(floor))
    document = tmp_path / "docs" / "results.md"
    records = [str(Path(command[-1]) / "record.json"), str(other)]
    assert main(["benchmark", "report", *records, "--out", str(document), "--title", "Both"]) == 0
    text = document.read_text()
    assert text.startswith("# Both\n\nWritten by ")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert sum("UniSemAlign, UNI [1]" in line for line in lines) == 2  # 10 % and 20 %
    assert [line for line in lines if "CRAG" in line] == []
    mean = second["summary"]["sets"]["test"]["mDice"]
    assert f"{mean['mean']:.2f} ± {mean['sd']:.2f}" in text
    assert text.index("**1. the floor**") < text.index(f"**2. {second['label']}**") < text.index("| 20 % |")
    assert "`python -m floor`" in text
    assert second["command"] in text
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert sum(map(len, tables)) == len(lines)
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)  # every row has every column


def test_the_report_has_the_other_measures_of_objects(second: dict[str, Any]) -> None:
    record = copy.deepcopy(second)
    figures = record["summary"]["sets"]["test"]
    measures = ("detection_f1", "detection_f1_any_class", "panoptic_quality", "aggregated_jaccard")
    for value, key in enumerate(measures, 40):
        assert key in figures  # as it was scored
        figures[key] = {"mean": value, "sd": 1.5, "n": 2}
    part = render([record]).partition("### Objects")[2].partition("\n### ")[0]
    (line,) = [line for line in part.splitlines() if line.startswith(f"| 1. {record['label']} | test |")]
    assert line.count(" ± 1.50") == 4
    assert [float(cell.split()[0]) for cell in line.strip("| ").split(" | ")[2:]] == [40, 41, 42, 43]
    for each in record["summary"]["sets"].values():
        each.pop("detection_f1", None)  # an earlier version's
    assert "### Objects" not in render([record])


def confusion_lines(text: str) -> list[list[str]]:
    """The cells of the report's confusion matrices, without the head."""
    table = text.partition("### Confusion matrix")[2].partition("\n### ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return rows[2:]


def test_the_report_has_a_confusion_matrix_in_percent_of_the_mask_s_class(second: dict[str, Any]) -> None:
    """Of two seeds: 100 px of gland each, 20 and 40 of them called background."""
    record = copy.deepcopy(second)
    for seed, wrong in zip(record["seeds"], (20, 40), strict=True):
        assert set(seed["scores"]["test"]["confusion"]) == {"background", "gland"}  # as it was scored
        seed["scores"]["test"]["confusion"] = {
            "background": {"background": 900, "gland": 0}, "gland": {"background": wrong, "gland": 100 - wrong},
        }  # fmt: skip
    label = f"1. {record['label']}"
    assert confusion_lines(render([record])) == [
        [label, "test", "background", "100.00 ± 0.00", "0.00 ± 0.00"],
        [label, "test", "gland", "30.00 ± 14.14", "70.00 ± 14.14"],  # sd of 20 and 40: 20 / sqrt(2)
    ]
    for seed in record["seeds"]:
        seed["scores"]["test"]["confusion"]["gland"] = {"background": 0, "gland": 0}
    assert confusion_lines(render([record]))[1] == [label, "test", "gland", "no pixel", "no pixel"]


def test_records_of_an_earlier_version_have_no_confusion_matrix_and_are_named(second: dict[str, Any]) -> None:
    earlier = copy.deepcopy(second)
    earlier["label"] = "the earlier one"
    for seed in earlier["seeds"]:
        del seed["scores"]["test"]["confusion"]
    assert "Confusion matrix" not in render([earlier])
    text = render([second, earlier])
    assert len(confusion_lines(text)) == 2
    assert "Scored by an earlier version, which counted none: 2. the earlier one." in text


def test_every_published_row_is_in_the_report(second: dict[str, Any]) -> None:
    text = render([second])
    for row in ROWS:
        assert (f"| {row.mdice:.2f} | {row.mjaccard:.2f} |" in text) == (row.target == "glas")


@pytest.mark.parametrize("path", sorted(DOCS.glob("results*.md")), ids=lambda path: path.name)
def test_documented_results_have_the_words_of_the_report(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = text.partition("\n")[0].removeprefix("# ")
    assert text.startswith(render([], title))


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(ConfigError, match="not a benchmark record"):
        read_record(path)
    path.write_text('{"spec_version": 99, "plan": {}}')
    with pytest.raises(ConfigError, match="newer version"):
        read_record(path)


# --- data sets --------------------------------------------------------------------------------------------------------


def test_glas_as_published(tmp_path: Path) -> None:
    """Everything in one folder, as .bmp with .._anno.bmp, a table beside it."""
    folder = tmp_path / "Warwick QU Dataset (Released 2016_07_08)"
    for seed, name in enumerate([*names_of(3), "testA_1", "testB_1"]):
        image, mask = glands(seed)
        write(folder / f"{name}.bmp", image)
        write(folder / f"{name}_anno.bmp", mask)
    (folder / "Grade.csv").write_text("name, grade\n")
    for where in (tmp_path, folder):
        dataset = find_dataset("glas", where)
        assert [item.name for item in dataset.train] == names_of(3)
        assert [item.name for item in dataset.test] == ["testA_1", "testB_1"]
        assert dataset.train[0].mask == folder / "train_1_anno.bmp"
        assert dataset.mpp_um == pytest.approx(0.62)


def test_crag_as_published(tmp_path: Path) -> None:
    write_pairs(names_of(2), tmp_path / "train/Images", tmp_path / "train/Annotation")
    write_pairs(names_of(2, "valid"), tmp_path / "valid/Images", tmp_path / "valid/Annotation")
    dataset = find_dataset("crag", tmp_path)
    assert [item.name for item in dataset.train] == names_of(2)
    assert [item.name for item in dataset.test] == names_of(2, "valid")


def test_test_images_of_another_folder(tmp_path: Path, data: Path) -> None:
    write_pairs(["elsewhere"], tmp_path / "images", tmp_path / "masks")
    assert [item.name for item in find_dataset("glas", data, tmp_path).test] == ["elsewhere"]
    assert len(find_dataset("glas", data).test) == 3


def test_an_unlabelled_image_needs_no_mask_and_a_test_image_does(tmp_path: Path) -> None:
    write_pairs(names_of(2), tmp_path / "images", tmp_path / "masks")
    (tmp_path / "masks" / "train_2.png").unlink()
    assert find_dataset("glas", tmp_path).train[1].mask is None
    write_pairs(["testA_1"], tmp_path / "images", tmp_path / "elsewhere")
    with pytest.raises(MaskError, match="testA_1"):
        find_dataset("glas", tmp_path)


def test_folders_without_a_known_layout(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no folder"):
        find_dataset("glas", tmp_path / "nowhere")
    write(tmp_path / "train_1.png", glands(0)[0])
    with pytest.raises(ImageError, match="no images and masks in a known layout"):
        find_dataset("glas", tmp_path)


# --- splits -----------------------------------------------------------------------------------------------------------


def test_lists_of_the_split(tmp_path: Path) -> None:
    write_lists(tmp_path)
    split, source = read_split("glas", names_of(8), tmp_path, 10)
    assert (split.labeled, split.unlabeled, split.val) == (SPLIT["labeled"], SPLIT["unlabeled"], SPLIT["val"])
    assert "glas_10" in source
    (tmp_path / "splits" / "glas_10_unlabeled.txt").unlink()
    split, _ = read_split("glas", names_of(8), tmp_path, 10)
    assert split.unlabeled == ("train_3", "train_4", "train_7", "train_8")
    split, _ = read_split("glas", names_of(8), tmp_path, 100)
    assert (split.val, split.unlabeled, len(split.labeled)) == (SPLIT["val"], (), 6)


def test_missing_lists_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"glas_20_labeled\.txt and glas_20_val\.txt"):
        read_split("glas", names_of(8), tmp_path, 20)
    with pytest.raises(ProjectError, match=r"glas_10_val\.txt"):
        read_split("glas", names_of(8), tmp_path, 100)


def test_lists_that_overlap_or_name_unknown_images(tmp_path: Path) -> None:
    write_lists(tmp_path)
    (tmp_path / "splits" / "glas_10_labeled.txt").write_text("train_1.png\ntrain_5\n")
    with pytest.raises(ProjectError, match="train_5 in two"):
        read_split("glas", names_of(8), tmp_path, 10)
    with pytest.raises(ProjectError, match="train_5, train_6"):
        read_split("glas", names_of(4), tmp_path, 10)


@pytest.mark.parametrize(("ratio", "sizes"), [(10, (16, 137, 20)), (20, (31, 122, 20)), (100, (153, 0, 20))])
def test_crag_is_drawn_in_the_published_sizes(tmp_path: Path, ratio: int, sizes: tuple[int, int, int]) -> None:
    names = names_of(173)
    split, source = read_split("crag", names, tmp_path, ratio)
    assert (len(split.labeled), len(split.unlabeled), len(split.val)) == sizes
    assert sorted([*split.labeled, *split.unlabeled, *split.val]) == sorted(names)
    assert departure("crag", ratio, split) is None
    assert "drawn" in source
    assert read_split("crag", names[::-1], tmp_path, ratio)[0] == split
    assert read_split("crag", names, tmp_path, 10)[0].val == split.val


def test_the_published_glas_split(shared_dir: Path) -> None:
    data = shared_dir / "data" / "glas"
    dataset = find_dataset("glas", data)
    assert len(dataset.train) == 85
    names = [item.name for item in dataset.train]
    for ratio in (10, 20):
        split, _ = read_split("glas", names, data, ratio)
        assert departure("glas", ratio, split) is None
    assert len(read_split("glas", names, data, 100)[0].labeled) == 73
