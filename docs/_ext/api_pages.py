"""The API reference: a page for each package of the core, made while building, so that none is kept by hand.

The pages go to docs/reference/api, which git ignores. autodoc fills them from the docstrings; three hooks help it:
what a package hands on from its modules is described once, where it is defined; a pydantic model shows its fields and
what they mean; and a colon in the docstring of an attribute is a colon.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from sphinx.ext.napoleon import NumpyDocstring
from sphinx.util.display import status_iterator

import training_core

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PACKAGE = training_core.__name__
FOLDER = Path("reference") / "api"
_ARRAY = re.compile(r"~?numpy\.ndarray\[tuple\[(?:~?typing\.)?Any, \.\.\.\], ~?numpy\.dtype\[([^\[\]]+)\]\]")
"""What NDArray[...] is short for."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", _document_module)
    app.connect("autodoc-process-docstring", _document_model)
    app.connect("autodoc-process-docstring", _keep_colon, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _shorten_signature)
    app.connect("missing-reference", _leave_type_variable)
    return {"parallel_read_safe": True}


def write_pages(app: Sphinx) -> None:
    """One page for each package with its modules, and one that lists the packages. What did not change is left."""
    root = Path(str(training_core.__file__)).parent
    folders = sorted(init.parent for init in root.rglob("__init__.py") if init.parent != root)
    pages = {"index": _index([_dotted(folder, root) for folder in folders])}
    for folder in folders:
        modules = [_dotted(file.with_suffix(""), root) for file in sorted(folder.glob("[!_]*.py"))]
        pages[_dotted(folder, root)] = _page(_dotted(folder, root), modules)
    target = Path(app.srcdir) / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for stale in {file.stem for file in target.glob("*.rst")} - pages.keys():
        (target / f"{stale}.rst").unlink()
    for name, text in status_iterator(pages.items(), "writing API pages... ", "green", len(pages)):
        file = target / f"{name}.rst"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def _index(packages: list[str]) -> str:
    rows = [f"   * - :doc:`{_short(name)} <{name}>`\n     - {_summary(name)}" for name in packages]
    hidden = "\n".join(f"   {name}" for name in packages)
    about = (
        f"The packages of ``{PACKAGE}``, made from the docstrings. What stands here may change between minor versions "
        "as long as the version starts with 0; the command line and the files of a project change less."
    )
    table = ".. list-table::\n   :widths: 35 65\n\n" + "\n".join(rows)
    return f"{_heading('API', '=')}\n{about}\n\n{table}\n\n.. toctree::\n   :hidden:\n\n{hidden}\n"


def _page(package: str, modules: list[str]) -> str:
    blocks = [_heading(_short(package), "="), f".. automodule:: {package}\n   :members:\n   :ignore-module-all:\n"]
    for module in modules:
        blocks += [_heading(module.rpartition(".")[2], "-"), f".. automodule:: {module}\n   :members:\n"]
    return "\n".join(blocks)


def _dotted(path: Path, root: Path) -> str:
    return ".".join((PACKAGE, *path.relative_to(root).parts))


def _short(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.")


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _summary(name: str) -> str:
    return str(importlib.import_module(name).__doc__).partition("\n")[0]


def _document_module(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Name what a package hands on, with links to where it is defined."""
    if what != "module" or not hasattr(obj, "__path__"):
        return
    names = sorted(getattr(obj, "__all__", ()))
    members = [(each, getattr(getattr(obj, each), "__module__", name)) for each in names]
    given = [f":py:obj:`{each} <{module}.{each}>`" for each, module in members if module.startswith(f"{name}.")]
    if given:
        lines += ["", f"Defined in its modules, and imported from here: {', '.join(given)}."]


def _document_model(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A pydantic model's fields with the words of the schema."""
    if _is_model(obj):
        described = {key: field.description for key, field in obj.model_fields.items() if field.description}
        lines += ["", *(f":ivar {key}: {text}" for key, text in described.items())]


def _shorten_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A model is made from keywords, its fields; with their bounds they would fill a screen. Arrays: as written."""
    if _is_model(obj) and obj.model_fields:
        return f"({', '.join(('*', *obj.model_fields))})", None
    return _arrays_as_written(signature), _arrays_as_written(returns)


def _arrays_as_written(text: str | None) -> str | None:
    return None if text is None else _ARRAY.sub(r"NDArray[\1]", text)


def _keep_colon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Napoleon takes an attribute's first words for its type if a colon follows; the annotation has the type."""
    if what in ("attribute", "data", "property"):
        parsed = NumpyDocstring(list(lines), app.config, app, "method", name, obj, options)
        lines[:] = ["..", "", *parsed.lines()]  # an empty comment, in which no colon can follow


def _leave_type_variable(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """A type variable has no entry to link to; its name stays as text."""
    module, _, name = str(node.get("reftarget", "")).rpartition(".")
    known = sys.modules.get(module) if module.startswith(f"{PACKAGE}.") else None
    return content if isinstance(getattr(known, name, None), TypeVar) else None


def _is_model(obj: Any) -> bool:
    return inspect.isclass(obj) and issubclass(obj, BaseModel)
