"""What a project gives to other tools. A new format is one file here and one line in `formats.FORMATS`."""

from __future__ import annotations

from training_core.export.content import CONTENTS, Content, check_export_folder, tile_mask, without_mask
from training_core.export.formats import FORMATS, ExportFormat
from training_core.export.masks import export_masks, exported_twice

__all__ = [
    "CONTENTS",
    "FORMATS",
    "Content",
    "ExportFormat",
    "check_export_folder",
    "export_masks",
    "exported_twice",
    "tile_mask",
    "without_mask",
]
