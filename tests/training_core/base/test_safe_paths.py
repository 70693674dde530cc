"""What may be a file's name, on every system."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_core.base.errors import ProjectError
from training_core.base.safe_paths import (
    check_name,
    check_reference,
    check_relative,
    check_sha256,
    check_way,
    portable,
    within,
)
from training_core.project.inputs.names import tile_name

LEADING_OUT = [
    "", " ", ".", "..", "../x", "../../x", "a/b", "/abs/x", "a\\b", "..\\x", "C:x", "C:\\x", "\\\\server\\share",
    "a\0b",    "con", "NUL", "aux.tile", "com1", "LPT9.old", "com²", "CONIN$", "nul ", "x" * 236, "é" * 118,
]  # fmt: skip
GOOD = ["tile_1", "Drüse 3", "ab:c", "case..3", "...", "console", "com10", "auxiliary", "50 % H&E", "x" * 235, "切片"]


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Needed: names of files"):
        check_name(name, "project.json")
    with pytest.raises(ProjectError):
        within(tmp_path, "labels", name)


@pytest.mark.parametrize("name", GOOD)
def test_other_names_are_left_as_they_are(name: str, tmp_path: Path) -> None:
    assert check_name(name, "project.json") == name
    assert portable(name) == name
    assert within(tmp_path, "labels", name) == tmp_path / "labels" / name


@pytest.mark.parametrize(
    ("given", "name"),
    [("a\\b", "a%5Cb"), ("C:x", "C%3Ax"), ("aux", "%61ux"), ("Con.old", "%43on.old"), ("..", "%2E."), (".", "%2E")],
)
def test_a_new_tile_gets_a_name_that_every_system_can_keep(given: str, name: str) -> None:
    assert tile_name(Path(f"{given}.png")) == name
    check_name(name, "project.json")


def test_paths_in_the_project_and_to_it() -> None:
    assert check_relative("images/a.png", "project.json") == "images/a.png"
    for path in ("../a.png", "images/../../a.png", "/a.png", "images//a.png", "C:/a.png", "images\\a.png"):
        with pytest.raises(ProjectError):
            check_relative(path, "project.json")
    for path in ("/data/a.png", "C:\\data\\a.png", "\\\\nas\\slides\\a.svs"):
        assert check_reference(path, "project.json") == path
    for path in ("../a.png", "a.png", "", "/data/a\0.png"):
        with pytest.raises(ProjectError):
            check_reference(path, "project.json")
    assert check_way("../../data/a.png", "project.json") == "../../data/a.png"
    for path in ("/data/a.png", "", "C:a.png", "..\\a.png", "a\0"):
        with pytest.raises(ProjectError):
            check_way(path, "project.json")
    with pytest.raises(ProjectError):
        check_sha256("../" * 20 + "abcd", "project.json")


def test_a_link_may_stay_in_the_folder_and_not_leave_it(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    (project / "real").mkdir(parents=True)
    outside.mkdir()
    (project / "inside").symlink_to("real")
    (project / "labels").symlink_to(outside)
    (project / "real" / "a.png").symlink_to(outside / "a.png")
    assert within(project, "inside", "x.png") == project / "inside" / "x.png"
    for parts in (("labels", "x.png"), ("real", "a.png"), ("inside", "a.png")):
        with pytest.raises(ProjectError, match="is a link to"):
            within(project, *parts)
    (tmp_path / "by link").symlink_to(project)  # the folder itself may be reached by one
    assert within(tmp_path / "by link", "inside", "x.png").parent.is_dir()
