"""Records of the three arms set side by side, with the share of the gap that the unlabelled images close."""

from __future__ import annotations

import copy
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from training_core.measuring.accuracy.choices import ARMS, TITLES
from training_core.measuring.accuracy.markdown import figure, table
from training_core.measuring.accuracy.record import Record, done

Figure = dict[str, float | None]


@dataclass
class Comparison:
    """The arms of one experiment: same data, split and settings. Some may be missing."""

    arms: dict[str, Record] = field(default_factory=dict)

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of an arm that says what was painted."""
        first = next((self.arms[arm] for arm in ARMS if arm in self.arms), None)
        assert first is not None
        plan: dict[str, Any] = first["plan"]
        return plan

    @property
    def title(self) -> str:
        """Fold and strokes, in words."""
        plan = self.plan
        words = [f"fold {plan['fold']}"] if plan["fold"] is not None else []
        if plan["strokes"] is not None:
            words.append(f"{plan['strokes']['habit']} (seed {plan['strokes']['seed']})")
        return ", ".join(words)


def comparisons(records: Iterable[Record]) -> list[Comparison]:
    """Records with an arm, by experiment. All full masks are compared with every annotator of the same data."""
    buckets: dict[str, list[Record]] = {}
    for record in records:
        if record["plan"].get("arm"):
            buckets.setdefault(_experiment(record["plan"]), []).append(record)
    found: list[Comparison] = []
    for bucket in buckets.values():
        painted: list[tuple[Any, Comparison]] = []
        for record in (each for each in bucket if each["plan"]["arm"] != "all"):
            strokes, arm = record["plan"]["strokes"], record["plan"]["arm"]
            free = next((c for known, c in painted if known == strokes and arm not in c.arms), None)
            if free is None:
                free = Comparison()
                painted.append((strokes, free))
            free.arms[arm] = record
        alls = [each for each in bucket if each["plan"]["arm"] == "all"]
        for _, each in painted:
            each.arms.update({"all": alls[0]} if alls else {})
        found.extend(each for _, each in painted)
        found.extend(Comparison({"all": record}) for record in alls[0 if not painted else 1 :])
    return found


def render_comparisons(found: Sequence[Comparison]) -> str:
    """A table for each experiment, and one over the folds where there are several."""
    parts = [_HOW]
    for each in found:
        parts.append(f"#### {each.title}\n" if each.title else "")
        parts.append(_comparison(each))
    parts.extend(_over_folds(found))
    return "\n".join(part for part in parts if part)


_HOW = """\
### With and without the unlabelled images

