"""What the metadata of a TIFF state beside its layout: pixel size, names of channels, used bits, objective."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from xml.etree import ElementTree

import tifffile

from training_core.io.pixel_size import PixelSize

_UM_PER_UNIT = {
    "micron": 1.0, "microns": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00B5m": 1.0, "micrometer": 1.0,
    "micrometre": 1.0, "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "mm": 1e3, "cm": 1e4, "m": 1e6, "inch": 25_400.0,
    "in": 25_400.0,
}  # fmt: skip
_TAG_UNITS_UM = {2: 25_400.0, 3: 10_000.0, 4: 1_000.0, 5: 1.0}
_APERIO = re.compile(r"MPP\s*=\s*([0-9.eE+-]+)")
_SCAN_RES = re.compile(r'ScanRes\s*=\s*"([0-9.]+)"')
_OVERLAP = re.compile(r'Overlap[XY]\s*=\s*"([0-9]+)"')
_MAX_SAMPLE_VALUE = (281, 341)


def pixel_size(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    """The pixel size that the metadata state: OME first, then the maker's own, ImageJ's, and the tags.

    Parameters
    ----------
    image
        Which image of the OME metadata the page belongs to.
    """
    for source in (_ome, _aperio, _philips, _ventana, _leica):
        found = source(tiff, page, image)
        if found is not None:
            return found
    return _tags(tiff, page)


def ome_pixels(tiff: tifffile.TiffFile, image: int) -> Any:
    """The element Pixels of an image in the OME metadata; None where there is none, or it is not XML."""
    root = _ome_root(tiff)
    images = [element for element in root if _name(element) == "Image"] if root is not None else []
    images = [each for each in images if _is_here(each, root)] or images  # of a set of files, those of this one
    if image >= len(images):
        return None
    return next((element for element in images[image] if _name(element) == "Pixels"), None)


def in_other_files(tiff: tifffile.TiffFile) -> bool:
    """Whether the OME metadata speak of planes in other files."""
    root = _ome_root(tiff)
    return root is not None and any(uuid != root.get("UUID") for uuid in _uuids(root))


def _ome_root(tiff: tifffile.TiffFile) -> Any:
    if not tiff.is_ome or not tiff.ome_metadata:
        return None
    try:
        return ElementTree.fromstring(tiff.ome_metadata)
    except ElementTree.ParseError:
        return None


def _uuids(element: Any) -> list[str]:
    """Of the files that planes lie in."""
    return [(each.text or "").strip() for each in element.iter() if _name(each) == "UUID"]


def _is_here(image: Any, root: Any) -> bool:
    """Whether a plane of an image lies in the file itself."""
    uuids = _uuids(image)
    return not uuids or root.get("UUID") in uuids


def channel_names(tiff: tifffile.TiffFile, image: int) -> tuple[str, ...]:
    """The names that OME metadata give the channels."""
    pixels = ome_pixels(tiff, image)
    if pixels is None:
        return ()
    return tuple(each.get("Name", "") for each in pixels if _name(each) == "Channel")


def significant_bits(tiff: tifffile.TiffFile, page: Any, image: int, bits: int) -> int | None:
    """How many bits of a sample are used, where OME metadata or the tag MaxSampleValue say fewer than there are."""
    pixels = ome_pixels(tiff, image)
    stated = None if pixels is None else pixels.get("SignificantBits")
    if stated is not None and stated.isdecimal() and 0 < int(stated) < bits:
        return int(stated)
    for code in _MAX_SAMPLE_VALUE:
        value = page.tags.valueof(code)
        highest = max(value) if isinstance(value, tuple) and value else value
        if isinstance(highest, int) and 0 < highest < 2**bits - 1 and (highest + 1).bit_count() == 1:
            return highest.bit_length()
    return None


def objective(tiff: tifffile.TiffFile, page: Any) -> float | None:
    """Magnification, where the file states one."""
    found: Any = None
    if tiff.is_svs:
        match = re.search(r"AppMag\s*=\s*([0-9.]+)", page.description)
        found = match[1] if match else None
    elif tiff.is_ndpi:
        found = page.tags.valueof(65421)
    elif tiff.is_scn:
        match = re.search(r"<objective>([0-9.]+)<", tiff.scn_metadata or "")
        found = match[1] if match else None
    elif tiff.is_ome and tiff.ome_metadata:
        match = re.search(r'NominalMagnification="([0-9.]+)"', tiff.ome_metadata)
        found = match[1] if match else None
    return _number(str(found)) if found is not None else None


class LeicaImage(NamedTuple):
    """An image in a Leica SCN.

    Attributes
    ----------
    is_macro
        Whether it is the picture of the whole slide.
    corner_nm
        Where it begins on the glass, x and y.
    """

    is_macro: bool
    pixel_size: PixelSize
    corner_nm: tuple[int, int]


def leica_images(tiff: tifffile.TiffFile) -> list[LeicaImage]:
    """The images of a Leica SCN, in the order of tifffile's series."""
    images = []
    for collection in ElementTree.fromstring(tiff.scn_metadata or "<scn/>"):
        whole = (collection.get("sizeX"), collection.get("sizeY"))
        for image in (element for element in collection if _name(element) == "image"):
            parts = {_name(element): element for element in image}
            view, pixels = parts["view"], parts["pixels"]
            um = [int(view.get(side, 0)) / int(pixels.get(side, 0)) / 1e3 for side in ("sizeX", "sizeY")]
            is_macro = (view.get("sizeX"), view.get("sizeY")) == whole
            corner = (int(view.get("offsetX", 0)), int(view.get("offsetY", 0)))
            images.append(LeicaImage(is_macro, PixelSize(um[0], um[1], "leica"), corner))
    return images


