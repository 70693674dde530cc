"""Tables and figures of a report, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def figure(value: Mapping[str, float | None] | None, digits: int) -> str:
    """A mean with its standard deviation, where there is one; nothing for None."""
    if value is None:
        return ""
    sd = value["sd"]
    return f"{value['mean']:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"
