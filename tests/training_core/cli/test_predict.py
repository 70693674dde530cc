"""`predict` on slides and large images, and its images shared out over processes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import torch.nn.functional as F
import zarr
from PIL import Image
from scipy import ndimage

from tests.cases.dicom_slides import write_dicom
from tests.cases.ome_zarr_images import RGB_CHANNELS, write_ome_zarr
from tests.cases.web_server import serving
from training_core.base.arrays import UNLABELED
from training_core.base.errors import ConfigError
from training_core.base.torchrun import rank_and_size
from training_core.class_maps.clean_up import CleanUp, clean_up
from training_core.class_maps.object_readout import ObjectReadout, separate
from training_core.class_maps.tile_result import Branch
from training_core.cli import _predict_image, predict
from training_core.cli._predict_queue import PredictQueue
from training_core.cli.main import main
from training_core.compute.device import Compute
from training_core.io import read_image, read_mask
from training_core.messages.events import Event, FileFailed, FilePredicted, Pause, Resume, Status, Stop
from training_core.messages.messenger import Leaving, Messenger
from training_core.network.model import UniSemAlign
from training_core.prediction.calibration import Readout
from training_core.prediction.grid import resampled_size
from training_core.prediction.predictor import Predictor, load_predictor
from training_core.prediction.sliding_window import predict_branches
from training_core.project import Project
from training_core.project.classes import background_ids
from training_core.project.creation import file_sha256
from training_core.runs.checkpoint import open_checkpoint, write_state
from training_core.settings.schema import AlignmentConfig, Config, InferenceConfig

IDS = (0, 3, 7)
BESIDE = {"classes.json", "predicted.jsonl", "areas.csv", ".areas"}
"""What is in the folder beside the results."""
LABELS_0 = "labels/prediction/0"


@pytest.fixture(scope="module")
def run_folder(
    tmp_path_factory: pytest.TempPathFactory,
    make_project_in: Callable[..., Project],
    small_config: Callable[..., Config],
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    project = make_project_in(folder, ids=IDS)
    (folder / "config.json").write_text(small_config(inference={"window_px": 128}).model_dump_json())
    result = folder / "result.json"
    assert main(["train", str(project.path), "--config", str(folder / "config.json"), "--json", str(result)]) == 0
    return Path(json.loads(result.read_text())["run"])


def picture(path: Path, height: int, width: int) -> Path:
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_large_images_are_streamed_and_small_ones_are_not(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.04)
    large, small = picture(tmp_path / "large.png", 201, 300), picture(tmp_path / "small.png", 190, 200)
    out = tmp_path / "out"
    assert main(["predict", str(run_folder), str(large), str(small), "-o", str(out)]) == 0
    kinds = ("prediction", "pseudo_label", "confidence")
    names = {f"small.{kind}.png" for kind in kinds} | {"large.ome.zarr", *BESIDE}
    assert {path.name for path in out.iterdir()} == names
    predictor, pixels = load_predictor(run_folder), read_image(large)
    labels = np.asarray(zarr.open_array(out / "large.ome.zarr" / "labels" / "prediction" / "0", mode="r"))
    assert set(np.unique(labels)) <= set(IDS)
    expected = predictor.class_ids[predictor.predict(pixels, views=1).prediction]
    assert labels.shape == expected.shape
    assert (labels == expected).mean() > 0.9  # other overlaps of the windows
    usual = predictor.class_ids[predictor.predict(read_image(small)).prediction]
    np.testing.assert_array_equal(read_mask(out / "small.prediction.png"), usual)


def test_specks_go_from_large_images_too(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.04)
    large = picture(tmp_path / "large.png", 201, 300)

    def smallest(out: Path) -> int:
        assert main(["predict", str(run_folder), str(large), "-o", str(out)]) == 0
        ids = np.asarray(zarr.open_array(out / "large.ome.zarr" / "labels" / "prediction" / "0", mode="r"))
        areas = [np.bincount(ndimage.label(ids == each)[0].ravel())[1:] for each in np.unique(ids)]
        return int(np.concatenate(areas).min())

    assert smallest(tmp_path / "connected") < 12
    checkpoint = open_checkpoint(run_folder, "best")
    state = dict(checkpoint.state)  # which is read anew each time
    readout = asdict(Readout(objects=tuple(ObjectReadout(index, min_area_px=12.0) for index in range(len(IDS)))))
    write_state(checkpoint, {**state, "readout": readout})
    try:
        assert smallest(tmp_path / "separate") >= 12
    finally:
        write_state(checkpoint, state)
    assert "window by window" not in capsys.readouterr().err


def test_a_prediction_is_cleaned_when_asked_in_memory_and_in_a_file(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = picture(tmp_path / "small.png", 190, 200)
    command = ["predict", str(run_folder), str(small), "-o"]
    assert main([*command, str(tmp_path / "usual")]) == 0
    assert main([*command, str(tmp_path / "clean"), "--min-object", "60", "--smooth", "6"]) == 0
    usual, clean = (read_mask(tmp_path / each / "small.prediction.png") for each in ("usual", "clean"))
    background = background_ids(load_predictor(run_folder).classes)
    np.testing.assert_array_equal(clean, clean_up(usual, CleanUp(min_object_px=60, smooth_px=6), background))
    assert (clean != usual).any()
    for kind in ("pseudo_label", "confidence"):
        names = [tmp_path / each / f"small.{kind}.png" for each in ("usual", "clean")]
        np.testing.assert_array_equal(*(read_mask(name) for name in names))
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.03)

    def streamed(out: Path, *options: str) -> np.ndarray:
        assert main([*command, str(out), *options]) == 0
        return np.asarray(zarr.open_array(out / "small.ome.zarr" / "labels" / "prediction" / "0", mode="r"))

    usual = streamed(tmp_path / "large")
    cleaned = streamed(tmp_path / "large-clean", "--min-object", "60", "--smooth", "6", "--fill-holes", "20")
    what = CleanUp(min_object_px=60, smooth_px=6, max_hole_px=20)
    np.testing.assert_array_equal(cleaned, clean_up(usual, what, background))
    assert (cleaned != usual).any()
    assert main([*command, str(tmp_path / "branches"), "--branches"]) == 2
    assert "window by window" in capsys.readouterr().err
    assert not (tmp_path / "branches").exists()


def test_a_slide_is_streamed_whatever_its_size(run_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 384, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "slide.tif") as writer:
        writer.write(pixels, subifds=1, tile=(128, 128), photometric="rgb", metadata=None)
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(128, 128), photometric="rgb", metadata=None)
    assert main(["predict", str(run_folder), str(tmp_path / "slide.tif"), "-o", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"slide.ome.zarr", *BESIDE}
    assert zarr.open_array(tmp_path / "out" / "slide.ome.zarr" / "0", mode="r").shape == (256, 384)


def test_glass_is_left_out_of_a_slide_which_is_said_and_of_no_other_image(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.04)
    pixels = np.full((640, 384, 3), 240, np.uint8)
    pixels[:60, :60] = 180, 90, 160
    with tifffile.TiffWriter(tmp_path / "slide.tif") as writer:
        writer.write(pixels, subifds=1, tile=(128, 128), photometric="rgb", metadata=None)
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(128, 128), photometric="rgb", metadata=None)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    command = ["predict", str(run_folder), *(str(tmp_path / name) for name in ("slide.tif", "image.png")), "-o"]

    def left_out(*options: str) -> list[float]:
        assert main([*command, str(tmp_path / "out"), *options]) == 0
        paths = [tmp_path / "out" / f"{name}.ome.zarr/labels/prediction/0" for name in ("slide", "image")]
        return [float((np.asarray(zarr.open_array(path, mode="r")) == UNLABELED).mean()) for path in paths]

    slide, image = left_out()
    assert 0.2 < slide < 0.97
    assert image == 0
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "only glass" in line]
    share, rest = said.removeprefix("slide.tif: ").split("%")
    assert int(share) == pytest.approx(100 * slide, abs=1.5)  # counted in pixels that the network sees
    assert rest == " of it shows only glass and is not predicted (--with-glass predicts it too)"
    assert left_out("--with-glass") == [0, 0]  # not taken for the result that is there
    assert "only glass" not in capsys.readouterr().err
    assert left_out() == [slide, 0]
    assert said in capsys.readouterr().err


def test_a_dicom_folder_is_one_slide_and_predicted_as_the_same_pixels_in_tiff(run_folder: Path, tmp_path: Path) -> None:
    for package in ("openslide", "pydicom"):
        pytest.importorskip(package, reason="the extra slides is not installed")
    pixels = np.random.default_rng(3).integers(0, 256, (256, 384, 3), dtype=np.uint8)
    write_dicom(tmp_path / "in" / "series", [pixels, pixels[::2, ::2]], mpp_um=0.5)
    with tifffile.TiffWriter(tmp_path / "in" / "slide.tif") as writer:
        size = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
        writer.write(pixels, photometric="rgb", tile=(128, 128), metadata=None, subifds=1, **size)
        writer.write(pixels[::2, ::2], photometric="rgb", tile=(128, 128), metadata=None, subfiletype=1)
    out, images = tmp_path / "out", (tmp_path / "in" / "series", tmp_path / "in" / "slide.tif")
    assert main(["predict", str(run_folder), *map(str, images), "-o", str(out)]) == 0
    dicom, tiff = (zarr.open_array(out / f"{name}.ome.zarr" / "0", mode="r")[:] for name in ("DCM_0", "slide"))
    assert dicom.shape == (256, 384)
    assert np.array_equal(dicom, tiff)


@pytest.mark.parametrize("in_bands", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_an_ome_zarr_image_is_predicted_as_the_same_pixels_in_tiff(
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    in_bands: bool,
) -> None:
    """Of a folder, with its predictions among the images later, and of a server; with two workers of dask, too."""
    pixels = np.random.default_rng(3).integers(0, 256, (1100 if in_bands else 256, 384, 3), dtype=np.uint8)
    levels = [np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1)) for step in (1, 2)]
    folder = tmp_path / "in"
    source = write_ome_zarr(folder / "scan.ome.zarr", levels, omero=RGB_CHANNELS, chunk_px=128)
    with tifffile.TiffWriter(folder / "slide.tif") as writer:
        size = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
        writer.write(pixels, photometric="rgb", tile=(128, 128), metadata=None, subifds=1, **size)
        writer.write(pixels[::2, ::2], photometric="rgb", tile=(128, 128), metadata=None, subfiletype=1)
    before = file_sha256(source)
    command = ["predict", str(run_folder), str(folder), "-o", str(folder)]
    workers = ["--workers", "2", "--band-px", "1024"] if in_bands else []
    assert main([*command, *workers]) == 0
    ours, tiff = (zarr.open_array(folder / f"{name}.ome.zarr" / "0", mode="r")[:] for name in ("scan.ome", "slide"))
    assert ours.shape == pixels.shape[:2]
    assert np.array_equal(ours, tiff)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(folder) as server:
        address = f"{server.address}/scan.ome.zarr"
        assert main(["predict", str(run_folder), address, "-o", str(tmp_path / "web"), *workers]) == 0
    assert np.array_equal(zarr.open_array(tmp_path / "web" / "scan.ome.ome.zarr" / "0", mode="r")[:], ours)
    assert address in (tmp_path / "web" / "predicted.jsonl").read_text()
    capsys.readouterr()
    assert main(command) == 0
    told = capsys.readouterr()
    assert "2 files are results of this program" in told.err
    assert "those of 2 were there already" in told.out
    assert file_sha256(source) == before
    shutil.copy(source / "0" / "0.0.0", source / "0" / "copy")
    os.replace(source / "0" / "copy", source / "0" / "0.0.0")  # as programs write a chunk
    assert main(command) == 0
    assert "those of 1 were there already" in capsys.readouterr().out


def test_no_image_is_replaced_by_a_prediction(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (3, 256, 384), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    others = write_ome_zarr(tmp_path / "out" / "scan.ome.zarr", [pixels], omero=RGB_CHANNELS)
    before = file_sha256(others)
    given = write_ome_zarr(tmp_path / "in" / "scan.zarr", [pixels], omero=RGB_CHANNELS)
    assert main(["predict", str(run_folder), str(given), "-o", str(tmp_path / "out")]) == 2
    assert "is no prediction of this program" in capsys.readouterr().err
    assert file_sha256(others) == before


def test_views_are_the_users_choice(run_folder: Path, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png", 100, 120)
    predictor, found = load_predictor(run_folder), {}
    for views in ("1", "8"):
        out = tmp_path / views
        assert main(["predict", str(run_folder), str(image), "-o", str(out), "--views", views]) == 0
        found[views] = read_mask(out / "a.confidence.png")
        expected = predictor.predict(read_image(image), views=int(views)).confidence
        np.testing.assert_allclose(found[views], expected * 255, atol=0.51)
    assert not np.array_equal(found["1"], found["8"])


def test_each_image_is_predicted_by_one_of_two_processes(run_folder: Path, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"image_{i}.png", 64 + i, 80) for i in range(5)]
    started = []
    for rank in range(2):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "RANK": str(rank), "WORLD_SIZE": "2"}
        arguments = ["predict", str(run_folder), *map(str, images), "-o", str(tmp_path / f"out_{rank}")]
        command = [sys.executable, "-m", "training_core", *arguments]
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    for process in started:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
    written = [{path.name.split(".")[0] for path in (tmp_path / f"out_{rank}").glob("*.png")} for rank in range(2)]
    assert written == [{"image_0", "image_2", "image_4"}, {"image_1", "image_3"}]
    assert [(tmp_path / f"out_{rank}" / "classes.json").exists() for rank in range(2)] == [True, False]


@pytest.mark.nightly
def test_torchrun_shares_out_the_images(run_folder: Path, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"image_{i}.png", 64 + i, 80) for i in range(3)]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "training_core"]
    arguments = ["predict", str(run_folder), *map(str, images), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, *launch, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("predictions of 3 images") == 1
    assert len(list((tmp_path / "out").glob("*.prediction.png"))) == 3
    assert read_mask(tmp_path / "out" / "image_1.prediction.png").shape == (65, 80)


@pytest.mark.parametrize(
    "environment",
    [{"RANK": "0"}, {"WORLD_SIZE": "2"}, {"RANK": "2", "WORLD_SIZE": "2"}, {"RANK": "a", "WORLD_SIZE": "2"}],
)
def test_half_a_launch_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="RANK"):
        rank_and_size(environment)


def test_a_process_by_itself_does_everything() -> None:
    assert rank_and_size({}) == (0, 1)
    assert rank_and_size({"RANK": "1", "WORLD_SIZE": "3"}) == (1, 3)


def test_the_parts_say_what_their_own_logits_say(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image, out = picture(tmp_path / "a.png", 64, 80), tmp_path / "out"
    command = ["predict", str(run_folder), str(image), "-o", str(out), "--branches", "--views", "1"]
    assert main(command) == 0
    found = {branch: read_mask(out / f"a.{branch}.png") for branch in Branch}
    predictor = load_predictor(run_folder)
    readout, scale = predictor.readout, predictor.readout.scale
    indices = np.searchsorted(predictor.class_ids, found[Branch.DECODER]).astype(np.uint8)
    apart = separate(indices, readout.objects or (), readout.ground)  # of the prediction alone
    np.testing.assert_array_equal(predictor.class_ids[apart], read_mask(out / "a.prediction.png"))
    with torch.inference_mode():
        pixels = torch.from_numpy(read_image(image)).permute(2, 0, 1)[None].float() / 255
        seen = F.interpolate(pixels, size=resampled_size((64, 80), scale), mode="bilinear", antialias=True)
        output = predictor.model(predictor.model.normalize(seen).to(memory_format=torch.channels_last))
        similar = predictor.model.similarities(output)
    for part, maps in ((Branch.PROTOTYPES, similar.prototype), (Branch.TEXT, similar.text)):
        assert maps is not None
        whole = F.interpolate(maps.float().softmax(1), size=(64, 80), mode="bilinear")
        expected = predictor.class_ids[whole[0].argmax(0).numpy()]
        assert (found[part] == expected).mean() > 0.999, part  # near ties may fall otherwise
    assert (found[Branch.TEXT] != found[Branch.PROTOTYPES]).any()
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.005)
    assert main([*command[:4], str(tmp_path / "large"), "--branches"]) == 2
    assert "leave out --branches" in capsys.readouterr().err


def test_a_branch_that_is_off_has_no_part(tmp_path: Path, tiny_model: Callable[..., UniSemAlign]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cpu = Compute(torch.device("cpu"), "float32")
    for off, left in (
        ("use_text", {Branch.DECODER, Branch.PROTOTYPES}),
        ("use_prototypes", {Branch.DECODER, Branch.TEXT}),
    ):
        model = tiny_model(3, alignment=AlignmentConfig(embedding_dim=8, **{off: False})).eval()
        assert set(predict_branches(model, image, InferenceConfig(views=1), cpu)) == left


# --- many files -------------------------------------------------------------------------------------------------------


def stated(path: Path, mpp: float | None) -> Path:
    """An image of 64 x 80 px that states a pixel size, or none."""
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (64, 80, 3), np.uint8)
    size = {} if mpp is None else {"resolution": (10_000 / mpp, 10_000 / mpp), "resolutionunit": "CENTIMETER"}
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="rgb", metadata=None, **size)
    return path


def test_bad_images_are_listed_and_a_second_run_does_only_what_is_missing_or_has_changed(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in "abcd":
        stated(folder / f"{name}.tif", None)
    good = (folder / "b.tif").read_bytes()
    (folder / "b.tif").write_bytes(good[: len(good) // 2])
    (folder / "notes.lif").write_bytes(b"x")
    command = ["predict", str(run_folder), str(folder), "-o", str(out)]
    assert main(command) == 3
    told = capsys.readouterr()
    assert "Wrote the predictions of 3 images" in told.out
    assert "b.tif" in told.err
    assert "1 .lif" in told.err
    results = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert len(results) == 9

    (folder / "b.tif").write_bytes(good)
    stated(folder / "d.tif", 0.5)  # another file now
    assert main(command) == 0
    assert "Wrote the predictions of 2 images" in capsys.readouterr().out
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert {name for name in again if again[name] != results.get(name)} == {
        f"{name}.{kind}.png" for name in "bd" for kind in ("prediction", "pseudo_label", "confidence")
    }
    (out / "a.confidence.png").unlink()
    assert main(command) == 0
    assert "Wrote the predictions of 1 image to" in capsys.readouterr().out
    assert main([*command, "--views", "1"]) == 0  # other settings, other results
    assert "Wrote the predictions of 4 images" in capsys.readouterr().out
    assert main([*command, "--views", "1", "--redo"]) == 0
    assert "Wrote the predictions of 4 images" in capsys.readouterr().out
    for name in "abcd":
        (folder / f"{name}.tif").write_bytes(b"")
    assert main(command) == 2


def table_of(out: Path) -> dict[tuple[str, int], dict[str, str]]:
    """areas.csv by image and class, as Python's own reader reads it."""
    with (out / "areas.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(row["image"], int(row["class_id"])): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_table_of_areas_is_that_of_the_results_however_often_the_command_is_called(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.015)
    large, out = picture(tmp_path / "large, =1+1.png", 120, 150), tmp_path / "out"
    stated(tmp_path / "small.tif", 0.5)
    command = ["predict", str(run_folder), str(large), str(tmp_path / "small.tif"), "-o", str(out)]

    def check() -> None:
        table = table_of(out)
        assert [*table] == [(name, each) for name in ("large, =1+1", "small") for each in IDS]
        zarrs = {each: zarr.open_array(out / "large, =1+1.ome.zarr" / each, mode="r")[:] for each in (LABELS_0, "0")}
        arrays = {
            "large, =1+1": (zarrs[LABELS_0], zarrs["0"], ""),
            "small": (*(read_mask(out / f"small.{kind}.png") for kind in ("prediction", "confidence")), "0.5"),
        }
        for (name, class_id), row in table.items():
            ids, confidence, mpp_um = arrays[name]
            own = ids == class_id
            assert int(row["area_px"]) == own.sum()
            assert float(row["percent"]) == pytest.approx(100 * own.mean(), rel=1e-5)
            assert row["objects"] == str(ndimage.label(own)[1])
            mean = f"{confidence[own].mean() / 255:.4f}" if own.any() else ""
            assert (f"{float(row['mean_confidence']):.4f}" if own.any() else row["mean_confidence"]) == mean
            assert (row["not_predicted_px"], row["pixel_size_um"]) == ("0", mpp_um)
            assert row["area_mm2"] == (f"{own.sum() * 0.25e-6:.6g}" if mpp_um else "")

    assert main(command) == 0
    check()
    first = (out / "areas.csv").read_bytes()
    note = out / ".areas" / "small.json"
    noted = note.read_bytes()
    assert main(command[:-3] + command[-2:]) == 0  # the second image is not named, and its rows stay
    assert (out / "areas.csv").read_bytes() == first
    assert note.read_bytes() == noted

    note.unlink()  # as of results of an earlier version
    assert main(command[:-3] + command[-2:]) == 0
    assert "1 image has no row in areas.csv" in capsys.readouterr().err
    assert {name for name, _ in table_of(out)} == {"large, =1+1"}
    assert main(command) == 0
    assert (out / "areas.csv").read_bytes() == first

    picture(large, 130, 150)
    assert main(command) == 0
    assert (out / "areas.csv").read_bytes() != first
    check()
    (out / "small.confidence.png").unlink()  # a result that is not there is in no table
    assert main(command[:-3] + command[-2:]) == 0
    assert {name for name, _ in table_of(out)} == {"large, =1+1"}


def test_objects_are_written_of_results_that_are_there_and_kept_in_step_with_them(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.015)
    large, out = picture(tmp_path / "large.png", 120, 150), tmp_path / "out"
    stated(tmp_path / "small.tif", 0.5)
    command = ["predict", str(run_folder), str(large), str(tmp_path / "small.tif"), "-o", str(out)]
    paths = [out / f"{name}.geojson" for name in ("large", "small")]

    def check() -> None:
        zarr_ids = zarr.open_array(out / "large.ome.zarr" / LABELS_0, mode="r")[:]
        for path, ids in zip(paths, (zarr_ids, read_mask(out / "small.prediction.png")), strict=True):
            features = json.loads(path.read_bytes())["features"]
            for class_id in IDS:
                properties = [each["properties"] for each in features]
                own = [each for each in properties if each["classification"]["name"] == f"class {class_id}"]
                assert len(own) == ndimage.label(ids == class_id)[1]
                assert sum(each["measurements"]["Area px^2"] for each in own) == (ids == class_id).sum()
            table = path.with_suffix(".objects.csv")
            if table.exists():
                rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
                assert [row["object"] for row in rows] == [each["id"] for each in features]

    assert main(command) == 0
    assert not any(path.exists() for path in paths)
    results = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix == ".png"}
    paths[1].write_text("somebody's own")
    assert main([*command, "--objects", "geojson"]) == 3
    told = capsys.readouterr()
    assert "those of 1 were there already" in told.out
    assert "small.geojson is there already, and is not as this command writes it" in told.err
    assert paths[1].read_text() == "somebody's own"
    assert {name for name, _ in table_of(out)} == {"large", "small"}
    paths[1].unlink()
    assert main([*command, "--objects", "geojson"]) == 0
    check()
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix == ".png"} == results
    states = [path.stat().st_mtime_ns for path in paths]
    assert main([*command, "--objects", "geojson"]) == 0
    assert [path.stat().st_mtime_ns for path in paths] == states
    tables = [out / f"{name}.objects.csv" for name in ("large", "small")]
    tables[0].write_text("somebody's own")
    assert main([*command, "--objects", "csv"]) == 3
    assert "large.objects.csv is there already, and is not as" in capsys.readouterr().err
    tables[0].unlink()
    assert main([*command, "--objects", "csv"]) == 0
    states = [path.stat().st_mtime_ns for path in paths]
    check()

    picture(large, 130, 150)  # predicted again, also without the option
    assert main(command) == 0
    assert [path.stat().st_mtime_ns == state for path, state in zip(paths, states, strict=True)] == [False, True]
    check()


