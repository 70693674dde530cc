"""A project from somebody else reads and writes nothing outside its folder: each trap is set, and all acts are done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training_core.conftest import build_project
from training_core.base.errors import UserError
from training_core.class_maps.overlay_files import OverlayArrays, write_overlays
from training_core.export import export_masks
from training_core.io import atomic_write
from training_core.project import LabelSource, Project
from training_core.project.records import Round
from training_core.project.runs import encode_round
from training_core.runs.checkpoint import open_checkpoint

OUT = "../../caught"
BAD_NAMES = [OUT, "/abs/caught", "labels/../../caught", "..", "C:\\caught", "..\\caught", "a\0b", "NUL"]
RUN = "20260101-120000"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in the way in which people have it, with a run that has predicted."""
    folder = tmp_path_factory.mktemp("foreign")
    project = build_project(folder)
    pixels = np.zeros((96, 96), np.uint8)
    for tile in project.tiles:
        write_overlays(project.runs_dir / RUN / "predictions", tile.name, OverlayArrays(pixels, pixels, pixels))
    (project.runs_dir / RUN / "summary.json").write_text("{}")
    return project.path


@pytest.fixture
def project_dir(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "given" / "project"))


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads((folder / "project.json").read_text())
    change(content)
    (folder / "project.json").write_text(json.dumps(content))


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "project" not in path.parts}


def do_all(folder: Path, name: str) -> None:
    """Open the project and do to a tile of this name whatever can be done."""
    project = Project.open(folder)
    label = np.zeros((96, 96), np.uint8)
    acts: list[Callable[[], object]] = [
        lambda: project.write_label(name, label, LabelSource.PAINTED),
        lambda: project.write_label(name, label, LabelSource.ACCEPTED_PREDICTION, run_id=RUN),
        lambda: project.reject(name, RUN),
        lambda: project.thumbnail(name),
        lambda: project.image(name),
        lambda: project.label(name),
        lambda: project.prediction(name),
        lambda: export_masks(project, folder / "export"),
        lambda: project.remove_class(1, into=0),
        lambda: project.remove_tiles([name]),
        lambda: encode_round(folder, Round(1, RUN, "2026-01-01", {}, ())),
    ]
    for act in acts:
        try:
            act()
        except UserError:
            continue


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_tile_with_a_name_that_leads_out(project_dir: Path, name: str) -> None:
    def rename(content: dict[str, Any]) -> None:
        tile = content["tiles"][0]
        for key in ("labels", "rejected_areas"):
            content[key] = {name if each == tile["name"] else each: value for each, value in content[key].items()}
        content["val"] = [name if each == tile["name"] else each for each in content["val"]]
        tile["name"] = name

    rewrite(project_dir, rename)
    before = everything(project_dir.parents[1])
    with pytest.raises(UserError, match="Needed: names of files"):
        do_all(project_dir, name)
    assert everything(project_dir.parents[1]) == before
    assert not Path("/abs").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", "../../secret.png"),
        ("path", "images/../../secret.png"),
        ("sha256", "../../../../caught"),
        ("path_from_project", "/etc/passwd"),
        ("path_from_project", "C:secret.png"),
    ],
)
def test_a_path_or_hash_of_a_tile_that_leads_out(project_dir: Path, key: str, value: str) -> None:
    rewrite(project_dir, lambda content: content["tiles"][0].update({key: value}))
    before = everything(project_dir.parents[1])
    with pytest.raises(UserError):
        do_all(project_dir, "a_1")
    assert everything(project_dir.parents[1]) == before


@pytest.mark.parametrize("change", [
    lambda content: content["objects"].update({"a_1": {"path": OUT + ".tif", "count": 1, "highest": 1}}),
    lambda content: content["rejected"].update({OUT: ["a_1"]}),
    lambda content: content["files"].update({"slide": {"path": "../slide.svs"}}),
    lambda content: content["files"].update({"slide": {"path_from_project": "/etc/passwd"}}),
])  # fmt: skip
def test_other_paths_of_the_index(project_dir: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rewrite(project_dir, change)
    with pytest.raises(UserError):
        Project.open(project_dir)


@pytest.mark.parametrize(
    "place",
    ["labels", "accepted", "rejected", "cache", "backups", "rounds", "runs", f"runs/{RUN}", f"runs/{RUN}/predictions",
              "images", "objects"]
)  # fmt: skip
def test_a_folder_that_is_a_link_out_of_the_project(project_dir: Path, place: str) -> None:
    outside, folder = project_dir.parents[1] / "outside", project_dir / place
    if folder.exists():
        shutil.move(folder, outside)
    else:
        outside.mkdir()
    folder.symlink_to(outside)
    before = everything(project_dir.parents[1])
    with pytest.raises(UserError, match="is a link to"):
        do_all(project_dir, "a_1")
    assert everything(project_dir.parents[1]) == before


def test_files_that_are_links_are_neither_read_nor_emptied(project_dir: Path) -> None:
    outside = project_dir.parents[1] / "thesis.txt"
    outside.write_text("ten years of work")
    for name in ("labels/a_1.png", "labels/a_1.json", "accepted/a_1.png", "rejected/a_1.png"):
        (project_dir / name).unlink(missing_ok=True)
        (project_dir / name).parent.mkdir(exist_ok=True)
        (project_dir / name).symlink_to(outside)
    do_all(project_dir, "a_1")
    (project_dir / "project.lock").unlink(missing_ok=True)
    (project_dir / "project.lock").symlink_to(outside)
    with pytest.raises(UserError, match="is a link to"):
        do_all(project_dir, "a_1")
    assert outside.read_text() == "ten years of work"


def test_a_checkpoint_that_is_named_elsewhere(project_dir: Path) -> None:
    checkpoints = project_dir / "runs" / RUN / "checkpoints"
    checkpoints.mkdir()
    for name in ("../../../../outside", "/abs/x", ".."):
        (checkpoints / "index.json").write_text(json.dumps({"last": name, "best": name}))
        with pytest.raises(UserError, match="Needed: names of files"):
            open_checkpoint(checkpoints.parent)


def test_a_round_that_names_a_run_elsewhere(project_dir: Path) -> None:
    atomic_write(*encode_round(project_dir, Round(1, OUT, "2026-01-01", {}, ())))
    with pytest.raises(UserError):
        Project.open(project_dir).rounds()


def test_a_project_that_is_reached_by_a_link_works(project_dir: Path, tmp_path: Path) -> None:
    by_link = tmp_path / "link"
    os.symlink(project_dir, by_link)
    project = Project.open(by_link)
    project.write_label("a_1", np.ones((96, 96), np.uint8), LabelSource.PAINTED)
    assert (Project.open(project_dir).label("a_1") == 1).all()
