"""Several writers of one label: no stroke is lost, whoever comes second."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training_core.base.errors import MaskError
from training_core.io import read_mask
from training_core.project import LabelSource, Project
from training_core.project.merging import CONFLICTS_FOLDER

MakeProject = Callable[..., Project]
SIDE = 96


def painted(label: np.ndarray, rows: slice, class_id: int) -> np.ndarray:
    label = label.copy()
    label[rows] = class_id
    return label


def test_strokes_in_other_places_are_both_kept(make_project: MakeProject) -> None:
    project = make_project()
    other = Project.open(project.path)
    base = project.label("u_1")
    first = project.write_label("u_1", painted(base, slice(0, 10), 0), LabelSource.PAINTED, base=base)
    assert (first.others_pixels, first.disputed_pixels, first.other_version) == (0, 0, None)
    second = other.write_label("u_1", painted(base, slice(50, 60), 1), LabelSource.PAINTED, base=base)
    expected = painted(painted(base, slice(0, 10), 0), slice(50, 60), 1)
    np.testing.assert_array_equal(project.label("u_1"), expected)
    np.testing.assert_array_equal(second.label, expected)
    assert (second.others_pixels, second.disputed_pixels, second.other_version) == (10 * SIDE, 0, None)
    assert project.labeled_pixels("u_1") == 20 * SIDE  # the index counts what is on the disk


def test_an_erased_stroke_stays_erased_and_a_new_one_beside_it_stays(make_project: MakeProject) -> None:
    project = make_project()
    empty = project.label("u_1")
    base = project.write_label("u_1", painted(empty, slice(0, 20), 1), LabelSource.PAINTED).label
    project.write_label("u_1", painted(base, slice(40, 50), 0), LabelSource.PAINTED, base=base)
    project.write_label("u_1", painted(base, slice(0, 10), 255), LabelSource.PAINTED, base=base)
    expected = painted(painted(empty, slice(10, 20), 1), slice(40, 50), 0)
    np.testing.assert_array_equal(project.label("u_1"), expected)


def test_where_both_painted_differently_both_versions_are_kept(make_project: MakeProject) -> None:
    project = make_project()
    base = project.label("u_1")
    theirs = painted(base, slice(0, 30), 0)
    project.write_label("u_1", theirs, LabelSource.PAINTED, base=base)
    written = project.write_label("u_1", painted(base, slice(20, 50), 1), LabelSource.PAINTED, base=base)
    np.testing.assert_array_equal(project.label("u_1"), painted(painted(base, slice(0, 30), 0), slice(20, 50), 1))
    assert written.disputed_pixels == 10 * SIDE
    assert written.other_version is not None
    assert written.other_version.parent == project.path / CONFLICTS_FOLDER
    np.testing.assert_array_equal(read_mask(written.other_version), theirs)


def test_the_same_stroke_of_both_is_no_conflict(make_project: MakeProject) -> None:
    project = make_project()
    base = project.label("u_1")
    mine = painted(base, slice(0, 30), 0)
    project.write_label("u_1", mine, LabelSource.PAINTED, base=base)
    written = project.write_label("u_1", mine, LabelSource.PAINTED, base=base)
    assert (written.others_pixels, written.disputed_pixels, written.other_version) == (0, 0, None)


def test_a_damaged_label_keeps_nobody_from_saving(make_project: MakeProject) -> None:
    project = make_project()
    base = project.label("a_1")
    (project.path / "labels" / "a_1.png").write_bytes(b"no picture")
    mine = painted(base, slice(0, 30), 1)
    project.write_label("a_1", mine, LabelSource.PAINTED, base=base)
    np.testing.assert_array_equal(project.label("a_1"), mine)


def test_a_writer_that_still_shows_a_removed_class_saves_its_strokes(make_project: MakeProject) -> None:
    project = make_project()
    nerve = project.add_class("nerve").id
    empty = project.label("u_1")
    base = project.write_label("u_1", painted(empty, slice(0, 20), nerve), LabelSource.PAINTED).label
    Project.open(project.path).remove_class(nerve, into=0)
    project.write_label("u_1", painted(base, slice(40, 50), 1), LabelSource.PAINTED, base=base)
    expected = painted(painted(empty, slice(0, 20), 0), slice(40, 50), 1)
    np.testing.assert_array_equal(project.label("u_1"), expected)


def test_what_is_painted_in_a_removed_class_is_refused_in_words(make_project: MakeProject) -> None:
    project = make_project()
    nerve = project.add_class("nerve").id
    base = project.label("u_1")
    Project.open(project.path).remove_class(nerve)
    with pytest.raises(MaskError, match=r"which no class has.*paint over these pixels"):
        project.write_label("u_1", painted(base, slice(0, 2), nerve), LabelSource.PAINTED, base=base)


def rows(*parts: slice) -> np.ndarray:
    where = np.zeros((SIDE, SIDE), bool)
    for part in parts:
        where[part] = True
    return where


def test_rejections_of_two_windows_are_both_kept(make_project: MakeProject) -> None:
    project = make_project()
    base = project.rejection("u_1")
    project.reject_area("u_1", rows(slice(0, 10)), "run_1")
    project.write_rejection("u_1", base.with_area(rows(slice(30, 40)), "run_2"), base)
    now = Project.open(project.path).rejection("u_1")
    np.testing.assert_array_equal(now.where, rows(slice(0, 10), slice(30, 40)))
    np.testing.assert_array_equal(now.of_run("run_2"), rows(slice(30, 40)))


def test_an_undone_rejection_leaves_what_another_window_rejected_or_cleared(make_project: MakeProject) -> None:
    project = make_project()
    project.reject_area("u_1", rows(slice(80, 90)), "run_1")
    before = project.rejection("u_1")
    after = before.with_tile("run_2")
    project.write_rejection("u_1", after, before)
    theirs = Project.open(project.path)
    theirs.reject("u_1", "run_3")
    project.write_rejection("u_1", before, after)  # undo
    now = project.rejection("u_1")
    assert now.hidden == ("run_3",)
    assert now.where.all()  # by run_3
    np.testing.assert_array_equal(now.of_run("run_3"), rows(slice(0, SIDE)))

    project.write_rejection("u_1", now.taken_back())
    empty = project.rejection("u_1")
    mine = empty.with_area(rows(slice(0, 5)), "run_4")
    project.write_rejection("u_1", mine, empty)
    theirs.write_rejection("u_1", theirs.rejection("u_1").taken_back())
    project.write_rejection("u_1", mine.with_area(rows(slice(50, 60)), "run_5"), mine)
    np.testing.assert_array_equal(project.rejection("u_1").where, rows(slice(50, 60)))  # what was cleared stays so


WRITER = """
import sys
import numpy as np
from training_core.project import LabelSource, Project
project, number, seed = Project.open(__import__("pathlib").Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
chance, base = np.random.default_rng([seed, number]), project.label("u_1")
own = np.argwhere(np.arange(96 * 96).reshape(96, 96) % 4 == number)  # each writer paints its own pixels
painted = chance.permutation(len(own))[:int(sys.argv[4])]
for stroke in painted:
    label = base.copy()
    label[tuple(own[stroke])] = number % 2
    project.write_label("u_1", label, LabelSource.PAINTED, base=base)
    base = label  # what this writer believes the label to be: it never looks at the others' strokes
print(len(painted))
"""


@pytest.mark.parametrize("seed", [0])
def test_four_writers_of_one_tile_lose_no_stroke(make_project: MakeProject, seed: int) -> None:
    project, strokes = make_project(), 25
    script = WRITER
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(project.path), str(number), str(seed), str(strokes)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for number in range(4)
    ]
    assert [writer.communicate(timeout=120)[0].strip() for writer in writers] == [str(strokes)] * 4
    label, own = project.label("u_1"), np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 4
    assert [int(np.count_nonzero(label[own == number] == number % 2)) for number in range(4)] == [strokes] * 4
    assert project.labeled_pixels("u_1") == 4 * strokes
    assert len(project.label_edits("u_1")) == 4 * strokes
    assert not (project.path / CONFLICTS_FOLDER).exists()
