"""Names and paths that files of other people hold: checked here, before anything is read or written by them.

A project, a run or a list may come from anywhere. A name in it becomes a file beside others, never a way out of their
folder: not by its parts, not as an absolute path, a drive or a device of Windows, and not by a link that lies there.
What is refused is refused on every system, so that a project that opens on one opens on all.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from training_core.base.addresses import Address, path_or_address
from training_core.base.errors import ProjectError, UserError

MAX_NAME_BYTES = 235
"""File systems allow 255; the longest ending of ours is .pseudo_label.png."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:[.:].*)?", re.IGNORECASE)
"""What Windows takes for a device, whatever ending follows."""
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*/\\\x00-\x1f]')
_IS_WINDOWS = os.name == "nt"
_HINT = "do not use this project unless you know who made it; if it is your own, restore it from a backup"


def problem_of_name(name: str) -> str | None:
    """Why a name may not become a file's: "leads to another folder"; None: it may."""
    if not name or name.isspace():
        return "is empty"
    if "\0" in name:
        return "holds a NUL character"
    if name in (".", "..") or "/" in name or "\\" in name or _DRIVE.match(name):
        return "leads to another folder"
    if _DEVICE.fullmatch(name):
        return "means a device on Windows"
    if _has_no_bytes(name):
        return "holds characters that no file's name has"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    return None


def _has_no_bytes(name: str) -> bool:
    """Whether it holds halves of characters, other than those that stand for single bytes (PEP 383)."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return True
    return False


def check_name(name: str, source: Path | str, error: type[UserError] = ProjectError) -> str:
    """The name, if it can be a file's beside others.

    Parameters
    ----------
    source
        The file that holds it.

    Raises
    ------
    UserError
        Of the kind `error`: it leads elsewhere.
    """
    problem = problem_of_name(name)
    if problem is not None:
        needed = "names of files, without parts such as .. or / and none that Windows reserves"
        raise error(f"the name {shortened(name)} in {source} {problem}", needed, _HINT)
    return name


def check_relative(path: str, source: Path | str) -> str:
    """The path with forward slashes, if it stays in the folder that it starts in.

    Raises
    ------
    ProjectError
        It is absolute, or leads out of the folder.
    """
    for part in path.split("/"):
        check_name(part, source)
    return path


def check_reference(path: str, source: Path | str) -> str:
    """The path of a file outside the project, which is only ever read: absolute on some system, of whole text.

    An address (http or https) is one, too.

    Raises
    ------
    ProjectError
        It is neither.
    """
    if not (is_absolute(path) or _is_plain_address(path)) or "\0" in path:
        given = f"the path {shortened(path)} in {source} is neither in the project nor absolute"
        raise ProjectError(given, "a file of the project, or an absolute path", _HINT)
    return path


def _is_plain_address(path: str) -> bool:
    try:
        return isinstance(path_or_address(path), Address)
    except UserError:
        return False


def is_absolute(path: str) -> bool:
    """Whether the path is absolute on some system: a project may have been made on another."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def check_way(path: str, source: Path | str) -> str:
    """The way from the project to a file outside it: relative, with forward slashes, up and down as it likes.

    Raises
    ------
    ProjectError
        It is absolute, or holds what no path does.
    """
    if not path or path.startswith("/") or "\0" in path or "\\" in path or _DRIVE.match(path):
        given = f"the path {shortened(path)} in {source} is not relative to the project"
        raise ProjectError(given, "a relative path with forward slashes", _HINT)
    return path


def check_sha256(digest: str, source: Path | str) -> str:
    """The hash as 64 hexadecimal digits; files are named after it.

    Raises
    ------
    ProjectError
        It is something else.
    """
    if not _SHA256.fullmatch(digest):
        given = f"{source} has the hash {shortened(digest)}"
        raise ProjectError(given, "a SHA-256 of 64 hexadecimal digits", _HINT)
    return digest


def within(folder: Path, *parts: str, error: type[UserError] = ProjectError) -> Path:
    """The file or folder `parts` in `folder`, which may lie anywhere itself; asked on reading and on writing.

    Raises
    ------
    UserError
        Of the kind `error`: a part is no name, or is a link that leads out of `folder`.
    """
    path = folder
    for part in parts:
        path = path / check_name(part, folder, error)
        if _IS_WINDOWS and portable(part) != part:
            needed = 'names without < > : " | ? * that do not end with a dot or a space'
            hint = "rename the image and add it again on the computer where the project was made"
            raise error(f"the name {shortened(part)} is none that Windows can keep", needed, hint)
        if _is_link(path) and not _is_inside(path, folder):
            raise error(
                f"{path} is a link to {os.path.realpath(path)}, outside of {folder}",
                "files and folders that lie in the project themselves",
                "remove the link, and put the folder or file itself in its place if you know whose it is",
            )
    return path


def refuse_link(path: Path, error: type[UserError] = ProjectError) -> Path:
    """The path, if it is no link: it is about to be opened for writing in place.

    Raises
    ------
    UserError
        Of the kind `error`: it is one, wherever it leads.
    """
    if _is_link(path):
        raise error(f"{path} is a link to {os.path.realpath(path)}", "a file of its own", "remove the link")
    return path


def shortened(text: str, length: int = 80) -> str:
    """The text in quotes, at most `length` characters of it."""
    return repr(text if len(text) <= length else f"{text[:length]}...")


def portable(name: str) -> str:
    """The name as every system can keep it: what would lead elsewhere is written as %XX; any other name is itself.

    Windows makes "a" of "a." and "a ", and of "a:b.png" a hidden part of a file a.
    """
    name = _NOT_ON_WINDOWS.sub(lambda found: _escaped(found[0]), name)
    if name in (".", "..") or _DEVICE.fullmatch(name):
        return f"{_escaped(name[0])}{name[1:]}"
    return f"{name[:-1]}{_escaped(name[-1])}" if name.endswith((".", " ")) else name


def _escaped(character: str) -> str:
    return f"%{ord(character):02X}"


def _is_link(path: Path) -> bool:
    return os.path.islink(path) or (hasattr(os.path, "isjunction") and os.path.isjunction(path))


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
