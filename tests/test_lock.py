"""requirements.lock fits pyproject.toml, and names each file by its hash."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
EXTRAS = ("pyqt5", "pyqt6", "pyside6", "dev", "docs")
ENTRY = re.compile(r"([A-Za-z0-9._-]+)==(\S+?)(?: ; (.+?))?((?: --hash=\S+)*)")
SYSTEMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
ENVIRONMENTS = [
    {"sys_platform": platform, "platform_system": system, "os_name": name, "python_version": version,
     "python_full_version": f"{version}.0", "platform_machine": "x86_64", "platform_python_implementation": "CPython",
     "implementation_name": "cpython", "extra": ""}
    for platform, system, name in SYSTEMS
    for version in ("3.11", "3.13")
]  # fmt: skip


@cache
def entries() -> list[tuple[str, str, str | None, list[str]]]:
    """Name, version, marker and hashes of all that the lock names."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [" ".join(line.split()) for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = []
    for line in lines:
        match = ENTRY.fullmatch(line)
        assert match is not None, line
        hashes = re.findall(r"--hash=(\S+)", match[4])
        found.append((canonicalize_name(match[1]), match[2], match[3], hashes))
    return found


def needed() -> Iterator[Requirement]:
    """What pyproject.toml asks for, by itself and by the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, seen = project["optional-dependencies"], set[str]()
    todo = list(EXTRAS)
    yield from map(Requirement, project["dependencies"])
    while todo:
        extra = todo.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for requirement in map(Requirement, extras[extra]):
            if requirement.name == project["name"]:
                todo += requirement.extras
            else:
                yield requirement


def test_every_entry_has_hashes_of_its_files() -> None:
    assert len(entries()) > 100
    wrong = [
        name
        for name, _, _, hashes in entries()
        if not hashes or any(not re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "environment", ENVIRONMENTS, ids=lambda each: f"{each['sys_platform']}-{each['python_version']}"
)
def test_what_the_project_asks_for_is_locked_once_in_a_version_that_it_allows(environment: dict[str, str]) -> None:
    locked: dict[str, list[str]] = {}
    for name, version, marker, _ in entries():
        if marker is None or Marker(marker).evaluate(environment):
            locked.setdefault(name, []).append(version)
    assert {name: versions for name, versions in locked.items() if len(versions) > 1} == {}
    wrong = [
        str(each)
        for each in needed()
        if (each.marker is None or each.marker.evaluate(environment))
        and not any(each.specifier.contains(version) for version in locked.get(canonicalize_name(each.name), []))
    ]
    assert wrong == [], "then: nox -s lock"


def test_the_project_itself_is_installed_from_the_lock_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With UNISEMALIGN_LOCKED=1 nothing else is fetched, so that what builds it has to be locked, too."""
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    names = {canonicalize_name(Requirement(each).name) for each in (*asked, *build.get_requires_for_build_editable())}
    assert "editables" in names
    assert names <= {name for name, *_ in entries()}
