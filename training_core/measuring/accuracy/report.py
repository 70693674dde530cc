"""Records as one Markdown document: a table per data set with the published rows, and the command behind each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training_core.measuring.accuracy.choices import ARMS
from training_core.measuring.accuracy.comparison import comparisons, render_comparisons
from training_core.measuring.accuracy.confusion_report import render_confusion
from training_core.measuring.accuracy.error_report import render_errors
from training_core.measuring.accuracy.markdown import figure, table
from training_core.measuring.accuracy.object_report import render_objects
from training_core.measuring.accuracy.published import ROWS, SOURCES
from training_core.measuring.accuracy.record import Record, done, main_set

TITLES = {"glas": "GlaS", "crag": "CRAG", "demo": "Synthetic tissue"}
_COLUMNS = (
    ("mDice", "mDice %", 2),
    ("mJaccard", "mJaccard %", 2),
    ("object_f1", "object F1 %", 2),
    ("object_dice", "object Dice %", 2),
    ("object_hausdorff_px", "object Hausdorff px", 1),
    ("expected_calibration_error", "ECE", 3),
)
_HOW = """\
Written by `python -m training_core benchmark report` from the records of the experiments; not edited by hand.

- **labels**: share of the training images that are labelled.
- **mDice, mJaccard**: means over the classes, background included, from pixel counts pooled over the images of the set.
- **object F1, Dice, Hausdorff**: as defined by the GlaS challenge (arXiv 1603.00275), pooled over the set. A predicted
  object is a connected region of the class.
- **ECE**: expected calibration error of the confidence, 15 bins, over all pixels (arXiv 1706.04599); 0 is perfect.
- **training s, peak GB**: time until the training budget was used up, validation included; peak memory of the training
  process.

