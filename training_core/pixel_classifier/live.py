"""Live preview: a resident process that predicts a tile again after every stroke on it."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from training_core.base.errors import ImageError, MaskError, ProjectError
from training_core.base.i18n import ntr, tr
from training_core.compute.device import choose_compute, one_thread
from training_core.data.pixel_size import choose_run_mpp
from training_core.messages.events import OverlayReady, Status
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.encode import ready
from training_core.pixel_classifier.head_predictor import HeadPainter
from training_core.pixel_classifier.store import FeatureStore
from training_core.project import Project
from training_core.project.splits import usable_tiles
from training_core.project.thumbnails import CACHE_FOLDER
from training_core.settings.schema import Config

if TYPE_CHECKING:
    from training_core.network.encoders import Encoder


class Live:
    """Answers `Show` with the overlays of that tile by the pixel classifier, trained on the labels as they are then."""

    def __init__(self, project: Project, config: Config, messenger: Messenger) -> None:
        """Choose the device and the pixel size.

        Raises
        ------
        DeviceError
            This machine does not have the device asked for.
        """
        mpp = choose_run_mpp(usable_tiles(project), config.data.mpp)
        config = config.model_copy(update={"data": config.data.model_copy(update={"mpp": mpp})})
        compute = choose_compute(config.runtime)

        @cache
        def encoder() -> Encoder:
            from training_core.network.encoders import build_encoder  # timm: not needed where the cache knows the tiles

            with one_thread():
                return ready(build_encoder(config.encoder), compute)

        store = FeatureStore(project, config.encoder, compute, encoder)
        self._painter = HeadPainter(project, config, store)
        self._encoder = encoder
        self._threshold = config.pseudo_label.threshold_start
        self._folder = project.path / CACHE_FOLDER / "live"
        self._messenger = messenger
        self._step = 0

    def serve(self) -> None:
        """Until `Stop`, or until nobody is left to send one. What the labels lack is said as a `Status`.

        Raises
        ------
        WeightsError
            The encoder's weights are missing.
        """
        tile: str | None = None
        behind = False
        self._messenger.send(Status, message=tr("Live preview: waiting for a stroke."))
        while True:
            stop, shown = self._messenger.pending() if behind else self._messenger.wait()
            if stop:
                return
            tile = shown or tile
            behind = tile is not None and self._answer(tile)
            if tile is not None and not behind:
                self._prepare(tile)

    def _prepare(self, tile: str) -> None:
        """While the user paints: get the encoder and all features of the tile, so that the stroke is answered soon."""
        self._encoder()
        with suppress(ImageError, ProjectError):  # said by the answer before
            self._painter.prepare(tile)

    def _answer(self, tile: str) -> bool:
        """Paint the tile; whether there are labelled tiles that the head has not seen yet."""
        try:
            behind = self._painter.fit(tile)
            paths = self._painter.paint(tile, self._folder, self._threshold)
        except (ImageError, MaskError, ProjectError) as error:
            self._messenger.send(Status, message=tr("Live preview: {error}").format(error=error))
            return False
        self._step += 1
        values = {kind: str(path) for kind, path in paths.items()}
        self._messenger.send(OverlayReady, step=self._step, tile=tile, source="live", **values)
        n = self._painter.n_tiles
        words = ntr(
            "Live preview: updated from the annotations of {n} tile.",
            "Live preview: updated from the annotations of {n} tiles.",
            n,
        )
        self._messenger.send(Status, message=words.format(n=n))
        return behind
