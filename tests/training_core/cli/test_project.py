"""`project new`, `project info` and `export` as commands, good input and bad."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training_core.base.arrays import UNLABELED
from training_core.cli.main import main
from training_core.project import LabelSource, Project


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Four images and masks of 0, 128 and 255; the fourth has no mask."""
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    rng = np.random.default_rng(0)
    for number in range(1, 5):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(images / f"t{number}.png")
        if number < 4:
            mask = np.zeros((48, 64), np.uint8)
            mask[:10], mask[20:30] = 128, 255
            Image.fromarray(mask).save(masks / f"t{number}.png")
    return images, masks


Fails = Callable[..., str]


@pytest.fixture
def fails(tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run `project new`; it must end with one line, code 2, and leave nothing; returns the line."""
    images, _ = folders

    def run(*arguments: str) -> str:
        before = sorted(path.name for path in tmp_path.iterdir())
        assert main(["project", "new", str(tmp_path / "p"), "--images", str(images), *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        for part in ("Needed:", "Try:"):
            assert part in err
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        return err

    return run


CLASSES = "background=0,gland=255,stroma=128"


def test_masks_become_labels_as_said(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    images, masks = folders
    (tmp_path / "val.txt").write_text("t3.png\n# a comment\n\n")
    new = ["project", "new", str(tmp_path / "p"), "--images", str(images), "--masks", str(masks)]
    code = main([*new, "--classes", CLASSES, "--val", str(tmp_path / "val.txt")])
    assert code == 0
    project = Project.open(tmp_path / "p")
    assert [(c.id, c.name) for c in project.classes] == [(0, "background"), (1, "gland"), (2, "stroma")]
    label = project.label("t1")
    assert (label[:10] == 2).all()
    assert (label[20:30] == 1).all()
    assert (label[40:] == 0).all()
    assert project.val_names() == ("t3",)
    assert project.labeled_names() == ("t1", "t2")
    assert project.label_edits("t1")[0].source is LabelSource.IMPORTED
    assert main(["project", "info", str(tmp_path / "p"), "--json", str(tmp_path / "i.json")]) == 0
    info = json.loads((tmp_path / "i.json").read_text())
    assert (info["tiles"], info["labeled"], info["unlabeled"], info["validation"]) == (4, 2, 1, 1)


def test_lists_and_values_left_out(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    images, masks = folders
    (tmp_path / "none.txt").write_text("")
    common = ["--images", str(images), "--masks", str(masks)]
    listed = ["--classes", CLASSES, "--labeled", str(tmp_path / "none.txt")]
    assert main(["project", "new", str(tmp_path / "p"), *common, *listed]) == 0
    assert Project.open(tmp_path / "p").labeled_names() == ()
    assert main(["project", "new", str(tmp_path / "q"), *common, "--classes", "a=0,b=255,unlabelled=128"]) == 0
    assert (Project.open(tmp_path / "q").label("t1")[:10] == UNLABELED).all()


def test_values_without_a_class(fails: Fails, folders: tuple[Path, Path]) -> None:
    line = fails("--masks", str(folders[1]), "--classes", "background=0,gland=255")
    assert "128" in line
    assert "t1.png" in line


def test_masks_without_classes_get_a_proposal(fails: Fails, folders: tuple[Path, Path]) -> None:
    line = fails("--masks", str(folders[1]))
    assert "--classes" in line
    assert "128" in line


def test_a_listed_image_without_mask_or_without_image(fails: Fails, folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("t4\n")
    common = ("--masks", str(folders[1]), "--classes", CLASSES)
    assert "t4" in fails(*common, "--labeled", str(tmp_path / "l.txt"))
    (tmp_path / "l.txt").write_text("t9\n")
    assert "t9" in fails(*common, "--labeled", str(tmp_path / "l.txt"))
    assert "nowhere.txt" in fails(*common, "--labeled", str(tmp_path / "nowhere.txt"))
    (tmp_path / "l.txt").write_text("t1\n")
    assert "t1" in fails(*common, "--labeled", str(tmp_path / "l.txt"), "--val", str(tmp_path / "l.txt"))


@pytest.mark.parametrize("classes", ["background=0,gland=5-1", "=3", "a=1,b=1", "a=,b=2"])
def test_classes_that_cannot_be_read(fails: Fails, folders: tuple[Path, Path], classes: str) -> None:
    assert "--classes" in fails("--masks", str(folders[1]), "--classes", classes)


def test_a_project_is_never_overwritten(
    tmp_path: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "precious.txt").write_text("mine")
    assert main(["project", "new", str(tmp_path / "p"), "--images", str(folders[0])]) == 2
    assert "error: " in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["precious.txt"]


def test_export_as_a_process(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    images, masks = folders
    new = ["project", "new", str(tmp_path / "p"), "--images", str(images), "--masks", str(masks), "--classes", CLASSES]
    assert main(new) == 0
    command = [sys.executable, "-m", "training_core", "export", str(tmp_path / "p"), "-o", str(tmp_path / "out")]
    done = subprocess.run([*command, "--format", "tiff"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "classes.json",
        "t1.tiff",
        "t2.tiff",
        "t3.tiff",
    ]
    assert done.stdout == (
        f"Wrote 3 masks and classes.json to {tmp_path / 'out'}\n1 of 4 tiles left out, with no annotation: t4\n"
    )
    again = subprocess.run([*command, "--format", "tiff"], capture_output=True, text=True)
    assert again.returncode == 0
    assert "Wrote 0 masks" in again.stdout
    assert "3 were there already" in again.stdout
    wrong = subprocess.run(
        [*command[:4], str(tmp_path / "no"), "-o", str(tmp_path / "o2")], capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
    assert "Traceback" not in wrong.stderr
