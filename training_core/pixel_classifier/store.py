"""Features of tiles: from memory, from the project's cache, or from the encoder, which is asked for only then.

Importing timm and building an encoder take seconds. A project whose tiles are in the cache needs neither for its first
overlay, so nothing here imports them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from training_core.base.memory_cache import MemoryCache
from training_core.compute.device import Compute
from training_core.pixel_classifier.cache import FeatureCache
from training_core.pixel_classifier.encode import Features, View, encode_image
from training_core.pixel_classifier.weights_identity import weights_identity
from training_core.project import Project
from training_core.settings.schema import EncoderConfig

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder

_VERSION = 1
"""Of what the files hold: another one when the same image gives other maps."""
_MEMORY_BYTES = 512 << 20


class FeatureStore:
    """Features of a project's tiles by one pretrained encoder, never by one that was trained.

    Parameters
    ----------
    encoder
        Gives the encoder with its pretrained weights on `compute`'s device; called when it is first needed.
    max_bytes
        How much is kept in memory.
    """

    def __init__(
        self,
        project: Project,
        config: EncoderConfig,
        compute: Compute,
        encoder: Callable[[], Encoder],
        max_bytes: int = _MEMORY_BYTES,
    ) -> None:
        self._project, self._config, self._compute, self._encoder = project, config, compute, encoder
        self._cache = FeatureCache(project.path)
        self._memory: MemoryCache[str, Features] = MemoryCache(max_bytes)
        self._identity: tuple[str | None] | None = None

    def get(self, name: str, view: View) -> Features:
        """The features of a tile.

        Raises
        ------
        ProjectError, ImageError
            The picture is missing or damaged.
        WeightsError
            The encoder's weights are.
        """
        key = self._key(name, view)
        kept = self._memory.get(key)
        if kept is not None:
            return kept
        identity = self._weights()
        tensors = self._cache.read(f"{key} {identity}") if identity is not None else None
        if tensors is not None:
            features = Features.from_tensors(tensors)
        else:
            features = encode_image(self._encoder(), self._project.image(name), view, self._compute)
            if identity is not None:
                self._cache.write(f"{key} {identity}", features.tensors())
        return self._memory.keep(key, features)

    def has(self, name: str, view: View) -> bool:
        """Whether `get` is quick."""
        key, identity = self._key(name, view), self._weights()
        return key in self._memory or (identity is not None and self._cache.holds(f"{key} {identity}"))

    @property
    def nbytes(self) -> int:
        """What is kept in memory."""
        return self._memory.nbytes

    def forget(self) -> None:
        """Keep nothing in memory; what the project's cache has is read from there."""
        self._memory.clear()

    def _key(self, name: str, view: View) -> str:
        return f"{_VERSION} {self._project.tile(name).sha256} {view.zoom:.4f} {view.stain}"

    def _weights(self) -> str | None:
        if self._identity is None:
            self._identity = (weights_identity(self._config, self._cache.folder),)
        return self._identity[0]
