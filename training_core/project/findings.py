"""What was found by looking at a project folder."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Findings:
    """What was found, and for a repair what was done, a sentence each."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is as it may be."""
