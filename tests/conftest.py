"""What all tests share: the development data beside the repository, where it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The contracts' assertions explain themselves like those of a test module.
pytest.register_assert_rewrite("tests.training_core.network.contracts", "tests.training_core.export.contract")

SHARED = Path(__file__).resolve().parents[2] / "shared"
LONG = ("training", "pixel_classifier", "cli", "measuring", "sharing", "faults", "prediction", "compute")
"""Folders whose files take longest, to begin with: one that came last would keep a processor alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test that takes `shared_dir` carries the marker, so `-m "not shared"` leaves out all of them."""
    items.sort(key=lambda item: LONG.index(item.path.parent.name) if item.path.parent.name in LONG else len(LONG))
    for item in items:
        if "shared_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """In CI, a test that needs the development data may not skip where that data is there."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.skipped and item.get_closest_marker("shared") and os.environ.get("CI") and SHARED.is_dir():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped although {SHARED} is there: {report.longrepr}"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder ../shared; the test skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the development data in {SHARED}, which may not be shipped")
    return SHARED
