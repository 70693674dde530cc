"""What README, CONTRIBUTING and docs point to exists: pages, links, images, commands, modules. Nothing is built."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from training_core.base.errors import UserError
from training_core.cli.main import build_parser
from training_core.settings.files import merge_settings
from training_core.settings.schema import resolve

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
API = DOCS / "reference" / "api"
"""Made by the build."""
PAGES = sorted(page for page in DOCS.rglob("*.md") if API not in page.parents)
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
PROGRAM = "-m training_core "
FENCE = re.compile(r"^(`{3,})[^\n]*\n(.*?)^\1\s*$", re.MULTILINE | re.DOTALL)


def titled(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fenced(text: str) -> Iterator[str]:
    for match in FENCE.finditer(text):
        yield match[2]


def without_code(text: str) -> str:
    """The text without fenced blocks and code spans, whose brackets are no links."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))


def toctree_entries() -> set[str]:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for tree in trees for line in tree.splitlines() if line.strip() and line[0] != ":"]
    return {re.sub(r"^.* <(.+)>$", r"\1", line) for line in lines}


def test_every_page_is_in_the_toctree() -> None:
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES} - {"index"}
    assert toctree_entries() == pages | {"reference/api/index"}


@pytest.mark.parametrize("page", TEXTS, ids=titled)
def test_relative_links_and_images_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)", without_code(text))
    links += re.findall(r"^```\{(?:image|figure)\} (\S+)", text, re.MULTILINE)
    links += re.findall(r"<img[^>]*\ssrc=\"([^\"]+)\"", text)
    local = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:", link)]
    targets = [page.parent / unquote(link) for link in local if link]
    made = [API / f"{name}.rst" for name in ("index", *packages())]
    assert [str(target) for target in targets if not target.exists() and target.resolve() not in made] == []


def packages() -> list[str]:
    """The packages that the API reference has a page for (docs/_ext/api_pages.py)."""
    inits = (ROOT / "training_core").rglob("__init__.py")
    return [".".join(init.parent.relative_to(ROOT).parts) for init in inits]


def command_lines(page: Path) -> list[str]:
    """Lines of fenced blocks, and code spans, that start the program. What only names a command asks for its help."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in fenced(text) for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    outside = FENCE.sub("", text)
    spans = [
        span if re.search(r"[A-Z/=.]|--", arguments_text(span)) else f"{span} --help"
        for span in re.findall(r"`([^`\n]+)`", outside)
    ]
    return [line for line in (*blocks, *spans) if PROGRAM in line and not re.search(r"…|\.\.\.|COMMAND", line)]


def arguments_text(line: str) -> str:
    return line.partition(PROGRAM)[2]


def arguments(line: str) -> list[str]:
    """What follows `-m training_core`, up to a comment, a pipe or the next command."""
    words = shlex.split(arguments_text(line), comments=True)
    for number, word in enumerate(words):
        if word in ("|", "&&", "||", ";", "&", ">"):
            return words[:number]
    return words


def parsed(words: list[str]) -> argparse.Namespace | None:
    """None: the line asked for help."""
    if "--help" in words or "--version" in words:
        with pytest.raises(SystemExit, match=r"^0$"):
            build_parser().parse_args(words)
        return None
    return build_parser().parse_args(words)


COMMANDS = [pytest.param(line, id=f"{page.name}: {line}") for page in TEXTS for line in command_lines(page)]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line: str) -> None:
    settings = getattr(parsed(arguments(line)), "set", None)
    if settings:
        resolve(merge_settings(settings))  # an unknown key or a value out of range is an error


def test_the_commands_are_found() -> None:
    """So that the test above cannot pass because its pattern no longer matches anything."""
    found = [" ".join(arguments(line)) for page in TEXTS for line in command_lines(page)]
    assert {line.split()[0] for line in found if line} >= {"demo", "project", "train", "predict", "evaluate", "export"}
    with pytest.raises(UserError):
        parsed(["train", "sample", "--no-such-option"])


@pytest.mark.parametrize("page", TEXTS, ids=titled)
def test_modules_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"\b((?:training_core|napari_unisemalign)(?:\.[A-Za-z_]\w*)+)", text)
    dotted = {name.removesuffix(".rst") for name in found} - {"napari_unisemalign.mo"}  # a catalogue's file
    paths = set(re.findall(r"(?<![\w/.-])((?:training_core|napari_unisemalign|tests|docs)/[\w./-]+\w)", text))
    wrong = [name for name in dotted if not is_name(name)]
    wrong += [path for path in paths if "NAME" not in path and not (ROOT / path).exists() and not is_made(path)]
    assert wrong == []


def is_name(dotted: str) -> bool:
    """Whether a module of this name exists, or the last words are names that stand in one."""
    words = dotted.split(".")
    for length in range(len(words), 0, -1):
        path = ROOT.joinpath(*words[:length])
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            return all(re.search(rf"\b{word}\b", text) for word in words[length:])
    return False


def is_made(path: str) -> bool:
    return path.startswith(("docs/reference/api", "training_core/locale"))
