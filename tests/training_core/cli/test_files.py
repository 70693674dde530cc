"""Every file of a project that has everything: the list in the documentation, and the JSON Schemas of `schema`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from PIL import Image

from training_core.cli.main import main
from training_core.io import read_mask
from training_core.messages.events import Event, Pause, Resume, Show, Stop
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.live import Live
from training_core.project import LabelSource, Project
from training_core.project.presence import Presence
from training_core.project.settings import write_settings
from training_core.settings.schema import Config
from training_core.training.run import Request, train

DATASET = Path(__file__).parents[3] / "docs" / "how-to" / "benchmark-your-data.md"
ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"


@dataclass
class Whole:
    """A project that went through everything, and what was ever seen in its folder."""

    project: Project
    config: Config
    out: Path
    run_dir: Path = Path()
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def look(self) -> None:
        for path in self.project.path.rglob("*"):
            (self.folders if path.is_dir() else self.files).add(path.relative_to(self.project.path).as_posix())


def as_version_1(path: Path) -> None:
    index = json.loads(path.read_bytes())
    for key in ("files", "answers", "objects", "partly_accepted"):
        del index[key]
    for tile in index["tiles"]:
        tile.pop("mpp_set_by", None)
    for each in index["classes"]:
        del each["made_of_objects"]
    path.write_text(json.dumps({**index, "spec_version": 1}))


def train_the_network_alone(whole: Whole, config: Config) -> None:
    """Its overlays are written from the start; stopped after a step, and after the first predicted tile."""
    messenger = Messenger()

    def listen(event: Event) -> None:
        whole.look()
        if event.kind == "step_done" or (event.kind == "status" and event.done is not None):
            messenger.request_stop()

    messenger.listener = listen
    train(Request(whole.project, config, show=whole.project.tiles[0].name), messenger)


def train_without_validation_tiles(whole: Whole, config: Config) -> None:
    """Which holds some of the annotations out."""
    whole.project.set_val(())
    train(Request(whole.project, config), Messenger(lambda _event: whole.look()))


def paint_accept_and_reject(whole: Whole) -> str:
    """The name of the tile that has all three then."""
    project, run_id = whole.project, str(whole.project.latest_run_id())
    name, rejected = project.unlabeled_names()[-1], project.unlabeled_names()[0]
    before = project.label(name)
    label, other = before.copy(), before.copy()
    label[:40], label[60:90], other[:40] = 0, 1, 1
    project.write_label(name, other, LabelSource.PAINTED)  # by somebody else, at the same time
    project.write_label(name, label, LabelSource.PAINTED, base=before)
    found = project.prediction(name)
    assert found is not None
    label[200:] = read_mask(found.prediction)[200:]
    project.write_label(name, label, LabelSource.ACCEPTED_PREDICTION, run_id=run_id, region="region")
    project.reject(rejected, run_id)
    project.reject_area(name, np.arange(label.size).reshape(label.shape) < 5000, run_id)
    project.thumbnail(name)
    project.add_round(run_id)
    return name


def run_live(whole: Whole) -> None:
    messenger = Messenger()
    messenger._commands.put(Show(tile=whole.project.tiles[0].name))  # as the thread that reads standard input does
    told: list[str] = []

    def listen(event: Event) -> None:
        told.append(event.kind)
        if event.kind == "overlay_ready":
            messenger.request_stop()

    messenger.listener = listen
    Live(whole.project, lambda: whole.config, messenger).serve()
    assert "overlay_ready" in told


def add_numbered_objects(whole: Whole, folder: Path) -> None:
    numbers = np.zeros((256, 256), np.uint16)
    for place in range(36):
        row, column = divmod(place, 6)
        numbers[row * 40 : row * 40 + 20, column * 40 : column * 40 + 20] = place + 1
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    for inner, array in (("images", pixels), ("masks", numbers)):
        (folder / inner).mkdir()
        Image.fromarray(array).save(folder / inner / "tile_99.png")
    background, gland = (each.name for each in whole.project.classes)
    add = ["project", "add", str(whole.project.path), "--images", str(folder / "images"), "--mpp", "0.5"]
    add += ["--masks", str(folder / "masks"), "--classes", f"{background}=0,{gland}=1"]
    assert main([*add, "--mask-holds", "numbered-objects"]) == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, small_config: Callable[..., Config]) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "p"
    assert main(["demo", str(path), "--tiles", "3", "--painted", "2"]) == 0
    as_version_1(path / "project.json")
    config = small_config(schedule={"quick_start": True}, inference={"views": 1})
    whole = Whole(Project.open(path), config, folder / "out")
    write_settings(path, {"data.crop_px": 64})
    request = Request(whole.project, config, show=whole.project.tiles[0].name, project_settings={"data.crop_px": 64})
    whole.run_dir = Path(train(request, Messenger(lambda _event: whole.look()))["run"])
    annotated = paint_accept_and_reject(whole)
    run_live(whole)
    branches = path / "cache" / "parts" / whole.run_dir.name / "tile_01"
    image = str(whole.project.image_path("tile_01"))
    assert main(["predict", str(whole.run_dir), image, "-o", str(branches), "--branches"]) == 0
    assert main(["export", str(path), "-o", str(whole.out), "--content", "merged", "--min-object", "9"]) == 0
    assert main(["share", str(whole.run_dir), "-o", str(folder / "model")]) == 0
    train_the_network_alone(whole, small_config(inference={"views": 1}))
    train_without_validation_tiles(whole, small_config(schedule={"quick_start": True}, inference={"views": 1}))
    add_numbered_objects(whole, folder)
    presence = Presence(path, "window")
    whole.look()
    presence.leave()
    remove_and_add_another(whole, annotated, folder / "others")
    damage_and_repair(whole)
    return whole


def remove_and_add_another(whole: Whole, annotated: str, others: Path) -> None:
    """Two tiles go, and another image comes under the name of the first; the journal is seen on the way."""
    label = whole.project.path / "labels" / f"{annotated}.png"
    with whole.project.changing() as change:
        change.files.add(label, label.read_bytes())
        whole.files |= {path.name for path in whole.project.path.glob("*.journal")}
    whole.project.remove_tiles([annotated, "tile_99"])
    others.mkdir()
    Image.new("RGB", (64, 64)).save(others / f"{annotated}.png")
    assert main(["project", "add", str(whole.project.path), "--images", str(others), "--mpp", "0.5"]) == 0
    whole.look()


def damage_and_repair(whole: Whole) -> None:
    """An index and a history that cannot be read, and a cloud drive's copy; in the end they are as they were."""
    settings = whole.project.path / "settings.json"
    settings.with_name("settings (1).json").write_bytes(settings.read_bytes())
    history = next(iter(sorted(whole.project.path.glob("labels/*.json"))))
    before = {path: path.read_bytes() for path in (whole.project.path / "project.json", history)}
    for path in before:
        path.write_bytes(b"damaged")
    assert main(["project", "repair", str(whole.project.path)]) == 0
    whole.look()
    for path, data in before.items():
        path.write_bytes(data)


