"""Stated draws and folds: counts, groups, and nothing that depends on the order of the names."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from training_core.base.errors import ConfigError
from training_core.measuring.accuracy.dataset_file import Draw
from training_core.measuring.accuracy.draws import draw_split

NAMES = [f"case{case}-{stain}" for case in range(10, 20) for stain in ("HE", "PAS")]
GROUP = r"^case\d+"


def draw(**values: Any) -> Draw:
    return Draw(**{"labeled": 4, "val": 2, **values})


def test_counts_and_an_order_that_does_not_matter() -> None:
    drawn = draw_split(NAMES, draw(test=5, seed=3), None)
    split = drawn.split
    assert (len(drawn.test), len(split.val), len(split.labeled), len(split.unlabeled)) == (5, 2, 4, 9)
    assert sorted([*drawn.test, *split.val, *split.labeled, *split.unlabeled]) == sorted(NAMES)
    assert draw_split(NAMES[::-1], draw(test=5, seed=3), None) == drawn
    assert draw_split(NAMES, draw(test=5, seed=4), None).test != drawn.test
    assert drawn.source == "drawn with seed 3"
    assert drawn.notes == ()


def test_a_number_of_unlabelled_images() -> None:
    assert len(draw_split(NAMES, draw(unlabeled=3), None).split.unlabeled) == 3


def test_groups_stay_together() -> None:
    drawn = draw_split(NAMES, draw(test=6, group=GROUP), None)
    split = drawn.split
    sets = [drawn.test, split.val, split.labeled, split.unlabeled]
    cases = [{name.partition("-")[0] for name in each} for each in sets]
    assert [len(each) for each in sets] == [6, 2, 4, 8]
    assert [len(each) for each in cases] == [3, 1, 2, 4]
    assert len(set.union(*cases)) == 10
    assert "10 groups" in drawn.source


def test_a_group_in_the_expression_names_the_group() -> None:
    """By the last digit, cases 10 and 20, and cases 11 and 21, are groups of four images."""
    names = [f"case{case}-{stain}" for case in (10, 11, 12, 13, 20, 21) for stain in ("HE", "PAS")]
    drawn = draw_split(names, draw(group=r"(\d)-"), None)
    assert "4 groups" in drawn.source
    for pair in ({"case10-HE", "case20-PAS"}, {"case11-HE", "case21-PAS"}):
        assert sum(bool(pair & {*each}) for each in (drawn.split.val, drawn.split.labeled, drawn.split.unlabeled)) == 1


def test_a_name_without_a_group() -> None:
    with pytest.raises(ConfigError, match="is not found in the image name case10-HE"):
        draw_split(NAMES, draw(group="^patient"), None)


def test_a_count_that_groups_do_not_allow_is_said() -> None:
    drawn = draw_split(NAMES, draw(labeled=5, group=GROUP), None)
    assert len(drawn.split.labeled) == 4
    assert drawn.notes == ("The draw has 4 labelled images rather than 5, because groups stay together.",)


def test_groups_that_are_all_too_large() -> None:
    with pytest.raises(ConfigError, match="1 validation images, and every group of images has more"):
        draw_split(NAMES, draw(val=1, group=GROUP), None)


def test_more_than_there_are() -> None:
    with pytest.raises(ConfigError, match=r"19 labelled images, and 18 are left"):
        draw_split(NAMES, draw(labeled=19), None)


def test_folds_are_tested_once_each() -> None:
    drawn = [draw_split(NAMES, draw(folds=4, group=GROUP, seed=1), fold) for fold in range(4)]
    assert sorted(chain.from_iterable(each.test for each in drawn)) == sorted(NAMES)
    assert sorted(len(each.test) for each in drawn) == [4, 4, 6, 6]  # 10 cases of two
    for fold, each in enumerate(drawn):
        split = each.split
        assert (len(split.labeled), len(split.val)) == (4, 2)
        assert sorted([*each.test, *split.labeled, *split.val, *split.unlabeled]) == sorted(NAMES)
        assert not {name[:6] for name in each.test} & {name[:6] for name in (*split.labeled, *split.val)}
        assert each.source.startswith(f"fold {fold} of 4 (0 to 3), drawn with seed 1")


@pytest.mark.parametrize(("fold", "given"), [(None, "no fold is given"), (4, "--fold 4"), (-1, "--fold -1")])
def test_a_fold_that_is_not_there(fold: int | None, given: str) -> None:
    with pytest.raises(ConfigError, match=f"{given}.*0 to 3"):
        draw_split(NAMES, draw(folds=4), fold)


def test_more_folds_than_groups() -> None:
    with pytest.raises(ConfigError, match="12 folds of 10 groups"):
        draw_split(NAMES, draw(folds=12, group=GROUP), 0)
