"""Results of commands as lines for a person: words and units instead of keys."""

from __future__ import annotations

import pytest

from training_core.cli._arguments import print_result


def test_a_result_is_printed_in_words_with_units(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(
        {
            "spec_version": 1,
            "labeled": 3,
            "unlabeled": 4,
            "runs": [],
            "val": {"mDice": 91.234, "mJaccard": 84.0},
            "per_class": {"gland": {"dice": 90.0, "jaccard": 81.8}},
            "classes": {"background": 0, "gland": 1},
            "absent_classes": ["necrosis", "fat"],
            "seconds": 12.5,
            "peak_rss_bytes": 1_500_000_000,
            "peak_gpu_bytes": None,
            "median_s": 0.25,
        }
    )
    assert capsys.readouterr().out.splitlines() == [
        "annotated tiles: 3",
        "unannotated tiles: 4",
        "runs: none",
        "validation: mDice 91.23 %, mJaccard 84.00 %",
        "per class: gland (dice 90.00 %, jaccard 81.80 %)",
        "classes: background 0, gland 1",
        "classes not scored: necrosis, fat",
        "time: 12.50 s",
        "peak memory: 1.50 GB",
        "peak GPU memory: none",
        "median s: 0.25",
    ]