# --- the list in docs/architecture.md ---------------------------------------------------------------------------------

PLACES = {
    "NAME": r"(tile_\d\d|real_ihc)",
    "COPY": r"[a-z]+ \(1\)",
    "RUN": r"\d{8}-\d{6}",
    "MOMENT": r"\d{8}-\d{6}(-\d{6})?",
    "NNNNNN": r"\d{6}",
    "NNN": r"\d{3}",
    "vN": r"v\d+",
    "EXT": r"[a-z]+",
    "HASH": r"[0-9a-f]{32,}",
    "SIZE": r"\d+",
    "KEY": r"[0-9a-f]{16}",
}


def rows(heading: str) -> list[str]:
    """What is written as code in the first column of the table with this heading."""
    section = ARCHITECTURE.read_text(encoding="utf-8").partition("\n## The project folder\n")[2].partition("\n## ")[0]
    table = section.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def expanded(row: str) -> Iterator[str]:
    """a.{b,c} as a.b and a.c."""
    pieces = re.split(r"\{([^}]*)\}", row)
    for chosen in product(*(piece.split(",") if odd % 2 else [piece] for odd, piece in enumerate(pieces))):
        yield "".join(chosen)


def pattern(row: str) -> str:
    text = re.escape(row)
    for name, meaning in PLACES.items():
        text = text.replace(name, meaning)
    return text + ".+" if row.endswith("/") else text


