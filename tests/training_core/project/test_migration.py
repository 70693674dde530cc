"""A project of version 1 becomes one of version 2, with a backup; whatever is newer is refused and left as it is."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training_core.base.errors import CheckpointError, ConfigError, ProjectError, StorageError
from training_core.cli.main import main
from training_core.project import LabelSource, Project, TileState
from training_core.project.file_records import (
    Answers,
    FileAnswers,
    FilePixelSize,
    NumberedObjects,
    PixelSizeSource,
    Place,
    SourceFile,
)
from training_core.project.index import IndexWriter, parse_index
from training_core.project.settings import read_settings, write_settings
from training_core.runs.checkpoint import Checkpoint
from training_core.runs.run_folder import read_run
from training_core.runs.run_records import RunSummary
from training_core.settings.files import load

RUN_ID = "20260101-120000"
SMALL = {
    "data": {"labeled_batch": 2, "unlabeled_batch": 2},
    "schedule": {"steps": 1, "validate_every_steps": 1, "quick_start": False, "warm_start": False},
    "alignment": {"embedding_dim": 16},
    "inference": {"views": 1},
    "runtime": {"device": "cpu", "precision": "float32"},
}


def version_of(project: Path) -> int:
    version: int = json.loads((project / "project.json").read_bytes())["spec_version"]
    return version


# --- an older project -------------------------------------------------------------------------------------------------


def test_all_that_was_there_is_there(version_1: Path) -> None:
    before = (version_1 / "project.json").read_bytes()
    project = Project.open(version_1)
    assert version_of(version_1) == 2
    (backup,) = project.backups()
    assert backup == version_1 / "backups" / "project.v1.json"
    assert backup.read_bytes() == before
    assert project.migration is not None
    assert "backups/project.v1.json" in project.migration.message
    for opened in (project, Project.open(version_1)):
        assert opened.name == "Old tissue"
        assert [(c.id, c.name, c.made_of_objects) for c in opened.classes] == [
            (0, "background", None),
            (2, "Drüse", None),
        ]
        assert opened.add_class("new").id >= 3
        assert (opened.label("a_1")[:20] == 0).all()
        assert opened.labeled_pixels("a_1") == 3840
        assert opened.label_edits("u_1")[0].run_id == RUN_ID
        assert opened.is_accepted("u_1")
        assert not opened.is_partly_accepted("u_1")
        assert (opened.accepted("u_1")[-20:] == 2).all()
        assert opened.rejected_pixels("u_1") == 960
        assert opened.is_rejected("u_2", RUN_ID)
        assert opened.val_names() == ("v_1",)
        assert opened.rounds()[0].labeled == {"a_1": 1, "v_1": 1}
        assert opened.latest_run_id() == RUN_ID
        assert opened.state("u_1") is TileState.ACCEPTED
        assert not opened.missing_images()
        assert read_settings(opened.path) == {"data.crop_px": 64}
        opened.remove_class(opened.classes[-1].id)


def test_the_place_on_a_slide_is_read_from_the_name_where_it_can_be_nothing_else(version_1: Path) -> None:
    project = Project.open(version_1)
    assert {tile.name: tile.place for tile in project.tiles if tile.place is not None} == {
        "scan A_x00000_y00512": Place("scan A", 0, 512),
        "scan A_x131072_y00000": Place("scan A", 131072, 0),
    }
    assert project.source_file("scan A_x00000_y00512") == SourceFile()
    assert project.source_file("a_1") is None
    sources = {tile.name: (tile.mpp_um, tile.mpp_set_by) for tile in project.tiles}
    assert sources["a_1"] == (0.25, PixelSizeSource.PROJECT)
    assert sources["u_2"] == (None, PixelSizeSource.NONE)
    assert project.objects("a_1") is None
    assert project.answers("a_1") == FileAnswers()


def test_it_trains_and_exports_and_both_say_so_once(
    version_1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    assert main(["train", str(version_1), "--config", str(tmp_path / "small.json")]) == 0
    said = capsys.readouterr().err
    assert said.count("backups/project.v1.json") == 1
    project = Project.open(version_1)
    assert len(project.run_ids()) == 2
    assert project.latest_run_id() != RUN_ID
    assert project.prediction("scan A_x00000_y00512") is not None
    assert main(["export", str(version_1), "-o", str(tmp_path / "out"), "--content", "merged"]) == 0
    with Image.open(tmp_path / "out" / "a_1.png") as mask:
        assert (np.asarray(mask)[:20] == 0).all()
    unfit = {"u_2", "last_x00000_y00000"}  # their pixel sizes are not known, and the others' differ
    exported = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert exported == {tile.name for tile in project.tiles} - unfit
    capsys.readouterr()
    assert main(["project", "info", str(version_1)]) == 0
    out, err = capsys.readouterr()
    assert "backups/project.v1.json" in out
    assert err == ""


def test_a_project_is_converted_once_and_no_backup_is_ever_replaced(version_1: Path) -> None:
    old = (version_1 / "project.json").read_bytes()
    Project.open(version_1)
    new = (version_1 / "project.json").read_bytes()
    assert Project.open(version_1).migration is None
    assert (version_1 / "project.json").read_bytes() == new
    (version_1 / "project.json").write_bytes(old)  # from the backup, worked on with the old version, and opened again
    assert len(Project.open(version_1).backups()) == 1
    worked_on = old.replace(b"Old tissue", b"Older tissue")
    (version_1 / "project.json").write_bytes(worked_on)
    first, second = Project.open(version_1).backups()
    assert {first.name, second.name} == {"project.v1.json", "project.v1-2.json"}
    assert {first.read_bytes(), second.read_bytes()} == {old, worked_on}


def test_an_older_index_that_comes_back_while_open_is_kept_too(version_1: Path) -> None:
    old = (version_1 / "project.json").read_bytes()
    project = Project.open(version_1)
    worked_on = old.replace(b"Old tissue", b"Older tissue")
    (version_1 / "project.json").write_bytes(worked_on)
    assert project.name == "Older tissue"
    assert version_of(version_1) == 1  # who only reads changes nothing
    project.set_val(())
    assert version_of(version_1) == 2
    assert worked_on in [path.read_bytes() for path in project.backups()]


def test_a_crash_before_the_new_index_has_its_name_changes_nothing(
    version_1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, replace = (version_1 / "project.json").read_bytes(), os.replace

    def crash(source: Any, target: Any) -> None:
        if Path(target).name == "project.json":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            Project.open(version_1)
    assert (version_1 / "project.json").read_bytes() == old
    project = Project.open(version_1)
    assert [path.name for path in project.backups()] == ["project.v1.json"]
    assert project.backups()[0].read_bytes() == old


def test_a_read_only_disk_is_read_as_it_is(
    mount_disk: Callable[[str], Path], version_1_in: Callable[[Path], Path]
) -> None:
    disk = mount_disk("4m")
    folder = version_1_in(disk)
    if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system does not let root make a disk read-only")
    project = Project.open(folder)
    assert project.migration is None
    assert project.tile("scan A_x00000_y00512").place == Place("scan A", 0, 512)
    assert version_of(folder) == 1
    with pytest.raises(StorageError):
        project.set_val(())


@pytest.mark.parametrize("damage", [(b'"tiles": [', b'"tile": ['), (b'"width_px":96', b'"width_px":"wide"')])
def test_a_damaged_older_index_is_said_to_be_damaged_and_left(version_1: Path, damage: tuple[bytes, bytes]) -> None:
    path = version_1 / "project.json"
    path.write_bytes(path.read_bytes().replace(*damage))
    before = path.read_bytes()
    with pytest.raises(ProjectError, match="damaged"):
        Project.open(version_1)
    assert path.read_bytes() == before
    assert not (version_1 / "backups").exists()


def test_a_summary_is_written_as_it_was(version_1: Path) -> None:
    data = (version_1 / "runs" / RUN_ID / "summary.json").read_bytes()
    assert RunSummary.model_validate_json(data).encode() == data


# --- a newer one ------------------------------------------------------------------------------------------------------


def test_a_newer_project_is_refused_and_never_written_to(version_1: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = Project.open(version_1)
    path = version_1 / "project.json"
    newer = path.read_bytes().replace(b'"spec_version": 2', b'"spec_version": 3').replace(b'"val"', b'"validation"')
    path.write_bytes(newer)
    with pytest.raises(ProjectError, match="newer version"):
        Project.open(version_1)
    # a program that had it open knows what was in it, and must not write that over the newer one
    label = np.full((96, 96), 255, np.uint8)
    for act in (
        lambda: project.write_label("a_1", label, LabelSource.PAINTED),
        lambda: project.set_val(()),
        lambda: project.add_class("new"),
        lambda: project.name,
    ):
        for _ in range(2):
            with pytest.raises(ProjectError, match="newer version"):
                act()
    assert path.read_bytes() == newer
    assert np.asarray(Image.open(version_1 / "labels" / "a_1.png"))[0, 0] == 0
    assert main(["export", str(version_1), "-o", str(version_1.parent / "out")]) == 2
    error = capsys.readouterr().err
    assert "spec_version = 3" in error
    assert "Needed: spec_version 2 or older" in error
    assert "pip install --upgrade napari-unisemalign" in error


def newer(path: Path, content: dict[str, Any] | None = None) -> bytes:
    values = content if content is not None else json.loads(path.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**values, "spec_version": 9, "a_new_key": 1}))
    return path.read_bytes()


def test_newer_settings_are_refused_and_never_written_over(version_1: Path) -> None:
    path = version_1 / "settings.json"
    before = newer(path)
    for act in (
        lambda: read_settings(version_1),
        lambda: write_settings(version_1, {"data.crop_px": 96}),
        lambda: write_settings(version_1, {}),
        lambda: load(path),
    ):
        with pytest.raises(ConfigError, match=r"settings\.json has spec_version = 9"):
            act()
    assert path.read_bytes() == before


def test_a_newer_history_or_round_is_refused_and_never_written_over(version_1: Path) -> None:
    project = Project.open(version_1)
    path, label = version_1 / "labels" / "a_1.json", project.label("a_1")
    before = newer(path), (version_1 / "labels" / "a_1.png").read_bytes()
    with pytest.raises(ProjectError, match=r"a_1\.json has spec_version = 9"):
        project.label_edits("a_1")
    with pytest.raises(ProjectError, match="newer version"):
        project.write_label("a_1", np.full_like(label, 0), LabelSource.PAINTED)
    assert (path.read_bytes(), (version_1 / "labels" / "a_1.png").read_bytes()) == before
    newer(version_1 / "rounds" / "001.json")
    with pytest.raises(ProjectError, match=r"001\.json has spec_version = 9"):
        project.rounds()


def test_a_newer_run_is_refused(version_1: Path) -> None:
    run = version_1 / "runs" / RUN_ID
    checkpoint = Checkpoint(run / "checkpoints" / "step_000003")
    newer(checkpoint.path / "state.json", {"step": 3})
    with pytest.raises(CheckpointError, match=r"state\.json has spec_version = 9"):
        _ = checkpoint.state
    tiles: dict[str, list[str]] = {"labeled": [], "unlabeled": [], "val": []}
    (run / "config.json").write_text("{}")
    newer(run / "provenance.json", {"classes": [], "tiles": tiles})
    with pytest.raises(CheckpointError, match=r"provenance\.json has spec_version = 9"):
        read_run(run)
    (run / "provenance.json").write_text(json.dumps({"classes": [], "tiles": tiles}))
    assert read_run(run)[1] == ()
    newer(run / "config.json", {})
    with pytest.raises(ConfigError, match=r"config\.json has spec_version = 9"):
        read_run(run)


# --- what version 2 holds ---------------------------------------------------------------------------------------------


def test_everything_in_the_index_comes_back(version_1: Path) -> None:
    path = version_1 / "project.json"
    index, older = parse_index(path.read_bytes(), path)
    assert older is not None
    colours = Answers(mask_holds="classes", mask_values={"1-40": 2, "#ff0000": 0}, soft_edges=0.5)
    depth = FileAnswers(image=Answers(used_bits=12, channels=(2, 1, 0), photometric="white_is_zero"))
    slide = SourceFile(
        "/data/s.svs", "../s.svs", 40_000, 30_000, 0.25, PixelSizeSource.USER, FilePixelSize(0.5, 0.51, "tiff_tags"),
        40.0, "0" * 64, depth,
    )  # fmt: skip
    tiles = (
        dataclasses.replace(
            index.tiles[0],
            mpp_set_by=PixelSizeSource.FILE,
            file_mpp=FilePixelSize(0.25, None, "ome_xml"),
            answers=FileAnswers(image=Answers(orientation="as_shown")),
            case="patient 7",
        ),
        *index.tiles[1:],
    )
    classes = tuple(dataclasses.replace(each, made_of_objects=each.id == 2) for each in index.classes)
    full = dataclasses.replace(
        index,
        classes=classes,
        tiles=tiles,
        files={"scan A": slide},
        answers=FileAnswers(mask=colours),
        objects={"v_1": NumberedObjects("objects/v_1.png", 12, 70_000)},
        partly_accepted=("u_1",),
    )
    path.write_bytes(IndexWriter().encode(full))
    assert parse_index(path.read_bytes(), path) == (full, None)
    project = Project.open(version_1)
    assert project.source_file("scan A_x00000_y00512") == slide
    assert project.place("scan A_x00000_y00512") == Place("scan A", 0, 512)
    assert project.answers("scan A_x00000_y00512") == FileAnswers(depth.image, colours)
    assert project.answers("a_1") == FileAnswers(Answers(orientation="as_shown"), colours)
    assert project.objects("v_1") == NumberedObjects("objects/v_1.png", 12, 70_000)
    assert project.is_partly_accepted("u_1")
    # and work on labels, classes and splits keeps it
    project.write_label("v_1", project.label("a_1"), LabelSource.CORRECTED)
    project.use_for_validation("a_1", True)
    project.update_class(2, name="gland")
    kept = parse_index(path.read_bytes(), path)[0]
    assert (kept.files, kept.answers, kept.objects) == (full.files, full.answers, full.objects)
    assert kept.tiles == full.tiles
    assert kept.classes[1].made_of_objects


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"files": {', '"files": {"x": {"mpp": 1},'), "mpp"),
        (('"answers": {}', '"answers": {"image": {"photometric": "inverted"}}'), "photometric"),
        (('"partly_accepted": []', '"partly_accepted": ["nobody"]'), "nobody"),
        (('"objects": {}', '"objects": {"nobody": {"path": "a", "count": 1, "highest": 1}}'), "nobody"),
        (('"place":{"file":"scan A"', '"place":{"file":"scan B"'), "scan B"),
    ],
)
def test_what_no_version_2_holds_is_named(version_1: Path, change: tuple[str, str], said: str) -> None:
    Project.open(version_1)
    path = version_1 / "project.json"
    text = path.read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ProjectError, match=f"damaged.*{said}"):
        Project.open(version_1)
