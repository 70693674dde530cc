"""The sample and the list of recent projects are where each system keeps such things; older ones are still used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import platformdirs
import pytest

from napari_unisemalign.app import user_folders
from napari_unisemalign.app.user_folders import recent_file, sample_folder
from napari_unisemalign.tiles.recent import recent_projects, remember
from training_core.project.index import INDEX_NAME


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path = tmp_path / "home"
    tmp_path.mkdir()
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    if sys.platform == "win32":  # asked of the system there, which knows nothing of the variables
        monkeypatch.setattr(user_folders, "user_data_path", lambda name, **_: tmp_path / "data" / name)
        monkeypatch.setattr(user_folders, "user_state_path", lambda name, **_: tmp_path / "state" / name)
    return tmp_path


def a_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / INDEX_NAME).write_text("{}")
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the XDG folders are those of Linux")
def test_on_linux_they_follow_xdg(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sample_folder() == home / ".local/share/napari-unisemalign/sample"
    assert recent_file() == home / ".local/state/napari-unisemalign/recent.json"
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    assert sample_folder() == home / "data/napari-unisemalign/sample"
    assert recent_file() == home / "state/napari-unisemalign/recent.json"


def test_nothing_is_made_by_asking(home: Path) -> None:
    sample_folder()
    recent_projects()
    assert list(home.iterdir()) == []


def test_a_sample_of_an_earlier_version_is_still_the_sample(home: Path) -> None:
    former = a_project(home / "napari-unisemalign" / "sample")
    assert sample_folder() == former


def test_an_empty_folder_of_that_name_is_not(home: Path) -> None:
    (home / "napari-unisemalign" / "sample").mkdir(parents=True)
    assert sample_folder().is_relative_to(platformdirs.user_data_path() if sys.platform != "win32" else home / "data")


def test_the_list_of_an_earlier_version_is_read_and_written_in_the_new_place(home: Path) -> None:
    one, two = a_project(home / "one"), a_project(home / "two")
    former = home / "napari-unisemalign" / "recent.json"
    former.parent.mkdir()
    former.write_text(json.dumps({"projects": [str(one)]}))
    assert recent_projects() == ((one,), ())
    remember(two)
    assert json.loads(recent_file().read_text()) == {"projects": [str(two), str(one)]}
    former.write_text(json.dumps({"projects": []}))  # it is not asked again
    assert recent_projects() == ((two, one), ())
