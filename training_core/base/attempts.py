"""Work on many files, of which a bad one never stops the others: what was done, what was not, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from training_core.base.errors import (
    ImageError,
    MaskError,
    MemoryLimitError,
    ProjectError,
    UnwritableFileError,
    UserError,
)

OF_ONE_FILE = (ImageError, MaskError, ProjectError, MemoryLimitError, UnwritableFileError)
"""Errors that one file can cause, or the one that is made of it. A full disk, a missing device or a wrong setting would
stop the next file too."""


@dataclass(frozen=True)
class Failure:
    """One of many that could not be done.

    Attributes
    ----------
    name
        What it is: the name of a file or tile.
    error
        Why.
    """

    name: str
    error: UserError


class Attempts:
    """What came of each of many, in the order in which they were tried.

    Parameters
    ----------
    strict
        Whether the first failure is raised after all.
    kinds
        The errors that one file can cause.
    """

    def __init__(self, *, strict: bool = False, kinds: tuple[type[UserError], ...] = OF_ONE_FILE) -> None:
        self._strict, self._kinds = strict, kinds
        self.done: list[str] = []
        self.kept: list[str] = []
        """Those of `done` that were there already and are as they would be made now."""
        self.failed: list[Failure] = []

    @contextmanager
    def each(self, name: str, *, counts: bool = True) -> Iterator[None]:
        """Do one of them in the block; an error that this file causes is kept, any other is raised.

        Parameters
        ----------
        counts
            Whether it is done with the block; False: that is only the first step.
        """
        try:
            yield
        except self._kinds as error:
            if self._strict:
                raise
            self.failed.append(Failure(name, error))
        else:
            if counts:
                self.done.append(name)

    def raise_if_none(self) -> None:
        """Raise the only error, or the first of several with their number, where nothing could be done.

        Raises
        ------
        UserError
            Of the kind of the first failure.
        """
        if self.done or not self.failed:
            return
        first = self.failed[0].error
        if len(self.failed) == 1:
            raise first
        given = f"none of {len(self.failed)} files could be used; the first: {first.given}"
        raise first.about(given)
