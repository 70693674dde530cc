"""What is packaged and what is promised: metadata, manifest, the README's commands."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest

import training_core
from training_core.cli.main import build_parser

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
BASE = PYPROJECT["project"]["dependencies"]
EXTRAS = PYPROJECT["project"]["optional-dependencies"]


def name_of(requirement: str) -> str:
    """The distribution's normalized name."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built from this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    """What PyPI and pip see of the project."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return BytesParser().parsebytes(wheel.read(name))


def readme_section(heading: str) -> str:
    match = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert match, f"README.md has no section {heading}"
    return match[1]


def fenced_blocks(text: str) -> list[list[str]]:
    return [block.splitlines() for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize(("heading", "session"), [("Run it", "run"), ("Test it", "tests")])
def test_readme_section_is_one_block_of_one_line(heading, session):
    ((line,),) = fenced_blocks(readme_section(heading))
    assert line.endswith(f"nox -s {session}")


@pytest.mark.skipif(sys.platform == "win32", reason=".ci/run is a bash script")
def test_ci_runs_the_line_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    function = re.search(r"^readme_line\(\) \{.*?^\}", script, re.MULTILINE | re.DOTALL)
    assert function
    assert 'test_command=$(readme_line "Test it")' in script
    assert 'bash -c "$test_command"' in script
    read = subprocess.run(
        ["bash", "-c", f'{function[0]}; readme_line "Test it"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ((line,),) = fenced_blocks(readme_section("Test it"))
    assert read.stdout == f"{line}\n"


def test_readme_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#\s]+)", README)
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []


def test_readme_commands_are_ones_that_the_command_line_takes(capsys):
    prefix = "python -m training_core "
    commands = [line.removeprefix(prefix) for block in fenced_blocks(README) for line in block if prefix in line]
    assert len(commands) > 5
    for command in commands:
        try:
            build_parser().parse_args(shlex.split(command))
        except SystemExit:
            pytest.fail(f"{command}\n{capsys.readouterr().err}")


def test_top_level_manifest_is_a_link_to_the_packaged_one():
    link = ROOT / "napari.yaml"
    packaged = ROOT / "napari_unisemalign" / "napari.yaml"
    if sys.platform == "win32":  # git without symbolic links writes the target into a file
        assert link.samefile(packaged) or link.read_text(encoding="utf-8").strip() == "napari_unisemalign/napari.yaml"
    else:
        assert link.is_symlink()
        assert link.resolve() == packaged.resolve()
        assert not link.readlink().is_absolute()


def test_installed_distribution_shows_its_manifest():
    manifest = PluginManifest.from_distribution("napari-unisemalign")
    assert manifest.name == "napari-unisemalign"
    assert manifest.contributions.widgets
    assert manifest.contributions.sample_data
    assert manifest.contributions.readers


def test_base_dependencies_name_no_qt_binding():
    bindings = {"pyqt5", "pyqt6", "pyside2", "pyside6"}
    assert not bindings & {name_of(requirement) for requirement in BASE}
    assert not any("[" in requirement for requirement in BASE), "an extra (napari[all]) may bring a Qt binding"


def test_base_dependencies_have_lower_bounds_and_no_caps():
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+>=[0-9.]+", requirement) for requirement in BASE), BASE


def test_extras():
    assert set(EXTRAS) == {
        "pyqt5",
        "pyqt6",
        "pyside6",
        "slides",
        "text",
        "onnx",
        "cluster",
        "test",
        "docs",
        "dev",
        "all",
    }
    assert EXTRAS["all"] == ["napari-unisemalign[cluster,onnx,pyqt5,slides,text]"]


def test_hub_finds_the_plugin():
    assert "Framework :: napari" in PYPROJECT["project"]["classifiers"]


def test_version_is_written_once():
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert "version" not in PYPROJECT["project"]
    assert importlib.metadata.version("napari-unisemalign") == training_core.__version__


@pytest.mark.parametrize("package", ["training_core", "napari_unisemalign"])
def test_wheel_says_that_the_package_is_typed(wheel, package):
    assert f"{package}/py.typed" in wheel.namelist()
    assert "Typing :: Typed" in PYPROJECT["project"]["classifiers"]


def test_wheel_holds_the_manifest_and_nothing_but_the_two_packages(wheel):
    assert "napari_unisemalign/napari.yaml" in wheel.namelist()
    roots = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert roots == {"training_core", "napari_unisemalign"}


def test_package_page_has_no_relative_address(metadata):
    page = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    targets = re.findall(r"\]\(([^)\s]+)", page) + re.findall(r'<img\b[^>]*\bsrc="([^"]+)', page)
    assert len(targets) > 5
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_package_page_shows_the_readmes_pictures_from_the_releases_tag(metadata):
    pictures = re.findall(r'!\[[^\]]*\]\(([^)\s]+)|<img\b[^>]*\bsrc="([^"]+)', README)
    paths = [path for pair in pictures for path in pair if path and "://" not in path]
    assert paths
    address = f"https://raw.githubusercontent.com/napari-unisemalign/napari-unisemalign/v{training_core.__version__}"
    page = str(metadata.get_payload())
    assert [path for path in paths if f"{address}/{path}" not in page] == []


def test_project_urls():
    urls = PYPROJECT["project"]["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith("https://") for url in urls.values())


def test_citation_names_the_paper_and_the_licence_of_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["title"] == PYPROJECT["project"]["name"]
    assert citation["license"] == PYPROJECT["project"]["license"]
    assert citation["repository-code"] == PYPROJECT["project"]["urls"]["Source"]
    (paper,) = citation["references"]
    assert paper["url"].endswith("arxiv.org/abs/2604.09169")
    assert paper["title"].replace("\n", " ") in " ".join(README.split())


def test_workflows_call_sessions_that_nox_has():
    sessions = set(re.findall(r"^@nox\.session.*\ndef (\w+)\(", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    called = {name for path in workflows for name in re.findall(r"nox -s (\w+)$", path.read_text(), re.MULTILINE)}
    assert called >= {"lint", "tests", "build"}
    assert called <= sessions


def test_workflows_run_every_python_that_the_project_promises():
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    prefix = "Programming Language :: Python :: 3."
    promised = {c.removeprefix(prefix) for c in PYPROJECT["project"]["classifiers"] if c.startswith(prefix)}
    assert {f"3.{minor}" for minor in promised} <= set(matrix["python"])
