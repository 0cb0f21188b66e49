"""API keys: read from a file and from the environment, and compared in constant time."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from edgetext.errors import InputError
from edgetext.reading import read_bytes

VARIABLE = "EDGETEXT_API_KEYS"
_MOST_BYTES = 1 << 20
_SHORTEST = 8


def read_keys(file: str | None) -> tuple[bytes, ...]:
    """Reads the keys that are accepted.

    Args:
        file: Has one a line; empty lines and those that begin with ``#`` are none. The environment variable
            ``EDGETEXT_API_KEYS`` has more of them, with spaces or commas between.

    Raises:
        InputError: The file cannot be read or has none, or a key is too short or no ASCII.
    """
    keys = os.environ.get(VARIABLE, "").replace(",", " ").split()
    if file is not None:
        lines = read_bytes(Path(file), _MOST_BYTES).decode("utf-8", "replace").splitlines()
        found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not found:
            raise InputError(f"{file} has no API key: write one a line")
        keys += found
    for place, key in enumerate(keys):
        if len(key) < _SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise InputError(
                f"API key {place + 1} cannot be used: a key is {_SHORTEST} or more characters of ASCII, no spaces"
            )
    return tuple(key.encode() for key in keys)


def is_known(keys: Iterable[bytes], headers: dict[bytes, bytes]) -> bool:
    """Tells whether a request brings one of the keys, as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``."""
    kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
    given = bearer.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")
    return sum(hmac.compare_digest(given, key) for key in keys) > 0  # all are compared, whichever fits
