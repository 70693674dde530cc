"""The pixel size that picture files state: believed where a microscope could have given it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from training_core.base.errors import ImageError
from training_core.io import write_png, write_tiff
from training_core.io.resolution import file_mpp_um

PIXELS = np.full((40, 48, 3), 200, np.uint8)


@pytest.mark.parametrize("mpp_um", [0.2528, 0.5, 2.0])
def test_our_own_tiffs_say_what_they_were_given(tmp_path: Path, mpp_um: float) -> None:
    write_tiff(tmp_path / "a.tif", PIXELS, mpp_um)
    assert file_mpp_um(tmp_path / "a.tif") == pytest.approx(mpp_um, rel=1e-4)


def test_inches_imagej_and_ome(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "inch.tif", PIXELS, resolution=(50_800, 50_800), resolutionunit="INCH")
    assert file_mpp_um(tmp_path / "inch.tif") == pytest.approx(0.5)
    options = {"resolution": (4.0, 4.0), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "imagej.tif", PIXELS, imagej=True, **options)
    assert file_mpp_um(tmp_path / "imagej.tif") == pytest.approx(0.25)
    ome = {"axes": "YXS", "PhysicalSizeX": 325.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 325.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", PIXELS, metadata=ome)
    assert file_mpp_um(tmp_path / "a.ome.tif") == pytest.approx(0.325)


def test_png_and_jpeg_by_their_dots_per_inch(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        Image.fromarray(PIXELS).save(tmp_path / name, dpi=(50_800, 50_800))
        assert file_mpp_um(tmp_path / name) == pytest.approx(0.5, rel=1e-3)


def test_a_writer_s_default_is_no_pixel_size(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "screen.png", dpi=(72, 72))
    Image.fromarray(PIXELS).save(tmp_path / "print.jpg", dpi=(300, 300))
    tifffile.imwrite(tmp_path / "screen.tif", PIXELS, resolution=(72, 72), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "no_unit.tif", PIXELS, resolution=(1, 1), resolutionunit="NONE")
    tifffile.imwrite(tmp_path / "none.tif", PIXELS)
    write_png(tmp_path / "none.png", PIXELS)
    for path in tmp_path.iterdir():
        assert file_mpp_um(path) is None, path.name


def test_damaged_files_state_nothing_and_missing_ones_are_an_error(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", PIXELS, 0.5)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:20])
    assert file_mpp_um(tmp_path / "cut.tif") is None
    with pytest.raises(ImageError, match="there is no file"):
        file_mpp_um(tmp_path / "absent.tif")