Figures are mean ± sample standard deviation over the seeds, for the checkpoint with the best validation score. Numbered
rows are measured here; their commands are below. Other rows are published figures.
"""


def render(records: Sequence[Record], title: str = "Results") -> str:
    """The document (Markdown) of records, whether a seed has finished or not; in the order of the data sets."""
    parts = [f"# {title}\n", _HOW]
    for target, name in TITLES.items():
        ours = [record for record in records if record["plan"]["target"] == target]
        if ours:
            ours.sort(key=lambda record: (record["plan"]["ratio"], not record["plan"]["supervised_only"]))
            parts.append(_data_set(target, name, ours))
    own = [record for record in records if record["plan"]["target"] not in TITLES]
    for name in dict.fromkeys(record["plan"]["dataset"]["name"] for record in own):
        ours = [record for record in own if record["plan"]["dataset"]["name"] == name]
        ours.sort(key=lambda record: (record["plan"]["fold"] or 0, ARMS.index(record["plan"]["arm"])))
        parts.append(_data_set("folder", name, ours))
    return "\n".join(parts)


def _data_set(target: str, title: str, records: list[Record]) -> str:
    parts = [f"## {title}\n"]
    compared = comparisons(records)
    if compared:
        parts.append(render_comparisons(compared))
    tested = [record for record in records if "test" in record["summary"].get("sets", {})]
    published = any(row.target == target for row in ROWS)
    if tested or published:
        parts.append(f"### Test images\n\n{_table(target, records, 'test')}")
    if published:
        parts.append("".join(f"[{number}] {source}. " for number, source in enumerate(SOURCES, 1)).strip() + "\n")
    if not tested:
        parts.append(
            "None of these records has test images. Validation figures cannot be compared with published ones.\n"
        )
    for name in ("testA", "testB", "validation"):
        if any(name in record["summary"].get("sets", {}) for record in records):
            parts.append(f"### {_set_title(name)}\n\n{_table(None, records, name)}")
    if len(records[0]["classes"]) > 2 or compared:
        parts.append(_class_tables(records))
    parts.append(render_objects(records))
    parts.append(render_errors(records))
    parts.append(render_confusion(records))
    parts.append("### Commands\n")
    parts.extend(_details(number, record) for number, record in enumerate(records, 1))
    return "\n".join(part for part in parts if part)


def _set_title(name: str) -> str:
    if name == "validation":
        return "Validation images (used to choose the checkpoint)"
    return f"Test images, part {name[-1]}"


def _table(target: str | None, records: Sequence[Record], name: str) -> str:
    judged = any("judged_dice" in record["summary"].get("sets", {}).get(name, {}) for record in records)
    columns = ([("judged_dice", "judged classes Dice %", 2)] if judged else []) + list(_COLUMNS)
    head = ["labels", "method", *(title for _, title, _ in columns), "seeds", "training s", "peak GB"]
    rows: list[tuple[int, int, list[str]]] = []
    for row in ROWS:
        if row.target == target:
            figures = [f"{row.mdice:.2f}", f"{row.mjaccard:.2f}", *[""] * 7]
            rows.append((row.ratio, 0, [f"{row.ratio} %", f"{row.method} [{SOURCES.index(row.source) + 1}]", *figures]))
    for number, record in enumerate(records, 1):
        summary, ratio = record["summary"], record["plan"]["ratio"]
        if name in summary.get("sets", {}):
            figures = [figure(summary["sets"][name].get(key), digits) for key, _, digits in columns]
            costs = [figure(summary["training_s"], 0), figure(summary["peak_memory_gb"], 2)]
            labels = f"{ratio} %" if ratio is not None else f"{len(record['plan']['split']['labeled'])} images"
            cells = [labels, f"**{number}. {record['label']}**", *figures, str(summary["n_seeds"]), *costs]
            rows.append((ratio or 0, number, cells))
    return table(head, [cells for _, _, cells in sorted(rows, key=lambda row: row[:2])])


def _class_tables(records: Sequence[Record]) -> str:
    pooled = _class_table(records, "dice_by_class")
    parts = [f"### Dice per class, %\n\nFrom pixel counts pooled over the images.\n\n{pooled}"]
    if any(
        figures.get("dice_per_image") for record in records for figures in record["summary"].get("sets", {}).values()
    ):
        about = "Mean over the images that have the class, each with its own Dice."
        parts.append(f"### Dice per class and image, %\n\n{about}\n\n{_class_table(records, 'dice_per_image')}")
    return "\n".join(parts)


def _class_table(records: Sequence[Record], key: str) -> str:
    names = [c["name"] for c in records[0]["classes"]]
    rows = []
    for number, record in enumerate(records, 1):
        for set_name, figures in record["summary"].get("sets", {}).items():
            if figures.get(key):
                dice = [figure(figures[key].get(name), 2) or "no pixel" for name in names]
                rows.append([f"{number}. {record['label']}", set_name, *dice])
    return table(["method", "images", *names], rows)


def _details(number: int, record: Record) -> str:
    plan, split = record["plan"], record["plan"]["split"]
    sizes = f"{len(split['labeled'])} labelled, {len(split['unlabeled'])} unlabelled, {len(split['val'])} validation"
    if plan["supervised_only"] and split["unlabeled"]:
        sizes += ", unlabelled images not used"
    lines = [
        f"{number}. **{record['label']}**: `{record['command']}`",
        f"   - {sizes}, {len(record['files']['test'])} test images ({record['split_source']})",
    ]
    lines.extend(_annotated(record))
    if plan["min_object_um2"]:
        lines.append(f"   - predicted objects smaller than {plan['min_object_um2']:g} µm² are not counted")
    entries = done(record)
    if entries:
        best = main_set(entries[0])
        each = ", ".join(f"{entry['seed']}: {entry['scores'][best]['mDice']:.2f}" for entry in entries)
        lines.append(f"   - mDice on the {best} images by seed: {each}")
        lines.extend(f"   - {line}" for line in dict.fromkeys(_where(entry["environment"]) for entry in entries))
    lines.extend(f"   - seed {e['seed']} {e['status']}: {_first_line(e)}" for e in record["seeds"] if e not in entries)
    lines.extend(f"   - {note}" for note in record["notes"])
    return "\n".join(lines) + "\n"


def _annotated(record: Record) -> list[str]:
    annotation = record.get("annotation")
    if annotation is None or annotation["habit"] is None:
        return []
    share = (
        f"{annotation['habit']}, seed {annotation['seed']}, {100 * annotation['labeled_share']:.2f} % of their pixels"
    )
    return [f"   - labelled images painted by a simulated annotator: {share}"]


def _first_line(entry: dict[str, Any]) -> str:
    return str(entry.get("error", "not finished")).strip().splitlines()[-1]


def _where(environment: dict[str, Any]) -> str:
    versions, machine, git = environment["versions"], environment["machine"], environment["git"]
    code = f"version {versions['napari-unisemalign']}"
    if git is not None:
        code += f", commit {git['commit'][:12]}" + (" with changes" if git["changed"] else "")
    hardware = f"{machine['gpu']}, " if machine["gpu"] else ""
    hardware += f"{machine['processor']}, {machine['cores']} cores, {environment['threads']['torch']} threads"
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "timm", "numpy"))
    return f"{code}; Python {versions['python']}, {libraries}; {hardware}; {machine['system'].split('-')[0]}"
