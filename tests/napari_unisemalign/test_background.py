from __future__ import annotations

import threading
from typing import Any

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QObject

from napari_unisemalign.app.background import Background, run_while_painting
from training_core.base.errors import ImageError

pytestmark = pytest.mark.binding


@pytest.fixture
def background(qtbot: Any) -> Any:
    background = Background()
    yield background
    background.close()


def test_work_is_done_elsewhere_and_its_result_comes_home(qtbot: Any, background: Background) -> None:
    threads: list[str] = []
    home = threading.current_thread().name

    def work() -> int:
        threads.append(threading.current_thread().name)
        background.post(lambda: threads.append("progress"))
        return 7

    def done(result: int) -> None:
        threads.append(f"{result} {threading.current_thread().name}")

    background.run(work, done, pytest.fail, always=lambda: threads.append("always"))
    qtbot.waitUntil(lambda: len(threads) == 4, timeout=5000)
    assert threads[0].startswith("unisemalign")
    assert threads[1:] == ["progress", "always", f"7 {home}"]


def test_an_error_of_the_user_is_handed_over(qtbot: Any, background: Background) -> None:
    errors: list[Any] = []

    def work() -> None:
        raise ImageError("it is empty", "a picture", "another file")

    background.run(work, pytest.fail, errors.append, always=lambda: errors.append("always"))
    qtbot.waitUntil(lambda: len(errors) == 2, timeout=5000)
    assert errors[0] == "always"
    assert isinstance(errors[1], ImageError)


def test_a_bug_is_raised_in_the_window_after_tidying_up(qtbot: Any, background: Background) -> None:
    tidy: list[bool] = []
    with qtbot.capture_exceptions() as exceptions:
        background.run(lambda: 1 // 0, pytest.fail, pytest.fail, always=lambda: tidy.append(True))
        qtbot.waitUntil(lambda: bool(exceptions), timeout=5000)
    assert exceptions[0][0] is ZeroDivisionError
    assert tidy == [True]


def test_after_closing_nothing_is_delivered(qtbot: Any, background: Background) -> None:
    started, go_on = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go_on.wait(5)

    background.run(work, pytest.fail, pytest.fail)
    background.run(lambda: None, pytest.fail, pytest.fail)
    assert started.wait(5)
    go_on.set()
    background.close()
    background.run(lambda: None, pytest.fail, pytest.fail)
    qtbot.wait(50)


def test_waiting_for_work_keeps_the_window_painting(qtbot: Any) -> None:
    assert run_while_painting(lambda: 3) == 3

    def work() -> None:
        raise ImageError("it is empty", "a picture", "another file")

    with pytest.raises(ImageError):
        run_while_painting(work)


def test_what_ends_after_its_window_was_deleted_is_told_to_nobody_and_raises_nothing(
    qtbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dialog, go_on, told = QObject(), threading.Event(), []
    background = Background(dialog)
    future = background.run(lambda: go_on.wait(10), told.append, pytest.fail)
    assert future is not None
    dialog.deleteLater()
    qtbot.waitUntil(lambda: not isalive(background), timeout=5000)
    go_on.set()
    assert future.result(10)
    qtbot.wait(50)
    assert (told, caplog.records) == ([], [])
