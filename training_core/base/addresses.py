"""Addresses (http and https) in the place of paths: of images that are read where they are.

An `Address` is a `Path` whose text stays an address, so that everything that takes, names, sorts and notes paths takes
it too. The disk knows nothing of it: it is no file and no folder there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from training_core.base.errors import ImageError

_BEGINS = re.compile(r"(https?):[/\\]+", re.IGNORECASE)
if TYPE_CHECKING:
    _Base = Path
else:
    _Base = type(Path())  # before Python 3.12, Path itself cannot be inherited from


class Address(_Base):
    """The address of a folder on a server, such as https://example.org/scan.ome.zarr."""

    def __str__(self) -> str:
        scheme, _, rest = super().__str__().replace("\\", "/").partition(":")
        return f"{scheme}://{rest.lstrip('/')}"

    def __fspath__(self) -> str:
        return str(self)

    def as_posix(self) -> str:
        """The address."""
        return str(self)

    def absolute(self) -> Address:
        """Itself."""
        return self

    def resolve(self, strict: bool = False) -> Address:
        """Itself."""
        return self


def is_address(text: str) -> bool:
    """Whether a text begins as an address does."""
    return bool(_BEGINS.match(text))


def path_or_address(text: str) -> Path:
    """What a person named: an `Address`, or a path.

    Raises
    ------
    ImageError
        An address without a server, or with a password or query, which would be noted in projects and results.
    """
    if not is_address(text):
        return Path(text)
    try:
        parts = urlsplit(_BEGINS.sub(r"\1://", text, count=1).replace("\\", "/"))
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise ImageError("an address names no server", "an address such as https://server/name.ome.zarr", "correct it")
    if "@" in parts.netloc or parts.query or parts.fragment:
        what = "a user name or password" if "@" in parts.netloc else "a query"
        given = f"the address on {host} holds {what}, which projects and results would note"
        needed = "an address that can be read without, such as https://server/name.ome.zarr"
        raise ImageError(given, needed, "download the folder, or leave that part out")
    return Address(f"{parts.scheme.lower()}:/{parts.netloc}{parts.path}")