@pytest.fixture
def run_at_half_a_micrometre(run_folder: Path, tmp_path: Path) -> Path:
    """The same run, which knows its pixel size: 0.5 µm/px."""
    runs = tmp_path / "project" / "runs"
    shutil.copytree(run_folder.parent.parent, runs.parent)
    own = runs / run_folder.name
    for path in own.rglob("*.json"):
        known = json.loads(path.read_text())
        for config in (known, known.get("config")) if isinstance(known, dict) else ():
            if isinstance(config, dict) and "mpp" in (config.get("data") or {}):
                config["data"]["mpp"] = 0.5
                path.write_text(json.dumps(known))
    assert load_predictor(own, "cpu").config.data.mpp == 0.5
    return own


def test_an_image_without_a_usable_pixel_size_is_left_out_where_the_run_needs_one(
    run_at_half_a_micrometre: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder, out = run_at_half_a_micrometre, tmp_path / "in", tmp_path / "out"
    for name, mpp in {"good": 0.5, "none": None, "absurd": 353.0, "far": 8.0}.items():
        stated(folder / f"{name}.tif", mpp)
    assert main(["predict", str(run), str(folder), "-o", str(out), "--views", "1"]) == 3
    told = capsys.readouterr()
    assert "Wrote the predictions of 1 image to" in told.out
    assert [path.name for path in out.glob("*.prediction.png")] == ["good.prediction.png"]
    lines = {line.split(":")[0].strip(): line for line in told.err.splitlines() if line.startswith("  ")}
    assert "it states no pixel size. Needed: its pixel size in µm/px, since the run works at 0.5" in lines["none.tif"]
    assert "it states a pixel size of 353 µm/px, which no microscope gives" in lines["absurd.tif"]
    assert "has a pixel size of 8 µm/px" in lines["far.tif"]
    alone = ["predict", str(run), str(folder / "none.tif"), str(folder / "absurd.tif"), "-o", str(out)]
    assert main(alone) == 2  # all lack it: that is a question, not a bad file
    assert "2 images state no usable pixel size" in capsys.readouterr().err
    assert main([*alone, "--mpp", "run", "--views", "1"]) == 0
    assert len(list(out.glob("*.prediction.png"))) == 3


def test_a_pixel_size_for_files_that_state_none_leaves_the_others_theirs(
    run_at_half_a_micrometre: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file gets what it gets alone: with its own pixel size, or with the one that is given."""
    run, folder = run_at_half_a_micrometre, tmp_path / "in"
    for name, mpp in {"good": 0.5, "none": None, "absurd": 353.0}.items():
        stated(folder / f"{name}.tif", mpp)

    def predicted(out: str, files: list[str], *options: str) -> dict[str, bytes]:
        images = [str(folder / f"{name}.tif") for name in files]
        assert main(["predict", str(run), *images, "-o", str(tmp_path / out), "--views", "1", *options]) == 0
        return {path.name: path.read_bytes() for path in (tmp_path / out).glob("*.confidence.png")}

    together = predicted("together", ["good", "none", "absurd"], "--missing-mpp", "0.25")
    assert "2 of 3 images state no usable pixel size, and are taken to have 0.25 µm/px" in capsys.readouterr().err
    assert together == predicted("own", ["good"]) | predicted("given", ["none", "absurd"], "--mpp", "0.25")
    assert together["none.confidence.png"] != predicted("run", ["none"], "--missing-mpp", "run")["none.confidence.png"]


def test_images_of_one_name_are_left_out_and_the_others_predicted(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one/a.tif", "two/a.tif", "two/b.tif"):
        stated(tmp_path / name, None)
    stated(tmp_path / "two" / "b_mask.tif", None)  # named as the mask of b
    folders, out = [str(tmp_path / "one"), str(tmp_path / "two")], tmp_path / "out"
    assert main(["predict", str(run_folder), *folders, "-o", str(out), "--views", "1"]) == 3
    told = capsys.readouterr().err
    assert told.count("would both be named a") == 2
    assert "1 files are masks of others by their names and are not predicted, such as b_mask.tif" in told
    assert [path.name for path in out.glob("*.prediction.png")] == ["b.prediction.png"]


def test_results_are_never_taken_as_images(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        stated(folder / f"{name}.tif", None)
    command = ["predict", str(run_folder), str(folder), "-o", str(folder)]  # beside the images
    assert main([*command, "--branches"]) == 0
    before = {path.name for path in folder.iterdir()}
    assert main([*command, "--branches", "--redo"]) == 0
    assert "12 files are results of this program" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == before
    assert main(["predict", str(run_folder), str(folder / "a.prediction.png"), "-o", str(tmp_path / "x")]) == 2


def test_odd_names_are_predicted_under_the_name_of_their_tile(run_folder: Path, tmp_path: Path) -> None:
    folder, names = tmp_path / "in", {"-x": "-x", "a\nb": "a%0Ab", "a\udce9": "a%E9", "H&E #1;": "H&E #1;"}
    for name in names:
        stated(folder / f"{name}.tif", None)
    assert main(["predict", str(run_folder), str(folder), "-o", str(tmp_path / "out"), "--views", "1"]) == 0
    assert {path.name.removesuffix(".prediction.png") for path in (tmp_path / "out").glob("*.prediction.png")} == set(
        names.values()
    )


def test_evaluate_scores_the_good_ones_and_lists_the_bad(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, masks = tmp_path / "in", tmp_path / "masks"
    masks.mkdir()
    for name in "abc":
        stated(folder / f"{name}.tif", None)
        mask = np.full((64, 80), 3, np.uint8)
        mask[:30] = 7
        Image.fromarray(mask).save(masks / f"{name}_mask.png")
    command = ["evaluate", str(run_folder), "--images", str(folder), "--masks", str(masks)]
    command += ["--classes", '"class 0"=0,class 3=3,class 7=7', "--json", "-"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["n_images"] == 3
    assert main([*command[:3], str(folder / "a.tif"), str(folder / "gone.tif"), *command[4:]]) == 3
    told = capsys.readouterr()
    assert json.loads(told.out)["n_images"] == 1
    assert "there is no file" in told.err
    Image.fromarray(np.full((64, 80), 9, np.uint8)).save(masks / "b_mask.png")
    (masks / "c_mask.png").write_bytes(b"")
    assert main(command) == 3
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["n_images"] == 1
    assert [each["name"] for each in result["failed"]] == ["b.tif", "c.tif"]
    assert "3 masks matched by a common ending" in told.err
    for name in "abc":
        (masks / f"{name}_mask.png").write_bytes(b"")
    assert main(command) == 2


def test_evaluate_scores_only_what_is_missing_or_has_changed(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, masks = tmp_path / "in", tmp_path / "masks"
    masks.mkdir()
    mask = np.full((64, 80), 3, np.uint8)
    mask[:30] = 7
    for name in ("a", "bb", "ccc"):  # of other pixels each
        stated(folder / f"{name}.tif", None)
        Image.fromarray(mask).save(masks / f"{name}.png")
    command = ["evaluate", str(run_folder), "--images", str(folder), "--masks", str(masks)]
    command += ["--classes", "class 0=0,class 3=3,class 7=7", "--json"]
    predicted: list[int] = []
    predict_one = Predictor.predict
    monkeypatch.setattr(
        Predictor, "predict", lambda self, *args, **more: predicted.append(1) or predict_one(self, *args, **more)
    )

    def scored_anew(*more: str, code: int = 0, file: str = "again.json") -> int:
        predicted.clear()
        assert main([*command, str(tmp_path / file), *more]) == code
        return len(predicted)

    assert scored_anew(file="at_once.json") == 3
    (masks / "bb.png").write_bytes(b"")
    assert scored_anew(code=3) == 2
    Image.fromarray(mask).save(masks / "bb.png")
    assert scored_anew() == 1
    assert "2 of 3 images were scored already" in capsys.readouterr().err
    at_once, again = (json.loads((tmp_path / file).read_bytes()) for file in ("at_once.json", "again.json"))
    del at_once["seconds"], again["seconds"]
    assert again == at_once
    assert scored_anew() == 0
    assert scored_anew("--redo") == 3
    assert scored_anew("--mpp", "0.5") == 3  # another option, other counts
    Image.fromarray(mask[::-1]).save(masks / "ccc.png")
    assert scored_anew("--mpp", "0.5") == 1
    stated(folder / "longer_name.tif", None).replace(folder / "a.tif")  # other pixels under the same name
    assert scored_anew("--mpp", "0.5") == 1
    (tmp_path / "again.json").write_text('{"images": 3}')
    assert scored_anew() == 3


def told(
    monkeypatch: pytest.MonkeyPatch, on_event: Callable[[Event, Messenger], None] = lambda _e, _m: None
) -> list[Event]:
    """What `predict` tells from now on; `on_event` may answer."""
    events: list[Event] = []

    @contextmanager
    def queue(_events: object) -> Iterator[PredictQueue]:
        messenger = Messenger()

        def listen(event: Event) -> None:
            events.append(event)
            on_event(event, messenger)

        messenger.listener = listen
        yield PredictQueue(messenger)

    monkeypatch.setattr(predict, "predict_queue", queue)
    return events


def test_a_bad_file_in_the_middle_stops_nothing_and_is_told(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [picture(tmp_path / f"{name}.png", 64, 64) for name in ("a", "c")]
    bad = tmp_path / "b.png"
    bad.write_bytes(good[0].read_bytes()[:2000])
    events = told(monkeypatch)
    assert main(["predict", str(run_folder), str(good[0]), str(bad), str(good[1]), "-o", str(tmp_path / "out")]) == 3
    found = [event for event in events if isinstance(event, FilePredicted | FileFailed)]
    assert [(event.kind, Path(event.file).name) for event in found] == [
        ("file_predicted", "a.png"),
        ("file_failed", "b.png"),
        ("file_predicted", "c.png"),
    ]
    assert all(Path(event.result).is_file() for event in found if isinstance(event, FilePredicted))


def test_a_stopped_queue_keeps_what_is_finished_and_goes_on_with_the_rest(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [str(picture(tmp_path / f"{name}.png", 64, 64)) for name in "abc"]
    command = ["predict", str(run_folder), *images, "-o", str(tmp_path / "out")]

    def stop(event: Event, messenger: Messenger) -> None:
        if isinstance(event, FilePredicted):
            messenger.request_stop()

    told(monkeypatch, stop)
    assert main(command) == 130
    first = tmp_path / "out" / "a.prediction.png"
    written = first.stat().st_mtime_ns
    assert not (tmp_path / "out" / "b.prediction.png").exists()
    events = told(monkeypatch)
    assert main(command) == 0
    found = [event for event in events if isinstance(event, FilePredicted)]
    assert [(Path(event.result).name, event.was_there) for event in found] == [
        ("a.prediction.png", True),
        ("b.prediction.png", False),
        ("c.prediction.png", False),
    ]
    assert first.stat().st_mtime_ns == written


def test_a_slide_that_is_stopped_in_the_middle_leaves_nothing_half(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.04)
    monkeypatch.setattr("training_core.cli._predict_queue._EVERY_S", 0.0)
    large, out = picture(tmp_path / "large.png", 300, 300), tmp_path / "out"

    def stop(event: Event, messenger: Messenger) -> None:
        if isinstance(event, Status) and (event.done or 0) > 0.3:
            messenger.request_stop()

    events = told(monkeypatch, stop)
    assert main(["predict", str(run_folder), str(large), "-o", str(out)]) == 130
    assert 0.3 < max(event.done or 0 for event in events if isinstance(event, Status)) < 1
    assert not out.is_dir() or list(out.iterdir()) == []


def test_a_slide_that_is_stopped_goes_on_where_it_was(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_predict_image, "STREAM_ABOVE_MPX", 0.04)
    monkeypatch.setattr("training_core.cli._predict_queue._EVERY_S", 0.0)
    tall = picture(tmp_path / "tall.png", 2600, 64)

    def stop(event: Event, messenger: Messenger) -> None:
        if isinstance(event, Status) and (event.done or 0) > 0.8:
            messenger.request_stop()

    command = ["predict", str(run_folder), str(tall), "-o"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    told(monkeypatch, stop)
    assert main([*command, str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out" / "tall.ome.zarr").exists()
    events = told(monkeypatch)
    capsys.readouterr()
    assert main([*command, str(tmp_path / "out")]) == 0
    assert "tall.png: 79% of it were there already" in capsys.readouterr().err  # 2048 of 2600 rows
    assert [type(event) for event in events if isinstance(event, FilePredicted)] == [FilePredicted]
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    for array in ("0", "labels/prediction/0"):
        whole, resumed = (
            zarr.open_array(tmp_path / each / "tall.ome.zarr" / array, mode="r") for each in ("whole", "out")
        )
        np.testing.assert_array_equal(np.asarray(whole), np.asarray(resumed))


def test_progress_counts_pixels_and_the_time_left_only_what_is_predicted_now() -> None:
    events: list[Event] = []
    messenger = Messenger(events.append)
    queue = PredictQueue(messenger)
    small, there, large = Path("small.png"), Path("there.png"), Path("large.png")
    queue.begin({small: 100, there: 100, large: 800})
    queue.start(small)
    queue.finished(Path("small.prediction.png"), was_there=False)
    queue.start(there)
    queue.finished(Path("there.prediction.png"), was_there=True)
    queue.start(large)
    queue._busy_s, queue._told = 10.0, -1e9  # 100 px took ten seconds
    queue.progress(1, 2)
    last = [event for event in events if isinstance(event, Status)][-1]
    assert last.done == pytest.approx(0.6)
    assert last.eta_s == pytest.approx(400 * 10 / 500, rel=0.1)
    assert last.message == "Predicting large.png"


def test_what_an_interrupted_attempt_left_does_not_count_for_the_pace() -> None:
    events: list[Event] = []
    queue = PredictQueue(Messenger(events.append))
    queue.begin({Path("slide.svs"): 1000})
    queue.start(Path("slide.svs"))
    queue.progress(81, 100)  # 80 % were there
    queue._busy_s, queue._told = 10.0, -1e9
    queue.progress(90, 100)
    last = [event for event in events if isinstance(event, Status)][-1]
    assert last.done == pytest.approx(0.9)
    assert last.eta_s == pytest.approx(10.0, rel=0.1)  # a tenth took ten seconds, and a tenth is left


def test_a_paused_queue_waits_and_a_stop_ends_the_pause() -> None:
    events: list[Event] = []
    messenger = Messenger(events.append)
    queue = PredictQueue(messenger)
    queue.begin({Path("a.png"): 1})
    for line in (Pause(), Stop()):
        messenger._commands.put(line)
    with pytest.raises(Leaving):
        queue.start(Path("a.png"))
    messenger._commands.put(Pause())
    threading.Timer(0.2, lambda: messenger._commands.put(Resume())).start()
    queue.start(Path("a.png"))
    assert [event.message for event in events if isinstance(event, Status)] == ["Paused", "Predicting a.png"]
