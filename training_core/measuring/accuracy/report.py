"""Records as one Markdown document: a table per data set with the published rows, and the command behind each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training_core.class_maps.pixel_scores import percent_of_truth
from training_core.measuring.accuracy.published import ROWS, SOURCES
from training_core.measuring.accuracy.record import Record, done, mean_and_sd

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
    return "\n".join(parts)


def _data_set(target: str, title: str, records: list[Record]) -> str:
    parts = [f"## {title}\n"]
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
    if len(records[0]["classes"]) > 2:
        parts.append(_class_tables(records))
    parts.append(_confusion_tables(records))
    parts.append("### Commands\n")
    parts.extend(_details(number, record) for number, record in enumerate(records, 1))
    return "\n".join(part for part in parts if part)


def _set_title(name: str) -> str:
    if name == "validation":
        return "Validation images (used to choose the checkpoint)"
    return f"Test images, part {name[-1]}"


def _table(target: str | None, records: Sequence[Record], name: str) -> str:
    head = ["labels", "method", *(title for _, title, _ in _COLUMNS), "seeds", "training s", "peak GB"]
    rows: list[tuple[int, int, list[str]]] = []
    for row in ROWS:
        if row.target == target:
            figures = [f"{row.mdice:.2f}", f"{row.mjaccard:.2f}", *[""] * 7]
            rows.append((row.ratio, 0, [f"{row.ratio} %", f"{row.method} [{SOURCES.index(row.source) + 1}]", *figures]))
    for number, record in enumerate(records, 1):
        summary, ratio = record["summary"], record["plan"]["ratio"]
        if name in summary.get("sets", {}):
            figures = [_figure(summary["sets"][name].get(key), digits) for key, _, digits in _COLUMNS]
            costs = [_figure(summary["training_s"], 0), _figure(summary["peak_memory_gb"], 2)]
            cells = [f"{ratio} %", f"**{number}. {record['label']}**", *figures, str(summary["n_seeds"]), *costs]
            rows.append((ratio, number, cells))
    return _markdown(head, [cells for _, _, cells in sorted(rows, key=lambda row: row[:2])])


def _class_tables(records: Sequence[Record]) -> str:
    names = [c["name"] for c in records[0]["classes"]]
    rows = []
    for number, record in enumerate(records, 1):
        for set_name, figures in record["summary"].get("sets", {}).items():
            dice = [_figure(figures["dice_by_class"].get(name), 2) or "no pixel" for name in names]
            rows.append([f"{number}. {record['label']}", set_name, *dice])
    return f"### Dice per class, %\n\n{_markdown(['method', 'images', *names], rows)}"


def _confusion_tables(records: Sequence[Record]) -> str:
    """Which class is predicted as which, on the test images or, without any, on the validation images."""
    names = [c["name"] for c in records[0]["classes"]]
    rows: list[list[str]] = []
    without: list[str] = []
    for number, record in enumerate(records, 1):
        if (entries := done(record)) and all("confusion" in entry["scores"][_main_set(entry)] for entry in entries):
            rows.extend([f"{number}. {record['label']}", *cells] for cells in _confusion_rows(entries, names))
        elif entries:
            without.append(f"{number}. {record['label']}")
    if not rows:
        return ""
    head = ["method", "images", "mask", *(f"predicted {name}" for name in names)]
    left_out = f"\nScored by an earlier version, which counted none: {'; '.join(without)}.\n" if without else ""
    title = "### Confusion matrix, % of the pixels that the masks give each class"
    return f"{title}\n\n{_markdown(head, rows)}{left_out}"


def _confusion_rows(entries: Sequence[dict[str, Any]], names: Sequence[str]) -> list[list[str]]:
    """The rows of one record: the set of images, the class of the mask, a figure per predicted class."""
    which = _main_set(entries[0])
    seeds = [percent_of_truth(entry["scores"][which]["confusion"]) for entry in entries]
    rows = []
    for true in names:
        figures = ["no pixel"] * len(names)
        if seeds[0].get(true):  # the masks are the same for every seed
            figures = [_figure(mean_and_sd([shares[true][predicted] for shares in seeds]), 2) for predicted in names]
        rows.append([which, true, *figures])
    return rows


def _main_set(entry: dict[str, Any]) -> str:
    """The set of images whose figures stand for a seed."""
    return "test" if "test" in entry["scores"] else "validation"


def _details(number: int, record: Record) -> str:
    plan, split = record["plan"], record["plan"]["split"]
    sizes = f"{len(split['labeled'])} labelled, {len(split['unlabeled'])} unlabelled, {len(split['val'])} validation"
    if plan["supervised_only"] and split["unlabeled"]:
        sizes += ", unlabelled images not used"
    lines = [
        f"{number}. **{record['label']}**: `{record['command']}`",
        f"   - {sizes}, {len(record['files']['test'])} test images ({record['split_source']})",
    ]
    if plan["min_object_um2"]:
        lines.append(f"   - predicted objects smaller than {plan['min_object_um2']:g} µm² are not counted")
    entries = done(record)
    if entries:
        best = _main_set(entries[0])
        each = ", ".join(f"{entry['seed']}: {entry['scores'][best]['mDice']:.2f}" for entry in entries)
        lines.append(f"   - mDice on the {best} images by seed: {each}")
        lines.extend(f"   - {line}" for line in dict.fromkeys(_where(entry["environment"]) for entry in entries))
    lines.extend(f"   - seed {e['seed']} {e['status']}: {_first_line(e)}" for e in record["seeds"] if e not in entries)
    lines.extend(f"   - {note}" for note in record["notes"])
    return "\n".join(lines) + "\n"


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


def _figure(value: dict[str, float | None] | None, digits: int) -> str:
    if value is None:
        return ""
    sd = value["sd"]
    return f"{value['mean']:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"
