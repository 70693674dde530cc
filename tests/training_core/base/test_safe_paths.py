"""What may be a file's name, on every system."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_core.base import safe_paths
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
from training_core.project.inputs.names import resolve_names, tile_name

LEADING_OUT = [
    "", " ", ".", "..", "../x", "../../x", "a/b", "/abs/x", "a\\b", "..\\x", "C:x", "C:\\x", "\\\\server\\share",
    "a\0b",    "con", "NUL", "aux.tile", "com1", "LPT9.old", "com²", "CONIN$", "nul ", "x" * 236, "é" * 118,
]  # fmt: skip
GOOD = ["tile_1", "Drüse 3", "case..3", ".. a", "console", "com10", "auxiliary", "50 % H&E", "x" * 235, "切片"]
NOT_ON_WINDOWS = {
    "ab:c": "ab%3Ac", "...": "..%2E", "tile ": "tile%20", "tile.": "tile%2E", 'a"b': "a%22b", "a?b": "a%3Fb",
    "a*b": "a%2Ab", "a<b>": "a%3Cb%3E", "a|b": "a%7Cb",
}  # fmt: skip


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


@pytest.mark.parametrize("name", NOT_ON_WINDOWS)
def test_what_windows_cannot_keep_is_escaped_in_new_names_read_elsewhere_and_refused_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert portable(name) == NOT_ON_WINDOWS[name]
    assert portable(portable(name)) == portable(name)
    assert tile_name(Path(f"{name}.png")) == NOT_ON_WINDOWS[name]
    assert within(tmp_path, "history", name) == tmp_path / "history" / name  # of a project of an earlier version
    monkeypatch.setattr(safe_paths, "_IS_WINDOWS", True)
    assert within(tmp_path, "history", portable(name)).name == portable(name)
    with pytest.raises(ProjectError, match="none that Windows can keep"):
        within(tmp_path, "history", name)


def test_a_list_finds_tiles_by_the_names_of_this_version_and_of_earlier_ones() -> None:
    for name in ("ab:c", "ab%3Ac"):
        assert resolve_names(["ab:c.png"], [name], "the list") == (name,)


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
