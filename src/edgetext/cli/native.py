"""What native libraries write past Python to the process's standard error."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def native_errors_aside() -> Iterator[None]:
    """Keeps what native code writes to descriptor 2 off the terminal; Python's own ``sys.stderr`` still gets there.

    The Rust of tokenizers writes two lines before it gives up on a text, which cannot be told otherwise, and raises
    an exception that says the same. Only a program that owns its process may do this, so that it stands here and
    not in the runtime. Whoever looks for a crash (``python -X faulthandler``) sees everything.
    """
    try:
        kept = -1 if faulthandler.is_enabled() or sys.stderr is None else os.dup(_STDERR)
    except OSError:  # closed
        kept = -1
    if kept < 0:
        yield
        return
    before = sys.stderr
    before.flush()
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _STDERR)
    os.close(nothing)
    if _is_descriptor(before):
        sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1, encoding=before.encoding, errors=before.errors)
    try:
        yield
    finally:
        if sys.stderr is not before:
            sys.stderr.close()
            sys.stderr = before
        os.dup2(kept, _STDERR)
        os.close(kept)


def _is_descriptor(stream: object) -> bool:
    """Tells whether a stream writes to descriptor 2, and not to where a test or an app has turned it."""
    try:
        return bool(stream.fileno() == _STDERR)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
