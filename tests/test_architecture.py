"""The arrow napari_unisemalign -> training_core, and a window's process without torch, shown by importing for real.

import-linter (`nox -s lint`) reads the same from the code; its contracts in pyproject.toml are the one list.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WINDOW_SIDE = ("PyQt5", "PyQt6", "PySide6", "magicgui", "napari", "napari_unisemalign", "qtpy")
TORCH_SIDE = ("open_clip", "timm", "torch", "torchvision")


def torch_free_packages() -> tuple[str, ...]:
    """What import-linter's contract says the window may import; import-linter reads the code, these tests import it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if each["name"].startswith("No torch"))
    return tuple(name for name in contract["source_modules"] if name.startswith("training_core."))


# Run in a fresh interpreter: what this test process has already imported must not count.
IMPORT_WITH_BLOCKED = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

blocked, modules = (set(argument.split(",")) for argument in sys.argv[1:])
sys.meta_path.insert(0, Blocker())
for module in sorted(modules):
    try:
        importlib.import_module(module)
    except ImportError as error:
        print(f"{module}: {error}")
"""


def modules_of(package: str) -> list[str]:
    """Every module below the package's folder or of its one file, except the ones that run when imported."""
    path = ROOT / package.replace(".", "/")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    parts = [file.relative_to(ROOT).with_suffix("").parts for file in files if file.name != "__main__.py"]
    return [".".join(part for part in names if part != "__init__") for names in parts]


def import_failures(modules: list[str], blocked: tuple[str, ...]) -> str:
    """One line per module that cannot be imported without the blocked packages."""
    assert modules, "nothing to import: has the package moved?"
    command = [sys.executable, "-c", IMPORT_WITH_BLOCKED, ",".join(blocked), ",".join(modules)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout


def imported_names(file: Path) -> set[str]:
    """Top-level names of everything the file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_core_imports_without_qt_and_napari():
    modules = modules_of("training_core")
    assert len(modules) > 20
    assert import_failures(modules, WINDOW_SIDE) == ""


@pytest.mark.parametrize("package", torch_free_packages())
def test_torch_free_package_imports_without_torch(package):
    assert import_failures(modules_of(package), TORCH_SIDE + WINDOW_SIDE) == ""


def test_command_line_starts_without_torch():
    assert import_failures(["training_core.cli.main"], TORCH_SIDE + WINDOW_SIDE) == ""


def test_plugin_package_imports_without_torch():
    assert import_failures(["napari_unisemalign"], TORCH_SIDE) == ""


def test_every_window_module_imports_without_torch():
    modules = modules_of("napari_unisemalign")
    assert len(modules) > 10
    assert import_failures(modules, TORCH_SIDE) == ""


@pytest.mark.parametrize(
    ("package", "forbidden"), [("training_core", WINDOW_SIDE), ("napari_unisemalign", TORCH_SIDE)], ids=str
)
def test_not_even_inside_a_function(package, forbidden):
    found = {
        str(file.relative_to(ROOT)): names
        for file in sorted((ROOT / package).rglob("*.py"))
        if (names := imported_names(file) & set(forbidden))
    }
    assert found == {}


def test_every_import_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *extras["cluster"], *extras["onnx"], *extras["slides"], *extras["text"]]
    declared = {normalized(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in requirements}
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        (str(file.relative_to(ROOT)), name)
        for package in ("training_core", "napari_unisemalign")
        for file in (ROOT / package).rglob("*.py")
        for name in imported_names(file) - sys.stdlib_module_names - {"training_core", "napari_unisemalign"}
        if declared.isdisjoint(normalized(provider) for provider in providers.get(name, [name]))
    }
    assert undeclared == set()


def test_the_guard_sees_a_forbidden_import():
    assert "yaml is blocked" in import_failures(["training_core.settings.files"], ("yaml",))
