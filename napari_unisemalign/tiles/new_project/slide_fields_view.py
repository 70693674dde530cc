"""How slides are cut into tiles: their side and pixel size, how many at most, how much tissue, and what is tissue."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from napari_unisemalign.widgets.common import caption, row
from training_core.base.i18n import tr
from training_core.io.slides import SlideOptions

AUTOMATIC = -1
"""In the field of the saturation: found for each slide."""


class SlideFields(QWidget):
    """Three lines of fields."""

    changed = Signal()

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
        self.tissue_spin = QSpinBox(self)
        self.tissue_spin.setRange(0, 100)
        self.tissue_spin.setValue(round(100 * options.min_tissue))
        self.tissue_spin.setSuffix(" %")
        self.tissue_spin.setAccessibleName(tr("Least share of tissue in a tile"))
        self.saturation_spin = QSpinBox(self)
        self.saturation_spin.setRange(AUTOMATIC, 100)
        self.saturation_spin.setValue(AUTOMATIC)
        self.saturation_spin.setSpecialValueText(tr("automatic"))
        self.saturation_spin.setSuffix(" %")
        self.saturation_spin.setAccessibleName(tr("Saturation above which a slide shows tissue"))
        self.saturation_spin.setToolTip(
            tr("Lower it where pale tissue is left out, raise it where glass counts as tissue")
        )
        most = caption(tr("µm/px, at most"), self, self.max_tiles_spin)
        fields = row(self.tile_px_spin, self.tile_mpp_spin, most, self.max_tiles_spin, stretch=False)
        least = row(caption(tr("with tissue on at least"), self, self.tissue_spin), self.tissue_spin, stretch=False)
        above = row(
            caption(tr("tissue: saturation above"), self, self.saturation_spin), self.saturation_spin, stretch=False
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for line in (fields, least, above):
            line.addStretch(1)
            layout.addLayout(line)
        spins = (self.tile_px_spin, self.tile_mpp_spin, self.tissue_spin, self.max_tiles_spin, self.saturation_spin)
        for spin in spins:
            spin.valueChanged.connect(lambda _value: self.changed.emit())

    def options(self, mpp_um: float | None) -> SlideOptions:
        """How slides are cut; mpp_um: their own pixel size, where they state none."""
        saturation = self.saturation_spin.value()
        return SlideOptions(
            self.tile_px_spin.value(),
            self.tile_mpp_spin.value(),
            mpp_um,
            self.tissue_spin.value() / 100,
            self.max_tiles_spin.value(),
            None if saturation == AUTOMATIC else saturation / 100,
        )
