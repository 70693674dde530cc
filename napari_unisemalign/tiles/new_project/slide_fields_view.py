"""How slides are cut into tiles: their side, their pixel size, and how many at most."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

from napari_unisemalign.widgets.common import caption, row
from training_core.base.i18n import tr
from training_core.io.slides import SlideOptions


class SlideFields(QWidget):
    """One line of fields."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        options = SlideOptions()
        self.tile_px_spin, self.max_tiles_spin = QSpinBox(self), QSpinBox(self)
        self.tile_mpp_spin = QDoubleSpinBox(self)
        self.tile_px_spin.setRange(64, 8192)
        self.tile_px_spin.setValue(options.tile_px)
        self.tile_px_spin.setSuffix(" px")
        self.tile_px_spin.setAccessibleName(tr("Side of the tiles that are cut from slides"))
        self.tile_mpp_spin.setRange(0.02, 20)
        self.tile_mpp_spin.setSingleStep(0.25)
        self.tile_mpp_spin.setValue(options.tile_mpp_um)
        self.tile_mpp_spin.setAccessibleName(tr("Their pixel size"))
        self.max_tiles_spin.setRange(1, 1_000_000)
        self.max_tiles_spin.setValue(options.max_tiles)
        self.max_tiles_spin.setAccessibleName(tr("Most tiles of one slide"))
        most = caption(tr("µm/px, at most"), self, self.max_tiles_spin)
        fields = row(self.tile_px_spin, self.tile_mpp_spin, most, self.max_tiles_spin, stretch=False)
        fields.addStretch(1)
        self.setLayout(fields)

    def options(self, mpp_um: float | None) -> SlideOptions:
        """How slides are cut; mpp_um: their own pixel size, where they state none."""
        return SlideOptions(
            self.tile_px_spin.value(), self.tile_mpp_spin.value(), mpp_um, max_tiles=self.max_tiles_spin.value()
        )
