"""Files that belong to a slide among those that are given: of several, one stands for the slide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from training_core.base.bounded import check_regular, read_file
from training_core.io.files import IMAGE_SUFFIXES

_DICOM_BEGINS = 128, b"DICM"
_INI_ENDINGS = (".vms", ".vmu")
_MAX_INI_BYTES = 1 << 20


def without_parts(paths: Sequence[Path]) -> list[Path]:
    """These files without those that another one of them opens as well.

    Of the files of a DICOM series in one folder the first stays.
    """
    parts = parts_of(paths)
    kept, seen = [], set[tuple[Path, str]]()
    for path in paths:
        if path in parts:
            continue
        series = _series(path)
        if series is None or (path.parent, series) not in seen:
            kept.append(path)
        if series is not None:
            seen.add((path.parent, series))
    return kept


def parts_of(paths: Iterable[Path]) -> frozenset[Path]:
    """What lies beside these slides and belongs to them: the folder of a MIRAX, the files that a VMS or VMU names."""
    parts: set[Path] = set()
    for path in paths:
        if path.suffix.lower() == ".mrxs":
            parts.add(path.with_suffix(""))
        elif path.suffix.lower() in _INI_ENDINGS:
            parts |= _named_in(path) - {path}
    return frozenset(parts)


def _named_in(path: Path) -> set[Path]:
    """The files that a VMS or VMU slide names."""
    try:
        text = read_file(path, _MAX_INI_BYTES).decode("utf-8", "replace")
    except OSError:
        return set()  # reading it as a slide says it better
    values = (line.partition("=")[2].strip() for line in text.splitlines())
    return {path.parent / value for value in values if value and value == Path(value).name}


def _series(path: Path) -> str | None:
    """The series of a DICOM file; None: it is another kind of file, or cannot be told."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return None
    at, begin = _DICOM_BEGINS
    try:
        check_regular(path)
        with path.open("rb") as file:
            if file.read(at + len(begin))[at:] != begin:
                return None
        import pydicom
    except (OSError, ImportError):
        return None  # pydicom comes with OpenSlide, without which the file is refused
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
        return str(header.SeriesInstanceUID)
    except Exception:  # damaged, which its reader says; the errors of pydicom have no common base class
        return None
