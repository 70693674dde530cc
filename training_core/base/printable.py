"""Names as text: file systems allow bytes that are none, and line breaks, which no list or JSON file can hold."""

from __future__ import annotations

import unicodedata

_NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, of halves of a character (how Python holds bytes that are no text), and
of line and paragraph separators."""


def printable(name: str) -> str:
    """The name with each such character as %XX per byte; any other name is itself."""
    if name.isprintable():
        return name
    return "".join(_escaped(each) if unicodedata.category(each) in _NOT_IN_A_LINE else each for each in name)


def _escaped(character: str) -> str:
    data = character.encode("utf-8", "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)