def test_every_file_is_in_the_list_and_all_that_is_listed_is_there(whole: Whole) -> None:
    listed = [each for row in rows("file") for each in expanded(row)]
    assert len(listed) > 20
    unlisted = {file for file in whole.files if not any(re.fullmatch(pattern(row), file) for row in listed)}
    assert unlisted == set()
    missing = {row for row in listed if not any(re.fullmatch(pattern(row), file) for file in whole.files)}
    assert missing == set()
    parents = {parent.as_posix() for row in listed for parent in Path(row + "x" if row[-1] == "/" else row).parents}
    empty = {folder for folder in whole.folders if not any(re.fullmatch(pattern(parent), folder) for parent in parents)}
    assert empty == set()


def test_every_key_of_the_index_is_in_the_list(whole: Whole) -> None:
    keys = set(json.loads((whole.project.path / "project.json").read_bytes()))
    assert keys <= set(rows("key of `project.json`"))


# --- schemas ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Draft202012Validator]:
    folder = tmp_path_factory.mktemp("schemas") / "new"
    assert main(["schema", str(folder)]) == 0
    read = {path.name.removesuffix(".schema.json"): json.loads(path.read_bytes()) for path in folder.iterdir()}
    for schema in read.values():
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return {name: Draft202012Validator(schema) for name, schema in read.items()}


def contents(whole: Whole) -> dict[str, list[Any]]:
    """The JSON of real files by the schema that they must fit."""
    project, run = whole.project.path, whole.run_dir
    files = {
        "settings": [project / "settings.json", run / "config.json"],
        "project": [project / "project.json"],
        "label_history": sorted(project.glob("labels/*.json")),
        "round": sorted(project.glob("rounds/*.json")),
        "run_provenance": [run / "provenance.json"],
        "run_summary": [run / "summary.json"],
        "run_confusion": [run / "confusion.json"],
        "shared_model": [project.with_name("model") / "model.json"],
        "export_legend": [whole.out / "classes.json", *project.glob("cache/parts/*/*/classes.json")],
    }
    (predicted,) = project.glob("cache/parts/*/*/predicted.jsonl")
    lines = {"event": run / "events.jsonl", "run_tile": run / "tiles.jsonl", "predicted_image": predicted}
    commands = [Show(tile="tile_01"), Pause(), Resume(), Stop()]
    return {
        **{kind: [json.loads(path.read_bytes()) for path in paths] for kind, paths in files.items()},
        "dataset": [yaml.safe_load(DATASET.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0])],
        **{kind: [json.loads(line) for line in path.read_bytes().splitlines()] for kind, path in lines.items()},
        "command": [json.loads(command.model_dump_json()) for command in commands],
    }


def test_real_files_fit_their_schemas(whole: Whole, schemas: dict[str, Draft202012Validator]) -> None:
    found = contents(whole)
    assert found.keys() == schemas.keys()
    for kind, each in found.items():
        assert each, kind
        for content in each:
            schemas[kind].validate(content)
    assert {event["kind"] for event in found["event"]} >= {"run_started", "step_done", "validated", "run_finished"}
    assert len(found["label_history"]) >= 3
    assert len(found["export_legend"]) == 2


def test_a_schema_refuses_what_is_none_of_its_files(whole: Whole, schemas: dict[str, Draft202012Validator]) -> None:
    for kind, each in contents(whole).items():
        more = {"run_tile": {"confidence": "high"}, "predicted_image": {"bytes": "many"}}.get(kind)
        more = more or {"a key that nobody knows": 1}  # lines may gain keys
        assert not schemas[kind].is_valid({**each[0], **more}), kind
        others = schemas.keys() - {kind}
        assert not any(schemas[other].is_valid(each[0]) for other in others), kind
    index = contents(whole)["project"][0]
    assert not schemas["project"].is_valid({**index, "spec_version": 1})
    assert not schemas["project"].is_valid({**index, "tiles": [{**index["tiles"][0], "mpp_set_by": "somebody"}]})
