"""How long work tells its caller how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

ReportProgress: TypeAlias = Callable[[int, int, str], None]
"""report(done, of how many, the name of what is being worked on)"""
