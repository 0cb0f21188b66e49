"""A full disk, told in one line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgetext.errors import InputError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def tell_no_space(target: Path) -> Iterator[None]:
    """Turns the failure of a write for want of space, inside the block, into a sentence.

    Args:
        target: What is being written.

    Raises:
        InputError: There is no space left.
    """
    try:
        yield
    except Exception as error:
        if not is_no_space(error):
            raise
        place = getattr(error, "filename", None) or target
        raise InputError(
            f"no space left on the disk, at {os.fspath(place)}: an export needs about six times the model's size "
            "while it works; free some, or choose another --output (TMPDIR moves temporary files)"
        ) from error


def is_no_space(error: BaseException) -> bool:
    """Says whether a write failed for want of space; onnxruntime tells in words."""
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    return any(os.strerror(number).lower() in str(error).lower() for number in _NUMBERS)
