"""Lines that are appended to a file whose last line may be torn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_core.base.lines import append_line
from training_core.class_maps.predicted import PREDICTED_NAME, add_predicted, predicted_image, read_predicted
from training_core.io import write_png
from training_core.project.summaries import SUMMARIES_NAME, TileSummary, add_summary, read_summaries


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, b"b\n"), (b"", b"b\n"), (b"a\n", b"a\nb\n"), (b'{"na', b'{"na\nb\n'), (b"a", b"a\nb\n")],
)
def test_a_line_is_appended_on_a_line_of_its_own(tmp_path: Path, before: bytes | None, after: bytes) -> None:
    path = tmp_path / "file.jsonl"
    if before is not None:
        path.write_bytes(before)
    append_line(path, b"b")
    assert path.read_bytes() == after


@pytest.mark.parametrize("torn_at", [1, 40, -1])
def test_an_image_that_is_predicted_after_a_torn_line_is_known(tmp_path: Path, torn_at: int) -> None:
    from numpy import zeros

    images = {name: predicted_image(name, Path(__file__), "run", "weights", "") for name in "abc"}
    for name in images:
        for kind in ("prediction", "pseudo_label", "confidence"):
            write_png(tmp_path / f"{name}.{kind}.png", zeros((40, 40), "u1"))
    add_predicted(tmp_path, images["a"])
    whole = (tmp_path / PREDICTED_NAME).read_bytes()
    add_predicted(tmp_path, images["b"])
    second = (tmp_path / PREDICTED_NAME).read_bytes()[len(whole) :]
    (tmp_path / PREDICTED_NAME).write_bytes(whole + second[:torn_at])
    add_predicted(tmp_path, images["c"])
    complete = {"a", "b", "c"} if torn_at == -1 else {"a", "c"}  # of -1 only the end of the line is missing
    assert set(read_predicted(tmp_path)) == complete


def test_a_summary_after_a_torn_line_is_known(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "r"
    run.mkdir(parents=True)
    (run / SUMMARIES_NAME).write_bytes(b'{"tile": "a", "confid')
    add_summary(run, TileSummary("b", 0.5, {0: 1.0}, {}, None))
    assert set(read_summaries(tmp_path, "r")) == {"b"}
    assert json.loads((run / SUMMARIES_NAME).read_bytes().splitlines()[-1])["tile"] == "b"