Dice in %, from pixel counts pooled over the images of the set, mean ± sample standard deviation over the seeds. **Gap
closed**: (with the unlabelled images − labels alone) / (all images labelled − labels alone), of the means.
"""

_FOLDS = """\
Mean ± sample standard deviation over the folds, of the means over the seeds. An arm is left out while a fold lacks it.
"""


def gap_closed(labels: float, unlabelled: float, everything: float) -> float | None:
    """Share of the gap, 1 for all of it; None where all labels are not better than some."""
    gap = everything - labels
    return (unlabelled - labels) / gap if gap > 0 else None


def _experiment(plan: dict[str, Any]) -> str:
    settings = copy.deepcopy(plan["settings"])
    del settings["pseudo_label"]["enabled"]
    split = plan["split"]
    data = [plan["data_sha256"], sorted([*split["labeled"], *split["unlabeled"]]), sorted(split["val"])]
    return json.dumps([plan["dataset"], plan["fold"], data, settings, plan["min_object_um2"]], sort_keys=True)


def _comparison(each: Comparison) -> str:
    scored = {arm: record for arm, record in each.arms.items() if record["summary"]}
    if not scored:
        return "No seed has finished.\n"
    name = _set_name(scored.values())
    sets = {arm: record["summary"]["sets"][name] for arm, record in scored.items()}
    rows = [_row(*row) for row in _figures(each.plan, sets, name, scored)]
    where = "test images" if name == "test" else "validation images, on which the checkpoint was chosen"
    counts = next(iter(sets.values()))["n_images"]
    head = ["Dice, %", *(TITLES[arm] for arm in ARMS), "gap closed"]
    return f"{counts} {where}.\n\n{table(head, rows)}"


def _set_name(records: Iterable[Record]) -> str:
    return "test" if all("test" in record["summary"]["sets"] for record in records) else "validation"


def _figures(
    plan: dict[str, Any], sets: dict[str, Any], name: str, scored: dict[str, Record]
) -> list[tuple[str, dict[str, Figure]]]:
    """Title and figures by arm: what counts, means, classes, then what counts by seed."""
    judged = (plan["dataset"] or {}).get("judged")
    rows = []
    if judged:
        title = f"**mean of {', '.join(judged)}**"
        rows.append((title, {arm: s["judged_dice"] for arm, s in sets.items() if "judged_dice" in s}))
        pooled = {arm: _pooled(s["dice_pooled_over_seeds"], judged) for arm, s in sets.items()}
        rows.append(("the same, pixels of all seeds pooled", {arm: f for arm, f in pooled.items() if f is not None}))
    rows.append(
        ("mean of all classes" if judged else "**mean of all classes**", {a: s["mDice"] for a, s in sets.items()})
    )
    n_images = done(next(iter(scored.values())))[0]["scores"][name]["per_image"]
    for class_name in next(iter(sets.values()))["dice_by_class"]:
        figures = {arm: s["dice_by_class"][class_name] for arm, s in sets.items()}
        rows.append((f"{class_name} (in {n_images[class_name]['n_images']} images)", figures))
    key = "judged_dice" if judged else "mDice"
    by_seed = {arm: {e["seed"]: e["scores"][name][key] for e in done(record)} for arm, record in scored.items()}
    for seed in sorted({seed for values in by_seed.values() for seed in values}):
        values = {arm: of[seed] for arm, of in by_seed.items() if of.get(seed) is not None}
        rows.append((f"seed {seed}", {arm: {"mean": value, "sd": None} for arm, value in values.items()}))
    return rows


def _pooled(dice: dict[str, float], judged: Sequence[str]) -> Figure | None:
    values = [dice[name] for name in judged if name in dice]
    return {"mean": statistics.fmean(values), "sd": None} if values else None


def _row(title: str, figures: dict[str, Figure]) -> list[str]:
    means = [figures[arm]["mean"] if arm in figures else None for arm in ARMS]
    closed = ""
    if None not in means:
        share = gap_closed(*means)  # type: ignore[arg-type]
        closed = "no gap" if share is None else f"{100 * share:.0f} %"
    return [title, *(figure(figures.get(arm), 2) for arm in ARMS), closed]


def _over_folds(found: Sequence[Comparison]) -> list[str]:
    """Of each experiment that was run on several folds, the means of the folds."""
    groups: dict[str, list[Comparison]] = {}
    for each in found:
        plan = each.plan
        if plan["fold"] is not None:
            settings = copy.deepcopy(plan["settings"])
            del settings["pseudo_label"]["enabled"]
            key = json.dumps([plan["dataset"], settings, plan["strokes"], plan["min_object_um2"]], sort_keys=True)
            groups.setdefault(key, []).append(each)
    parts = []
    for group in groups.values():
        if len(group) > 1:
            parts.append(_folds_table(group))
    return parts


def _folds_table(group: Sequence[Comparison]) -> str:
    judged = (group[0].plan["dataset"] or {}).get("judged")
    keys = [("judged_dice", f"**mean of {', '.join(judged)}**")] if judged else []
    keys.append(("mDice", "mean of all classes"))
    rows = []
    for key, title in keys:
        figures: dict[str, Figure] = {}
        for arm in ARMS:
            summaries = [
                each.arms[arm]["summary"]["sets"] for each in group if arm in each.arms and each.arms[arm]["summary"]
            ]
            means = [sets["test"][key]["mean"] for sets in summaries if key in sets.get("test", {})]
            if len(means) == len(group):
                figures[arm] = {"mean": statistics.fmean(means), "sd": statistics.stdev(means)}
        rows.append(_row(title, figures))
    head = ["Dice, %", *(TITLES[arm] for arm in ARMS), "gap closed"]
    folds = ", ".join(str(each.plan["fold"]) for each in group)
    return f"#### Folds {folds}\n\n{_FOLDS}\n{table(head, rows)}"
