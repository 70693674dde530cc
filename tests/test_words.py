"""Documents follow docs/glossary.md: no words of the list below, British spelling, units for people, a short README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
DOCUMENTS = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
DOCUMENTS += sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
README_LINES = 110

# What is not written, as a regular expression between word boundaries, and what to write instead. The only such list:
# the texts of the window and of the command line are searched with it too.
BANNED = {
    # words that only this project used
    r"(take|takes|took|taken|taking) (\w+ )?back": "undo; clear (rejections)",
    r"(make|makes|made|making) again": "redo; rebuilt, created again",
    r"light heads?": "pixel classifier",
    r"painters?": "pixel classifier",
    r"(the|these|both|three|what) parts": "branches",
    r"(one|this|each|every|a|single) part (of the fused|alone|say|says)": "branch",
    r"(fused|network's) parts": "branches",
    r"read(s|ing)? (of )?the network": "prediction settings; calibration",
    r"readouts?|readings": "prediction settings; calibration",
    r"deeds?": "step, action",
    r"foretell(s|ing)?|foretold": "estimate",
    r"heed(s|ed|ing)?": "use, follow",
    r"wish(es|ed)?": "choice, setting",
    r"dear(er|ly)?": "slow, costly",
    r"whoever": "anyone who",
    r"so many": "that many, or the number",
    r"anew": "again",
    r"pictures?": "image, screenshot, figure",
    r"(go|goes|going|went|gone) on with": "continue with",
    r"unsure|how sure|\d+ % sure|least sure": "low-confidence; confidence",
    r"(speak|speaks|spoke) of": "covers, describes",
    r"of one mind": "in step, the same",
    r"drawn tissue|own making": "synthetic tissue",
    r"all the same": "nevertheless, or nothing",
    # units
    r"(um|micrometers?|µm) per (px|pixels?)": "µm/px",
    r"um/px": "µm/px",
    r"[un]m2|mm2": "µm², mm²",
    # spelling
    r"colou?rize(d|s)?|color(s|ed|ing)?": "colour",
    r"gr[a]y(scale)?": "grey",
    r"center(s|ed|ing)?": "centre",
    r"(un)?label(ed|ing)": "labelled, labelling",
    r"behaviors?": "behaviour",
    r"neighbor(s|ing|hood)?": "neighbour",
    r"(normali|initiali|synchroni|summari|optimi|organi|recogni)z(e|es|ed|ing|er|ers|ation)": "-ise",
}
_BANNED = {re.compile(rf"(?<![\w.]){f'(?:{pattern})'}(?!\w)", re.IGNORECASE): word for pattern, word in BANNED.items()}

# Not prose: code, link targets, addresses, placeholders, options, and names that are joined by dots or underscores.
_NOT_PROSE = re.compile(
    r"""
    ^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[ \t]*$   # fenced code
    | (?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)   # code span
    | (?<=\])\([^)\n]*\)                           # link target
    | https?://\S+
    | \{[^{}\n]*\}                                 # placeholder
    | (?<!\w)--?[a-zA-Z][\w-]*                     # option
    | \b\w+(?:[._]\w+)+\b                          # setting, module or file name
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)


def prose(text: str) -> str:
    """The text without what is not prose."""
    return re.sub(r"[ \t]*\n[ \t]*(?!\n)", " ", _NOT_PROSE.sub(" ` ", text))


def banned_in(text: str) -> list[str]:
    """What the text should not say, each with what to say instead: 'anew (again)'. Empty for a good text."""
    text = prose(text)
    return [f"{found[0]} ({word})" for pattern, word in _BANNED.items() for found in pattern.finditer(text)]


def glossary_without_its_list(text: str) -> str:
    """The list of words not used has to name them."""
    before, _heading, after = text.partition("\n## Words not used\n")
    _list, heading, rest = after.partition("\n## ")
    return before + heading + rest


def words_not_used() -> list[str]:
    """The left column of the glossary's last table, one word or expression each."""
    table = GLOSSARY.read_text(encoding="utf-8").partition("\n## Words not used\n")[2]
    cells = re.findall(r"^\| (?!not |-)([^|]+) \|", table, re.MULTILINE)
    return [word.strip() for cell in cells for word in cell.split(",")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document_has_no_banned_word(path):
    text = path.read_text(encoding="utf-8")
    assert banned_in(glossary_without_its_list(text) if path == GLOSSARY else text) == []


@pytest.mark.parametrize("word", words_not_used())
def test_word_that_the_glossary_lists_is_banned(word):
    assert banned_in(f"It is {word} here.")


@pytest.mark.parametrize(
    "text",
    [
        "A light\nhead paints the tile.",
        "`code` and Painters.",
        "Taken back on {tile}: a stroke.",
        "0.5 um per\npixel",
        "Its color is red.",
    ],
)
def test_banned_word_is_found(text):
    assert len(banned_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The overlay appears within seconds, at 0.5 µm/px.",
        "`optimizer.lr` and optimizer.lr, `predict --parts` and --parts, {wish}",
        "```yaml\ncolor: red\n```",
        "~~~\ncolor: red\n~~~",
        "[grey](https://example.org/gray.png) and https://example.org/color",
        "A part of the tile, and a wishbone.",
    ],
)
def test_what_is_not_prose_or_not_banned_is_left_alone(text):
    assert banned_in(text) == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES
