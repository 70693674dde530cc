"""Lists of image names in files: text with one name a line, or a table (CSV, TSV) with a column of names."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training_core.base.errors import ProjectError

NAME_COLUMNS = ("image", "name", "file", "filename", "tile", "path", "slide")
CASE_COLUMNS = ("case", "patient", "group", "subject", "slide", "case_id", "patient_id", "slide_id", "case id", "donor")
_TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark starts like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class NameList:
    """What a list says.

    Attributes
    ----------
    ignored
        Lines that are comments.
    """

    names: tuple[str, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows of a CSV or TSV file under the names of their columns; without a header the columns have no names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def position(self, names: Sequence[str]) -> int | None:
        """The column that has one of these names, the first of which is preferred."""
        columns = [column.strip().casefold() for column in self.columns]
        return next((columns.index(name) for name in names if name in columns), None)


def read_names(path: Path) -> NameList:
    """The names in a list file, as they are; a comment is a line that starts with "# ".

    A table's names are in its column "image" (or name, file, tile ...), else in its first.

    Raises
    ------
    ProjectError
        Missing, not readable, or no text.
    """
    if path.suffix.lower() in _TABLE_SUFFIXES:
        table = read_table(path)
        place = table.position(NAME_COLUMNS) or 0
        return NameList(tuple(row[place] for row in table.rows if len(row) > place and row[place].strip()))
    lines = [line.rstrip("\r") for line in read_text(path).split("\n")]
    ignored = tuple(line for line in lines if line.startswith("# ") or line.rstrip() == "#")
    return NameList(tuple(line for line in lines if line.strip() and line not in ignored), ignored)


def read_table(path: Path) -> Table:
    """The rows of a CSV or TSV file; its first row is a header where it names a column of names or of cases.

    Raises
    ------
    ProjectError
        Missing, not readable, or no text.
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    if first.startswith("sep=") and first.strip("\r")[4:5]:  # how Excel is told the delimiter
        delimiter, text = first[4], rest
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as cause:
        needed = "a table with one image in a row"
        raise ProjectError(f"the table {path} cannot be read ({cause})", needed, "save it as CSV again") from cause
    known = {*NAME_COLUMNS, *CASE_COLUMNS}
    if rows and any(cell.strip().casefold() in known for cell in rows[0]):
        return Table(rows[0], tuple(rows[1:]))
    return Table((), tuple(rows))


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16; bytes that are neither are kept, as in names of files (PEP 383).

    Raises
    ------
    ProjectError
        Missing, not readable, or cut in the middle of a character.
    """
    try:
        data = path.read_bytes()
        return data.decode(_encoding(data), "surrogateescape" if _encoding(data) == "utf-8" else "strict")
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "it is not text"
        given = f"the list {path} cannot be read ({reason})"
        raise ProjectError(given, "a text file with one image name per line", "check the path") from cause


def _encoding(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if len(data) % 2 == 0 and data[1::2].count(0) > len(data) // 4:
        return "utf-16-le"
    if len(data) % 2 == 0 and data[::2].count(0) > len(data) // 4:
        return "utf-16-be"
    return "utf-8"
