"""Live preview: a resident process that predicts a tile again after every stroke on it, and becomes the trainer.

While nothing is asked it gets ready for what may come: the encoder, the features of the tile on screen, what training
imports, the features of the neighbours. Work comes in pieces of a fraction of a second, so that a stroke or the start
of a training does not wait. Once ready it idles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from training_core.base.errors import ImageError, MaskError, ProjectError
from training_core.base.i18n import ntr, tr
from training_core.base.process_memory import give_back, resident_bytes
from training_core.compute.device import choose_compute
from training_core.data.crop_scale import DENSE, TILES_MEASURED, settled_scales
from training_core.data.pixel_size import choose_run_mpp, left_out
from training_core.messages.events import OverlayReady, Prepared, Status
from training_core.messages.messenger import Messenger
from training_core.pixel_classifier.head_predictor import HeadPainter
from training_core.pixel_classifier.pretrained import Warm
from training_core.project import Project, Tile
from training_core.project.splits import usable_tiles
from training_core.project.thumbnails import CACHE_FOLDER
from training_core.settings.schema import AugmentConfig, Config

MAX_BYTES = 1_200_000_000
"""Of memory, libraries included; beyond it nothing is kept that can be made again."""

_DONE = object()


def _nothing() -> None:
    return None


class Live:
    """Answers `Show` with the overlays of that tile by the pixel classifier, trained on the labels as they are then.

    Parameters
    ----------
    read_config
        Gives the settings as they are now: the project's own may change while the process lives.
    preload
        Imports what a training needs; called once, when the tile on screen is ready.
    max_bytes
        Of memory, see `MAX_BYTES`.

    Raises
    ------
    DeviceError
        This machine does not have the device asked for.
    ConfigError
        The settings are not allowed.
    """

    def __init__(
        self,
        project: Project,
        read_config: Callable[[], Config],
        messenger: Messenger,
        preload: Callable[[], None] = _nothing,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._project, self._read_config, self._messenger = project, read_config, messenger
        self._preload, self._max_bytes = preload, max_bytes
        self._folder = project.path / CACHE_FOLDER / "live"
        self._step = 0
        self._tile: str | None = None
        """On screen."""
        self._asked = False
        """Whether an overlay of it is owed."""
        self._nearby: tuple[str, ...] = ()
        self._is_short = False
        """Memory ran short once: from then on nothing is prepared."""
        self._scales: tuple[object, AugmentConfig] | None = None
        """The scales of crops, and what they were chosen by."""
        self._config = self._settled()
        self._warm = Warm.up(project, self._config, choose_compute(self._config.runtime))
        self._painter = HeadPainter(project, self._config, self._warm.store)

    def serve(self) -> tuple[str, ...] | None:
        """Until `Stop`, or until nobody is left to send one, or until `Train`, whose command line is returned.

        Raises
        ------
        WeightsError
            The encoder's weights are missing.
        DeviceError, ConfigError
            As at the beginning, of settings that have changed.
        """
        work: Iterator[None] | None = None
        self._messenger.send(Status, message=tr("Live preview: waiting for a stroke."))
        while True:
            stop, shown = self._messenger.wait() if work is None else self._messenger.pending()
            if stop:
                return None
            if self._messenger.training is not None:
                return self._messenger.training
            if self._take(shown):
                work = self._pieces()
            if work is not None and next(work, _DONE) is _DONE:
                work = None
            self._bound_memory()

    @property
    def warm(self) -> Warm:
        """What a training in this process need not make again."""
        return self._warm

    def _take(self, shown: str | None) -> bool:
        """Fold in what was asked; whether that is something new to do."""
        prepare, self._messenger.prepare = self._messenger.prepare, None
        if prepare:
            self._nearby = prepare[1:]
            if prepare[0] != self._tile:
                self._tile, self._asked = prepare[0], False
        if shown is not None:
            if shown != self._tile:
                self._tile, self._nearby = shown, ()
            self._asked = True
        return shown is not None or bool(prepare)

    def _pieces(self) -> Iterator[None]:
        """All that is to do, the most wanted first; yields after each piece."""
        with suppress(ProjectError):  # the answer says what is wrong
            self._follow_settings()
        tile = self._tile
        assert tile is not None
        while self._asked:
            self._asked = self._answer(tile)
            yield
        if not self._is_short:
            yield from self._get_ready(tile)
        self._messenger.send(Prepared, tile=tile, memory_bytes=resident_bytes())
        for name in self._nearby:
            if self._is_short:
                return
            with suppress(ImageError, ProjectError):
                yield from self._painter.prepare(name)

    def _get_ready(self, tile: str) -> Iterator[None]:
        """For a stroke on this tile, and for the start of a training."""
        self._warm.encoder()
        yield
        with suppress(ImageError, ProjectError):  # said by the answer
            yield from self._painter.prepare(tile)
        self._preload()
        yield

    def _answer(self, tile: str) -> bool:
        """Paint the tile; whether there are labelled tiles that the head has not seen yet."""
        try:
            behind = self._painter.fit(tile)
            paths = self._painter.paint(tile, self._folder, self._config.pseudo_label.threshold_start)
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
        words = words.format(n=n)
        if self._painter.damaged:
            words += tr(" Damaged annotations are left out: {names}.").format(names=", ".join(self._painter.damaged))
        self._messenger.send(Status, message=words)
        return behind

    # --- settings -----------------------------------------------------------------------------------------------------

    def _settled(self) -> Config:
        """The settings as `training/preflight.py` would settle them for a run now, as far as features need it."""
        project, config = self._project, self._read_config()
        tiles = usable_tiles(project)
        mpp = choose_run_mpp(tiles, config.data.mpp)
        unfit = left_out(tiles, mpp)
        taken = {tile.name: tile for tile in tiles if tile.name not in unfit}
        annotated = tuple(name for name in (*project.labeled_names(), *project.val_names()) if name in taken)
        dense = tuple(name for name in annotated[:TILES_MEASURED] if _is_dense(project, taken[name]))
        measured_on = (dense, config.augment, mpp, config.data.crop_px)
        if self._scales is None or self._scales[0] != measured_on:  # reading the labels takes long: not at every stroke
            with suppress(MaskError):  # the answer says what is damaged
                self._scales = measured_on, settled_scales(project, annotated, config, mpp)
        data = config.data.model_copy(update={"mpp": mpp})
        return config.model_copy(update={"data": data, "augment": self._scales[1] if self._scales else config.augment})

    def _follow_settings(self) -> None:
        """Nothing is kept that was made with other settings."""
        config = self._settled()
        if config == self._config:
            return
        compute = choose_compute(config.runtime)
        if not self._warm.serves(self._project, config, compute):
            self._warm = Warm.up(self._project, config, compute)
        self._config, self._painter = config, HeadPainter(self._project, config, self._warm.store)

    # --- memory -------------------------------------------------------------------------------------------------------

    def _bound_memory(self) -> None:
        """Beyond the limit, let go of what can be made again, and say so the first time."""
        before = resident_bytes()
        if before <= self._max_bytes:
            return
        self._warm.store.forget()
        self._warm.encoder.forget_copy()
        give_back()
        if not self._is_short:
            self._is_short = True
            words = tr(
                "Live preview: it had {before:.1f} GB of memory, more than the {limit:.1f} GB it may have. It keeps "
                "nothing ready from now on and has {after:.1f} GB; strokes take longer to show."
            )
            sizes = {"before": before, "limit": self._max_bytes, "after": resident_bytes()}
            self._messenger.send(Status, message=words.format(**{key: size / 1e9 for key, size in sizes.items()}))


def _is_dense(project: Project, tile: Tile) -> bool:
    return project.labeled_pixels(tile.name) >= DENSE * tile.width_px * tile.height_px
