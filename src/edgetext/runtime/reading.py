"""Reading files that anybody may have written: sizes are bounded before, contents are checked after."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from edgetext.errors import BundleError

MAX_JSON_BYTES = 16 << 20
_LONGEST_NAME, _MOST_NAMES = 60, 20


def read_bytes(path: Path, limit: int) -> bytes:
    """Gives the content of a file.

    Args:
        path: The file.
        limit: The largest size to accept, in bytes.

    Raises:
        BundleError: The file is larger, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise BundleError(f"{path} is larger than {limit >> 20} MB, which no such file should be")
    return content


def read_json(path: Path) -> Any:
    """Gives the value of a JSON file of at most 16 MB.

    Raises:
        BundleError: It cannot be read, or is not JSON of valid Unicode and finite numbers.
    """
    content = read_bytes(path, MAX_JSON_BYTES)
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode(
            "utf-8"
        )  # "\\ud800" passes the parser, and breaks a print later
    except UnicodeError:
        raise BundleError(f"{path} is damaged: it is not valid UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: it is not JSON ({error})") from None
    return value


def read_object(path: Path) -> dict[str, Any]:
    """Gives the value of a JSON file that must hold an object.

    Raises:
        BundleError: As for ``read_json``, or it holds something else.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise BundleError(f"{path} is damaged: it must hold a JSON object")
    return value


def listed(names: Iterable[str]) -> str:
    """Gives names that anybody may have chosen for a message of one line: line breaks escaped, long ones cut."""
    shown = [repr(name)[1:-1][:_LONGEST_NAME] for name in names]
    more = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
