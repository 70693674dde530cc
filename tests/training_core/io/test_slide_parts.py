"""Of a slide in several files, one stands for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cases.dicom_slides import write_dicom
from training_core.io.slide_parts import without_parts
from training_core.project.sources import scan

PIXELS = np.random.default_rng(0).integers(0, 256, (128, 192, 3), dtype=np.uint8)


def picture(path: Path) -> Path:
    Image.fromarray(PIXELS).save(path)
    return path


def test_a_folder_with_dicom_slides_has_one_file_for_each(tmp_path: Path) -> None:
    pytest.importorskip("pydicom", reason="the extra slides is not installed")
    first = write_dicom(tmp_path, [PIXELS, PIXELS[::2, ::2]], name="b{}", series="1")
    second = write_dicom(tmp_path, [PIXELS, PIXELS[::2, ::2]], name="a{}", series="2")
    damaged = tmp_path / "c.dcm"
    damaged.write_bytes(first[0].read_bytes()[:150])
    image = picture(tmp_path / "image.png")
    assert scan([tmp_path]).files == (second[0], first[0], damaged, image)
    assert scan([first[1], first[0]]).files == (first[1],)


def test_a_series_in_two_folders_is_two_slides(tmp_path: Path) -> None:
    """OpenSlide looks for the other files of a series in one folder."""
    pytest.importorskip("pydicom", reason="the extra slides is not installed")
    (one,) = write_dicom(tmp_path / "one", [PIXELS])
    (other,) = write_dicom(tmp_path / "other", [PIXELS])
    assert without_parts([one, other]) == [one, other]


def test_what_a_vms_slide_names_is_no_image_of_its_own(tmp_path: Path) -> None:
    part, macro, image = (picture(tmp_path / name) for name in ("a(1,0).jpg", "a_macro.jpg", "b.jpg"))
    slide = tmp_path / "a.vms"
    named = f"ImageFile(1,0)={part.name}\nMacroImage={macro.name}\nMapFile=\nOptimisationFile=a.opt\n"
    slide.write_text(f"[Virtual Microscope Specimen]\n{named}")
    for other in ("a.opt", "b.opt"):
        (tmp_path / other).write_bytes(b"x")
    found = scan([tmp_path])
    assert (found.files, found.left_out) == ((slide, image), {".opt": 1})
    assert without_parts([part, slide, macro]) == [slide]


def test_the_folder_of_a_mirax_slide_is_not_left_out(tmp_path: Path) -> None:
    slide = picture(tmp_path / "a.jpg").rename(tmp_path / "a.mrxs")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = scan([tmp_path])
    assert (found.files, found.left_out) == ((slide,), {"folder": 1})
