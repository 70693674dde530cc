"""One family of errors that a user can act on.

Every message answers three questions: what was given, what is needed, what to try. The CLI prints it as one line, with
the options of its commands, and exits with code 2; the window shows it as a notification. Anything that is not a
`UserError` is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training_core.base.printable import printable

EXIT_USER_ERROR = 2
"""What the command line exits with after a `UserError`."""
EXIT_PARTLY = 3
"""After work on many files of which some were done and some could not be; they are listed at the end."""
EXIT_INTERRUPTED = 130
"""After Ctrl+C, as shells expect."""


class UserError(Exception):
    """An error with a next step.

    Parameters
    ----------
    given
        What was given, as a sentence without a final full stop ("mask a.png is 10 x 12 px").
    needed
        What is needed ("a mask of the image's size, 512 x 512 px").
    hint
        What to try ("export the mask again at full resolution"). None of the three names an option of a command: the
        same error is shown in the window, which has none.
    terminal
        What to try in a terminal, with the option; empty: the hint says it all.
    """

    def __init__(self, given: str, needed: str, hint: str, *, terminal: str = "") -> None:
        self.given, self.needed, self.hint = (_clean(part) for part in (given, needed, hint))
        self.terminal = _clean(terminal)
        super().__init__(_in_one_line(self.given, self.needed, self.hint))

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes are told of it: exceptions are made again from their message, of which these have parts."""
        return _made_again, (type(self), self.args), self.__dict__

    @property
    def in_terminal(self) -> str:
        """The message with what to try in a terminal."""
        return _in_one_line(self.given, self.needed, self.terminal or self.hint)

    def about(self, given: str) -> UserError:
        """The same with another beginning, such as how many files it is about."""
        other = type(self).__new__(type(self))  # kinds of it are made from other things than words
        other.__dict__.update(self.__dict__)
        UserError.__init__(other, given, self.needed, self.hint, terminal=self.terminal)
        return other


class ConfigError(UserError):
    """A configuration with an unknown key, a wrong type or a value out of range."""


class ImageError(UserError):
    """An image file that cannot be read or is not usable as a tile."""


class MaskError(UserError):
    """A mask that does not fit its image or holds values that no class has."""


class ProjectError(UserError):
    """A project folder that is missing, damaged or not ready for what was asked."""


class CheckpointError(UserError):
    """A run folder or checkpoint that is missing, damaged or made by another model."""


class WeightsError(UserError):
    """Encoder or text weights that cannot be found or do not fit."""


class DeviceError(UserError):
    """A device that this machine does not have."""


class MemoryLimitError(UserError):
    """Too little memory for even the smallest piece of work."""


class StorageError(UserError):
    """The disk is full, read-only or not writable."""


class UnwritableFileError(StorageError):
    """This file cannot be written; others beside it may be."""


def _made_again(kind: type[UserError], args: tuple[Any, ...]) -> UserError:
    error = kind.__new__(kind)
    error.args = args
    return error


def _in_one_line(given: str, needed: str, hint: str) -> str:
    return f"{given}. Needed: {needed}. Try: {hint}."


def _clean(part: str) -> str:
    """One line. Spaces stay as they are, since they may be those of a file's name."""
    return printable(re.sub(r"\s*[\r\n\t\v\f]\s*", " ", part).strip()).rstrip(".")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's write failures for `path` into a `StorageError`.

    Raises
    ------
    StorageError
        The disk is full or read-only; `UnwritableFileError` for what another file beside it need not meet.
    """
    try:
        yield
    except OSError as error:
        of_disk = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOENT)
        reasons = {
            errno.ENOSPC: ("the disk is full", "free some space or choose a folder on another disk"),
            errno.EDQUOT: ("the disk quota is used up", "free some space or choose a folder on another disk"),
            errno.EROFS: ("the disk is read-only", "choose a writable folder"),
            errno.EIO: ("the disk reports an error", "check the disk and the connection to it, or choose another one"),
            errno.ESTALE: ("the network drive is not there any more", "connect it again, or choose another folder"),
            errno.ENOENT: (
                "the folder is not there any more",
                "connect its drive again, or open the folder where it is now if it was moved",
            ),
            errno.EACCES: (
                "you have no permission to write there",
                "choose a folder of your own, or ask for write permission",
            ),
            errno.EPERM: (
                "you have no permission to write there",
                "choose a folder of your own, or ask for write permission",
            ),
            errno.EEXIST: ("there is a file where a folder is needed", "choose another name"),
            errno.ENOTDIR: ("there is a file where a folder is needed", "choose another name"),
            errno.EISDIR: ("there is a folder where a file is needed", "choose another name"),
            errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
        }
        if error.errno not in reasons:
            raise
        reason, hint = reasons[error.errno]
        kind = StorageError if of_disk else UnwritableFileError
        raise kind(f"could not write {path}: {reason}", "a writable folder with free space", hint) from error
