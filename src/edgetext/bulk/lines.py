"""Lines of a stream of bytes, none longer than memory can bear, with the faults of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

LONGEST_LINE = 64 << 20  # bytes, the line's end included
_SHOWN_OF_LONG = 200


@dataclass(frozen=True, slots=True)
class Line:
    r"""One line.

    Attributes:
        number: From 1 on.
        text: With its end; bytes that are no UTF-8 appear as ``\xNN``.
        fault: Why the text is not what the line holds; empty for a good line.
    """

    number: int
    text: str
    fault: str = ""


class Lines:
    """The lines of a stream; ``position`` tells how many bytes were read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.position = 0

    def __iter__(self) -> Iterator[Line]:
        """Reads a line at a time."""
        number = 0
        while raw := self._read():
            number += 1
            if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                self._skip()
                shown = raw[:_SHOWN_OF_LONG].decode("utf-8", "backslashreplace")
                yield Line(number, f"{shown}...\n", f"the line is longer than {LONGEST_LINE:,} bytes")
            else:
                yield _decode(number, raw)

    def _read(self) -> bytes:
        raw = self._stream.readline(LONGEST_LINE)
        self.position += len(raw)
        return raw

    def _skip(self) -> None:
        while (raw := self._read()) and not raw.endswith(b"\n"):
            pass


def _decode(number: int, raw: bytes) -> Line:
    encoding = "utf-8-sig" if number == 1 else "utf-8"
    try:
        return Line(number, raw.decode(encoding))
    except UnicodeDecodeError as error:
        fault = f"{error.reason} at byte {error.start}: expected UTF-8"
        return Line(number, raw.decode("utf-8", "backslashreplace"), fault)
