"""Reading JSON, YAML and other small files of anybody: what they may cost is bounded before it is paid.

Whatever is wrong with a file, an OSError or a ValueError says it, and the caller turns that into words.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 64 * 2**20
"""Of JSON and text files; an index of 10,000 tiles has three million bytes."""
MAX_YAML_BYTES = 2**20
MAX_YAML_NODES = 50_000
"""Values of a YAML file once every alias is written out: half a kilobyte of aliases can stand for billions."""
MAX_YAML_DEPTH = 50
_MAX_SCALAR_CHARS = 20_000


def check_regular(path: Path) -> os.stat_result:
    """The state of a file, if it is one: opening a pipe waits for ever, and a device never ends.

    Raises
    ------
    OSError
        It is missing, or is no regular file.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "a pipe, socket or device instead of a file", str(path))
    return status


def read_file(path: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file that is expected to be small.

    Raises
    ------
    OSError
        It cannot be read, is no regular file, or is larger.
    """
    size = check_regular(path).st_size
    if size > max_bytes:
        raise OSError(errno.EFBIG, f"{size:,} bytes, where at most {max_bytes:,} make sense", str(path))
    return path.read_bytes()


def what_to_try(cause: OSError) -> str:
    """What helps with a file that cannot be read: it may not be read, is no small file, or its drive fails."""
    if cause.errno in (errno.EACCES, errno.EPERM):
        return "check the permissions of the file and its folder"
    if cause.errno in (errno.EFBIG, errno.EISDIR, errno.EINVAL):
        return "move it away, or put a copy of the right file in its place"
    return "check the drive or its connection, and try again"


def parse_json(data: bytes | str) -> Any:
    """The content of JSON.

    Raises
    ------
    ValueError
        It is damaged or nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path, max_bytes: int = MAX_FILE_BYTES) -> Any:
    """The content of a JSON file.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is damaged.
    """
    return parse_json(read_file(path, max_bytes))


def parse_yaml(text: str) -> Any:
    """The content of YAML, by the safe loader, if it stays small once every alias is written out.

    Raises
    ------
    ValueError
        It is damaged, or stands for too much.
    """
    if len(text) > MAX_YAML_BYTES:
        raise ValueError(f"{len(text):,} characters, where at most {MAX_YAML_BYTES:,} make sense")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_node(node)
        return loader.construct_document(node)
    except yaml.YAMLError as cause:
        raise ValueError(str(cause)) from cause
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (AttributeError, KeyError, OverflowError, TypeError) as cause:  # what the loader raises on odd tags
        raise ValueError(f"a value cannot be read ({cause})") from cause


def in_short(error: Exception, length: int = 160) -> str:
    """What an error says, in one line of at most `length` characters."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split())[:length]


def _check_node(root: yaml.Node) -> None:
    """Refuse what would be large, deep or endless once written out; every node is looked at once, without recursion."""
    sizes: dict[int, int] = {}
    depths: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            children = list(_children(node))
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            depths[id(node)] = 1 + max((depths[id(child)] for child in children), default=0)
            open_nodes.discard(id(node))
            if sizes[id(node)] > MAX_YAML_NODES:
                raise ValueError(f"it stands for more than {MAX_YAML_NODES:,} values")
            if depths[id(node)] > MAX_YAML_DEPTH:
                raise ValueError(f"it is nested more than {MAX_YAML_DEPTH} deep")
        elif id(node) in open_nodes:
            raise ValueError("it contains itself")
        elif id(node) not in sizes:
            if isinstance(node, yaml.ScalarNode) and len(node.value) > _MAX_SCALAR_CHARS:
                raise ValueError(f"a value has more than {_MAX_SCALAR_CHARS:,} characters")
            open_nodes.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in _children(node))


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
