"""Reading a large picture takes the memory of the picture and little beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 6000
MEASURE = """
import resource, sys
from pathlib import Path
from training_core.io import read_image, read_mask_values
read = {"image": read_image, "mask": lambda path: read_mask_values(path).mapped({"0": 0, "1": 1})}[sys.argv[1]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read(Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count the peak in other units")
@pytest.mark.parametrize(("use", "mode", "times"), [("image", "RGB", 3), ("mask", "L", 8)])
def test_the_peak_is_a_few_times_the_picture(tmp_path: Path, use: str, mode: str, times: int) -> None:
    """Pillow keeps colours in four bytes, and a mask's values are 32-bit numbers."""
    pixels = np.zeros((SIDE, SIDE, 3) if mode == "RGB" else (SIDE, SIDE), np.uint8)
    pixels[SIDE // 2 :] = 1
    path = tmp_path / "large.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    done = subprocess.run([sys.executable, "-c", MEASURE, use, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < times * pixels.nbytes
