"""The `spec_version` of files: older ones are brought up to date, newer ones are refused.

A kind of file is one `FileFormat`. When its content changes, its version goes up by one and a migration is added from
the version before; readers see only today's content. Files that people write by hand may leave the version out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training_core.base.bounded import parse_json
from training_core.base.errors import UserError

KEY = "spec_version"
Content = dict[str, Any]
Migration = Callable[[Content], Content]


@dataclass(frozen=True)
class FileFormat:
    """One kind of file.

    Attributes
    ----------
    version
        The one that is written.
    error
        What is raised for a file of another version.
    migrations
        What makes the content of the next version from that of each earlier one.
    """

    version: int
    error: type[UserError]
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    def version_of(self, content: Any, source: Path | str) -> int:
        """The version of a file's content; 1 where it says none.

        Raises
        ------
        UserError
            Of the format's own kind; it holds no keys and values, was written by a newer version, or says no version
            at all.
        """
        if not isinstance(content, Mapping):
            given = f"{source} is damaged (it holds a {type(content).__name__})"
            raise self.error(given, "keys and values", "restore the file from a backup")
        version = content.get(KEY, 1)
        if isinstance(version, int) and not isinstance(version, bool) and version > self.version:
            given = f"{source} has {KEY} = {version} and was written by a newer version of napari-unisemalign"
            needed = f"{KEY} {self.version}" + (" or older" if self.version > 1 else "")
            raise self.error(given, needed, "update it: pip install --upgrade napari-unisemalign")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            given = f"{source} has {KEY} = {version!r}"
            raise self.error(given, f"a whole number from 1 to {self.version}", "restore the file from a backup")
        return version

    def up_to_date(self, content: Content, source: Path | str) -> Content:
        """The content as today's version has it; the same object where nothing is to be changed.

        Raises
        ------
        UserError
            Of the format's own kind; it was written by a newer version, or says no version at all.
        """
        for version in range(self.version_of(content, source), self.version):
            content = {**self.migrations[version](content), KEY: version + 1}
        return content

    def refuse_newer(self, data: bytes, source: Path | str) -> None:
        """Raise for the JSON of a newer version; anything else, damaged or not, passes.

        Raises
        ------
        UserError
            Of the format's own kind; it was written by a newer version.
        """
        try:
            content = parse_json(data)
        except ValueError:
            return
        version = content.get(KEY) if isinstance(content, dict) else None
        if isinstance(version, int) and version > self.version:
            self.version_of(content, source)
