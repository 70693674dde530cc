"""Reading and writing images and masks, by stated rules and atomically. Torch-free."""

from training_core.io.atomic import StagedFiles, atomic_write, passing_write, staged_files
from training_core.io.encode import encode_numbers, encode_png, encode_tiff, write_png, write_tiff
from training_core.io.images import read_image
from training_core.io.inspection.inspecting import inspect_file
from training_core.io.masks import MaskValues, read_mask, read_mask_values, value_span

__all__ = [
    "MaskValues",
    "StagedFiles",
    "atomic_write",
    "encode_numbers",
    "encode_png",
    "encode_tiff",
    "inspect_file",
    "passing_write",
    "read_image",
    "read_mask",
    "read_mask_values",
    "staged_files",
    "value_span",
    "write_png",
    "write_tiff",
]
