"""The standard streams of the program: closed ones, readers that leave, a full disk, words of native code."""

from __future__ import annotations

import codecs
import faulthandler
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_JSON_ESCAPES = "edgetext-json"
_STDERR = 2


class _Steady(io.FileIO):
    """A stream that drops what it cannot write, so that the work goes on.

    Args:
        number: Of the stream.
        forgives: The errors after which the rest is dropped without a word.

    Attributes:
        refused: The first of the other errors; it is raised as well.
    """

    def __init__(self, number: int, forgives: type[OSError] | None) -> None:
        super().__init__(number, "w", closefd=False)
        self._forgives = forgives
        self.refused: OSError | None = None

    def write(self, data: object) -> int:
        """Writes, or drops."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            if self._forgives is None or not isinstance(error, self._forgives):
                self.refused = self.refused or error
                raise
            _to_nothing(self.fileno())
            return memoryview(data).nbytes  # type: ignore[arg-type]


def open_streams(*, forgiving: bool) -> None:
    """Makes the standard streams safe to use.

    A closed one reads and writes nothing, and its number is taken so that no file of ours gets it. Standard error
    may lose its reader, or its terminal, at any time.

    Args:
        forgiving: Whether standard output may lose its reader too; else that raises ``BrokenPipeError``.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    sys.stdin = sys.stdin or _text(io.FileIO(0, "r", closefd=False))
    sys.stdout = _text(_Steady(1, BrokenPipeError if forgiving else None), sys.stdout)
    sys.stderr = _text(_Steady(2, OSError), sys.stderr, errors="backslashreplace")


def print_anything(*, as_json: bool) -> None:
    """Lets both streams of the process print whatever comes, where their encoding or a letter is odd.

    A letter that the encoding lacks, or half of a pair that no encoding has, is printed as an escape: for a program
    that reads JSON as JSON's own, which mean that very letter.

    Args:
        as_json: Whether what is printed is JSON.
    """
    codecs.register_error(_JSON_ESCAPES, _escape_as_json)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_JSON_ESCAPES if as_json else "backslashreplace")


def cannot_print(stream: TextIO) -> str | None:
    """Says why what was printed could not be written, if that is so; the rest of it is dropped then."""
    refused = getattr(getattr(getattr(stream, "buffer", None), "raw", None), "refused", None)
    try:
        stream.flush()
    except OSError as error:
        refused = refused or error
    if refused is None:
        return None
    drop_the_rest(stream)
    return (
        None if isinstance(refused, BrokenPipeError) else f"standard output cannot be written: {refused.strerror}"
    )


def drop_the_rest(stream: TextIO) -> None:
    """Sends what is and will be printed nowhere."""
    with suppress(OSError, ValueError):
        _to_nothing(stream.fileno())
        stream.flush()


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
    _to_nothing(_STDERR)
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


def _text(raw: io.FileIO, present: TextIO | None = None, errors: str = "strict") -> TextIO:
    """Makes a stream of text as Python itself makes it, in the encoding of the one that is there."""
    kind = io.BufferedReader if raw.readable() else io.BufferedWriter
    return io.TextIOWrapper(
        kind(raw),
        encoding=getattr(present, "encoding", None) or "utf-8",
        errors=getattr(present, "errors", None) or errors,
        line_buffering=raw.isatty() or raw.fileno() == 2 or getattr(present, "write_through", False),  # python -u
    )


def _is_descriptor(stream: object) -> bool:
    """Tells whether a stream writes to descriptor 2, and not to where a test or an app has turned it."""
    try:
        return bool(stream.fileno() == _STDERR)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False


def _to_nothing(number: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def _escape_as_json(error: UnicodeError) -> tuple[str, int]:
    """What ``codecs`` calls for letters that cannot be encoded: they only stand inside JSON's strings."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
