"""Files that anybody may have written: what is opened is a regular file, and what is read of it is bounded.

Everything in edgetext that reads JSON which it did not just write reads it here, so that what is refused is the
same everywhere. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from edgetext.errors import EdgetextError, InputError

# Sizes: parsed, JSON takes up to twenty times its bytes, so that these are what a machine of 2 GB can take.
MAX_JSON_BYTES = 16 << 20
"""Manifests and configurations: a config.json of 20,000 labels has 1 MB."""
MAX_RECORD_BYTES = 64 << 20
"""What grows with the data: a split of 3 million rows, or the samples of a hundred benches."""
MAX_TOKENIZER_BYTES = 256 << 20
"""tokenizer.json: one of 256,000 tokens and their merges has 33 MB."""
MAX_MODEL_BYTES = 2 << 30
"""An ONNX file: no protobuf message is larger."""
MAX_WEIGHTS_BYTES = 32 << 30
"""Weights beside an ONNX file: what takes longer to compare with its checksum than anybody waits."""

# Contents: what passes here can be walked, printed, written again and turned into floats by whoever reads it.
DEEPEST_JSON = 64
"""Objects and lists inside one another; a tokenizer.json has fewer than 10. Python's own limit is 1,000
calls, which a walk of three functions a level reaches at 300."""
MOST_CONTAINERS = 1 << 21
"""Objects and lists in all, of 64 bytes or more each: an empty one takes 3 bytes of a file."""
LONGEST_NUMBER = 300
"""Characters of a number: a whole one of 310 digits is no finite float any more, and transformers writes 31."""

_LONGEST_NAME, _MOST_NAMES = 60, 20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path, *, error: type[EdgetextError] = InputError) -> BinaryIO:
    """Opens a file to read its bytes, at once: a pipe that nobody writes to is refused, not waited for.

    Args:
        path: The file; symbolic links are followed.
        error: The class of what is raised.

    Raises:
        EdgetextError: Of the class ``error``: it cannot be opened, or it is a pipe, a device, a folder.
    """
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):  # each system has some of them
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as reason:  # a ValueError for a NUL in the name
        raise error(_cannot(path, reason)) from None
    kind = irregular(os.fstat(descriptor).st_mode)
    if kind:
        os.close(descriptor)
        raise error(f"{path} is {kind}: a file must stand there")
    return os.fdopen(descriptor, "rb")


def irregular(mode: int) -> str:
    """Names what stands in the place of a file, such as ``a pipe``; empty for a file.

    Args:
        mode: As ``os.stat`` gives it.
    """
    kind = stat.S_IFMT(mode)
    return "" if kind == stat.S_IFREG else _KINDS.get(kind, "no regular file")


def read_bytes(path: Path, limit: int, *, error: type[EdgetextError] = InputError) -> bytes:
    """Reads a whole file; of one that is too large nothing is read.

    Args:
        path: The file.
        limit: The largest size to accept, in bytes.
        error: The class of what is raised.

    Raises:
        EdgetextError: Of the class ``error``: it is larger, no regular file, or cannot be read.
    """
    with open_regular(path, error=error) as stream:
        try:
            too_large = os.fstat(stream.fileno()).st_size > limit
            content = b"" if too_large else stream.read(limit + 1)  # what grows meanwhile is bounded too
        except OSError as reason:
            raise error(_cannot(path, reason)) from None
    if too_large or len(content) > limit:
        raise error(f"{path} is larger than {limit >> 20} MB, which no such file should be")
    return content


def read_json(path: Path, *, limit: int = MAX_JSON_BYTES, error: type[EdgetextError] = InputError) -> Any:
    """Reads a JSON file.

    Args:
        path: The file, in UTF-8.
        limit: The largest size to accept, in bytes.
        error: The class of what is raised.

    Raises:
        EdgetextError: Of the class ``error``: it cannot be read, is larger, or is not what ``parse_json`` takes.
    """
    return parse_json(read_bytes(path, limit, error=error), str(path), error=error)


def read_object(
    path: Path, *, limit: int = MAX_JSON_BYTES, error: type[EdgetextError] = InputError
) -> dict[str, Any]:
    """Reads a JSON file that must hold an object.

    Raises:
        EdgetextError: As for ``read_json``, or it holds something else.
    """
    value = read_json(path, limit=limit, error=error)
    if not isinstance(value, dict):
        raise error(f"{path} is damaged: it must hold a JSON object")
    return value


def parse_json(content: bytes, name: str, *, error: type[EdgetextError] = InputError) -> Any:
    """Parses a JSON text: valid Unicode, finite numbers, and no deeper than can be walked.

    Args:
        content: In UTF-8.
        name: How to call it in the error.
        error: The class of what is raised.

    Raises:
        EdgetextError: Of the class ``error``: it is something else.
    """
    if content.count(b"[") + content.count(b"{") > MOST_CONTAINERS:
        raise error(f"{name} is damaged: it holds more than {MOST_CONTAINERS:,} lists and objects")
    try:
        value = json.loads(
            content.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_int=_whole, parse_float=_number
        )
        _check_depth(value)
        if _SURROGATE.search(content):  # a lone "\ud800" passes the parser, and breaks a print later
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise error(f"{name} is damaged: it is not valid UTF-8") from None
    except RecursionError:
        raise error(f"{name} is damaged: it is not JSON that anybody can read ({_TOO_DEEP})") from None
    except ValueError as reason:
        raise error(f"{name} is damaged: it is not JSON ({reason})") from None
    return value


def listed(names: Iterable[str]) -> str:
    """Lists names that anybody may have chosen for a message of one line: line breaks escaped, long ones cut."""
    shown = [repr(name)[1:-1][:_LONGEST_NAME] for name in names]
    more = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


_TOO_DEEP = f"it is nested deeper than {DEEPEST_JSON} levels"


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST_JSON):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _whole(text: str) -> int:
    _check_length(text)
    return int(text)


def _number(text: str) -> float:
    _check_length(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text:.40} is no finite number")
    return number


def _check_length(text: str) -> None:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text):,} characters, of which {LONGEST_NUMBER} are allowed")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _cannot(path: Path, reason: OSError | ValueError) -> str:
    said = reason.strerror if isinstance(reason, OSError) else str(reason)
    return f"{str(path)!r:.200} cannot be read: {said}" if "\0" in str(path) else f"{path} cannot be read: {said}"
