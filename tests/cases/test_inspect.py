"""`python -m training_core inspect`: one table for what people have, never a traceback, exit codes that scripts can use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.cases.writers import chunk, exif, ids, png, pyramid, rgb8
from training_core.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "turned.png").write_bytes(png(rgb8(), 8, 2, before=chunk(b"eXIf", exif(6))))
    large = np.repeat(np.repeat(rgb8(), 4, axis=0), 4, axis=1)
    pyramid(tmp_path / "slide.tif", large, photometric="rgb", resolution=(40_000, 40_000), resolutionunit="CENTIMETER")
    tifffile.imwrite(tmp_path / "channels.tif", np.stack([ids()] * 4), imagej=True, metadata={"axes": "CYX"})
    Image.fromarray(rgb8()).save(tmp_path / "print.jpg", dpi=(300, 300))
    return tmp_path


def test_a_table_with_every_question(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "PNG", "56 x 40", "8 bit: red, green, blue", "--orientation as-shown", "--orientation as-stored",
        "224 x 160, 2 levels", "0.25 µm (tiff_tags)", "adobe deflate", "--channels 1,2,3", "has 4 channels",
        "Its pixel size is not used: it states a pixel size of 84.67 µm/px, which no microscope gives.",
    ):  # fmt: skip
        assert words in shown, words


def test_json_for_scripts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "turned.png"), str(folder / "slide.tif"), "--json", "-"]) == 0
    turned, slide = json.loads(capsys.readouterr().out)["files"]
    assert (turned["kind"], turned["orientation"], turned["bits"], turned["problem"]) == ("PNG", 6, 8, None)
    assert turned["questions"][0]["option"] == "--orientation"
    assert set(turned["questions"][0]["choices"]) == {"as-shown", "as-stored"}
    assert slide["levels"] == [[224, 160], [112, 80]]
    assert slide["pixel_size"] == {"x_um": 0.25, "y_um": 0.25, "stated_in": "tiff_tags"}
    assert slide["usable_pixel_size_um"] == 0.25


def test_an_answered_question_is_not_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "turned.png"), "--orientation", "as-shown"]) == 0
    assert "--orientation" not in capsys.readouterr().out


def test_the_same_file_asks_other_questions_as_a_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.png").write_bytes(png(ids(), 2, 0))
    assert main(["inspect", str(tmp_path / "m.png")]) == 0
    assert "Choose" not in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "m.png"), "--as", "mask"]) == 0
    assert "--grey-values as-stored: ids: 0 to 3" in capsys.readouterr().out


def test_bad_files_are_named_and_the_others_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cut.png").write_bytes(png(rgb8(), 8, 2)[:500])
    (folder / "slide.czi").write_bytes(b"ZISRAWFILE" + bytes(100))
    assert main(["inspect", str(folder / "cut.png"), str(folder / "slide.czi"), str(folder / "print.jpg")]) == 3
    shown = capsys.readouterr().out
    assert "cut.png is damaged or incomplete (it is cut short)" in shown
    assert "not read: " in shown
    assert "slide.czi is a CZI file (Zeiss)" in shown
    assert "JPEG" in shown
    assert main(["inspect", str(folder / "cut.png"), str(folder / "nothing.png")]) == 2
    assert "there is no file" in capsys.readouterr().out


def test_a_wrong_answer_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder), "--orientation", "sideways"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "as-stored or as-shown" in error


def test_it_starts_without_torch(folder: Path) -> None:
    script = """
import sys
sys.modules["torch"] = None
from training_core.cli.main import main
sys.exit(main(["inspect", sys.argv[1]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "turned.png" in done.stdout


def test_a_question_in_a_command_names_its_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(folder / "p")
    assert main(["project", "new", target, "--images", str(folder / "turned.png"), "--classes", "a,b"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--orientation as-shown" in error
    assert "turned.png is shown turned or mirrored by viewers" in error
    assert not (folder / "p").exists()
