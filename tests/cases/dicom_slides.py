"""Whole-slide images in DICOM, as pydicom writes them: a file for each level, tiles side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHOLE_SLIDE, CT = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.2"
TILE_PX = 64


def write_dicom(
    folder: Path,
    levels: Sequence[NDArray[np.uint8]],
    *,
    mpp_um: float = 0.25,
    objective: float | None = 40,
    series: str = "1",
    name: str = "DCM_{}",
    storage: str = WHOLE_SLIDE,
    without_tile: tuple[int, int] | None = None,
    jpeg: bool = False,
) -> list[Path]:
    """The files, finest level first; `without_tile`, row and column, is absent from the finest one."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, pixels in enumerate(levels):
        height, width = pixels.shape[:2]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = storage, f"1.2.3.{series}.{number + 1}"
        meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
        paths.append(folder / f"{name.format(number)}.dcm")
        file = FileDataset(str(paths[-1]), {}, file_meta=meta, preamble=bytes(128))
        file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        file.SeriesInstanceUID, file.StudyInstanceUID = f"1.2.4.{series}", f"1.2.5.{series}"
        file.Modality = "SM"
        file.ImageType = [
            "ORIGINAL" if number == 0 else "DERIVED",
            "PRIMARY",
            "VOLUME",
            "RESAMPLED" if number else "NONE",
        ]
        file.Rows = file.Columns = TILE_PX
        file.TotalPixelMatrixColumns, file.TotalPixelMatrixRows = width, height
        file.SamplesPerPixel, file.PlanarConfiguration = 3, 0
        file.PhotometricInterpretation = "YBR_FULL_422" if jpeg else "RGB"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
        spacing = mpp_um / 1000 * levels[0].shape[1] / width
        file.SharedFunctionalGroupsSequence = [_of(PixelMeasuresSequence=[_of(PixelSpacing=[spacing, spacing])])]
        if objective is not None:
            file.OpticalPathSequence = [_of(ObjectiveLensPower=objective)]
        corners = [(row, column) for row in range(0, height, TILE_PX) for column in range(0, width, TILE_PX)]
        kept = [(row, column) for row, column in corners
                if number or (row // TILE_PX, column // TILE_PX) != without_tile]  # fmt: skip
        if without_tile is None:
            file.DimensionOrganizationType = "TILED_FULL"
        else:
            file.DimensionOrganizationType = "TILED_SPARSE"
            file.PerFrameFunctionalGroupsSequence = [
                _of(PlanePositionSlideSequence=[_of(ColumnPositionInTotalImagePixelMatrix=column + 1,
                                                    RowPositionInTotalImagePixelMatrix=row + 1)])
                for row, column in kept
            ]  # fmt: skip
        file.NumberOfFrames = len(kept)
        edge = ((0, -height % TILE_PX), (0, -width % TILE_PX), (0, 0))
        padded = np.pad(pixels, edge, constant_values=7)  # never part of the picture
        tiles = [padded[row : row + TILE_PX, column : column + TILE_PX] for row, column in kept]
        file.PixelData = encapsulate([as_jpeg(tile) for tile in tiles]) if jpeg else b"".join(map(bytes, tiles))
        file.save_as(paths[-1], enforce_file_format=True)
    return paths


def as_jpeg(tile: NDArray[np.uint8]) -> bytes:
    """A tile as it is stored in a slide with JPEG."""
    file = io.BytesIO()
    Image.fromarray(tile).save(file, "JPEG", quality=90, subsampling="4:2:2")
    return file.getvalue()


def _of(**values: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item
