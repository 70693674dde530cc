"""A slide whose prediction was cut off goes on where it was, with the bits of one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.training_core.prediction.test_regions import predictor_of, write_tiled
from training_core.base.errors import StorageError
from training_core.class_maps.object_readout import ObjectReadout
from training_core.class_maps.streamed_readout import separate_stored
from training_core.export import ome_zarr
from training_core.network.model import UniSemAlign
from training_core.prediction import regions
from training_core.prediction.calibration import Readout
from training_core.prediction.predictor import Predictor

TinyModel = Callable[..., UniSemAlign]
HEIGHT, WIDTH = 250, 150
CHUNK_PX = 128


def objects() -> tuple[ObjectReadout, ...]:
    return ObjectReadout(1, 2.0, 20.0, 60.0, 1.5), ObjectReadout(2, 0.0, 20.0, 60.0)


class Cut:
    """Predicts, cut off after so many windows, and counts them."""

    def __init__(self, predictor: Predictor, path: Path, out: Path) -> None:
        self.predictor, self.path, self.out = predictor, path, out
        self.went_on: list[int] = []

    def predict(self, stop_after: int | None = None, made_from: str | None = "a", **options: Any) -> int:
        """Returns how many windows were predicted."""
        steps: list[int] = []

        def progress(done: int, total: int) -> None:
            steps.append(done)
            if stop_after is not None and len(steps) > stop_after:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            regions.stream_image(
                self.predictor, self.path, self.out, made_from=made_from, goes_on=self.went_on.append,
                progress=progress, **options,
            )  # fmt: skip
        return len(steps)

    def hidden(self) -> list[str]:
        return sorted(path.name for path in self.out.parent.iterdir() if path != self.out)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cut(tiny_model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cut:
    monkeypatch.setattr(ome_zarr, "CHUNK_PX", CHUNK_PX)
    write_tiled(tmp_path / "a.tif", HEIGHT, WIDTH, tile=64)
    (tmp_path / "out").mkdir()
    predictor = predictor_of(tiny_model(3).eval(), window_px=64)
    predictor.readout = Readout(1.0, 1.3, objects())
    return Cut(predictor, tmp_path / "a.tif", tmp_path / "out" / "a.ome.zarr")


@pytest.fixture
def undisturbed(cut: Cut, tmp_path: Path) -> Callable[..., dict[str, bytes]]:
    def make(**options: Any) -> dict[str, bytes]:
        regions.stream_image(cut.predictor, cut.path, tmp_path / "whole.ome.zarr", **options)
        return everything(tmp_path / "whole.ome.zarr")

    return make


@pytest.mark.parametrize(
    ("scale", "stride", "views"), [(1.0, 0.875, 1), (0.8, 0.875, 1), (1.0, 0.34, 1), (1.3, 0.6, 4)]
)
def test_the_second_attempt_does_the_rest_with_the_same_bits(
    cut: Cut, undisturbed: Callable[..., dict[str, bytes]], scale: float, stride: float, views: int
) -> None:
    cut.predictor.readout = Readout(scale, 1.3, objects())
    options = {"stride_fraction": stride, "views": views}
    whole = undisturbed(**options)
    total = cut.predict(made_from=None, **options)
    cut.predict(stop_after=total * 3 // 4, **options)
    assert cut.hidden() == [f".unfinished-{cut.hidden()[0][12:28]}"]
    rest = cut.predict(**options)
    assert cut.went_on == [CHUNK_PX]
    assert rest < total
    assert everything(cut.out) == whole
    assert cut.hidden() == []


def test_what_was_cut_off_before_there_was_anything_to_keep_leaves_nothing(cut: Cut) -> None:
    cut.predict(stop_after=2)
    assert cut.hidden() == []


def test_a_second_interruption_loses_nothing_either(
    cut: Cut, undisturbed: Callable[..., dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, total = undisturbed(), cut.predict(made_from=None)

    def halfway(ids: Any, scratch: Any, *others: Any) -> int:
        separate_stored(ids, scratch, *others)
        raise KeyboardInterrupt  # the class ids are changed in the file

    def levels(finer: Any, coarser: Any) -> None:
        coarser[:] = 1
        raise KeyboardInterrupt

    cut.predict(stop_after=total * 3 // 4)
    for place, name, stop in ((regions, "separate_stored", halfway), (ome_zarr, "_halve", levels)):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, stop)
            cut.predict()
    assert cut.predict() == 0
    assert cut.went_on == [CHUNK_PX, HEIGHT, HEIGHT]
    assert everything(cut.out) == whole
    assert cut.hidden() == []


def test_what_was_made_from_something_else_is_not_taken_up(
    cut: Cut, undisturbed: Callable[..., dict[str, bytes]]
) -> None:
    total = cut.predict(made_from=None)
    for change in ({"made_from": "b"}, {"made_from": None}, {"stride_fraction": 0.9}, {"mpp_um": 0.4}):
        cut.predict(stop_after=total * 3 // 4)
        cut.predict(**change)  # type: ignore[arg-type]
        assert cut.went_on == []
        assert cut.hidden() == []
        cut.out.rename(cut.path.parent / str(change))
    cut.predict(stop_after=total * 3 // 4)
    cut.predictor.readout = Readout(1.0, 1.4, objects())
    whole = undisturbed()
    cut.predict()
    assert cut.went_on == []
    assert everything(cut.out) == whole


@pytest.mark.parametrize("damage", ["note", "size", "chunk", "array"])
def test_what_is_damaged_is_made_anew(cut: Cut, undisturbed: Callable[..., dict[str, bytes]], damage: str) -> None:
    whole, total = undisturbed(), cut.predict(made_from=None)
    cut.predict(stop_after=total * 3 // 4)
    hidden = cut.out.parent / cut.hidden()[0]
    note, confidence = hidden / "note.json", hidden / "content" / "0"
    if damage == "note":
        note.write_text("[]")
    elif damage == "size":
        shape = json.loads((confidence / ".zarray").read_text())
        (confidence / ".zarray").write_text(json.dumps({**shape, "shape": [HEIGHT + 1, WIDTH]}))
    elif damage == "chunk":  # a power cut: it is there, and nothing is in it
        (confidence / "1").mkdir()
        (confidence / "1" / "0").write_bytes(b"")
    else:
        (confidence / ".zarray").unlink()
    cut.predict()
    assert cut.went_on == ([CHUNK_PX] if damage == "chunk" else [])
    assert everything(cut.out) == whole
    assert cut.hidden() == []


def test_two_processes_do_not_write_the_same_result(cut: Cut) -> None:
    cut.predict(stop_after=12)
    (hidden,) = (name for name in cut.hidden() if not name.endswith(".lock"))
    with (
        FileLock(cut.out.parent / f"{hidden}.lock"),
        pytest.raises(StorageError, match="another process is writing it"),
    ):
        cut.predict()
    cut.predict()
    assert cut.went_on == [CHUNK_PX]