def scan_corner(tiff: tifffile.TiffFile, series: int) -> tuple[int, int]:
    """Where a picture begins, x and y in its pixels, as OpenSlide and QuPath count.

    OpenSlide places all scans of a Leica SCN on the glass, and states their bounds; QuPath counts from the corner of
    these bounds. Of a single scan that is its own corner, as it is in the other formats that are read here. OpenSlide
    cuts fractions of a pixel off before it subtracts.

    Parameters
    ----------
    series
        Number of the picture among tifffile's series.
    """
    images = leica_images(tiff) if tiff.is_scn else []
    scans = [each for each in images if not each.is_macro]
    if series >= len(images) or images[series].is_macro:
        return 0, 0
    nm = 1e3 * min(each.pixel_size.x_um for each in scans)
    x, y = (
        int(images[series].corner_nm[axis] / nm) - min(int(each.corner_nm[axis] / nm) for each in scans)
        for axis in (0, 1)
    )
    return x, y


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _ome(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    pixels = ome_pixels(tiff, image)
    if pixels is None:
        return None
    sizes, units = {}, {axis: pixels.get(f"PhysicalSize{axis}Unit") for axis in "XY"}
    for axis, other in ("XY", "YX"):
        # Where one unit is missing, its default (µm) would make it another unit than the other axis has.
        number, unit = _number(pixels.get(f"PhysicalSize{axis}")), units[axis] or units[other] or "µm"
        if number is not None and unit in _UM_PER_UNIT:
            sizes[axis] = number * _UM_PER_UNIT[unit]
    if not sizes:
        return None
    x_um = sizes.get("X", sizes.get("Y", 0.0))
    return PixelSize(x_um, sizes.get("Y", x_um), "ome_xml")


def _aperio(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    match = _APERIO.search(page.description) if tiff.is_svs else None
    um = _number(match[1]) if match else None
    return None if um is None else PixelSize(um, um, "aperio")


def _philips(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    text = _philips_spacing(tiff.philips_metadata or "") if tiff.is_philips else None
    numbers = [_number(part) for part in text.replace('"', " ").split()] if text is not None else []
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return PixelSize(numbers[1] * 1e3, numbers[0] * 1e3, "philips")


def _philips_spacing(metadata: str) -> str | None:
    """The spacing in mm of the slide's rows and columns: its own, or that of its finest level; not the label's."""
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return None
    for scan in root.iter("DataObject"):
        own = {each.get("Name"): each for each in scan if each.tag == "Attribute"}
        if "PIM_DP_IMAGE_TYPE" in own and (own["PIM_DP_IMAGE_TYPE"].text or "").strip() == "WSI":
            spacings = [each for each in scan.iter("Attribute") if each.get("Name") == "DICOM_PIXEL_SPACING"]
            direct = own.get("DICOM_PIXEL_SPACING")
            return direct.text if direct is not None else spacings[0].text if spacings else None
    return None


def _ventana(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    matches = (_SCAN_RES.search(text) for text in _ventana_xml(tiff)) if tiff.is_bif else ()
    um = next((_number(match[1]) for match in matches if match), None)
    return None if um is None else PixelSize(um, um, "ventana")


def _ventana_xml(tiff: tifffile.TiffFile) -> list[str]:
    """What the pages say in XML: beside the label how it was scanned, beside the finest level how its tiles lie."""
    found = [page.tags.valueof(700) for page in tiff.pages if isinstance(page, tifffile.TiffPage)]
    return [xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp) for xmp in found if xmp]


def ventana_overlap(tiff: tifffile.TiffFile) -> int:
    """By how many pixels tiles of a Ventana slide overlap at most."""
    found = [int(number) for text in _ventana_xml(tiff) for number in _OVERLAP.findall(text)]
    return max(found, default=0)


def _leica(tiff: tifffile.TiffFile, page: Any, image: int) -> PixelSize | None:
    images = leica_images(tiff) if tiff.is_scn else []
    return images[image].pixel_size if image < len(images) else None


def _tags(tiff: tifffile.TiffFile, page: Any) -> PixelSize | None:
    x = _ratio(page.tags.valueof(282))
    if x is None:
        return None
    y = _ratio(page.tags.valueof(283)) or x
    unit = (tiff.imagej_metadata or {}).get("unit") if tiff.is_imagej else None
    if unit is not None:
        um = _UM_PER_UNIT.get(str(unit))
        return None if um is None else PixelSize(um / x, um / y, "imagej")
    um = _TAG_UNITS_UM.get(int(page.tags.valueof(296, default=2)))
    return None if um is None else PixelSize(um / x, um / y, "tiff_tags")


def _ratio(value: Any) -> float | None:
    if isinstance(value, tuple) and len(value) == 2 and value[0] and value[1]:
        return float(value[0] / value[1])
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
