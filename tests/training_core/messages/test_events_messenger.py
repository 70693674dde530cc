"""Events and commands as JSON lines, and the messenger that carries them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from training_core.base.errors import StorageError
from training_core.messages.events import (
    Event,
    FileFailed,
    FilePredicted,
    Leave,
    OverlayReady,
    RunFailed,
    RunFinished,
    RunStarted,
    Show,
    Status,
    StepDone,
    Stop,
    Validated,
    Warned,
    parse_command,
    parse_event,
)
from training_core.messages.messenger import Leaving, Messenger, line_writer

EVENTS: list[Event] = [
    RunStarted(
        run_id="r", run_dir="/runs/r", device="cpu", precision="float32", encoder="uni", class_ids=(0, 3, 7),
        n_labeled=2, n_unlabeled=3, n_val=0, total_steps=None,
    ),
    Status(run_id="r", message="Läuft"),
    Warned(run_id="r", elapsed_s=1.5, message="Two\nlines"),
    StepDone(run_id="r", step=1, progress=0.5, eta_s=None, losses={"hard": 0.25}, threshold=None, confident_share=None),
    Validated(
        run_id="r", step=1, mdice=80.0, mjaccard=70.0, dice_by_class={0: 80.0, 7: 81.0}, measured_on="training",
        is_best=True,
    ),
    OverlayReady(run_id="r", step=1, tile="t", prediction="p.png", pseudo_label="l.png", confidence="c.png"),
    RunFinished(run_id="r", run_dir="/runs/r", reason="stopped", steps=1, seconds=2.0, mdice=None, mjaccard=None),
    FilePredicted(run_id="", file="/slides/a.svs", result="/out/a.ome.zarr", was_there=False),
    FileFailed(run_id="", file="/slides/b.svs", message="no"),
    RunFailed(run_id="", message="no"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_every_event_survives_its_line(event: Event) -> None:
    line = event.model_dump_json()
    assert "\n" not in line
    assert parse_event(line) == event


@pytest.mark.parametrize(
    "line",
    ["", "downloading 3 %", "{}", '{"kind": "status"}', '{"kind": "status", "run_id": "r", "message": 3}', "[1]"],
)
def test_a_line_that_is_no_event(line: str) -> None:
    assert parse_event(line) is None


def test_commands() -> None:
    assert parse_command('{"command": "stop"}') == Stop()
    assert parse_command('{"command": "show", "tile": "a"}') == Show(tile="a")
    for line in ("", "stop", '{"command": "freeze"}', '{"command": "show"}', '{"command": "stop", "now": true}'):
        assert parse_command(line) is None
    assert parse_command(Show(tile="ä b").model_dump_json()) == Show(tile="ä b")


# --- the messenger ----------------------------------------------------------------------------------------------------


def test_events_are_stamped_kept_and_handed_on(tmp_path: Path) -> None:
    heard: list[Event] = []
    messenger = Messenger(heard.append)
    messenger.send(Status, message="before there is a run")
    run = tmp_path / "20260101-000000"
    run.mkdir()
    messenger.open_run(run)
    messenger.send(Status, message="now")
    messenger.send(Warned, message="look")
    kept = [parse_event(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    messenger.close()
    assert [event.run_id for event in heard] == ["", run.name, run.name]
    assert kept == heard[1:]  # on disk already while the run goes on
    assert 0 <= heard[0].elapsed_s <= heard[2].elapsed_s < 60


def test_a_resumed_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for message in ("one", "two"):
        messenger = Messenger()
        messenger.open_run(tmp_path)
        messenger.send(Status, message=message)
        messenger.close()
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["one", "two"]


def wait_for(messenger: Messenger) -> tuple[bool, str | None]:
    deadline = time.monotonic() + 10
    while (found := messenger.pending()) == (False, None):
        assert time.monotonic() < deadline, "no command arrived"
        time.sleep(0.01)
    return found


def test_commands_come_from_a_descriptor_in_pieces_and_among_noise() -> None:
    reader, writer = os.pipe()
    messenger = Messenger(commands=reader)
    assert messenger.pending() == (False, None)
    os.write(writer, b'noise\n\xff\xfe\n{"command": "show", "ti')
    os.write(writer, 'le": "ä"}\n'.encode())
    assert wait_for(messenger) == (False, "ä")
    os.write(writer, b'{"command": "stop"}\n')
    assert wait_for(messenger) == (True, None)
    assert messenger.pending() == (False, None)
    os.close(writer)


def test_of_several_tiles_to_show_the_last_counts() -> None:
    reader, writer = os.pipe()
    messenger = Messenger(commands=reader)
    os.write(writer, b'{"command": "show", "tile": "a"}\n{"command": "show", "tile": "b"}\n{"command": "stop"}\n')
    shown, stopped = None, False
    while not stopped:
        stopped, show = wait_for(messenger)
        shown = show or shown
    assert shown == "b"
    os.close(writer)


def test_a_request_to_stop_from_inside() -> None:
    messenger = Messenger()
    messenger.request_stop()
    assert messenger.pending() == (True, None)
    assert messenger.pending() == (False, None)


def test_a_request_to_leave_from_inside_or_by_a_command() -> None:
    messenger = Messenger()
    messenger.check()
    messenger._commands.put(Leave())  # as the thread that reads standard input does
    with pytest.raises(Leaving):
        messenger.pending()
    for ask in (messenger.check, messenger.pending, messenger.wait):
        with pytest.raises(Leaving):
            ask()
    assert messenger.left.get_nowait() is None
    live = Messenger(stop_at_end=True)  # the live preview has nothing to lose
    live.reader_has_gone()
    assert live.pending() == (True, None)


def test_line_writer_writes_a_line_an_event(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        listen = line_writer(stream, on_closed=lambda: pytest.fail("nothing was closed"))
        for event in EVENTS:
            listen(event)
        lines = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert [parse_event(line) for line in lines] == EVENTS


def test_a_reader_that_has_gone_asks_once_to_stop() -> None:
    """Once: a second stop would cut the predictions short."""
    reader, writer = os.pipe()
    os.close(reader)
    calls: list[int] = []
    with os.fdopen(writer, "w") as stream:  # closing it flushes what is left, which must not fail again
        listen = line_writer(stream, on_closed=lambda: calls.append(1))
        for event in EVENTS:
            listen(event)
    assert calls == [1]


def test_a_full_disk_is_told_to_the_listener_all_the_same(tmp_path: Path) -> None:
    """The window learns why the run failed although the run's own folder can take no more."""
    heard: list[Event] = []
    messenger = Messenger(heard.append)
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    messenger.open_run(tmp_path)
    failure: Any = None
    try:
        messenger.send(Status, message="x")
    except StorageError as error:
        failure = error
    assert failure is not None
    with pytest.raises(StorageError):
        messenger.send(RunFailed, message=str(failure))
    messenger.close()
    assert [type(event) for event in heard][-1] is RunFailed


def test_what_the_listener_knows_is_in_the_folder_already(tmp_path: Path) -> None:
    """A trainer that is killed between the two leaves no point in the window's chart that the run does not have."""
    kept: list[bytes] = []
    messenger = Messenger(lambda event: kept.append((tmp_path / "events.jsonl").read_bytes()))
    messenger.open_run(tmp_path)
    messenger.send(Status, message="one")
    messenger.send(Status, message="two")
    messenger.close()
    assert [lines.count(b"\n") for lines in kept] == [1, 2]
