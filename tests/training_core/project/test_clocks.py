"""A clock that is set back by a year: the newest work stays the newest, and nobody who is gone seems to be there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.project import LabelSource, Project
from training_core.project import index_backups as backups
from training_core.project import labels as labels_module
from training_core.project.index_backups import index_backups
from training_core.runs import run_folder
from training_core.runs.run_folder import Split, create_run_folder
from training_core.settings.schema import Config

MakeProject = Callable[..., Project]
SIDE = 96


class Clock(datetime):
    """What the computer believes."""

    moment = datetime(2027, 5, 1, 12, 0, 0, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return cls.moment


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    for module in (run_folder, backups, labels_module):
        monkeypatch.setattr(module, "datetime", Clock)

    def to(year: int) -> None:
        monkeypatch.setattr(Clock, "moment", datetime(year, 5, 1, 12, 0, 0, tzinfo=UTC))

    return to


def finished_run(project: Project, tile: str, value: int) -> str:
    folder = create_run_folder(project, Config(), project.classes, Split((), (), ()), "0" * 64, ["train"])
    (folder / "predictions").mkdir()
    for kind in ("prediction", "pseudo_label", "confidence"):
        Image.fromarray(np.full((SIDE, SIDE), value, np.uint8)).save(folder / "predictions" / f"{tile}.{kind}.png")
    (folder / "summary.json").write_text("{}")
    return folder.name


def test_the_run_that_was_trained_last_is_the_newest(
    make_project: MakeProject, set_clock: Callable[[int], None]
) -> None:
    project = make_project()
    set_clock(2027)
    before = finished_run(project, "u_1", 0)
    set_clock(2026)
    after = finished_run(project, "u_1", 1)
    again = finished_run(project, "u_1", 1)
    assert project.run_ids() == (before, after, again)
    assert project.latest_run_id() == again
    found = project.prediction("u_1")
    assert found is not None
    assert found.run_id == again
    provenance = json.loads((project.runs_dir / after / "provenance.json").read_text())
    assert provenance["started_at"].startswith("2026-05-01T12:00:00")  # the id sorts; this is what the clock said
    set_clock(2028)
    assert finished_run(project, "u_1", 0) == "20280501-120000"


def test_the_backup_of_the_newest_index_is_the_newest_and_stays(
    make_project: MakeProject, set_clock: Callable[[int], None]
) -> None:
    project = make_project(ids=(0, 3))

    def name_again(name: str, minutes: int, year: int) -> None:
        Clock.moment = datetime(year, 5, 1, 12, minutes, 0, tzinfo=UTC)
        project.update_class(3, name=name)
        newest = index_backups(project.path)[-1]
        if newest not in seen:  # the file system's clock is the computer's
            os.utime(newest, (Clock.moment.timestamp(), Clock.moment.timestamp()))
            seen.add(newest)

    seen: set[Path] = set()
    set_clock(2027)
    for path in index_backups(project.path):
        path.unlink()
    for number in range(10):
        name_again(f"future {number}", number * 6, 2027)
    for number in range(12):
        name_again(f"now {number}", number * 5, 2026)
    kept = index_backups(project.path)
    names = [json.loads(path.read_text())["classes"][1]["name"] for path in kept]
    # one in ten minutes, each as it was before the change: the first now follows "future 9"
    assert names[-6:] == ["future 9", "now 1", "now 3", "now 5", "now 7", "now 9"]
    assert len(kept) <= 10


def test_versions_of_a_label_stay_in_the_order_of_the_work(
    make_project: MakeProject, set_clock: Callable[[int], None]
) -> None:
    project = make_project()
    for number, year in enumerate((2027, 2026, 2026, 2028), start=1):
        set_clock(year)
        label = np.full((SIDE, SIDE), 255, np.uint8)
        label.ravel()[:number] = 1
        project.write_label("u_1", label, LabelSource.PAINTED)
    versions = project.label_versions("u_1")
    assert [each.number for each in versions] == [3, 2, 1, 0]
    for each in versions:
        assert int((project.label_version("u_1", each.number).label != 255).sum()) == each.number
