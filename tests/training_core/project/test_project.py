"""The project folder: labels with history, stable ids, splits, moves, crashes, two writers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.base.errors import ImageError, MaskError, ProjectError, StorageError
from training_core.io import atomic_write
from training_core.project import LabelSource, Project, TileState, TissueClass, make_classes
from training_core.project import store as store_module

MakeProject = Callable[..., Project]


def stroke(project: Project, name: str, class_id: int, rows: slice = slice(0, 10)) -> np.ndarray:
    label = project.label(name)
    label[rows] = class_id
    return label


def finished_run(project: Project, run_id: str, names: tuple[str, ...]) -> None:
    folder = project.runs_dir / run_id / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        tile = project.tile(name)
        for kind in ("prediction", "pseudo_label", "confidence"):
            Image.fromarray(np.zeros((tile.height_px, tile.width_px), np.uint8)).save(folder / f"{name}.{kind}.png")
    (project.runs_dir / run_id / "summary.json").write_text("{}")


def test_a_label_comes_back_as_written_with_its_history(make_project: MakeProject) -> None:
    project = make_project()
    label = stroke(project, "u_1", 1)
    project.write_label("u_1", label, LabelSource.PAINTED)
    label = stroke(project, "u_1", 0, slice(20, 30))
    project.write_label("u_1", label, LabelSource.ACCEPTED_PREDICTION, run_id="r1", region="component")
    again = Project.open(project.path)
    assert np.array_equal(again.label("u_1"), label)
    first, second = again.label_edits("u_1")
    assert (first.source, first.run_id, first.labeled_pixels) == (LabelSource.PAINTED, None, 10 * 96)
    assert (second.source, second.run_id, second.region) == (LabelSource.ACCEPTED_PREDICTION, "r1", "component")
    assert second.labeled_pixels == 20 * 96
    with Image.open(project.path / "labels" / "u_1.png") as stored:
        assert stored.mode == "L"
        assert np.array_equal(np.asarray(stored), label)


def test_a_part_labelled_tile_is_labelled_and_unlabelled(make_project: MakeProject) -> None:
    project = make_project()
    assert project.labeled_names() == ("a_1", "a_2")
    assert project.unlabeled_names() == ("u_1", "u_2")
    assert project.val_names() == ("v_1",)
    project.write_label("u_1", stroke(project, "u_1", 1), LabelSource.PAINTED)
    assert "u_1" in project.labeled_names()
    assert "u_1" in project.unlabeled_names()
    project.write_label("u_1", np.zeros((96, 96), np.uint8), LabelSource.PAINTED)
    assert "u_1" not in project.unlabeled_names()
    project.write_label("u_1", np.full((96, 96), UNLABELED, np.uint8), LabelSource.PAINTED)
    assert not project.has_label("u_1")


def test_one_tile_goes_in_and_out_of_the_validation_split(make_project: MakeProject) -> None:
    project = make_project()
    empty = np.full((96, 96), UNLABELED, np.uint8)
    label = project.label("v_1")
    project.write_label("v_1", empty, LabelSource.PAINTED)  # without a label it validates nothing
    project.use_for_validation("a_1", True)
    assert project.val_names() == ("a_1",)
    assert project.labeled_names() == ("a_2",)
    project.write_label("v_1", label, LabelSource.PAINTED)  # and comes back with one
    assert set(project.val_names()) == {"a_1", "v_1"}
    project.use_for_validation("a_1", False)
    assert project.val_names() == ("v_1",)
    with pytest.raises(ProjectError, match="nobody"):
        project.use_for_validation("nobody", True)


def test_what_a_resumed_run_predicts_later_is_seen(make_project: MakeProject) -> None:
    """Though the folder, which had long been as it was, is not read anew for every look at the states."""
    project = make_project()
    finished_run(project, "r1", ("u_1",))
    folder = project.runs_dir / "r1" / "predictions"
    os.utime(folder, (1e9, 1e9))
    for _ in range(2):
        assert [name for name, state in project.states().items() if state is TileState.PREDICTED] == ["u_1"]
    finished_run(project, "r1", ("u_2",))
    assert project.states()["u_2"] is TileState.PREDICTED
    (folder / "u_1.confidence.png").unlink()
    assert project.states()["u_1"] is TileState.UNLABELED
    shutil.rmtree(folder)
    assert TileState.PREDICTED not in project.states().values()


def test_states_follow_the_work(make_project: MakeProject) -> None:
    project = make_project()
    assert project.state("u_1") is TileState.UNLABELED
    finished_run(project, "r1", ("u_1", "u_2"))
    assert project.state("u_1") is TileState.PREDICTED
    project.reject("u_2", "r1")
    assert project.state("u_2") is TileState.UNLABELED
    assert Project.open(project.path).is_rejected("u_2", "r1")
    project.write_label("u_1", stroke(project, "u_1", 1), LabelSource.ACCEPTED_PREDICTION, run_id="r1")
    assert project.state("u_1") is TileState.ACCEPTED
    project.write_label("u_1", stroke(project, "u_1", 0), LabelSource.CORRECTED)
    assert project.state("u_1") is TileState.ACCEPTED
    project.write_label("u_2", stroke(project, "u_2", 0), LabelSource.PAINTED)
    assert project.state("u_2") is TileState.LABELED
    assert project.states() == {tile.name: project.state(tile.name) for tile in project.tiles}


def test_each_tile_has_its_newest_prediction_whichever_run_made_it(make_project: MakeProject) -> None:
    project = make_project()
    assert project.unpredicted_names() == ("a_1", "a_2", "u_1", "u_2", "v_1")
    finished_run(project, "r1", ("u_1", "u_2", "a_1"))
    finished_run(project, "r2", ("u_1",))
    finished_run(project, "r10", ("v_1",))
    finished_run(project, "r11", ("a_2",))
    (project.runs_dir / "r11" / "summary.json").unlink()  # it was cut off
    newest = {tile.name: project.prediction(tile.name) for tile in project.tiles}
    assert {name: each.run_id if each else None for name, each in newest.items()} == {
        "a_1": "r1",
        "a_2": None,
        "u_1": "r2",
        "u_2": "r1",
        "v_1": "r10",
    }
    assert project.prediction("u_1", "r1").run_id == "r1"
    assert project.prediction("u_1", "r10") is None
    assert project.unpredicted_names() == ("a_2",)
    assert project.states()["u_2"] is TileState.PREDICTED
    project.reject("u_1", "r1")  # an older one than it has now
    assert project.state("u_1") is TileState.PREDICTED
    project.reject("u_1", "r2")
    assert project.state("u_1") is TileState.UNLABELED


def test_a_tile_waits_for_review_until_all_of_it_was_judged(make_project: MakeProject) -> None:
    project = make_project()
    assert project.to_review() == ()
    finished_run(project, "r1", tuple(tile.name for tile in project.tiles))
    assert project.to_review() == ("u_1", "u_2")  # the others are annotated to the last pixel

    def accept(region: str, rows: slice) -> TileState:
        label = stroke(project, "u_1", 1, rows)
        project.write_label("u_1", label, LabelSource.ACCEPTED_PREDICTION, run_id="r1", region=region)
        return project.state("u_1")

    project.write_label("u_1", stroke(project, "u_1", 1), LabelSource.PAINTED)
    assert project.state("u_1") is TileState.LABELED
    assert "u_1" in project.to_review()
    for place, region in enumerate(("component", "region", "sure")):
        assert accept(region, slice(12 + 4 * place, 14 + 4 * place)) is TileState.PARTLY_ACCEPTED
        assert "u_1" in Project.open(project.path).to_review()
    project.write_label("u_1", stroke(project, "u_1", 0, slice(0, 3)), LabelSource.CORRECTED)
    assert project.state("u_1") is TileState.PARTLY_ACCEPTED
    assert accept("tile", slice(30, 40)) is TileState.ACCEPTED
    assert project.to_review() == ("u_2",)
    project.write_label(
        "u_1", stroke(project, "u_1", UNLABELED, slice(30, 40)), LabelSource.UNDONE, accepted=True, partly=True
    )
    assert project.to_review() == ("u_1", "u_2")
    accept("tile", slice(30, 40))
    assert accept("component", slice(50, 52)) is TileState.ACCEPTED  # all of it was judged before
    project.write_label("u_2", np.zeros_like(project.label("u_2")), LabelSource.PAINTED)
    assert project.to_review() == ()
    finished_run(project, "r2", ("u_1",))
    assert project.to_review() == ()  # accepted labels stay so
    project.write_label("u_1", np.full_like(project.label("u_1"), UNLABELED), LabelSource.PAINTED)
    assert project.to_review() == ("u_1",)
    assert not project.is_partly_accepted("u_1")
    project.reject("u_1", "r2")
    assert project.to_review() == ()


def test_a_partly_accepted_tile_that_is_painted_full_waits_for_nothing(make_project: MakeProject) -> None:
    project = make_project()
    label = np.full((96, 96), UNLABELED, np.uint8)
    label[50, 50] = 1  # one pixel is enough
    project.write_label("u_1", label, LabelSource.ACCEPTED_PREDICTION, run_id="r1", region="component")
    assert project.is_accepted("u_1")
    assert project.is_partly_accepted("u_1")
    label[label == UNLABELED] = 0
    project.write_label("u_1", label, LabelSource.CORRECTED)
    assert project.is_accepted("u_1")
    assert not Project.open(project.path).is_partly_accepted("u_1")


def test_a_label_of_larger_numbers_that_are_class_ids_is_taken(make_project: MakeProject) -> None:
    project = make_project()
    label = np.full((96, 96), 1, np.int64)
    label[:9] = UNLABELED
    project.write_label("u_1", label, LabelSource.PAINTED)
    assert project.label("u_1").dtype == np.uint8
    np.testing.assert_array_equal(project.label("u_1"), label)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (np.zeros((95, 96), np.uint8), "96 x 95"),
        (np.full((96, 96), 7, np.uint8), "7"),
        (np.full((96, 96), -1, np.int64), "from -1 to -1"),  # as uint8 it would be 255
        (np.full((96, 96), 256, np.int32), "from 256 to 256"),  # as uint8 it would be 0
        (np.zeros((96, 96)), "float64"),
    ],
)
def test_a_label_that_does_not_fit_is_refused_and_the_old_one_stays(
    make_project: MakeProject, label: np.ndarray, said: str
) -> None:
    project = make_project()
    before, edits = project.label("a_1"), project.label_edits("a_1")
    with pytest.raises(MaskError, match=said):
        project.write_label("a_1", label, LabelSource.PAINTED)
    assert np.array_equal(project.label("a_1"), before)
    assert project.label_edits("a_1") == edits


@pytest.mark.parametrize(
    ("shape", "given", "hint"),
    [
        ((96, 64), "64 x 96 px", "turn or transpose one of the two"),
        ((32, 48), "48 x 32 px", "at the image's full resolution"),
    ],
)
def test_a_label_of_another_size_is_told_what_it_may_be(
    tmp_path: Path, shape: tuple[int, int], given: str, hint: str
) -> None:
    Image.new("RGB", (96, 64)).save(tmp_path / "wide.png")
    project = Project.create(tmp_path / "p", [tmp_path / "wide.png"], classes=make_classes(("a", "b")))
    with pytest.raises(MaskError, match=f"is {given}.*the size of its image, 96 x 64 px.*{hint}"):
        project.write_label("wide", np.zeros(shape, np.uint8), LabelSource.PAINTED)


def test_class_ids_are_stable(make_project: MakeProject) -> None:
    project = make_project()
    third = project.add_class("stroma")
    assert third.id == 2
    project.remove_class(third.id)
    assert project.add_class("necrosis").id == 3  # an id never comes back with another meaning
    with pytest.raises(ProjectError, match=r"\b[23] tiles"):
        project.remove_class(1)
    project.update_class(1, name="gland", color="#112233", prompt="glands")
    changed = Project.open(project.path).classes[1]
    assert changed == TissueClass(1, "gland", "#112233", "glands")
    with pytest.raises(ProjectError, match="gland"):
        project.add_class("gland")


def test_a_moved_project_opens_and_shows_its_images(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    image, label = project.image("u_1"), project.label("a_1")
    shutil.rmtree(tmp_path / "images")  # the originals are not needed any more
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    project.path.rename(moved)
    again = Project.open(moved)
    assert again.missing_images() == ()
    assert np.array_equal(again.image("u_1"), image)
    assert np.array_equal(again.label("a_1"), label)


def test_referenced_images_move_along_or_are_named(tmp_path: Path, make_project: MakeProject) -> None:
    make_project()  # for its images
    both = tmp_path / "both"
    both.mkdir()
    shutil.copytree(tmp_path / "images", both / "images")
    project = Project.create(both / "p", [both / "images"], classes=make_classes(("a", "b")), reference=True)
    assert not list((project.path / "images").glob("*"))
    there = tmp_path / "there"
    both.rename(there)
    again = Project.open(there / "p")
    assert again.image("u_1").shape == (96, 96, 3)
    (there / "images" / "u_1.png").unlink()
    assert again.missing_images() == ("u_1",)
    with pytest.raises(ProjectError, match="restore the file"):
        again.image("u_1")


def test_two_writers_lose_nothing(make_project: MakeProject) -> None:
    project = make_project(unlabeled=12)

    def paint(numbers: range) -> None:
        mine = Project.open(project.path)
        for number in numbers:
            mine.write_label(f"u_{number}", stroke(mine, f"u_{number}", 1), LabelSource.PAINTED)

    threads = [threading.Thread(target=paint, args=(range(start, 13, 3),)) for start in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(project.labeled_names()) == 2 + 12
    assert all(project.labeled_pixels(f"u_{number}") == 960 for number in range(1, 13))


def test_a_change_by_another_process_is_seen(make_project: MakeProject) -> None:
    project = make_project()
    other = Project.open(project.path)
    other.add_class("stroma")
    assert [c.name for c in project.classes] == ["class 0", "class 1", "stroma"]


@pytest.mark.parametrize("later_s", [10, -10])
def test_an_index_that_is_written_in_place_is_seen_whatever_its_clock_says(
    make_project: MakeProject, later_s: int
) -> None:
    project = make_project()
    path = project.path / "project.json"
    assert (project.name, project.changes_elsewhere) == ("project", 0)
    moment = path.stat().st_mtime + later_s
    path.write_text(path.read_text("utf-8").replace('"project"', '"another"', 1), "utf-8")  # of the same length
    os.utime(path, (moment, moment))
    assert (project.name, project.changes_elsewhere) == ("another", 1)


@pytest.fixture
def writer(make_project: MakeProject) -> Iterator[Project]:
    """A project that another program writes to for twenty seconds."""
    project = make_project()
    lock = FileLock(project.path / "project.lock", thread_local=False)
    lock.acquire()
    timer = threading.Timer(20, lock.release)
    timer.start()
    yield project
    timer.cancel()
    lock.release()


def test_opening_waits_for_no_writer(writer: Project) -> None:
    left = writer.path / "project.journal"
    left.write_text('[1, "write", ".0123456789abcdef.tmp", "project.json"]\n', "utf-8")
    started = time.monotonic()
    assert Project.open(writer.path).name == "project"
    assert time.monotonic() - started < 15
    assert left.exists()  # it may be the writer's own


def test_a_writer_that_takes_too_long_is_named(writer: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_LOCK_TIMEOUT_S", 1.0)
    with pytest.raises(ProjectError, match=r"another program has been writing to .* for 1 s"):
        Project.open(writer.path).add_class("vessel")


def test_a_project_that_cannot_be_locked_is_opened_as_it_is(make_project: MakeProject) -> None:
    project = make_project()
    (project.path / "project.lock").unlink(missing_ok=True)
    (project.path / "project.lock").mkdir()
    left = project.path / "project.journal"
    left.write_text('[1, "write", ".0123456789abcdef.tmp", "project.json"]\n', "utf-8")
    assert Project.open(project.path).name == "project"
    assert left.exists()


def test_a_crash_between_label_and_index_is_mended(make_project: MakeProject) -> None:
    project = make_project()
    index = (project.path / "project.json").read_bytes()
    project.write_label("u_1", stroke(project, "u_1", 1), LabelSource.PAINTED)
    (project.path / "project.json").write_bytes(index)  # as if the power went before the index was renamed
    left = project.path / ".0123456789abcdef.tmp"
    left.write_bytes(b"half")
    os.utime(left, (1e9, 1e9))  # an old one: a young one may be some living process's
    again = Project.open(project.path)
    assert again.labeled_pixels("u_1") == 960
    assert not list(project.path.glob(".*.tmp"))


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"old")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "damaged"),
        (
            lambda text: text.replace('"spec_version": 2', '"spec_version": 3'),
            "newer",
        ),
        (lambda text: "[]", "damaged"),
    ],
)
def test_a_damaged_index_is_named(make_project: MakeProject, damage: Callable[[str], str], said: str) -> None:
    project = make_project()
    path = project.path / "project.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ProjectError, match=said):
        Project.open(project.path)


def test_an_index_that_is_too_large_is_not_read(make_project: MakeProject) -> None:
    project = make_project()
    with (project.path / "project.json").open("wb") as file:
        file.truncate(256 * 2**20 + 1)  # one byte more than is read; none of them is on the disk
    with pytest.raises(ProjectError, match=r"project\.json cannot be read \(268,435,457 bytes"):
        Project.open(project.path)


def test_what_is_no_project_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="create a project from your images") as raised:
        Project.open(tmp_path)
    assert "project new" in raised.value.in_terminal


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.png", b""), ("text.png", b"not an image"), ("cut.png", None), ("one.png", "pixel")],
)
def test_a_bad_image_leaves_nothing_behind(tmp_path: Path, name: str, content: object) -> None:
    images = tmp_path / "images"
    images.mkdir()
    good = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(good).save(images / "good.png")
    if content == "pixel":
        Image.new("RGB", (1, 1)).save(images / name)
    elif content is None:
        (images / name).write_bytes((images / "good.png").read_bytes()[:3000])
    else:
        assert isinstance(content, bytes)
        (images / name).write_bytes(content)
    with pytest.raises(ImageError, match=name):
        Project.create(tmp_path / "p", [images], classes=make_classes(("a", "b")))
    assert [entry.name for entry in tmp_path.iterdir()] == ["images"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_keeps_the_old_label(make_project: MakeProject, small_disk: Path) -> None:
    project = make_project()
    on_disk = small_disk / "p"
    shutil.copytree(project.path, on_disk)
    full = Project.open(on_disk)
    before = full.label("a_1")
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(b"x" * free)
    noise = np.random.default_rng(0).integers(0, 2, (96, 96)).astype(np.uint8)
    with pytest.raises(StorageError, match="disk is full"):
        full.write_label("a_1", noise, LabelSource.PAINTED)
    (small_disk / "filler").unlink()
    again = Project.open(on_disk)
    assert np.array_equal(again.label("a_1"), before)
    again.write_label("a_1", noise, LabelSource.PAINTED)  # and goes on when there is space


def test_a_full_disk_leaves_no_half_project(make_project: MakeProject, tmp_path: Path, small_disk: Path) -> None:
    make_project(unlabeled=40)
    (small_disk / "filler").write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 200_000))
    with pytest.raises(StorageError, match="disk is full"):
        Project.create(small_disk / "p", [tmp_path / "images"], classes=make_classes(("a", "b")))
    assert [entry.name for entry in small_disk.iterdir()] == ["filler"]


def test_rounds_remember_their_labels(make_project: MakeProject) -> None:
    project = make_project()
    assert project.add_round("r1") == 1
    project.write_label("u_1", stroke(project, "u_1", 1), LabelSource.PAINTED)
    assert project.add_round("r2") == 2
    first, second = Project.open(project.path).rounds()
    assert (first.run_id, second.run_id) == ("r1", "r2")
    assert set(second.labeled) - set(first.labeled) == {"u_1"}


def test_thumbnails_are_small_and_kept(make_project: MakeProject) -> None:
    project = make_project()
    small = project.thumbnail("u_1", 32)
    assert small.shape == (32, 32, 3)
    difference = np.abs(small.astype(int).mean(axis=(0, 1)) - project.image("u_1").astype(int).mean(axis=(0, 1)))
    assert difference.max() < 6
    assert any((project.path / "cache").rglob("*"))
    project.image_path("u_1").unlink()
    assert np.array_equal(project.thumbnail("u_1", 32), small)


def test_ten_thousand_tiles_open_and_save_quickly(make_project: MakeProject) -> None:
    """A guard against work that grows with the square of the tiles; the figures are far from what a machine needs."""
    project = make_project()
    index = json.loads((project.path / "project.json").read_text())
    template = index["tiles"][2]
    index["tiles"] += [{**template, "name": f"more_{i}"} for i in range(10_000)]
    (project.path / "project.json").write_text(json.dumps(index))
    started = time.monotonic()
    many = Project.open(project.path)
    assert len(many.states()) == 10_005
    many.write_label("more_5", stroke(many, "more_5", 1), LabelSource.PAINTED)
    assert time.monotonic() - started < 10
    assert Project.open(project.path).labeled_pixels("more_5") == 960
