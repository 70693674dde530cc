"""What people also have and the program does not read: told by name, with the way to a file that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PHOTO = "convert the file to PNG or TIFF, or leave it out"
MICROSCOPE_HINT = (
    "export it as OME-TIFF or pyramidal TIFF, for example with QuPath, Fiji (Bio-Formats) or the program of the "
    "microscope, or leave it out"
)
_VOLUME = "export a two-dimensional image as TIFF or PNG, for example with Fiji or 3D Slicer, or leave it out"
_LAYERS = "export it flattened as PNG or TIFF, or leave it out"
_NO_PICTURE = "choose the image itself, or leave it out"


@dataclass(frozen=True)
class Unread:
    """A kind of file.

    Attributes
    ----------
    what
        With its article: "a CZI file".
    hint
        What to do.
    """

    what: str
    hint: str


def _kinds(hint: str, *kinds: tuple[int, bytes, str]) -> tuple[tuple[int, bytes, Unread], ...]:
    return tuple((offset, start, Unread(what, hint)) for offset, start, what in kinds)


_BY_CONTENT = (
    *_kinds(
        MICROSCOPE_HINT,
        (0, b"\x70\0\0\0", "a LIF file (Leica)"),
        (0, b"\xda\xce\xbe\x0a", "an ND2 file (Nikon)"),
        (0, b"\xd0\xcf\x11\xe0", "an OLE file (such as ZVI, OIB and MVX)"),
        (0, b"SIS\0", "an ETS file (Olympus)"),
        (0, b"\x89HDF\r\n", "an HDF5 file (such as IMS and H5)"),
        (0, b'<DataObject ObjectType="DPUfsImport"', "an iSyntax slide (Philips)"),
    ),
    *_kinds(
        _VOLUME,
        (344, b"n+1\0", "a NIfTI file"),
        (344, b"ni1\0", "a NIfTI file"),
        (0, b"NRRD0", "an NRRD file"),
        (0, b"ObjectType = Image", "a MetaImage file (MHA, MHD)"),
        (0, b"SIMPLE  =", "a FITS file"),
        (0, b"\x93NUMPY", "a NumPy file"),
        (0, b"MATLAB ", "a MATLAB file"),
    ),
    *_kinds(
        _PHOTO,
        (0, b"GIF8", "a GIF file"),
        (4, b"ftypavif", "an AVIF file"),
        (4, b"ftyphe", "an HEIC file"),
        (4, b"ftypmif1", "an HEIC file"),
        (4, b"ftypmsf1", "an HEIC file"),
        (4, b"ftypcrx", "a raw photograph"),
        (0, b"FUJIFILM", "a raw photograph"),
        (0, b"IIU\0", "a raw photograph"),
        (0, b"IIRO", "a raw photograph"),
        (0, b"\xff\x0a", "a JPEG XL file"),
        (0, b"\0\0\0\x0cJXL ", "a JPEG XL file"),
        (0, b"II\xbc", "a JPEG XR file"),
        (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
        (0, b"#?RADIANCE", "a Radiance HDR file"),
        *((0, b"P%d" % number, "a Netpbm file (PNM, PGM, PPM)") for number in range(1, 8)),
        (0, b"\x8aMNG", "an MNG file"),
        (0, b"\x97JB2", "a JBIG2 file"),
        (0, b"DDS ", "a DDS file"),
        (0, b"\0\0\1\0", "an icon (ICO)"),
    ),
    *_kinds(
        _LAYERS,
        (0, b"8BPS", "a Photoshop file (PSD)"),
        (0, b"gimp xcf", "a GIMP file (XCF)"),
        (0, b"%PDF", "a PDF file"),
        (0, b"%!PS", "a PostScript file"),
        (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
        (0, b"<svg", "an SVG file"),
    ),
    *_kinds(
        "take the images out of the archive",
        (0, b"PK\x03\x04", "a ZIP file"),
        (0, b"\x1f\x8b", "a gzip file (such as NIfTI as .nii.gz)"),
        (0, b"Rar!", "a RAR file"),
        (0, b"7z\xbc\xaf", "a 7z file"),
    ),
    *_kinds(
        "save single frames as PNG or TIFF, or leave it out",
        (4, b"ftypmp4", "a video"),
        (4, b"ftypisom", "a video"),
        (4, b"ftypqt", "a video"),
    ),
    *_kinds(
        "fetch the file itself (git lfs pull)",
        (0, b"version https://git-lfs", "a Git LFS pointer, a text in place of the file"),
    ),
    *_kinds("download the file again", (0, b"<!DOCTYPE html", "a web page"), (0, b"<html", "a web page")),
    *_kinds(_NO_PICTURE, (0, b"\0\5\x16\7", "what macOS keeps beside a file (AppleDouble)")),
    *_kinds(_NO_PICTURE, (0, b"<?xml", "an XML file"), (0, b"{", "a JSON file")),
    *_kinds(
        "copy the file again in binary mode",
        (0, b"\x89PNG\n\x1a\n", "a PNG file whose line ends were changed on the way"),
        (0, b"\x89PNG\r\r\n", "a PNG file whose line ends were changed on the way"),
    ),
)
HEAD_BYTES = 352
"""As much of a file as `unread` needs."""

_PREVIEWS = {
    ".vsi": Unread("a VSI slide (Olympus), of which this file holds only a preview", MICROSCOPE_HINT),
    ".nd2": Unread("an ND2 file (Nikon)", MICROSCOPE_HINT),
    **dict.fromkeys(
        (".cr2", ".nef", ".nrw", ".arw", ".dng", ".pef", ".srw", ".3fr", ".iiq"), Unread("a raw photograph", _PHOTO)
    ),
}
"""Endings of files that begin as ordinary pictures do; the pixels lie elsewhere, or are more than one picture."""


def unread(head: bytes) -> Unread | None:
    """What a file is that is not read, by its first bytes; None: not known."""
    return next((kind for offset, start, kind in _BY_CONTENT if head[offset:].startswith(start)), None)


def preview_only(path: Path) -> Unread | None:
    """What a file is that looks like a picture and is only the preview of one; None: it is none of these."""
    return _PREVIEWS.get(path.suffix.lower())
