"""What Accept takes otherwise than by default: said above its button, with one way back."""

from __future__ import annotations

from napari_unisemalign.annotate.accept_plan import options_in_words
from napari_unisemalign.annotate.overlays import OverlaysController
from napari_unisemalign.annotate.review_contracts import CleanUpSurface, CorrectSurface
from napari_unisemalign.app.tile_overlays import OverlaySource


class AcceptOptions:
    """The choices of several views, in one sentence."""

    def __init__(self, view: CorrectSurface, cleanup: CleanUpSurface, overlays: OverlaysController) -> None:
        self._view, self._clean_up, self._overlays = view, cleanup, overlays
        view.options_changed.connect(self._show)
        view.reset_options_clicked.connect(self.reset)
        cleanup.changed.connect(self._show)
        overlays.below_changed.connect(self._show)

    def reset(self) -> None:
        """Accept takes what it takes by default."""
        self._view.reset_options()
        self._overlays.leave_nothing_open()
        self._clean_up.reset()

    def _show(self, _change: object = None) -> None:
        view = self._view
        view.set_options(
            options_in_words(
                pseudo_label=view.source is OverlaySource.PSEUDO_LABEL,
                below=self._overlays.below,
                replaces=view.overwrite,
                is_cleaned=not self._clean_up.value.is_nothing,
                sure_from=None if view.is_usual_confidence else view.confidence,
            )
        )
